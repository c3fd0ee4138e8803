//! Name, colour and logo.

use sqlx::Row as _;

use super::{Store, signed};
use crate::branding::{Brand, Logo};

/// The whole service.
const SERVICE: &str = "";

impl Store {
    /// What pages need to know; without the logo's bytes.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn brand(&self) -> Result<Brand, sqlx::Error> {
        let row = sqlx::query("SELECT name, colour, logo_sha256 FROM branding WHERE scope = $1")
            .bind(SERVICE)
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else {
            return Ok(Brand::default());
        };
        let colour: String = row.try_get("colour")?;
        Ok(Brand {
            name: row.try_get("name")?,
            colour: colour.parse().ok(),
            logo_sha256: row.try_get("logo_sha256")?,
        })
    }

    /// The logo; nothing without one.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn brand_logo(&self) -> Result<Option<Logo>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT logo, logo_kind FROM branding WHERE scope = $1 AND logo_sha256 <> ''",
        )
        .bind(SERVICE)
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let file: Vec<u8> = row.try_get("logo")?;
        Ok(Some(Logo {
            media_type: row.try_get("logo_kind")?,
            file: file.into(),
        }))
    }

    /// Sets all of it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn brand_set(
        &self,
        brand: &Brand,
        logo: Option<&Logo>,
        (at_ms, by): (u64, &str),
    ) -> Result<(), sqlx::Error> {
        let colour = brand.colour.map(|colour| colour.to_string());
        sqlx::query(
            "INSERT INTO branding (scope, name, colour, logo, logo_kind, logo_sha256, changed_at, changed_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (scope) DO UPDATE SET name = excluded.name, colour = excluded.colour, logo = excluded.logo,
                 logo_kind = excluded.logo_kind, logo_sha256 = excluded.logo_sha256, changed_at = excluded.changed_at,
                 changed_by = excluded.changed_by",
        )
        .bind(SERVICE)
        .bind(&brand.name)
        .bind(colour.unwrap_or_default())
        .bind(logo.map_or_else(Vec::new, |logo| logo.file.to_vec()))
        .bind(logo.map_or("", |logo| logo.media_type.as_str()))
        .bind(&brand.logo_sha256)
        .bind(signed(at_ms))
        .bind(by)
        .execute(self.turn().await?.pool())
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    #[tokio::test]
    async fn what_was_set_last_counts() {
        for store in stores().await {
            assert_eq!(store.brand().await.unwrap(), Brand::default());
            assert_eq!(store.brand_logo().await.unwrap(), None);
            let logo = Logo {
                media_type: "image/png".into(),
                file: vec![0, 255, 7].into(),
            };
            let brand = Brand {
                name: "Müller IT".into(),
                colour: "#0f6e66".parse().ok(),
                logo_sha256: "ab".repeat(32),
            };
            store
                .brand_set(&brand, Some(&logo), (1, "Carol"))
                .await
                .unwrap();
            assert_eq!(store.brand().await.unwrap(), brand);
            assert_eq!(store.brand_logo().await.unwrap(), Some(logo));
            let plain = Brand::default();
            store.brand_set(&plain, None, (2, "Carol")).await.unwrap();
            assert_eq!(store.brand().await.unwrap(), plain);
            assert_eq!(store.brand_logo().await.unwrap(), None);
        }
    }
}
