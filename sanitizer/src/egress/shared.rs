//! What the frames from the supervisor and the requests of the centre share.

use super::origin;
use super::outbox::Outbox;
use super::shown::Shown;
use super::trail::Trail;
use crate::link::{CallVerb, FromEgress, Note, Outcome, RecordHead, WorkHead};
use crate::seal::Key;
use crate::stdio::Out;
use bytes::Bytes;
use spokegate_contract::record::{Lane, PullBody, check_canonical};
use spokegate_contract::{Address, TenantId};
use spokegate_identity::TrustDomain;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Calls that wait for their outcome; further ones are refused.
const CALLS_MAX: usize = 1_024;

/// Requests for certificates that wait, per tenant; nobody waits long for the answer to one, and asks again.
const ENROLS_MAX: usize = 256;

/// What came of commands that waits, per tenant; a command that is given again is answered again.
const RESULTS_MAX: usize = 1_024;

/// Longest record: the centre takes no line over 1 MiB, and cursor and seal stand in it as well.
const RECORD_BYTES_MAX: usize = 1_048_000;

/// Audit records that wait; what happens beyond is counted, and one entry says how much that was.
const AUDIT_WAITING_MAX: usize = 16_384;

/// One lane.
#[derive(Debug)]
struct LaneBox {
    outbox: Mutex<Outbox>,
    filled: Notify,
}

impl LaneBox {
    fn of(lane: Lane) -> LaneBox {
        let outbox = match lane {
            Lane::Enrol => Outbox::newest(ENROLS_MAX),
            Lane::Result => Outbox::newest(RESULTS_MAX),
            _ => Outbox::default(),
        };
        LaneBox {
            outbox: Mutex::new(outbox),
            filled: Notify::new(),
        }
    }
}

/// The seal key of each tenant.
pub(super) type Keys = BTreeMap<TenantId, Key>;

/// The outcome of a call, and the answer's body if it has one.
pub(super) type Concluded = (Outcome, Bytes);

/// Everything.
pub(super) struct Shared {
    /// Names this run: cursors of another run mean nothing.
    pub(super) boot: String,
    /// The same for answers to requests: it changes too when nobody knows any more which requests are open, so that the
    /// centre asks again.
    reply_boot: Mutex<String>,
    pub(super) trust_domain: TrustDomain,
    keys: Keys,
    out: Out,
    lanes: BTreeMap<Lane, LaneBox>,
    calls: Mutex<(u64, HashMap<u64, oneshot::Sender<Concluded>>)>,
    status: Mutex<Bytes>,
    refused: Mutex<Shown>,
    counters: Mutex<BTreeMap<String, u64>>,
    audit: Mutex<Audit>,
}

/// The audit, its seal, and what had to be left out of it.
pub(super) struct Audit {
    trail: Trail,
    key: Key,
    left_out: u64,
}

impl Audit {
    pub(super) fn new(trail: Trail, key: Key) -> Audit {
        Audit {
            trail,
            key,
            left_out: 0,
        }
    }

    fn put(&mut self, outbox: &mut Outbox, make: impl FnOnce(&mut Trail) -> Option<Vec<u8>>) {
        if let Some(record) = make(&mut self.trail) {
            let seal = self.key.seal(&record);
            outbox.push(Address::egress().tenant, record.into(), seal);
        }
    }
}

