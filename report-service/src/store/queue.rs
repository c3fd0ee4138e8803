//! The queue of runs: who takes which, for how long, and what becomes of runs whose worker is gone.

use sqlx::Row as _;

use super::runs::{RunRow, parsed, read};
use super::{Store, signed};
use crate::runs::{Progress, RunId, RunState};

/// How often a run is begun before it fails: what took three workers with it would take a fourth.
pub const ATTEMPTS_MAX: u64 = 3;
/// What a run says then.
pub const GIVEN_UP: &str =
    "The service stopped while it made this report, three times. Tell your administrator.";
/// Tries to take a run when another worker takes the same one.
const TAKES_MAX: usize = 4;

/// A process that takes runs.
#[derive(Clone, Debug)]
pub struct Worker {
    /// Its name, new at every start.
    pub name: String,
    /// How long it has a run without a sign of life, in milliseconds.
    pub lease_ms: u64,
}

/// A run that has not ended, wherever it is.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRun {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub owner_id: String,
    /// How it stands, as far as is known.
    pub progress: Progress,
}

/// A run whose worker was gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reclaimed {
    /// It waits again.
    Waits(RunId),
    /// It has failed.
    GivenUp(RunId),
}

/// What became of a call to end a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalledOff {
    /// It waited, and has ended.
    Ended,
    /// Its worker is told.
    Told,
    /// It had ended, or is not theirs.
    Nothing,
}

