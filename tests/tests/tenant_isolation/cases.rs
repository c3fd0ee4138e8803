//! The attacks. `acme/hq` attacks, with its own valid certificate unless a case says otherwise; its victims are
//! `acme/branch`, `globex/hq`, satellites whose names look alike, and the sanitizer.

use spokegate_provisioner::broker_config::Limit;

use super::pki::{Certificate, Pki, foreign};
use super::wire::{Connect, Publish};

/// Everybody who may come.
pub(crate) const PARTIES: [(&str, &str); 6] = [
    ("acme", "hq"),
    ("acme", "branch"),
    ("acme", "hq2"),
    ("acme2", "hq"),
    ("acm", "hq"),
    ("globex", "hq"),
];

const HQ: &str = "spiffe://spokegate.local/tenant/acme/satellite/hq";
const GLOBEX: &str = "spiffe://spokegate.local/tenant/globex/satellite/hq";
const SANITIZER: &str = "spiffe://spokegate.local/service/sanitizer";

/// One attack.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) attack: Attack,
    /// What excuses a broker that cannot refuse it, if it says so.
    pub(crate) excuses: &'static [Limit],
}

pub(crate) enum Attack {
    /// Opens a connection that must not be, or that must be good for nothing.
    Connect(Box<Opening>),
    /// Asks to receive.
    Subscribe { filter: Vec<u8>, qos: u8 },
    /// Sends.
    Publish(Publish),
    /// Leaves a message to be sent when it is gone.
    Will { topic: String, retain: bool },
    /// Sends something that is to stay for who comes later.
    Retain,
    /// Sends something larger than a packet may be.
    TooLong,
}

pub(crate) struct Opening {
    /// None: no certificate.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) connect: Connect,
    pub(crate) plaintext: bool,
    pub(crate) harm: Harm,
}

/// When an accepted connection is an attack that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// At once.
    Opened,
    /// At once; and if it may do what the certificate may not, nothing excuses it.
    OpenedWithRights,
    /// When anything can be sent or received.
    Power,
    /// When it is another's session that was ended, or one beside the certificate's own.
    TakenName,
}

/// Every attack.
pub(crate) fn all(pki: &Pki) -> Vec<Case> {
    let mut cases = certificates(pki);
    cases.extend(odd_certificates(pki));
    cases.extend(client_ids(pki));
    cases.extend(connects(pki));
    cases.extend(filters());
    cases.extend(publishes());
    cases.extend(own_publishes());
    cases.extend(left_behind());
    cases
}

fn opening(
    name: String,
    certificate: Option<Certificate>,
    connect: Connect,
    harm: Harm,
    excuses: &'static [Limit],
) -> Case {
    let opening = Opening {
        certificate,
        connect,
        plaintext: false,
        harm,
    };
    Case {
        name,
        attack: Attack::Connect(Box::new(opening)),
        excuses,
    }
}

fn certificate(
    name: &str,
    certificate: Option<Certificate>,
    client_id: &str,
    excuses: &'static [Limit],
) -> Case {
    let (name, connect) = (format!("certificate: {name}"), Connect::new(client_id));
    opening(name, certificate, connect, Harm::Opened, excuses)
}

/// Who is not of the fabric does not come in.
fn certificates(pki: &Pki) -> Vec<Case> {
    let future = |params: &mut rcgen::CertificateParams| {
        params.not_before = rcgen::date_time_ymd(2099, 1, 1);
        params.not_after = rcgen::date_time_ymd(2099, 2, 1);
    };
    let server = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    };
    let refused = |name: &str, shown: Option<Certificate>, client_id: &str| {
        certificate(name, shown, client_id, &[])
    };
    let mut cases = vec![
        refused("none", None, "acme.hq"),
        refused("none, as the sanitizer", None, "sanitizer"),
        refused("expired", Some(pki.expired("acme", "hq")), "acme.hq"),
        refused(
            "expired, of the victim",
            Some(pki.expired("globex", "hq")),
            "globex.hq",
        ),
        refused(
            "not yet valid",
            Some(pki.forged("acme.hq", &[HQ], future)),
            "acme.hq",
        ),
        refused(
            "for servers",
            Some(pki.forged("acme.hq", &[HQ], server)),
            "acme.hq",
        ),
    ];
    for (client_id, uri) in [
        ("acme.hq", HQ),
        ("globex.hq", GLOBEX),
        ("sanitizer", SANITIZER),
    ] {
        let name = format!("{client_id} of a foreign authority of the same name");
        cases.push(refused(&name, Some(foreign(client_id, uri)), client_id));
    }
    let name = "plaintext on the TLS port".to_owned();
    let connect = Connect::new("acme.hq");
    let mut plain = opening(name, None, connect, Harm::Opened, &[]);
    if let Attack::Connect(opening) = &mut plain.attack {
        opening.plaintext = true;
    }
    cases.push(plain);
    cases
}

