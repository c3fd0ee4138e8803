//! How satellites stand with the error budget that each sanitizer keeps for them.

use spokegate_contract::Address;
use spokegate_contract::record::BudgetState;
use sqlx::Row as _;

use super::{Store, signed, unsigned};

/// A satellite at a sanitizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The satellite.
    pub address: Address,
    /// The sanitizer's address.
    pub sanitizer: String,
    /// Its state.
    pub state: BudgetState,
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
    /// Since when.
    pub at_ms: u64,
}

impl Store {
    /// Notes how a satellite stands; false when that was known, or something newer is.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn budget_note(&self, standing: &Standing) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let noted = sqlx::query(
            "INSERT INTO satellite_budget (tenant, satellite, sanitizer, state, until, at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (tenant, satellite, sanitizer) DO UPDATE
                 SET state = excluded.state, until = excluded.until, at = excluded.at
                 WHERE satellite_budget.at <= excluded.at
                   AND (satellite_budget.state <> excluded.state OR satellite_budget.until < excluded.at)",
        )
        .bind(standing.address.tenant.as_str())
        .bind(standing.address.satellite.as_str())
        .bind(&standing.sanitizer)
        .bind(standing.state.as_str())
        .bind(signed(standing.until_ms))
        .bind(signed(standing.at_ms))
        .execute(turn.pool())
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// Satellites that are slowed or suspended at a time, by tenant and name.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn budgets_at(&self, now_ms: u64) -> Result<Vec<Standing>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM satellite_budget WHERE state <> 'normal' AND until > $1
             ORDER BY tenant, satellite, sanitizer",
        )
        .bind(signed(now_ms))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<Standing, sqlx::Error> {
    let fault = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let (tenant, satellite): (String, String) = (row.try_get("tenant")?, row.try_get("satellite")?);
    let state: String = row.try_get("state")?;
    Ok(Standing {
        address: Address::new(
            tenant.parse().map_err(|error| fault(Box::new(error)))?,
            satellite.parse().map_err(|error| fault(Box::new(error)))?,
        ),
        sanitizer: row.try_get("sanitizer")?,
        state: BudgetState::from_name(&state).ok_or_else(|| fault("no state".into()))?,
        until_ms: unsigned(row.try_get("until")?),
        at_ms: unsigned(row.try_get("at")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_new_once_and_ends_with_its_time() {
        for store in crate::testing::stores().await {
            change_once(&store).await;
        }
    }

    async fn change_once(store: &Store) {
        let standing = |state, at_ms, until_ms| Standing {
            address: Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
            sanitizer: "https://one".into(),
            state,
            until_ms,
            at_ms,
        };
        let suspended = standing(BudgetState::Suspended, 10, 100);
        for (change, expected) in [
            (standing(BudgetState::Slowed, 5, 60), true),
            (suspended.clone(), true),
            // Said again after a restart of egress.
            (standing(BudgetState::Suspended, 50, 100), false),
            // Late.
            (standing(BudgetState::Slowed, 6, 60), false),
        ] {
            assert_eq!(
                store.budget_note(&change).await.unwrap(),
                expected,
                "{change:?}"
            );
        }
        assert_eq!(store.budgets_at(99).await.unwrap(), [suspended]);
        assert_eq!(store.budgets_at(100).await.unwrap(), []);
        // Another suspension after that one is news, as is its end.
        for state in [BudgetState::Suspended, BudgetState::Normal] {
            let change = standing(state, 200, 300);
            assert!(store.budget_note(&change).await.unwrap());
        }
        assert_eq!(store.budgets_at(201).await.unwrap(), []);
    }
}
