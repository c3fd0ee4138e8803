//! The processes of a lane: how they start, stand ready, stall and end.

use super::super::stats::count;
use super::Lane;
use super::worker::{self, Worker};
use crate::link::Reason;
use crate::sandbox::Layers;
use std::time::Duration;
use tokio::time::Instant;

/// How long a worker may take to confine itself.
const WORKER_START_LIMIT: Duration = Duration::from_secs(20);

/// Bytes of what a worker says of why it does not start.
const REASON_BYTES_MAX: usize = 400;

impl Lane {
    /// Starts the worker, then the spare, unless one failed a moment ago.
    pub(super) fn start_missing(&mut self) {
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
        match worker::start(
            &self.hub,
            &self.tenant,
            self.next_number,
            self.sender.clone(),
        ) {
            Ok(worker) => Some(worker),
            Err(error) => {
                self.start_failed(format!("start a worker: {error}"));
                None
            }
        }
    }

    /// Says why, and waits longer before the next one.
    pub(super) fn start_failed(&mut self, mut reason: String) {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        tracing::error!(tenant.id = %self.tenant, error = reason, "a worker did not start");
        if let Some(started) = self.started.take() {
            // The start may have been given up.
            let _ = started.send(Err(reason));
        }
        self.spawn_after = Instant::now().checked_add(self.backoff.next_delay());
    }

    /// A worker has confined itself, and names the layers that hold.
    pub(super) fn ready(&mut self, number: u64, layers: Layers) {
        let mut all = self.worker.iter_mut().chain(self.spare.iter_mut());
        if let Some(worker) = all.find(|worker| worker.number == number) {
            worker.ready = true;
            self.backoff.reset();
        }
        *self
            .stats
            .layers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = layers.held.clone();
        self.hub.confinement.reached("worker", layers);
        if let Some(started) = self.started.take() {
            // The start may have been given up.
            let _ = started.send(Ok(()));
        }
    }

    /// A worker has ended; what it had is tried again or goes to quarantine.
    pub(super) async fn gone(&mut self, number: u64, out_of_time: bool) {
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
        metrics::counter!("spokegate_sanitizer_worker_crashes_total").increment(1);
        let reason = if out_of_time || worker.stalled {
            Reason::Stall
        } else {
            Reason::Crash
        };
        let messages = self.window.with_worker();
        tracing::warn!(tenant.id = %self.tenant, reason = reason.as_str(), messages, "a worker was lost");
        self.hub
            .note("worker.lose", reason.as_str(), self.tenant.as_str());
        let fresh = worker.handled == 1;
        if let Some(item) = self.window.lost(reason, fresh) {
            tracing::error!(tenant.id = %self.tenant, "a message that breaks every worker was dropped");
            self.done(&item, true).await;
            self.charge(&item).await;
        }
    }

    /// When to look for a stalled worker, or to try again to start one.
    pub(super) fn alarm(&self) -> Instant {
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

    /// The alarm rang.
    pub(super) fn stalled(&mut self) {
        if let Some(worker) = &mut self.worker {
            tracing::warn!(tenant.id = %self.tenant, "a worker stalls and is ended");
            worker.stalled = true;
            worker.kill.cancel();
        }
    }
}