/// URIs that are nobody's.
const ODD_NAMES: [&str; 9] = [
    "spiffe://other.local/tenant/acme/satellite/hq",
    "spiffe://spokegate.local.evil/tenant/acme/satellite/hq",
    "spiffe://spokegate.local/tenant/ACME/satellite/hq",
    "spiffe://spokegate.local/tenant/acme/satellite/h%71",
    "spiffe://spokegate.local/tenant/acme/satellite/hq/",
    "spiffe://spokegate.local/tenant/acme",
    "https://spokegate.local/tenant/acme/satellite/hq",
    "spiffe://spokegate.local/service/broker",
    "spiffe://spokegate.local/service/report-service",
];

/// The authority would never sign these: what if it did?
fn odd_certificates(pki: &Pki) -> Vec<Case> {
    let forged = |common_name: &str, uris: &[&str]| Some(pki.forged(common_name, uris, |_| {}));
    let mut cases = Vec::new();
    for uri in ODD_NAMES {
        let shown = forged("acme.hq", &[uri]);
        cases.push(certificate(uri, shown, "acme.hq", &[Limit::CommonName]));
    }
    let shown = forged("acme.hq", &[]);
    let name = "no name but the common one";
    cases.push(certificate(name, shown, "acme.hq", &[Limit::CommonName]));
    for (name, uris) in [
        ("two names, the own one first", [HQ, GLOBEX]),
        ("two names, the victim's first", [GLOBEX, HQ]),
        ("two names, the sanitizer's second", [HQ, SANITIZER]),
    ] {
        let excuses = &[Limit::SeveralUris, Limit::CommonName];
        cases.push(certificate(
            name,
            forged("acme.hq", &uris),
            "acme.hq",
            excuses,
        ));
    }
    // And where the common name is nobody's either.
    for (common_name, uri) in [
        (
            "nobody",
            "spiffe://spokegate.local/tenant/nobody/satellite/here",
        ),
        (
            "report-service",
            "spiffe://spokegate.local/service/report-service",
        ),
        ("", "spiffe://other.local/tenant/acme/satellite/hq"),
    ] {
        let name = format!("certificate: {common_name:?}, {uri}");
        let (shown, connect) = (forged(common_name, &[uri]), Connect::new(common_name));
        cases.push(opening(name, shown, connect, Harm::Power, &[]));
    }
    cases
}

/// A client id is not for the taking: the holder of the name goes on, and the thief gets nothing of his.
fn client_ids(pki: &Pki) -> Vec<Case> {
    let own = pki.satellite("acme", "hq");
    let ids = [
        // Of those who are connected.
        "globex.hq",
        "acme.branch",
        "acme.hq2",
        "acme2.hq",
        "acm.hq",
        "sanitizer",
        "sanitizer.acme",
        "sanitizer.globex",
        // Of nobody.
        "",
        "acme",
        "hq",
        "acme.hq.",
        "acme/hq",
        "ACME.HQ",
        "acme.hq\u{200b}",
        "acme..hq",
        "+",
        "#",
        "$SYS",
        "a/b",
        "globex.hq ",
        "../globex.hq",
        "globex/hq",
    ];
    let case = |id: &str| {
        let (name, connect) = (format!("client id: {id:?}"), Connect::new(id));
        opening(
            name,
            Some(own.clone()),
            connect,
            Harm::TakenName,
            &[Limit::ClientId],
        )
    };
    ids.map(case).into()
}

