//! The audit trail: every act of an operator and every decision about a request, one row each, chained by hash.

use spokegate_daemon::audit::Decision;
use spokegate_daemon::chain::{self, Link, Walk};
use sqlx::{Row as _, SqliteConnection};

use super::{Registry, RegistryError, count, natural};

/// Longest text kept per field, in bytes.
const FIELD_BYTES_MAX: usize = 512;

/// One thing that happened. Fields hold ids and reasons, never tokens or keys.
pub(crate) struct Entry<'a> {
    /// Who: `operator`, or the address whose topic the request came on.
    pub(crate) actor: &'a str,
    /// What, as `noun.verb`.
    pub(crate) action: &'static str,
    /// Done or refused.
    pub(crate) decision: Decision,
    /// Why: a typed reason.
    pub(crate) reason: &'a str,
    /// Upon what.
    pub(crate) subject: &'a str,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Position in the chain, from 1.
    pub sequence: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Who: `operator`, or the address whose topic the request came on.
    pub actor: String,
    /// What, as `noun.verb`.
    pub action: String,
    /// `allowed` or `denied`.
    pub decision: String,
    /// Why: a typed reason.
    pub reason: String,
    /// Upon what.
    pub subject: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

pub use spokegate_daemon::chain::ChainState;

/// Appends one record; part of the transaction whose act it records.
pub(crate) async fn append(
    db: &mut SqliteConnection,
    entry: &Entry<'_>,
    at_ms: u64,
) -> Result<(), RegistryError> {
    let last = sqlx::query("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
        .fetch_optional(&mut *db)
        .await?;
    let (sequence, previous) = match last {
        Some(row) => (
            natural(row.try_get("sequence")?) + 1,
            row.try_get::<Vec<u8>, _>("hash")?,
        ),
        None => (1, chain::START.to_vec()),
    };
    let mut record = AuditRecord {
        sequence,
        at_ms,
        actor: printable(entry.actor),
        action: entry.action.to_owned(),
        decision: entry.decision.as_str().to_owned(),
        reason: printable(entry.reason),
        subject: printable(entry.subject),
        previous,
        hash: Vec::new(),
    };
    record.hash = record.digest().to_vec();
    sqlx::query(
        "INSERT INTO audit (sequence, at, actor, action, decision, reason, subject, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )
    .bind(count(record.sequence))
    .bind(count(record.at_ms))
    .bind(&record.actor)
    .bind(&record.action)
    .bind(&record.decision)
    .bind(&record.reason)
    .bind(&record.subject)
    .bind(&record.previous)
    .bind(&record.hash)
    .execute(db)
    .await?;
    Ok(())
}

impl Registry {
    /// The last records, oldest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn audit_last(&self, records: u32) -> Result<Vec<AuditRecord>, RegistryError> {
        let rows = sqlx::query("SELECT * FROM audit ORDER BY sequence DESC LIMIT ?1")
            .bind(records)
            .fetch_all(self.pool())
            .await?;
        rows.iter().rev().map(read).collect()
    }

    /// Walks the whole chain and recomputes every hash.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn verify_audit(&self) -> Result<ChainState, RegistryError> {
        let mut walk = Walk::default();
        loop {
            let rows =
                sqlx::query("SELECT * FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT 1000")
                    .bind(count(walk.records()))
                    .fetch_all(self.pool())
                    .await?;
            if rows.is_empty() {
                let records = walk.records();
                return Ok(ChainState::Intact { records });
            }
            for row in &rows {
                if let Err(broken) = walk.step(&read(row)?.link()) {
                    return Ok(broken.into());
                }
            }
        }
    }
}

impl AuditRecord {
    fn link(&self) -> Link<'_> {
        Link {
            sequence: self.sequence,
            previous: &self.previous,
            stored: &self.hash,
            hash: self.digest(),
        }
    }

    fn digest(&self) -> chain::Hash {
        let fields = [
            &self.actor,
            &self.action,
            &self.decision,
            &self.reason,
            &self.subject,
        ];
        chain::hash(
            &self.previous,
            self.sequence,
            self.at_ms,
            &fields.map(String::as_str),
        )
    }
}

/// Text that cannot forge a line: what is no printable ASCII becomes `?`, and it is cut.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            ' '..='~' => character,
            _ => '?',
        })
        .take(FIELD_BYTES_MAX)
        .collect()
}

fn read(row: &sqlx::sqlite::SqliteRow) -> Result<AuditRecord, RegistryError> {
    Ok(AuditRecord {
        sequence: natural(row.try_get("sequence")?),
        at_ms: natural(row.try_get("at")?),
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        decision: row.try_get("decision")?,
        reason: row.try_get("reason")?,
        subject: row.try_get("subject")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    })
}
