//! Revocation and suspension: the act and the list that says so are one.

use std::path::PathBuf;

use spokegate_contract::{Address, TenantId};
use spokegate_identity::{Serial, is_reserved_tenant, pem};
use sqlx::SqliteConnection;

use super::{Office, OfficeError, act};
use crate::authority::{self, Reason};
use crate::hop::Hop;
use crate::registry::{self, ListState, Stored};

/// The list's file in the folder of the fabric authority.
const LIST_FILE: &str = "crl.pem";
/// A list is made anew after this long even when nothing changed.
const LIST_LIFE_MS: u64 = 86_400_000;
/// What ended so long ago is forgotten; longer than any grace.
const KEPT_MS: u64 = 400 * 86_400_000;

/// What a revocation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Certificates that were good until now, ended ones included: these could have renewed.
    pub certificates: u64,
    /// Join tokens that were good until now.
    pub tokens: u64,
    /// The number of the list that says so.
    pub list: u64,
}

impl Office {
    /// Revokes every certificate of a satellite and voids the tokens that are out for it. A token made later is good.
    ///
    /// # Errors
    /// When nothing is known of the satellite, or the registry or the list cannot be written.
    pub async fn revoke(
        &self,
        address: &Address,
        reason: Reason,
        now_ms: u64,
    ) -> Result<Revoked, OfficeError> {
        let mut db = self.registry.begin().await?;
        let certificates = registry::revoke(&mut db, address, reason.as_str(), now_ms).await?;
        let tokens = registry::void(&mut db, address, now_ms).await?;
        if certificates + tokens == 0 && !registry::is_known(&mut db, address).await? {
            return Err(OfficeError::UnknownSatellite(address.clone()));
        }
        let list = self.refresh_in(&mut db, 0, now_ms).await?;
        act(
            &mut db,
            "satellite.revoke",
            reason.as_str(),
            &format!("{address}: {certificates} certificates, {tokens} tokens"),
            now_ms,
        )
        .await?;
        db.commit().await?;
        self.export(&list)?;
        Ok(Revoked {
            certificates,
            tokens,
            list: list.number,
        })
    }

    /// Puts every certificate of a tenant on hold.
    ///
    /// # Errors
    /// When it is suspended already, or the registry or the list cannot be written.
    pub async fn suspend(&self, tenant: &TenantId, now_ms: u64) -> Result<ListState, OfficeError> {
        if is_reserved_tenant(tenant) {
            return Err(OfficeError::ReservedTenant(tenant.to_string()));
        }
        let mut db = self.registry.begin().await?;
        if !registry::suspend(&mut db, tenant.as_str(), now_ms).await? {
            return Err(OfficeError::SuspendedAlready(tenant.to_string()));
        }
        self.settle(db, "tenant.suspend", tenant, now_ms).await
    }

    /// Takes a tenant's certificates off hold; those that are revoked stay so.
    ///
    /// # Errors
    /// When it is not suspended, or the registry or the list cannot be written.
    pub async fn resume(&self, tenant: &TenantId, now_ms: u64) -> Result<ListState, OfficeError> {
        let mut db = self.registry.begin().await?;
        if !registry::resume(&mut db, tenant.as_str()).await? {
            return Err(OfficeError::NotSuspended(tenant.to_string()));
        }
        self.settle(db, "tenant.resume", tenant, now_ms).await
    }

    async fn settle(
        &self,
        mut db: sqlx::Transaction<'static, sqlx::Sqlite>,
        action: &'static str,
        tenant: &TenantId,
        now_ms: u64,
    ) -> Result<ListState, OfficeError> {
        let list = self.refresh_in(&mut db, 0, now_ms).await?;
        act(&mut db, action, "command", tenant.as_str(), now_ms).await?;
        db.commit().await?;
        self.export(&list)?;
        Ok(list)
    }

    /// The present list; another is made first when there is none, its content has changed (an ended certificate leaves
    /// it), or it is a day old.
    ///
    /// # Errors
    /// When the registry or the list cannot be written.
    pub async fn refresh_list(&self, now_ms: u64) -> Result<ListState, OfficeError> {
        let mut db = self.registry.begin().await?;
        registry::forget(&mut db, now_ms.saturating_sub(KEPT_MS)).await?;
        let list = self.refresh_in(&mut db, 0, now_ms).await?;
        db.commit().await?;
        self.export(&list)?;
        Ok(list)
    }

    /// Revokes one certificate of the fabric authority, a service's too. Whose it is.
    ///
    /// # Errors
    /// When there is none of this serial, or the registry or the list cannot be written.
    pub async fn revoke_serial(
        &self,
        serial: &Serial,
        reason: Reason,
        now_ms: u64,
    ) -> Result<(String, ListState), OfficeError> {
        let mut db = self.registry.begin().await?;
        let found = registry::revoke_serial(&mut db, serial, reason.as_str(), now_ms).await?;
        let holder = found.ok_or_else(|| OfficeError::UnknownSerial(serial.clone()))?;
        let list = self.refresh_in(&mut db, 0, now_ms).await?;
        let subject = format!("{holder} {serial}");
        act(
            &mut db,
            "certificate.revoke",
            reason.as_str(),
            &subject,
            now_ms,
        )
        .await?;
        db.commit().await?;
        self.export(&list)?;
        Ok((holder, list))
    }

    /// Makes a list with a number above one that brokers have: for a registry that was restored from a copy, whose lists
    /// they would take for old ones.
    ///
    /// # Errors
    /// When the registry or the list cannot be written.
    pub async fn raise_list(&self, above: u64, now_ms: u64) -> Result<ListState, OfficeError> {
        let mut db = self.registry.begin().await?;
        let list = self.refresh_in(&mut db, above, now_ms).await?;
        let subject = format!("list {}", list.number);
        act(&mut db, "list.raise", "command", &subject, now_ms).await?;
        db.commit().await?;
        self.export(&list)?;
        Ok(list)
    }

    /// Where the list stands in PEM, for brokers that read a file.
    pub fn list_path(&self) -> PathBuf {
        self.directory.join(Hop::Fabric.as_str()).join(LIST_FILE)
    }

    async fn refresh_in(
        &self,
        db: &mut SqliteConnection,
        above: u64,
        now_ms: u64,
    ) -> Result<ListState, OfficeError> {
        let listed = registry::list_content(db, now_ms).await?;
        let present = registry::list_present(db, &listed).await?;
        let before = match present {
            Some((list, same)) => {
                let fresh = now_ms.saturating_sub(list.made_at_ms) < LIST_LIFE_MS;
                if same && fresh && list.number > above {
                    return Ok(list);
                }
                list.number
            }
            None => 0,
        };
        let number = before.max(above).saturating_add(1);
        let revoked: Vec<_> = listed
            .iter()
            .map(|listed| authority::Revoked {
                serial: listed.serial.clone(),
                reason: Reason::of(&listed.reason),
                at_ms: listed.at_ms,
            })
            .collect();
        let der = self
            .authorities
            .fabric
            .revocation_list(number, now_ms, &revoked)?;
        let list = Stored {
            number,
            made_at_ms: now_ms,
            listed: &listed,
            der: &der,
        };
        registry::list_keep(db, &list).await?;
        Ok(ListState {
            number,
            made_at_ms: now_ms,
            entries: listed.len() as u64,
            der,
        })
    }

    /// Puts the list beside its authority, unless it stands there.
    fn export(&self, list: &ListState) -> Result<(), OfficeError> {
        let (path, text) = (self.list_path(), pem::encode("X509 CRL", &list.der));
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            return Ok(());
        }
        Ok(crate::files::replace(&path, text.as_bytes())?)
    }
}
