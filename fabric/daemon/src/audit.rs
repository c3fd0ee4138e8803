//! Audit events: every denial and every act, with the same field names in all services.

/// The `tracing` target of all audit events.
pub const TARGET: &str = "audit";

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was allowed and done.
    Allowed,
    /// It was refused.
    Denied,
}

impl Decision {
    /// The word in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

/// One audit event: a decision, its typed reason, and whatever of the known fields applies. It is
/// written by [`Event::emit`], as INFO when allowed and WARN when denied.
///
/// Never give it payloads, credentials or directory attributes.
#[derive(Clone, Debug)]
#[must_use = "an event is written by `emit`"]
pub struct Event<'a> {
    decision: Decision,
    reason: &'a str,
    principal: Option<&'a str>,
    claimed: Option<&'a str>,
    tenant: Option<&'a str>,
    satellite: Option<&'a str>,
    topic: Option<&'a str>,
    message_id: Option<&'a str>,
    size_bytes: Option<u64>,
    duration_ms: Option<u64>,
    serial: Option<&'a str>,
    peer: Option<std::net::SocketAddr>,
    hint: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// Something was allowed; `reason` names the rule.
    pub fn allowed(reason: &'a str) -> Self {
        Self::new(Decision::Allowed, reason)
    }

    /// Something was refused; `reason` names the rule.
    pub fn denied(reason: &'a str) -> Self {
        Self::new(Decision::Denied, reason)
    }

    /// Who: a machine's identity or a person's account name.
    pub fn principal(mut self, principal: &'a str) -> Self {
        self.principal = Some(principal);
        self
    }

    /// Who it says it is, which nothing has proven.
    pub fn claimed(mut self, claimed: &'a str) -> Self {
        self.claimed = Some(claimed);
        self
    }

    /// Field `tenant.id`.
    pub fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Field `satellite.id`.
    pub fn satellite(mut self, satellite: &'a str) -> Self {
        self.satellite = Some(satellite);
        self
    }

    /// The topic or filter asked for.
    pub fn topic(mut self, topic: &'a str) -> Self {
        self.topic = Some(topic);
        self
    }

    /// Field `message.id`: a request, a push or a run.
    pub fn message_id(mut self, message_id: &'a str) -> Self {
        self.message_id = Some(message_id);
        self
    }

    /// The size of what was moved or refused.
    pub fn size_bytes(mut self, size_bytes: u64) -> Self {
        self.size_bytes = Some(size_bytes);
        self
    }

    /// How long it took.
    pub fn duration_ms(mut self, duration_ms: u64) -> Self {
        self.duration_ms = Some(duration_ms);
        self
    }

    /// The serial number of the certificate that was shown.
    pub fn serial(mut self, serial: &'a str) -> Self {
        self.serial = Some(serial);
        self
    }

    /// From where. An address is only written where the audit is kept at DEBUG (`audit=debug` in the log's filter).
    pub fn peer(mut self, peer: std::net::SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// What the operator can do.
    pub fn hint(mut self, hint: &'a str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Writes the event; `message` says in words what was done or refused.
    pub fn emit(self, message: &str) {
        let addresses = tracing::enabled!(target: TARGET, tracing::Level::DEBUG);
        let peer = self.peer.filter(|_| addresses).map(tracing::field::display);
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    decision = self.decision.as_str(),
                    reason = self.reason,
                    principal = self.principal,
                    claimed = self.claimed,
                    tenant.id = self.tenant,
                    satellite.id = self.satellite,
                    topic = self.topic,
                    message.id = self.message_id,
                    size_bytes = self.size_bytes,
                    duration_ms = self.duration_ms,
                    serial = self.serial,
                    peer,
                    hint = self.hint,
                    "{message}"
                )
            };
        }
        match self.decision {
            Decision::Allowed => write_at!(info),
            Decision::Denied => write_at!(warn),
        }
    }

    fn new(decision: Decision, reason: &'a str) -> Self {
        Self {
            decision,
            reason,
            principal: None,
            claimed: None,
            tenant: None,
            satellite: None,
            topic: None,
            message_id: None,
            size_bytes: None,
            duration_ms: None,
            serial: None,
            peer: None,
            hint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn an_event_carries_the_house_names_and_leaves_out_what_does_not_apply() {
        let text = capture(|| {
            Event::denied("other-tenant")
                .principal("acme/hq")
                .tenant("acme")
                .topic("sg/1/globex/#")
                .emit("subscribe refused");
            Event::allowed("own-topic")
                .message_id("00ff")
                .size_bytes(12)
                .emit("publish");
        });
        let lines: Vec<&str> = text
            .lines()
            .map(|line| line.split_once(" audit: ").unwrap().1)
            .collect();
        assert_eq!(
            lines,
            [
                "subscribe refused decision=\"denied\" reason=\"other-tenant\" principal=\"acme/hq\" tenant.id=\"acme\" topic=\"sg/1/globex/#\"",
                "publish decision=\"allowed\" reason=\"own-topic\" message.id=\"00ff\" size_bytes=12",
            ]
        );
    }

    fn capture(act: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
