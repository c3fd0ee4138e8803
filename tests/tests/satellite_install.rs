//! The promise: on a fresh Debian one command makes a satellite, the machine says what is wrong with it, and one command
//! takes it away again.
//!
//! The machine has booted, with systemd as its process 1; its network is a segment whose only ways out are those that a
//! test opens. Needs root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "satellite/carried.rs"]
mod carried;
#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "satellite/machine.rs"]
mod machine;
#[path = "satellite/releases.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod releases;
#[path = "satellite/segment.rs"]
mod segment;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use carried::{CARRIED, carry, carry_package, inside};
use commands::{PATIENCE, spokegate};
use machine::{Machine, told};
use releases::Releases;
use segment::{Opening, Segment};
use serde_json::Value;
use spokegate_demo::{Fabric, Options, SourceChoice, Tenant};

const DOCTOR: &str = "runuser -u spokegate-agent -- spokegate-agent doctor";

/// One customer with a real Node-RED, beside which the new satellite stands.
async fn fabric(source: SourceChoice) -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants = vec![Tenant::new("acme", "Acme Dental Group").unwrap()];
    options.source = source;
    Fabric::start(options).await.unwrap()
}

/// A join token for acme's satellite `cellar`, on the machine.
fn token(fabric: &Fabric, machine: &Machine) {
    let folder = tempfile::tempdir().unwrap();
    let file = commands::token(fabric, folder.path(), "acme", &["--satellite", "cellar"]);
    let there = inside(machine, "/root/token");
    std::fs::copy(file, there).unwrap();
}

/// The new satellite's session at the broker.
fn session(fabric: &Fabric) -> Option<Value> {
    let socket = fabric.broker().admin_socket().to_str().unwrap();
    let arguments = ["sessions", "--socket", socket, "--json"];
    let listing: Value =
        serde_json::from_str(&commands::succeed("spokegate-broker", &arguments)).unwrap();
    let mut sessions = listing["sessions"].as_array().unwrap().iter();
    sessions
        .find(|session| session["satellite"] == "cellar")
        .cloned()
}

/// What stands between the segment and the broker.
struct Doors {
    _broker: Opening,
    _door: Opening,
}

fn open(fabric: &Fabric, segment: &Segment) -> Doors {
    Doors {
        _broker: segment.open(fabric.broker_addr().port()),
        _door: segment.open(fabric.broker().door_addr().port()),
    }
}

fn install(fabric: &Fabric, rest: &str) -> String {
    let broker = fabric.broker_addr().port();
    format!("{CARRIED}/install.sh --token-file /root/token --broker localhost:{broker} {rest}")
}

