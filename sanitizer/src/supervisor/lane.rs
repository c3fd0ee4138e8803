//! One tenant's lane: a worker, a warm spare, and the order of work.

mod crew;
mod doubt;
mod standing;
mod worker;

use super::budget::{Budget, Samples};
use super::hub::Hub;
use super::stats::{LaneStats, count};
use super::window::{Item, Window};
use crate::link::{AnswerHead, FromWorker, ToEgress, ToWorker};
use bytes::Bytes;
use doubt::Doubt;
use spokegate_contract::{ENROLMENT_TENANT, TenantId, record};
use spokegate_daemon::Backoff;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use worker::Worker;

/// Events that wait for a lane. Ingest keeps fewer messages open per tenant, so this never fills.
pub(super) const LANE_EVENTS: usize = 1024;
/// Time between two looks at a worker's age, and at what satellites are charged with.
const TICK: Duration = Duration::from_secs(1);

/// What happens to a lane.
#[derive(Debug)]
pub(super) enum LaneEvent {
    /// A message came.
    Work(Item),
    /// The centre has taken over this many bytes.
    Freed(u64),
    /// The outbox is empty again: egress was replaced.
    OutboxLost,
    /// A worker said something.
    Said(u64, FromWorker, Bytes),
    /// A worker has ended; true when its CPU time had run out.
    Gone(u64, bool),
}

/// Tells the start how the first worker did.
pub(super) type Started = oneshot::Sender<Result<(), String>>;

/// The lane's task.
pub(super) async fn run(
    hub: Arc<Hub>,
    tenant: TenantId,
    stats: Arc<LaneStats>,
    (sender, mut events): (mpsc::Sender<LaneEvent>, mpsc::Receiver<LaneEvent>),
    started: Started,
) {
    let soft = hub.context.tasks.soft();
    let mut timer = tokio::time::interval(TICK);
    let budget = Budget::new(&hub.config.budget);
    let mut lane = Lane {
        budget,
        samples: Samples::default(),
        own_messages: 0,
        doubt: None,
        hub,
        tenant,
        stats,
        sender,
        window: Window::default(),
        worker: None,
        spare: None,
        next_number: 0,
        outbox_bytes: 0,
        progress: Instant::now(),
        spawn_after: None,
        backoff: Backoff::new(100, 10_000),
        started: Some(started),
    };
    loop {
        lane.advance().await;
        let alarm = lane.alarm();
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => lane.handle(event).await,
                None => return,
            },
            () = tokio::time::sleep_until(alarm) => lane.stalled(),
            _ = timer.tick() => lane.pass_time().await,
            () = soft.cancelled() => return,
        }
    }
}

struct Lane {
    hub: Arc<Hub>,
    tenant: TenantId,
    stats: Arc<LaneStats>,
    sender: mpsc::Sender<LaneEvent>,
    window: Window,
    worker: Option<Worker>,
    spare: Option<Worker>,
    next_number: u64,
    outbox_bytes: u64,
    /// When the worker last got its first message or gave an answer.
    progress: Instant,
    /// Not before this is another worker started.
    spawn_after: Option<Instant>,
    backoff: Backoff,
    started: Option<Started>,
    /// What satellites are charged with.
    budget: Budget,
    /// Which refusals are logged.
    samples: Samples,
    /// Messages that the lane itself has had a worker write.
    own_messages: u64,
    /// The message whose refusal another worker is to confirm.
    doubt: Option<Doubt>,
}

impl Lane {
    /// Starts, promotes and retires workers, then hands out what fits.
    async fn advance(&mut self) {
        let limits = &self.hub.config.worker;
        let due = self.worker.as_ref().is_some_and(|worker| {
            worker.handled >= limits.messages_max
                || worker.born.elapsed() >= Duration::from_secs(limits.age_s_max)
        });
        let spare_ready = self.spare.as_ref().is_some_and(|spare| spare.ready);
        if due && spare_ready && self.window.with_worker() == 0 {
            count(&self.stats.recycled);
            self.worker = None;
        }
        if self.worker.is_none() && (spare_ready || self.spare.is_some()) {
            self.worker = self.spare.take();
        }
        self.start_missing();
        let retiring = due && self.spare.as_ref().is_some_and(|spare| spare.ready);
        if !retiring {
            self.hand_out().await;
        }
        self.stats
            .queued
            .store(self.window.waiting() as u64, Ordering::Relaxed);
        self.stats
            .queued_bytes
            .store(self.window.waiting_bytes() as u64, Ordering::Relaxed);
        self.stats
            .outbox_bytes
            .store(self.outbox_bytes, Ordering::Relaxed);
        let pid = self
            .worker
            .as_ref()
            .map_or(0, |worker| u64::from(worker.pid));
        self.stats.worker_pid.store(pid, Ordering::Relaxed);
    }

