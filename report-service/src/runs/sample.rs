//! A run that asks nobody: its data are the good examples of the datasets' contracts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value};
use spokegate_contract::folder::Folder;
use spokegate_contract::{DatasetId, Shape};

use super::Tenant;
use super::context::{self, About, Part};
use super::fetch::Fetched;
use crate::branding::RunBrand;
use crate::relay::Contracts;
use crate::render::Values;
use crate::reports::{Catalogue, Need, Report};

/// Rows of one dataset that a sample shows at most.
const ROWS_MAX: usize = 50;

/// The good examples of every version of a dataset that a report asks for.
#[derive(Debug, Default)]
pub struct Examples(BTreeMap<(DatasetId, u16), Example>);

#[derive(Debug)]
struct Example {
    rows: Vec<Value>,
    shape: Shape,
}

impl Examples {
    /// Reads them below the folder of dataset contracts. A dataset may have none.
    ///
    /// # Errors
    /// When the folder cannot be read, or an example is not JSON.
    pub fn read(
        schemas: &Path,
        catalogue: &Catalogue,
        contracts: &Contracts,
    ) -> anyhow::Result<Self> {
        let folder = Folder::read(schemas)
            .with_context(|| format!("read the examples in {}", schemas.display()))?;
        let mut examples = BTreeMap::new();
        for need in catalogue.iter().flat_map(|report| &report.needs) {
            for version in &need.versions {
                let key = (need.dataset.clone(), *version);
                let Some(contract) = contracts.get(&key.0, key.1) else {
                    continue;
                };
                let below = format!("{}/v{version}/examples", need.dataset);
                let rows = good(&folder, &below)?;
                let shape = contract.dataset.shape;
                examples.insert(key, Example { rows, shape });
            }
        }
        Ok(Self(examples))
    }

    /// The values of a run of that report for one customer, with every need there.
    pub(crate) fn values(&self, report: &Report, brand: &RunBrand, now_ms: u64) -> Values {
        let about = About {
            title: &report.title,
            generated_by: "Sample",
            run_id: "00000000000000000000000000000000",
            now_ms,
            brand,
        };
        let tenant = Tenant {
            id: "sample".parse().expect("a plain word is a tenant's id"),
            title: "Sample customer".into(),
            locale: docx_jinja::Locale::default(),
        };
        let part = |(index, need)| Part {
            need: index,
            tenant: 0,
            result: Ok(self.fetched(need, now_ms)),
        };
        let parts = report.needs.iter().enumerate().map(part).collect();
        let params = params(report);
        context::values(&about, params, &[tenant], &report.needs, parts)
    }

    fn fetched(&self, need: &Need, now_ms: u64) -> Fetched {
        let newest = need.versions.first().copied().unwrap_or_default();
        let example = self.0.get(&(need.dataset.clone(), newest));
        let rows = example.map_or(&[][..], |example| example.rows.as_slice());
        let document = example.is_some_and(|example| example.shape == Shape::Document);
        let (data, count) = match (document, rows.first()) {
            (true, Some(document)) => (document.clone(), 1),
            _ => (Value::from(rows), rows.len() as u64),
        };
        Fetched {
            data: Values::Plain(data),
            count,
            captured_at_ms: now_ms,
            from_memory: false,
            digest: [0; 32],
            older: None,
        }
    }
}

/// What the report's own sample has filled in; else what its form begins with.
fn params(report: &Report) -> Map<String, Value> {
    let own = report.sample.get("params").and_then(Value::as_object);
    own.cloned()
        .unwrap_or_else(|| report.shown_params(&Map::new()))
}

fn good(folder: &Folder, below: &str) -> anyhow::Result<Vec<Value>> {
    let is_good =
        |name: &&str| !name.contains('/') && name.starts_with("ok-") && name.ends_with(".json");
    let mut rows = Vec::new();
    for name in folder.below(below).filter(is_good).take(ROWS_MAX) {
        let path = format!("{below}/{name}");
        let bytes = folder.get(&path).unwrap_or_default();
        let row = serde_json::from_slice(bytes).with_context(|| format!("read {path}"))?;
        rows.push(row);
    }
    Ok(rows)
}
