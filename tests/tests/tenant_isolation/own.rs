//! What only our own broker has: cells, a session of the sanitizer for each tenant, and the open listener.

#[expect(dead_code, reason = "the broker's own tests use all of it")]
#[path = "../../../broker/tests/support/harness.rs"]
mod support;

use support::{Certificate, Client, Connect, TestBroker};

/// Two customers, all of whose parties listen; `acme`'s headquarters attack.
struct Scene {
    broker: TestBroker,
    attacker: Certificate,
    acme_sanitizer: Client,
    globex_sanitizer: Client,
    branch: Client,
    globex: Client,
}

impl Scene {
    async fn set() -> Self {
        let broker = TestBroker::start().await;
        let attacker = broker.authority.satellite("acme", "hq");
        let mut scene = Self {
            acme_sanitizer: broker.sanitizer("acme").await,
            globex_sanitizer: broker.sanitizer("globex").await,
            branch: broker.listening_satellite("acme", "branch").await,
            globex: broker.listening_satellite("globex", "hq").await,
            attacker,
            broker,
        };
        // Presence of the two satellites, so that what comes later is quiet or of the test.
        assert!(
            scene
                .acme_sanitizer
                .message()
                .await
                .0
                .ends_with("/presence")
        );
        assert!(
            scene
                .globex_sanitizer
                .message()
                .await
                .0
                .ends_with("/presence")
        );
        scene
    }

    async fn attack(&self) -> Client {
        self.broker.connected(&self.attacker, "acme.hq").await
    }

    /// Nobody but the attacker noticed anything.
    async fn untouched(&mut self) {
        for victim in [
            &mut self.globex_sanitizer,
            &mut self.branch,
            &mut self.globex,
        ] {
            assert!(
                victim.is_quiet().await,
                "something was delivered, or the victim was cut off"
            );
            assert!(victim.ping().await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_filter_among_good_ones_is_refused_alone() {
    let scene = Scene::set().await;
    let mut attacker = scene.attack().await;
    let filters = [
        ("sg/1/acme/hq/down/ack", 1),
        ("#", 1),
        ("sg/1/globex/hq/down/ack", 0),
        ("sg/1/acme/hq/down/pull/+", 0),
    ];
    attacker
        .send(&support::packets::subscribe(5, &filters))
        .await;
    assert_eq!(
        attacker.answer(0x90).await.unwrap().body,
        [0, 5, 1, 0x80, 0x80, 0]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_client_id_in_two_tenants_is_two_clients() {
    let mut scene = Scene::set().await;
    // Names of one tenant that spell out another's.
    let odd = scene.broker.authority.satellite("globex", "hq-acme");
    let _odd = scene.broker.connected(&odd, "globex.hq-acme").await;
    assert!(
        scene
            .globex_sanitizer
            .message()
            .await
            .0
            .starts_with("sg/1/globex/hq-acme/")
    );
    let mut attacker = scene.attack().await;
    assert!(attacker.ping().await);
    // acme's hq did not replace globex's hq, which is still there.
    assert!(
        scene
            .globex_sanitizer
            .publish("sg/1/globex/hq/down/ack", b"still here")
            .await
    );
    assert_eq!(scene.globex.data().await.1, b"still here");
    scene.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sanitizer_session_stays_in_its_tenant_too() {
    let mut scene = Scene::set().await;
    let service = scene.broker.authority.service("sanitizer");
    for filter in [
        "sg/1/globex/+/up/#",
        "sg/1/+/+/up/#",
        "#",
        "sg/1/acme/#",
        "sg/1/acme/+/down/#",
        "$share/g/sg/1/acme/+/up/#",
    ] {
        assert_eq!(
            scene.acme_sanitizer.subscribe_code(filter, 1).await,
            Some(0x80),
            "{filter}"
        );
    }
    for topic in [
        "sg/1/globex/hq/down/ack",
        "sg/1/acme/hq/up/reply",
        "sg/1/acme/hq/up/presence",
        "sg/1/acme/+/down/ack",
    ] {
        let mut session = scene.broker.connected(&service, "sanitizer.initech").await;
        assert!(!session.publish(topic, b"stray").await, "{topic}");
    }
    assert!(
        scene
            .acme_sanitizer
            .publish("sg/1/acme/branch/down/ack", b"x")
            .await
    );
    assert_eq!(scene.branch.data().await.1, b"x");
    scene.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_listener_leads_into_no_tenants_cell() {
    let mut scene = Scene::set().await;
    let mut stranger = Client::plain(scene.broker.open_addr()).await;
    assert_eq!(stranger.connect(&Connect::new("acme.hq")).await, Some(0));
    stranger.subscribe("#").await;
    stranger.subscribe("sg/1/globex/+/up/#").await;
    assert!(
        scene
            .globex
            .publish("sg/1/globex/hq/up/reply", b"secret")
            .await
    );
    assert_eq!(scene.globex_sanitizer.data().await.1, b"secret");
    assert!(stranger.is_quiet().await);
    assert!(stranger.publish("sg/1/globex/hq/down/ack", b"forged").await);
    scene.untouched().await;
}
