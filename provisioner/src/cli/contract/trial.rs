//! `spokegate contract try`: the verdict of a sanitizer on a file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use spokegate_contract::judge::Judge;
use spokegate_contract::{Dataset, DatasetId, Registry, Shape, Violation};

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
        let (judge, what) = if self.params {
            (Judge::params(dataset)?, format!("parameters of {name}"))
        } else {
            (Judge::data(dataset)?, name)
        };
        let verdict = match &value {
            Value::Array(rows) if !self.params && dataset.shape == Shape::Rows => {
                judge_rows(&judge, dataset, rows)
            }
            one => judge.judge(one).map(|()| "accepted".to_owned()),
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

fn judge_rows(judge: &Judge, dataset: &Dataset, rows: &[Value]) -> Result<String, Violation> {
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
        judge.judge(row).map_err(|broken| Violation {
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
