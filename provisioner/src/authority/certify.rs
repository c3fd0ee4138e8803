//! Signatures over what others made: a certificate for somebody's public key, an admission, a revocation list.

use std::fmt;

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, PublicKeyData, RevocationReason,
    RevokedCertParams, SerialNumber, SignatureAlgorithm, SigningKey as _,
};
use spokegate_contract::RequestId;
use spokegate_identity::proof::CommandClaim;
use spokegate_identity::{PublicKey, Serial, pem, proof};

use super::error::library;
use super::{Authority, AuthorityError, x509};
use crate::plan::CertificatePlan;

/// The next list is due this long after one was made.
const NEXT_UPDATE_MS: u64 = 7 * 86_400_000;

/// A new certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// Its serial number.
    pub serial: Serial,
    /// The key that it certifies.
    pub public_key: PublicKey,
    /// DER.
    pub der: Vec<u8>,
}

/// Why a certificate is revoked, as RFC 5280 §5.3.1 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody said.
    Unspecified,
    /// Somebody else may have the key.
    KeyCompromise,
    /// Another certificate took its place.
    Superseded,
    /// The satellite is gone.
    CessationOfOperation,
    /// The tenant is suspended.
    CertificateHold,
}

/// A certificate on a list.
#[derive(Clone, Debug)]
pub(crate) struct Revoked {
    pub(crate) serial: Serial,
    pub(crate) reason: Reason,
    pub(crate) at_ms: u64,
}

impl Certified {
    /// PEM.
    pub fn pem(&self) -> String {
        pem::encode("CERTIFICATE", &self.der)
    }
}

impl Reason {
    /// Those that a person may give.
    pub const GIVEN: [Self; 4] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::Superseded,
        Self::CessationOfOperation,
    ];

    /// The word in registry and command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
            Self::CertificateHold => "certificate-hold",
        }
    }

    /// What the registry has written.
    pub(crate) fn of(word: &str) -> Self {
        Self::GIVEN
            .into_iter()
            .chain([Self::CertificateHold])
            .find(|reason| reason.as_str() == word)
            .unwrap_or(Self::Unspecified)
    }

    /// What a list has written (RFC 5280 §5.3.1); one that is never given reads as unspecified.
    pub(crate) fn of_code(code: u8) -> Self {
        match code {
            1 => Self::KeyCompromise,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            _ => Self::Unspecified,
        }
    }

    /// RFC 5280 §5.3.1: an unspecified reason is left out.
    fn code(self) -> Option<RevocationReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(RevocationReason::KeyCompromise),
            Self::Superseded => Some(RevocationReason::Superseded),
            Self::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
            Self::CertificateHold => Some(RevocationReason::CertificateHold),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = Self::GIVEN.map(Self::as_str).join(", ");
        Self::GIVEN
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no reason; allowed are {words}"))
    }
}

impl Authority {
    /// Signs what the plan says, for a key that somebody else has.
    ///
    /// # Errors
    /// When the identity is of the other hop, or the certificate would outlive the authority.
    pub fn certify(
        &self,
        plan: &CertificatePlan,
        public_key: &PublicKey,
    ) -> Result<Certified, AuthorityError> {
        if let Some(principal) = plan.identity().filter(|principal| !self.serves(principal)) {
            return Err(AuthorityError::WrongHop {
                hop: self.hop,
                principal: principal.to_string(),
            });
        }
        if plan.validity().not_after_ms > self.not_after_ms {
            return Err(AuthorityError::OutlivesAuthority(
                x509::moment(self.not_after_ms)?.to_string(),
            ));
        }
        let serial = x509::serial()?;
        let params = x509::leaf(plan, serial.clone())?;
        let certificate = params
            .signed_by(&Point(public_key), &self.issuer)
            .map_err(library)?;
        Ok(Certified {
            serial: Serial::new(serial.as_ref()),
            public_key: *public_key,
            der: certificate.der().to_vec(),
        })
    }

    /// The signature that makes a satellite believe a certificate and roots.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn sign_admission(
        &self,
        id: &RequestId,
        certificate_der: &[u8],
        roots_pem: &[u8],
    ) -> Result<Vec<u8>, AuthorityError> {
        let message = proof::admission_message(id, certificate_der, roots_pem);
        self.issuer.key().sign(&message).map_err(library)
    }

    /// The signature that makes a satellite do what it is told.
    ///
    /// # Errors
    /// When the library refuses.
    pub fn sign_command(&self, claim: &CommandClaim<'_>) -> Result<Vec<u8>, AuthorityError> {
        let message = proof::command_message(claim);
        self.issuer.key().sign(&message).map_err(library)
    }

    /// Signs a list, DER.
    pub(crate) fn revocation_list(
        &self,
        number: u64,
        now_ms: u64,
        revoked: &[Revoked],
    ) -> Result<Vec<u8>, AuthorityError> {
        let entry = |revoked: &Revoked| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(revoked.serial.as_bytes()),
                revocation_time: x509::moment(revoked.at_ms)?,
                reason_code: revoked.reason.code(),
                invalidity_date: None,
            })
        };
        let params = CertificateRevocationListParams {
            this_update: x509::moment(now_ms)?,
            next_update: x509::moment(now_ms.saturating_add(NEXT_UPDATE_MS))?,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(entry)
                .collect::<Result<_, AuthorityError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).map_err(library)?;
        Ok(list.der().to_vec())
    }
}

/// A public key as rcgen takes it.
struct Point<'a>(&'a PublicKey);

impl PublicKeyData for Point<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
