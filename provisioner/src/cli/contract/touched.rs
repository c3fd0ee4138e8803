//! Who uses a dataset: reports by their definitions, satellites by what they announced.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use spokegate_contract::{DatasetId, ReportId, SatelliteId, TenantId};

/// The needs of every report of a folder.
pub(super) struct Reports(BTreeMap<ReportId, Vec<Need>>);

/// The part of a `report.toml` that matters here; the report service checks the rest.
#[derive(Deserialize)]
struct ReportFile {
    #[serde(default, rename = "need")]
    needs: Vec<Need>,
}

#[derive(Deserialize)]
struct Need {
    dataset: DatasetId,
    version: Option<u16>,
}

impl Reports {
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let shown = folder.display();
        let entries = std::fs::read_dir(folder).with_context(|| {
            format!("read the report folders in {shown}, hint: name the folder that holds them")
        })?;
        let mut reports = BTreeMap::new();
        for entry in entries {
            let path = entry.with_context(|| format!("read {shown}"))?.path();
            let file = path.join("report.toml");
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(id) = name
                .and_then(|name| name.parse().ok())
                .filter(|_| file.is_file())
            else {
                continue;
            };
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("read {}", file.display()))?;
            let report: ReportFile =
                toml::from_str(&text).with_context(|| format!("read {}", file.display()))?;
            reports.insert(id, report.needs);
        }
        anyhow::ensure!(
            !reports.is_empty(),
            "{shown} holds no report, hint: name the folder whose folders hold report.toml"
        );
        Ok(Self(reports))
    }

    /// Reports that need a version, by name or because it is the newest.
    pub(super) fn with_need(&self, id: &DatasetId, version: u16, is_newest: bool) -> Vec<String> {
        let needs = |need: &Need| {
            need.dataset == *id && need.version.map_or(is_newest, |pinned| pinned == version)
        };
        self.0
            .iter()
            .filter(|(_, all)| all.iter().any(needs))
            .map(|(report, _)| report.to_string())
            .collect()
    }
}

/// What satellites supply.
#[derive(Deserialize)]
pub(super) struct Announced {
    satellites: Vec<Satellite>,
}

#[derive(Deserialize)]
struct Satellite {
    tenant: TenantId,
    satellite: SatelliteId,
    datasets: Vec<Supplied>,
}

#[derive(Deserialize)]
struct Supplied {
    dataset: DatasetId,
    version: u16,
}

impl Announced {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let bytes = std::fs::read(file).with_context(|| format!("read {shown}"))?;
        serde_json::from_slice(&bytes).with_context(|| {
            format!("read {shown}, hint: make it with `spokegate-reports datasets --json`")
        })
    }

    /// Tenants with the satellites that supply a version.
    pub(super) fn with_dataset(&self, id: &DatasetId, version: u16) -> Vec<String> {
        let mut tenants: BTreeMap<&TenantId, Vec<&str>> = BTreeMap::new();
        for satellite in &self.satellites {
            let supplies = |one: &Supplied| one.dataset == *id && one.version == version;
            if satellite.datasets.iter().any(supplies) {
                let names = tenants.entry(&satellite.tenant).or_default();
                names.push(satellite.satellite.as_str());
            }
        }
        tenants
            .into_iter()
            .map(|(tenant, satellites)| format!("{tenant} ({})", satellites.join(", ")))
            .collect()
    }
}
