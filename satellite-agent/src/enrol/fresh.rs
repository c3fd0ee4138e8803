//! A new key and the request for its certificate.

use anyhow::Context as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use spokegate_identity::{PublicKey, SigningKey};
use zeroize::Zeroizing;

/// A key that has no certificate yet.
pub(crate) struct Fresh {
    pem: Zeroizing<String>,
    key: SigningKey,
    csr: Vec<u8>,
}

impl Fresh {
    /// A new key of this machine's randomness.
    pub(crate) fn generate() -> anyhow::Result<Self> {
        Self::of(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).context("make a new key")?)
    }

    /// A key that was stored.
    pub(crate) fn from_pem(pem: &str) -> anyhow::Result<Self> {
        Self::of(&KeyPair::from_pem(pem).context("read a key")?)
    }

    fn of(pair: &KeyPair) -> anyhow::Result<Self> {
        let pem = Zeroizing::new(pair.serialize_pem());
        let mut params = CertificateParams::default();
        // Whoever signs takes nothing but the public key.
        params.distinguished_name = DistinguishedName::new();
        let request = params
            .serialize_request(pair)
            .context("make a request for a certificate")?;
        Ok(Self {
            key: SigningKey::from_pem(&pem)?,
            pem,
            csr: request.der().to_vec(),
        })
    }

    /// The key in PEM; a secret.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The request for a certificate, DER.
    pub(crate) fn csr(&self) -> &[u8] {
        &self.csr
    }

    /// The same as the door takes it.
    pub(crate) fn csr_base64(&self) -> String {
        STANDARD.encode(&self.csr)
    }
}
