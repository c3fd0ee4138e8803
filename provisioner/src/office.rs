//! The authorities together with their registry: whatever is issued, revoked or refused here is recorded first.

use std::path::{Path, PathBuf};

use spokegate_contract::Address;
use spokegate_contract::limits::{COMMAND_ARGS_BYTES_MAX, COMMAND_LIFE_MS_MAX, PARCEL_BYTES_MAX};
use spokegate_daemon::audit::Decision;
use spokegate_identity::{Principal, Serial, TrustDomain};
use sqlx::SqliteConnection;

use crate::authority::{Authorities, AuthorityError, Certified, Issued};
use crate::files::WriteError;
use crate::hop::Hop;
use crate::plan::{CertificatePlan, Validity};
use crate::registry::{self, Entry, IssuedRecord, Origin, Registry, RegistryError};

mod admit;
mod bundle;
mod commands;
mod denials;
mod examine;
mod flow_sets;
mod releases;
mod revoke;
mod secrets;
mod tokens;

pub use admit::{Admitted, Policy};
pub use bundle::Carried;
pub(crate) use commands::{Order, Part};
pub use revoke::Revoked;
pub(crate) use secrets::SecretOrder;
pub use tokens::TokenOrder;

/// Who acts when a command does.
const OPERATOR: &str = "operator";

/// The authorities of an installation and their registry.
#[derive(Debug)]
pub struct Office {
    directory: PathBuf,
    authorities: Authorities,
    registry: Registry,
    denials: denials::Denials,
}

