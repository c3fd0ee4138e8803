//! Orders and calls off batches.

use super::{Engine, NewRun, StartError};
use crate::runs::{BatchId, NewBatch, Origin};
use crate::store::batches::BatchRow;

impl Engine {
    /// Stores a batch and orders a run for each customer; none of them waits for another. Its owner may have no more runs
    /// open than for one run more: so at most one batch is open beyond that.
    ///
    /// # Errors
    /// When too many wait, or the store does not take it; the runs that it took are called off then.
    pub async fn order_batch(&self, batch: NewBatch) -> Result<BatchId, StartError> {
        let parts = &self.shared.parts;
        if self.shared.is_full(&batch.owner_id) {
            return Err(StartError::Full);
        }
        let id = BatchId::random().map_err(StartError::Id)?;
        let row = BatchRow {
            id: id.clone(),
            report: batch.report.id.to_string(),
            title: batch.report.title.clone(),
            owner_id: batch.owner_id.clone(),
            owner_title: batch.owner_title.clone(),
            schedule: batch.schedule.clone(),
            tenants: batch.tenants.clone(),
            created_at_ms: parts.clock.now_ms(),
            cancelled_at_ms: 0,
        };
        parts.store.batch_insert(&row).await?;
        for tenant in &batch.tenants {
            let order = NewRun {
                report: batch.report.clone(),
                tenants: vec![tenant.clone()],
                formats: batch.formats,
                params: batch.params.clone(),
                owner_id: batch.owner_id.clone(),
                owner_title: batch.owner_title.clone(),
                origin: Origin {
                    batch: id.to_string(),
                    schedule: batch.schedule.clone(),
                    ..Origin::default()
                },
                review: batch.review,
            };
            if let Err(error) = self.order(order).await {
                if let Err(error) = self.cancel_batch(&batch.owner_id, &id).await {
                    tracing::error!(%error, "a batch that could not be ordered whole goes on in part");
                }
                return Err(error);
            }
        }
        Ok(id)
    }

    /// Calls off what has not ended of a person's batch.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn cancel_batch(&self, owner_id: &str, id: &BatchId) -> Result<(), sqlx::Error> {
        let parts = &self.shared.parts;
        let now_ms = parts.clock.now_ms();
        parts.store.batch_cancel(owner_id, id, now_ms).await?;
        for run in parts.store.runs_of_batch(owner_id, id).await? {
            if !run.state.is_final() {
                self.cancel(owner_id, &run.id);
            }
        }
        Ok(())
    }
}
