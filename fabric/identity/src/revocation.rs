//! Certificate revocation lists (RFC 5280 §5): which certificates are no longer good, signed by the root that issued them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::TlsError;
use crate::presented::{CertificateId, Serial, ms};
use crate::tls;

/// Bytes of one list; about 25,000 revoked certificates.
pub const LIST_BYTES_MAX: usize = 1_048_576;
/// Lists in one file: one for each root of a change of CA.
pub const LISTS_MAX: usize = 8;

/// The certificates of the authorities that a service trusts; several during a change of CA.
#[derive(Clone)]
pub struct Roots {
    certificates: Vec<CertificateDer<'static>>,
}

/// One verified list.
#[derive(Clone)]
pub struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    issuer: Box<[u8]>,
    root_key: Box<[u8]>,
    number: u64,
    this_update_ms: u64,
    next_update_ms: u64,
    serials: BTreeSet<Serial>,
}

/// Why something is not a list that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// More than [`LIST_BYTES_MAX`].
    #[error("{0} bytes are too many for a revocation list, allowed are {LIST_BYTES_MAX}")]
    TooLarge(usize),
    /// Not a revocation list in DER.
    #[error("not a certificate revocation list: {0}")]
    Malformed(String),
    /// None of the roots has the issuer's name.
    #[error("the list's issuer is none of the roots")]
    ForeignIssuer,
    /// The issuer has the name of a root, but the signature is not by that root's key.
    #[error("the list's signature is by none of the roots")]
    Signature,
    /// A list without a number cannot be told from an older one.
    #[error("the list has no number that fits into 64 bits")]
    Number,
    /// Nobody could tell that it is out of date.
    #[error("the list does not say when the next one is due")]
    NextUpdate,
    /// The TLS library does not take it: a partial list, or an extension that it does not know.
    #[error("the list cannot be used: {0}")]
    Unsupported(String),
}

impl ListError {
    /// A short word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too-large",
            Self::Malformed(_) => "malformed",
            Self::ForeignIssuer => "foreign-issuer",
            Self::Signature => "signature",
            Self::Number => "no-number",
            Self::NextUpdate => "no-next-update",
            Self::Unsupported(_) => "unsupported",
        }
    }
}

impl Roots {
    /// Reads a bundle of certificates in PEM.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        tls::chain(path).map(Self::new)
    }

    /// These certificates.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        Self { certificates }
    }

    /// The certificates in DER.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.certificates.len())
    }
}

impl RevocationList {
    /// Takes a list in DER that one of the roots has signed.
    pub fn verify(der: &[u8], roots: &Roots) -> Result<Self, ListError> {
        if der.len() > LIST_BYTES_MAX {
            return Err(ListError::TooLarge(der.len()));
        }
        let malformed = |error: &dyn fmt::Display| ListError::Malformed(error.to_string());
        let (rest, list) =
            CertificateRevocationList::from_der(der).map_err(|error| malformed(&error))?;
        if !rest.is_empty() {
            return Err(malformed(&"bytes follow it"));
        }
        let (root, root_key) = signer(&list, roots)?;
        // Those of a whole list are not critical (RFC 5280 §5.2); a partial one's are.
        if list.extensions().iter().any(|extension| extension.critical) {
            let problem = "it is a partial list, or has an extension that must be understood";
            return Err(ListError::Unsupported(problem.to_owned()));
        }
        let number = list.crl_number().and_then(|number| {
            let digits = number.to_u64_digits();
            match digits.as_slice() {
                [] => Some(0),
                [number] => Some(*number),
                _ => None,
            }
        });
        let next_update = list.next_update().ok_or(ListError::NextUpdate)?;
        let taken = Self {
            der: der.to_vec().into(),
            issuer: list.issuer().as_raw().into(),
            root_key,
            number: number.ok_or(ListError::Number)?,
            this_update_ms: ms(list.last_update().timestamp()),
            next_update_ms: ms(next_update.timestamp()),
            serials: list
                .iter_revoked_certificates()
                .map(|entry| Serial::new(entry.raw_serial()))
                .collect(),
        };
        usable(root, &taken)?;
        Ok(taken)
    }

