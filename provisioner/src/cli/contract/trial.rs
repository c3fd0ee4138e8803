//! `spokegate contract try`: the verdict of a sanitizer on a file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use spokegate_contract::dataset::Override;
use spokegate_contract::judge::Judge;
use spokegate_contract::{Dataset, DatasetId, Registry, Shape, TenantId, Violation, compat};

use super::{Answer, counted, read, registry};

/// Largest file that is tried.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A file to be judged.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Trial {
    /// The dataset, and its major version: devices, or devices@1 [default version: the newest]
    #[arg(value_name = "DATASET[@V]", value_parser = named)]
    dataset: (DatasetId, Option<u16>),
    /// JSON: rows in an array, one row, a document, or parameters; `-` is standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// The file holds a pull's parameters
    #[arg(long)]
    params: bool,
    /// Judge as for this tenant: by its own contract as well, where it has one
    #[arg(long, value_name = "TENANT", conflicts_with = "params")]
    tenant: Option<TenantId>,
    /// The schema folder
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    schemas: PathBuf,
}

impl Trial {
    pub(super) fn run(self) -> anyhow::Result<Answer> {
        let registry = registry(&read(&self.schemas)?, &self.schemas)?;
        let dataset = self.find(&registry)?;
        let value = json(&self.file)?;
        let name = format!("{} v{}", dataset.id, dataset.version);
        let (judges, what) = if self.params {
            let judge = Judge::params(dataset)?;
            (vec![judge], format!("parameters of {name}"))
        } else {
            self.data_judges(&registry, dataset, name)?
        };
        let verdict = match &value {
            Value::Array(rows) if !self.params && dataset.shape == Shape::Rows => {
                judge_rows(&judges, dataset, rows)
            }
            one => judge(&judges, one).map(|()| "accepted".to_owned()),
        };
        Ok(match verdict {
            Ok(accepted) => Answer {
                text: format!("{what}: {accepted}\n"),
                is_good: true,
            },
            Err(Violation { pointer, rule }) => {
                let place = if pointer.is_empty() {
                    "the whole"
                } else {
                    &pointer
                };
                Answer {
                    text: format!("{what}: refused, {place} breaks {rule}\n"),
                    is_good: false,
                }
            }
        })
    }

    /// The dataset's contract, and the tenant's own after it, as a worker judges.
    fn data_judges(
        &self,
        registry: &Registry,
        dataset: &Dataset,
        name: String,
    ) -> anyhow::Result<(Vec<Judge>, String)> {
        let mut judges = vec![Judge::data(dataset)?];
        let Some(tenant) = &self.tenant else {
            return Ok((judges, name));
        };
        let mut own = registry.overrides().filter(|own| own.tenant == tenant);
        let of_this = |own: &Override<'_>| {
            (&own.dataset.id, own.dataset.version) == (&dataset.id, dataset.version)
        };
        let Some(own) = own.find(of_this) else {
            let what = format!("{name} for {tenant}, which has no contract of its own for it");
            return Ok((judges, what));
        };
        compat::check_override(own)?;
        judges.push(Judge::new(own.schema)?);
        Ok((
            judges,
            format!("{name} for {tenant}, by its own contract too"),
        ))
    }

    fn find<'r>(&self, registry: &'r Registry) -> anyhow::Result<&'r Dataset> {
        let (id, version) = &self.dataset;
        let found = match version {
            Some(version) => registry.get(id, *version),
            None => registry.newest(id),
        };
        found.with_context(|| {
            let known: Vec<String> = registry
                .iter()
                .map(|dataset| format!("{}@{}", dataset.id, dataset.version))
                .collect();
            let asked = version.map_or_else(|| id.to_string(), |version| format!("{id}@{version}"));
            format!("there is no dataset {asked}, known: {}", known.join(", "))
        })
    }
}

/// The first rule that any of them refuses it by.
fn judge(judges: &[Judge], value: &Value) -> Result<(), Violation> {
    judges.iter().try_for_each(|judge| judge.judge(value))
}

fn judge_rows(judges: &[Judge], dataset: &Dataset, rows: &[Value]) -> Result<String, Violation> {
    if rows.len() as u64 > dataset.limits.rows {
        return Err(Violation {
            pointer: String::new(),
            rule: format!(
                "limits of dataset.json: {}",
                counted(dataset.limits.rows, "row")
            ),
        });
    }
    for (index, row) in rows.iter().enumerate() {
        judge(judges, row).map_err(|broken| Violation {
            pointer: format!("/{index}{}", broken.pointer),
            rule: broken.rule,
        })?;
    }
    Ok(format!("accepted, {}", counted(rows.len() as u64, "row")))
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let mut bytes = Vec::new();
    let limit = FILE_BYTES_MAX.saturating_add(1);
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("read {}", path.display()))?;
    anyhow::ensure!(
        bytes.len() as u64 <= FILE_BYTES_MAX,
        "{} is larger than {FILE_BYTES_MAX} bytes",
        path.display()
    );
    serde_json::from_slice(&bytes).with_context(|| format!("read {} as JSON", path.display()))
}

fn named(text: &str) -> Result<(DatasetId, Option<u16>), String> {
    let (id, version) = match text.split_once('@') {
        Some((id, version)) => (id, Some(version.trim_start_matches('v'))),
        None => (text, None),
    };
    let id = id
        .parse()
        .map_err(|error: spokegate_contract::IdError| error.to_string())?;
    let version = version.map(str::parse).transpose();
    let version = version.map_err(|_| format!("{text:?} names no version; write devices@1"))?;
    Ok((id, version))
}
