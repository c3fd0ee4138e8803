//! The report without a template of its own, over a large table.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use docx_build::{DatasetShape, starter_template};
use docx_jinja::{Template, Value};

use super::values::Read;

/// Makes the report of one dataset from the rows of the table, as the report service does where nobody drew a template.
pub(super) fn report(rows: &Path, out: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(rows).with_context(|| format!("read {}", rows.display()))?;
    let Read(table) = serde_json::from_slice(&bytes).context("read the data")?;
    drop(bytes);
    let template = starter_template(&[shape()]).context("make the template")?;
    let template = Template::compile(&template).context("compile the template")?;
    let mut document = BufWriter::new(File::create(out).context("make the document's file")?);
    template
        .render(values(table.get_attr("rows")?), &mut document)
        .context("fill the template")?;
    document.flush().context("write the document")
}

/// The columns that the table has.
fn shape() -> DatasetShape {
    let text = serde_json::json!({"type": "string", "maxLength": 60});
    let schema = serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["hostname", "kind", "os", "os_version", "ip", "last_seen", "online", "owner"],
        "properties": {
            "hostname": text,
            "kind": {"enum": ["workstation", "server"]},
            "os": text,
            "os_version": text,
            "ip": text,
            "last_seen": {"type": "string", "format": "date-time"},
            "online": {"enum": ["yes", "no"]},
            "owner": text,
        },
    });
    DatasetShape::from_schema("devices", "Devices", "All devices.", true, &schema)
}

/// What a report supplies.
fn values(rows: Value) -> Value {
    let count = rows.len().unwrap_or(0);
    let moment = "2026-11-22T08:15:00Z";
    let text = |text: &str| Value::from(text);
    let report = Value::from_pairs([
        ("title", text("Devices")),
        ("generated_at", text(moment)),
        ("generated_by", text("Night shift")),
        ("run_id", text("r-1")),
    ]);
    let devices = Value::from_pairs([
        ("rows", rows),
        ("count", Value::from(count)),
        ("state", text("fresh")),
        ("reason", text("")),
        ("captured_at", text(moment)),
    ]);
    let tenant = Value::from_pairs([
        ("id", text("acme")),
        ("title", text("Acme & Söhne")),
        ("devices", devices),
    ]);
    Value::from_pairs([
        ("report", report),
        ("params", Value::from_pairs(Vec::<(&str, Value)>::new())),
        ("tenants", Value::from(vec![tenant])),
        ("missing", Value::from(Vec::<Value>::new())),
    ])
}
