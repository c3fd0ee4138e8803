//! The files that a configuration names, read without any process of the service.

use crate::config::SanitizerConfig;
use crate::contracts::check_folder;
use crate::egress;
use crate::seal::MasterKey;
use anyhow::{Context as _, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use spokegate_identity::{Principal, ServiceName, client_config, quarantine, server_config};
use std::fs::File;

/// What is wrong with them, in words.
pub(super) fn check(config: &SanitizerConfig) -> Vec<String> {
    let checks = [
        check_folder(&config.schemas),
        identity(config),
        client_config(&config.broker.tls.files())
            .map(drop)
            .context("set up TLS to the broker (broker.tls)"),
        server_config(&config.inner.tls.files())
            .map(drop)
            .context("set up TLS of the second hop (inner.tls)"),
        seal_key(config),
        egress::audit_key(config.audit.key_file.as_deref()).map(drop),
        recipient(config),
    ];
    let told = |error: anyhow::Error| format!("{error:#}");
    checks
        .into_iter()
        .filter_map(Result::err)
        .map(told)
        .collect()
}

/// That the certificate is this service's, in this installation.
fn identity(config: &SanitizerConfig) -> anyhow::Result<()> {
    let path = &config.broker.tls.certificate;
    let place = || {
        format!(
            "read this service's identity from {} (broker.tls.certificate), by trust_domain = \"{}\"",
            path.display(),
            config.trust_domain
        )
    };
    let certificate = CertificateDer::from_pem_file(path).with_context(place)?;
    match Principal::from_certificate(&certificate, &config.trust_domain).with_context(place)? {
        Principal::Service(ServiceName::Sanitizer) => Ok(()),
        other => bail!("{} is the certificate of {other}", path.display()),
    }
}

fn seal_key(config: &SanitizerConfig) -> anyhow::Result<()> {
    let path = &config.seal.key_file;
    let place = || format!("read the seal key (seal.key_file) {}", path.display());
    let file = File::open(path).with_context(place)?;
    MasterKey::read(file).map(drop).with_context(place)
}

fn recipient(config: &SanitizerConfig) -> anyhow::Result<()> {
    let path = &config.quarantine.recipient_file;
    quarantine::read_recipient(path).map(drop).with_context(|| {
        format!(
            "read the public key of the quarantine (quarantine.recipient_file) {}",
            path.display()
        )
    })
}