    async fn hand_out(&mut self) {
        let Some(worker) = self.worker.as_mut().filter(|worker| worker.ready) else {
            return;
        };
        // A full outbox stops the lane; ingest then stops acknowledging, and pushes wait at the satellite.
        while self.outbox_bytes < self.hub.config.outbox_bytes_max {
            let first = self.window.with_worker() == 0;
            let Some(item) = self.window.next() else {
                return;
            };
            if first {
                self.progress = Instant::now();
            }
            worker.handled = worker.handled.saturating_add(1);
            worker
                .pipe
                .send(&ToWorker::Work(item.work.clone()), &item.payload)
                .await;
        }
    }

    async fn handle(&mut self, event: LaneEvent) {
        match event {
            LaneEvent::Work(item) => self.add(item).await,
            LaneEvent::Freed(bytes) => self.outbox_bytes = self.outbox_bytes.saturating_sub(bytes),
            LaneEvent::OutboxLost => {
                self.outbox_bytes = 0;
                self.repeat_standing();
            }
            LaneEvent::Said(number, FromWorker::Ready(layers), _) => self.ready(number, layers),
            LaneEvent::Said(_, FromWorker::Unfit(reason), _) => self.start_failed(reason),
            LaneEvent::Said(number, FromWorker::Answer(answer), records) => {
                self.answered(number, answer, records).await;
            }
            LaneEvent::Gone(number, out_of_time) => self.gone(number, out_of_time).await,
        }
    }

    /// Takes a message in. One that comes when too much waits is dropped, and the centre never acknowledges it: a push
    /// comes again from its satellite, a pull is cancelled.
    async fn add(&mut self, item: Item) {
        let Some(item) = self.admitted(item).await else {
            return;
        };
        let Err(token) = self.window.add(item) else {
            return;
        };
        count(&self.stats.overflowed);
        metrics::counter!("spokegate_sanitizer_lane_overflowed_total").increment(1);
        self.left(token, true).await;
    }

    async fn answered(&mut self, number: u64, answer: AnswerHead, records: Bytes) {
        let Some(worker) = self
            .worker
            .as_ref()
            .filter(|worker| worker.number == number)
        else {
            return;
        };
        let answered = answer
            .is_one()
            .then(|| self.window.answered(answer.token, records.len()))
            .flatten();
        let Some(item) = answered else {
            tracing::error!(tenant.id = %self.tenant, "a worker answered out of turn or too much and is ended");
            worker.kill.cancel();
            return;
        };
        let fresh = worker.handled == 1;
        self.progress = Instant::now();
        if !fresh && answer.refusal.is_some() && self.would_suspend(&item) {
            self.judge_again(item, answer.refusal);
            return;
        }
        self.settle_doubt(&item, answer.refusal.is_some());
        count(&self.stats.handled);
        // Anybody may knock at the enrolment door: what is refused there must not push a customer's out of quarantine.
        let keeps = self.tenant.as_str() != ENROLMENT_TENANT;
        let mut rest = records;
        for record in answer.records {
            let length = (record.length as usize).min(rest.len());
            let bytes = rest.split_to(length);
            if record.lane == record::Lane::Quarantine && !keeps {
                continue;
            }
            self.outbox_bytes = self.outbox_bytes.saturating_add(length as u64);
            self.hub
                .egress
                .send(
                    &ToEgress::Record {
                        origin: Box::new(item.work.clone()),
                        record,
                    },
                    &bytes,
                )
                .await;
        }
        let refused = answer.refusal.is_some() || standing::is_held_off(&item.work);
        self.done(&item, refused).await;
        if let Some(refusal) = answer.refusal {
            self.refused(item, refusal).await;
        }
    }
}
