//! `[secrets]`: where passwords of sources, mail and storage are kept.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use url::Url;

use crate::outbound::is_allowed;

/// Where secrets are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretsBackend {
    /// Sealed in the store.
    Embedded,
    /// HashiCorp Vault or OpenBao.
    Vault,
}

/// Where secrets are kept, and what opens them.
#[derive(Clone, Debug, Deserialize)]
pub struct SecretsConfig {
    /// Where `secret:NAME` is looked up.
    pub backend: SecretsBackend,
    /// The file with the master key, unless systemd hands it over.
    pub master_key_file: Option<PathBuf>,
    /// The other backend.
    pub vault: VaultConfig,
}

/// How Vault or OpenBao is reached.
#[derive(Clone, Debug, Deserialize)]
pub struct VaultConfig {
    /// Its address.
    pub url: Option<String>,
    /// Roots trusted for it; the system's when unset.
    pub ca: Option<PathBuf>,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// The mount of the KV engine, version 2.
    pub mount: String,
    /// The folder of secrets in it.
    pub folder: String,
    /// A file with a token.
    pub token_file: Option<PathBuf>,
    /// The mount of the AppRole method.
    pub approle_mount: String,
    /// Our role.
    pub role_id: Option<String>,
    /// A file with the role's secret id.
    pub secret_id_file: Option<PathBuf>,
    /// How long a value that was read is used, seconds.
    pub cache_s: u64,
    /// How long an answer may take, milliseconds.
    pub timeout_ms: u64,
}

impl Section for SecretsConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.backend == SecretsBackend::Vault {
            faults.within("vault", &self.vault);
        }
    }
}

impl Section for VaultConfig {
    fn validate(&self, faults: &mut Faults) {
        let url = self.url.as_deref().unwrap_or_default();
        let plain = |url: &Url| url.path() == "/" && url.query().is_none() && is_allowed(url);
        if !Url::parse(url).is_ok_and(|url| plain(&url)) {
            faults
                .add("url", format!("is {url:?}"))
                .allowed("https://host[:port], or http:// to this machine itself");
        }
        let path = |text: &str| {
            let piece = |piece: &str| {
                !piece.is_empty()
                    && piece != ".."
                    && piece
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            };
            text.split('/').all(piece)
        };
        for (key, value) in [
            ("mount", &self.mount),
            ("folder", &self.folder),
            ("approle_mount", &self.approle_mount),
        ] {
            if !path(value) {
                faults
                    .add(key, format!("is {value:?}"))
                    .allowed("letters, digits, '-', '_' and '.', parted by '/'");
            }
        }
        let role = self.role_id.is_some() && self.secret_id_file.is_some();
        let half = self.role_id.is_some() != self.secret_id_file.is_some();
        if half || role == self.token_file.is_some() {
            faults
                .add("token_file", "is not the one way to sign in")
                .allowed("either token_file, or role_id with secret_id_file");
        }
        for (key, value, most) in [
            ("cache_s", self.cache_s, 3_600),
            ("timeout_ms", self.timeout_ms, 60_000),
        ] {
            if value > most || (key == "timeout_ms" && value < 100) {
                faults
                    .add(key, format!("is {value}"))
                    .allowed(format!("at most {most}"));
            }
        }
    }
}
