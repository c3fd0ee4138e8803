//! What an authority hands out.

use std::path::Path;

use spokegate_daemon::Secret;

use super::{AuthorityError, Certified};
use crate::files::{Access, write_new};

/// A new certificate with its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PKCS #8 in PEM.
    pub key_pem: Secret,
    /// The root that its holder trusts for the peer, PEM.
    pub ca_pem: String,
    /// The certificate as the registry records it.
    pub certified: Certified,
}

impl Issued {
    /// Writes `certificate.pem`, `key.pem` (mode 0600) and `ca.pem`; refuses when one is there.
    pub fn write(&self, directory: &Path) -> Result<(), AuthorityError> {
        let files = [
            ("key.pem", Access::Owner, self.key_pem.expose().as_bytes()),
            (
                "certificate.pem",
                Access::Everyone,
                self.certificate_pem.as_bytes(),
            ),
            ("ca.pem", Access::Everyone, self.ca_pem.as_bytes()),
        ];
        Ok(write_new(directory, &files)?)
    }
}
