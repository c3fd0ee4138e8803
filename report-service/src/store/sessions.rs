//! Rows of the session table. What they mean is decided in `auth::session`.

use super::{Store, signed, unsigned};
use crate::auth::Site;
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// One session as stored. The token itself is never here, only its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the cookie's token.
    pub token_sha256: Vec<u8>,
    /// The public id: shown on pages and in the audit.
    pub id: String,
    /// The listener it is good for.
    pub site: Site,
    /// The person's stable id.
    pub person_id: String,
    /// The name the person signs in with, normalised.
    pub person_name: String,
    /// The name as people read it.
    pub person_title: String,
    /// The configured groups the person was in at the last check.
    pub groups: Vec<String>,
    /// Unix milliseconds of sign-in.
    pub created_at: u64,
    /// Unix milliseconds of the last activity noted.
    pub seen_at: u64,
    /// Unix milliseconds of the directory's last confirmation.
    pub checked_at: u64,
    /// Unix milliseconds after which inactivity has ended it.
    pub idle_until: u64,
    /// Unix milliseconds after which it has ended in any case.
    pub absolute_until: u64,
    /// The peer's address at sign-in.
    pub address: String,
    /// The browser's name for itself at sign-in, shortened.
    pub agent: String,
    /// When and why it was ended by an act; `None` while it was not.
    pub ended: Option<(u64, String)>,
}

impl Store {
    /// Stores a new session.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_insert(&self, row: &SessionRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO session (token_sha256, id, site, person_id, person_name, person_title, groups, created_at,
                 seen_at, checked_at, idle_until, absolute_until, address, agent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(&row.token_sha256)
        .bind(&row.id)
        .bind(row.site.as_str())
        .bind(&row.person_id)
        .bind(&row.person_name)
        .bind(&row.person_title)
        .bind(groups_text(&row.groups))
        .bind(signed(row.created_at))
        .bind(signed(row.seen_at))
        .bind(signed(row.checked_at))
        .bind(signed(row.idle_until))
        .bind(signed(row.absolute_until))
        .bind(&row.address)
        .bind(&row.agent)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// The session whose token has this hash, ended or not.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn session_by_token(
        &self,
        token_sha256: &[u8],
    ) -> Result<Option<SessionRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM session WHERE token_sha256 = $1")
            .bind(token_sha256)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The session with this public id, ended or not.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn session_by_id(&self, id: &str) -> Result<Option<SessionRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM session WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Notes activity: the person was seen now, and may be idle until then.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_seen(
        &self,
        token_sha256: &[u8],
        now_ms: u64,
        idle_until: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE session SET seen_at = $2, idle_until = $3 WHERE token_sha256 = $1 AND ended_at IS NULL")
            .bind(token_sha256)
            .bind(signed(now_ms))
            .bind(signed(idle_until))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Notes that the directory confirmed the person with these groups.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_checked(
        &self,
        token_sha256: &[u8],
        now_ms: u64,
        groups: &[String],
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE session SET checked_at = $2, groups = $3 WHERE token_sha256 = $1 AND ended_at IS NULL")
            .bind(token_sha256)
            .bind(signed(now_ms))
            .bind(groups_text(groups))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Ends one session by its public id; false when it had ended or is unknown.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_end(
        &self,
        id: &str,
        now_ms: u64,
        reason: &str,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE session SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id)
        .bind(signed(now_ms))
        .bind(reason)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends every session of a person, on both listeners; returns how many.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_end_all(
        &self,
        person_id: &str,
        now_ms: u64,
        reason: &str,
    ) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE session SET ended_at = $2, end_reason = $3 WHERE person_id = $1 AND ended_at IS NULL",
        )
        .bind(person_id)
        .bind(signed(now_ms))
        .bind(reason)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected())
    }

    /// Keeps a person's newest `keep` sessions of a site and ends the older ones.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn session_end_surplus(
        &self,
        person_id: &str,
        site: Site,
        keep: u32,
        now_ms: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE session SET ended_at = $4, end_reason = 'too-many'
             WHERE ended_at IS NULL AND person_id = $1 AND site = $2 AND id NOT IN (
                 SELECT id FROM session WHERE person_id = $1 AND site = $2 AND ended_at IS NULL
                 ORDER BY created_at DESC, id LIMIT $3)",
        )
        .bind(person_id)
        .bind(site.as_str())
        .bind(i64::from(keep))
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// Sessions that are live at `now_ms`, the most recently used first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn sessions_live(
        &self,
        now_ms: u64,
        limit: u32,
    ) -> Result<Vec<SessionRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM session WHERE ended_at IS NULL AND idle_until > $1 AND absolute_until > $1
             ORDER BY seen_at DESC LIMIT $2",
        )
        .bind(signed(now_ms))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// A person's sessions that are live at `now_ms`, on both listeners, the most recently used first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn sessions_of(
        &self,
        person_id: &str,
        now_ms: u64,
    ) -> Result<Vec<SessionRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM session WHERE person_id = $1 AND ended_at IS NULL AND idle_until > $2 AND absolute_until > $2
             ORDER BY seen_at DESC",
        )
        .bind(person_id)
        .bind(signed(now_ms))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Removes rows of sessions that ended before `before_ms`.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn sessions_sweep(&self, before_ms: u64) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(
            "DELETE FROM session WHERE absolute_until < $1 OR idle_until < $1 OR ended_at < $1",
        )
        .bind(signed(before_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &AnyRow) -> Result<SessionRow, sqlx::Error> {
    let time = |column: &str| Ok::<u64, sqlx::Error>(unsigned(row.try_get::<i64, _>(column)?));
    let site: String = row.try_get("site")?;
    let groups: String = row.try_get("groups")?;
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let end_reason: Option<String> = row.try_get("end_reason")?;
    Ok(SessionRow {
        token_sha256: row.try_get("token_sha256")?,
        id: row.try_get("id")?,
        site: Site::parse(&site)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown site {site}").into()))?,
        person_id: row.try_get("person_id")?,
        person_name: row.try_get("person_name")?,
        person_title: row.try_get("person_title")?,
        groups: serde_json::from_str(&groups).map_err(|error| sqlx::Error::Decode(error.into()))?,
        created_at: time("created_at")?,
        seen_at: time("seen_at")?,
        checked_at: time("checked_at")?,
        idle_until: time("idle_until")?,
        absolute_until: time("absolute_until")?,
        address: row.try_get("address")?,
        agent: row.try_get("agent")?,
        ended: ended_at.map(|at| (unsigned(at), end_reason.unwrap_or_default())),
    })
}

fn groups_text(groups: &[String]) -> String {
    serde_json::Value::from(groups.to_vec()).to_string()
}
