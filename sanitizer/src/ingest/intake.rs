//! What becomes of one incoming message, by its topic and envelope alone. Pure.

mod enrol;

use super::requests::{Matched, Requests};
use crate::link::{Condemned, Reason, WorkHead};
use crate::setup::PresenceMode;
use bytes::Bytes;
use enrol::Allowance;
use spokegate_contract::envelope::{CommandResult, Hello, Presence, Push, Reply};
use spokegate_contract::limits::{CLOCK_SKEW_MS_MAX, MESSAGE_BYTES_MAX};
use spokegate_contract::{
    Address, Channel, ENROLMENT_TENANT, Envelope, EnvelopeError, RequestId, SatelliteId, TenantId,
    Topic,
};
use std::collections::HashMap;

/// Satellites whose presence and watermark are remembered per tenant.
const SATELLITES_MAX: usize = 10_000;

/// Results of one satellite in a minute: the largest parcel takes 86 wishes.
const RESULTS_MAX: u32 = 300;

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To the lane.
    Forward(Box<WorkHead>),
    /// To the lane; whoever asks under this id is told when it is refused there.
    Enrol(Box<WorkHead>, RequestId),
    /// To nobody: the door asks too often, and is told to come again.
    Busy(RequestId),
    /// The enrolment door came or went.
    Door {
        /// Whether it is there.
        online: bool,
    },
    /// To nobody; the reason is a counter's name.
    Drop(&'static str),
    /// A push that the centre has stored already: its acknowledgement is repeated.
    Stored {
        /// The satellite.
        satellite: SatelliteId,
        /// Its spool.
        epoch: u64,
        /// All up to this are stored.
        sequence: u64,
    },
}

/// What is known of a satellite.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    online: Option<bool>,
    /// Spool and highest stored push.
    stored: Option<(u64, u64)>,
    enrols: Allowance,
    /// The door's, for those who have no certificate.
    joins: Allowance,
    results: Allowance,
}

/// The intake of one tenant.
pub(super) struct Intake {
    tenant: TenantId,
    next_token: u64,
    known: HashMap<SatelliteId, Known>,
    presence: PresenceMode,
    pub(super) requests: Requests,
}

impl Intake {
    /// An intake whose tokens start at `first_token`.
    pub(super) fn new(tenant: TenantId, presence: PresenceMode, first_token: u64) -> Intake {
        Intake {
            tenant,
            next_token: first_token,
            known: HashMap::new(),
            presence,
            requests: Requests::default(),
        }
    }

    /// Judges one message.
    pub(super) fn take(&mut self, topic: &str, payload: &Bytes, now_ms: u64) -> Verdict {
        let Ok(topic) = Topic::parse(topic) else {
            return Verdict::Drop("dropped_topic");
        };
        if topic.address.tenant != self.tenant {
            return Verdict::Drop("dropped_topic");
        }
        let mut work = self.work(&topic, now_ms);
        if payload.len() > MESSAGE_BYTES_MAX {
            return condemn(work, Reason::Envelope, "size");
        }
        if topic.address.tenant.as_str() == ENROLMENT_TENANT {
            return self.said_by_the_door(work, &topic, payload, now_ms);
        }
        let satellite = &topic.address.satellite;
        match &topic.channel {
            Channel::Enrol => self.enrol(work, &topic.address, payload, now_ms),
            Channel::Reply => match Reply::decode(payload) {
                Ok(reply) => self.reply(work, satellite, &reply, now_ms),
                Err(error) => condemn(work, Reason::Envelope, rule(&error)),
            },
            Channel::Push(dataset) => {
                work.dataset = Some(dataset.clone());
                match Push::decode(payload) {
                    Ok(push) => self.push(work, satellite, &push, now_ms),
                    Err(error) => condemn(work, Reason::Envelope, rule(&error)),
                }
            }
            Channel::Result => {
                let allowed = self
                    .known(satellite)
                    .is_some_and(|known| known.results.take(now_ms, RESULTS_MAX));
                match CommandResult::decode(payload) {
                    Err(error) => condemn(work, Reason::Envelope, rule(&error)),
                    Ok(_) if allowed => Verdict::Forward(Box::new(work)),
                    Ok(_) => Verdict::Drop("dropped_results"),
                }
            }
            // At a broker that does not keep it to itself anybody may have said it.
            Channel::Presence if self.presence == PresenceMode::Heartbeat => {
                Verdict::Drop("dropped_presence")
            }
            Channel::Presence => {
                if let (Ok(presence), Some(known)) =
                    (Presence::decode(payload), self.known(satellite))
                {
                    known.online = Some(presence.online);
                }
                Verdict::Forward(Box::new(work))
            }
            Channel::Hello | Channel::Status => {
                if let Some(known) = self.known(satellite) {
                    known.online = Some(true);
                }
                if topic.channel == Channel::Hello {
                    match Hello::decode(payload) {
                        Ok(hello) => work.hello = Some((hello.epoch, hello.acked_sequence)),
                        Err(error) => return condemn(work, Reason::Envelope, rule(&error)),
                    }
                }
                Verdict::Forward(Box::new(work))
            }
            _ => Verdict::Drop("dropped_channel"),
        }
    }

