//! Sealed values and wrapped keys. Nothing here can open them.

use super::{Store, signed, unsigned};
use sqlx::Row as _;

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Which version of the secret.
    pub version: u64,
    /// Which master key wrapped its key.
    pub key_id: String,
    /// Its key, wrapped.
    pub wrapped: Vec<u8>,
    /// The value, sealed with that key.
    pub sealed: Vec<u8>,
    /// When it was last used, Unix milliseconds.
    pub used_at_ms: Option<u64>,
}

/// What is known of a secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// Its latest version.
    pub version: u64,
    /// Which master key wrapped its key.
    pub key_id: String,
    /// When it was last used, Unix milliseconds.
    pub used_at_ms: Option<u64>,
    /// When the value was put there.
    pub changed_at_ms: u64,
    /// By whom.
    pub changed_by: String,
}

/// A wrapped key, wherever it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// `secret` or `sealing`.
    pub scope: &'static str,
    /// Of which secret, or for which purpose.
    pub name: String,
    /// Of which version.
    pub version: u64,
    /// Which master key wrapped it.
    pub key_id: String,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

/// Who changes a secret, and when.
#[derive(Clone, Copy, Debug)]
pub struct SecretAct<'a> {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// By whom, as people read it.
    pub by: &'a str,
}

const CHANGED: &str = "INSERT INTO secret_change (name, version, act, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5)";

