//! Tokens of the API: whose, for what, until when. Of the token itself only its hash.

use super::{Store, signed, unsigned};
use crate::store::runs::{parsed, text};
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// Whose a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A person's: it may what the person may.
    Personal,
    /// A service token, a program's: it may what its own lists say.
    Service,
}

impl TokenKind {
    /// The word in the store and in pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Service => "service",
        }
    }
}

/// A token as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The public id, which pages and the audit show.
    pub id: String,
    /// SHA-256 of the token.
    pub token_sha256: Vec<u8>,
    /// Whose it is.
    pub kind: TokenKind,
    /// What it is called.
    pub name: String,
    /// The stable id of the person who made it,
    pub person_id: String,
    /// their sign-in name,
    pub person_name: String,
    /// and their name as people read it.
    pub person_title: String,
    /// Of a personal token: the configured groups that the person is in.
    pub groups: Vec<String>,
    /// Words of its scopes.
    pub scopes: Vec<String>,
    /// Of a service token: ids of reports, or `*`.
    pub reports: Vec<String>,
    /// The same for customers.
    pub tenants: Vec<String>,
    /// Unix milliseconds of its making.
    pub created_at: u64,
    /// From then on it is refused.
    pub expires_at: u64,
    /// The last confirmation of the person by the directory.
    pub checked_at: u64,
    /// The last use, to the minute or so; `None` before the first.
    pub used_at: Option<u64>,
    /// When and why it was revoked.
    pub ended: Option<(u64, String)>,
}

impl Store {
    /// Stores a new token.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn token_insert(&self, row: &TokenRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO api_token (id, token_sha256, kind, name, person_id, person_name, person_title, groups, scopes,
                 reports, tenants, created_at, expires_at, checked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(&row.id)
        .bind(&row.token_sha256)
        .bind(row.kind.as_str())
        .bind(&row.name)
        .bind(&row.person_id)
        .bind(&row.person_name)
        .bind(&row.person_title)
        .bind(text(&row.groups)?)
        .bind(text(&row.scopes)?)
        .bind(text(&row.reports)?)
        .bind(text(&row.tenants)?)
        .bind(signed(row.created_at))
        .bind(signed(row.expires_at))
        .bind(signed(row.checked_at))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// The token of this hash, ended or not.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn token_by_hash(
        &self,
        token_sha256: &[u8],
    ) -> Result<Option<TokenRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM api_token WHERE token_sha256 = $1")
            .bind(token_sha256)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// The token of this public id, ended or not.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn token_by_id(&self, id: &str) -> Result<Option<TokenRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM api_token WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Tokens that were not revoked, expired ones with them, the newest first: a person's own, or everybody's.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn tokens(&self, person_id: Option<&str>) -> Result<Vec<TokenRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM api_token WHERE ended_at IS NULL AND ($1 = '' OR (person_id = $1 AND kind = 'personal'))
             ORDER BY created_at DESC, id",
        )
        .bind(person_id.unwrap_or_default())
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Notes a use. It may be lost with the power.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn token_used(&self, id: &str, now_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE api_token SET used_at = $2 WHERE id = $1")
            .bind(id)
            .bind(signed(now_ms))
            .execute(self.turn().await?.quick())
            .await?;
        Ok(())
    }

    /// Notes that the directory confirmed the person with these groups.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn token_checked(
        &self,
        id: &str,
        now_ms: u64,
        groups: &[String],
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE api_token SET checked_at = $2, groups = $3 WHERE id = $1")
            .bind(id)
            .bind(signed(now_ms))
            .bind(text(&groups)?)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Revokes a token; false when it was revoked before or is unknown.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn token_end(
        &self,
        id: &str,
        now_ms: u64,
        reason: &str,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE api_token SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL",
        )
        .bind(id)
        .bind(signed(now_ms))
        .bind(reason)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes tokens that expired or were revoked before a time.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn tokens_sweep(&self, before_ms: u64) -> Result<u64, sqlx::Error> {
        let done = sqlx::query("DELETE FROM api_token WHERE expires_at < $1 OR ended_at < $1")
            .bind(signed(before_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &AnyRow) -> Result<TokenRow, sqlx::Error> {
    let time = |column: &str| Ok::<u64, sqlx::Error>(unsigned(row.try_get::<i64, _>(column)?));
    let kind: String = row.try_get("kind")?;
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let end_reason: Option<String> = row.try_get("end_reason")?;
    Ok(TokenRow {
        id: row.try_get("id")?,
        token_sha256: row.try_get("token_sha256")?,
        kind: match kind.as_str() {
            "personal" => TokenKind::Personal,
            "service" => TokenKind::Service,
            other => {
                return Err(sqlx::Error::Decode(
                    format!("unknown kind of token {other}").into(),
                ));
            }
        },
        name: row.try_get("name")?,
        person_id: row.try_get("person_id")?,
        person_name: row.try_get("person_name")?,
        person_title: row.try_get("person_title")?,
        groups: parsed(row, "groups")?,
        scopes: parsed(row, "scopes")?,
        reports: parsed(row, "reports")?,
        tenants: parsed(row, "tenants")?,
        created_at: time("created_at")?,
        expires_at: time("expires_at")?,
        checked_at: time("checked_at")?,
        used_at: row.try_get::<Option<i64>, _>("used_at")?.map(unsigned),
        ended: ended_at.map(|at| (unsigned(at), end_reason.unwrap_or_default())),
    })
}
