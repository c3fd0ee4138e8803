//! CSV and JSON files below the configured folder; links are not followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};
use spokegate_daemon::open_below;
use spokegate_sources::{Cell, Columns, CsvShape};

/// `[csv]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CsvFile {
    /// Below `source_files`.
    pub(super) path: PathBuf,
    delimiter: Option<char>,
    encoding: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    tenant_field: Option<String>,
}

/// `[json]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonFile {
    /// Below `source_files`.
    pub(super) path: PathBuf,
    #[serde(default)]
    rows: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    tenant_field: Option<String>,
}

impl JsonFile {
    pub(super) fn shape(&self) -> JsonRows {
        JsonRows {
            rows: self.rows.clone(),
            fields: self.fields.clone(),
            tenant_field: self.tenant_field.clone(),
        }
    }
}

/// Where rows are in a JSON text.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonRows {
    /// JSON pointer to the list of rows; the whole text when empty.
    pub(super) rows: String,
    /// Column of the contract = JSON pointer within a row; without it members are columns.
    pub(super) fields: BTreeMap<String, String>,
    /// JSON pointer to the customer's id within a row; without it all rows are taken.
    pub(super) tenant_field: Option<String>,
}

impl CsvFile {
    pub(super) fn shape(&self) -> CsvShape {
        let usual = CsvShape::default();
        CsvShape {
            delimiter: self.delimiter.unwrap_or(usual.delimiter),
            encoding: self.encoding.clone().unwrap_or(usual.encoding),
            fields: self.fields.clone(),
            tenant_field: self.tenant_field.clone(),
        }
    }

    pub(super) fn faults(&self, faults: &mut Vec<String>) {
        let shape = self.shape();
        faults.extend(
            shape
                .faults()
                .map(|(key, words)| format!("csv.{key}: {words}")),
        );
    }
}

/// Opens a file below a folder without following any link.
pub(super) fn open(folder: &Path, path: &Path) -> Result<File, Failure> {
    open_below(folder, path)
        .map_err(|error| Failure::new(FailureClass::SourceError, &error.to_string()))
}

/// Every row of a JSON text.
pub(super) fn json_rows(
    shape: &JsonRows,
    text: &[u8],
    (tenant, columns): (&str, &Columns),
) -> Result<Vec<Map<String, Value>>, Failure> {
    let invalid = |detail: &str| Failure::new(FailureClass::SourceError, detail);
    let whole: Value =
        serde_json::from_slice(text).map_err(|_| invalid("what it gives is not JSON"))?;
    let found = whole.pointer(&shape.rows).and_then(Value::as_array);
    let found = found.ok_or_else(|| invalid(&format!("there is no list at \"{}\"", shape.rows)))?;
    let mut rows = Vec::with_capacity(found.len());
    for item in found {
        let own = |pointer: &String| item.pointer(pointer).and_then(Value::as_str) == Some(tenant);
        if !shape.tenant_field.as_ref().is_none_or(own) {
            continue;
        }
        let members = item
            .as_object()
            .ok_or_else(|| invalid("an item of the list is no object"))?;
        let mut row = Map::new();
        if shape.fields.is_empty() {
            for (name, value) in members {
                columns.put(&mut row, name, of_json(value));
            }
        } else {
            for (name, pointer) in &shape.fields {
                if let Some(value) = item.pointer(pointer) {
                    columns.put(&mut row, name, of_json(value));
                }
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn of_json(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::Text(text.clone()),
        other => Cell::Json(other.clone()),
    }
}