/// What the wire leaves out.
fn connects(pki: &Pki) -> Vec<Case> {
    let own = pki.satellite("acme", "hq");
    let hq = || Connect::new("acme.hq");
    let with = |act: fn(&mut Connect)| {
        let mut connect = hq();
        act(&mut connect);
        connect
    };
    let mut cases = Vec::new();
    let mut add = |name: &str, connect: Connect, excuses| {
        let (name, own) = (format!("connect: {name}"), Some(own.clone()));
        cases.push(opening(name, own, connect, Harm::OpenedWithRights, excuses));
    };
    add("MQTT 5", with(|c| c.level = 5), &[Limit::OtherVersions]);
    add(
        "MQTT 3.1",
        with(|c| (c.protocol, c.level) = ("MQIsdp", 3)),
        &[Limit::OtherVersions],
    );
    add("MQTT 6", with(|c| c.level = 6), &[]);
    add("another protocol", with(|c| c.protocol = "AMQP"), &[]);
    add(
        "a session that stays",
        with(|c| c.flags = 0),
        &[Limit::PersistentSessions],
    );
    add(
        "keep-alive 0",
        with(|c| c.keep_alive_s = 0),
        &[Limit::KeepAlive],
    );
    add(
        "keep-alive of 18 hours",
        with(|c| c.keep_alive_s = u16::MAX),
        &[Limit::KeepAlive],
    );
    for (user, password) in [
        ("globex.hq", Some("")),
        ("globex.hq", None),
        (GLOBEX, Some("")),
        (GLOBEX, Some(GLOBEX)),
        (SANITIZER, Some("")),
        ("sanitizer", Some("sanitizer")),
        ("guest", Some("guest")),
        ("admin", Some("admin")),
    ] {
        let name = format!("user {user:?}, password {password:?}");
        add(
            &name,
            hq().credentials(user, password),
            &[Limit::Credentials],
        );
    }
    cases
}

/// Filters that show what is not the attacker's.
const FOREIGN_FILTERS: [&str; 58] = [
    "#",
    "+",
    "+/#",
    "+/+/#",
    "/#",
    "+/+/+/+/+/+",
    "sg/#",
    "sg/+/#",
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
    "sg/1/acme/+/down/ack",
    "sg/1/acme/hq/#",
    "sg/1/acme/hq/+/#",
    // Its own, but not its to hear.
    "sg/1/acme/hq/up/#",
    "sg/1/acme/hq/up/reply",
    "sg/1/acme/hq/up/status",
    "sg/1/acme/hq/up/presence",
    "sg/1/acme/branch/down/#",
    "sg/1/acme/branch/down/ack",
    "sg/1/acme/branch/up/#",
    "sg/1/globex/hq/down/#",
    "sg/1/globex/hq/down/ack",
    "sg/1/globex/hq/down/command/+",
    "sg/1/globex/+/up/#",
    "sg/1/globex/#",
    "sg/1/globex/hq/up/status",
    "sg/1/enrolment/door/#",
    "sg/1/enrolment/door/down/crl",
    "$SYS/#",
    "$SYS/broker/clients/#",
    "$share/g/#",
    "$share/g/sg/1/globex/hq/down/#",
    "$queue/sg/1/globex/hq/down/#",
    "$queue/#",
    // Where other brokers keep what is theirs.
    "$MQTT/#",
    "$MQTT/sub/#",
    "$MQTT/+/#",
    "+/sub/#",
    "$MQTT/msgs/sg/1/globex/hq/down/#",
    "$JS/#",
    // Look-alikes: one name is the beginning of the other.
    "sg/1/acme2/hq/down/#",
    "sg/1/acm/hq/down/#",
    "sg/1/acme/hq2/down/#",
    "sg/1/acme/hq2/#",
    // The other way to write levels, which some brokers understand.
    "sg.1.globex.hq.down.#",
    "sg.1.#",
    "sg/1/acme/hq/down/../../../globex/hq/down/#",
    "sg/1/*/*/down/#",
];