impl Store {
    /// Takes the next run for a worker: of the person who was served longest ago, the oldest. A run that asks satellites
    /// is only for the worker that may.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_take(
        &self,
        worker: &Worker,
        relayed: bool,
        now_ms: u64,
    ) -> Result<Option<RunRow>, sqlx::Error> {
        for _ in 0..TAKES_MAX {
            let next: Option<String> = sqlx::query_scalar(
                "SELECT run.id FROM run LEFT JOIN run_served ON run_served.owner_id = run.owner_id
                 WHERE run.state = 'queued' AND run.relayed <= $1
                 ORDER BY COALESCE(run_served.served_at, 0), run.created_at, run.id LIMIT 1",
            )
            .bind(i64::from(relayed))
            .fetch_optional(self.pool())
            .await?;
            let Some(next) = next else { return Ok(None) };
            if let Some(row) = self.take(&next, worker, now_ms).await? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// The one statement by which a run changes hands: the worker that comes second finds it taken.
    async fn take(
        &self,
        id: &str,
        worker: &Worker,
        now_ms: u64,
    ) -> Result<Option<RunRow>, sqlx::Error> {
        let turn = self.turn().await?;
        let row = sqlx::query(
            "UPDATE run SET state = 'running', worker = $2, lease_until = $3, attempts = attempts + 1, progress = ''
             WHERE id = $1 AND state = 'queued' RETURNING *",
        )
        .bind(id)
        .bind(&worker.name)
        .bind(signed(now_ms.saturating_add(worker.lease_ms)))
        .fetch_optional(turn.quick())
        .await?;
        let Some(row) = row.as_ref().map(read).transpose()? else {
            return Ok(None);
        };
        sqlx::query(
            "INSERT INTO run_served (owner_id, served_at) VALUES ($1, $2)
             ON CONFLICT (owner_id) DO UPDATE SET served_at = CASE
                 WHEN excluded.served_at > run_served.served_at THEN excluded.served_at
                 ELSE run_served.served_at + 1 END",
        )
        .bind(&row.owner_id)
        .bind(signed(now_ms))
        .execute(turn.quick())
        .await?;
        Ok(Some(row))
    }

    /// A worker's sign of life for a run: how it stands, when that has changed. Says whether the run is cancelled;
    /// `None` when the worker no longer has it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_alive(
        &self,
        id: &RunId,
        worker: &Worker,
        progress: Option<&Progress>,
        now_ms: u64,
    ) -> Result<Option<bool>, sqlx::Error> {
        let progress = progress.map(super::runs::text).transpose()?;
        let row = sqlx::query(
            "UPDATE run SET lease_until = $3, progress = COALESCE($4, progress)
             WHERE id = $1 AND worker = $2 AND state = 'running' RETURNING cancel_wanted",
        )
        .bind(id.as_str())
        .bind(&worker.name)
        .bind(signed(now_ms.saturating_add(worker.lease_ms)))
        .bind(progress)
        .fetch_optional(self.turn().await?.quick())
        .await?;
        row.map(|row| {
            row.try_get::<i64, _>("cancel_wanted")
                .map(|wanted| wanted != 0)
        })
        .transpose()
    }

    /// A worker that stops gives a run back; that was no attempt.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_give_back(&self, id: &RunId, worker: &Worker) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE run SET state = 'queued', worker = '', lease_until = 0, attempts = attempts - 1, progress = ''
             WHERE id = $1 AND worker = $2 AND state = 'running'",
        )
        .bind(id.as_str())
        .bind(&worker.name)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// Takes runs from workers that gave no sign of life since: they wait again, or have failed when that was the last
    /// attempt.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn runs_reclaim(
        &self,
        lease_before_ms: u64,
        now_ms: u64,
    ) -> Result<Vec<Reclaimed>, sqlx::Error> {
        let turn = self.turn().await?;
        let given_up: Vec<String> = sqlx::query_scalar(
            "UPDATE run SET state = 'failed', reason = $1, finished_at = $2
             WHERE state = 'running' AND lease_until < $3 AND attempts >= $4 RETURNING id",
        )
        .bind(GIVEN_UP)
        .bind(signed(now_ms))
        .bind(signed(lease_before_ms))
        .bind(signed(ATTEMPTS_MAX))
        .fetch_all(turn.pool())
        .await?;
        let waits: Vec<String> = sqlx::query_scalar(
            "UPDATE run SET state = 'queued', worker = '', progress = ''
             WHERE state = 'running' AND lease_until < $1 RETURNING id",
        )
        .bind(signed(lease_before_ms))
        .fetch_all(turn.pool())
        .await?;
        let ids = |ids: Vec<String>| ids.into_iter().filter_map(|id| id.parse().ok());
        Ok(ids(given_up)
            .map(Reclaimed::GivenUp)
            .chain(ids(waits).map(Reclaimed::Waits))
            .collect())
    }

    /// Calls a person's run off, wherever it is.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_call_off(
        &self,
        owner_id: &str,
        id: &RunId,
        now_ms: u64,
    ) -> Result<CalledOff, sqlx::Error> {
        let turn = self.turn().await?;
        let ended = sqlx::query(
            "UPDATE run SET state = 'cancelled', finished_at = $3 WHERE id = $1 AND owner_id = $2 AND state = 'queued'",
        )
        .bind(id.as_str())
        .bind(owner_id)
        .bind(signed(now_ms))
        .execute(turn.quick())
        .await?;
        if ended.rows_affected() > 0 {
            return Ok(CalledOff::Ended);
        }
        let told = sqlx::query(
            "UPDATE run SET cancel_wanted = 1 WHERE id = $1 AND owner_id = $2 AND state = 'running'",
        )
        .bind(id.as_str())
        .bind(owner_id)
        .execute(turn.quick())
        .await?;
        Ok(match told.rows_affected() {
            0 => CalledOff::Nothing,
            _ => CalledOff::Told,
        })
    }

    /// Every run that has not ended.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_open(&self) -> Result<Vec<OpenRun>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT id, owner_id, state, progress FROM run WHERE state IN ('queued', 'running')",
        )
        .fetch_all(self.pool())
        .await?;
        let open = |row: &sqlx::any::AnyRow| {
            let fault =
                |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
            let (id, state): (String, String) = (row.try_get("id")?, row.try_get("state")?);
            let known: String = row.try_get("progress")?;
            let state: RunState = state.parse().map_err(|error| fault(Box::new(error)))?;
            let progress = match known.as_str() {
                "" => Progress::queued(),
                _ => parsed(row, "progress")?,
            };
            Ok(OpenRun {
                id: id.parse().map_err(|error| fault(Box::new(error)))?,
                owner_id: row.try_get("owner_id")?,
                progress: Progress { state, ..progress },
            })
        };
        rows.iter().map(open).collect()
    }

    /// A run, whosever it is.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn run(&self, id: &RunId) -> Result<Option<RunRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM run WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Takes over or keeps what one worker does for all; false while another one has it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn duty_take(
        &self,
        duty: &str,
        worker: &Worker,
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let taken = sqlx::query(
            "INSERT INTO duty (name, worker, lease_until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, lease_until = excluded.lease_until
             WHERE duty.worker = excluded.worker OR duty.lease_until < $4",
        )
        .bind(duty)
        .bind(&worker.name)
        .bind(signed(now_ms.saturating_add(worker.lease_ms)))
        .bind(signed(now_ms))
        .execute(self.turn().await?.quick())
        .await?;
        Ok(taken.rows_affected() > 0)
    }

    /// Gives back everything that a worker does for all.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn duties_give_back(&self, worker: &Worker) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM duty WHERE worker = $1")
            .bind(&worker.name)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