    /// The list in DER.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Its number; a later list of the same root has a higher one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was made, in milliseconds since the Unix epoch.
    pub fn this_update_ms(&self) -> u64 {
        self.this_update_ms
    }

    /// When the next one is due, in milliseconds since the Unix epoch.
    pub fn next_update_ms(&self) -> u64 {
        self.next_update_ms
    }

    /// How many certificates it revokes.
    pub fn revoked(&self) -> usize {
        self.serials.len()
    }

    /// Whether it revokes this certificate.
    pub fn revokes(&self, certificate: &CertificateId) -> bool {
        *self.issuer == *certificate.issuer && self.serials.contains(&certificate.serial)
    }

    /// Whether both are lists of one root.
    pub fn has_root_of(&self, other: &Self) -> bool {
        self.root_key == other.root_key && self.issuer == other.issuer
    }

    /// Whether this root, in DER, has signed it.
    pub(crate) fn is_of(&self, root: &[u8]) -> bool {
        X509Certificate::from_der(root).is_ok_and(|(_, root)| {
            *root.public_key().raw == *self.root_key && *root.subject().as_raw() == *self.issuer
        })
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("number", &self.number)
            .field("revoked", &self.serials.len())
            .finish_non_exhaustive()
    }
}

/// The lists in the bytes of a file, in PEM or one in DER, not yet verified.
pub fn split_lists(bytes: &[u8]) -> Result<Vec<Vec<u8>>, ListError> {
    let ceiling = LIST_BYTES_MAX * 2 * LISTS_MAX;
    if bytes.len() > ceiling {
        return Err(ListError::TooLarge(bytes.len()));
    }
    if !bytes.windows(11).any(|part| part == b"-----BEGIN ") {
        return Ok(vec![bytes.to_vec()]);
    }
    let lists: Vec<Vec<u8>> = CertificateRevocationListDer::pem_slice_iter(bytes)
        .map(|list| list.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| ListError::Malformed(error.to_string()))?;
    match lists.len() {
        0 => Err(ListError::Malformed("no revocation list in it".to_owned())),
        1..=LISTS_MAX => Ok(lists),
        many => Err(ListError::Malformed(format!(
            "{many} lists are too many, allowed are {LISTS_MAX}"
        ))),
    }
}

/// The root whose name and key the list bears, and that key.
fn signer<'r>(
    list: &CertificateRevocationList<'_>,
    roots: &'r Roots,
) -> Result<(&'r CertificateDer<'static>, Box<[u8]>), ListError> {
    let mut refusal = ListError::ForeignIssuer;
    for der in &roots.certificates {
        let Ok((_, root)) = X509Certificate::from_der(der) else {
            continue;
        };
        if root.subject().as_raw() != list.issuer().as_raw() {
            continue;
        }
        if list.verify_signature(root.public_key()).is_ok() {
            let usage = root.key_usage().ok().flatten();
            if usage.is_some_and(|usage| !usage.value.crl_sign()) {
                let problem = "the root's key usage does not allow it to sign lists";
                return Err(ListError::Unsupported(problem.to_owned()));
            }
            return Ok((der, root.public_key().raw.into()));
        }
        refusal = ListError::Signature;
    }
    Err(refusal)
}

/// Whether the handshake's verifier takes the list, which it must before the list takes the place of another.
fn usable(root: &CertificateDer<'static>, list: &RevocationList) -> Result<(), ListError> {
    let unsupported = |error: &dyn fmt::Display| ListError::Unsupported(error.to_string());
    let mut store = RootCertStore::empty();
    store
        .add(root.clone())
        .map_err(|error| unsupported(&error))?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(store), tls::provider())
        .with_crls([list.der.clone()])
        .build()
        .map(drop)
        .map_err(|error| unsupported(&error))
}

#[cfg(test)]
mod tests;
