//! What was refused: the place and the rule, never the content.

use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, signed, unsigned};

/// Entries kept; the oldest go first.
const ENTRIES_MAX: i64 = 50_000;
/// Entries of one customer that are kept, so that nobody's flood pushes out another's.
const TENANT_ENTRIES_MAX: i64 = 2_000;
/// Entries are kept for so long: 90 days.
const AGE_MS_MAX: u64 = 90 * 86_400_000;

/// A message that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// The customer.
    pub tenant: String,
    /// The satellite.
    pub satellite: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The channel that it came on.
    pub channel: String,
    /// What it should have been; empty when unknown.
    pub dataset: String,
    /// The class of the reason.
    pub reason: String,
    /// The rule that it breaks.
    pub rule: String,
    /// Where in the message.
    pub pointer: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Under which it lies in the sanitizer's quarantine; empty when it does not.
    pub file: String,
    /// The sanitizer's address.
    pub sanitizer: String,
}

impl Store {
    /// Notes refused messages, each once; others may write between batches of them. What is too old at `now_ms`, whatever
    /// the entries' own times say, goes.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn quarantine_note(
        &self,
        entries: &[Refused],
        now_ms: u64,
    ) -> Result<(), sqlx::Error> {
        for batch in entries.chunks(super::BATCH_MAX) {
            let turn = self.turn().await?;
            let mut tx = turn.begin().await?;
            for entry in batch {
                sqlx::query(
                    "INSERT INTO quarantine
                         (tenant, satellite, at, channel, dataset, reason, rule, pointer, size_bytes, sha256,
                          file, sanitizer)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
                )
                .bind(&entry.tenant)
                .bind(&entry.satellite)
                .bind(signed(entry.at_ms))
                .bind(&entry.channel)
                .bind(&entry.dataset)
                .bind(&entry.reason)
                .bind(&entry.rule)
                .bind(&entry.pointer)
                .bind(signed(entry.size_bytes))
                .bind(&entry.sha256)
                .bind(&entry.file)
                .bind(&entry.sanitizer)
                .execute(&mut *tx)
                .await?;
            }
            prune(&mut tx, batch, now_ms).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Messages that were refused since a time.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn quarantined_since(&self, since_ms: u64) -> Result<u64, sqlx::Error> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM quarantine WHERE at >= $1");
        let count: i64 = query.bind(signed(since_ms)).fetch_one(self.pool()).await?;
        Ok(unsigned(count))
    }

    /// The tenants of which there are entries.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn quarantine_tenants(&self) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar("SELECT DISTINCT tenant FROM quarantine ORDER BY tenant")
            .fetch_all(self.pool())
            .await
    }

    /// The latest entries, newest first: of one tenant, or of all.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn quarantine_page(
        &self,
        tenant: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Refused>, sqlx::Error> {
        let text = match tenant {
            Some(_) => "SELECT * FROM quarantine WHERE tenant = $2 ORDER BY id DESC LIMIT $1",
            None => "SELECT * FROM quarantine ORDER BY id DESC LIMIT $1",
        };
        let rows = sqlx::query(text)
            .bind(i64::from(limit))
            .bind(tenant)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

/// Removes what is too old or too much; what is new is a batch's.
async fn prune(
    tx: &mut sqlx::Transaction<'_, sqlx::Any>,
    batch: &[Refused],
    now_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM quarantine WHERE at < $1")
        .bind(signed(now_ms.saturating_sub(AGE_MS_MAX)))
        .execute(&mut **tx)
        .await?;
    let tenants: std::collections::BTreeSet<&str> =
        batch.iter().map(|entry| entry.tenant.as_str()).collect();
    for tenant in tenants {
        sqlx::query(
            "DELETE FROM quarantine WHERE tenant = $1 AND id <=
                 (SELECT id FROM quarantine WHERE tenant = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        )
        .bind(tenant)
        .bind(TENANT_ENTRIES_MAX)
        .execute(&mut **tx)
        .await?;
    }
    sqlx::query("DELETE FROM quarantine WHERE id <= (SELECT MAX(id) FROM quarantine) - $1")
        .bind(ENTRIES_MAX)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<Refused, sqlx::Error> {
    Ok(Refused {
        tenant: row.try_get("tenant")?,
        satellite: row.try_get("satellite")?,
        at_ms: unsigned(row.try_get("at")?),
        channel: row.try_get("channel")?,
        dataset: row.try_get("dataset")?,
        reason: row.try_get("reason")?,
        rule: row.try_get("rule")?,
        pointer: row.try_get("pointer")?,
        size_bytes: unsigned(row.try_get("size_bytes")?),
        sha256: row.try_get("sha256")?,
        file: row.try_get("file")?,
        sanitizer: row.try_get("sanitizer")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tenant: &str, number: u64, at_ms: u64) -> Refused {
        Refused {
            tenant: tenant.into(),
            satellite: "hq".into(),
            at_ms,
            channel: "push".into(),
            dataset: String::new(),
            reason: "form".into(),
            rule: "tag".into(),
            pointer: String::new(),
            size_bytes: 1,
            sha256: number.to_string(),
            file: String::new(),
            sanitizer: String::new(),
        }
    }

    #[tokio::test]
    async fn a_flood_of_one_tenant_leaves_the_others_entries_and_the_old_ones_go() {
        for store in crate::testing::stores().await {
            flood(&store).await;
        }
    }

    async fn flood(store: &Store) {
        let now_ms = AGE_MS_MAX + 1_000;
        store
            .quarantine_note(&[entry("globex", 0, 999), entry("globex", 1, 1_000)], 0)
            .await
            .unwrap();
        // Entries that are dated ahead make nothing old.
        let ahead = 10 * AGE_MS_MAX;
        let flood: Vec<Refused> = (0..2_100).map(|n| entry("acme", n, ahead)).collect();
        store.quarantine_note(&flood, now_ms - 1).await.unwrap();
        let both = store.quarantine_page(Some("globex"), 10).await.unwrap();
        assert_eq!(both.len(), 2);
        store.quarantine_note(&flood, now_ms).await.unwrap();
        let of = async |tenant| {
            let page = store.quarantine_page(tenant, 10_000).await.unwrap();
            (page.len(), page.last().unwrap().sha256.clone())
        };
        assert_eq!(of(Some("globex")).await, (1, "1".to_owned()));
        assert_eq!(of(Some("acme")).await, (2_000, "100".to_owned()));
        assert_eq!(of(None).await.0, 2_001);
        assert_eq!(
            store.quarantine_tenants().await.unwrap(),
            ["acme", "globex"]
        );
    }
}
