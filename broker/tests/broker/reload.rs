//! TLS files change while sessions go on: the broker's own certificate, and the authority.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use spokegate_daemon::Context;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::support::{Authority, Certificate, Client, Connect, SOON, TestBroker};

/// The broker's certificate as a client of `authority` sees it now.
async fn shown(broker: &TestBroker) -> CertificateDer<'static> {
    let certificate = broker.authority.satellite("acme", "probe");
    let stream = TcpStream::connect(broker.addr()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(broker.authority.client(Some(&certificate)));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// Waits until `check` holds.
async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_signal_and_sessions_go_on() {
    let broker = TestBroker::start().await;
    let mut client = broker.satellite("acme", "hq").await;
    let first = shown(&broker).await;
    broker.authority.server().write(broker.files.path());
    until("the new certificate", || async {
        shown(&broker).await != first
    })
    .await;
    assert!(client.ping().await);
    let second = shown(&broker).await;
    std::fs::write(broker.files.path().join("key.pem"), "no key").unwrap();
    broker.broker.reload().await;
    assert_eq!(
        shown(&broker).await,
        second,
        "the present files stay in use"
    );
    assert!(client.ping().await);
}

#[tokio::test]
async fn a_change_of_ca_drops_nobody_and_both_are_let_in_meanwhile() {
    let (old, new) = (Authority::new("fabric"), Authority::new("fabric"));
    let files = TempDir::new().unwrap();
    old.server().write(files.path());
    let lists = "[revocation]\ncrl_file = \"FOLDER/crl.pem\"\n";
    let broker = TestBroker::of(old, files, lists, Context::new()).await;
    let (old, addr) = (&broker.authority, broker.addr());
    let ca = broker.files.path().join("ca.pem");
    let lets_in = |certificate: Certificate, client_id: &'static str| async move {
        let config = old.client(Some(&certificate));
        match Client::dial(addr, config).await {
            Ok(mut client) => client.connect(&Connect::new(client_id)).await == Some(0),
            Err(_) => false,
        }
    };
    let bad = (old.satellite("acme", "bad"), new.satellite("globex", "bad"));
    let mut stays = broker.satellite("acme", "hq").await;
    assert!(!lets_in(new.satellite("globex", "hq"), "globex.hq").await);

    std::fs::write(&ca, format!("{}{}", old.root_pem(), new.root_pem())).unwrap();
    until("the new authority", || {
        lets_in(new.satellite("globex", "hq"), "globex.hq")
    })
    .await;
    assert!(lets_in(old.satellite("acme", "branch"), "acme.branch").await);
    let held = broker.broker.lists().unwrap();
    held.offer(&old.list(1, &[&bad.0])).unwrap();
    held.offer(&new.list(1, &[&bad.1])).unwrap();
    broker.broker.reload().await;
    assert!(!lets_in(bad.0, "acme.bad").await);
    assert!(!lets_in(bad.1, "globex.bad").await);
    assert!(lets_in(old.satellite("acme", "branch"), "acme.branch").await);
    assert!(lets_in(new.satellite("globex", "hq"), "globex.hq").await);

    std::fs::write(&ca, new.root_pem()).unwrap();
    broker.broker.reload().await;
    assert!(!lets_in(old.satellite("acme", "branch"), "acme.branch").await);
    assert!(lets_in(new.satellite("globex", "hq"), "globex.hq").await);
    assert!(stays.ping().await, "who is here stays");
}

#[tokio::test]
async fn a_list_in_the_file_counts_as_soon_as_its_root_does() {
    let (old, new) = (Authority::new("fabric"), Authority::new("fabric"));
    let files = TempDir::new().unwrap();
    old.server().write(files.path());
    let bad = new.satellite("acme", "bad");
    let lists = "[revocation]\ncrl_file = \"FOLDER/crl.pem\"\n";
    let broker = TestBroker::of(old, files, lists, Context::new()).await;
    std::fs::write(broker.files.path().join("crl.pem"), new.list(1, &[&bad])).unwrap();
    let ca = broker.files.path().join("ca.pem");
    let roots = format!("{}{}", broker.authority.root_pem(), new.root_pem());
    std::fs::write(&ca, roots).unwrap();
    let fresh = new.satellite("acme", "hq");
    let lets_in = |certificate: &Certificate, client_id: &str| {
        let config = broker.authority.client(Some(certificate));
        let (addr, connect) = (broker.addr(), Connect::new(client_id));
        async move {
            match Client::dial(addr, config).await {
                Ok(mut client) => client.connect(&connect).await == Some(0),
                Err(_) => false,
            }
        }
    };
    until("the new authority", || lets_in(&fresh, "acme.hq")).await;
    assert!(!lets_in(&bad, "acme.bad").await);
}
