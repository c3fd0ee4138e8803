//! What an agent needs before it can run, from its configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_contract::Address;
use spokegate_daemon::Clock;
use spokegate_identity::Principal;

use crate::config::{Config, SourceConfig, SourceKind};
use crate::credentials::Store;
use crate::pull::{Binding, Bindings};
use crate::source::Source;
use crate::source::http::{HttpClient, HttpSource};
use crate::spool::{Spool, SpoolOptions};

const HOUR_MS: u64 = 3_600_000;

/// The certificate's files, after what a process that ended had begun to replace is replaced.
pub(super) fn store(config: &Config) -> anyhow::Result<Arc<Store>> {
    let store = Store::new(config.tls.clone());
    if store
        .recover()
        .context("finish the renewal of the certificate")?
    {
        tracing::info!("a renewal of the certificate that was cut short is finished");
    }
    if let (true, Err(error)) = (config.enrolment.renew, store.check_writable()) {
        tracing::warn!(%error, "the certificate cannot be renewed, hint: let the agent write the folder of tls.certificate, or set enrolment.renew = false");
    }
    Ok(Arc::new(store))
}

/// Tenant and satellite, from the certificate and nowhere else.
pub(super) fn address(config: &Config) -> anyhow::Result<Address> {
    let path = &config.tls.certificate;
    let place = || {
        format!(
            "read this satellite's identity from {} (tls.certificate), by trust_domain = \"{}\"",
            path.display(),
            config.trust_domain
        )
    };
    let certificate = CertificateDer::from_pem_file(path).with_context(place)?;
    match Principal::from_certificate(&certificate, &config.trust_domain).with_context(place)? {
        Principal::Satellite(address) => Ok(address),
        Principal::Service(name) => bail!(
            "{} is the certificate of the service {name}, not of a satellite",
            path.display()
        ),
    }
}

pub(super) async fn open_spool(config: &Config, clock: Clock) -> anyhow::Result<Arc<Spool>> {
    let options = SpoolOptions {
        path: config.spool.path.clone(),
        bytes_max: config.spool.bytes_max,
        age_ms_max: config.spool.age_h_max.saturating_mul(HOUR_MS),
    };
    Ok(Arc::new(Spool::open(&options, clock).await?))
}

pub(super) fn bindings(sources: &[SourceConfig]) -> anyhow::Result<Bindings> {
    let client = HttpClient::new();
    let bind = |config: &SourceConfig| -> anyhow::Result<_> {
        let source = match config.kind {
            SourceKind::Push => None,
            SourceKind::Http => Some(http_source(config, client.clone())?),
        };
        Ok((
            config.dataset.clone(),
            Binding {
                version: config.version,
                shape: config.shape,
                source,
            },
        ))
    };
    Ok(Arc::new(
        sources
            .iter()
            .map(bind)
            .collect::<anyhow::Result<BTreeMap<_, _>>>()?,
    ))
}

fn http_source(config: &SourceConfig, client: HttpClient) -> anyhow::Result<Arc<dyn Source>> {
    let place = || format!("prepare the source of {}", config.dataset);
    let url = config
        .local_url()
        .map_err(|problem| anyhow::anyhow!("its url {problem}"))
        .with_context(place)?;
    let token = config.token().resolve().with_context(place)?;
    let timeout = Duration::from_millis(config.timeout_ms);
    let source = HttpSource::new(client, url, &token, timeout, config.shape).with_context(place)?;
    Ok(Arc::new(source))
}
