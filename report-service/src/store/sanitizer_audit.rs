//! What the sanitizers wrote down of themselves.

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Flag, Store, signed, unsigned};

/// Entries kept; the oldest go first.
const ENTRIES_MAX: u64 = 1_000_000;
/// After so many new ones the oldest are looked for.
const PRUNE_EVERY: u64 = 1_000;

/// An entry as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanitizerEntry {
    /// The run of the sanitizer that it is about.
    pub chain: String,
    /// Number in the chain, from 1.
    pub sequence: u64,
    /// Unix milliseconds, by the sanitizer's clock.
    pub at_ms: u64,
    /// What, as `noun.verb`.
    pub action: String,
    /// Why; may be empty.
    pub reason: String,
    /// Upon what; may be empty.
    pub subject: String,
    /// How often.
    pub count: u64,
    /// The hash before it.
    pub previous: Vec<u8>,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Whether it followed upon the one before it when it came.
    pub fits: bool,
}

/// A signature over the end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanitizerRoot {
    /// The chain.
    pub chain: String,
    /// The last entry that it covers.
    pub sequence: u64,
    /// When it was made, by the sanitizer's clock.
    pub at_ms: u64,
    /// The signature.
    pub signature: Vec<u8>,
    /// Whether it was good; none when no key is known.
    pub holds: Option<bool>,
}

/// What is known of a chain's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEnd {
    /// The chain.
    pub chain: String,
    /// Its last entry.
    pub sequence: u64,
    /// The hash of that.
    pub hash: Vec<u8>,
}

/// One or the other, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SanitizerNews {
    /// An entry.
    Entry(SanitizerEntry),
    /// A signature.
    Root(SanitizerRoot),
}

impl Store {
    /// Notes what a sanitizer wrote down, each entry once.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn sanitizer_audit_note(
        &self,
        sanitizer: &str,
        news: &[SanitizerNews],
    ) -> Result<(), sqlx::Error> {
        for batch in news.chunks(super::BATCH_MAX) {
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            for one in batch {
                match one {
                    SanitizerNews::Entry(entry) => insert(&mut tx, sanitizer, entry).await?,
                    SanitizerNews::Root(root) => sign(&mut tx, sanitizer, root).await?,
                }
            }
            if batch.iter().any(is_time_to_prune) {
                sqlx::query(
                    "DELETE FROM sanitizer_audit WHERE at < (SELECT MIN(at) FROM
                         (SELECT at FROM sanitizer_audit ORDER BY at DESC LIMIT $1))",
                )
                .bind(signed(ENTRIES_MAX))
                .execute(&mut *tx)
                .await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// The end of a sanitizer's latest chain.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn sanitizer_audit_end(
        &self,
        sanitizer: &str,
    ) -> Result<Option<ChainEnd>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT chain, sequence, hash FROM sanitizer_audit WHERE sanitizer = $1 ORDER BY id DESC LIMIT 1",
        )
        .bind(sanitizer)
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(ChainEnd {
                chain: row.try_get("chain")?,
                sequence: unsigned(row.try_get("sequence")?),
                hash: row.try_get("hash")?,
            })
        })
        .transpose()
    }

    /// Hands out everything a sanitizer wrote down, in the order in which it came, each entry with its signature.
    ///
    /// # Errors
    /// When the store cannot read, or `each` fails.
    pub async fn sanitizer_audit_all(
        &self,
        sanitizer: &str,
        mut each: impl FnMut(SanitizerEntry, Option<SanitizerRoot>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rows =
            sqlx::query("SELECT * FROM sanitizer_audit WHERE sanitizer = $1 ORDER BY id")
                .bind(sanitizer)
                .fetch(self.pool());
        while let Some(row) = rows.try_next().await? {
            let entry = entry(&row)?;
            let root = root(&row, &entry)?;
            each(entry, root)?;
        }
        Ok(())
    }
}

fn is_time_to_prune(news: &SanitizerNews) -> bool {
    matches!(news, SanitizerNews::Entry(entry) if entry.sequence.is_multiple_of(PRUNE_EVERY))
}

type Tx<'a> = sqlx::Transaction<'a, sqlx::Any>;