/// Requests have the same source of randomness and the same form.
fn random_boot() -> String {
    spokegate_contract::RequestId::random().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(keys: Keys, audit: Audit, trust_domain: TrustDomain, out: Out) -> Shared {
        let boot = random_boot();
        Shared {
            reply_boot: Mutex::new(boot.clone()),
            boot,
            trust_domain,
            keys,
            out,
            lanes: Lane::ALL
                .into_iter()
                .map(|lane| (lane, LaneBox::of(lane)))
                .collect(),
            calls: Mutex::default(),
            status: Mutex::new(Bytes::from_static(b"{}")),
            refused: Mutex::default(),
            counters: Mutex::default(),
            audit: Mutex::new(audit),
        }
    }

    /// The first entry of the audit names this run.
    pub(super) fn begin_audit(&self, now_ms: u64) {
        self.audit(&Note {
            at_ms: now_ms,
            action: "audit.begin".to_owned(),
            reason: String::new(),
            subject: self.boot.clone(),
            count: 1,
        });
    }

    /// Adds an entry to the audit.
    pub(super) fn audit(&self, note: &Note) {
        let Some(lane) = self.lanes.get(&Lane::Audit) else {
            return;
        };
        let mut audit = lock(&self.audit);
        let mut outbox = lock(&lane.outbox);
        if outbox.len() >= AUDIT_WAITING_MAX {
            audit.left_out = audit.left_out.saturating_add(note.count);
            return;
        }
        let left_out = std::mem::take(&mut audit.left_out);
        if left_out > 0 {
            let gap = Note {
                at_ms: note.at_ms,
                action: "audit.leave-out".to_owned(),
                reason: "nobody-reads".to_owned(),
                subject: String::new(),
                count: left_out,
            };
            audit.put(&mut outbox, |trail| Some(trail.append(&gap)));
        }
        audit.put(&mut outbox, |trail| Some(trail.append(note)));
        lane.filled.notify_waiters();
    }

    /// Signs the end of the audit, when that is due.
    pub(super) fn sign_audit(&self, now_ms: u64) {
        if let Some(lane) = self.lanes.get(&Lane::Audit) {
            let mut audit = lock(&self.audit);
            audit.put(&mut lock(&lane.outbox), |trail| trail.sign(now_ms));
            lane.filled.notify_waiters();
        }
    }

    pub(super) fn count(&self, name: &str) {
        let mut counters = lock(&self.counters);
        let counter = counters.entry(name.to_owned()).or_default();
        *counter = counter.saturating_add(1);
    }

    /// Takes a record over, if its seal is the one of the tenant from whose worker it comes and it is about the message
    /// that the worker was given.
    pub(super) fn take(&self, origin: &WorkHead, head: &RecordHead, record: Bytes) {
        let tenant = origin.tenant.clone();
        let key = self.keys.get(&tenant);
        if !key.is_some_and(|key| key.holds(&record, &head.seal)) {
            tracing::error!(tenant.id = %tenant, size_bytes = record.len(), "a record with a broken seal was dropped");
            self.count("broken_seals");
            self.freed(tenant, record.len() as u64);
            return;
        }
        if !origin::is_of(&record, head.lane, origin) {
            tracing::error!(tenant.id = %tenant, satellite.id = %origin.satellite, size_bytes = record.len(), "a record of another message was dropped");
            self.count("foreign_records");
            self.freed(tenant, record.len() as u64);
            return;
        }
        // What is of another form would break the line that it stands in, and with it the lane.
        if record.len() > RECORD_BYTES_MAX || check_canonical(&record).is_err() {
            tracing::error!(tenant.id = %tenant, satellite.id = %origin.satellite, size_bytes = record.len(), "a record that is not canonical, or too long, was dropped");
            self.count("malformed_records");
            self.freed(tenant, record.len() as u64);
            return;
        }
        self.count("records");
        if head.lane == Lane::Quarantine {
            lock(&self.refused).add(tenant.clone(), record.clone());
        }
        if let Some(lane) = self.lanes.get(&head.lane) {
            let dropped = lock(&lane.outbox).push(tenant.clone(), record, head.seal.clone());
            lane.filled.notify_waiters();
            if let Some(bytes) = dropped {
                self.count("enrols_dropped");
                self.freed(tenant, bytes);
            }
        }
    }

    /// Frees what the centre has taken over, then hands out what waits in the lane; returns once there is something.
    pub(super) async fn pull(&self, body: &PullBody) -> Vec<u8> {
        let Some(lane) = self.lanes.get(&body.lane) else {
            return Vec::new();
        };
        if body.boot == self.boot_of(body.lane) {
            let freed = lock(&lane.outbox).free(body.ack);
            freed
                .into_iter()
                .for_each(|(tenant, bytes)| self.freed(tenant, bytes));
        }
        loop {
            let filled = lane.filled.notified();
            let lines = lock(&lane.outbox).lines(
                body.max as usize,
                usize::try_from(body.max_bytes).unwrap_or(usize::MAX),
            );
            // The first poll does not know the boot, and waits for records as well.
            let is_of_another_boot = !body.boot.is_empty() && body.boot != self.boot_of(body.lane);
            if !lines.is_empty() || is_of_another_boot {
                return lines;
            }
            filled.await;
        }
    }

    /// What a lane's cursors belong to.
    pub(super) fn boot_of(&self, lane: Lane) -> String {
        match lane {
            Lane::Reply => lock(&self.reply_boot).clone(),
            _ => self.boot.clone(),
        }
    }

    /// No request is open any more and no call that waits has an outcome.
    pub(super) fn forget_requests(&self) {
        *lock(&self.reply_boot) = random_boot();
        lock(&self.calls).1.clear();
        if let Some(lane) = self.lanes.get(&Lane::Reply) {
            lane.filled.notify_waiters();
        }
    }

    fn freed(&self, tenant: TenantId, bytes: u64) {
        // The supervisor reads all the time; a loss would only narrow the tenant's room.
        if !self.out.try_send(&FromEgress::Freed { tenant, bytes }, b"") {
            self.count("frees_lost");
        }
    }

    /// Hands a call inwards; the receiver gets its outcome.
    pub(super) fn call(
        &self,
        verb: CallVerb,
        body: &[u8],
    ) -> Option<(u64, oneshot::Receiver<Concluded>)> {
        let (sender, receiver) = oneshot::channel();
        let call = {
            let mut calls = lock(&self.calls);
            if calls.1.len() >= CALLS_MAX {
                return None;
            }
            calls.0 = calls.0.wrapping_add(1);
            let call = calls.0;
            calls.1.insert(call, sender);
            call
        };
        if self.out.try_send(&FromEgress::Call { call, verb }, body) {
            Some((call, receiver))
        } else {
            self.give_up(call);
            None
        }
    }

    /// Nobody waits for the outcome any more.
    pub(super) fn give_up(&self, call: u64) {
        lock(&self.calls).1.remove(&call);
    }

    /// The outcome of a call.
    pub(super) fn conclude(&self, outcome: Outcome, body: Bytes) {
        if let Some(waiting) = lock(&self.calls).1.remove(&outcome.call) {
            // The caller may have gone.
            let _ = waiting.send((outcome, body));
        }
    }

    pub(super) fn set_status(&self, status: Bytes) {
        *lock(&self.status) = status;
    }

    /// The supervisor's part of the status and the depth of the lanes.
    pub(super) fn status(&self) -> (Bytes, BTreeMap<&'static str, usize>) {
        let depths = self
            .lanes
            .iter()
            .map(|(lane, content)| (lane.as_str(), lock(&content.outbox).len()))
            .collect();
        (lock(&self.status).clone(), depths)
    }

    /// The newest quarantine records, newest first.
    pub(super) fn refused(&self, tenant: Option<&TenantId>, limit: usize) -> Vec<Bytes> {
        lock(&self.refused).newest(tenant, limit)
    }

    /// Tells the supervisor the counters.
    pub(super) fn report(&self) {
        let counters = lock(&self.counters)
            .iter()
            .map(|(name, value)| (format!("egress_{name}"), *value))
            .collect();
        // The next report says the same and more.
        self.out.try_send(&FromEgress::Counters(counters), b"");
    }
}

#[cfg(test)]
mod tests;
