//! What a certificate says about itself beside its identity: its serial number and its life.

use std::fmt;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::IdentityError;

/// The serial number of a certificate, without leading zero bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Box<[u8]>);

impl Serial {
    /// From the bytes of the number, most significant first; leading zeros do not count.
    pub fn new(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self(bytes[zeros..].into())
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

/// A certificate as revocation lists name it (RFC 5280 §5.3): by its issuer and its serial number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateId {
    /// The issuer's name, in DER.
    pub(crate) issuer: Box<[u8]>,
    /// The serial number.
    pub(crate) serial: Serial,
}

impl CertificateId {
    /// The serial number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }
}

/// The certificates that one side of a connection has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    ids: Vec<CertificateId>,
    not_before_ms: u64,
    not_after_ms: u64,
}

impl Presented {
    /// Reads a chain, the end-entity certificate first.
    pub fn of(chain: &[CertificateDer<'_>]) -> Result<Self, IdentityError> {
        let unreadable = |error: &dyn fmt::Display| IdentityError::Unreadable(error.to_string());
        let mut presented = Self {
            ids: Vec::with_capacity(chain.len()),
            not_before_ms: 0,
            not_after_ms: u64::MAX,
        };
        for der in chain {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|error| unreadable(&error))?;
            presented.ids.push(CertificateId {
                issuer: certificate.issuer().as_raw().into(),
                serial: Serial::new(certificate.raw_serial()),
            });
            let life = certificate.validity();
            let (from, to) = (
                ms(life.not_before.timestamp()),
                ms(life.not_after.timestamp()),
            );
            presented.not_before_ms = presented.not_before_ms.max(from);
            presented.not_after_ms = presented.not_after_ms.min(to);
        }
        match presented.ids.is_empty() {
            true => Err(unreadable(&"there is none")),
            false => Ok(presented),
        }
    }

    /// Issuers and serial numbers, the end entity's first.
    pub fn ids(&self) -> &[CertificateId] {
        &self.ids
    }

    /// The end entity's serial number.
    pub fn serial(&self) -> &Serial {
        &self.ids[0].serial
    }

    /// From when all of them are valid, in milliseconds since the Unix epoch.
    pub fn not_before_ms(&self) -> u64 {
        self.not_before_ms
    }

    /// Until when all of them are valid, in milliseconds since the Unix epoch.
    pub fn not_after_ms(&self) -> u64 {
        self.not_after_ms
    }
}

/// Milliseconds from seconds since the Unix epoch; what lies before counts as the epoch.
pub(crate) fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_serial_number_has_one_spelling() {
        for (bytes, text) in [
            (&[0x0a, 0xff][..], "0aff"),
            (&[0, 0, 0x0a, 0xff], "0aff"),
            (&[0], ""),
        ] {
            assert_eq!(Serial::new(bytes).to_string(), text, "{bytes:?}");
        }
        assert_ne!(Serial::new(&[1, 0]), Serial::new(&[1]));
    }

    #[test]
    fn a_chain_lives_as_long_as_all_its_certificates() {
        let first = certificate(0x80, 100, 500);
        let second = certificate(2, 200, 900);
        let chain = Presented::of(&[first.clone(), second]).unwrap();
        assert_eq!(
            (chain.not_before_ms(), chain.not_after_ms()),
            (200_000, 500_000)
        );
        assert_eq!(chain.serial().to_string(), "80");
        assert_eq!(chain.ids().len(), 2);
        let alone = Presented::of(&[first]).unwrap();
        assert_eq!(
            (alone.not_before_ms(), alone.not_after_ms()),
            (100_000, 500_000)
        );
        assert!(Presented::of(&[]).is_err());
        assert!(Presented::of(&[CertificateDer::from(vec![1, 2, 3])]).is_err());
    }

    fn certificate(serial: u64, from_s: i64, to_s: i64) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, serial.to_string());
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = OffsetDateTime::from_unix_timestamp(from_s).unwrap();
        params.not_after = OffsetDateTime::from_unix_timestamp(to_s).unwrap();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }
}