/// A line of the doctor's report: this check, with this verdict and these words.
#[track_caller]
fn finds(report: &str, verdict: &str, check: &str, words: &str) {
    let found = report.lines().any(|line| {
        let mut parts = line.split_whitespace();
        parts.next() == Some(verdict) && parts.next() == Some(check) && line.contains(words)
    });
    assert!(found, "no line `{verdict} {check} … {words}` in:\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_makes_a_satellite_and_one_takes_it_away() {
    let fabric = fabric(SourceChoice::NodeRed).await;
    let segment = Segment::new();
    let machine = Machine::boot(&segment);
    carry(&machine);
    token(&fabric, &machine);
    let before = machine.files();

    what_cannot_work_is_told(&fabric, &machine);
    let doors = open(&fabric, &segment);
    let said = machine.succeed(&install(&fabric, ""));
    assert!(said.contains("link         up since"), "{said}");
    let first = session(&fabric).unwrap();
    let listed = spokegate(&fabric, "satellite", "list", &["--tenant", "acme"]);
    assert!(listed.contains("acme/cellar  good until "), "{listed}");
    systemd_keeps_it(&machine);

    let _node_red = give_it_a_flow(&fabric, &segment, &machine);
    let report = machine.succeed(DOCTOR);
    assert!(report.ends_with("no fault found\n"), "{report}");
    for (check, words) in [
        ("configuration", "good"),
        ("name", "localhost is 127.0.0.1"),
        ("port", "the broker localhost:"),
        ("port", "the door localhost:"),
        (
            "trust",
            "the broker is the right one and takes this satellite's certificate",
        ),
        ("trust", "the door is the right one"),
        ("clock", "agrees with the door's"),
        ("certificate", "is valid until"),
        ("topics", "the broker took its subscription"),
        ("disk", "MB free"),
        ("spool", "holds 0 of"),
        ("Node-RED", "refuses who has no token"),
        ("doors", "nothing on this machine listens for others"),
    ] {
        finds(&report, "ok", check, words);
    }
    let now = session(&fabric).unwrap();
    assert!(now["since_ms"].as_u64() >= first["since_ms"].as_u64());
    machine.succeed(&format!("{DOCTOR} --json | grep -q '\"verdict\": \"ok\"'"));
    assert_eq!(
        session(&fabric),
        Some(now),
        "the doctor leaves the running session alone"
    );

    an_upgrade_keeps_what_it_has(&fabric, &machine);
    drop(doors);
    it_goes_and_says_what_it_leaves(&machine, &before);
    fabric.shutdown().await;
}

/// The segment's wall lets nothing through but the broker: what joins travels in files, both ways.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_door_can_be_reached_two_files_are_carried() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let segment = Segment::new();
    let machine = Machine::boot(&segment);
    carry(&machine);
    let port = fabric.broker_addr().port();
    let _broker = segment.open(port);
    let script = format!("{CARRIED}/install.sh");

    let said = machine.succeed(&format!("{script} --offline-request /root/request.json"));
    assert!(said.contains("carry it to the MSP"), "{said}");
    machine.fail("test -e /etc/spokegate/agent.toml");

    let pin = spokegate(&fabric, "ca", "show", &[]);
    let mut lines = pin.lines().map(str::trim);
    let pin = lines.find_map(|line| line.strip_prefix("sha256 ")).unwrap();
    let (request, bundle) = (
        inside(&machine, "/root/request.json"),
        inside(&machine, "/root/bundle"),
    );
    let broker = format!("localhost:{port}");
    let answered = [
        ["--tenant", "acme"],
        ["--satellite", "cellar"],
        ["--request", request.to_str().unwrap()],
        ["--output", bundle.to_str().unwrap()],
        ["--broker", &broker],
    ];
    spokegate(&fabric, "satellite", "bundle", answered.as_flattened());

    let said = machine.fail(&format!("{script} --bundle /root/bundle"));
    assert!(said.contains("--bundle needs --pin"), "{said}");
    let another = "0".repeat(64);
    let said = machine.fail(&format!("{script} --bundle /root/bundle --pin {another}"));
    assert!(said.contains("the bundle was not taken"), "{said}");
    assert!(session(&fabric).is_none());

    let said = machine.succeed(&format!("{script} --bundle /root/bundle --pin {pin}"));
    assert!(said.contains("link         up since"), "{said}");
    assert!(session(&fabric).is_some());
    machine.succeed("grep -q '^# Joined as acme/cellar' /etc/spokegate/agent.toml");
    fabric.shutdown().await;
}

/// Everything that can be wrong before a satellite has joined; the token stays unspent.
fn what_cannot_work_is_told(fabric: &Fabric, machine: &Machine) {
    let program = format!("{CARRIED}/spokegate-agent-{}", carried::architecture());
    let install = install(fabric, "");
    let untouched = |line: &str, words: &str| {
        let said = machine.fail(line);
        assert!(said.contains(words), "{line}: {said}");
        machine.fail("test -e /usr/bin/spokegate-agent");
    };
    machine.succeed(&format!(
        "cp -r {CARRIED} /tmp/readable && chmod -R a+rX /tmp/readable"
    ));
    untouched(
        "runuser -u nobody -- /tmp/readable/install.sh",
        "this needs root",
    );
    untouched(
        &format!("setarch i686 {install}"),
        "there is no agent for this machine (i686)",
    );
    untouched(
        &format!("{CARRIED}/install.sh $(cat /root/token)"),
        "a join token is no argument",
    );
    untouched(
        &format!("{CARRIED}/install.sh --tokenfile x"),
        "--tokenfile is not understood",
    );
    machine.succeed(&format!("cp {program} /root/good && printf x >> {program}"));
    untouched(&install, "the checksum of");
    machine.succeed(&format!("mv {CARRIED}/SHA256SUMS /root/sums"));
    untouched(&install, "SHA256SUMS is missing");
    machine.succeed(&format!(
        "mv /root/sums {CARRIED}/SHA256SUMS && mv /root/good {program}"
    ));

    // Without a door in the wall.
    let said = machine.fail(&install);
    finds(&said, "FAULT", "port", "Connection refused");
    assert!(said.contains("the token is not spent"), "{said}");
    machine.succeed("rm -rf /tmp/readable");
}