fn filters() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, filter: &[u8], qos: u8, excuses| {
        let filter = filter.to_vec();
        let attack = Attack::Subscribe { filter, qos };
        cases.push(Case {
            name,
            attack,
            excuses,
        });
    };
    for filter in FOREIGN_FILTERS {
        add(format!("subscribe: {filter}"), filter.as_bytes(), 1, &[]);
    }
    for filter in ["#", "sg/1/globex/hq/down/#", "sg/1/+/+/up/#"] {
        add(
            format!("subscribe with QoS 0: {filter}"),
            filter.as_bytes(),
            0,
            &[],
        );
    }
    // Filters against the standard, and with bytes that are no text.
    for filter in [
        "sg/1/globex/#/ack",
        "sg/1/globex+/hq/down/#",
        "sg/1/glo#",
        "",
    ] {
        add(format!("subscribe: {filter:?}"), filter.as_bytes(), 1, &[]);
    }
    add(
        "subscribe: not UTF-8".to_owned(),
        b"sg/1/globex/\xff/down/#",
        1,
        &[],
    );
    add(
        "subscribe: a zero byte".to_owned(),
        b"sg/1/globex/hq/down/\0",
        1,
        &[],
    );
    let long = format!("sg/1/globex/hq/down/{}", "x".repeat(60_000));
    add(
        "subscribe: 60,000 characters".to_owned(),
        long.as_bytes(),
        1,
        &[],
    );
    // Within its own rights, but no filter that a client of ours uses.
    for filter in [
        "$share/g/sg/1/acme/hq/down/#",
        "sg/1/acme/hq/down/+",
        "sg/1/acme/hq/down/+/+",
        "sg/1/acme/hq/down/nothing/#",
    ] {
        add(
            format!("subscribe: {filter}"),
            filter.as_bytes(),
            1,
            &[Limit::Filters],
        );
    }
    add(
        "subscribe with QoS 2: its own".to_owned(),
        b"sg/1/acme/hq/down/#",
        2,
        &[Limit::QosTwo],
    );
    cases
}

/// Topics that are not the attacker's to speak on.
const FOREIGN_TOPICS: [&str; 55] = [
    "sg/1/globex/hq/up/reply",
    "sg/1/globex/hq/up/push/devices",
    "sg/1/globex/hq/up/hello",
    "sg/1/globex/hq/up/status",
    "sg/1/globex/hq/up/presence",
    "sg/1/globex/hq/up/enrol",
    "sg/1/globex/hq/down/ack",
    "sg/1/globex/hq/down/pull/devices",
    "sg/1/globex/hq/down/command/deploy",
    "sg/1/globex/hq/down/admission",
    "sg/1/globex/hq/down/crl",
    "sg/1/acme/branch/up/reply",
    "sg/1/acme/branch/up/presence",
    "sg/1/acme/branch/up/enrol",
    "sg/1/acme/branch/down/ack",
    "sg/1/acme/branch/down/command/restart",
    // Its own, but not its to say.
    "sg/1/acme/hq/down/ack",
    "sg/1/acme/hq/down/pull/devices",
    "sg/1/acme/hq/down/command/restart",
    "sg/1/acme/hq/down/admission",
    "sg/1/acme/hq/down/crl",
    "sg/1/acme/hq/up/presence",
    // The enrolment door's.
    "sg/1/enrolment/door/up/enrol",
    "sg/1/enrolment/door/up/presence",
    "sg/1/enrolment/door/down/crl",
    "sg/1/enrolment/door/down/admission",
    // Wildcards in a topic name.
    "sg/1/+/hq/up/reply",
    "sg/1/acme/+/up/reply",
    "sg/1/+/+/down/ack",
    "sg/1/acme/hq/up/#",
    "sg/1/#",
    "#",
    "+",
    "sg/1/*/hq/up/reply",
    "sg/1/>",
    "$SYS/broker/uptime",
    "$share/g/sg/1/globex/hq/down/ack",
    "$MQTT/sub/globex",
    "$JS/API/INFO",
    // Look-alikes and other spellings.
    "sg/1/acme2/hq/up/reply",
    "sg/1/acm/hq/up/reply",
    "sg/1/acme/hq2/up/reply",
    "sg/1/acme/hq2/down/ack",
    "/sg/1/acme/hq/up/reply",
    "sg//1/acme/hq/up/reply",
    "sg/1/acme/hq//up/reply",
    "sg/1/ACME/hq/up/reply",
    "sg/2/acme/hq/up/reply",
    "sg/1/acme/hq/UP/reply",
    "sg/1/acme/hq/up/../../../globex/hq/up/reply",
    "up/reply",
    "../globex/hq/up/reply",
    "sg.1.globex.hq.down.ack",
    "sg/1.globex/hq/up/reply",
    "\u{e9}sg/1/acme/hq/up/reply",
];

fn publish(name: String, publish: Publish, excuses: &'static [Limit]) -> Case {
    let attack = Attack::Publish(publish);
    Case {
        name,
        attack,
        excuses,
    }
}

