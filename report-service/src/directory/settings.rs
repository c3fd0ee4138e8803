//! What the directory adapter is told at start.

use anyhow::Context as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use spokegate_daemon::SecretSource;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Which kind of directory it is, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindSetting {
    /// Ask the server.
    Auto,
    /// Microsoft Active Directory or Samba AD.
    Ad,
    /// `OpenLDAP` and others that follow the RFCs.
    Openldap,
}

/// Everything the adapter needs. `ca` is the only root trusted for the servers.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// The name of this directory in person ids.
    pub id: String,
    /// Which kind it is.
    pub kind: KindSetting,
    /// Servers in order of preference.
    pub servers: Vec<ServerUrl>,
    /// `ldap://` servers are brought to TLS before anything else is said.
    pub starttls: bool,
    /// Roots in PEM.
    pub ca: std::path::PathBuf,
    /// Where people and groups are searched.
    pub base: String,
    /// The service account's DN.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: SecretSource,
    /// The attribute that people sign in with, where the directory is not AD.
    pub user_attribute: String,
    /// The groups that anything depends on, as DN or CN.
    pub groups: Vec<String>,
    /// Limit of one operation.
    pub timeout: Duration,
}

/// The address of one server: `ldaps://host[:port]` or `ldap://host[:port]`, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    host: String,
    port: u16,
    tls: bool,
}

/// Why an address of a server is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerUrlError {
    /// Not a URL.
    #[error("is no URL")]
    NotAUrl,
    /// Another scheme.
    #[error("has a scheme other than ldaps or ldap")]
    Scheme,
    /// Path, query, user or fragment.
    #[error("has more than a host and a port")]
    Extra,
    /// No host, or an IPv6 literal, against which certificates cannot be checked here.
    #[error("has no host name")]
    Host,
}

impl ServerUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none that can be used.
    pub fn parse(text: &str) -> Result<Self, ServerUrlError> {
        let url = url::Url::parse(text).map_err(|_| ServerUrlError::NotAUrl)?;
        let (tls, usual_port) = match url.scheme() {
            "ldaps" => (true, 636),
            "ldap" => (false, 389),
            _ => return Err(ServerUrlError::Scheme),
        };
        let extra =
            !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if extra || !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::Extra);
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty() && !host.starts_with('['));
        let host = host.ok_or(ServerUrlError::Host)?.to_owned();
        let port = url.port().unwrap_or(usual_port);
        let scheme = if tls { "ldaps" } else { "ldap" };
        Ok(Self {
            text: format!("{scheme}://{host}:{port}"),
            host,
            port,
            tls,
        })
    }

    /// True for `ldaps`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host name.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// TLS towards the directory: these roots, the certificate verified, no way to switch that off.
pub(super) fn client_tls(ca: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca)
        .with_context(|| format!("read the directory's CA bundle {}", ca.display()))?;
    for certificate in certificates {
        let certificate =
            certificate.with_context(|| format!("read a certificate in {}", ca.display()))?;
        roots
            .add(certificate)
            .with_context(|| format!("trust a certificate in {}", ca.display()))?;
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "the directory's CA bundle {} has no certificate",
        ca.display()
    );
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_scheme_a_name_and_a_port() {
        let check = |text: &str, expected: Result<&str, ServerUrlError>| {
            let url = ServerUrl::parse(text);
            assert_eq!(
                url.as_ref().map(ServerUrl::as_str),
                expected.as_ref().copied(),
                "{text}"
            );
        };
        check("ldaps://dc1.corp.test", Ok("ldaps://dc1.corp.test:636"));
        check("ldap://dc1.corp.test/", Ok("ldap://dc1.corp.test:389"));
        check(
            "ldaps://dc1.corp.test:3269",
            Ok("ldaps://dc1.corp.test:3269"),
        );
        check("dc1.corp.test", Err(ServerUrlError::NotAUrl));
        check("https://dc1.corp.test", Err(ServerUrlError::Scheme));
        check("ldapi:///var/run", Err(ServerUrlError::Scheme));
        check("ldaps://[::1]:636", Err(ServerUrlError::Host));
        check("ldaps://", Err(ServerUrlError::Host));
        check("ldaps://user:pw@dc1.corp.test", Err(ServerUrlError::Extra));
        check("ldaps://dc1.corp.test/dc=x?uid", Err(ServerUrlError::Extra));
    }
}
