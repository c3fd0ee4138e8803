//! Issued certificates and their revocation.

use std::fmt;

use spokegate_contract::Address;
use spokegate_identity::{PublicKey, Serial};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{RegistryError, count, natural};
use crate::hop::Hop;
use crate::plan::Validity;

/// At whose wish a certificate was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A command of the operator.
    Operator,
    /// A join, with this token.
    Join(String),
    /// A renewal, by the certificate of this serial.
    Renewal(Serial),
    /// A request that the operator carried.
    Bundle,
}

impl Origin {
    /// The word in the registry.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Join(_) => "join",
            Self::Renewal(_) => "renewal",
            Self::Bundle => "bundle",
        }
    }
}

/// A certificate as it is recorded.
#[derive(Clone, Debug)]
pub(crate) struct IssuedRecord {
    /// Its serial number.
    pub(crate) serial: Serial,
    /// Who signed it.
    pub(crate) authority: Hop,
    /// The satellite that it is of, if it is one's.
    pub(crate) address: Option<Address>,
    /// The identity, or the listener's names.
    pub(crate) holder: String,
    /// The key that it certifies.
    pub(crate) public_key: PublicKey,
    /// DER.
    pub(crate) certificate: Vec<u8>,
    /// Its life.
    pub(crate) validity: Validity,
    /// When it was signed.
    pub(crate) issued_at_ms: u64,
    /// At whose wish.
    pub(crate) origin: Origin,
}