fn publishes() -> Vec<Case> {
    let plain = |topic: &str| publish(format!("publish: {topic}"), Publish::new(topic, b""), &[]);
    let mut cases: Vec<Case> = FOREIGN_TOPICS.map(plain).into();
    for topic in [
        "sg/1/globex/hq/down/ack",
        "sg/1/acme/branch/up/reply",
        "sg/1/acme/hq/up/presence",
        "#",
    ] {
        for (what, qos, retain) in [
            ("QoS 0", 0, false),
            ("QoS 2", 2, false),
            ("retain", 1, true),
        ] {
            let odd = Publish {
                qos,
                retain,
                ..Publish::new(topic, b"")
            };
            cases.push(publish(format!("publish with {what}: {topic}"), odd, &[]));
        }
    }
    let long = format!("sg/1/globex/hq/up/push/{}", "x".repeat(60_000));
    for (name, topic) in [
        ("empty", &b""[..]),
        ("not UTF-8", b"sg/1/globex/hq/up/\xff\xfe"),
        ("a zero byte", b"sg/1/globex/hq/up/reply\0"),
        ("a line feed", b"sg/1/globex/hq/up/reply\n"),
        ("60,000 characters", long.as_bytes()),
    ] {
        cases.push(publish(
            format!("publish: {name}"),
            Publish::new(topic, b""),
            &[],
        ));
    }
    cases
}

/// Under its own `up/`, but no channel of the grammar, or in a quality that the wire does not use.
fn own_publishes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (topic, excuses) in [
        ("sg/1/acme/hq/up/other", &[][..]),
        ("sg/1/acme/hq/up/reply/", &[]),
        ("sg/1/acme/hq/up/reply/more", &[]),
        ("sg/1/acme/hq/up", &[]),
        ("sg/1/acme/hq/up/", &[]),
        ("sg/1/acme/hq/up/push", &[]),
        ("sg/1/acme/hq/up/push/devices/more", &[]),
        ("sg/1/acme/hq/up/reply\n", &[]),
        ("sg/1/acme/hq/up/reply ", &[]),
        ("sg.1.acme.hq.up.reply", &[Limit::Names]),
        ("sg/1/acme.hq/up/reply", &[Limit::Names]),
    ] {
        let name = format!("publish: {topic:?}");
        cases.push(publish(name, Publish::new(topic, b""), excuses));
    }
    let long = "x".repeat(200);
    for dataset in [
        "Devices",
        "de_vices",
        "-devices",
        "d",
        "d\u{e9}vices",
        "",
        &long,
        "dev ices",
        "dev.ices",
    ] {
        let topic = format!("sg/1/acme/hq/up/push/{dataset}");
        let name = format!("publish: a dataset named {dataset:?}");
        cases.push(publish(name, Publish::new(topic, b""), &[Limit::Names]));
    }
    for (qos, excuses) in [(0, &[Limit::QosZero][..]), (2, &[Limit::QosTwo]), (3, &[])] {
        let name = format!("publish with QoS {qos}: its own status");
        let status = Publish::new("sg/1/acme/hq/up/status", b"");
        cases.push(publish(name, Publish { qos, ..status }, excuses));
    }
    cases
}

/// What would outlive the connection, or is too large.
fn left_behind() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, attack: Attack, excuses| {
        cases.push(Case {
            name,
            attack,
            excuses,
        });
    };
    for (topic, retain) in [
        ("sg/1/globex/hq/down/ack", false),
        ("sg/1/globex/hq/down/ack", true),
        ("sg/1/globex/hq/up/status", false),
        ("sg/1/acme/branch/up/status", false),
        ("sg/1/acme/hq/up/presence", false),
        ("sg/1/acme/hq/down/ack", false),
        ("sg/1/enrolment/door/up/enrol", false),
        ("sg/1/+/hq/up/status", false),
        ("#", true),
        ("$SYS/broker", true),
    ] {
        let kept = if retain { ", retained" } else { "" };
        let topic = topic.to_owned();
        add(
            format!("will: {topic}{kept}"),
            Attack::Will { topic, retain },
            &[],
        );
    }
    let topic = "sg/1/acme/hq/up/status".to_owned();
    let own = Attack::Will {
        topic,
        retain: false,
    };
    add("will: its own status".to_owned(), own, &[Limit::Wills]);
    add(
        "retain: its own status".to_owned(),
        Attack::Retain,
        &[Limit::Retained],
    );
    add(
        "a packet above the limit".to_owned(),
        Attack::TooLong,
        &[Limit::PacketSize],
    );
    cases
}
