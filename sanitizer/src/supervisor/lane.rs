//! One tenant's lane: a worker, a warm spare, and the order of work.

mod worker;

use super::hub::Hub;
use super::stats::{LaneStats, count};
use super::window::{Item, Window};
use crate::link::{AnswerHead, FromWorker, Reason, ToEgress, ToIngest, ToWorker};
use bytes::Bytes;
use spokegate_contract::TenantId;
use spokegate_daemon::Backoff;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use worker::Worker;

/// Events that wait for a lane. Ingest keeps fewer messages open per tenant, so this never fills.
pub(super) const LANE_EVENTS: usize = 1024;
/// Time between two looks at a worker's age.
const TICK: Duration = Duration::from_secs(5);
/// How long a worker may take to confine itself.
const WORKER_START_LIMIT: Duration = Duration::from_secs(20);

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
    let mut lane = Lane {
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
            _ = timer.tick() => {}
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
}

impl Lane {
    /// Starts, promotes and retires workers, then hands out what fits.
    async fn advance(&mut self) {
        let limits = &self.hub.config.worker;
        let due = self.worker.as_ref().is_some_and(|worker| {
            worker.handled >= limits.messages_max
                || worker.born.elapsed() >= Duration::from_secs(limits.age_max_s)
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
            .outbox_bytes
            .store(self.outbox_bytes, Ordering::Relaxed);
        let pid = self
            .worker
            .as_ref()
            .map_or(0, |worker| u64::from(worker.pid));
        self.stats.worker_pid.store(pid, Ordering::Relaxed);
    }

    fn start_missing(&mut self) {
        if self.spawn_after.is_some_and(|time| time > Instant::now()) {
            return;
        }
        self.spawn_after = None;
        if self.worker.is_none() {
            self.worker = self.start_worker();
        }
        // The spare comes after the worker stands, so that a lane is ready soonest.
        if self.spare.is_none() && self.worker.as_ref().is_some_and(|worker| worker.ready) {
            self.spare = self.start_worker();
        }
    }

    fn start_worker(&mut self) -> Option<Worker> {
        self.next_number = self.next_number.wrapping_add(1);
        match worker::start(&self.hub, self.next_number, self.sender.clone()) {
            Ok(worker) => Some(worker),
            Err(error) => {
                self.start_failed(format!("start a worker: {error}"));
                None
            }
        }
    }

    fn start_failed(&mut self, reason: String) {
        tracing::error!(tenant.id = %self.tenant, error = reason, "a worker did not start");
        if let Some(started) = self.started.take() {
            // The start may have been given up.
            let _ = started.send(Err(reason));
        }
        self.spawn_after = Instant::now().checked_add(self.backoff.next_delay());
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
            LaneEvent::Work(item) => self.window.add(item),
            LaneEvent::Freed(bytes) => self.outbox_bytes = self.outbox_bytes.saturating_sub(bytes),
            LaneEvent::OutboxLost => self.outbox_bytes = 0,
            LaneEvent::Said(number, FromWorker::Ready(layers), _) => self.ready(number, layers),
            LaneEvent::Said(_, FromWorker::Unfit(reason), _) => self.start_failed(reason),
            LaneEvent::Said(number, FromWorker::Answer(answer), records) => {
                self.answered(number, answer, records).await;
            }
            LaneEvent::Gone(number, out_of_time) => self.gone(number, out_of_time).await,
        }
    }

    fn ready(&mut self, number: u64, layers: Vec<String>) {
        let mut all = self.worker.iter_mut().chain(self.spare.iter_mut());
        if let Some(worker) = all.find(|worker| worker.number == number) {
            worker.ready = true;
            self.backoff.reset();
        }
        *self
            .stats
            .layers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = layers;
        if let Some(started) = self.started.take() {
            // The start may have been given up.
            let _ = started.send(Ok(()));
        }
    }

    async fn answered(&mut self, number: u64, answer: AnswerHead, records: Bytes) {
        let Some(worker) = self
            .worker
            .as_ref()
            .filter(|worker| worker.number == number)
        else {
            return;
        };
        let Some(item) = self.window.answered(answer.token) else {
            tracing::error!(tenant.id = %self.tenant, "a worker answered out of turn and is ended");
            worker.kill.cancel();
            return;
        };
        self.progress = Instant::now();
        count(&self.stats.handled);
        let mut rest = records;
        for record in answer.records {
            let length = (record.length as usize).min(rest.len());
            let bytes = rest.split_to(length);
            self.outbox_bytes = self.outbox_bytes.saturating_add(length as u64);
            self.hub
                .egress
                .send(
                    &ToEgress::Record {
                        tenant: self.tenant.clone(),
                        record,
                    },
                    &bytes,
                )
                .await;
        }
        let done = ToIngest::Done {
            tenant: self.tenant.clone(),
            token: answer.token,
            refused: answer.refusal.is_some(),
        };
        self.hub.ingest.send(&done, b"").await;
        if let Some(refusal) = answer.refusal {
            count(&self.stats.refused);
            metrics::counter!("sanitizer_refused_total", "reason" => refusal.reason.as_str())
                .increment(1);
            self.hub
                .tell_refused(&item.work, &refusal, item.payload.len());
            self.hub.quarantine.store(item, refusal);
        }
    }

    async fn gone(&mut self, number: u64, out_of_time: bool) {
        if self
            .spare
            .as_ref()
            .is_some_and(|spare| spare.number == number)
        {
            self.spare = None;
            self.spawn_after = Instant::now().checked_add(self.backoff.next_delay());
            return;
        }
        let Some(worker) = self.worker.take_if(|worker| worker.number == number) else {
            return;
        };
        if !worker.ready {
            self.start_failed("a worker ended before it was ready".to_owned());
        }
        if self.window.with_worker() == 0 {
            return;
        }
        count(&self.stats.crashes);
        metrics::counter!("sanitizer_worker_crashes_total").increment(1);
        let reason = if out_of_time || worker.kill.is_cancelled() {
            Reason::Stall
        } else {
            Reason::Crash
        };
        let messages = self.window.with_worker();
        tracing::warn!(tenant.id = %self.tenant, reason = reason.as_str(), messages, "a worker was lost");
        if let Some(item) = self.window.lost(reason) {
            tracing::error!(tenant.id = %self.tenant, "a message that breaks every worker was dropped");
            let done = ToIngest::Done {
                tenant: self.tenant.clone(),
                token: item.work.token,
                refused: true,
            };
            self.hub.ingest.send(&done, b"").await;
        }
    }

    /// When to look for a stalled worker, or to try again to start one.
    fn alarm(&self) -> Instant {
        let limits = &self.hub.config.worker;
        let far = self
            .progress
            .checked_add(Duration::from_secs(86_400))
            .unwrap_or(self.progress);
        let alarm = match &self.worker {
            None => self.spawn_after,
            Some(worker) if !worker.ready => worker.born.checked_add(WORKER_START_LIMIT),
            Some(_) if self.window.with_worker() > 0 => self
                .progress
                .checked_add(Duration::from_millis(limits.stall_ms_max)),
            Some(_) => None,
        };
        // A worker that is being ended needs no second alarm.
        let ending = self
            .worker
            .as_ref()
            .is_some_and(|worker| worker.kill.is_cancelled());
        alarm.filter(|_| !ending).unwrap_or(far)
    }

    fn stalled(&mut self) {
        if let Some(worker) = &self.worker {
            tracing::warn!(tenant.id = %self.tenant, "a worker stalls and is ended");
            worker.kill.cancel();
        }
    }
}
