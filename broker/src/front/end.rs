//! How a connection ends, in one word for the audit and the metric.

mod advice;

use std::net::SocketAddr;

use spokegate_daemon::audit::Event;
use spokegate_identity::IdentityError;

use crate::meters::Meters;
use crate::packet::DecodeError;
use crate::policy::{Denial, Session};
use crate::roster::{Dismissal, Guest};

pub(super) use advice::subscription as subscription_advice;

use super::handshake::{Cause, Failure};

/// Why a connection ended, or was not let in.
#[derive(Debug)]
pub(super) enum End {
    /// The client said DISCONNECT.
    Closed,
    /// The socket broke or was closed without a word.
    Lost,
    /// A newer connection of the same principal came.
    Replaced,
    /// The broker stops.
    Stopping,
    /// An operator ended it.
    Disconnected,
    /// Its certificate is on a revocation list.
    Revoked,
    /// Its certificate's time is over.
    Expired,
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
    /// The TLS handshake failed: no certificate, a foreign or a revoked one, or no TLS at all.
    Handshake(Box<Failure>),
    /// A verified certificate that is nobody.
    Nobody(IdentityError),
    /// The handshake and CONNECT took too long.
    Late,
    /// It had to make room for newer connections before it said who it is.
    Crowded,
    /// The address connects too often.
    Rate,
    /// The principal connects too often.
    PrincipalRate,
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
            Self::Disconnected => "disconnected-by-operator",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Silent => "keep-alive-over",
            Self::Slow => "slow",
            Self::RouterGone => "router-gone",
            Self::Malformed(_) => "malformed",
            Self::OutOfPlace => "out-of-place",
            Self::Denied(denial, _) => denial.name(),
            Self::Stubborn => "too-many-refusals",
            Self::Handshake(failure) => failure.cause().reason(),
            Self::Nobody(error) => error.reason(),
            Self::Late => "handshake-late",
            Self::Crowded => "crowded",
            Self::Rate => "address-rate",
            Self::PrincipalRate => "principal-rate",
            Self::Full => "full",
        }
    }

    /// Whether the broker refused something, rather than that a session ran its course.
    pub(super) fn is_denial(&self) -> bool {
        match self {
            Self::Closed
            | Self::Lost
            | Self::Replaced
            | Self::Stopping
            | Self::Disconnected
            | Self::Silent
            | Self::RouterGone => false,
            // Whoever looks whether the port is open was refused nothing.
            Self::Handshake(failure) => failure.cause() != Cause::Lost,
            _ => true,
        }
    }

    /// What there is to say beyond the reason; for the log at DEBUG, since it may hold what a stranger wrote.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Malformed(error) => Some(error.to_string()),
            Self::Handshake(failure) => Some(failure.detail().to_owned()),
            _ => None,
        }
    }

    /// Counts and tells a refusal before there is a session.
    pub(super) fn refuse(&self, caller: &Caller<'_>) {
        if let Self::Handshake(failure) = self {
            Meters::handshake_failed(failure.cause().reason());
        }
        if !self.is_denial() {
            return;
        }
        Meters::denied(self.reason());
        self.tell_detail(caller.principal);
        let message = format!("connection refused: {}", advice::what(self));
        let mut event = caller.about(Event::denied(self.reason()));
        match self {
            Self::Handshake(failure) => {
                // Only what is revoked was vouched for before it was refused.
                event = match (failure.claimed(), failure.cause()) {
                    (Some(holder), Cause::Revoked) => event.principal(holder),
                    (Some(stranger), _) => event.claimed(stranger),
                    (None, _) => event,
                };
                if let Some(serial) = failure.serial() {
                    event = event.serial(serial);
                }
            }
            Self::Nobody(IdentityError::ForeignTrustDomain(uri)) => event = event.principal(uri),
            _ => {}
        }
        advised(event, self).emit(&message);
    }

    /// Tells the end of a session.
    pub(super) fn conclude(&self, guest: &Guest, lasted_ms: u64) {
        let caller = Caller::from(guest);
        self.tell_detail(caller.principal);
        Meters::session_ended(self.reason());
        if !self.is_denial() {
            caller
                .about(Event::allowed(self.reason()))
                .duration_ms(lasted_ms)
                .emit("disconnected");
            return;
        }
        Meters::denied(self.reason());
        let message = format!("session ended: {}", advice::what(self));
        let mut event = caller
            .about(Event::denied(self.reason()))
            .duration_ms(lasted_ms);
        if let Self::Denied(_, topic) = self {
            event = event.topic(topic);
        }
        advised(event, self).emit(&message);
    }

    fn tell_detail(&self, principal: Option<&str>) {
        if let Some(detail) = self.detail() {
            tracing::debug!(
                reason = self.reason(),
                principal,
                detail,
                "a connection was ended"
            );
        }
    }
}

impl From<Dismissal> for End {
    fn from(dismissal: Dismissal) -> Self {
        match dismissal {
            Dismissal::Revoked => Self::Revoked,
            Dismissal::Expired => Self::Expired,
            Dismissal::Disconnected => Self::Disconnected,
            Dismissal::Stopping => Self::Stopping,
        }
    }
}

/// Whom an audit event is about, as far as it is known by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) principal: Option<&'a str>,
    pub(super) session: Option<&'a Session>,
    pub(super) peer: SocketAddr,
}

impl<'a> Caller<'a> {
    /// Nobody yet.
    pub(super) fn at(peer: SocketAddr) -> Self {
        Self {
            principal: None,
            session: None,
            peer,
        }
    }

    /// Fills in what is known.
    pub(super) fn about(&self, event: Event<'a>) -> Event<'a> {
        let event = event.peer(self.peer);
        match (self.session, self.principal) {
            (Some(session), Some(principal)) => about(event, session, principal),
            (None, Some(principal)) => event.principal(principal),
            (_, None) => event,
        }
    }
}

impl<'a> From<&'a Guest> for Caller<'a> {
    fn from(guest: &'a Guest) -> Self {
        Self {
            principal: Some(&guest.principal),
            session: Some(&guest.session),
            peer: guest.peer,
        }
    }
}

fn advised<'a>(event: Event<'a>, end: &End) -> Event<'a> {
    match advice::hint(end) {
        Some(hint) => event.hint(hint),
        None => event,
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

#[cfg(test)]
mod tests;
