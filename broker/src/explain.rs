//! `explain`: what the policy says to a certificate, and by which rule, without a broker running.

mod command;

use spokegate_contract::{TenantId, Topic};
use spokegate_identity::Principal;

use crate::packet::{Publish, Qos};
use crate::policy::{self, Denial, Session};

pub(crate) use command::Explain;

/// What the holder of a certificate wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Publish on a topic.
    Publish(String),
    /// Subscribe to a filter.
    Subscribe(String),
}

/// What the policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that decided.
    pub rule: &'static str,
    /// The rule in words, for a refusal.
    pub reason: Option<String>,
}

/// Asks the policy. A sanitizer is taken to be in its session for the tenant that the topic or filter names, because
/// that is the session in which it would ask.
pub fn explain(principal: &Principal, action: &Action) -> Verdict {
    let text = match action {
        Action::Publish(topic) => topic,
        Action::Subscribe(filter) => filter,
    };
    let decision = session(principal, text).and_then(|session| match action {
        Action::Publish(topic) => {
            let message = Publish {
                topic: topic.clone(),
                packet_id: 1,
                qos: Qos::AtLeastOnce,
                retain: false,
                payload: bytes::Bytes::new(),
            };
            policy::publish(&session, &message).map(|permit| permit.rule())
        }
        Action::Subscribe(filter) => {
            policy::subscribe(&session, filter, Qos::AtLeastOnce).map(|permit| permit.rule())
        }
    });
    match decision {
        Ok(rule) => Verdict {
            allowed: true,
            rule: rule.name(),
            reason: None,
        },
        Err(denial) => Verdict {
            allowed: false,
            rule: denial.name(),
            reason: Some(denial.to_string()),
        },
    }
}

fn session(principal: &Principal, text: &str) -> Result<Session, Denial> {
    match principal {
        Principal::Satellite(address) => Ok(Session::Satellite(address.clone())),
        Principal::Service(spokegate_identity::ServiceName::Sanitizer) => tenant_of(text)
            .map(Session::Sanitizer)
            .ok_or(Denial::Grammar),
        Principal::Service(_) => Err(Denial::Service),
    }
}

fn tenant_of(text: &str) -> Option<TenantId> {
    match Topic::parse(text) {
        Ok(topic) => Some(topic.address.tenant),
        Err(_) => text.strip_prefix("sg/1/")?.split('/').next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spokegate_contract::Address;
    use spokegate_identity::ServiceName;

    #[track_caller]
    fn check(principal: &Principal, action: Action, allowed: bool, rule: &str) {
        let verdict = explain(principal, &action);
        assert_eq!(
            (verdict.allowed, verdict.rule),
            (allowed, rule),
            "{action:?}"
        );
        assert_eq!(verdict.reason.is_some(), !allowed);
    }

    #[test]
    fn each_principal_gets_the_rule_that_the_broker_would_apply() {
        let publish = |topic: &str| Action::Publish(topic.to_owned());
        let subscribe = |filter: &str| Action::Subscribe(filter.to_owned());
        let hq = Principal::Satellite(Address::new("acme".parse().unwrap(), "hq".parse().unwrap()));
        check(&hq, publish("sg/1/acme/hq/up/reply"), true, "own-up");
        check(
            &hq,
            publish("sg/1/globex/hq/up/reply"),
            false,
            "other-tenant",
        );
        check(&hq, subscribe("sg/1/acme/hq/down/#"), true, "own-down");
        check(&hq, subscribe("#"), false, "filter");
        let sanitizer = Principal::Service(ServiceName::Sanitizer);
        check(&sanitizer, subscribe("sg/1/acme/+/up/#"), true, "tenant-up");
        check(&sanitizer, subscribe("sg/1/+/+/up/#"), false, "grammar");
        check(
            &sanitizer,
            publish("sg/1/acme/hq/down/ack"),
            true,
            "tenant-down",
        );
        check(
            &sanitizer,
            publish("sg/1/acme/hq/up/reply"),
            false,
            "direction",
        );
        let reports = Principal::Service(ServiceName::ReportService);
        check(&reports, subscribe("sg/1/acme/+/up/#"), false, "service");
    }
}
