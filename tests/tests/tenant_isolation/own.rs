//! What only our own broker has: a cell for each tenant, the sanitizer's session in each, and the open listener.

use super::brokers::Embedded;
use super::pki::Pki;
use super::scene::Scene;
use super::wire::{Answer, Connect, Link, Publish};

async fn scene() -> (Embedded, Scene) {
    let pki = Pki::new();
    let (embedded, broker) = Embedded::start(&pki).await;
    (embedded, Scene::set(broker, pki).await)
}

/// Everybody is still there, and nobody has received `payload`.
async fn untouched(scene: &mut Scene, payload: &[u8]) {
    assert_eq!(scene.cut_off().await, Vec::<String>::new());
    assert_eq!(scene.who_received(payload).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_filter_among_good_ones_is_refused_alone() {
    let (_embedded, scene) = scene().await;
    let filters: [(&[u8], u8); 4] = [
        (b"sg/1/acme/hq/down/ack", 1),
        (b"#", 1),
        (b"sg/1/globex/hq/down/ack", 0),
        (b"sg/1/acme/hq/down/pull/+", 0),
    ];
    let codes = scene.attacker().await.subscribe_all(&filters).await;
    assert_eq!(codes, Some(vec![1, 0x80, 0x80, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_spell_out_another_tenants_are_names_of_their_own() {
    let (_embedded, mut scene) = scene().await;
    // globex may call a satellite what it likes.
    let certificate = scene.pki.satellite("globex", "acme-hq");
    let mut odd = scene.dial(Some(&certificate)).await.unwrap();
    let accepted = odd.connect(&Connect::new("globex.acme-hq")).await;
    assert_eq!(accepted, Answer::Yes(0));
    let topic = "sg/1/globex/acme-hq/up/reply";
    assert!(odd.deliver(topic, b"genuine").await);
    assert!(scene.sanitizer_of("globex").until(b"genuine").await);
    assert_eq!(scene.who_received(b"genuine").await, ["sanitizer.globex"]);
    untouched(&mut scene, b"forged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sanitizer_session_stays_in_its_tenant_too() {
    let (_embedded, mut scene) = scene().await;
    for filter in [
        "sg/1/globex/+/up/#",
        "sg/1/+/+/up/#",
        "#",
        "sg/1/acme/#",
        "sg/1/acme/+/down/#",
        "$share/g/sg/1/acme/+/up/#",
    ] {
        let answer = scene
            .sanitizer_of("acme")
            .subscribe(filter.as_bytes(), 1)
            .await;
        assert_eq!(answer, Answer::No(0x80), "{filter}");
    }
    let certificate = scene.pki.sanitizer();
    for topic in [
        "sg/1/globex/hq/down/ack",
        "sg/1/acme/hq/up/reply",
        "sg/1/acme/hq/up/presence",
        "sg/1/acme/+/down/ack",
        "sg/1/enrolment/door/down/crl",
    ] {
        let mut session = scene.dial(Some(&certificate)).await.unwrap();
        let accepted = session.connect(&Connect::new("sanitizer.initech")).await;
        assert_eq!(accepted, Answer::Yes(0));
        let lives = session.publish(&Publish::new(topic, b"forged")).await;
        assert!(!lives, "{topic}");
    }
    let twin = scene.sanitizer_of("acme");
    assert!(twin.deliver("sg/1/acme/branch/down/ack", b"genuine").await);
    let branch = scene
        .victims
        .iter_mut()
        .find(|party| party.client_id == "acme.branch");
    assert!(branch.unwrap().link.until(b"genuine").await);
    untouched(&mut scene, b"forged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_listener_leads_into_no_tenants_cell() {
    let (embedded, mut scene) = scene().await;
    let mut stranger = Link::open_plain(embedded.open_addr()).await.unwrap();
    assert_eq!(
        stranger.connect(&Connect::new("acme.hq")).await,
        Answer::Yes(0)
    );
    for filter in ["#", "sg/1/globex/+/up/#"] {
        let answer = stranger.subscribe(filter.as_bytes(), 1).await;
        assert_eq!(answer, Answer::Yes(1), "{filter}");
    }
    let globex = scene
        .victims
        .iter_mut()
        .find(|party| party.client_id == "globex.hq");
    assert!(
        globex
            .unwrap()
            .link
            .deliver("sg/1/globex/hq/up/reply", b"secret")
            .await
    );
    assert!(scene.sanitizer_of("globex").until(b"secret").await);
    assert!(stranger.deliver("sg/1/globex/hq/down/ack", b"forged").await);
    // Its own comes back to it, twice subscribed as it is; nothing of a tenant's does.
    assert!(stranger.until(b"forged").await);
    assert!(
        stranger
            .received
            .iter()
            .all(|message| message.payload == b"forged")
    );
    untouched(&mut scene, b"forged").await;
}
