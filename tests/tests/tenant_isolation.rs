//! Promise: a customer's certificate reaches that customer's own topics and nothing else, whatever bytes its holder
//! sends. Every attack is made with a valid certificate over real TLS, is refused, and has a twin that is allowed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[expect(dead_code, reason = "the broker's own tests use all of it")]
#[path = "../../broker/tests/support/harness.rs"]
mod support;

use support::{Authority, Certificate, Client, Connect, Publish, TestBroker};

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

/// `sg/1/…` filters and others that would show the attacker what is not its own.
const FILTERS: [&str; 38] = [
    "#",
    "+",
    "+/#",
    "+/+/#",
    "/#",
    "sg/#",
    "sg/1/#",
    "sg/1/+/#",
    "sg/1/+/+/#",
    "sg/1/+/+/up/#",
    "sg/1/+/+/down/#",
    "sg/1/+/hq/down/#",
    "+/1/acme/hq/down/#",
    "sg/+/acme/hq/down/#",
    "sg/1/acme/#",
    "sg/1/acme/+/#",
    "sg/1/acme/+/up/#",
    "sg/1/acme/+/down/#",
    "sg/1/acme/hq/#",
    "sg/1/acme/hq/+/#",
    "sg/1/acme/hq/up/#",
    "sg/1/acme/hq/up/reply",
    "sg/1/acme/branch/down/#",
    "sg/1/globex/hq/down/#",
    "sg/1/globex/hq/down/ack",
    "sg/1/globex/+/up/#",
    "sg/1/globex/#",
    "$SYS/#",
    "$SYS/broker/clients",
    "$share/g/#",
    "$share/g/sg/1/acme/hq/down/#",
    "$share/g/sg/1/globex/hq/down/#",
    "$queue/sg/1/globex/hq/down/#",
    "$share/sg/1/acme/hq/down/#",
    // Look-alikes: one name is the beginning of the other.
    "sg/1/acme2/hq/down/#",
    "sg/1/acm/hq/down/#",
    "sg/1/acme/hq2/down/#",
    "sg/1/acme/hq/down/#/x",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_filter_shows_what_belongs_to_others() {
    let mut scene = Scene::set().await;
    let mut attacker = scene.attack().await;
    for filter in FILTERS {
        assert_eq!(
            attacker.subscribe_code(filter, 1).await,
            Some(0x80),
            "{filter}"
        );
        assert_eq!(
            attacker.subscribe_code("sg/1/acme/hq/down/#", 1).await,
            Some(1),
            "the twin of {filter}"
        );
    }
    assert!(
        scene
            .globex_sanitizer
            .publish("sg/1/globex/hq/down/ack", b"secret")
            .await
    );
    assert!(
        scene
            .globex
            .publish("sg/1/globex/hq/up/reply", b"secret")
            .await
    );
    assert!(
        scene
            .branch
            .publish("sg/1/acme/branch/up/reply", b"secret")
            .await
    );
    assert!(
        scene
            .acme_sanitizer
            .publish("sg/1/acme/branch/down/ack", b"secret")
            .await
    );
    assert!(attacker.is_quiet().await);
    assert!(
        scene
            .acme_sanitizer
            .publish("sg/1/acme/hq/down/ack", b"mine")
            .await
    );
    assert_eq!(
        attacker.data().await,
        ("sg/1/acme/hq/down/ack".into(), b"mine".to_vec())
    );
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
async fn no_publish_reaches_others_or_speaks_for_them() {
    let mut scene = Scene::set().await;
    let topics = [
        "sg/1/globex/hq/up/reply",
        "sg/1/globex/hq/up/push/devices",
        "sg/1/globex/hq/down/ack",
        "sg/1/globex/hq/down/pull/devices",
        "sg/1/globex/hq/down/command/deploy",
        "sg/1/acme/branch/up/reply",
        "sg/1/acme/branch/down/ack",
        // Its own, but not its to say.
        "sg/1/acme/hq/down/ack",
        "sg/1/acme/hq/down/command/restart",
        "sg/1/acme/hq/up/presence",
        "sg/1/globex/hq/up/presence",
        // Wildcards in a topic name.
        "sg/1/+/hq/up/reply",
        "sg/1/acme/+/up/reply",
        "sg/1/acme/hq/up/#",
        "#",
        "+",
        "$SYS/broker",
        "$share/g/sg/1/acme/hq/up/reply",
        // Look-alikes and other spellings.
        "sg/1/acme2/hq/up/reply",
        "sg/1/acm/hq/up/reply",
        "sg/1/acme/hq2/up/reply",
        "sg/1/acme/hq/up/reply/",
        "/sg/1/acme/hq/up/reply",
        "sg/1/acme/hq//up/reply",
        "sg/1/ACME/hq/up/reply",
        "sg/1/acme.hq/up/reply",
        "sg/2/acme/hq/up/reply",
        "sg/1/acme/hq/up/../../../globex/hq/up/reply",
        "up",
        "down/branch",
        "\u{e9}sg/1/acme/hq/up/reply",
        "",
    ];
    for topic in topics {
        for qos in [0, 1] {
            let mut attacker = scene.attack().await;
            attacker
                .send(
                    &Publish {
                        qos,
                        ..Publish::new(topic, b"forged")
                    }
                    .encode(),
                )
                .await;
            assert!(attacker.is_closed().await, "{topic} with QoS {qos}");
        }
    }
    let mut twin = scene.attack().await;
    assert!(twin.publish("sg/1/acme/hq/up/reply", b"genuine").await);
    assert_eq!(
        scene.acme_sanitizer.data().await,
        ("sg/1/acme/hq/up/reply".into(), b"genuine".to_vec())
    );
    scene.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind_wills_retained_messages_sessions() {
    let mut scene = Scene::set().await;
    let hq = || Connect::new("acme.hq");
    for topic in ["sg/1/globex/hq/down/ack", "sg/1/acme/hq/up/status", "#"] {
        for retain in [false, true] {
            let code = scene
                .broker
                .connect_code(&scene.attacker, &hq().will(topic, retain))
                .await;
            assert_eq!(code, Some(5), "a will on {topic}");
        }
    }
    let persistent = Connect { flags: 0, ..hq() };
    assert_eq!(
        scene
            .broker
            .connect_code(&scene.attacker, &persistent)
            .await,
        Some(5)
    );
    for (qos, topic) in [
        (0, "sg/1/acme/hq/up/status"),
        (1, "sg/1/acme/hq/up/status"),
        (1, "sg/1/globex/hq/down/ack"),
    ] {
        let mut attacker = scene.attack().await;
        attacker
            .send(
                &Publish {
                    qos,
                    retain: true,
                    ..Publish::new(topic, b"stays")
                }
                .encode(),
            )
            .await;
        assert!(attacker.is_closed().await, "retained on {topic}");
    }
    // Exactly once is not offered, in either direction.
    let mut attacker = scene.attack().await;
    assert_eq!(
        attacker.subscribe_code("sg/1/acme/hq/down/#", 2).await,
        Some(0x80)
    );
    attacker
        .send(
            &Publish {
                qos: 2,
                ..Publish::new("sg/1/acme/hq/up/status", b"")
            }
            .encode(),
        )
        .await;
    assert!(attacker.is_closed().await);
    let mut twin = scene.attack().await;
    assert!(twin.publish("sg/1/acme/hq/up/status", b"goes by").await);
    assert_eq!(scene.acme_sanitizer.data().await.1, b"goes by");
    // Who comes later finds nothing retained.
    let mut later = scene.broker.sanitizer("acme").await;
    assert!(
        later.is_quiet_but_for_presence().await,
        "a message was kept"
    );
    scene.untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_is_not_for_the_taking() {
    let mut scene = Scene::set().await;
    let stolen = [
        "globex.hq",
        "acme.branch",
        "sanitizer.acme",
        "sanitizer.globex",
        "sanitizer",
        "",
        "acme",
        "acme.hq.",
        "acme.hq2",
        "acme/hq",
        "ACME.HQ",
        "acme.hq\u{200b}",
        "+",
        "#",
        "$SYS",
        "a/b",
        "s.branch",
        "acme..hq",
    ];
    for client_id in stolen {
        let code = scene
            .broker
            .connect_code(&scene.attacker, &Connect::new(client_id))
            .await;
        assert_eq!(code, Some(2), "{client_id:?}");
    }
    let with_password = Connect {
        flags: 0xc2,
        fields: vec![b"admin".to_vec(), b"admin".to_vec()],
        ..Connect::new("acme.hq")
    };
    assert_eq!(
        scene
            .broker
            .connect_code(&scene.attacker, &with_password)
            .await,
        Some(5)
    );
    let newer = Connect {
        level: 5,
        ..Connect::new("acme.hq")
    };
    assert_eq!(
        scene.broker.connect_code(&scene.attacker, &newer).await,
        Some(1)
    );
    assert_eq!(
        scene
            .broker
            .connect_code(&scene.attacker, &Connect::new("acme.hq"))
            .await,
        Some(0)
    );
    scene.untouched().await;
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
async fn only_certificates_of_the_fabric_come_in_and_only_known_names_speak() {
    let scene = Scene::set().await;
    let authority = &scene.broker.authority;
    let addr = scene.broker.addr();
    // TLS 1.3 tells a client that it was refused with its first read.
    let refused = |certificate: Option<&Certificate>, what: &'static str| {
        let config = authority.client(certificate);
        async move {
            if let Ok(mut client) = Client::dial(addr, config).await {
                assert_eq!(
                    client.connect(&Connect::new("acme.hq")).await,
                    None,
                    "{what}"
                );
            }
        }
    };
    let foreign = Authority::new("fabric");
    refused(None, "no certificate").await;
    refused(
        Some(&foreign.satellite("acme", "hq")),
        "a foreign CA of the same name",
    )
    .await;
    let acme = "spiffe://spokegate.local/tenant/acme/satellite/hq";
    let globex = "spiffe://spokegate.local/tenant/globex/satellite/hq";
    let expired = authority.issue(&[acme], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    refused(Some(&expired), "an expired certificate").await;
    refused(Some(&authority.server()), "a certificate for servers").await;
    let names = [
        "spiffe://other.local/tenant/acme/satellite/hq",
        "spiffe://spokegate.local/tenant/acme/satellite/hq/",
        "spiffe://spokegate.local/tenant/ACME/satellite/hq",
        "spiffe://spokegate.local/tenant/acme/satellite/h%71",
        "spiffe://spokegate.local/tenant/acme",
        "spiffe://spokegate.local/service/broker",
        "spiffe://spokegate.local.evil/tenant/acme/satellite/hq",
        "https://spokegate.local/tenant/acme/satellite/hq",
    ];
    for name in names {
        refused(Some(&authority.identity(name)), "a name that is nobody's").await;
    }
    refused(Some(&authority.issue(&[acme, globex], |_| {})), "two names").await;
    refused(Some(&authority.issue(&[], |_| {})), "no name").await;
    // The centre's own service has no business here.
    let reports = authority.service("report-service");
    assert_eq!(
        scene
            .broker
            .connect_code(&reports, &Connect::new("sanitizer.acme"))
            .await,
        Some(5)
    );
    // Plaintext on the TLS port.
    let mut plain = Client::plain(addr).await;
    plain.send(&Connect::new("acme.hq").encode()).await;
    assert!(plain.is_closed().await);
    assert_eq!(
        scene
            .broker
            .connect_code(&scene.attacker, &Connect::new("acme.hq"))
            .await,
        Some(0),
        "the twin"
    );
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
