//! The promise: a satellite gets its certificate without anybody being trusted on the way, and keeps it by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/certificates.rs"]
mod certificates;
#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use certificates::{short_lived, until_renewed};
use commands::{PATIENCE, binary, fabric, fail, spokegate, succeed, text, token, until_online};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_daemon::Clock;
use spokegate_demo::Fabric;
use spokegate_identity::{Principal, TlsFiles};

/// `spokegate-agent join` with a token, as it is typed.
fn join<'a>(token: &'a Path, directory: &'a Path) -> Vec<&'a str> {
    vec![
        "join",
        "--token-file",
        token.to_str().unwrap(),
        "--directory",
        directory.to_str().unwrap(),
    ]
}

/// Who a certificate is, as its holder's own file says.
fn holder(directory: &Path) -> String {
    let certificate = TlsFiles::in_directory(directory).certificate;
    let der = CertificateDer::from_pem_file(certificate).unwrap();
    let domain = "spokegate.demo".parse().unwrap();
    Principal::from_certificate(&der, &domain)
        .unwrap()
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_is_good_for_one_satellite_once() {
    let fabric = fabric().await;
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let token = token(&fabric, folder.path(), "acme", &[]);

    succeed("spokegate-agent", &join(&token, &first));
    assert_eq!(holder(&first), "satellite acme/satellite-1");
    let listed = spokegate(&fabric, "satellite", "list", &["--tenant", "acme"]);
    assert!(listed.contains("acme/satellite-1  good until "), "{listed}");

    let refused = fail("spokegate-agent", &join(&token, &second));
    assert!(
        refused.contains("did not accept the join token"),
        "{refused}"
    );
    assert!(!TlsFiles::in_directory(&second).certificate.exists());
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_installation_is_not_even_shown_to_the_door() {
    let fabric = fabric().await;
    let folder = tempfile::tempdir().unwrap();
    let genuine = std::fs::read_to_string(token(&fabric, folder.path(), "acme", &[])).unwrap();
    let mut parts: Vec<&str> = genuine.trim().split('.').collect();
    let other_pin = "0".repeat(64);
    parts[3] = &other_pin;
    let file = folder.path().join("other.token");
    write_private(&file, &parts.join("."));

    let refused = fail(
        "spokegate-agent",
        &join(&file, &folder.path().join("identity")),
    );
    assert!(refused.contains("pin"), "{refused}");
    // The genuine one is unspent.
    write_private(&file, genuine.trim());
    succeed(
        "spokegate-agent",
        &join(&file, &folder.path().join("identity")),
    );
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_approval_a_join_waits_for_a_yes_and_ends_at_a_no() {
    let fabric = fabric().await;
    let folder = tempfile::tempdir().unwrap();
    for (satellite, verb) in [("wanted", "approve"), ("unwanted", "reject")] {
        let rest = ["--satellite", satellite, "--approval"];
        let token_folder = folder.path().join(format!("{satellite}-token"));
        std::fs::create_dir(&token_folder).unwrap();
        let token = token(&fabric, &token_folder, "globex", &rest);
        let directory = folder.path().join(satellite);
        let mut joining = Joining::start(&join(&token, &directory));
        let (number, key) = until_requested(&fabric, satellite).await;
        assert!(joining.0.try_wait().unwrap().is_none(), "it waits");
        spokegate(&fabric, "satellite", verb, &[&number]);
        let words = joining.ended(verb == "approve").await;
        assert!(words.contains(&key), "both show one key: {words}");
        assert_eq!(
            TlsFiles::in_directory(&directory).certificate.exists(),
            verb == "approve",
            "{words}"
        );
    }
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_renews_by_itself_and_the_session_stays() {
    let mut fabric = fabric().await;
    // Past two thirds of its life, and good for another minute.
    let serial = short_lived(&mut fabric, -300_000, 60_000).await;
    let old = until_online(&fabric, "acme", |session| session["serial"] == *serial).await;
    let identity = fabric.satellite("acme").unwrap().identity().to_owned();
    let until_ms = until_renewed(&identity, &serial).await;
    assert!(
        until_ms > Clock::system().now_ms() + 6 * 86_400_000,
        "a week's life"
    );
    let still = commands::session(&fabric, "acme").unwrap();
    assert_eq!(
        still["since_ms"], old["since_ms"],
        "the session goes on with the old one"
    );

    let satellite = fabric.satellite("acme").unwrap();
    satellite.stop_agent().await;
    satellite.start_agent().await.unwrap();
    until_online(&fabric, "acme", |session| session["serial"] != *serial).await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ended_renews_through_the_door_with_its_own_key() {
    let mut fabric = fabric().await;
    let serial = short_lived(&mut fabric, -600_000, -5_000).await;
    until_online(&fabric, "acme", |session| session["serial"] != *serial).await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_door_can_be_reached_files_are_carried() {
    let fabric = fabric().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (identity, request, bundle) = (at("identity"), at("request.json"), at("bundle"));
    let pin = spokegate(&fabric, "ca", "show", &[]);
    let pin = pin
        .lines()
        .find_map(|line| line.trim().strip_prefix("sha256 "))
        .unwrap()
        .to_owned();
    succeed(
        "spokegate-agent",
        &[
            "join",
            "--offline-request",
            &request,
            "--directory",
            &identity,
        ],
    );
    let who = [
        "--tenant",
        "acme",
        "--satellite",
        "cellar",
        "--request",
        &request,
        "--output",
        &bundle,
    ];
    spokegate(&fabric, "satellite", "bundle", &who);
    let import = |pin: &str, directory: &str| {
        let arguments = [
            "join",
            "--offline-import",
            &bundle,
            "--pin",
            pin,
            "--directory",
            directory,
        ];
        commands::run("spokegate-agent", &arguments)
    };
    assert!(
        !import(&"0".repeat(64), &identity).status.success(),
        "another pin"
    );
    assert!(
        !import(&pin, &at("elsewhere")).status.success(),
        "another key"
    );
    let done = import(&pin, &identity);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(holder(Path::new(&identity)), "satellite acme/cellar");
    fabric.shutdown().await;
}

/// The number of the request that waits for a satellite, and the SHA-256 of its key.
async fn until_requested(fabric: &Fabric, satellite: &str) -> (String, String) {
    let end = Instant::now() + PATIENCE;
    loop {
        let requests = spokegate(fabric, "satellite", "requests", &[]);
        let line = requests.lines().find(|line| line.contains(satellite));
        if let Some(line) = line {
            let words: Vec<&str> = line.split_whitespace().collect();
            let key = words.iter().position(|word| *word == "key").unwrap() + 1;
            return (words[0].to_owned(), words[key].to_owned());
        }
        assert!(Instant::now() < end, "no request: {requests}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// A join under way.
struct Joining(Child);

impl Joining {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("spokegate-agent"));
        command.args(arguments).env_clear().stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Waits for its end, which must be a success or a failure; gives its words.
    async fn ended(&mut self, success: bool) -> String {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the join goes on");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let words = std::io::read_to_string(self.0.stderr.take().unwrap()).unwrap();
        assert_eq!(status.success(), success, "{words}");
        words
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