/// systemd runs it as its own user, confined, starts it again, and at the next boot.
fn systemd_keeps_it(machine: &Machine) {
    assert_eq!(
        machine
            .succeed("systemctl is-enabled spokegate-agent")
            .trim(),
        "enabled"
    );
    let shown = machine.succeed("systemctl show spokegate-agent -p MainPID --value");
    let id = shown.trim();
    let status = machine.succeed(&format!("cat /proc/{id}/status"));
    let line = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_ne!(line("Uid:").split_whitespace().next(), Some("0"));
    assert_eq!(line("CapEff:"), "0000000000000000");
    assert_eq!(line("CapBnd:"), "0000000000000000");
    assert_eq!(
        (line("NoNewPrivs:"), line("Seccomp:")),
        ("1".to_owned(), "2".to_owned())
    );
    assert_eq!(machine.succeed("stat -c %a:%U /var/lib/spokegate-agent /var/lib/spokegate-agent/identity /etc/spokegate/agent"), "700:spokegate-agent\n".repeat(3));
    assert_eq!(machine.succeed("stat -c %a:%U /var/lib/spokegate-agent/identity/key.pem /etc/spokegate/agent/push.token"), "600:spokegate-agent\n".repeat(2));
    machine.succeed(&format!("kill -KILL {id}"));
    until(
        machine,
        "runuser -u spokegate-agent -- spokegate-agent status",
    );
    let again = machine.succeed("systemctl show spokegate-agent -p MainPID --value");
    assert_ne!(again, shown);
}