impl Store {
    /// The latest version that a secret had, with or without a value; 0 when it never had one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secret_version(&self, name: &str) -> Result<u64, sqlx::Error> {
        let row = sqlx::query("SELECT version FROM secret WHERE name = $1")
            .bind(name)
            .fetch_optional(self.pool())
            .await?;
        row.map_or(Ok(0), |row| Ok(unsigned(row.try_get("version")?)))
    }

    /// Puts a value in; `false` when somebody else has put this version or a later one in meanwhile.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn secret_put(
        &self,
        name: &str,
        secret: &SealedSecret,
        act: SecretAct<'_>,
    ) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let put = sqlx::query(
            "INSERT INTO secret (name, version, key_id, wrapped, sealed) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET version = excluded.version, key_id = excluded.key_id,
                 wrapped = excluded.wrapped, sealed = excluded.sealed, used_at = NULL
             WHERE secret.version < excluded.version",
        )
        .bind(name)
        .bind(signed(secret.version))
        .bind(secret.key_id.as_str())
        .bind(secret.wrapped.as_slice())
        .bind(secret.sealed.as_slice())
        .execute(&mut *tx)
        .await?;
        if put.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(CHANGED)
            .bind(name)
            .bind(signed(secret.version))
            .bind("set")
            .bind(signed(act.at_ms))
            .bind(act.by)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Wipes a value; `false` when there is none.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn secret_remove(&self, name: &str, act: SecretAct<'_>) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let removed = sqlx::query(
            "UPDATE secret SET version = version + 1, key_id = '', wrapped = NULL, sealed = NULL, used_at = NULL
             WHERE name = $1 AND sealed IS NOT NULL RETURNING version",
        )
        .bind(name)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(removed) = removed else {
            return Ok(false);
        };
        let version = unsigned(removed.try_get("version")?);
        sqlx::query(CHANGED)
            .bind(name)
            .bind(signed(version))
            .bind("removed")
            .bind(signed(act.at_ms))
            .bind(act.by)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// A sealed value.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secret_sealed(&self, name: &str) -> Result<Option<SealedSecret>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT version, key_id, wrapped, sealed, used_at FROM secret WHERE name = $1 AND sealed IS NOT NULL",
        )
        .bind(name)
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(SealedSecret {
                version: unsigned(row.try_get("version")?),
                key_id: row.try_get("key_id")?,
                wrapped: row.try_get("wrapped")?,
                sealed: row.try_get("sealed")?,
                used_at_ms: row.try_get::<Option<i64>, _>("used_at")?.map(unsigned),
            })
        })
        .transpose()
    }

    /// Notes that a value was used.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn secret_used(&self, name: &str, at_ms: u64) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE secret SET used_at = $2 WHERE name = $1")
            .bind(name)
            .bind(signed(at_ms))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Every secret that has a value, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secrets(&self) -> Result<Vec<SecretInfo>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT s.name, s.version, s.key_id, s.used_at, c.changed_at, c.changed_by
             FROM secret s JOIN secret_change c ON c.name = s.name AND c.version = s.version
             WHERE s.sealed IS NOT NULL ORDER BY s.name",
        )
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SecretInfo {
                    name: row.try_get("name")?,
                    version: unsigned(row.try_get("version")?),
                    key_id: row.try_get("key_id")?,
                    used_at_ms: row.try_get::<Option<i64>, _>("used_at")?.map(unsigned),
                    changed_at_ms: unsigned(row.try_get("changed_at")?),
                    changed_by: row.try_get("changed_by")?,
                })
            })
            .collect()
    }

    /// The key for a purpose.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sealing_key(&self, purpose: &str) -> Result<Option<WrappedKey>, sqlx::Error> {
        let row = sqlx::query("SELECT key_id, wrapped FROM sealing_key WHERE purpose = $1")
            .bind(purpose)
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| {
            Ok(WrappedKey {
                scope: "sealing",
                name: purpose.to_owned(),
                version: 1,
                key_id: row.try_get("key_id")?,
                wrapped: row.try_get("wrapped")?,
            })
        })
        .transpose()
    }

    /// Stores the key for a purpose, unless there is one.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn sealing_key_put(&self, key: &WrappedKey) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO sealing_key (purpose, key_id, wrapped) VALUES ($1, $2, $3)
             ON CONFLICT (purpose) DO NOTHING",
        )
        .bind(key.name.as_str())
        .bind(key.key_id.as_str())
        .bind(key.wrapped.as_slice())
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }

    /// Every wrapped key.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wrapped_keys(&self) -> Result<Vec<WrappedKey>, sqlx::Error> {
        let mut keys = Vec::new();
        let rows = sqlx::query(
            "SELECT name, version, key_id, wrapped FROM secret WHERE sealed IS NOT NULL ORDER BY name",
        )
        .fetch_all(self.pool())
        .await?;
        for row in rows {
            keys.push(WrappedKey {
                scope: "secret",
                name: row.try_get("name")?,
                version: unsigned(row.try_get("version")?),
                key_id: row.try_get("key_id")?,
                wrapped: row.try_get("wrapped")?,
            });
        }
        let rows = sqlx::query("SELECT purpose, key_id, wrapped FROM sealing_key ORDER BY purpose")
            .fetch_all(self.pool())
            .await?;
        for row in rows {
            keys.push(WrappedKey {
                scope: "sealing",
                name: row.try_get("purpose")?,
                version: 1,
                key_id: row.try_get("key_id")?,
                wrapped: row.try_get("wrapped")?,
            });
        }
        Ok(keys)
    }

    /// Puts a key that was wrapped anew in the place of the same key; one that was replaced meanwhile stays.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn rewrapped(
        &self,
        before: &WrappedKey,
        now: &WrappedKey,
    ) -> Result<(), sqlx::Error> {
        let statement = if now.scope == "secret" {
            "UPDATE secret SET key_id = $1, wrapped = $2 WHERE name = $3 AND key_id = $4 AND version = $5"
        } else {
            "UPDATE sealing_key SET key_id = $1, wrapped = $2 WHERE purpose = $3 AND key_id = $4 AND 1 = $5"
        };
        sqlx::query(statement)
            .bind(now.key_id.as_str())
            .bind(now.wrapped.as_slice())
            .bind(now.name.as_str())
            .bind(before.key_id.as_str())
            .bind(signed(before.version))
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}
