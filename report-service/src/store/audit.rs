//! The audit trail: every denial and every act, one row each, chained by hash.

mod search;
mod strangers;

pub use search::AuditFilter;
pub(super) use strangers::Strangers;

use super::{Store, unsigned};
use crate::text::escaped_or_cut;
use spokegate_contract::hex;
use spokegate_daemon::audit::Event;
use spokegate_daemon::chain::{self, Link, Walk};
use sqlx::Row as _;

pub use spokegate_daemon::audit::Decision;
pub use spokegate_daemon::chain::ChainState;

/// Longest text kept per field, in bytes. What is cut says so at its end.
const FIELD_BYTES_MAX: usize = 512;

/// One thing that happened. Fields hold ids and reasons, never passwords, tokens or customer data.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Who: a person's stable id, or the typed name when nobody was recognised, or a component.
    pub actor: &'a str,
    /// The sign-in name for readers, as typed or as known; may be empty.
    pub name: &'a str,
    /// What, as `noun.verb`: `session.start`, `report.run`, `file.download`.
    pub action: &'a str,
    /// Done or refused.
    pub decision: Decision,
    /// Why: a short typed reason such as `wrong-password`.
    pub reason: &'a str,
    /// Upon what: a session id, a run id, a path.
    pub subject: &'a str,
    /// From where: the peer's address, or empty.
    pub address: &'a str,
}

/// A stored audit record, as pages show it.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// Position in the chain, from 1.
    pub sequence: i64,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// See [`AuditEvent::actor`].
    pub actor: String,
    /// See [`AuditEvent::name`].
    pub name: String,
    /// See [`AuditEvent::action`].
    pub action: String,
    /// `allowed` or `denied`.
    pub decision: String,
    /// See [`AuditEvent::reason`].
    pub reason: String,
    /// See [`AuditEvent::subject`].
    pub subject: String,
    /// See [`AuditEvent::address`].
    pub address: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl Store {
    /// Appends one record and returns its sequence number. Also tells the `audit` log target.
    ///
    /// # Errors
    /// When the store cannot write. The caller must then refuse the act.
    pub async fn audit(&self, event: AuditEvent<'_>) -> Result<i64, sqlx::Error> {
        let actor = kept(event.actor);
        let line = match event.decision {
            Decision::Allowed => Event::allowed(event.reason),
            Decision::Denied => Event::denied(event.reason),
        };
        line.principal(&actor).emit(event.action);
        // The only writer from before the last hash is read, so the chain never forks.
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let last = sqlx::query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(&mut *tx)
            .await?;
        let (sequence, previous) = match last {
            Some(row) => (
                row.try_get::<i64, _>("sequence")? + 1,
                row.try_get::<Vec<u8>, _>("hash")?,
            ),
            None => (1, chain::START.to_vec()),
        };
        let mut record = AuditRecord {
            sequence,
            at_ms: event.at_ms,
            actor,
            name: kept(event.name),
            action: kept(event.action),
            decision: event.decision.as_str().to_owned(),
            reason: kept(event.reason),
            subject: kept(event.subject),
            address: kept(event.address),
            previous,
            hash: Vec::new(),
        };
        record.hash = record.digest().to_vec();
        insert(&mut tx, &record).await?;
        tx.commit().await?;
        Ok(sequence)
    }

    /// The latest records, newest first, before `before` (exclusive) when given.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn audit_page(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let rows =
            sqlx::query("SELECT * FROM audit WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2")
                .bind(before.unwrap_or(i64::MAX))
                .bind(i64::from(limit))
                .fetch_all(self.pool())
                .await?;
        rows.iter().map(read).collect()
    }

    /// Walks the whole chain and recomputes every hash.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn verify_audit(&self) -> Result<ChainState, sqlx::Error> {
        walk(self.pool()).await
    }
}

/// Walks the whole chain, as whoever asks sees it.
pub(super) async fn walk<'e>(
    from: impl sqlx::Executor<'e, Database = sqlx::Any>,
) -> Result<ChainState, sqlx::Error> {
    use futures_util::TryStreamExt as _;
    let mut rows = sqlx::query("SELECT * FROM audit ORDER BY sequence").fetch(from);
    let mut walk = Walk::default();
    while let Some(row) = rows.try_next().await? {
        if let Err(broken) = walk.step(&read(&row)?.link()) {
            return Ok(broken.into());
        }
    }
    let records = walk.records();
    Ok(ChainState::Intact { records })
}

impl AuditRecord {
    /// The hash of the entry before it, in hexadecimal.
    #[must_use]
    pub fn previous_hex(&self) -> String {
        hex::encode(&self.previous)
    }

    /// Its own hash, in hexadecimal.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        hex::encode(&self.hash)
    }

    fn link(&self) -> Link<'_> {
        Link {
            sequence: unsigned(self.sequence),
            previous: &self.previous,
            stored: &self.hash,
            hash: self.digest(),
        }
    }

    fn digest(&self) -> chain::Hash {
        let fields = [
            &self.actor,
            &self.name,
            &self.action,
            &self.decision,
            &self.reason,
            &self.subject,
            &self.address,
        ];
        chain::hash(
            &self.previous,
            unsigned(self.sequence),
            self.at_ms,
            &fields.map(String::as_str),
        )
    }
}

/// A field as it is kept.
fn kept(text: &str) -> String {
    escaped_or_cut(text, FIELD_BYTES_MAX)
}

async fn insert(
    tx: &mut sqlx::Transaction<'_, sqlx::Any>,
    record: &AuditRecord,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit (sequence, at, actor, name, action, decision, reason, subject, address, previous, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(record.sequence)
    .bind(i64::try_from(record.at_ms).unwrap_or(i64::MAX))
    .bind(&record.actor)
    .bind(&record.name)
    .bind(&record.action)
    .bind(&record.decision)
    .bind(&record.reason)
    .bind(&record.subject)
    .bind(&record.address)
    .bind(&record.previous)
    .bind(&record.hash)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<AuditRecord, sqlx::Error> {
    Ok(AuditRecord {
        sequence: row.try_get("sequence")?,
        at_ms: u64::try_from(row.try_get::<i64, _>("at")?).unwrap_or(0),
        actor: row.try_get("actor")?,
        name: row.try_get("name")?,
        action: row.try_get("action")?,
        decision: row.try_get("decision")?,
        reason: row.try_get("reason")?,
        subject: row.try_get("subject")?,
        address: row.try_get("address")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    })
}

#[cfg(test)]
mod tests;