async fn insert(
    tx: &mut Tx<'_>,
    sanitizer: &str,
    entry: &SanitizerEntry,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sanitizer_audit
             (sanitizer, chain, sequence, at, action, reason, subject, count, previous, hash, fits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
    )
    .bind(sanitizer)
    .bind(&entry.chain)
    .bind(signed(entry.sequence))
    .bind(signed(entry.at_ms))
    .bind(&entry.action)
    .bind(&entry.reason)
    .bind(&entry.subject)
    .bind(signed(entry.count))
    .bind(&entry.previous)
    .bind(&entry.hash)
    .bind(entry.fits)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn sign(tx: &mut Tx<'_>, sanitizer: &str, root: &SanitizerRoot) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sanitizer_audit SET signed_at = $4, signature = $5, holds = $6
         WHERE sanitizer = $1 AND chain = $2 AND sequence = $3 AND signature IS NULL",
    )
    .bind(sanitizer)
    .bind(&root.chain)
    .bind(signed(root.sequence))
    .bind(signed(root.at_ms))
    .bind(&root.signature)
    .bind(root.holds)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn entry(row: &AnyRow) -> Result<SanitizerEntry, sqlx::Error> {
    Ok(SanitizerEntry {
        chain: row.try_get("chain")?,
        sequence: unsigned(row.try_get("sequence")?),
        at_ms: unsigned(row.try_get("at")?),
        action: row.try_get("action")?,
        reason: row.try_get("reason")?,
        subject: row.try_get("subject")?,
        count: unsigned(row.try_get("count")?),
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
        fits: row.try_get::<Flag, _>("fits")?.0,
    })
}

fn root(row: &AnyRow, entry: &SanitizerEntry) -> Result<Option<SanitizerRoot>, sqlx::Error> {
    let signature: Option<Vec<u8>> = row.try_get("signature")?;
    let at: Option<i64> = row.try_get("signed_at")?;
    let holds: Option<Flag> = row.try_get("holds")?;
    Ok(signature.zip(at).map(|(signature, at)| SanitizerRoot {
        chain: entry.chain.clone(),
        sequence: entry.sequence,
        at_ms: unsigned(at),
        signature,
        holds: holds.map(|flag| flag.0),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(chain: &str, sequence: u64) -> SanitizerEntry {
        SanitizerEntry {
            chain: chain.into(),
            sequence,
            at_ms: sequence,
            action: "message.refuse".into(),
            reason: "form".into(),
            subject: "acme/hq".into(),
            count: 1,
            previous: vec![0; 32],
            hash: vec![7; 32],
            fits: true,
        }
    }

    #[tokio::test]
    async fn entries_are_kept_once_in_order_and_signatures_go_to_theirs() {
        for store in crate::testing::stores().await {
            kept_once(&store).await;
        }
    }

    async fn kept_once(store: &Store) {
        let root = SanitizerRoot {
            chain: "run1".into(),
            sequence: 2,
            at_ms: 9,
            signature: vec![1, 2],
            holds: Some(true),
        };
        let news = [
            SanitizerNews::Entry(entry("run1", 1)),
            SanitizerNews::Entry(entry("run1", 2)),
            SanitizerNews::Root(root.clone()),
            SanitizerNews::Entry(entry("run2", 1)),
        ];
        store
            .sanitizer_audit_note("https://a", &news)
            .await
            .unwrap();
        store
            .sanitizer_audit_note("https://a", &news)
            .await
            .unwrap();
        let other = [SanitizerNews::Entry(entry("run9", 1))];
        store
            .sanitizer_audit_note("https://b", &other)
            .await
            .unwrap();

        let mut all = Vec::new();
        let collect = |entry: SanitizerEntry, root| {
            all.push((entry, root));
            Ok(())
        };
        store
            .sanitizer_audit_all("https://a", collect)
            .await
            .unwrap();
        assert_eq!(
            all,
            [
                (entry("run1", 1), None),
                (entry("run1", 2), Some(root)),
                (entry("run2", 1), None)
            ]
        );
        let end = store.sanitizer_audit_end("https://a").await.unwrap();
        assert_eq!(
            end.map(|end| (end.chain, end.sequence)),
            Some(("run2".into(), 1))
        );
        assert_eq!(store.sanitizer_audit_end("https://c").await.unwrap(), None);
    }
}
