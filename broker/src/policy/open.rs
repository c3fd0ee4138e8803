//! The open listener: what MQTT 3.1.1 itself allows with QoS 0 and 1, and nothing about identity.

use super::{Denial, PublishPermit, Route, Rule, Session, SubscribePermit};
use crate::packet::{Connect, Qos};

/// Longest client id and topic that the open cell takes.
const NAME_BYTES_MAX: usize = 1_024;

/// May this client of the open listener connect? `made_up` is its name if it brings none.
pub fn connect(connect: &Connect, made_up: impl FnOnce() -> String) -> Result<Session, Denial> {
    if connect.level != 4 {
        return Err(Denial::Version);
    }
    let id = &connect.client_id;
    if let Some(will) = &connect.will {
        topic(&will.topic)?;
    }
    match id.len() {
        0 if connect.clean_session => Ok(Session::Open(made_up())),
        1..=NAME_BYTES_MAX => Ok(Session::Open(id.clone())),
        _ => Err(Denial::ClientId),
    }
}

pub(super) fn publish(text: &str) -> Result<PublishPermit, Denial> {
    topic(text)?;
    Ok(PublishPermit {
        route: Route::Open,
        rule: Rule::Open,
    })
}

pub(super) fn subscribe(filter: &str, qos: Qos) -> Result<SubscribePermit, Denial> {
    // MQTT 3.1.1 §3.8.4 lets a server grant less than was asked for.
    let qos = qos.min(Qos::AtLeastOnce);
    let valid = (1..=NAME_BYTES_MAX).contains(&filter.len()) && wildcards_stand_alone(filter);
    if valid {
        Ok(SubscribePermit {
            filter: filter.to_owned(),
            qos,
            rule: Rule::Open,
        })
    } else {
        Err(Denial::Name)
    }
}

fn topic(text: &str) -> Result<(), Denial> {
    let valid = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(['+', '#']);
    if valid { Ok(()) } else { Err(Denial::Name) }
}

/// MQTT 3.1.1 §4.7.1: `+` fills a level, `#` fills the last one.
fn wildcards_stand_alone(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let allowed = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            other => !other.contains(['+', '#']),
        };
        if !allowed {
            return false;
        }
    }
    true
}
