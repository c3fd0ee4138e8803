//! The pin of a join token: the one root that a joining agent trusts, checked inside the handshake.

use std::fmt;
use std::sync::Arc;

use ring::digest;
use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use spokegate_contract::hex;

const SHA256_BYTES: usize = 32;

/// SHA-256 of a root certificate's DER, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; SHA256_BYTES]);

/// Why a pin does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A text that is no pin.
    #[error("a pin has 64 lower-case hexadecimal digits")]
    Malformed,
    /// The server's chain does not hold the pinned root.
    #[error(
        "the server shows {presented} certificates and none is the pinned root {pin}, hint: it is no door of this installation, or the token is older than its authority"
    )]
    NotPresented {
        /// What was looked for.
        pin: Pin,
        /// How many certificates the server showed.
        presented: usize,
    },
}

impl PinError {
    /// What this verifier says within an error of rustls, which shows it badly.
    pub fn within(error: &Error) -> Option<&Self> {
        match error {
            Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
            _ => None,
        }
    }
}

impl Pin {
    /// The pin of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, der);
        Self(hash.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    /// The pinned certificate among some, if it is there.
    pub fn find<'a>(&self, chain: &'a [CertificateDer<'a>]) -> Option<&'a CertificateDer<'a>> {
        chain.iter().find(|der| Self::of(der) == *self)
    }
}

impl std::str::FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        hex::decode_array(text).map(Self).ok_or(PinError::Malformed)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For a connection to the enrolment listener by someone who has no certificate yet. The server
/// must show the pinned root in its chain; with that root alone the chain and the dialled name are
/// then verified as ever. All of it happens inside the handshake, before a byte of the request.
pub fn pinned_client_config(pin: Pin) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned {
        pin,
        provider: Arc::clone(&provider),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the ring provider serves TLS 1.3 and 1.2")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// The pinned root among what the server presented.
    fn root(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<CertificateDer<'static>, Error> {
        let mut presented = intermediates.iter().chain([end_entity]);
        let root = presented.find(|der| Pin::of(der) == self.pin);
        root.map(|der| der.clone().into_owned()).ok_or_else(|| {
            let (pin, presented) = (self.pin, intermediates.len() + 1);
            refused(PinError::NotPresented { pin, presented })
        })
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root(end_entity, intermediates)?)?;
        let provider = Arc::clone(&self.provider);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(refused)?
            .verify_server_cert(end_entity, intermediates, dialled, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}

#[cfg(test)]
mod tests;
