//! Requests for certificates: who may ask by which right, and how often. Pure.

use super::{Intake, Verdict, condemn, rule};
use crate::link::{Condemned, Reason, WorkHead};
use bytes::Bytes;
use spokegate_contract::envelope::{Enrol, EnrolRequest, Presence};
use spokegate_contract::{Address, Channel, Envelope, Topic};

/// Length of the time in which requests are counted.
const WINDOW_MS: u64 = 60_000;
/// Requests of one satellite in that time: it renews its own certificate, a few times a week.
const SATELLITE_REQUESTS_MAX: u32 = 30;
/// Joins through the enrolment door in that time, with whatever is no request at all: a thousand satellites that join at
/// once are through in under a minute.
const DOOR_JOINS_MAX: u32 = 2_000;
/// Renewals through the door in that time. They have a share of their own, which made-up joins cannot use up.
const DOOR_RENEWALS_MAX: u32 = 1_000;

/// Counts requests within a time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Allowance {
    since_ms: u64,
    used: u32,
}

impl Allowance {
    /// Whether one more is allowed now; counts it if so.
    pub(super) fn take(&mut self, now_ms: u64, most: u32) -> bool {
        // A clock that was set back begins anew as well.
        if now_ms.abs_diff(self.since_ms) >= WINDOW_MS {
            *self = Allowance {
                since_ms: now_ms,
                used: 0,
            };
        }
        let allowed = self.used < most;
        if allowed {
            self.used = self.used.saturating_add(1);
        }
        allowed
    }
}

impl Intake {
    /// A message of the tenant under whose name the enrolment door stands: nothing else does.
    pub(super) fn said_by_the_door(
        &mut self,
        work: WorkHead,
        topic: &Topic,
        payload: &Bytes,
        now_ms: u64,
    ) -> Verdict {
        match &topic.channel {
            _ if !topic.address.is_door() => Verdict::Drop("dropped_topic"),
            Channel::Enrol => self.enrol(work, &topic.address, payload, now_ms),
            Channel::Presence => match Presence::decode(payload) {
                Ok(presence) => Verdict::Door {
                    online: presence.online,
                },
                Err(_) => Verdict::Drop("dropped_presence"),
            },
            _ => Verdict::Drop("dropped_channel"),
        }
    }

    /// The door relays both kinds of request and says from which address; a satellite may renew, in its own name.
    pub(super) fn enrol(
        &mut self,
        mut work: WorkHead,
        from: &Address,
        payload: &Bytes,
        now_ms: u64,
    ) -> Verdict {
        let decoded = Enrol::decode(payload);
        let renews = decoded
            .as_ref()
            .is_ok_and(|enrol| matches!(enrol.request, EnrolRequest::Renew { .. }));
        let allowed =
            self.known(&from.satellite)
                .is_some_and(|known| match (from.is_door(), renews) {
                    (false, _) => known.enrols.take(now_ms, SATELLITE_REQUESTS_MAX),
                    (true, true) => known.enrols.take(now_ms, DOOR_RENEWALS_MAX),
                    (true, false) => known.joins.take(now_ms, DOOR_JOINS_MAX),
                });
        if !allowed {
            return match decoded {
                // It would hold one of the door's places until it is answered.
                Ok(enrol) if from.is_door() => Verdict::Busy(enrol.id),
                _ => Verdict::Drop("dropped_enrols"),
            };
        }
        let enrol = match decoded {
            Ok(enrol) => enrol,
            Err(error) => return condemn(work, Reason::Envelope, rule(&error)),
        };
        let fault = match enrol.request {
            _ if from.is_door() => None,
            _ if enrol.peer.is_some() => Some("peer"),
            EnrolRequest::Renew { .. } => None,
            EnrolRequest::Join { .. } => Some("join"),
        };
        work.condemned = fault.map(|rule| Condemned {
            reason: Reason::Envelope,
            rule: rule.to_owned(),
        });
        Verdict::Enrol(Box::new(work), enrol.id)
    }
}