/// Waits until a line succeeds.
fn until(machine: &Machine, line: &str) {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        let output = machine.command(line).output().unwrap();
        if output.status.success() {
            return;
        }
        assert!(Instant::now() < end, "{line}: {}", told(&output));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A dataset from the Node-RED of acme, which then can be reached in the segment.
fn give_it_a_flow(fabric: &Fabric, segment: &Segment, machine: &Machine) -> Opening {
    let satellite = &fabric.satellites()[0];
    let url = satellite.source_url("devices");
    let port = url.split(['/', ':']).nth(4).unwrap().parse().unwrap();
    let token = std::fs::read(satellite.agent_token_file()).unwrap();
    std::fs::write(
        inside(machine, "/etc/spokegate/agent/node-red.token"),
        token,
    )
    .unwrap();
    let source = format!(
        "\n[[source]]\ndataset = \"devices\"\nkind = \"http\"\nurl = \"{url}\"\ntoken_file = \"/etc/spokegate/agent/node-red.token\"\n"
    );
    let file = inside(machine, "/etc/spokegate/agent.toml");
    let text = std::fs::read_to_string(&file).unwrap() + &source;
    std::fs::write(file, text).unwrap();
    let opening = segment.open(port);
    machine.succeed("systemctl restart spokegate-agent");
    until(
        machine,
        "runuser -u spokegate-agent -- spokegate-agent status | grep 'devices v1' && runuser -u spokegate-agent -- spokegate-agent status",
    );
    opening
}

/// The script again, and a spent token: configuration, key and spool stay.
fn an_upgrade_keeps_what_it_has(fabric: &Fabric, machine: &Machine) {
    let kept = "sha256sum /etc/spokegate/agent.toml /etc/spokegate/agent/* /var/lib/spokegate-agent/identity/*.pem; ls -i /var/lib/spokegate-agent/spool.db";
    let before = machine.succeed(kept);
    let said = machine.succeed(&install(fabric, ""));
    assert!(said.contains("joined already as acme/cellar"), "{said}");
    assert!(said.contains("keeping /etc/spokegate/agent.toml"), "{said}");
    assert_eq!(machine.succeed(kept), before);
    assert!(session(fabric).is_some());
}

fn it_goes_and_says_what_it_leaves(machine: &Machine, before: &BTreeSet<String>) {
    let said = machine.succeed(&format!("{CARRIED}/install.sh uninstall"));
    assert!(
        said.contains("spokegate satellite revoke --tenant acme --satellite cellar"),
        "{said}"
    );
    let left: Vec<String> = machine.files().difference(before).cloned().collect();
    let told = [
        "/etc/spokegate/agent.toml",
        "/etc/spokegate/agent",
        "/var/lib/spokegate-agent",
    ];
    for path in told {
        assert!(
            said.contains(path) && left.contains(&path.to_owned()),
            "{path}: {said} {left:?}"
        );
    }
    let untold: Vec<_> = left
        .iter()
        .filter(|path| *path != "/etc/spokegate" && !told.iter().any(|told| path.starts_with(told)))
        .collect();
    assert!(untold.is_empty(), "{untold:?}");

    let said = machine.succeed(&format!("{CARRIED}/install.sh uninstall --purge"));
    assert!(said.contains("nothing of the satellite is left"), "{said}");
    let left: Vec<String> = machine.files().difference(before).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
    machine.fail("getent passwd spokegate-agent");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_can_be_wrong_is_found_and_says_what_to_do() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let segment = Segment::new();
    let machine = Machine::boot(&segment);
    carry(&machine);
    token(&fabric, &machine);
    let doors = open(&fabric, &segment);
    machine.succeed(&install(&fabric, ""));
    let node_red = give_it_a_flow(&fabric, &segment, &machine);
    let broken = |line: &str| machine.fail(line);

    let report = broken(&format!(
        "{DOCTOR} --set broker.address=broker.invalid:8883"
    ));
    finds(
        &report,
        "FAULT",
        "name",
        "broker.invalid cannot be looked up",
    );
    let shut = spokegate_tests::free_port().port();
    let report = broken(&format!("{DOCTOR} --set broker.address=localhost:{shut}"));
    finds(&report, "FAULT", "port", "Connection refused");
    let report = broken(&format!("{DOCTOR} --set broker.server_name=other.example"));
    finds(&report, "FAULT", "trust", "the broker is not trusted");
    let report = broken("runuser -u spokegate-agent -- faketime -f +2h spokegate-agent doctor");
    finds(&report, "FAULT", "clock", "s ahead of the door's");
    let report = broken("runuser -u spokegate-agent -- faketime -f +8d spokegate-agent doctor");
    finds(&report, "FAULT", "certificate", "has expired at");
    let report = broken("runuser -u spokegate-agent -- faketime -f -3d spokegate-agent doctor");
    finds(&report, "FAULT", "certificate", "is not valid before");
    machine.succeed("mkdir /mnt/small && mount -t tmpfs -o size=128k tmpfs /mnt/small && chmod 777 /mnt/small && dd if=/dev/zero of=/mnt/small/full bs=1k count=200 2>/dev/null; true");
    let report = broken(&format!("{DOCTOR} --set spool.path=/mnt/small/spool.db"));
    finds(&report, "FAULT", "disk", "No space left on device");
    let report = broken(&format!("{DOCTOR} --set push.listen=0.0.0.0:8021"));
    assert!(
        report.contains("can be reached from other machines"),
        "{report}"
    );
    drop(node_red);
    let report = broken(DOCTOR);
    finds(&report, "FAULT", "Node-RED", "nothing listens there");

    when_it_does_not_run(&fabric, &machine);
    drop(doors);
    fabric.shutdown().await;
}

/// Then the doctor has a session of its own.
fn when_it_does_not_run(fabric: &Fabric, machine: &Machine) {
    machine.succeed("systemctl stop spokegate-agent");
    let report = machine.fail(DOCTOR);
    finds(&report, "WARNING", "agent", "does not run");
    finds(
        &report,
        "ok",
        "topics",
        "and refuses it sg/1/acme/doctor-is-nobody/down/#",
    );
    let rest = ["--tenant", "acme", "--satellite", "cellar"];
    spokegate(fabric, "satellite", "revoke", &rest);
    let end = Instant::now() + PATIENCE;
    loop {
        let report = machine.fail(DOCTOR);
        if report.contains("it is revoked")
            || report.contains("as it does when a certificate is revoked")
        {
            break finds(
                &report,
                "FAULT",
                "trust",
                "refuses this satellite's certificate",
            );
        }
        assert!(Instant::now() < end, "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_does_the_same_and_a_proxy_may_be_the_only_way_out() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let segment = Segment::new();
    let machine = Machine::boot(&segment);
    carry_package(&machine);
    let releases = Releases::new();
    let keys = inside(&machine, &format!("{CARRIED}/release.keys"));
    std::fs::copy(releases.keys(), keys).unwrap();
    carried::sum(&machine);
    token(&fabric, &machine);
    std::fs::write(inside(&machine, "/root/wrong"), "satellite:other\n").unwrap();
    std::fs::write(inside(&machine, "/root/right"), "satellite:let-me-out\n").unwrap();
    let before = machine.files();
    let proxy = Proxy::start(&[
        fabric.broker_addr().port(),
        fabric.broker().door_addr().port(),
    ]);
    let _door = segment.open(proxy.port);
    let url = format!("http://localhost:{}", proxy.port);

    let said = machine.fail(&install(
        &fabric,
        &format!("--proxy {url} --proxy-credentials-file /root/wrong"),
    ));
    finds(&said, "FAULT", "proxy", "does not take those it got");
    assert!(said.contains("the token is not spent"), "{said}");
    let said = machine.succeed(&install(
        &fabric,
        &format!("--proxy {url} --proxy-credentials-file /root/right"),
    ));
    assert!(said.contains("link         up since"), "{said}");
    assert!(session(&fabric).is_some());
    let report = machine.succeed(&format!("HTTPS_PROXY=http://127.0.0.1:1 {DOCTOR}"));
    finds(&report, "ok", "proxy", "and it alone decides");
    finds(&report, "ok", "port", "through the proxy");
    finds(&report, "ok", "clock", "agrees");
    it_takes_another_version(&fabric, &machine, &releases);

    let left = machine.succeed(&format!("{CARRIED}/install.sh uninstall --purge"));
    assert!(left.contains("nothing of the satellite is left"), "{left}");
    let left: Vec<String> = machine.files().difference(&before).cloned().collect();
    assert!(left.is_empty(), "{left:?}");
    fabric.shutdown().await;
}

/// Under the unit, with all that it forbids: a version that is good stays, one that is not is taken back.
fn it_takes_another_version(fabric: &Fabric, machine: &Machine, releases: &Releases) {
    let newer = "runuser -u spokegate-agent -- spokegate-agent status | grep 'agent 99.0.0'";
    let update = |version| {
        let directory = fabric.authorities();
        let arguments = [
            "satellite",
            "update",
            "--directory",
            directory.to_str().unwrap(),
            "--tenant",
            "acme",
            "--satellite",
            "cellar",
            "--version",
            version,
        ];
        told(&commands::run("spokegate", &arguments))
    };
    releases.add(fabric, &commands::binary("spokegate-agent-newer"), "99.0.0");
    let said = update("99.0.0");
    assert!(said.contains("done: 99.0.0 runs, and is healthy"), "{said}");
    until(machine, newer);
    machine.succeed("systemctl restart spokegate-agent");
    until(machine, newer);
    let main = "readlink /proc/$(systemctl show spokegate-agent -p MainPID --value)/exe";
    assert_eq!(
        machine.succeed(main).trim(),
        "/var/lib/spokegate-agent/slots/a/spokegate-agent"
    );

    releases.add(fabric, Path::new("/bin/false"), "99.0.1");
    let said = update("99.0.1");
    assert!(
        said.contains("rolled-back: 99.0.1 was taken back: it ended 3 times"),
        "{said}"
    );
    until(machine, newer);
    // The file that decides whose versions are run is root's, and what may be written is the agent's alone.
    assert_eq!(
        machine.succeed("stat -c %a:%U /etc/spokegate/release.keys /var/lib/spokegate-agent/slots /var/lib/spokegate-agent/slots/a/spokegate-agent"),
        "644:root\n700:spokegate-agent\n700:spokegate-agent\n"
    );
}

/// A proxy that lets CONNECT through to some ports, for one user.
struct Proxy {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Proxy {
    fn start(ports: &[u16]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = spokegate_tests::free_port().port();
        let ports: String = ports
            .iter()
            .map(|port| format!("ConnectPort {port}\n"))
            .collect();
        let config = folder.path().join("tinyproxy.conf");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 600\nBasicAuth satellite let-me-out\n{ports}"
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("tinyproxy")
            .arg("-d")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "tinyproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            port,
            child,
            _folder: folder,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_package_is_the_same_bytes_each_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    carried::package(one.path(), "1.2.3");
    carried::package(two.path(), "1.2.3");
    let name = format!("spokegate-agent_1.2.3_{}.deb", carried::architecture());
    let read = |folder: &Path| std::fs::read(folder.join(&name)).unwrap();
    assert!(
        read(one.path()) == read(two.path()),
        "two packages of one agent differ"
    );
}

#[test]
fn systemd_takes_the_unit_and_finds_it_tight() {
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd/spokegate-agent.service");
    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(unit)
        .output()
        .unwrap();
    assert!(security.status.success(), "{}", told(&security));
}
