//! The built executable: `check-config`, `example-config`, `explain`, and a run from start to SIGTERM.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use crate::support::{Authority, Client, Connect, SOON};
use tempfile::TempDir;

pub(crate) fn broker(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spokegate-broker"))
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
pub(crate) fn check(arguments: &[&str], code: i32, expected: &str) {
    let output = broker(arguments);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(expected), "{arguments:?} says: {text}");
}

pub(crate) fn config(directory: &Path, listener: &str) -> String {
    let file = directory.join("broker.toml");
    let at = directory.display();
    let text = format!(
        "[tls]\ncertificate = \"{at}/certificate.pem\"\nkey = \"{at}/key.pem\"\nclient_ca = \"{at}/ca.pem\"\n\
         [ops]\nlisten = \"127.0.0.1:{}\"\n{listener}",
        free_port()
    );
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Below those that the system hands out for outgoing connections, and those of tests of the whole product.
fn free_port() -> u16 {
    loop {
        let random = RandomState::new().build_hasher().finish() % 10_000;
        let port = 10_000 + u16::try_from(random).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The metrics of the broker that runs with this configuration.
pub(crate) fn metrics(file: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let table: &str = text.split_once("[ops]\nlisten = \"").unwrap().1;
    let address = table.split('"').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn explain_prints_the_decision_and_the_rule() {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.satellite("acme", "hq").write(files.path());
    let certificate = files.path().join("certificate.pem").display().to_string();
    let explain = |arguments: [&str; 2], code, expected| {
        check(
            &[
                "explain",
                "--cert",
                &certificate,
                arguments[0],
                arguments[1],
            ],
            code,
            expected,
        );
    };
    explain(
        ["--publish", "sg/1/acme/hq/up/reply"],
        0,
        "allow: satellite acme/hq may publish",
    );
    explain(["--publish", "sg/1/acme/hq/up/reply"], 0, "rule own-up");
    explain(
        ["--publish", "sg/1/globex/hq/up/reply"],
        1,
        "deny: satellite acme/hq may not publish",
    );
    explain(
        ["--publish", "sg/1/globex/hq/up/reply"],
        1,
        "rule other-tenant",
    );
    explain(["--subscribe", "sg/1/acme/hq/down/#"], 0, "rule own-down");
    explain(["--subscribe", "#"], 1, "rule filter");
    check(&["explain", "--cert", &certificate], 2, "--publish");
    check(
        &["explain", "--cert", "/nowhere.pem", "--publish", "x"],
        2,
        "/nowhere.pem",
    );
    let other = [
        "explain",
        "--cert",
        &certificate,
        "--publish",
        "sg/1/acme/hq/up/reply",
        "--trust-domain",
        "other.local",
    ];
    check(&other, 1, "another trust domain");
}

#[test]
fn explain_says_that_a_certificate_is_revoked_or_its_time_is_over() {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    let (revoked, good) = (
        authority.satellite("acme", "hq"),
        authority.satellite("acme", "branch"),
    );
    let ended = authority.issue(
        &["spiffe://spokegate.local/tenant/acme/satellite/old"],
        |params| params.not_after = time::OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000),
    );
    let path = |name: &str| files.path().join(name).display().to_string();
    for (name, certificate) in [("revoked", &revoked), ("good", &good), ("ended", &ended)] {
        std::fs::write(path(name), &certificate.pem).unwrap();
    }
    std::fs::write(path("crl.pem"), authority.list(7, &[&revoked])).unwrap();
    let lists = format!("[revocation]\ncrl_file = \"{}\"\n", path("crl.pem"));
    let config = config(files.path(), &lists);
    let (crl, ca) = (path("crl.pem"), path("ca.pem"));
    let by_file = ["--crl", &crl, "--ca", &ca];
    let by_config = ["--config", &config];
    let explain = |name: &str, more: &[&str], code, expected: &str| {
        let (certificate, topic) = (path(name), format!("sg/1/acme/{name}/up/reply"));
        let arguments = ["explain", "--cert", &certificate, "--publish", &topic];
        check(&[&arguments[..], more].concat(), code, expected);
    };
    for more in [&by_file[..], &by_config[..]] {
        explain("revoked", more, 1, "is on revocation list 7 of");
        explain("revoked", more, 1, "rule certificate-revoked");
        explain("good", more, 1, "rule other-satellite");
        explain(
            "ended",
            more,
            1,
            "ended at 2024-10-04T00:00:00Z, rule certificate-expired",
        );
    }
    explain("revoked", &[], 1, "rule other-satellite");
    explain("revoked", &["--crl", &crl], 2, "hint: name it with --ca");
    explain("revoked", &["--crl", "/nowhere", "--ca", &ca], 2, "(--crl)");
    std::fs::write(&crl, Authority::new("fabric").list(9, &[&good])).unwrap();
    explain("good", &by_file, 2, "signature is by none of the roots");
}

#[test]
fn check_config_tells_good_from_bad() {
    let files = TempDir::new().unwrap();
    let authority = Authority::new("fabric");
    authority.server().write(files.path());
    let good = config(files.path(), "");
    check(&["check-config", &good], 0, "the configuration is good");
    let open = config(
        files.path(),
        "[[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:0\"\n",
    );
    check(&["check-config", &open], 0, "good");
    let reachable = config(
        files.path(),
        "[[listener]]\nkind = \"open\"\naddress = \"0.0.0.0:1883\"\n",
    );
    check(
        &["check-config", &reachable],
        78,
        "listener[0].address: an open listener on 0.0.0.0:1883, which others can reach",
    );
    check(&["run", "--config", &reachable], 78, "hint:");
    let unknown = config(files.path(), "[limit]\nconnections = 3\n");
    check(&["check-config", &unknown], 78, "limit");
    let good = config(files.path(), "");
    let ca = files.path().join("ca.pem");
    std::fs::write(&ca, Authority::of("spiffe://spokegate.local")).unwrap();
    check(&["check-config", &good], 0, "good");
    std::fs::write(&ca, Authority::of("spiffe://other.example")).unwrap();
    check(
        &["check-config", &good],
        78,
        "hint: trust_domain = \"other.example\"",
    );
    authority.server().write(files.path());
    let list = files.path().join("crl.pem");
    let with_list = config(
        files.path(),
        &format!("[revocation]\ncrl_file = {list:?}\n"),
    );
    check(&["check-config", &with_list], 0, "good");
    std::fs::write(&list, authority.list(1, &[])).unwrap();
    check(&["check-config", &with_list], 0, "good");
    std::fs::write(&list, Authority::new("fabric").list(1, &[])).unwrap();
    check(
        &["check-config", &with_list],
        78,
        "the list's signature is by none of the roots",
    );
    std::fs::remove_file(files.path().join("key.pem")).unwrap();
    let bad = config(files.path(), "");
    check(
        &["check-config", &bad],
        78,
        "cannot read a private key from",
    );
    check(
        &["run", "--config", &bad],
        1,
        "cannot read a private key from",
    );
    let nothing = config(files.path(), "").replace("broker.toml", "open.toml");
    let text = "[ops]\nlisten = \"127.0.0.1:0\"\n[[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:0\"\n";
    std::fs::write(&nothing, text).unwrap();
    check(&["check-config", &nothing], 0, "good");
    check(&["example-config"], 0, "trust_domain = \"spokegate.local\"");
}

/// Starts the broker and waits until it says where it listens.
pub(crate) fn start(file: &str) -> (Child, BufReader<ChildStderr>, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spokegate-broker"))
        .args(["run", "--config", file])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "it ended before it listened"
        );
        if let Some((_, rest)) = line.split_once("\"address\":\"") {
            break rest
                .split('"')
                .next()
                .unwrap()
                .parse::<SocketAddr>()
                .unwrap();
        }
    };
    (child, log, address)
}

#[tokio::test]
async fn it_runs_serves_and_stops_on_a_signal() {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    let listener =
        "[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
    let file = config(files.path(), listener);
    let (mut child, mut log, address) = start(&file);
    let certificate = authority.satellite("acme", "hq");
    let mut client = Client::dial(address, authority.client(Some(&certificate)))
        .await
        .unwrap();
    assert_eq!(client.connect(&Connect::new("acme.hq")).await, Some(0));
    assert_eq!(client.subscribe_code("#", 1).await, Some(0x80));
    check(&["healthcheck", "--config", &file], 0, "ready");
    let metrics = metrics(&file);
    for line in [
        "spokegate_broker_sessions 1",
        "spokegate_broker_denials_total{reason=\"filter\"} 1",
        "spokegate_broker_tenants 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert!(
        tokio::time::timeout(SOON, client.is_closed())
            .await
            .unwrap()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    let denial = rest
        .lines()
        .find(|line| line.contains("subscribe refused"))
        .unwrap_or_else(|| panic!("no audit event in {rest}"));
    for part in [
        "\"target\":\"audit\"",
        "\"decision\":\"denied\"",
        "\"reason\":\"filter\"",
        "\"tenant.id\":\"acme\"",
        "\"satellite.id\":\"hq\"",
        "\"topic\":\"#\"",
    ] {
        assert!(denial.contains(part), "{part} is not in {denial}");
    }
    for message in ["\"connected\"", "\"disconnected\""] {
        assert!(rest.contains(message), "{message} is not in {rest}");
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([name, &id]).status().unwrap();
    assert!(sent.success());
}

/// Ends a process that does not come to its end, so that whoever reads its log does not wait for ever.
fn end_after(child: &Child, limit: std::time::Duration) {
    let id = child.id().to_string();
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        let _ = Command::new("kill").args(["-KILL", &id]).status();
    });
}

/// The next line of the log that has this part.
async fn line_with(log: &mut BufReader<ChildStderr>, part: &str) -> String {
    let find = || loop {
        let mut line = String::new();
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "no {part} in the log"
        );
        if line.contains(part) {
            return line;
        }
    };
    tokio::task::block_in_place(find)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_at_the_handshake_stands_in_the_audit() {
    let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
    authority.server().write(files.path());
    let list = files.path().join("crl.pem");
    let sections = format!(
        "[revocation]\ncrl_file = {list:?}\n[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n"
    );
    let revoked = authority.satellite("acme", "hq");
    std::fs::write(&list, authority.list(1, &[&revoked])).unwrap();
    let file = config(files.path(), &sections);
    let (mut child, mut log, addr) = start(&file);
    end_after(&child, SOON * 3);
    let foreign = authority.identity("spiffe://other.local/tenant/acme/satellite/hq");
    let stranger = Authority::new("fabric").satellite("globex", "hq");
    let hq = "spiffe://spokegate.local/tenant/acme/satellite/hq";
    for (certificate, reason, who) in [
        (
            Some(&revoked),
            "certificate-revoked",
            format!("\"principal\":\"{hq}\""),
        ),
        (
            Some(&foreign),
            "identity-foreign",
            "\"principal\":\"spiffe://other.local/tenant/acme/satellite/hq\"".to_owned(),
        ),
        (
            Some(&stranger),
            "certificate-foreign",
            "\"claimed\":\"spiffe://spokegate.local/tenant/globex/satellite/hq\"".to_owned(),
        ),
        (None, "no-certificate", String::new()),
    ] {
        if let Ok(mut client) = Client::dial(addr, authority.client(certificate)).await {
            assert_eq!(
                client.connect(&Connect::new("acme.hq")).await,
                None,
                "{reason}"
            );
        }
        let line = line_with(&mut log, "connection refused").await;
        let parts = [
            format!("\"reason\":\"{reason}\""),
            "\"hint\":".to_owned(),
            who,
        ];
        for part in parts {
            assert!(line.contains(&part), "{part} is not in {line}");
        }
        assert!(!line.contains("127.0.0.1"), "an address at WARN: {line}");
    }
    let told = metrics(&file);
    for line in [
        "spokegate_broker_handshake_failures_total{reason=\"certificate-revoked\"} 1",
        "spokegate_broker_denials_total{reason=\"identity-foreign\"} 1",
        "spokegate_broker_crl_number 1",
        "spokegate_broker_crl_revoked_certificates 1",
    ] {
        assert!(told.contains(line), "{line} is not in {told}");
    }
    signal(&child, "-HUP");
    line_with(&mut log, "the TLS files were read again").await;
    std::fs::write(&list, "garbage").unwrap();
    line_with(&mut log, "the present ones stay in force").await;
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
