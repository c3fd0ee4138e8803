//! What other brokers cannot enforce, in plain words. The attack suite measures each sentence against the real broker.

use super::Kind;

/// Something that our own broker enforces and another does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The rendering has not been tried.
    NotRun,
    /// A refused subscription is answered as if it were granted.
    SilentSubscribe,
    /// A refused publish is acknowledged.
    SilentPublish,
    /// A client can take another's client id and so end its session.
    ClientId,
    /// Identity is the common name; other names in a certificate are not looked at.
    CommonName,
    /// Of several URIs in a certificate one that is listed counts.
    SeveralUris,
    /// MQTT 5 or 3.1 is spoken.
    OtherVersions,
    /// Wills within a party's rights are taken.
    Wills,
    /// Sessions that outlive their connection.
    PersistentSessions,
    /// Retained messages.
    Retained,
    /// QoS 2.
    QosTwo,
    /// QoS 0, which nothing holds back.
    QosZero,
    /// User names and passwords in a CONNECT.
    Credentials,
    /// Long or no keep-alive.
    KeepAlive,
    /// Names within a party's own topics.
    Names,
    /// Filters that no client of ours uses, within a party's own topics.
    Filters,
    /// The size of a packet.
    PacketSize,
    /// A revoked certificate at the next handshake.
    Revocation,
    /// A live session of a revoked certificate.
    LiveSessions,
    /// Rates of messages and bytes.
    Rates,
    /// Presence and several sanitizers.
    Presence,
    /// Enrolment by join token.
    Enrolment,
}

const EVERYWHERE: [(Limit, &str); 6] = [
    (
        Limit::Wills,
        "Wills are taken, within a party's own rights: one looks like any other message of that party.",
    ),
    (
        Limit::PersistentSessions,
        "Sessions that outlive their connection are given to whoever asks: a party can have its own messages pile up.",
    ),
    (
        Limit::QosZero,
        "QoS 0 is taken, which no acknowledgement holds back.",
    ),
    (
        Limit::Rates,
        "There are no quotas in messages or bytes for each party: a noisy tenant can slow the others down.",
    ),
    (
        Limit::Presence,
        "Nobody publishes presence. At the sanitizer set [broker] sessions = \"single\" and presence = \"heartbeat\".",
    ),
    (
        Limit::Enrolment,
        "Join tokens need the enrolment listener of spokegate-broker. Without one: spokegate tenant certificate.",
    ),
];

const COMMON_NAME: (Limit, &str) = (
    Limit::CommonName,
    "Identity is the certificate's common name alone; trust domain and URIs are not looked at. The authority must sign nothing but Spokegate's certificates.",
);

const SEVERAL_URIS: (Limit, &str) = (
    Limit::SeveralUris,
    "A certificate with several URIs is taken for one of them. Spokegate's authority signs none such.",
);

const CLIENT_ID: (Limit, &str) = (
    Limit::ClientId,
    "The client id is not tied to the certificate: whoever has a valid certificate can take another's client id and so end its session, again and again. It gets none of the other's messages or rights by that.",
);

const NAMES: (Limit, &str) = (
    Limit::Names,
    "The spelling of datasets in a party's own topics is not checked. The sanitizer drops what is not of the grammar.",
);

const FILTERS: (Limit, &str) = (
    Limit::Filters,
    "Any filter within a party's own rights is granted, not only those that an agent uses.",
);

const KEEP_ALIVE: (Limit, &str) = (
    Limit::KeepAlive,
    "Any keep-alive is taken, also none: a dead connection may be held for hours.",
);

const CREDENTIALS: (Limit, &str) = (
    Limit::Credentials,
    "A user name in a CONNECT is ignored rather than refused; the rights stay those of the certificate.",
);

const MQTT_5: (Limit, &str) = (
    Limit::OtherVersions,
    "MQTT 5 and 3.1 are spoken beside 3.1.1 and cannot be turned off. The same rights apply.",
);

const MOSQUITTO: [(Limit, &str); 10] = [
    (
        Limit::SilentSubscribe,
        "A subscription beyond a party's rights is answered as if granted. Nothing is delivered on it.",
    ),
    (
        Limit::SilentPublish,
        "A message beyond a party's rights is acknowledged and thrown away. The connection stays.",
    ),
    COMMON_NAME,
    (
        Limit::SeveralUris,
        "The same holds for a certificate with several URIs.",
    ),
    MQTT_5,
    CREDENTIALS,
    KEEP_ALIVE,
    NAMES,
    FILTERS,
    (
        Limit::LiveSessions,
        "A revoked certificate's live session is not ended. Render again without the satellite and send SIGHUP: then it can neither send nor receive.",
    ),
];

