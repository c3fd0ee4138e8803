//! Who gets a certificate: decisions over what the registry knows, without registry, clock or key.

use std::fmt;

/// A request for approval stays good this long after it was made, whatever its token's life.
pub const REQUEST_LIFE_MS: u64 = 7 * 86_400_000;
/// Requests that may wait for approval at once.
pub const REQUESTS_OPEN_MAX: u64 = 1_000;
/// Certificates that one satellite may be issued within a day; an agent needs one in four days. All of them come on the
/// list when it is revoked, and a list that is too long for the wire revokes nobody.
pub const ISSUED_PER_DAY_MAX: u64 = 12;

/// Why a request is refused. The asker never learns it; the audit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// A join that did not come through the enrolment door.
    NotThroughDoor,
    /// No such join token.
    TokenUnknown,
    /// The proof is not by the token's secret over this key.
    ProofWrong,
    /// The token's life is over.
    TokenExpired,
    /// The token was used with another key.
    TokenUsed,
    /// The satellite was revoked after the token was made.
    SatelliteRevoked,
    /// The tenant is suspended.
    TenantSuspended,
    /// Somebody looked at the request and said no.
    RequestRejected,
    /// Too many requests wait for approval.
    RequestsFull,
    /// No certificate of a satellite has this serial.
    SerialUnknown,
    /// The certificate is another satellite's than the one whose topic the request came on.
    ForeignAddress,
    /// The signature is not by the certificate's key over this request.
    SignatureWrong,
    /// The certificate is revoked.
    CertificateRevoked,
    /// The certificate ended too long ago.
    GraceOver,
    /// The new key is the old one.
    KeyNotNew,
    /// The satellite was issued too many certificates of late.
    TooMany,
    /// A certificate of the same key was revoked.
    KeyRevoked,
    /// The authority cannot sign, for example because it ends before the certificate would.
    AuthorityUnable,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 18] = [
        Self::NotThroughDoor,
        Self::TokenUnknown,
        Self::ProofWrong,
        Self::TokenExpired,
        Self::TokenUsed,
        Self::SatelliteRevoked,
        Self::TenantSuspended,
        Self::RequestRejected,
        Self::RequestsFull,
        Self::SerialUnknown,
        Self::ForeignAddress,
        Self::SignatureWrong,
        Self::CertificateRevoked,
        Self::GraceOver,
        Self::KeyNotNew,
        Self::TooMany,
        Self::KeyRevoked,
        Self::AuthorityUnable,
    ];

    /// A short word for audit and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotThroughDoor => "not-through-door",
            Self::TokenUnknown => "token-unknown",
            Self::ProofWrong => "proof-wrong",
            Self::TokenExpired => "token-expired",
            Self::TokenUsed => "token-used",
            Self::SatelliteRevoked => "satellite-revoked",
            Self::TenantSuspended => "tenant-suspended",
            Self::RequestRejected => "request-rejected",
            Self::RequestsFull => "requests-full",
            Self::SerialUnknown => "serial-unknown",
            Self::ForeignAddress => "foreign-address",
            Self::SignatureWrong => "signature-wrong",
            Self::CertificateRevoked => "certificate-revoked",
            Self::GraceOver => "grace-over",
            Self::KeyNotNew => "key-not-new",
            Self::TooMany => "too-many",
            Self::KeyRevoked => "key-revoked",
            Self::AuthorityUnable => "authority-unable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// What is done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Issue a certificate.
    Issue(Ground),
    /// Hand out once more the certificate that was issued to the same key: its answer was lost.
    Again(Ground),
    /// Keep the request until somebody approves it.
    File,
    /// It is kept already and nobody has decided.
    Wait,
    /// No.
    Refuse(Refusal),
}

/// By what right a certificate is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// A join token.
    Token,
    /// A join token, and somebody's approval.
    Approval,
    /// The certificate in use.
    Certificate,
    /// A certificate that ended not too long ago.
    Grace,
}

impl Ground {
    /// A short word for audit and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Approval => "approval",
            Self::Certificate => "certificate",
            Self::Grace => "grace",
        }
    }
}

/// What is known when somebody asks to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    /// The request came through the enrolment door.
    pub through_door: bool,
    /// The token that it names.
    pub token: Option<Token>,
    /// Every join needs approval, whatever the token says.
    pub approval: bool,
    /// Requests of others that wait.
    pub requests_open: u64,
}

/// A join token, as far as it matters to the key that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The proof holds for this key.
    pub proof_holds: bool,
    /// The last moment of its life.
    pub expires_at_ms: u64,
    /// Somebody has to approve.
    pub approval: bool,
    /// Its satellite was revoked since.
    pub voided: bool,
    /// Its tenant is suspended.
    pub suspended: bool,
    /// It was used, by this key or by another.
    pub used: Option<By>,
    /// A certificate was issued for it to this key.
    pub certificate: bool,
    /// The request of this key for approval: its state, and when it was made.
    pub request: Option<(Request, u64)>,
}

