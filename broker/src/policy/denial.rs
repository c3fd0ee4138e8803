//! Why not, and by which rule.

use crate::packet::ConnectCode;

/// A refusal; its name is the `reason` of the audit event and of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denial {
    /// Not MQTT 3.1.1.
    #[error("only MQTT 3.1.1 is spoken here")]
    Version,
    /// The client id is not the one of the certificate.
    #[error("the client id is not the one that the certificate gives")]
    ClientId,
    /// The certificate names a service that has no session here.
    #[error("this service has no session at the broker")]
    Service,
    /// A will in the CONNECT.
    #[error("wills are not taken; the broker publishes presence itself")]
    Will,
    /// The clean-session flag is off.
    #[error("every session is clean")]
    PersistentSession,
    /// A user name or password.
    #[error("identity comes from the certificate, not from a user name")]
    Credentials,
    /// Keep-alive off or above the limit.
    #[error("the keep-alive is off or above the limit")]
    KeepAlive,
    /// QoS 0 on a way that is held back by acknowledgements only.
    #[error("quality of service 1 is needed, so that acknowledgements hold the flow back")]
    QosZero,
    /// QoS 2.
    #[error("quality of service 2 is not offered")]
    QosTwo,
    /// The retain flag.
    #[error("nothing is retained")]
    Retain,
    /// Not a topic of the grammar; wildcards, `$` topics and foreign prefixes end here.
    #[error("not a topic of the grammar")]
    Grammar,
    /// A topic of another tenant.
    #[error("a topic of another tenant")]
    OtherTenant,
    /// A topic of another satellite of the tenant.
    #[error("a topic of another satellite")]
    OtherSatellite,
    /// A topic that goes the other way.
    #[error("a topic that this side does not use")]
    Direction,
    /// The presence topic, which only the broker publishes.
    #[error("presence is published by the broker itself")]
    Presence,
    /// What only the enrolment door takes, sent to a satellite, or the other way round.
    #[error(
        "the enrolment door takes admissions and revocation lists, satellites all but the lists"
    )]
    Door,
    /// A filter that is not in the session's list.
    #[error("not a filter that this session may use")]
    Filter,
    /// A name or filter against MQTT's own rules, on the open listener.
    #[error("not a valid MQTT name")]
    Name,
}

impl Denial {
    /// Every denial.
    pub const ALL: [Self; 18] = [
        Self::Version,
        Self::ClientId,
        Self::Service,
        Self::Will,
        Self::PersistentSession,
        Self::Credentials,
        Self::KeepAlive,
        Self::QosZero,
        Self::QosTwo,
        Self::Retain,
        Self::Grammar,
        Self::OtherTenant,
        Self::OtherSatellite,
        Self::Direction,
        Self::Presence,
        Self::Door,
        Self::Filter,
        Self::Name,
    ];

    /// The rule's name, as printed by `explain`, in audit events and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::ClientId => "client-id",
            Self::Service => "service",
            Self::Will => "will",
            Self::PersistentSession => "persistent-session",
            Self::Credentials => "credentials",
            Self::KeepAlive => "keep-alive",
            Self::QosZero => "qos-0",
            Self::QosTwo => "qos-2",
            Self::Retain => "retain",
            Self::Grammar => "grammar",
            Self::OtherTenant => "other-tenant",
            Self::OtherSatellite => "other-satellite",
            Self::Direction => "direction",
            Self::Presence => "presence",
            Self::Door => "door",
            Self::Filter => "filter",
            Self::Name => "name",
        }
    }

    /// What a CONNECT that is refused for this is answered with.
    pub fn connect_code(self) -> ConnectCode {
        match self {
            Self::Version => ConnectCode::Version,
            Self::ClientId => ConnectCode::Identifier,
            _ => ConnectCode::NotAuthorized,
        }
    }
}

/// The rule that allows something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A satellite publishes under its own `up/`.
    OwnUp,
    /// A satellite receives what is below its own `down/`.
    OwnDown,
    /// The sanitizer publishes `down/` topics of the session's tenant.
    TenantDown,
    /// The sanitizer receives all `up/` topics of the session's tenant.
    TenantUp,
    /// The open listener allows what MQTT allows.
    Open,
}

impl Rule {
    /// The rule's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnUp => "own-up",
            Self::OwnDown => "own-down",
            Self::TenantDown => "tenant-down",
            Self::TenantUp => "tenant-up",
            Self::Open => "open",
        }
    }
}
