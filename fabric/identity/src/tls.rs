//! The fabric's rustls configurations, from files, and their replacement while running.

mod admitting;
mod server_name;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WantsServerCert};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use serde::Deserialize;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use admitting::OnRefused;
pub use server_name::expecting;

use crate::revocation::{ListError, RevocationList, Roots};

/// The three files of one side of a mutual TLS connection, in PEM.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate, followed by intermediates if there are any.
    pub certificate: PathBuf,
    /// Our private key; only its owner may read the file.
    pub key: PathBuf,
    /// The roots that the peer's certificate must come from.
    pub ca: PathBuf,
}

impl TlsFiles {
    /// The three of them.
    #[must_use]
    pub fn paths(&self) -> Vec<PathBuf> {
        vec![self.certificate.clone(), self.key.clone(), self.ca.clone()]
    }

    /// The files that the provisioner writes into a directory: `certificate.pem`, `key.pem`, `ca.pem`.
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
            ca: directory.join("ca.pem"),
        }
    }
}

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable or holds no PEM of the expected kind.
    #[error("cannot read {what} from {}: {problem}", path.display())]
    Unreadable {
        /// Which of the files.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Others than its owner may read or write the key.
    #[error("the key file {} has mode {mode:03o}; allowed is access by its owner only, hint: chmod 600 {}", path.display(), path.display())]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The files are readable but do not fit together.
    #[error("certificate {} and key {} cannot be used", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The name expected in the server's certificate is none.
    #[error(
        "{name:?} is no host name, hint: set server_name to a name in the server's certificate"
    )]
    ServerName {
        /// What stands there.
        name: String,
    },
    /// The roots cannot be used.
    #[error("the roots in {} cannot be used: {problem}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
}

/// For a listener of the fabric: a client certificate from one of the roots is mandatory.
pub fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    admitting_server_config(files, &[], None)
}

/// The same, refusing what the lists revoke. A root without a list revokes nothing; a list of none of the roots has no
/// effect.
pub fn admitting_server_config(
    files: &TlsFiles,
    lists: &[RevocationList],
    on_refused: Option<OnRefused>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier =
        admitting::verifier(&Roots::read(&files.ca)?, lists, on_refused).map_err(|problem| {
            TlsError::Roots {
                path: files.ca.clone(),
                problem,
            }
        })?;
    let config =
        admitting_builder(verifier).with_single_cert(chain(&files.certificate)?, key(&files.key)?);
    config
        .map(forgetful)
        .map_err(|source| unusable(&files.certificate, &files.key, source))
}

/// The same certificate and key as `present`, with other lists. Reads no file, so that nothing on disk holds a
/// revocation up.
pub fn relisted_server_config(
    present: &ServerConfig,
    roots: &Roots,
    lists: &[RevocationList],
    on_refused: Option<OnRefused>,
) -> Result<Arc<ServerConfig>, ListError> {
    let verifier = admitting::verifier(roots, lists, on_refused).map_err(ListError::Unsupported)?;
    let resolver = Arc::clone(&present.cert_resolver);
    Ok(forgetful(
        admitting_builder(verifier).with_cert_resolver(resolver),
    ))
}

fn admitting_builder(
    verifier: Arc<dyn ClientCertVerifier>,
) -> ConfigBuilder<ServerConfig, WantsServerCert> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .with_client_cert_verifier(verifier)
}

/// For a listener that people's browsers reach: no client certificate is asked for.
pub fn public_server_config(
    certificate: &Path,
    key_file: &Path,
) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .with_no_client_auth()
        .with_single_cert(chain(certificate)?, key(key_file)?);
    config
        .map(forgetful)
        .map_err(|source| unusable(certificate, key_file, source))
}

/// For the enrolment listener: no client certificate is asked for, and the chain ends with the roots of `files.ca`, so
/// that someone who knows nothing but a pin finds the pinned root in it.
pub fn door_server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let mut shown = chain(&files.certificate)?;
    for root in chain(&files.ca)? {
        if !shown.contains(&root) {
            shown.push(root);
        }
    }
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .with_no_client_auth()
        .with_single_cert(shown, key(&files.key)?);
    config
        .map(forgetful)
        .map_err(|source| unusable(&files.certificate, &files.key, source))
}

/// For a connection to the enrolment listener by someone who trusts the roots in a file, and whose own certificate has
/// expired.
pub fn anonymous_client_config(ca: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// For a connection to a listener of the fabric: presents our certificate and accepts only a
/// server whose certificate comes from one of the roots and bears the name that was dialled.
pub fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .with_root_certificates(roots(&files.ca)?)
        .with_client_auth_cert(chain(&files.certificate)?, key(&files.key)?)
        .map_err(|source| unusable(&files.certificate, &files.key, source))?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// When our certificate ends, in milliseconds since the Unix epoch.
pub fn not_after_ms(files: &TlsFiles) -> Result<u64, TlsError> {
    let path = &files.certificate;
    let chain = chain(path)?;
    let leaf = chain
        .first()
        .expect("a chain read from a file is not empty");
    let (_, certificate) = X509Certificate::from_der(leaf)
        .map_err(|error| unreadable("a certificate", path, error))?;
    Ok(crate::presented::ms(
        certificate.validity().not_after.timestamp(),
    ))
}

/// A TLS configuration that can be replaced while connections come and go.
pub struct Reloading<T> {
    files: TlsFiles,
    load: fn(&TlsFiles) -> Result<Arc<T>, TlsError>,
    current: ArcSwap<T>,
}

impl Reloading<ServerConfig> {
    /// Loads [`server_config`].
    pub fn server(files: TlsFiles) -> Result<Self, TlsError> {
        Self::new(files, server_config)
    }
}

impl Reloading<ClientConfig> {
    /// Loads [`client_config`].
    pub fn client(files: TlsFiles) -> Result<Self, TlsError> {
        Self::new(files, client_config)
    }
}

impl<T> Reloading<T> {
    fn new(
        files: TlsFiles,
        load: fn(&TlsFiles) -> Result<Arc<T>, TlsError>,
    ) -> Result<Self, TlsError> {
        let current = ArcSwap::new(load(&files)?);
        Ok(Self {
            files,
            load,
            current,
        })
    }

    /// The configuration for the next connection.
    pub fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Reads the files again. When they are at fault, the present configuration stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store((self.load)(&self.files)?);
        Ok(())
    }

    /// When the certificate on disk ends, in milliseconds since the Unix epoch.
    pub fn not_after_ms(&self) -> Result<u64, TlsError> {
        not_after_ms(&self.files)
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// No session outlives its connection: a revoked certificate cannot come back by resumption.
fn forgetful(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "a certificate";
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(what, path, error))?;
    if certificates.is_empty() {
        Err(unreadable(what, path, "no certificate in it"))
    } else {
        Ok(certificates)
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    check_mode(path)?;
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable("a private key", path, error))
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| TlsError::Roots {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
    }
    Ok(roots)
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        std::fs::metadata(path).map_err(|error| unreadable("a private key", path, error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(TlsError::KeyExposed {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn check_mode(_path: &Path) -> Result<(), TlsError> {
    Ok(())
}

fn unreadable(what: &'static str, path: &Path, problem: impl fmt::Display) -> TlsError {
    TlsError::Unreadable {
        what,
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn unusable(certificate: &Path, key: &Path, source: rustls::Error) -> TlsError {
    TlsError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