/// Why the office does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The authorities cannot be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The tenant is suspended.
    #[error("the tenant {0} is suspended, hint: `spokegate tenant resume --tenant {0}` first")]
    Suspended(String),
    /// Nothing was ever issued to the satellite.
    #[error(
        "no certificate was ever issued to {0}, and no token waits for it, hint: `spokegate satellite list` shows all"
    )]
    UnknownSatellite(Address),
    /// The fabric authority has issued no such certificate.
    #[error("the fabric authority has issued no certificate with the serial number {0}")]
    UnknownSerial(Serial),
    /// The key was certified before, and that certificate was revoked.
    #[error(
        "a certificate of this key was revoked, hint: remove the key in the satellite's directory and make a new request"
    )]
    RevokedKey,
    /// No such request.
    #[error("there is no request {0}, hint: `spokegate satellite requests` shows those that wait")]
    UnknownRequest(u64),
    /// The request was decided already.
    #[error("the request {number} is {state} already")]
    Decided {
        /// Its number.
        number: u64,
        /// The word for what was decided.
        state: &'static str,
    },
    /// The tenant was not suspended.
    #[error("the tenant {0} is not suspended")]
    NotSuspended(String),
    /// The tenant was suspended already.
    #[error("the tenant {0} is suspended already")]
    SuspendedAlready(String),
    /// The tenant id belongs to a service.
    #[error("the tenant id {0:?} is reserved, hint: choose another")]
    ReservedTenant(String),
    /// Every name `satellite-N` that fits is taken.
    #[error("no name is free for another satellite of {0}, hint: name it with --satellite")]
    NoName(String),
    /// The arguments are longer than the wire takes.
    #[error("the arguments of a command have {0} bytes, allowed are {COMMAND_ARGS_BYTES_MAX}")]
    ArgsLength(usize),
    /// The arguments hold what the wire does not.
    #[error("the arguments of a command cannot be sent")]
    Args(#[source] spokegate_contract::cbor::EncodeError),
    /// The parcel is longer than the wire takes, or empty.
    #[error("a parcel of {0} bytes, allowed are 1 to {PARCEL_BYTES_MAX}")]
    ParcelLength(u64),
    /// The parcel cannot be read or kept.
    #[error("the parcel {} cannot be read or kept", path.display())]
    Parcel {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The release is not signed as it has to be.
    #[error("the release is not believed: {0}")]
    Release(spokegate_identity::release::ReleaseError),
    /// The release is of another file.
    #[error("{} is not the file that was signed, hint: sign it anew", .0.display())]
    ReleaseContent(PathBuf),
    /// The version has another build already.
    #[error("there is another release {0} already, hint: give this one a version of its own")]
    ReleaseKnown(String),
    /// A command's end is too far away.
    #[error("a command ends in {0} ms, allowed are 1 to {COMMAND_LIFE_MS_MAX}")]
    Life(u64),
    /// A request that was carried here is none.
    #[error(transparent)]
    Offline(#[from] spokegate_identity::offline::OfflineError),
    /// There is no key to seal a secret to.
    #[error("{0} has no good certificate to seal to, hint: `spokegate satellite list` shows all")]
    NoKey(Address),
    /// The secret cannot be sealed.
    #[error(transparent)]
    Secret(#[from] spokegate_identity::secret::SecretError),
    /// The bundle cannot be sealed.
    #[error(transparent)]
    Sealed(#[from] spokegate_identity::sealed::SealedError),
}

impl From<sqlx::Error> for OfficeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Registry(error.into())
    }
}

impl Office {
    /// Makes both authorities and their registry; refuses when one is there.
    ///
    /// # Errors
    /// When something is there already, or cannot be written.
    pub async fn create(
        directory: &Path,
        trust_domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, OfficeError> {
        let authorities = Authorities::create(directory, trust_domain, validity)?;
        Self::with(directory, authorities).await
    }

    /// Opens both authorities and their registry, which is made when it is missing.
    ///
    /// # Errors
    /// When the files are not those of authorities, or the registry cannot be opened.
    pub async fn open(directory: &Path) -> Result<Self, OfficeError> {
        let authorities = Authorities::open(directory)?;
        Self::with(directory, authorities).await
    }

    async fn with(directory: &Path, authorities: Authorities) -> Result<Self, OfficeError> {
        Ok(Self {
            directory: directory.to_owned(),
            authorities,
            registry: Registry::open(directory).await?,
            denials: denials::Denials::default(),
        })
    }

    /// The authorities. What they issue past the office is in no registry: it cannot be renewed or revoked.
    pub fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    /// The registry, for reading.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Closes the registry.
    pub async fn close(&self) {
        self.registry.close().await;
    }

    /// Makes a key and a certificate at the operator's wish, and records it.
    ///
    /// # Errors
    /// When the authority refuses, or the tenant is suspended.
    pub async fn issue(
        &self,
        hop: Hop,
        plan: &CertificatePlan,
        now_ms: u64,
    ) -> Result<Issued, OfficeError> {
        let mut db = self.registry.begin().await?;
        if let Some(Principal::Satellite(address)) = plan.identity() {
            refuse_suspended(&mut db, address).await?;
        }
        let issued = self.authorities.of(hop).issue(plan)?;
        let entry = (hop, plan, Origin::Operator);
        record(&mut db, &issued.certified, entry, now_ms).await?;
        let subject = format!("{plan} {}", issued.certified.serial);
        act(&mut db, "certificate.issue", OPERATOR, &subject, now_ms).await?;
        db.commit().await?;
        Ok(issued)
    }
}

/// Records a new certificate.
async fn record(
    db: &mut SqliteConnection,
    certified: &Certified,
    (authority, plan, origin): (Hop, &CertificatePlan, Origin),
    now_ms: u64,
) -> Result<(), RegistryError> {
    let address = match plan.identity() {
        Some(Principal::Satellite(address)) => Some(address.clone()),
        Some(Principal::Service(_)) | None => None,
    };
    let record = IssuedRecord {
        serial: certified.serial.clone(),
        authority,
        address,
        holder: plan.to_string(),
        public_key: certified.public_key,
        certificate: certified.der.clone(),
        validity: plan.validity(),
        issued_at_ms: now_ms,
        origin,
    };
    registry::record(db, &record).await
}

/// Records an act of the operator.
async fn act(
    db: &mut SqliteConnection,
    action: &'static str,
    reason: &str,
    subject: &str,
    now_ms: u64,
) -> Result<(), RegistryError> {
    let entry = Entry {
        actor: OPERATOR,
        action,
        decision: Decision::Allowed,
        reason,
        subject,
    };
    registry::append(db, &entry, now_ms).await
}

async fn refuse_suspended(db: &mut SqliteConnection, address: &Address) -> Result<(), OfficeError> {
    let tenant = address.tenant.as_str();
    if registry::is_suspended(db, tenant).await? {
        Err(OfficeError::Suspended(tenant.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
