//! A revoked certificate loses its session at once and is not let in again, whatever list comes later but a newer one.

use std::time::{Duration, Instant};

use spokegate_broker::revocation::{Accepted, Refused};
use spokegate_daemon::{Clock, Context};
use tempfile::TempDir;

use crate::support::{Authority, Certificate, Client, Connect, SOON, TestBroker};

const LISTS: &str = "[revocation]\ncrl_file = \"FOLDER/crl.pem\"\n";

async fn broker() -> TestBroker {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    TestBroker::of(authority, files, LISTS, Context::new()).await
}

/// Stops this broker and starts another with its files.
async fn restarted(broker: TestBroker) -> TestBroker {
    broker.broker.shutdown().await;
    let (authority, files) = broker.into_files();
    TestBroker::of(authority, files, LISTS, Context::new()).await
}

async fn is_let_in(broker: &TestBroker, certificate: &Certificate, client_id: &str) -> bool {
    let config = broker.authority.client(Some(certificate));
    let Ok(mut client) = Client::dial(broker.addr(), config).await else {
        return false;
    };
    client.connect(&Connect::new(client_id)).await == Some(0)
}

#[tokio::test]
async fn a_live_session_ends_within_a_second_of_the_files_change_and_others_go_on() {
    let broker = broker().await;
    let mut sanitizer = broker.sanitizer("acme").await;
    let mut untouched = broker.listening_satellite("acme", "hq").await;
    let mut neighbour = broker.listening_satellite("globex", "hq").await;
    let mut revoked = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 1..=5_u64 {
        let name = format!("s{number}");
        let certificate = broker.authority.satellite("acme", &name);
        let mut client = broker
            .connected(&certificate, &format!("acme.{name}"))
            .await;
        assert!(client.ping().await);
        revoked.push(certificate);
        let list = broker
            .authority
            .list(number, &revoked.iter().collect::<Vec<_>>());
        let begun = Instant::now();
        std::fs::write(broker.files.path().join("crl.pem"), list).unwrap();
        assert!(client.is_closed().await);
        slowest = slowest.max(begun.elapsed());
        assert!(
            !is_let_in(
                &broker,
                &revoked[revoked.len() - 1],
                &format!("acme.{name}")
            )
            .await
        );
    }
    println!(
        "revoked in the file, session ended: {} ms at most, of 5",
        slowest.as_millis()
    );
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    for client in [&mut untouched, &mut neighbour] {
        assert!(client.ping().await);
    }
    assert!(
        untouched
            .publish("sg/1/acme/hq/up/reply", b"still here")
            .await
    );
    let (topic, payload) = sanitizer.data().await;
    assert_eq!(
        (topic.as_str(), payload.as_slice()),
        ("sg/1/acme/hq/up/reply", &b"still here"[..])
    );
    let fresh = broker.authority.satellite("acme", "s1");
    assert!(
        is_let_in(&broker, &fresh, "acme.s1").await,
        "a new certificate of the same satellite"
    );
}

#[tokio::test]
async fn a_list_from_the_fabric_holds_at_once_and_after_a_restart() {
    let broker = broker().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let other = broker.authority.satellite("acme", "branch");
    let mut client = broker.connected(&certificate, "acme.hq").await;
    // Verified before the list came, not yet a session.
    let mut early = broker.dial(&certificate).await;
    let lists = broker.broker.lists().unwrap();
    let list = broker.authority.list(3, &[&certificate]);
    let begun = Instant::now();
    let accepted = lists.offer(&list).unwrap();
    assert_eq!(
        accepted,
        Accepted::Taken {
            number: 3,
            revoked: 1,
            ended: 1
        }
    );
    assert!(client.is_closed().await);
    let lasted = begun.elapsed();
    println!(
        "offered, session ended: {:.1} ms",
        lasted.as_secs_f64() * 1e3
    );
    assert!(lasted < Duration::from_secs(1), "{lasted:?}");
    assert_eq!(early.connect(&Connect::new("acme.hq")).await, Some(5));
    assert_eq!(lists.offer(&list).unwrap(), Accepted::Present);

    let broker = restarted(broker).await;
    assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
    assert!(is_let_in(&broker, &other, "acme.branch").await);
    let lists = broker.broker.lists().unwrap();
    let older = lists.offer(&broker.authority.list(2, &[])).unwrap_err();
    assert_eq!(older.reason(), "older");
}

