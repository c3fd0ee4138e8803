//! The operator's socket and the subcommands that use it, and an end in slices.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::executable::{broker, check, config, metrics, start};
use crate::support::{Authority, Client, Connect, SOON, TestBroker};

/// The files of a broker with an admin socket; its configuration.
fn prepared(authority: &Authority, files: &TempDir, limits: &str) -> String {
    authority.server().write(files.path());
    let socket = files.path().join("admin.sock");
    let sections = format!(
        "[admin]\nsocket = {socket:?}\n[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n[limits]\n{limits}\n"
    );
    config(files.path(), &sections)
}

async fn enter(authority: &Authority, addr: SocketAddr, tenant: &str, satellite: &str) -> Client {
    let certificate = authority.satellite(tenant, satellite);
    let config = authority.client(Some(&certificate));
    let mut client = Client::dial(addr, config).await.unwrap();
    let connect = Connect::new(&format!("{tenant}.{satellite}"));
    assert_eq!(client.connect(&connect).await, Some(0));
    client
}

#[tokio::test]
async fn sessions_are_listed_ended_and_drained_by_the_operator() {
    let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
    let file = prepared(&authority, &files, "");
    check(&["sessions", "--config", &file], 1, "hint: is it running");
    let (mut child, _log, addr) = start(&file);
    let mut hq = enter(&authority, addr, "acme", "hq").await;
    let mut branch = enter(&authority, addr, "acme", "branch").await;
    let mut other = enter(&authority, addr, "globex", "hq").await;
    let run = |arguments: &[&str], code, expected: &str| {
        check(&[arguments, &["--config", &file]].concat(), code, expected);
    };
    let at = |name: &str| files.path().join(name).display().to_string();
    run(&["sessions"], 0, "acme/branch");
    run(&["sessions", "--tenant", "globex"], 0, "globex/hq");
    check(&["sessions", "--socket", &at("admin.sock")], 0, "acme/hq");
    check(&["sessions", "--socket", &at("none.sock")], 1, "hint:");
    let json = broker(&["sessions", "--json", "--config", &file]).stdout;
    let listing: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let first = &listing["sessions"][0];
    assert_eq!(
        (&first["tenant"], &first["satellite"]),
        (&"acme".into(), &"hq".into())
    );
    assert_eq!(first["kind"], "satellite");
    assert!(first["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(first["serial"].as_str().unwrap().len() >= 16);

    run(
        &["disconnect", "--tenant", "acme", "--satellite", "hq"],
        0,
        "1 sessions ended",
    );
    assert!(hq.is_closed().await);
    assert!(branch.ping().await && other.ping().await);
    run(
        &["disconnect", "--tenant", "acme", "--satellite", "hq"],
        1,
        "nobody of that name",
    );
    run(&["disconnect", "--tenant", "acme"], 0, "1 sessions ended");
    assert!(branch.is_closed().await && other.ping().await);
    enter(&authority, addr, "acme", "hq").await;
    let told = metrics(&file);
    let ended = "spokegate_broker_sessions_ended_total{reason=\"disconnected-by-operator\"} 2";
    assert!(told.contains(ended), "{told}");

    run(&["drain"], 0, "0 did not leave in time");
    assert!(other.is_closed().await);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!files.path().join("admin.sock").exists());
    run(&["drain"], 1, "hint:");
}

#[test]
fn without_a_socket_the_subcommands_say_so() {
    let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
    authority.server().write(files.path());
    let file = config(files.path(), "");
    for verb in [
        &["sessions"][..],
        &["drain"],
        &["disconnect", "--tenant", "acme"],
    ] {
        check(
            &[verb, &["--config", &file]].concat(),
            78,
            "admin.socket is not set",
        );
    }
}

#[tokio::test]
async fn a_drain_is_in_slices_satellites_first_and_lets_nobody_in() {
    const SATELLITES: usize = 96;
    let broker = TestBroker::with("drain_ms = 1000").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut satellites = Vec::new();
    for number in 0..SATELLITES {
        satellites.push(broker.satellite("acme", &format!("s{number}")).await);
    }
    for _ in 0..SATELLITES {
        sanitizer.message().await;
    }
    let late = broker.authority.satellite("acme", "late");
    let mut waiting = broker.dial(&late).await;
    assert!(broker.is_ready());
    let begun = Instant::now();
    let drained = broker.broker.shutdown();
    let watched = async {
        let mut gone = Vec::new();
        for _ in 0..SATELLITES {
            let (topic, _) = sanitizer.message().await;
            assert!(topic.ends_with("/up/presence"), "{topic}");
            assert!(!broker.is_ready());
            gone.push(begun.elapsed());
        }
        assert!(sanitizer.is_closed().await);
        gone
    };
    let ((), gone) = tokio::join!(drained, watched);
    // 96 sessions are three slices of 32 with 50 ms between them, counted from the first one's word to go: when the
    // sanitizer hears of it is the machine's affair.
    let last = gone[SATELLITES - 1];
    println!(
        "{SATELLITES} sessions had left after {} ms",
        last.as_millis()
    );
    assert!(last >= Duration::from_millis(100), "{last:?}");
    assert_ne!(waiting.connect(&Connect::new("acme.late")).await, Some(0));
    for client in &mut satellites {
        assert!(client.is_closed().await);
    }
}

#[tokio::test]
async fn a_sanitizer_that_is_slow_hears_who_left_before_it_goes() {
    const SATELLITES: usize = 12;
    let broker = TestBroker::with("inflight = 2").await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut satellites = Vec::new();
    for number in 0..SATELLITES {
        satellites.push(broker.satellite("acme", &format!("s{number}")).await);
        sanitizer.message().await;
    }
    let watched = async {
        for client in &mut satellites {
            assert!(client.is_closed().await);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        for _ in 0..SATELLITES {
            let (topic, _) = sanitizer.message().await;
            assert!(topic.ends_with("/up/presence"), "{topic}");
        }
        assert!(sanitizer.is_closed().await);
    };
    tokio::join!(broker.broker.shutdown(), watched);
}

#[tokio::test]
async fn a_sanitizer_that_acknowledges_nothing_does_not_hold_a_drain_up() {
    let broker = TestBroker::with("inflight = 2").await;
    let _sanitizer = broker.sanitizer("acme").await;
    let _satellite = broker.satellite("acme", "hq").await;
    let drained = tokio::time::timeout(SOON, broker.broker.shutdown()).await;
    assert!(drained.is_ok(), "the drain goes on");
}
