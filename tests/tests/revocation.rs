//! The promise: whoever is revoked or suspended is out within a second, stays out, and disturbs nobody.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;

use std::time::Duration;

use commands::{fabric, session, spokegate, stays_offline, token, until_offline, until_online};
use spokegate_identity::TlsFiles;

/// What the promise says.
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_satellite_is_out_within_a_second_and_only_a_new_token_brings_it_back() {
    let mut fabric = fabric().await;
    let acme = until_online(&fabric, "acme", |_| true).await;
    let globex = until_online(&fabric, "globex", |_| true).await;

    let hq = ["--tenant", "acme", "--satellite", "hq"];
    spokegate(&fabric, "satellite", "revoke", &hq);
    let took = until_offline(&fabric, "acme").await;
    println!(
        "revoked: the session ended {} ms after the command",
        took.as_millis()
    );
    assert!(took < WITHIN, "{took:?}");
    stays_offline(&fabric, "acme").await;
    assert_eq!(
        session(&fabric, "globex"),
        Some(globex),
        "nobody else is disturbed"
    );

    fabric.broker_mut().restart().await.unwrap();
    fabric.provisioner().stop().await;
    until_online(&fabric, "globex", |_| true).await;
    stays_offline(&fabric, "acme").await;
    fabric.provisioner().start_again().await.unwrap();

    // The agent's verb, since the old key is no longer good for anything.
    let folder = tempfile::tempdir().unwrap();
    let token = token(&fabric, folder.path(), "acme", &["--satellite", "hq"]);
    let identity = fabric.satellite("acme").unwrap().identity().to_owned();
    let join = [
        "join",
        "--token-file",
        token.to_str().unwrap(),
        "--directory",
        identity.to_str().unwrap(),
        "--replace",
    ];
    commands::succeed("spokegate-agent", &join);
    let back = until_online(&fabric, "acme", |_| true).await;
    assert_ne!(back["serial"], acme["serial"], "a certificate of its own");
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_is_out_until_it_is_resumed() {
    let mut fabric = fabric().await;
    until_online(&fabric, "acme", |_| true).await;
    let globex = until_online(&fabric, "globex", |_| true).await;

    spokegate(&fabric, "tenant", "suspend", &["--tenant", "acme"]);
    let took = until_offline(&fabric, "acme").await;
    println!(
        "suspended: the session ended {} ms after the command",
        took.as_millis()
    );
    assert!(took < WITHIN, "{took:?}");
    fabric.broker_mut().restart().await.unwrap();
    until_online(&fabric, "globex", |_| true).await;
    stays_offline(&fabric, "acme").await;
    let door = format!("localhost:{}", fabric.broker().door_addr().port());
    let directory = fabric.authorities();
    let refused = commands::fail(
        "spokegate",
        &[
            "satellite",
            "join-token",
            "--directory",
            directory.to_str().unwrap(),
            "--tenant",
            "acme",
            "--door",
            &door,
        ],
    );
    assert!(refused.contains("tenant resume --tenant acme"), "{refused}");

    spokegate(&fabric, "tenant", "resume", &["--tenant", "acme"]);
    until_online(&fabric, "acme", |_| true).await;
    assert_eq!(
        until_online(&fabric, "globex", |_| true).await["serial"],
        globex["serial"]
    );
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_of_the_broker_are_taken_up_and_sessions_stay() {
    let fabric = fabric().await;
    let acme = until_online(&fabric, "acme", |_| true).await;
    let files = TlsFiles::in_directory(&fabric.certificates().join("broker"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new");
    let names = [
        "--authority",
        "fabric",
        "--name",
        "localhost",
        "--name",
        "127.0.0.1",
    ];
    let mut order = names.to_vec();
    order.extend(["--days", "7", "--output", out.to_str().unwrap()]);
    spokegate(&fabric, "server", "certificate", &order);
    let new = TlsFiles::in_directory(&out);
    std::fs::copy(&new.key, &files.key).unwrap();
    std::fs::copy(&new.certificate, &files.certificate).unwrap();

    let wanted = std::fs::read_to_string(&new.certificate).unwrap();
    commands::until_presented(fabric.broker_addr(), &files.ca, &wanted).await;
    assert_eq!(session(&fabric, "acme"), Some(acme), "the session stays");
    fabric.shutdown().await;
}
