//! The promise: a satellite takes another version of its agent from the centre, over the broker alone; what is not healthy is
//! taken back by itself, and nothing runs that the release key has not signed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "fabric/commands.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod commands;
#[path = "satellite/launched.rs"]
mod launched;
#[path = "satellite/releases.rs"]
mod releases;

use std::path::Path;
use std::time::Duration;

use commands::{fabric, fail, spokegate, text};
use launched::{HEALTHY_S, Launched};
use releases::Releases;
use spokegate_demo::Fabric;

const HQ: [&str; 4] = ["--tenant", "acme", "--satellite", "hq"];
const NEWER: &str = "99.0.0";

fn update(version: &str) -> Vec<&str> {
    let mut arguments = HQ.to_vec();
    arguments.extend(["--version", version, "--wait-s", "240"]);
    arguments
}

/// An update that must not come to run; the operator's words, and the list's.
fn refused(fabric: &Fabric, version: &str) -> String {
    let directory = fabric.authorities();
    let mut arguments = vec![
        "satellite",
        "update",
        "--directory",
        directory.to_str().unwrap(),
    ];
    arguments.extend(update(version));
    let output = commands::run("spokegate", &arguments);
    assert!(!output.status.success(), "{version} was taken");
    text(&output.stdout) + &text(&output.stderr)
}

