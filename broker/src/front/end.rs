//! How a connection ends, in one word for the audit and the metric.

use spokegate_daemon::audit::Event;
use spokegate_identity::IdentityError;

use crate::meters::Meters;
use crate::packet::DecodeError;
use crate::policy::{Denial, Session};

/// Why a connection ended, or was not let in.
#[derive(Debug)]
pub(super) enum End {
    /// The client said DISCONNECT.
    Closed,
    /// The socket broke or was closed without a word.
    Lost,
    /// A newer connection of the same identity came.
    Replaced,
    /// The broker stops.
    Stopping,
    /// Nothing came for one and a half keep-alives.
    Silent,
    /// The client takes or acknowledges too slowly.
    Slow,
    /// The tenant's router ended.
    RouterGone,
    /// Not a packet that a client may send.
    Malformed(DecodeError),
    /// A packet that has no place there: no CONNECT at first, or a second one.
    OutOfPlace,
    /// The policy refused it.
    Denied(Denial, String),
    /// Too many refused subscriptions.
    Stubborn,
    /// The TLS handshake failed: no certificate, a foreign or an expired one, or no TLS at all.
    Handshake(String),
    /// A verified certificate that is nobody.
    Nobody(IdentityError),
    /// The handshake and CONNECT took too long.
    Late,
    /// It had to make room for newer connections before it said who it is.
    Crowded,
    /// The address connects too often.
    Rate,
    /// As many sessions as there may be.
    Full,
}

impl End {
    /// One word for the audit and the metric.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Lost => "lost",
            Self::Replaced => "replaced",
            Self::Stopping => "stopping",
            Self::Silent => "keep-alive-over",
            Self::Slow => "slow",
            Self::RouterGone => "router-gone",
            Self::Malformed(_) => "malformed",
            Self::OutOfPlace => "out-of-place",
            Self::Denied(denial, _) => denial.name(),
            Self::Stubborn => "too-many-refusals",
            Self::Handshake(_) => "handshake",
            Self::Nobody(error) => error.reason(),
            Self::Late => "handshake-late",
            Self::Crowded => "crowded",
            Self::Rate => "address-rate",
            Self::Full => "full",
        }
    }

    /// Whether the broker refused something, rather than that a session ran its course.
    pub(super) fn is_denial(&self) -> bool {
        !matches!(
            self,
            Self::Closed
                | Self::Lost
                | Self::Replaced
                | Self::Stopping
                | Self::Silent
                | Self::RouterGone
        )
    }

    /// What there is to say beyond the reason; for the log at DEBUG, since it may hold what a stranger wrote.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Malformed(error) => Some(error.to_string()),
            Self::Denied(denial, _) => Some(denial.to_string()),
            Self::Handshake(error) => Some(error.clone()),
            Self::Nobody(error) => Some(error.to_string()),
            _ => None,
        }
    }

    /// Counts and tells a refusal before there is a session.
    pub(super) fn refuse(&self, principal: Option<&str>) {
        if !self.is_denial() {
            return;
        }
        Meters::denied(self.reason());
        if let Some(detail) = self.detail() {
            tracing::debug!(reason = self.reason(), detail, "a connection was refused");
        }
        let mut event = Event::denied(self.reason());
        if let Some(principal) = principal {
            event = event.principal(principal);
        }
        event.emit("connection refused");
    }

    /// Tells the end of a session.
    pub(super) fn conclude(&self, session: &Session, principal: &str, lasted_ms: u64) {
        if let Some(detail) = self.detail() {
            tracing::debug!(
                reason = self.reason(),
                principal,
                detail,
                "a session was ended"
            );
        }
        if !self.is_denial() {
            about(Event::allowed(self.reason()), session, principal)
                .duration_ms(lasted_ms)
                .emit("disconnected");
            return;
        }
        Meters::denied(self.reason());
        let mut event =
            about(Event::denied(self.reason()), session, principal).duration_ms(lasted_ms);
        if let Self::Denied(_, topic) = self {
            event = event.topic(topic);
        }
        event.emit("session ended");
    }
}

/// Fills in whose session it is.
pub(super) fn about<'a>(event: Event<'a>, session: &'a Session, principal: &'a str) -> Event<'a> {
    let event = event.principal(principal);
    match session {
        Session::Satellite(address) => event
            .tenant(address.tenant.as_str())
            .satellite(address.satellite.as_str()),
        Session::Sanitizer(tenant) => event.tenant(tenant.as_str()),
        Session::Open(_) => event,
    }
}

/// The longest part of a refused topic that is told; the rest helps nobody.
const TOLD_BYTES_MAX: usize = 256;

/// A topic or filter as it is told in the audit.
pub(super) fn told(topic: &str) -> String {
    let mut end = topic.len().min(TOLD_BYTES_MAX);
    while !topic.is_char_boundary(end) {
        end -= 1;
    }
    topic[..end].to_owned()
}
