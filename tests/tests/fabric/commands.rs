//! The operator's commands, as their executables, and what the broker says of its sessions.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use spokegate_demo::{Fabric, Options, SourceChoice};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long anything may take that comes by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Both sample customers, with the built-in source: nothing here is about their data.
pub(crate) async fn fabric() -> Fabric {
    let mut options = Options::sample().unwrap();
    options.source = SourceChoice::BuiltIn;
    Fabric::start(options).await.unwrap()
}

/// The built executable: `make test` builds them all before it runs the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), name)
}

/// Runs a command to its end.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(binary(name))
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

/// Runs a command that must succeed; gives what it printed.
pub(crate) fn succeed(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name} {arguments:?}: {out}{err}");
    out
}

/// Runs a command that must fail; gives its words.
pub(crate) fn fail(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{name} {arguments:?}: {out}{err}");
    err
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `spokegate NOUN VERB --directory …` on a fabric's authorities.
pub(crate) fn spokegate(fabric: &Fabric, noun: &str, verb: &str, rest: &[&str]) -> String {
    let directory = fabric.authorities();
    let mut arguments = vec![noun, verb, "--directory", directory.to_str().unwrap()];
    arguments.extend(rest);
    succeed("spokegate", &arguments)
}

/// A join token for a satellite, in a file.
pub(crate) fn token(fabric: &Fabric, folder: &Path, tenant: &str, rest: &[&str]) -> PathBuf {
    let file = folder.join(format!("{tenant}-{}.token", rest.len()));
    let door = format!("localhost:{}", fabric.broker().door_addr().port());
    let mut arguments = vec![
        "--tenant",
        tenant,
        "--door",
        &door,
        "--output",
        file.to_str().unwrap(),
    ];
    arguments.extend(rest);
    spokegate(fabric, "satellite", "join-token", &arguments);
    file
}

/// One satellite's session at the broker; none when it has none.
pub(crate) fn session(fabric: &Fabric, tenant: &str) -> Option<Value> {
    let socket = fabric.broker().admin_socket().to_str().unwrap();
    let arguments = ["sessions", "--socket", socket, "--json", "--tenant", tenant];
    let listing: Value = serde_json::from_str(&succeed("spokegate-broker", &arguments)).unwrap();
    let sessions = listing["sessions"].as_array().unwrap();
    sessions
        .iter()
        .find(|session| session["kind"] == "satellite")
        .cloned()
}

/// Waits until a satellite has a session of which `wanted` holds; gives it.
pub(crate) async fn until_online(
    fabric: &Fabric,
    tenant: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(session) = session(fabric, tenant).filter(&wanted) {
            return session;
        }
        assert!(Instant::now() < end, "{tenant} has no such session");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a satellite has no session; gives how long that took.
pub(crate) async fn until_offline(fabric: &Fabric, tenant: &str) -> Duration {
    let start = Instant::now();
    while session(fabric, tenant).is_some() {
        assert!(start.elapsed() < PATIENCE, "{tenant} still has a session");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

/// The satellite stays without a session for as long as an agent needs to try several times.
pub(crate) async fn stays_offline(fabric: &Fabric, tenant: &str) {
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert_eq!(session(fabric, tenant), None, "{tenant} is back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a listener presents this certificate (PEM).
pub(crate) async fn until_presented(listener: SocketAddr, ca: &Path, wanted: &str) {
    let wanted = CertificateDer::from_pem_slice(wanted.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let end = Instant::now() + PATIENCE;
    loop {
        let stream = TcpStream::connect(listener).await.unwrap();
        let name = "localhost".try_into().unwrap();
        // In TLS 1.3 the server's certificate is here before it misses ours.
        let stream = connector.connect(name, stream).await.unwrap();
        if stream.get_ref().1.peer_certificates().unwrap()[0] == wanted {
            return;
        }
        assert!(
            Instant::now() < end,
            "the old certificate is still presented"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
