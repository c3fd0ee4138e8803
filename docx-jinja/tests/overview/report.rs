//! The shipped report `customer-overview`: its template is made here, and filled with its sample values.
//!
//! `UPDATE_GOLDEN=1 cargo test -p docx-jinja --test overview` writes the template and the golden parts anew.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use docx_jinja::{RenderError, Template, Value};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const UPDATE: &str = "UPDATE_GOLDEN=1 cargo test -p docx-jinja --test overview";

fn report() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../report-service/reports/customer-overview")
}

/// The package in a fixed order with fixed times, stored uncompressed so that no library version shows.
fn package(entries: &[(&str, &str)]) -> Vec<u8> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.trim_end().as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn built() -> Vec<u8> {
    package(&[
        (
            "[Content_Types].xml",
            include_str!("parts/content_types.xml"),
        ),
        ("_rels/.rels", include_str!("parts/rels.xml")),
        ("word/document.xml", &crate::template::document()),
        (
            "word/_rels/document.xml.rels",
            include_str!("parts/document_rels.xml"),
        ),
        ("word/styles.xml", include_str!("parts/styles.xml")),
        ("word/settings.xml", include_str!("parts/settings.xml")),
        ("word/header1.xml", include_str!("parts/header1.xml")),
        ("word/footer1.xml", include_str!("parts/footer1.xml")),
        ("docProps/core.xml", include_str!("parts/core.xml")),
        ("docProps/app.xml", include_str!("parts/app.xml")),
    ])
}

/// Compares with a committed file, or writes it.
fn golden(path: &Path, got: &[u8]) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, got).unwrap();
        return;
    }
    let expected = std::fs::read(path).unwrap_or_default();
    assert!(
        expected == got,
        "{} is out of date: {UPDATE}",
        path.display()
    );
}

fn sample() -> serde_json::Value {
    let text = std::fs::read_to_string(report().join("sample.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn fill(values: &serde_json::Value) -> Result<Vec<u8>, RenderError> {
    let template = Template::compile(&built()).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    template.render(to_value(values), &mut out)?;
    Ok(out)
}

/// JSON as the engine's values.
fn to_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(b) => Value::from(*b),
        serde_json::Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Value::from(n.as_f64().unwrap()), Value::from),
        serde_json::Value::String(s) => Value::from(s.as_str()),
        serde_json::Value::Array(items) => {
            Value::from(items.iter().map(to_value).collect::<Vec<_>>())
        }
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(k, v)| (k.clone(), to_value(v))))
        }
    }
}

fn entry(package: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// All text of the main document, a blank between pieces.
fn text(package: &[u8]) -> String {
    let document = entry(package, "word/document.xml");
    let pieces = document
        .split("<w:t")
        .skip(1)
        .filter_map(|piece| piece.split_once('>'));
    let texts = pieces
        .filter_map(|(_, rest)| rest.split_once("</w:t>"))
        .map(|(text, _)| text);
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_committed_template_is_the_built_one() {
    golden(&report().join("template.docx"), &built());
}

#[test]
fn the_sample_fills_every_part_as_before() {
    let out = fill(&sample()).unwrap_or_else(|error| panic!("{error}"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/overview/golden");
    for name in [
        "word/document.xml",
        "word/header1.xml",
        "word/footer1.xml",
        "docProps/core.xml",
    ] {
        let lines = entry(&out, name)
            .replace("</w:p>", "</w:p>\n")
            .replace("</w:tr>", "</w:tr>\n");
        golden(&folder.join(name.replace('/', "_")), lines.as_bytes());
    }
    if let Some(path) = std::env::var_os("OVERVIEW_OUTPUT") {
        std::fs::write(path, out).unwrap();
    }
}

#[test]
fn each_choice_of_the_form_changes_the_document() {
    let mut values = sample();
    let check = |values: &serde_json::Value, present: &[&str], absent: &[&str]| {
        let text = text(&fill(values).unwrap_or_else(|error| panic!("{error}")));
        present
            .iter()
            .for_each(|part| assert!(text.contains(part), "{part} is missing in: {text}"));
        absent
            .iter()
            .for_each(|part| assert!(!text.contains(part), "{part} is in: {text}"));
    };
    check(
        &values,
        &[
            "acme-ws-07",
            "What is missing from this report",
            "acme-srv-01",
        ],
        &["{{", "{%"],
    );
    values["params"]["audience"] = "management".into();
    check(
        &values,
        &["Devices that were offline", "acme-ws-07"],
        &["All devices"],
    );
    values["params"]["audience"] = "technical".into();
    values["params"]["only_missing"] = true.into();
    check(&values, &["Only devices with missing patches"], &[]);
    values["params"] = serde_json::json!({});
    values["missing"] = serde_json::json!([]);
    check(
        &values,
        &["Customer overview", "All the data"],
        &["What is missing from this report"],
    );
    values["tenants"] = serde_json::json!([]);
    check(&values, &["Customer overview"], &["acme-ws-07"]);
}

#[test]
fn a_tenant_without_any_data_is_stated_in_words() {
    let mut values = sample();
    for set in ["devices", "patch_status", "backup_jobs"] {
        values["tenants"][0][set] = serde_json::json!({
            "rows": [], "count": 0, "state": "missing", "reason": "the satellite is offline", "captured_at": null
        });
    }
    let text = text(&fill(&values).unwrap());
    assert_eq!(
        text.matches("could not be read: the satellite is offline")
            .count(),
        3,
        "{text}"
    );
}
