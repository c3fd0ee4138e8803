//! What the lane and the centre tell a session.

use super::{Asked, Done, Session, SessionEvent};
use crate::ingest::calls::Order;
use crate::link::{FromIngest, Outcome};
use bytes::Bytes;
use spokegate_contract::envelope::{Ack, Admission, Verdict};
use spokegate_contract::record::NO_SESSION_STATUS;
use spokegate_contract::{
    Address, Channel, DatasetId, Envelope, FailureClass, RequestId, SatelliteId, Topic,
};

impl Session {
    /// A satellite that has just connected may have missed its requests.
    pub(super) fn ask_again(&self, satellite: &SatelliteId) {
        for open in self.intake.requests.unanswered(satellite) {
            self.publish(
                satellite,
                Channel::Pull(open.dataset.clone()),
                open.payload.clone(),
            );
        }
    }

    pub(super) async fn told(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Request {
                call,
                id,
                satellite,
                dataset,
                version,
                deadline_ms,
                payload,
            } => {
                let asked = (satellite, dataset, version);
                let outcome = match self.request(id, asked, deadline_ms, payload) {
                    Ok(()) => Outcome {
                        call,
                        status: 202,
                        class: None,
                        detail: String::new(),
                    },
                    Err((status, class, detail)) => Outcome {
                        call,
                        status,
                        class: Some(class),
                        detail,
                    },
                };
                self.links
                    .out
                    .send(&FromIngest::Outcome(outcome), b"")
                    .await;
            }
            SessionEvent::Admission { satellite, payload } => {
                // One that is lost is asked for again.
                if !self.publish(&satellite, Channel::Admission, payload) {
                    self.links.counters.add("admissions_lost");
                }
            }
            SessionEvent::Orders { call, messages } => {
                let outcome = self.order(call, messages);
                self.links
                    .out
                    .send(&FromIngest::Outcome(outcome), b"")
                    .await;
            }
            SessionEvent::RevocationList(payload) => {
                self.revocation_list = Some(payload);
                self.tell_revoked();
            }
            SessionEvent::Ack { satellite, ack } => {
                match &ack {
                    Ack::Push { epoch, sequence } => {
                        self.intake.stored(&satellite, *epoch, *sequence)
                    }
                    Ack::Cancel { id } => return self.cancel(&satellite, *id),
                    Ack::Credit { .. } => {}
                }
                self.publish(&satellite, Channel::Ack, ack.encode());
            }
        }
    }

    /// Publishes orders; those to a satellite that is away are refused, so that the centre tries again later.
    fn order(&self, call: u64, messages: Vec<Order>) -> Outcome {
        let refused = |status, detail| Outcome {
            call,
            status,
            class: Some(FailureClass::Offline),
            detail,
        };
        if !self.up {
            let detail = format!("there is no broker session for tenant {}", self.tenant);
            return refused(NO_SESSION_STATUS, detail);
        }
        for (satellite, channel, payload) in messages {
            if self.intake.is_offline(&satellite) {
                let detail = format!("satellite {}/{satellite} is not connected", self.tenant);
                return refused(503, detail);
            }
            if !self.publish(&satellite, channel, payload) {
                let detail = format!(
                    "the broker session for tenant {} takes no more",
                    self.tenant
                );
                return refused(503, detail);
            }
        }
        Outcome {
            call,
            status: 204,
            class: None,
            detail: String::new(),
        }
    }

    /// Tells the broker's door which certificates are revoked, as far as that is known here.
    pub(super) fn tell_revoked(&self) {
        if let Some(payload) = &self.revocation_list {
            self.publish(&Address::door().satellite, Channel::Crl, payload.clone());
        }
    }

    /// A heartbeat came: where the broker does not say who is there, this does.
    pub(super) async fn heard(&mut self, satellite: &SatelliteId) {
        let now_ms = self.links.context.clock.monotonic_ms();
        let came = self
            .heartbeats
            .as_mut()
            .is_some_and(|heartbeats| heartbeats.heard(satellite, now_ms));
        if came {
            self.tell_presence(satellite, true).await;
        }
    }

    /// Says to the centre what a broker would have said.
    pub(super) async fn tell_presence(&mut self, satellite: &SatelliteId, online: bool) {
        let now_ms = self.links.context.clock.now_ms();
        let (work, payload) = self.intake.presence(satellite, online, now_ms);
        self.handed.add(work.token, payload.len());
        self.links
            .out
            .send(&FromIngest::Message(work), &payload)
            .await;
    }

    /// A message has left the lane: there is room again, and it is acknowledged if its connection still is there.
    pub(super) fn done(&mut self, done: &Done) {
        self.handed.done(done.token);
        let mut all = self.open.iter_mut();
        let Some(open) = all.find(|open| open.token == done.token) else {
            return;
        };
        open.done = true;
        match open.request.take().filter(|_| done.refused) {
            Some(Asked::Pull(id, satellite)) => {
                // The pull has failed at the centre; the rest of its answer is not wanted.
                self.intake.requests.close(&id);
                self.publish(&satellite, Channel::Ack, Ack::Cancel { id }.encode());
            }
            Some(Asked::Enrol(id, satellite)) => {
                // The centre never hears of it, so nobody else will answer.
                let verdict = Verdict::Refused;
                let admission = Admission { id, verdict }.encode();
                self.publish(&satellite, Channel::Admission, admission);
            }
            None => {}
        }
        self.acknowledge();
    }

    fn request(
        &mut self,
        id: RequestId,
        asked: (SatelliteId, DatasetId, u16),
        deadline_ms: u64,
        payload: Bytes,
    ) -> Result<(), (u16, FailureClass, String)> {
        let (satellite, dataset) = (asked.0.clone(), asked.1.clone());
        if !self.up {
            let detail = format!("there is no broker session for tenant {}", self.tenant);
            return Err((NO_SESSION_STATUS, FailureClass::Offline, detail));
        }
        if self.intake.is_offline(&satellite) {
            return Err((
                503,
                FailureClass::Offline,
                format!("satellite {}/{satellite} is not connected", self.tenant),
            ));
        }
        if self.intake.requests.count() >= self.requests_max {
            return Err((
                503,
                FailureClass::Refused,
                format!("tenant {} has too many open requests", self.tenant),
            ));
        }
        if !self
            .intake
            .requests
            .open(id, asked, deadline_ms, payload.clone())
        {
            return Ok(());
        }
        if self.publish(&satellite, Channel::Pull(dataset), payload) {
            return Ok(());
        }
        self.intake.requests.close(&id);
        Err((
            503,
            FailureClass::Offline,
            format!(
                "the broker session for tenant {} takes no more",
                self.tenant
            ),
        ))
    }

    pub(super) fn publish(
        &self,
        satellite: &SatelliteId,
        channel: Channel,
        payload: impl Into<Vec<u8>>,
    ) -> bool {
        let topic = Topic::new(
            Address::new(self.tenant.clone(), satellite.clone()),
            channel,
        );
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.publish(topic.to_string(), payload))
    }
}
