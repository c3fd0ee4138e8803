//! A certificate authority in a folder.

use std::fmt;
use std::path::Path;

use rcgen::{Issuer, KeyPair};
use spokegate_contract::Address;
use spokegate_daemon::Secret;
use spokegate_identity::{Pin, Principal, PublicKey, ServiceName, TrustDomain};

use crate::files::{Access, WriteError, write_new};
use crate::hop::Hop;
use crate::plan::{CertificatePlan, HostName, Usage, Validity};

mod certify;
mod error;
mod issued;
mod stored;
mod x509;

pub(crate) use certify::Revoked;
pub use certify::{Certified, Reason};
pub use error::AuthorityError;
pub use issued::Issued;

use error::library;

const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";

/// One certificate authority, open for signing.
pub struct Authority {
    hop: Hop,
    trust_domain: TrustDomain,
    certificate_der: Vec<u8>,
    certificate_pem: String,
    not_after_ms: u64,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority in `directory`: `ca.pem` and `ca-key.pem` (mode 0600). Refuses when
    /// one is there.
    pub fn create(
        directory: &Path,
        hop: Hop,
        trust_domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(library)?;
        let params = x509::authority(hop, trust_domain, validity)?;
        let certificate = params.self_signed(&key).map_err(library)?;
        let (key_pem, certificate_pem) = (Secret::new(key.serialize_pem()), certificate.pem());
        let files = [
            (KEY_FILE, Access::Owner, key_pem.expose().as_bytes()),
            (
                CERTIFICATE_FILE,
                Access::Everyone,
                certificate_pem.as_bytes(),
            ),
        ];
        write_new(directory, &files)?;
        Self::open(directory)
    }

    /// Opens the authority in `directory`. Refuses files that it did not make: another subject,
    /// a key that does not belong to the certificate, or a key file that others may read.
    pub fn open(directory: &Path) -> Result<Self, AuthorityError> {
        let path = directory.join(CERTIFICATE_FILE);
        let certificate_pem = std::fs::read_to_string(&path)
            .map_err(|source| AuthorityError::Unreadable { path, source })?;
        let key_pem = Secret::read_file(&directory.join(KEY_FILE))?;
        let unusable = |problem: String| AuthorityError::Unusable {
            directory: directory.to_owned(),
            problem,
        };
        let key =
            KeyPair::from_pkcs8_pem_and_sign_algo(key_pem.expose(), &rcgen::PKCS_ECDSA_P256_SHA256)
                .map_err(|_| unusable(format!("{KEY_FILE} holds no ECDSA P-256 key")))?;
        let stored = stored::read(&certificate_pem, key.public_key_raw()).map_err(unusable)?;
        let params = x509::authority(stored.hop, &stored.trust_domain, stored.validity)?;
        Ok(Self {
            hop: stored.hop,
            trust_domain: stored.trust_domain,
            certificate_der: stored.der,
            certificate_pem,
            not_after_ms: stored.validity.not_after_ms,
            issuer: Issuer::new(params, key),
        })
    }

    /// Which hop it is for.
    pub fn hop(&self) -> Hop {
        self.hop
    }

    /// The installation whose identities it issues.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Its own certificate, PEM: the root that peers trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of its certificate, in hex: what a join token pins.
    pub fn fingerprint(&self) -> String {
        self.pin().to_string()
    }

    /// What a join token pins.
    pub fn pin(&self) -> Pin {
        Pin::of(&self.certificate_der)
    }

    /// When its certificate ends, in milliseconds since the Unix epoch.
    pub fn not_after_ms(&self) -> u64 {
        self.not_after_ms
    }

    /// A certificate for an agent. Only the fabric authority issues these.
    pub fn issue_satellite(
        &self,
        address: &Address,
        validity: Validity,
    ) -> Result<Issued, AuthorityError> {
        self.issue(&CertificatePlan::satellite(
            address,
            &self.trust_domain,
            validity,
        )?)
    }

    /// A certificate for a service as a client, from the authority of its hop.
    pub fn issue_service(
        &self,
        name: ServiceName,
        validity: Validity,
    ) -> Result<Issued, AuthorityError> {
        self.issue(&CertificatePlan::service(
            name,
            &self.trust_domain,
            validity,
        )?)
    }

    /// A certificate for a listener.
    pub fn issue_server(
        &self,
        names: &[HostName],
        validity: Validity,
    ) -> Result<Issued, AuthorityError> {
        self.issue(&CertificatePlan::server(names, validity)?)
    }

    /// Makes a new key and signs what the plan says.
    pub fn issue(&self, plan: &CertificatePlan) -> Result<Issued, AuthorityError> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(library)?;
        let public_key = PublicKey::from_bytes(key.public_key_raw())
            .map_err(|error| AuthorityError::Library(error.to_string()))?;
        let certified = self.certify(plan, &public_key)?;
        Ok(Issued {
            certificate_pem: certified.pem(),
            key_pem: Secret::new(key.serialize_pem()),
            ca_pem: self.certificate_pem.clone(),
            certified,
        })
    }

    fn serves(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Satellite(_) => self.hop == Hop::Fabric,
            Principal::Service(name) => self.hop == Hop::of(*name),
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Authority");
        shown
            .field("hop", &self.hop)
            .field("trust_domain", &self.trust_domain)
            .finish_non_exhaustive()
    }
}

/// Both authorities of an installation, in the folders `fabric` and `inner` of one folder.
#[derive(Debug)]
pub struct Authorities {
    /// Of the first hop.
    pub fabric: Authority,
    /// Of the second hop.
    pub inner: Authority,
}

impl Authorities {
    /// Makes both; refuses when one is there.
    pub fn create(
        directory: &Path,
        trust_domain: &TrustDomain,
        validity: Validity,
    ) -> Result<Self, AuthorityError> {
        for hop in [Hop::Fabric, Hop::Inner] {
            let path = directory.join(hop.as_str());
            if path.symlink_metadata().is_ok() {
                // Half an installation is worse than none.
                return Err(WriteError::Exists(path).into());
            }
        }
        let create = |hop: Hop| {
            Authority::create(&directory.join(hop.as_str()), hop, trust_domain, validity)
        };
        Ok(Self {
            fabric: create(Hop::Fabric)?,
            inner: create(Hop::Inner)?,
        })
    }

    /// Opens both.
    pub fn open(directory: &Path) -> Result<Self, AuthorityError> {
        let open = |hop: Hop| {
            let directory = directory.join(hop.as_str());
            let authority = Authority::open(&directory)?;
            if authority.hop == hop {
                return Ok(authority);
            }
            let problem = format!("it is the {} authority", authority.hop);
            Err(AuthorityError::Unusable { directory, problem })
        };
        Ok(Self {
            fabric: open(Hop::Fabric)?,
            inner: open(Hop::Inner)?,
        })
    }

    /// The authority of a hop.
    pub fn of(&self, hop: Hop) -> &Authority {
        match hop {
            Hop::Fabric => &self.fabric,
            Hop::Inner => &self.inner,
        }
    }

    /// A certificate for a service as a client, from the authority of its hop.
    pub fn issue_service(
        &self,
        name: ServiceName,
        validity: Validity,
    ) -> Result<Issued, AuthorityError> {
        self.of(Hop::of(name)).issue_service(name, validity)
    }
}

impl From<Usage> for rcgen::ExtendedKeyUsagePurpose {
    fn from(usage: Usage) -> Self {
        match usage {
            Usage::Client => Self::ClientAuth,
            Usage::Server => Self::ServerAuth,
        }
    }
}

#[cfg(test)]
mod tests;
