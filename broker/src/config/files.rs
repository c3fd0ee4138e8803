//! The sections that name files.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use spokegate_identity::TlsFiles;

/// The `[tls]` section; needed by every listener but an open one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct BrokerTls {
    /// Our certificate, followed by intermediates if there are any.
    pub certificate: Option<PathBuf>,
    /// Our private key.
    pub key: Option<PathBuf>,
    /// The roots that clients' certificates must come from.
    pub client_ca: Option<PathBuf>,
}

impl BrokerTls {
    /// The same as the identity crate takes it; none unless all three files are named.
    pub fn files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.certificate.clone()?,
            key: self.key.clone()?,
            ca: self.client_ca.clone()?,
        })
    }
}

/// The `[revocation]` section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RevocationConfig {
    /// Certificate revocation lists, in PEM or DER; read again whenever it changes, written when a newer list arrives.
    pub crl_file: Option<PathBuf>,
}

/// The `[admin]` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AdminConfig {
    /// The Unix socket for `sessions`, `drain` and `disconnect`; empty for none.
    pub socket: PathBuf,
}

impl AdminConfig {
    /// Where the socket is, unless there is none.
    pub fn path(&self) -> Option<&Path> {
        Some(self.socket.as_path()).filter(|path| !path.as_os_str().is_empty())
    }
}

impl Section for BrokerTls {
    fn validate(&self, faults: &mut Faults) {
        let files = [
            ("certificate", &self.certificate),
            ("key", &self.key),
            ("client_ca", &self.client_ca),
        ];
        for (key, file) in files {
            if file.is_none() {
                faults
                    .add(key, "is required and not set")
                    .hint(format!("for example {key} = \"/etc/spokegate/broker/{key}.pem\"; only a broker with nothing but \"open\" listeners needs none"));
            }
        }
    }
}
