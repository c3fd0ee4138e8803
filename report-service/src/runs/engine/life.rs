//! The life of one run: its turn, its work, its end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::{Ended, Live, Shared};
use crate::reports::Report;
use crate::runs::{Format, NeedProgress, NeedState, RunId, RunState};
use crate::store::audit::{AuditEvent, Decision};
use crate::store::runs::{INTERRUPTED, RunEnd, RunRow};

impl Shared {
    /// From its turn to its end.
    pub(super) async fn run(
        &self,
        row: &RunRow,
        report: &Arc<Report>,
        live: &Live,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Option<Ended> {
        let stop = self.parts.tasks.soft();
        let work = async {
            let Some(_slot) = self.turn(row, live, slot).await else {
                return Ended::failed("The service could not record that the run began.");
            };
            self.work(row, report, live).await
        };
        let waits = || live.progress.borrow().state == RunState::Queued;
        tokio::select! {
            biased;
            () = live.cancel.cancelled() => Some(Ended::cancelled()),
            () = stop.cancelled() => (!waits()).then(|| Ended::failed(INTERRUPTED)),
            end = work => Some(end),
        }
    }

    async fn turn(
        &self,
        row: &RunRow,
        live: &Live,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        if slot.is_some() {
            return slot;
        }
        // The semaphore is never closed.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        if let Err(error) = self.parts.store.run_begin(&row.id).await {
            tracing::error!(error = %error, "a run's beginning could not be stored");
            return None;
        }
        live.progress
            .send_modify(|progress| progress.state = RunState::Running);
        Some(slot)
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
        if let Err(error) = self.store_end(id, &end, &needs).await {
            tracing::error!(message.id = %id, error = %error, "a run's end could not be stored");
            end = Ended::failed(
                "The service could not record the end of this run. Tell your administrator.",
            );
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
    async fn audit_end(&self, id: &RunId, state: RunState, data_sha256: &str) {
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

    pub(super) async fn store_end(
        &self,
        id: &RunId,
        end: &Ended,
        needs: &[NeedProgress],
    ) -> Result<(), sqlx::Error> {
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
        self.parts.store.run_end(id, &end).await
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

    pub(super) fn file(&self, id: &RunId, format: Format) -> PathBuf {
        self.parts.files.join(format!("{id}.{}", format.ending()))
    }

    pub(super) fn live(&self) -> MutexGuard<'_, HashMap<RunId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