/// The demonstration's own agent makes room for one that is started as the unit starts it.
async fn world() -> (Fabric, Releases, Launched) {
    let mut fabric = fabric().await;
    let satellite = fabric.satellite("acme").unwrap();
    satellite.stop_agent().await;
    let config = satellite.config().to_owned();
    let releases = Releases::new();
    let launched = Launched::start(&config, releases.keys());
    launched
        .until(&format!("agent {}", env!("CARGO_PKG_VERSION")))
        .await;
    (fabric, releases, launched)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_is_taken_and_stays_and_an_older_one_only_when_it_is_meant() {
    let (fabric, releases, launched) = world().await;
    releases.add(&fabric, &commands::binary("spokegate-agent-newer"), NEWER);
    let listed = spokegate(&fabric, "release", "list", &[]);
    assert!(listed.starts_with(NEWER), "{listed}");

    let told = spokegate(&fabric, "satellite", "update", &update(NEWER));
    assert!(told.contains("done: 99.0.0 runs, and is healthy"), "{told}");
    assert!(told.ends_with("1 satellite on 99.0.0\n"), "{told}");
    launched.until("agent 99.0.0").await;
    let told = spokegate(&fabric, "satellite", "update", &update(NEWER));
    assert!(told.contains("done: 99.0.0 runs already"), "{told}");

    // It stays, whatever ends it, and then is the unit's own process.
    launched.kill().await;
    launched.until("agent 99.0.0").await;
    assert_eq!(launched.process(), launched.own_process());

    // Back to the one that was packaged, in the other slot.
    let own = env!("CARGO_PKG_VERSION");
    releases.add(&fabric, &commands::binary("spokegate-agent"), own);
    let told = refused(&fabric, own);
    assert!(
        told.contains("invalid: 0.1.0 is older than 99.0.0"),
        "{told}"
    );
    let mut meant = update(own);
    meant.push("--downgrade");
    spokegate(&fabric, "satellite", "update", &meant);
    launched.until(&format!("agent {own}")).await;

    // A slot that was changed is not started: what ran before is.
    launched.overwrite_current();
    launched.kill().await;
    launched.until("agent 99.0.0").await;
    drop(launched);
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_healthy_is_taken_back_with_the_reason() {
    let (fabric, releases, launched) = world().await;
    let check = async |program: &Path, version: &str, reason: &str| {
        releases.add(&fabric, program, version);
        let told = refused(&fabric, version);
        assert!(
            told.contains(&format!("rolled-back: {version} was taken back: ")),
            "{told}"
        );
        assert!(told.contains(reason), "{told}");
        assert!(
            told.contains("1 satellite of this wave not updated"),
            "{told}"
        );
        launched
            .until(&format!("agent {}", env!("CARGO_PKG_VERSION")))
            .await;
    };
    check(
        Path::new("/bin/false"),
        "98.0.0",
        "it ended 3 times before it was healthy, with exit status: 1",
    )
    .await;
    let late = format!("it was not healthy within {HEALTHY_S} s");
    let silent = commands::binary("spokegate-agent-silent");
    check(&silent, "98.0.1", &late).await;

    // A wave that is not healthy is the last.
    releases.add(&fabric, Path::new("/bin/false"), "98.0.2");
    let directory = fabric.authorities();
    let all = [
        "satellite",
        "update",
        "--directory",
        directory.to_str().unwrap(),
        "--all",
        "--wave",
        "1",
        "--version",
        "98.0.2",
    ];
    let told = fail("spokegate", &all);
    assert!(
        told.contains("1 satellite of this wave not updated, 1 satellite not asked"),
        "{told}"
    );
    let listed = spokegate(&fabric, "satellite", "commands", &[]);
    assert!(
        listed.contains("update acme/hq") && !listed.contains("globex/"),
        "{listed}"
    );

    // And what is good is taken after all.
    releases.add(&fabric, &commands::binary("spokegate-agent-newer"), NEWER);
    spokegate(&fabric, "satellite", "update", &update(NEWER));
    launched.until("agent 99.0.0").await;
    drop(launched);
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_link_and_a_killed_agent_in_the_middle_delay_it_and_no_more() {
    let (mut fabric, releases, launched) = world().await;
    releases.add(&fabric, &commands::binary("spokegate-agent-newer"), NEWER);
    let mut order = HQ.to_vec();
    order.extend(["--version", NEWER, "--wait-s", "0"]);
    let directory = fabric.authorities();
    let mut arguments = vec![
        "satellite",
        "update",
        "--directory",
        directory.to_str().unwrap(),
    ];
    arguments.extend(&order);
    let told = fail("spokegate", &arguments);
    assert!(
        told.contains("1 satellite of this wave not updated"),
        "{told}"
    );

    let some = launched.until_fetched(1).await;
    fabric.broker_mut().restart().await.unwrap();
    let more = launched.until_fetched(some + 1).await;
    launched.kill().await;
    // It goes on where it was.
    assert!(launched.until_fetched(more).await >= more);
    launched.until("agent 99.0.0").await;
    let came = async {
        while !spokegate(&fabric, "satellite", "commands", &HQ)
            .contains("done: 99.0.0 runs, and is healthy")
        {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), came)
        .await
        .unwrap();
    drop(launched);
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_that_is_not_what_the_release_key_signed_for_this_machine() {
    let (fabric, releases, launched) = world().await;
    let newer = commands::binary("spokegate-agent-newer");

    // For the other machines: the operator is told once no build is left.
    let other = releases.for_other_machines(&newer);
    releases.add(&fabric, &other, "99.1.0");
    let told = refused(&fabric, "99.1.0");
    assert!(told.contains("unsupported: the release is for "), "{told}");
    // With one for this machine beside it, that one is taken; but what the centre keeps of it is another by then.
    let own = releases.signed(&newer, "99.1.0");
    releases.add(&fabric, &newer, "99.1.0");
    Releases::damage(&fabric, &own);
    let told = refused(&fabric, "99.1.0");
    assert!(
        told.contains("parcel: what came has another SHA-256"),
        "{told}"
    );

    // Another key's: the centre does not take it in, and where it did, the satellite does not take it.
    let strangers = Releases::new();
    let release = strangers.signed(&newer, "99.2.0");
    let told = Releases::add_fails(&fabric, &newer, &release, releases.keys());
    assert!(told.contains("not signed by a release key"), "{told}");
    strangers.add(&fabric, &newer, "99.2.0");
    let told = refused(&fabric, "99.2.0");
    assert!(
        told.contains("invalid: the release is not believed"),
        "{told}"
    );
    // Nor another file than the one that was signed, nor one version twice.
    let packaged = commands::binary("spokegate-agent");
    let told = Releases::add_fails(&fabric, &packaged, &own, releases.keys());
    assert!(told.contains("is not the file that was signed"), "{told}");
    let twice = releases.signed(&packaged, "99.1.0");
    let told = Releases::add_fails(&fabric, &packaged, &twice, releases.keys());
    assert!(told.contains("there is another release 99.1.0"), "{told}");
    let told = refused(&fabric, "97.0.0");
    assert!(told.contains("there is no release 97.0.0"), "{told}");
    launched
        .until(&format!("agent {}", env!("CARGO_PKG_VERSION")))
        .await;
    drop(launched);
    fabric.shutdown().await;
}
