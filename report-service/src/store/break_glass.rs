//! The rows of local accounts for when the directory is gone. What they mean is decided in `auth::break_glass`.

use super::{Store, signed, unsigned};

/// A use that no administrator has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakGlassUse {
    /// The account.
    pub name: String,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The peer's address.
    pub from: String,
}

impl Store {
    /// Gives an account, made if need be, a link for its set-up; an older link no longer works.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn break_glass_link(
        &self,
        name: &str,
        link_sha256: &[u8],
        until_ms: u64,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO break_glass (name, link_sha256, link_until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET link_sha256 = excluded.link_sha256, link_until = excluded.link_until",
        )
        .bind(name)
        .bind(link_sha256)
        .bind(signed(until_ms))
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// The account that a link is for, while it is good.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn break_glass_linked(
        &self,
        link_sha256: &[u8],
        now_ms: u64,
    ) -> Result<Option<String>, sqlx::Error> {
        let name: Option<(String,)> = sqlx::query_as(
            "SELECT name FROM break_glass WHERE link_sha256 = $1 AND link_until > $2",
        )
        .bind(link_sha256)
        .bind(signed(now_ms))
        .fetch_optional(self.pool())
        .await?;
        Ok(name.map(|(name,)| name))
    }

    /// Sets the password through a link, which is used up; false when the link is not good.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn break_glass_set_up(
        &self,
        link_sha256: &[u8],
        now_ms: u64,
        password: &str,
    ) -> Result<bool, sqlx::Error> {
        let done = sqlx::query(
            "UPDATE break_glass SET password = $3, link_sha256 = NULL
             WHERE link_sha256 = $1 AND link_until > $2",
        )
        .bind(link_sha256)
        .bind(signed(now_ms))
        .bind(password)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The hashed password of an account that is set up.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn break_glass_password(&self, name: &str) -> Result<Option<String>, sqlx::Error> {
        let password: Option<(Option<String>,)> =
            sqlx::query_as("SELECT password FROM break_glass WHERE name = $1")
                .bind(name)
                .fetch_optional(self.pool())
                .await?;
        Ok(password.and_then(|(password,)| password))
    }

    /// Notes a use.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn break_glass_used(
        &self,
        name: &str,
        now_ms: u64,
        from: &str,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE break_glass SET used_at = $2, used_from = $3 WHERE name = $1")
            .bind(name)
            .bind(signed(now_ms))
            .bind(from)
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// The latest use that no administrator has acknowledged.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn break_glass_alarm(&self) -> Result<Option<BreakGlassUse>, sqlx::Error> {
        let row: Option<(String, i64, Option<String>)> = sqlx::query_as(
            "SELECT name, used_at, used_from FROM break_glass WHERE used_at IS NOT NULL ORDER BY used_at DESC LIMIT 1",
        )
        .fetch_optional(self.pool())
        .await?;
        Ok(row.map(|(name, at, from)| BreakGlassUse {
            name,
            at_ms: unsigned(at),
            from: from.unwrap_or_default(),
        }))
    }

    /// An administrator has seen what was used until now.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn break_glass_seen(&self) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE break_glass SET used_at = NULL WHERE used_at IS NOT NULL")
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::stores;

    #[tokio::test]
    async fn a_link_sets_one_password_once() {
        for store in stores().await {
            store
                .break_glass_link("emergency", &[1; 32], 1_000)
                .await
                .unwrap();
            assert_eq!(store.break_glass_password("emergency").await.unwrap(), None);
            let linked =
                async |link: u8, now| store.break_glass_linked(&[link; 32], now).await.unwrap();
            assert_eq!(linked(1, 999).await.as_deref(), Some("emergency"));
            assert_eq!(linked(1, 1_000).await, None, "over");
            assert_eq!(linked(2, 999).await, None);
            assert!(
                !store
                    .break_glass_set_up(&[1; 32], 1_000, "late")
                    .await
                    .unwrap()
            );
            assert!(
                store
                    .break_glass_set_up(&[1; 32], 999, "hash")
                    .await
                    .unwrap()
            );
            assert!(
                !store
                    .break_glass_set_up(&[1; 32], 999, "again")
                    .await
                    .unwrap()
            );
            let kept = store.break_glass_password("emergency").await.unwrap();
            assert_eq!(kept.as_deref(), Some("hash"));
            // A newer link replaces an older one, and the password stays until it is used.
            store
                .break_glass_link("emergency", &[3; 32], 9_000)
                .await
                .unwrap();
            store
                .break_glass_link("emergency", &[4; 32], 9_000)
                .await
                .unwrap();
            assert_eq!(linked(3, 5_000).await, None);
            assert!(
                store
                    .break_glass_password("emergency")
                    .await
                    .unwrap()
                    .is_some()
            );
        }
    }

    #[tokio::test]
    async fn a_use_is_an_alarm_until_it_was_seen() {
        for store in stores().await {
            store
                .break_glass_link("emergency", &[1; 32], 1_000)
                .await
                .unwrap();
            assert_eq!(store.break_glass_alarm().await.unwrap(), None);
            store
                .break_glass_used("emergency", 500, "192.0.2.7")
                .await
                .unwrap();
            let alarm = store.break_glass_alarm().await.unwrap().unwrap();
            assert_eq!(
                (alarm.name.as_str(), alarm.at_ms, alarm.from.as_str()),
                ("emergency", 500, "192.0.2.7")
            );
            store.break_glass_seen().await.unwrap();
            assert_eq!(store.break_glass_alarm().await.unwrap(), None);
        }
    }
}