/// Whose key used a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The one that asks now.
    ThisKey,
    /// Another.
    AnotherKey,
}

/// The state of a request for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Nobody has decided.
    Waiting,
    /// Somebody said yes.
    Approved,
    /// Somebody said no.
    Rejected,
}

/// Decides a request to join. What is secret is checked before anything is told apart by it.
pub fn join(facts: &Join, now_ms: u64) -> Decision {
    let Some(token) = &facts.token else {
        return Decision::Refuse(if facts.through_door {
            Refusal::TokenUnknown
        } else {
            Refusal::NotThroughDoor
        });
    };
    let asked = token.request.map(|(_, asked_at_ms)| asked_at_ms);
    let alive = now_ms <= token.expires_at_ms
        || asked.is_some_and(|at| now_ms <= at.saturating_add(REQUEST_LIFE_MS));
    let refusals = [
        (!facts.through_door, Refusal::NotThroughDoor),
        (!token.proof_holds, Refusal::ProofWrong),
        (token.suspended, Refusal::TenantSuspended),
        (token.voided, Refusal::SatelliteRevoked),
        (token.used == Some(By::AnotherKey), Refusal::TokenUsed),
        (!alive, Refusal::TokenExpired),
    ];
    if let Some((_, refusal)) = refusals.into_iter().find(|(holds, _)| *holds) {
        return Decision::Refuse(refusal);
    }
    let request = token.request.map(|(state, _)| state);
    let ground = match request {
        Some(_) => Ground::Approval,
        None => Ground::Token,
    };
    match request {
        _ if token.certificate => Decision::Again(ground),
        Some(Request::Rejected) => Decision::Refuse(Refusal::RequestRejected),
        Some(Request::Waiting) => Decision::Wait,
        Some(Request::Approved) => Decision::Issue(ground),
        None if !(token.approval || facts.approval) => Decision::Issue(ground),
        None if facts.requests_open >= REQUESTS_OPEN_MAX => Decision::Refuse(Refusal::RequestsFull),
        None => Decision::File,
    }
}

/// What is known when somebody asks with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The satellite's certificate of that serial.
    pub certificate: Option<Certificate>,
    /// How long after its end a certificate may still renew.
    pub grace_ms: u64,
}

/// A certificate that asks for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The request came on the topic of the certificate's satellite, or through the door.
    pub address_fits: bool,
    /// The signature holds for the new key.
    pub signature_holds: bool,
    /// It is revoked.
    pub revoked: bool,
    /// Its tenant is suspended.
    pub suspended: bool,
    /// Its last moment.
    pub not_after_ms: u64,
    /// The new key is another than its own.
    pub key_is_new: bool,
    /// A certificate that is still good was issued to the new key at this one's request.
    pub renewed: bool,
    /// How many certificates its satellite was issued within a day.
    pub issued_of_late: u64,
}

/// Decides a request to renew.
pub fn renewal(facts: &Renewal, now_ms: u64) -> Decision {
    let Some(certificate) = &facts.certificate else {
        return Decision::Refuse(Refusal::SerialUnknown);
    };
    let ended = now_ms > certificate.not_after_ms;
    let over = now_ms > certificate.not_after_ms.saturating_add(facts.grace_ms);
    let too_many = certificate.issued_of_late >= ISSUED_PER_DAY_MAX && !certificate.renewed;
    let refusals = [
        (!certificate.address_fits, Refusal::ForeignAddress),
        (!certificate.signature_holds, Refusal::SignatureWrong),
        (certificate.revoked, Refusal::CertificateRevoked),
        (certificate.suspended, Refusal::TenantSuspended),
        (over, Refusal::GraceOver),
        (!certificate.key_is_new, Refusal::KeyNotNew),
        (too_many, Refusal::TooMany),
    ];
    if let Some((_, refusal)) = refusals.into_iter().find(|(holds, _)| *holds) {
        return Decision::Refuse(refusal);
    }
    let ground = if ended {
        Ground::Grace
    } else {
        Ground::Certificate
    };
    if certificate.renewed {
        Decision::Again(ground)
    } else {
        Decision::Issue(ground)
    }
}

/// The same decision about a key of which a certificate was revoked: whoever had to be revoked may have lost it.
pub fn about_key(decision: Decision, key_revoked: bool) -> Decision {
    match decision {
        Decision::Refuse(_) => decision,
        _ if key_revoked => Decision::Refuse(Refusal::KeyRevoked),
        _ => decision,
    }
}

#[cfg(test)]
mod tests;