#[tokio::test]
async fn no_older_forged_or_broken_list_lets_a_revoked_certificate_in() {
    let broker = broker().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let lists = broker.broker.lists().unwrap();
    lists
        .offer(&broker.authority.list(5, &[&certificate]))
        .unwrap();
    let check = |list: Vec<u8>, reason: &str| {
        let refused = lists.offer(&list).unwrap_err();
        assert_eq!(refused.reason(), reason, "{refused}");
    };
    check(broker.authority.list(4, &[]), "older");
    check(broker.authority.list(5, &[]), "older");
    check(Authority::new("fabric").list(6, &[]), "signature");
    check(Authority::new("other").list(6, &[]), "foreign-issuer");
    check(b"no list".to_vec(), "malformed");
    let mut tampered = broker.authority.list(6, &[]);
    *tampered.last_mut().unwrap() ^= 1;
    check(tampered, "signature");
    let file = broker.files.path().join("crl.pem");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept.starts_with("-----BEGIN X509 CRL-----\n"));
    for bytes in [
        broker.authority.list(4, &[]),
        Authority::new("fabric").list(6, &[]),
        b"-".to_vec(),
    ] {
        std::fs::write(&file, bytes).unwrap();
        broker.broker.reload().await;
        assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
    }
    std::fs::remove_file(&file).unwrap();
    broker.broker.reload().await;
    assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
    assert!(matches!(
        lists.offer(&broker.authority.list(4, &[])),
        Err(Refused::Older {
            present: 5,
            offered: 4
        })
    ));
}

#[tokio::test]
async fn a_suspended_tenant_is_out_until_it_is_resumed() {
    let broker = broker().await;
    let lists = broker.broker.lists().unwrap();
    let acme = [
        broker.authority.satellite("acme", "hq"),
        broker.authority.satellite("acme", "branch"),
    ];
    let mut here = broker.connected(&acme[0], "acme.hq").await;
    let mut other = broker.satellite("globex", "hq").await;
    lists
        .offer(&broker.authority.list(1, &[&acme[0], &acme[1]]))
        .unwrap();
    assert!(here.is_closed().await && other.ping().await);
    assert!(!is_let_in(&broker, &acme[0], "acme.hq").await);
    assert!(!is_let_in(&broker, &acme[1], "acme.branch").await);
    lists.offer(&broker.authority.list(2, &[])).unwrap();
    assert!(is_let_in(&broker, &acme[0], "acme.hq").await);
    assert!(is_let_in(&broker, &acme[1], "acme.branch").await);
}

#[tokio::test]
async fn a_session_ends_with_its_certificate() {
    let authority = Authority::new("fabric");
    let files = TempDir::new().unwrap();
    authority.server().write(files.path());
    let now_ms = Clock::system().now_ms();
    let (clock, hand) = Clock::manual(now_ms);
    let context = Context::new().with_clock(clock);
    let broker = TestBroker::of(authority, files, "", context).await;
    let life = |name: &str, hours: i64| {
        let uri = format!("spiffe://spokegate.local/tenant/acme/satellite/{name}");
        broker.authority.issue(&[&uri], |params| {
            params.not_after = time::OffsetDateTime::now_utc() + time::Duration::hours(hours);
        })
    };
    let mut short = broker.connected(&life("short", 1), "acme.short").await;
    let mut long = broker.connected(&life("long", 3), "acme.long").await;
    hand.set(now_ms + 3_600_000 / 2);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(short.ping().await);
    hand.set(now_ms + 2 * 3_600_000);
    assert!(tokio::time::timeout(SOON, short.is_closed()).await.unwrap());
    assert!(long.ping().await);
}

#[tokio::test]
async fn what_a_broker_without_a_file_is_told_holds_until_it_stops() {
    let broker = TestBroker::start().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut client = broker.connected(&certificate, "acme.hq").await;
    let lists = broker.broker.lists().unwrap();
    lists
        .offer(&broker.authority.list(1, &[&certificate]))
        .unwrap();
    assert!(client.is_closed().await);
    assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
}

#[tokio::test]
async fn tls_files_that_are_broken_meanwhile_do_not_hold_a_revocation_up() {
    let broker = broker().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut client = broker.connected(&certificate, "acme.hq").await;
    for name in ["certificate.pem", "key.pem", "ca.pem"] {
        std::fs::write(broker.files.path().join(name), "half a fi").unwrap();
    }
    let list = broker.authority.list(1, &[&certificate]);
    std::fs::write(broker.files.path().join("crl.pem"), list).unwrap();
    assert!(client.is_closed().await);
    assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
    let other = broker.authority.satellite("acme", "branch");
    assert!(is_let_in(&broker, &other, "acme.branch").await);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_does_not_hold_a_revocation_up() {
    let broker = broker().await;
    let certificate = broker.authority.satellite("acme", "hq");
    let mut client = broker.connected(&certificate, "acme.hq").await;
    std::fs::create_dir(broker.files.path().join("crl.pem.new")).unwrap();
    let lists = broker.broker.lists().unwrap();
    lists
        .offer(&broker.authority.list(1, &[&certificate]))
        .unwrap();
    assert!(client.is_closed().await);
    assert!(!broker.files.path().join("crl.pem").exists());
    assert!(!is_let_in(&broker, &certificate, "acme.hq").await);
}
