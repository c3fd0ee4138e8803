//! Rows of second factors, recovery codes and sign-ins that wait for a code. What they mean is decided in
//! `auth::second_factor`.

use super::{Store, signed, unsigned};
use crate::auth::Site;

/// Somebody's second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorRow {
    /// Whose.
    pub person_id: String,
    /// The name as people read it.
    pub person_title: String,
    /// The shared secret, sealed.
    pub sealed: Vec<u8>,
    /// The step of the code used last.
    pub last_step: u64,
    /// Unix milliseconds.
    pub enrolled_at: u64,
}

/// A sign-in that waits for its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfRow {
    /// SHA-256 of the cookie's token.
    pub token_sha256: Vec<u8>,
    /// On which listener.
    pub site: Site,
    /// The person as JSON.
    pub person: String,
    /// The fresh secret of somebody who enrols, sealed.
    pub sealed: Option<Vec<u8>>,
    /// Unix milliseconds at which it is over.
    pub until_ms: u64,
}

type Factor = (String, String, Vec<u8>, i64, i64);

impl Store {
    /// Somebody's second factor.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn factor(&self, person_id: &str) -> Result<Option<FactorRow>, sqlx::Error> {
        let row: Option<Factor> = sqlx::query_as(
            "SELECT person_id, person_title, sealed, last_step, enrolled_at FROM second_factor WHERE person_id = $1",
        )
        .bind(person_id)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(read))
    }

    /// Everybody's, by name.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn factors(&self, limit: u32) -> Result<Vec<FactorRow>, sqlx::Error> {
        let rows: Vec<Factor> = sqlx::query_as(
            "SELECT person_id, person_title, sealed, last_step, enrolled_at FROM second_factor
             ORDER BY person_title, person_id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(read).collect())
    }

    /// Stores a second factor and its recovery codes, all or nothing; false when the person has one already.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn factor_enrol(
        &self,
        row: &FactorRow,
        codes_sha256: &[Vec<u8>],
    ) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let done = sqlx::query(
            "INSERT INTO second_factor (person_id, person_title, sealed, last_step, enrolled_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (person_id) DO NOTHING",
        )
        .bind(&row.person_id)
        .bind(&row.person_title)
        .bind(&row.sealed)
        .bind(signed(row.last_step))
        .bind(signed(row.enrolled_at))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        for code in codes_sha256 {
            sqlx::query("INSERT INTO recovery_code (person_id, code_sha256) VALUES ($1, $2)")
                .bind(&row.person_id)
                .bind(code)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Uses up a step: false when it, or a later one, was used before. The same code twice at once counts once.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn factor_use(&self, person_id: &str, step: u64) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE second_factor SET last_step = $2 WHERE person_id = $1 AND last_step < $2",
        )
        .bind(person_id)
        .bind(signed(step))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Uses up a recovery code: false when it is none, or was used before.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn recovery_use(
        &self,
        person_id: &str,
        code_sha256: &[u8],
        now_ms: u64,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE recovery_code SET used_at = $3
             WHERE person_id = $1 AND code_sha256 = $2 AND used_at IS NULL",
        )
        .bind(person_id)
        .bind(code_sha256)
        .bind(signed(now_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Recovery codes that a person has left.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn recovery_left(&self, person_id: &str) -> Result<u64, sqlx::Error> {
        let (left,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM recovery_code WHERE person_id = $1 AND used_at IS NULL",
        )
        .bind(person_id)
        .fetch_one(self.pool())
        .await?;
        Ok(unsigned(left))
    }

    /// Forgets a person's second factor and recovery codes; false when there was none.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn factor_forget(&self, person_id: &str) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        sqlx::query("DELETE FROM recovery_code WHERE person_id = $1")
            .bind(person_id)
            .execute(&mut *tx)
            .await?;
        let done = sqlx::query("DELETE FROM second_factor WHERE person_id = $1")
            .bind(person_id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Stores a sign-in that waits for its code.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn half_insert(&self, row: &HalfRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO half_sign_in (token_sha256, site, person, sealed, until_ms) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&row.token_sha256)
        .bind(row.site.as_str())
        .bind(&row.person)
        .bind(&row.sealed)
        .bind(signed(row.until_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// The sign-in that waits behind a cookie.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn half(&self, token_sha256: &[u8]) -> Result<Option<HalfRow>, sqlx::Error> {
        type Half = (Vec<u8>, String, String, Option<Vec<u8>>, i64);
        let row: Option<Half> = sqlx::query_as(
            "SELECT token_sha256, site, person, sealed, until_ms FROM half_sign_in WHERE token_sha256 = $1",
        )
        .bind(token_sha256)
        .fetch_optional(self.pool())
        .await?;
        let Some((token_sha256, site, person, sealed, until_ms)) = row else {
            return Ok(None);
        };
        let site = Site::parse(&site)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown site {site}").into()))?;
        Ok(Some(HalfRow {
            token_sha256,
            site,
            person,
            sealed,
            until_ms: unsigned(until_ms),
        }))
    }

    /// Takes a waiting sign-in away; false when somebody else did so first.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn half_take(&self, token_sha256: &[u8]) -> Result<bool, sqlx::Error> {
        let done = sqlx::query("DELETE FROM half_sign_in WHERE token_sha256 = $1")
            .bind(token_sha256)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes waiting sign-ins that are over.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn halves_sweep(&self, now_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM half_sign_in WHERE until_ms <= $1")
            .bind(signed(now_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

fn read((person_id, person_title, sealed, last_step, enrolled_at): Factor) -> FactorRow {
    FactorRow {
        person_id,
        person_title,
        sealed,
        last_step: unsigned(last_step),
        enrolled_at: unsigned(enrolled_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    fn row() -> FactorRow {
        FactorRow {
            person_id: "main:carol".to_owned(),
            person_title: "Carol Admin".to_owned(),
            sealed: vec![0, 1, 255],
            last_step: 10,
            enrolled_at: 1_000,
        }
    }

    #[tokio::test]
    async fn a_step_and_a_recovery_code_are_used_up_once() {
        for store in stores().await {
            let codes = [vec![1; 32], vec![2; 32]];
            assert!(store.factor_enrol(&row(), &codes).await.unwrap());
            assert!(!store.factor_enrol(&row(), &[vec![3; 32]]).await.unwrap());
            assert_eq!(store.factor("main:carol").await.unwrap(), Some(row()));
            assert_eq!(store.factors(5).await.unwrap(), [row()]);
            for (step, expected) in [(10, false), (9, false), (11, true), (11, false), (12, true)] {
                let used = store.factor_use("main:carol", step).await.unwrap();
                assert_eq!(used, expected, "{step}");
            }
            assert!(!store.factor_use("main:alice", 20).await.unwrap());
            for (code, expected) in [(1, true), (1, false), (3, false), (2, true)] {
                let used = store.recovery_use("main:carol", &[code; 32], 5).await;
                assert_eq!(used.unwrap(), expected, "{code}");
            }
            assert_eq!(store.recovery_left("main:carol").await.unwrap(), 0);
            assert!(store.factor_forget("main:carol").await.unwrap());
            assert!(!store.factor_forget("main:carol").await.unwrap());
            assert_eq!(store.factor("main:carol").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_waiting_sign_in_is_taken_once_and_goes_with_time() {
        for store in stores().await {
            let half = |token: u8, sealed| HalfRow {
                token_sha256: vec![token; 32],
                site: Site::Admin,
                person: "{}".to_owned(),
                sealed,
                until_ms: 1_000,
            };
            for row in [half(1, None), half(2, Some(vec![7]))] {
                store.half_insert(&row).await.unwrap();
                assert_eq!(store.half(&row.token_sha256).await.unwrap(), Some(row));
            }
            assert!(store.half_take(&[1; 32]).await.unwrap());
            assert!(!store.half_take(&[1; 32]).await.unwrap());
            store.halves_sweep(1_000).await.unwrap();
            assert_eq!(store.half(&[2; 32]).await.unwrap(), None);
        }
    }
}
