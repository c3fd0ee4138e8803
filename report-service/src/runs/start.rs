//! Puts contracts, reports, relay and engine together from the configuration.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;
use spokegate_contract::Registry;
use spokegate_daemon::Context;

use super::engine::keep::prepare;
use super::{Engine, EngineParts, Examples};
use crate::artefacts::Artefacts;
use crate::config::{Config, SanitizerConfig, TenantConfig};
use crate::library::{self, Library, LibraryParts};
use crate::pdf::Pdf;
use crate::relay::{Contracts, Relay, Surroundings};
use crate::render::Renderer;
use crate::reports::Catalogue;
use crate::secrets::Secrets;
use crate::sources::{Around, Sources};
use crate::store::Store;

/// Reads everything that runs need and starts the engine. No sanitizer needs to be up yet.
///
/// # Errors
/// When contracts, reports, certificates or keys cannot be used; faults of reports are told all at once.
pub async fn start_engine(
    config: &Config,
    (store, secrets): (&Store, &Secrets),
    context: &Context,
) -> anyhow::Result<Engine> {
    let registry = Registry::open(&config.schemas)
        .with_context(|| format!("read the dataset contracts in {}", config.schemas.display()))?;
    let contracts = Contracts::compile(&registry)?;
    let sources = Sources::read(&config.sources, &config.source_files, &contracts)
        .with_context(|| format!("read the sources in {}", config.sources.display()))?
        .with(Around {
            secrets: secrets.clone(),
            clock: context.clock.clone(),
            tasks: context.tasks.clone(),
        });
    let contracts = Arc::new(contracts.with_sources(&sources));
    prepare(&config.files, store.kind())?;
    let renderer = Renderer::new(&config.render, &config.files, &context.tasks)?;
    let catalogue = Catalogue::open(&config.reports, &contracts, &renderer)
        .await
        .with_context(|| format!("read the reports in {}", config.reports.display()))?;
    let artefacts = Artefacts::configured(config, secrets, &context.clock)?;
    let library = Library::new(LibraryParts {
        store: store.clone(),
        artefacts: artefacts.clone(),
        renderer: renderer.clone(),
        pdf: Pdf::find(&config.pdf, &context.tasks)?,
        examples: Examples::read(&config.schemas, &catalogue, &contracts)?,
        files: config.files.clone(),
        config: config.templates,
        clock: context.clock.clone(),
        tasks: context.tasks.clone(),
    });
    let around = surroundings(config, store, &contracts, context);
    let relay = Relay::prepare(links(config)?, around);
    let engine = Engine::start(EngineParts {
        relay,
        store: store.clone(),
        sources,
        secrets: secrets.clone(),
        contracts,
        catalogue: Arc::new(catalogue),
        tenants: Arc::new(config.tenants.iter().map(TenantConfig::tenant).collect()),
        renderer,
        pdf: library.pdf().cloned(),
        library,
        artefacts,
        files: config.files.clone(),
        concurrent_max: config.runs.concurrent_max as usize,
        queued_max: config.runs.queued_max as usize,
        lease_ms: config.runs.lease_ms(),
        keep_ms: config.runs.keep_ms(),
        data_keep_ms: config.runs.data_keep_ms(),
        logs_keep_ms: config.satellite_log.keep_ms(),
        zone: config.runs.zone(),
        clock: context.clock.clone(),
        tasks: context.tasks.clone(),
    })
    .await?;
    library::watch(&engine, &context.tasks);
    Ok(engine)
}

/// What the way to the satellites needs beside sanitizers.
fn surroundings(
    config: &Config,
    store: &Store,
    contracts: &Arc<Contracts>,
    context: &Context,
) -> Surroundings {
    let tenants = config.tenants.iter().map(|tenant| tenant.id.clone());
    Surroundings {
        store: store.clone(),
        contracts: Arc::clone(contracts),
        tenants: Arc::new(tenants.collect::<BTreeSet<_>>()),
        pushes_keep_ms: config.runs.pushes_keep_ms(),
        log_bytes_max: config.satellite_log.bytes_max,
        clock: context.clock.clone(),
        tasks: context.tasks.clone(),
    }
}

/// The second hop to every sanitizer.
fn links(config: &Config) -> anyhow::Result<Vec<spokegate_relay::Link>> {
    let links = config.sanitizers.iter().map(SanitizerConfig::link);
    links.collect()
}
