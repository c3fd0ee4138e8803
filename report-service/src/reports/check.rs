//! Whether the contracts and reports that a configuration names can be used: the verb `check-config`.

use std::path::Path;

use spokegate_contract::Registry;
use spokegate_daemon::Tasks;
use spokegate_daemon::cli::wait_for;

use super::Catalogue;
use crate::config::{Config, RenderConfig};
use crate::relay::Contracts;
use crate::render::Renderer;
use crate::sources::Sources;

/// Every fault of contracts and reports, one text for each.
pub(crate) fn check(config: &Config) -> Vec<String> {
    of_folders(
        (&config.reports, &config.sources, &config.source_files),
        &config.schemas,
        &config.render,
    )
}

/// The same of these folders.
pub(super) fn of_folders(
    folders: (&Path, &Path, &Path),
    schemas: &Path,
    render: &RenderConfig,
) -> Vec<String> {
    let work = async { Ok(faults(folders, schemas, render).await) };
    match wait_for(work) {
        Ok(Ok(())) => Vec::new(),
        Ok(Err(fault)) => vec![fault],
        Err(error) => vec![format!("{error:#}")],
    }
}

/// Of the folders of reports, of sources, and of the sources' files.
async fn faults(
    (reports, sources, files): (&Path, &Path, &Path),
    schemas: &Path,
    render: &RenderConfig,
) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| {
        let folder = schemas.display();
        format!("{folder}: {error}\nhint: `schemas` names the folder of dataset contracts")
    };
    let registry = Registry::open(schemas).map_err(|error| told(&error))?;
    let contracts = Contracts::compile(&registry).map_err(|error| told(&format!("{error:#}")))?;
    let opened = Sources::read(sources, files, &contracts);
    let opened = opened.map_err(|faults| format!("{}: {faults}", sources.display()))?;
    let contracts = contracts.with_sources(&opened);
    // Where the service will keep its files may not be there yet.
    let renderer = Renderer::new(render, &std::env::temp_dir(), &Tasks::new())
        .map_err(|error| format!("{error:#}"))?;
    let opened = Catalogue::open(reports, &contracts, &renderer).await;
    opened
        .map(drop)
        .map_err(|faults| format!("{}: {faults}", reports.display()))
}
