//! What administrators see of all people and all customers.

use std::collections::BTreeMap;

use spokegate_contract::TenantId;
use sqlx::Row as _;

use super::runs::{RunFilter, RunRow, parsed, read};
use super::{Store, signed, unsigned};
use crate::runs::RunState;

/// People that a list offers.
const OWNERS_MAX: i64 = 1_000;

/// What is known of a customer, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantTally {
    /// Runs of the time that was asked for, perhaps for other customers as well.
    pub runs: u64,
    /// Those among them that failed.
    pub failed: u64,
    /// When the last document was made, in milliseconds since 1970; 0: none in that time.
    pub done_at_ms: u64,
    /// When the last push came in; 0: none that is kept.
    pub push_at_ms: u64,
    /// Messages in the quarantine.
    pub refused: u64,
}

/// Runs of a time, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Those whose document is there.
    pub done: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Store {
    /// How runs ended that were started since a time.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_counted(&self, since_ms: u64) -> Result<RunCounts, sqlx::Error> {
        let query = "SELECT state, COUNT(*) FROM run WHERE created_at >= $1 GROUP BY state";
        let query = sqlx::query_as(query).bind(signed(since_ms));
        let rows: Vec<(String, i64)> = query.fetch_all(self.pool()).await?;
        let of = |state: RunState| {
            let row = rows.iter().find(|(name, _)| name == state.as_str());
            row.map_or(0, |(_, count)| unsigned(*count))
        };
        Ok(RunCounts {
            done: of(RunState::Done),
            failed: of(RunState::Failed),
        })
    }

    /// Everybody's runs, newest first; of one person when one is named.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_of_all(
        &self,
        owner_id: &str,
        filter: &RunFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<RunRow>, sqlx::Error> {
        let report = filter.report.as_ref().map(ToString::to_string);
        // An id holds nothing that means something in a pattern.
        let tenant = filter.tenant.as_ref().map(|id| format!("%\"{id}\"%"));
        let rows = sqlx::query(
            "SELECT * FROM run WHERE ($1 = '' OR owner_id = $1)
             AND ($2 = '' OR report = $2) AND ($3 = '' OR tenants LIKE $3) AND ($4 = '' OR state = $4)
             AND created_at >= $5 AND created_at < $6
             ORDER BY created_at DESC, id LIMIT $7 OFFSET $8",
        )
        .bind(owner_id)
        .bind(report.unwrap_or_default())
        .bind(tenant.unwrap_or_default())
        .bind(filter.state.map_or("", RunState::as_str))
        .bind(signed(filter.from_ms))
        .bind(signed(filter.before_ms))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Stable id and name of everybody who has runs, by name.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn run_owners(&self) -> Result<Vec<(String, String)>, sqlx::Error> {
        sqlx::query_as(
            "SELECT owner_id, MAX(owner_title) FROM run GROUP BY owner_id ORDER BY 2, 1 LIMIT $1",
        )
        .bind(OWNERS_MAX)
        .fetch_all(self.pool())
        .await
    }

    /// Every customer of which anything is known, counted; runs since a time.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn tenant_tallies(
        &self,
        since_ms: u64,
    ) -> Result<BTreeMap<TenantId, TenantTally>, sqlx::Error> {
        let mut tallies: BTreeMap<TenantId, TenantTally> = BTreeMap::new();
        let runs = sqlx::query(
            "SELECT tenants, state, COUNT(*) AS found, MAX(COALESCE(finished_at, 0)) AS last FROM run
             WHERE created_at >= $1 GROUP BY tenants, state",
        )
        .bind(signed(since_ms))
        .fetch_all(self.pool())
        .await?;
        for row in &runs {
            let tenants: Vec<TenantId> = parsed(row, "tenants")?;
            let state: String = row.try_get("state")?;
            let found = unsigned(row.try_get("found")?);
            for tenant in tenants {
                let tally = tallies.entry(tenant).or_default();
                tally.runs += found;
                if state == RunState::Failed.as_str() {
                    tally.failed += found;
                } else if state == RunState::Done.as_str() {
                    let last = unsigned(row.try_get("last")?);
                    tally.done_at_ms = tally.done_at_ms.max(last);
                }
            }
        }
        let pushes = "SELECT tenant, MAX(received_at) FROM push GROUP BY tenant";
        for (tenant, at) in self.numbers(pushes).await? {
            tallies.entry(tenant).or_default().push_at_ms = at;
        }
        let refused = "SELECT tenant, COUNT(*) FROM quarantine GROUP BY tenant";
        for (tenant, count) in self.numbers(refused).await? {
            tallies.entry(tenant).or_default().refused = count;
        }
        Ok(tallies)
    }

    /// A number for each customer.
    async fn numbers(&self, query: &'static str) -> Result<Vec<(TenantId, u64)>, sqlx::Error> {
        let rows: Vec<(String, i64)> = sqlx::query_as(query).fetch_all(self.pool()).await?;
        let of = |(tenant, number): (String, i64)| Some((tenant.parse().ok()?, unsigned(number)));
        Ok(rows.into_iter().filter_map(of).collect())
    }
}

#[cfg(test)]
mod tests;
