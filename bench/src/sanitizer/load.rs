//! The messages: backup jobs, as many rows as a size wants.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};
use spokegate_contract::cbor::from_json;
use spokegate_contract::envelope::Push;
use spokegate_contract::{DatasetId, Envelope as _, Registry, Shape};

/// How large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// One row.
    Small,
    /// About 8 KiB.
    Middle,
    /// The largest that fits into one message of the wire.
    Message,
    /// More than a message: what a table of this size costs.
    Large,
}

impl Size {
    fn rows(self) -> usize {
        match self {
            Self::Small => 1,
            Self::Middle => 36,
            Self::Message => 520,
            Self::Large => 5_000,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Small => "300 B",
            Self::Middle => "8 KiB",
            Self::Message => "120 KB",
            Self::Large => "5,000 rows",
        })
    }
}

/// One message in all its forms.
pub(super) struct Load {
    pub(super) size: Size,
    pub(super) rows: usize,
    /// As a Node-RED flow has it.
    pub(super) json: String,
    /// The body as an agent sends it.
    pub(super) body: Vec<u8>,
    /// The push as it stands on the wire.
    pub(super) push: Vec<u8>,
    /// The contract of a row, self-contained.
    pub(super) schema: Value,
}

impl Load {
    pub(super) fn new(size: Size, schemas: &Path) -> anyhow::Result<Self> {
        let registry = Registry::open(schemas).context("open the schema folder")?;
        let id: DatasetId = "backup-jobs".parse().context("name the dataset")?;
        let dataset = registry.newest(&id).context("find the dataset")?;
        let rows: Vec<Value> = (0..size.rows()).map(row).collect();
        let json = Value::Array(rows).to_string();
        let mut body = Vec::new();
        from_json(&serde_json::from_str(&json)?, &mut body).context("encode the rows")?;
        let push = Push {
            epoch: 1_700_000_000_000,
            sequence: 1,
            version: dataset.version,
            captured_at_ms: 1_700_000_000_000,
            shape: Shape::Rows,
            body: body.clone().into(),
        };
        Ok(Self {
            size,
            rows: size.rows(),
            json,
            push: push.encode(),
            body,
            schema: dataset.data_schema.clone(),
        })
    }
}

fn row(number: usize) -> Value {
    let result = ["success", "warning", "failed"][number % 3];
    json!({
        "job": format!("nightly-{number:04}"),
        "hostname": format!("srv{number:04}.example.net"),
        "last_run": "2026-11-20T02:41:07Z",
        "result": result,
        "size_bytes": 1_000_000_u64 + number as u64 * 7_919,
        "duration_s": number as f64 * 0.25 + 1.5,
        "message": format!("Sicherung {number} geprüft: {} Dateien übertragen", number * 37),
    })
}
