//! Schedules, and who has taken one up: with several workers each is run once.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::runs::{parsed, text, word};
use super::{Store, signed, unsigned};
use crate::schedule::{Schedule, ScheduleId};

impl Store {
    /// Stores a schedule, or what its owner changed of it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_put(&self, schedule: &Schedule) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO schedule (id, title, report, owner_id, owner_title, plan, paused, note, next_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (id) DO UPDATE SET title = excluded.title, plan = excluded.plan, paused = excluded.paused,
                 note = excluded.note, next_at = excluded.next_at",
        )
        .bind(schedule.id.as_str())
        .bind(&schedule.title)
        .bind(&schedule.report)
        .bind(&schedule.owner_id)
        .bind(&schedule.owner_title)
        .bind(text(&schedule.plan)?)
        .bind(i64::from(schedule.paused))
        .bind(&schedule.note)
        .bind(signed(schedule.next_at_ms.unwrap_or(0)))
        .bind(signed(schedule.created_at_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// A person's own schedule; `None` when it is somebody else's or nobody's.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedule_of(
        &self,
        owner_id: &str,
        id: &ScheduleId,
    ) -> Result<Option<Schedule>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM schedule WHERE id = $1 AND owner_id = $2")
            .bind(id.as_str())
            .bind(owner_id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A schedule, whosever it is.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedule(&self, id: &ScheduleId) -> Result<Option<Schedule>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM schedule WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A person's own schedules, the next due first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedules_of(&self, owner_id: &str) -> Result<Vec<Schedule>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM schedule WHERE owner_id = $1 ORDER BY paused, next_at, title, id",
        )
        .bind(owner_id)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Everybody's schedules.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM schedule ORDER BY paused, next_at, title, id")
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }

    /// What is due, and what was taken up before a time and not finished.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedules_due(
        &self,
        now_ms: u64,
        claimed_before_ms: u64,
    ) -> Result<Vec<Schedule>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM schedule WHERE paused = 0
             AND ((claimed_at = 0 AND next_at > 0 AND next_at <= $1) OR (claimed_at > 0 AND claimed_at < $2))
             ORDER BY next_at, id",
        )
        .bind(signed(now_ms))
        .bind(signed(claimed_before_ms))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Takes a schedule up; `false` when another worker has, or its owner has changed it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_claim(
        &self,
        schedule: &Schedule,
        next_at_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let claimed = sqlx::query(
            "UPDATE schedule SET next_at = $3, last_at = $4, claimed_at = $4
             WHERE id = $1 AND next_at = $2 AND claimed_at = 0 AND paused = 0",
        )
        .bind(schedule.id.as_str())
        .bind(signed(schedule.next_at_ms.unwrap_or(0)))
        .bind(signed(next_at_ms.unwrap_or(0)))
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Takes up what was interrupted; `false` when another worker has.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_claim_again(
        &self,
        schedule: &Schedule,
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let claimed = sqlx::query(
            "UPDATE schedule SET claimed_at = $3 WHERE id = $1 AND claimed_at = $2 AND paused = 0",
        )
        .bind(schedule.id.as_str())
        .bind(signed(schedule.claimed_at_ms))
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Whether a schedule has ordered something since a time.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn schedule_ordered(
        &self,
        id: &ScheduleId,
        since_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let found =
            sqlx::query("SELECT id FROM run WHERE schedule_id = $1 AND created_at >= $2 LIMIT 1")
                .bind(id.as_str())
                .bind(signed(since_ms))
                .fetch_optional(self.pool())
                .await?;
        Ok(found.is_some())
    }

    /// What was taken up is done; `place` is the page of what it started.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_finish(
        &self,
        id: &ScheduleId,
        note: &str,
        place: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE schedule SET claimed_at = 0, note = CASE WHEN paused = 1 THEN note ELSE $2 END,
                 last_place = CASE WHEN $3 = '' THEN last_place ELSE $3 END
             WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(note)
        .bind(place.unwrap_or_default())
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// It could not be started now and stays due.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_due_again(
        &self,
        id: &ScheduleId,
        now_ms: u64,
        note: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE schedule SET claimed_at = 0, next_at = $2,
                 note = CASE WHEN paused = 1 THEN note ELSE $3 END WHERE id = $1",
        )
        .bind(id.as_str())
        .bind(signed(now_ms))
        .bind(note)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// Lets a schedule stand still.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_pause(
        &self,
        id: &ScheduleId,
        paused: bool,
        note: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE schedule SET paused = $2, note = $3, claimed_at = 0 WHERE id = $1")
            .bind(id.as_str())
            .bind(i64::from(paused))
            .bind(note)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Removes a person's schedule; what it made stays.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn schedule_delete(
        &self,
        owner_id: &str,
        id: &ScheduleId,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM schedule WHERE id = $1 AND owner_id = $2")
            .bind(id.as_str())
            .bind(owner_id)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

fn read(row: &AnyRow) -> Result<Schedule, sqlx::Error> {
    let number = |column: &str| row.try_get(column).map(unsigned);
    Ok(Schedule {
        id: word(row, "id")?,
        title: row.try_get("title")?,
        report: row.try_get("report")?,
        owner_id: row.try_get("owner_id")?,
        owner_title: row.try_get("owner_title")?,
        plan: parsed(row, "plan")?,
        paused: number("paused")? == 1,
        note: row.try_get("note")?,
        next_at_ms: Some(number("next_at")?).filter(|at| *at > 0),
        last_at_ms: number("last_at")?,
        last_place: row.try_get("last_place")?,
        claimed_at_ms: number("claimed_at")?,
        created_at_ms: number("created_at")?,
    })
}

#[cfg(test)]
mod tests;
