//! `[[sanitizer]]`, the same in every service of the centre.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use spokegate_identity::{PublicKey, TlsFiles};
use url::Url;

use crate::client::Endpoint;
use crate::link::Link;
use crate::seal::SealKey;

/// One sanitizer.
#[derive(Clone, Debug, Deserialize)]
pub struct SanitizerConfig {
    /// `https://host:port`.
    pub url: String,
    /// The name its certificate is checked for, when it is not the URL's host.
    pub server_name: Option<String>,
    /// The key of its seals: a file of 64 hexadecimal digits.
    pub seal_key_file: PathBuf,
    /// What the ends of its audit are signed with: the public half of its audit key, 130 hexadecimal digits. Without it
    /// the chain is walked, and its signatures are kept unchecked.
    pub audit_key: Option<PublicKey>,
    /// Our certificate and key on the second hop, and its CA.
    pub tls: TlsFiles,
}

impl SanitizerConfig {
    /// How it is reached.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            url: self.url.clone(),
            server_name: self.server_name.clone(),
            tls: self.tls.clone(),
        }
    }

    /// Reads keys and certificates; it needs not be up yet.
    ///
    /// # Errors
    /// When a file or name is not usable.
    pub fn link(&self) -> anyhow::Result<Link> {
        let link = Link::new(&self.endpoint(), SealKey::read(&self.seal_key_file)?)?;
        Ok(link.with_audit_key(self.audit_key))
    }
}

impl Section for SanitizerConfig {
    fn validate(&self, faults: &mut Faults) {
        let url = Url::parse(&self.url).ok();
        let plain =
            |url: &Url| url.path() == "/" && url.query().is_none() && url.username().is_empty();
        if !url.is_some_and(|url| url.scheme() == "https" && url.has_host() && plain(&url)) {
            faults
                .add(
                    "url",
                    format!("is not the address of a sanitizer: {:?}", self.url),
                )
                .allowed("https://host:port, nothing after it")
                .hint("the second hop is always HTTPS");
        }
    }
}