/// A certificate with what became of it.
#[derive(Clone, Debug)]
pub(crate) struct CertificateState {
    /// Its serial number.
    pub(crate) serial: Serial,
    /// The satellite that it is of.
    pub(crate) address: Address,
    /// The key that it certifies.
    pub(crate) public_key: PublicKey,
    /// DER.
    pub(crate) certificate: Vec<u8>,
    /// Its last moment.
    pub(crate) not_after_ms: u64,
    /// Whether it is revoked.
    pub(crate) revoked: bool,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Records a certificate; nothing is handed out before this is committed.
pub(crate) async fn record(
    db: &mut SqliteConnection,
    issued: &IssuedRecord,
) -> Result<(), RegistryError> {
    let (token, renews) = match &issued.origin {
        Origin::Join(token) => (Some(token.as_str()), None),
        Origin::Renewal(serial) => (None, Some(serial.as_bytes())),
        Origin::Operator | Origin::Bundle => (None, None),
    };
    let address = issued.address.as_ref();
    sqlx::query(
        "INSERT INTO issued (serial, authority, tenant, satellite, holder, public_key, certificate, not_before,
         not_after, issued_at, origin, token, renews)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(issued.serial.as_bytes())
    .bind(issued.authority.as_str())
    .bind(address.map(|address| address.tenant.as_str()))
    .bind(address.map(|address| address.satellite.as_str()))
    .bind(&issued.holder)
    .bind(&issued.public_key.as_bytes()[..])
    .bind(&issued.certificate)
    .bind(count(issued.validity.not_before_ms))
    .bind(count(issued.validity.not_after_ms))
    .bind(count(issued.issued_at_ms))
    .bind(issued.origin.as_str())
    .bind(token)
    .bind(renews)
    .execute(db)
    .await?;
    Ok(())
}

/// The satellite's certificate of a serial.
pub(crate) async fn by_serial(
    db: &mut SqliteConnection,
    serial: &Serial,
) -> Result<Option<CertificateState>, RegistryError> {
    let row = sqlx::query(
        "SELECT * FROM issued WHERE serial = ?1 AND authority = 'fabric' AND tenant IS NOT NULL",
    )
    .bind(serial.as_bytes())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What was issued for a join token to a key, and has not ended.
pub(crate) async fn by_token(
    db: &mut SqliteConnection,
    token: &str,
    key: &PublicKey,
    now_ms: u64,
) -> Result<Option<CertificateState>, RegistryError> {
    let row = sqlx::query(
        "SELECT * FROM issued WHERE token = ?1 AND public_key = ?2 AND not_after > ?3
         ORDER BY issued_at DESC LIMIT 1",
    )
    .bind(token)
    .bind(&key.as_bytes()[..])
    .bind(count(now_ms))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What was issued to a key at the request of a certificate, and is still good.
pub(crate) async fn by_renewal(
    db: &mut SqliteConnection,
    renews: &Serial,
    key: &PublicKey,
    now_ms: u64,
) -> Result<Option<CertificateState>, RegistryError> {
    let row = sqlx::query(
        "SELECT * FROM issued WHERE renews = ?1 AND public_key = ?2 AND revoked_at IS NULL AND not_after > ?3
         ORDER BY issued_at DESC LIMIT 1",
    )
    .bind(renews.as_bytes())
    .bind(&key.as_bytes()[..])
    .bind(count(now_ms))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// What was issued to a key by bundle, and is still good.
pub(crate) async fn by_bundle(
    db: &mut SqliteConnection,
    address: &Address,
    key: &PublicKey,
    now_ms: u64,
) -> Result<Option<CertificateState>, RegistryError> {
    let row = sqlx::query(
        "SELECT * FROM issued WHERE tenant = ?1 AND satellite = ?2 AND public_key = ?3 AND origin = 'bundle'
         AND revoked_at IS NULL AND not_after > ?4 ORDER BY issued_at DESC LIMIT 1",
    )
    .bind(address.tenant.as_str())
    .bind(address.satellite.as_str())
    .bind(&key.as_bytes()[..])
    .bind(count(now_ms))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Whether a certificate of this key was ever revoked.
pub(crate) async fn is_revoked_key(
    db: &mut SqliteConnection,
    key: &PublicKey,
) -> Result<bool, RegistryError> {
    let row = sqlx::query(
        "SELECT 1 FROM issued WHERE public_key = ?1 AND revoked_at IS NOT NULL LIMIT 1",
    )
    .bind(&key.as_bytes()[..])
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}

/// Forgets certificates that ended, and tokens that expired, before a moment. The audit keeps what was done.
pub(crate) async fn forget(db: &mut SqliteConnection, before_ms: u64) -> Result<(), RegistryError> {
    for statement in [
        "DELETE FROM request WHERE asked_at < ?1
         AND token IN (SELECT id FROM join_token WHERE expires_at < ?1)",
        "DELETE FROM join_token WHERE expires_at < ?1 AND id NOT IN (SELECT token FROM request)",
        "DELETE FROM issued WHERE not_after < ?1",
    ] {
        sqlx::query(statement)
            .bind(count(before_ms))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<CertificateState, RegistryError> {
    Ok(CertificateState {
        serial: serial(row)?,
        address: address(row)?,
        public_key: key(row, "public_key")?.ok_or(RegistryError::Damaged {
            what: "a public key",
        })?,
        certificate: row.try_get("certificate")?,
        not_after_ms: natural(row.try_get("not_after")?),
        revoked: row.try_get::<Option<i64>, _>("revoked_at")?.is_some(),
    })
}

pub(super) fn serial(row: &SqliteRow) -> Result<Serial, RegistryError> {
    let bytes: Vec<u8> = row.try_get("serial")?;
    Ok(Serial::new(&bytes))
}

pub(super) fn address(row: &SqliteRow) -> Result<Address, RegistryError> {
    let damaged = RegistryError::Damaged {
        what: "the name of a satellite",
    };
    let (tenant, satellite): (String, String) = (row.try_get("tenant")?, row.try_get("satellite")?);
    match (tenant.parse(), satellite.parse()) {
        (Ok(tenant), Ok(satellite)) => Ok(Address::new(tenant, satellite)),
        _ => Err(damaged),
    }
}

pub(super) fn key(row: &SqliteRow, column: &str) -> Result<Option<PublicKey>, RegistryError> {
    let bytes: Option<Vec<u8>> = row.try_get(column)?;
    bytes
        .map(|bytes| {
            PublicKey::from_bytes(&bytes).map_err(|_| RegistryError::Damaged {
                what: "a public key",
            })
        })
        .transpose()
}
