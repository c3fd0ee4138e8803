//! Takes runs from the queue that all workers share, and keeps what it took.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Live, Shared};
use crate::runs::{Progress, RunId, RunState};
use crate::store::StoreKind;
use crate::store::queue::{CalledOff, GIVEN_UP, Reclaimed};

/// How often a worker looks for runs that another one ordered, and says that it is alive.
const LOOK: Duration = Duration::from_secs(1);
/// What one worker has for all: the second hop, whose records go to one reader.
const RELAY_DUTY: &str = "relay";

/// Takes runs as there is room for them, until the service stops.
pub(super) async fn take(shared: Arc<Shared>) {
    let stop = shared.parts.tasks.soft();
    loop {
        if let Err(error) = shared.take_all().await {
            tracing::warn!(%error, "no run can be taken from the queue");
        }
        let again = async {
            let _ = tokio::time::timeout(LOOK, shared.wake.notified()).await;
        };
        if stop.run_until_cancelled(again).await.is_none() {
            return;
        }
    }
}

/// Keeps leases, and tells here what other workers do, until the service stops.
pub(super) async fn keep(shared: Arc<Shared>) -> anyhow::Result<()> {
    let stop = shared.parts.tasks.soft();
    loop {
        if stop
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_none()
        {
            // Another worker need not wait for the leases to end.
            let _ = shared.parts.store.duties_give_back(&shared.worker).await;
            return Ok(());
        }
        let kept = async {
            shared.stay_alive().await?;
            shared.reclaim().await?;
            shared.mirror().await
        };
        if let Err(error) = kept.await {
            tracing::warn!(%error, "the queue of runs cannot be kept");
        }
        shared.keep_relay().await?;
    }
}

impl Shared {
    /// Takes as many runs as there is room for.
    pub(super) async fn take_all(self: &Arc<Self>) -> Result<(), sqlx::Error> {
        while let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            let (now_ms, relayed) = (
                self.parts.clock.now_ms(),
                self.relayed.load(Ordering::Acquire),
            );
            let taken = self
                .parts
                .store
                .run_take(&self.worker, relayed, now_ms)
                .await?;
            let Some(row) = taken else { return Ok(()) };
            self.launch(row, slot);
        }
        Ok(())
    }

    /// A sign of life for every run here. One that is called off or lost is told.
    async fn stay_alive(&self) -> Result<(), sqlx::Error> {
        let here: Vec<(RunId, Live)> = {
            let live = self.live();
            let here = live.iter().filter(|(_, live)| live.here);
            here.map(|(id, live)| (id.clone(), live.clone())).collect()
        };
        for (id, live) in here {
            let progress = live.unsaid();
            let now_ms = self.parts.clock.now_ms();
            let (store, worker) = (&self.parts.store, &self.worker);
            match store
                .run_alive(&id, worker, progress.as_ref(), now_ms)
                .await?
            {
                Some(false) => {}
                Some(true) => live.cancel.cancel(),
                None => live.lost.cancel(),
            }
        }
        Ok(())
    }

    async fn reclaim(&self) -> Result<(), sqlx::Error> {
        let now_ms = self.parts.clock.now_ms();
        self.reclaim_before(now_ms, now_ms).await
    }

    /// Takes runs from workers that are gone.
    pub(super) async fn reclaim_before(
        &self,
        lease_before_ms: u64,
        now_ms: u64,
    ) -> Result<(), sqlx::Error> {
        for reclaimed in self
            .parts
            .store
            .runs_reclaim(lease_before_ms, now_ms)
            .await?
        {
            match reclaimed {
                Reclaimed::Waits(id) => {
                    tracing::warn!(message.id = %id, "a run's worker is gone; it waits again");
                    self.wake.notify_one();
                }
                Reclaimed::GivenUp(id) => {
                    tracing::error!(message.id = %id, reason = GIVEN_UP, "a run is given up");
                    self.audit_end(&id, RunState::Failed, "").await;
                }
            }
        }
        Ok(())
    }

    /// Shows here what runs elsewhere.
    async fn mirror(&self) -> Result<(), sqlx::Error> {
        let open = self.parts.store.runs_open().await?;
        let known: HashSet<&RunId> = open.iter().map(|run| &run.id).collect();
        let over: Vec<RunId> = {
            let mut live = self.live();
            for run in &open {
                let entry = live
                    .entry(run.id.clone())
                    .or_insert_with(|| Live::elsewhere(&run.owner_id));
                if !entry.here {
                    entry.show(run.progress.clone());
                }
            }
            let elsewhere = live.iter().filter(|(_, live)| !live.here);
            let over = elsewhere.filter(|(id, _)| !known.contains(id));
            over.map(|(id, _)| id.clone()).collect()
        };
        for id in over {
            let row = self.parts.store.run(&id).await?;
            let ended = row.as_ref().is_none_or(|row| row.state.is_final());
            let gone = ended.then(|| self.live().remove(&id)).flatten();
            if let (Some(gone), Some(row)) = (gone, row) {
                gone.show(Progress {
                    state: row.state,
                    reason: row.reason,
                    needs: row.needs,
                });
            }
        }
        Ok(())
    }

    /// Takes the second hop over when nobody has it.
    ///
    /// # Errors
    /// When this worker has it and another one took it over: then it must stop, for the loops of the second hop cannot.
    async fn keep_relay(&self) -> anyhow::Result<()> {
        if self.parts.store.kind() == StoreKind::Sqlite {
            return Ok(());
        }
        let now_ms = self.parts.clock.now_ms();
        let has = self.relayed.load(Ordering::Acquire);
        match self
            .parts
            .store
            .duty_take(RELAY_DUTY, &self.worker, now_ms)
            .await
        {
            Ok(true) if !has => {
                tracing::info!(worker = self.worker.name, "this worker has the second hop");
                self.begin_relay();
            }
            Ok(true) => {}
            Ok(false) if has => {
                anyhow::bail!(
                    "another worker took the second hop over, because this one gave no sign of life in time"
                )
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the second hop cannot be kept"),
        }
        Ok(())
    }

    /// From here on this worker reads what satellites send and takes runs that ask them.
    pub(super) fn begin_relay(&self) {
        self.parts.relay.begin();
        self.relayed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Calls a run off that is not under way here.
    pub(super) async fn call_off(&self, owner_id: &str, id: &RunId) -> Result<(), sqlx::Error> {
        let now_ms = self.parts.clock.now_ms();
        if self.parts.store.run_call_off(owner_id, id, now_ms).await? != CalledOff::Ended {
            return Ok(());
        }
        let gone = self.live().remove(id);
        if let Some(live) = gone {
            live.progress
                .send_modify(|progress| progress.state = RunState::Cancelled);
        }
        metrics::counter!("spokegate_reports_runs_total", "state" => "cancelled").increment(1);
        self.audit_end(id, RunState::Cancelled, "").await;
        Ok(())
    }
}
