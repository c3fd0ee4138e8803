//! Name, address, colour and logo: the service's, and customers' own.

use spokegate_contract::TenantId;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, signed};
use crate::branding::{Brand, Branding, Logo, RunBrand, Whose};

impl Store {
    /// The service's, as pages need it; without the logo's bytes.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn brand(&self) -> Result<Brand, sqlx::Error> {
        let brand = self.brand_of(Whose::Service).await?;
        Ok(brand.unwrap_or_default())
    }

    /// Somebody's own, without the logo's bytes; nothing where none was set.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn brand_of(&self, whose: Whose<'_>) -> Result<Option<Brand>, sqlx::Error> {
        let row =
            sqlx::query("SELECT name, address, colour, logo_sha256 FROM branding WHERE scope = $1")
                .bind(whose.scope())
                .fetch_optional(self.pool())
                .await?;
        row.as_ref().map(read).transpose()
    }

    /// Somebody's own with its logo; nothing where none was set.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn branding(&self, whose: Whose<'_>) -> Result<Option<Branding>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM branding WHERE scope = $1")
            .bind(whose.scope())
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let brand = read(&row)?;
        let logo = match brand.logo_sha256.is_empty() {
            true => None,
            false => Some(Logo {
                media_type: row.try_get("logo_kind")?,
                file: row.try_get::<Vec<u8>, _>("logo")?.into(),
            }),
        };
        Ok(Some(Branding { brand, logo }))
    }

    /// The brand of a run for these customers.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn run_brand(&self, tenants: &[TenantId]) -> Result<RunBrand, sqlx::Error> {
        let own = match tenants {
            [one] => self.brand_of(Whose::Tenant(one)).await?,
            _ => None,
        };
        Ok(RunBrand::of(own, self.brand().await?))
    }

    /// Those that customers have, by scope.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn brands(&self) -> Result<Vec<(String, Brand)>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT scope, name, address, colour, logo_sha256 FROM branding WHERE scope <> '' ORDER BY scope",
        )
        .fetch_all(self.pool())
        .await?;
        let scoped = |row: &AnyRow| Ok((row.try_get("scope")?, read(row)?));
        rows.iter().map(scoped).collect()
    }

    /// Sets all of it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn brand_set(
        &self,
        whose: Whose<'_>,
        branding: &Branding,
        (at_ms, by): (u64, &str),
    ) -> Result<(), sqlx::Error> {
        let Branding { brand, logo } = branding;
        let logo = logo.as_ref();
        let colour = brand.colour.map(|colour| colour.to_string());
        sqlx::query(
            "INSERT INTO branding (scope, name, address, colour, logo, logo_kind, logo_sha256, changed_at, changed_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (scope) DO UPDATE SET name = excluded.name, address = excluded.address, colour = excluded.colour,
                 logo = excluded.logo, logo_kind = excluded.logo_kind, logo_sha256 = excluded.logo_sha256,
                 changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        )
        .bind(whose.scope())
        .bind(&brand.name)
        .bind(&brand.address)
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

    /// Removes a customer's own; false when there is none. Customers that the configuration does not name any more have
    /// theirs removed like all others.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn brand_remove(&self, tenant: &TenantId) -> Result<bool, sqlx::Error> {
        let removed = sqlx::query("DELETE FROM branding WHERE scope = $1")
            .bind(Whose::Tenant(tenant).scope())
            .execute(self.turn().await?.pool())
            .await?;
        Ok(removed.rows_affected() > 0)
    }
}

fn read(row: &AnyRow) -> Result<Brand, sqlx::Error> {
    let colour: String = row.try_get("colour")?;
    Ok(Brand {
        name: row.try_get("name")?,
        address: row.try_get("address")?,
        colour: colour.parse().ok(),
        logo_sha256: row.try_get("logo_sha256")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    fn branding(name: &str, logo: Option<&[u8]>) -> Branding {
        Branding {
            brand: Brand {
                name: name.into(),
                address: "1 Quay\nHarbour Town".into(),
                colour: "#0f6e66".parse().ok(),
                logo_sha256: logo.map(|_| "ab".repeat(32)).unwrap_or_default(),
            },
            logo: logo.map(|file| Logo {
                media_type: "image/png".into(),
                file: file.into(),
            }),
        }
    }

    #[tokio::test]
    async fn what_was_set_last_counts() {
        for store in stores().await {
            assert_eq!(store.brand().await.unwrap(), Brand::default());
            assert_eq!(store.branding(Whose::Service).await.unwrap(), None);
            for set in [
                branding("Müller IT", Some(&[0, 255, 7])),
                branding("Müller", None),
                Branding::default(),
            ] {
                let act = (1, "Carol");
                store.brand_set(Whose::Service, &set, act).await.unwrap();
                assert_eq!(store.brand().await.unwrap(), set.brand);
                assert_eq!(store.branding(Whose::Service).await.unwrap(), Some(set));
            }
        }
    }

    #[tokio::test]
    async fn a_customer_has_its_own_and_nobody_elses() {
        let [acme, globex] = ["acme", "globex"].map(|id| id.parse::<TenantId>().unwrap());
        let own = branding("Acme", Some(&[1]));
        let service = branding("Northwind", Some(&[2, 3]));
        for store in stores().await {
            let set = store.brand_set(Whose::Tenant(&acme), &own, (1, "Carol"));
            set.await.unwrap();
            let of = async |tenants: &[&TenantId]| {
                let tenants: Vec<TenantId> = tenants.iter().copied().cloned().collect();
                store.run_brand(&tenants).await.unwrap()
            };
            let (one, other) = (of(&[&acme]).await, of(&[&globex]).await);
            assert_eq!(one.shown, own.brand);
            assert_eq!(
                (one.service, other),
                (Brand::default(), RunBrand::default())
            );
            let set = store.brand_set(Whose::Service, &service, (2, "Carol"));
            set.await.unwrap();
            assert_eq!(of(&[&acme]).await.shown, own.brand);
            assert_eq!(of(&[&globex]).await.shown, service.brand);
            // Of several it is nobody's own.
            assert_eq!(of(&[&acme, &globex]).await.shown, service.brand);
            assert_eq!(of(&[]).await.shown, service.brand);
            let listed = store.brands().await.unwrap();
            assert_eq!(listed, [("acme".to_owned(), own.brand.clone())]);
            assert!(!store.brand_remove(&globex).await.unwrap());
            assert!(store.brand_remove(&acme).await.unwrap());
            assert_eq!(store.branding(Whose::Tenant(&acme)).await.unwrap(), None);
            assert_eq!(store.brand().await.unwrap(), service.brand);
        }
    }
}