    fn reply(
        &mut self,
        mut work: WorkHead,
        satellite: &SatelliteId,
        reply: &Reply,
        now_ms: u64,
    ) -> Verdict {
        match self.requests.take(satellite, reply, now_ms) {
            Matched::Forward {
                dataset,
                version,
                condemned,
            } => {
                work.id = Some(reply.id);
                work.dataset = Some(dataset);
                work.version = Some(version);
                work.condemned = condemned;
                Verdict::Forward(Box::new(work))
            }
            Matched::Unmatched => Verdict::Drop("dropped_unmatched_replies"),
            Matched::Repeat => Verdict::Drop("dropped_repeated_replies"),
        }
    }

    fn push(
        &mut self,
        mut work: WorkHead,
        satellite: &SatelliteId,
        push: &Push,
        now_ms: u64,
    ) -> Verdict {
        work.push = Some((push.epoch, push.sequence));
        let latest_ms = now_ms.saturating_add(CLOCK_SKEW_MS_MAX);
        if push.captured_at_ms > latest_ms || push.epoch > latest_ms {
            return condemn(work, Reason::Envelope, "clock");
        }
        match self.known.get(satellite).and_then(|known| known.stored) {
            Some((epoch, sequence)) if epoch == push.epoch && push.sequence <= sequence => {
                Verdict::Stored {
                    satellite: satellite.clone(),
                    epoch,
                    sequence,
                }
            }
            _ => Verdict::Forward(Box::new(work)),
        }
    }

    /// Remembers what the centre has stored.
    pub(super) fn stored(&mut self, satellite: &SatelliteId, epoch: u64, sequence: u64) {
        if let Some(known) = self.known(satellite) {
            known.stored = match known.stored {
                Some((before, highest)) if before == epoch => Some((epoch, highest.max(sequence))),
                _ => Some((epoch, sequence)),
            };
        }
    }

    /// What a broker would say of a satellite that came or went: work for the lane, and its payload.
    pub(super) fn presence(
        &mut self,
        satellite: &SatelliteId,
        online: bool,
        now_ms: u64,
    ) -> (WorkHead, Bytes) {
        if let Some(known) = self.known(satellite) {
            known.online = Some(online);
        }
        let address = Address::new(self.tenant.clone(), satellite.clone());
        let work = self.work(&Topic::new(address, Channel::Presence), now_ms);
        let at_ms = now_ms;
        (work, Presence { online, at_ms }.encode().into())
    }

    /// Whether the broker has said that a satellite is not connected.
    pub(super) fn is_offline(&self, satellite: &SatelliteId) -> bool {
        self.known
            .get(satellite)
            .is_some_and(|known| known.online == Some(false))
    }

    /// After a time without a session nobody knows who is connected.
    pub(super) fn forget_presence(&mut self) {
        self.known
            .values_mut()
            .for_each(|known| known.online = None);
    }

    fn known(&mut self, satellite: &SatelliteId) -> Option<&mut Known> {
        if self.known.len() >= SATELLITES_MAX && !self.known.contains_key(satellite) {
            return None;
        }
        Some(self.known.entry(satellite.clone()).or_default())
    }

    fn work(&mut self, topic: &Topic, now_ms: u64) -> WorkHead {
        self.next_token = self.next_token.wrapping_add(1);
        WorkHead {
            token: self.next_token,
            tenant: topic.address.tenant.clone(),
            satellite: topic.address.satellite.clone(),
            at_ms: now_ms,
            channel: topic.channel.as_str().to_owned(),
            dataset: None,
            version: None,
            id: None,
            push: None,
            hello: None,
            condemned: None,
        }
    }
}

fn condemn(mut work: WorkHead, reason: Reason, rule: &str) -> Verdict {
    work.condemned = Some(Condemned {
        reason,
        rule: rule.to_owned(),
    });
    Verdict::Forward(Box::new(work))
}

fn rule(error: &EnvelopeError) -> &'static str {
    match error {
        EnvelopeError::Size(_) => "size",
        EnvelopeError::Form(_) => "form",
        EnvelopeError::Version(_) => "version",
        EnvelopeError::Id(_) => "id",
    }
}

#[cfg(test)]
mod tests;
