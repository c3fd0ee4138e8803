//! The life of one run: its turn, its work, its end.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::{Ended, Live, Shared};
use crate::runs::{NeedProgress, NeedState, Progress, RunId, RunState};
use crate::store::audit::{AuditEvent, Decision};
use crate::store::runs::{RunEnd, RunRow};

/// People who may fill their part of the queue at once; past that, it is full for everybody.
const FULL_QUEUES_MAX: usize = 10;

impl Shared {
    /// Whether a person must wait before ordering more: a run, or a batch, which is then taken whole. Nobody fills the queue
    /// for all.
    pub(super) fn is_full(&self, owner_id: &str) -> bool {
        let own_max = self
            .parts
            .concurrent_max
            .saturating_add(self.parts.queued_max);
        let live = self.live();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for live in live.values() {
            *counts.entry(&live.owner_id).or_default() += 1;
        }
        let own = counts.get(owner_id).copied().unwrap_or(0);
        // However many a batch has: they are no more than its owner's part of the queue.
        let all: usize = counts.values().map(|count| (*count).min(own_max)).sum();
        own >= own_max || all >= own_max.saturating_mul(FULL_QUEUES_MAX)
    }

    /// Begins a run that was taken from the queue.
    pub(super) fn launch(self: &Arc<Self>, row: RunRow, slot: OwnedSemaphorePermit) {
        let live = self.begin(&row);
        let tasks = self.parts.tasks.clone();
        let (shared, failed, id) = (Arc::clone(self), Arc::clone(self), row.id.clone());
        let run = async move {
            let end = shared.run(&row, &live).await;
            match end {
                Some(end) => shared.end(&row.id, end).await,
                None => drop(shared.live().remove(&row.id)),
            }
            drop(slot);
            shared.wake.notify_one();
        };
        self.parts.tasks.spawn_watched("run", run, move |failure| {
            tracing::error!(message.id = %id, error = %failure.reason, "a run failed in a way that it should not");
            let end = Ended::failed("Something went wrong in the service while it made this report. Tell your administrator.");
            let recorded = async move { failed.end(&id, end).await };
            tasks.spawn_watched("run failed", recorded, |_| ());
        });
    }

    fn begin(&self, row: &RunRow) -> Live {
        let begun = {
            let mut live = self.live();
            let waits = live
                .entry(row.id.clone())
                .or_insert_with(|| Live::elsewhere(&row.owner_id));
            *waits = waits.taken();
            waits.clone()
        };
        begun.show(Progress {
            state: RunState::Running,
            ..Progress::queued()
        });
        begun
    }

    /// From its turn to its end; `None` when it goes on elsewhere.
    async fn run(&self, row: &RunRow, live: &Live) -> Option<Ended> {
        let report = row.report.parse().ok();
        let report = report.and_then(|id| self.parts.catalogue.get(&id).cloned());
        let Some(report) = report else {
            let reason = format!("The report \"{}\" is no longer there.", row.title);
            return Some(Ended::failed(reason));
        };
        let stop = self.parts.tasks.soft();
        tokio::select! {
            biased;
            () = live.cancel.cancelled() => Some(Ended::cancelled()),
            () = live.lost.cancelled() => {
                tracing::warn!(message.id = %row.id, "another worker took this run over");
                None
            }
            () = stop.cancelled() => {
                if let Err(error) = self.parts.store.run_give_back(&row.id, &self.worker).await {
                    tracing::warn!(message.id = %row.id, %error, "a run could not be given back; its lease ends by itself");
                }
                None
            }
            end = self.work(row, &report, live) => Some(end),
        }
    }

    /// Stores how a run ended, and only then tells who watches it.
    pub(super) async fn end(&self, id: &RunId, mut end: Ended) {
        let Some(live) = self.live().get(id).cloned() else {
            return;
        };
        live.progress.send_modify(|progress| {
            let open = |need: &&mut NeedProgress| {
                matches!(need.state, NeedState::Waiting | NeedState::Fetching)
            };
            for need in progress.needs.iter_mut().filter(open) {
                need.state = NeedState::Unused;
            }
        });
        let needs = live.progress.borrow().needs.clone();
        match self.store_end(id, &end, &needs).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(message.id = %id, "a run ended here that another worker has by now");
                self.live().remove(id);
                return;
            }
            Err(error) => {
                tracing::error!(message.id = %id, error = %error, "a run's end could not be stored");
                end = Ended::failed(
                    "The service could not record the end of this run. Tell your administrator.",
                );
            }
        }
        let (state, data_sha256) = (end.state, end.data_sha256.clone());
        metrics::counter!("spokegate_reports_runs_total", "state" => state.as_str()).increment(1);
        live.progress.send_modify(|progress| {
            progress.state = end.state;
            progress.reason = end.reason;
        });
        self.live().remove(id);
        self.count();
        self.audit_end(id, state, &data_sha256).await;
    }

    /// The last line of a run in the audit trail; whoever watches the run does not wait for it.
    pub(super) async fn audit_end(&self, id: &RunId, state: RunState, data_sha256: &str) {
        let subject = match data_sha256 {
            "" => id.to_string(),
            digest => format!("{id} data {digest}"),
        };
        let event = AuditEvent {
            at_ms: self.parts.clock.now_ms(),
            actor: "report-service",
            name: "",
            action: "report.end",
            decision: Decision::Allowed,
            reason: state.as_str(),
            subject: &subject,
            address: "",
        };
        if let Err(error) = self.parts.store.audit(event).await {
            tracing::error!(message.id = %id, error = %error, "a run's end could not be audited");
        }
    }

    async fn store_end(
        &self,
        id: &RunId,
        end: &Ended,
        needs: &[NeedProgress],
    ) -> Result<bool, sqlx::Error> {
        let end = RunEnd {
            state: end.state,
            reason: &end.reason,
            finished_at_ms: self.parts.clock.now_ms(),
            data_sha256: &end.data_sha256,
            needs,
            files: &end.files,
            data: &end.data,
            data_kept: end.data_kept,
        };
        self.parts.store.run_end(id, &self.worker.name, &end).await
    }

    /// Publishes how many runs are under way.
    pub(super) fn count(&self) {
        for state in [RunState::Queued, RunState::Running] {
            let count = self
                .live()
                .values()
                .filter(|live| live.progress.borrow().state == state)
                .count();
            metrics::gauge!("spokegate_reports_runs", "state" => state.as_str())
                .set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
    }

    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<RunId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