const RABBITMQ: [(Limit, &str); 9] = [
    CLIENT_ID,
    SEVERAL_URIS,
    (
        Limit::OtherVersions,
        "MQTT 3.1 is spoken beside 3.1.1 and cannot be turned off. The same rights apply.",
    ),
    KEEP_ALIVE,
    (Limit::QosTwo, "QoS 2 is taken and treated as QoS 1."),
    (
        Limit::Names,
        "A dot in a topic counts as a slash: a party can write its own topics either way.",
    ),
    FILTERS,
    (
        Limit::Revocation,
        "Revocation lists are not read. What shuts a satellite out is that its user is gone; a new certificate of the same name would come in with the old one, so give it a new name.",
    ),
    (
        Limit::LiveSessions,
        "A live session goes on when its user is deleted: rabbitmqctl delete_user, then rabbitmqctl close_all_user_connections.",
    ),
];

const NATS: [(Limit, &str); 9] = [
    CLIENT_ID,
    SEVERAL_URIS,
    CREDENTIALS,
    KEEP_ALIVE,
    (
        Limit::Retained,
        "Retained messages are kept, within a party's own rights.",
    ),
    NAMES,
    FILTERS,
    (
        Limit::PacketSize,
        "The size of a packet is not limited for MQTT.",
    ),
    (
        Limit::Revocation,
        "Revocation lists are not read. What shuts a satellite out is that it is no longer listed: render again without it and send SIGHUP, which ends its session; a new certificate of the same name would come in with the old one, so give it a new name.",
    ),
];

const EMQX: [(Limit, &str); 7] = [
    (
        Limit::NotRun,
        "This configuration is written from EMQX's documentation and has never been run against EMQX. Attack it before you trust it.",
    ),
    COMMON_NAME,
    MQTT_5,
    CREDENTIALS,
    NAMES,
    (
        Limit::Revocation,
        "A revocation list is not rendered: EMQX fetches lists from the address in a certificate, and Spokegate's have none.",
    ),
    (
        Limit::LiveSessions,
        "A live session goes on until it is kicked out through EMQX's management interface.",
    ),
];

const HIVEMQ: [(Limit, &str); 9] = [
    (
        Limit::NotRun,
        "This configuration is written from HiveMQ's documentation and has never been run against HiveMQ. Attack it before you trust it.",
    ),
    CLIENT_ID,
    COMMON_NAME,
    MQTT_5,
    CREDENTIALS,
    NAMES,
    FILTERS,
    (
        Limit::Revocation,
        "A revocation list is not rendered: HiveMQ's trust store holds none.",
    ),
    (
        Limit::LiveSessions,
        "A live session goes on until it is ended through HiveMQ's management interface.",
    ),
];

impl Limit {
    /// One word, for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotRun => "not-run",
            Self::SilentSubscribe => "silent-subscribe",
            Self::SilentPublish => "silent-publish",
            Self::ClientId => "client-id",
            Self::CommonName => "common-name",
            Self::SeveralUris => "several-uris",
            Self::OtherVersions => "other-versions",
            Self::Wills => "wills",
            Self::PersistentSessions => "persistent-sessions",
            Self::Retained => "retained",
            Self::QosTwo => "qos-2",
            Self::QosZero => "qos-0",
            Self::Credentials => "credentials",
            Self::KeepAlive => "keep-alive",
            Self::Names => "names",
            Self::Filters => "filters",
            Self::PacketSize => "packet-size",
            Self::Revocation => "revocation",
            Self::LiveSessions => "live-sessions",
            Self::Rates => "rates",
            Self::Presence => "presence",
            Self::Enrolment => "enrolment",
        }
    }

    /// What holds for a broker.
    pub fn of(kind: Kind) -> Vec<Self> {
        said(kind).map(|(limit, _)| limit).collect()
    }

    /// In plain words; none when the broker does enforce it.
    pub fn sentence(self, kind: Kind) -> Option<&'static str> {
        said(kind)
            .find(|(limit, _)| *limit == self)
            .map(|(_, sentence)| sentence)
    }
}

fn said(kind: Kind) -> impl Iterator<Item = (Limit, &'static str)> {
    let own: &[(Limit, &str)] = match kind {
        Kind::Mosquitto => &MOSQUITTO,
        Kind::Rabbitmq => &RABBITMQ,
        Kind::Nats => &NATS,
        Kind::Emqx => &EMQX,
        Kind::Hivemq => &HIVEMQ,
    };
    own.iter().chain(&EVERYWHERE).copied()
}
