//! Makes documents with charts and reads finished ones.

use std::io::{Cursor, Read, Write};

use docx_jinja::{RenderError, Template, TemplateError, Value};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

pub(crate) const COLUMN: &str = include_str!("column.xml");
pub(crate) const PIE: &str = include_str!("pie.xml");
pub(crate) const LITERAL: &str = include_str!("bar-literal.xml");
pub(crate) const STOCK: &str = include_str!("stock.xml");
/// Every kind of chart that can be filled, by name.
pub(crate) const KINDS: [(&str, &str); 9] = [
    ("column", COLUMN),
    ("line-dates", include_str!("line-dates.xml")),
    ("pie", PIE),
    ("doughnut", include_str!("doughnut.xml")),
    ("area", include_str!("area.xml")),
    ("radar", include_str!("radar.xml")),
    ("scatter", include_str!("scatter.xml")),
    ("bubble", include_str!("bubble.xml")),
    ("combination", include_str!("combination.xml")),
];

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPES: &str = "application/vnd.openxmlformats-officedocument";
const NAMESPACES: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
    xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
    xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\"";

/// A paragraph.
pub(crate) fn p(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
}

/// A paragraph with the document's chart of this number, counted from 1.
pub(crate) fn chart(number: usize, alternative: &str) -> String {
    let alternative = alternative.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<w:p><w:r><w:drawing><wp:inline distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\"><wp:extent cx=\"5486400\" cy=\"2700000\"/>\
         <wp:docPr id=\"{number}\" name=\"Chart {number}\" descr=\"{alternative}\"/><wp:cNvGraphicFramePr/><a:graphic>\
         <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/chart\">\
         <c:chart xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" r:id=\"rId{number}\"/>\
         </a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    )
}

/// A document of this body, with these charts; each has a workbook when it asks for one.
pub(crate) fn docx(body: &str, charts: &[&str]) -> Vec<u8> {
    let part = |text: &str| {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n{text}")
    };
    let mut types = format!(
        "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
         ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Default Extension=\"xlsx\" ContentType=\"{TYPES}.spreadsheetml.sheet\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{TYPES}.wordprocessingml.document.main+xml\"/>"
    );
    let relationship = |id: usize, kind: &str, target: &str| {
        format!("<Relationship Id=\"rId{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
    };
    let relationships = |inner: &str| {
        format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{inner}</Relationships>")
    };
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    let mut known = String::new();
    for (index, xml) in charts.iter().enumerate() {
        let number = index + 1;
        types.push_str(&format!(
            "<Override PartName=\"/word/charts/chart{number}.xml\" ContentType=\"{TYPES}.drawingml.chart+xml\"/>"
        ));
        known.push_str(&relationship(
            number,
            "chart",
            &format!("charts/chart{number}.xml"),
        ));
        entries.push((
            format!("word/charts/chart{number}.xml"),
            xml.as_bytes().to_vec(),
        ));
        if xml.contains("externalData") {
            let book = format!("../embeddings/Microsoft_Excel_Sheet{number}.xlsx");
            let style = format!(
                "<Relationship Id=\"rId1\" Type=\"http://schemas.microsoft.com/office/2011/relationships/chartStyle\" Target=\"style{number}.xml\"/>"
            );
            entries.push((
                format!("word/charts/_rels/chart{number}.xml.rels"),
                part(&relationships(
                    &(style + &relationship(3, "package", &book)),
                ))
                .into_bytes(),
            ));
            entries.push((
                format!("word/charts/style{number}.xml"),
                b"<style/>".to_vec(),
            ));
            entries.push((
                format!("word/embeddings/Microsoft_Excel_Sheet{number}.xlsx"),
                b"old numbers".to_vec(),
            ));
        }
    }
    let document =
        format!("<w:document {NAMESPACES}><w:body>{body}<w:sectPr/></w:body></w:document>");
    let root = relationships(&relationship(1, "officeDocument", "word/document.xml"));
    entries.push((
        "[Content_Types].xml".to_owned(),
        part(&(types + "</Types>")).into_bytes(),
    ));
    entries.push(("_rels/.rels".to_owned(), part(&root).into_bytes()));
    entries.push(("word/document.xml".to_owned(), part(&document).into_bytes()));
    entries.push((
        "word/_rels/document.xml.rels".to_owned(),
        part(&relationships(&known)).into_bytes(),
    ));
    package(&entries)
}

pub(crate) fn package(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn fill(docx: &[u8], values: &Value) -> Vec<u8> {
    let template = Template::compile(docx).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    template
        .render(values.clone(), &mut out)
        .unwrap_or_else(|error| panic!("{error}"));
    out
}

pub(crate) fn compile_error(docx: &[u8]) -> String {
    match Template::compile(docx) {
        Err(error @ TemplateError::Tags(_)) => error.to_string(),
        other => panic!("a fault of a tag is expected, not {other:?}"),
    }
}

pub(crate) fn render_error(docx: &[u8], values: &Value) -> String {
    let template = Template::compile(docx).unwrap_or_else(|error| panic!("{error}"));
    match template.render(values.clone(), std::io::sink()) {
        Err(error @ RenderError::Tag(_)) => error.to_string(),
        other => panic!("a fault of a tag is expected, not {other:?}"),
    }
}

pub(crate) fn names(package: &[u8]) -> Vec<String> {
    let archive = ZipArchive::new(Cursor::new(package)).unwrap();
    archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect()
}

pub(crate) fn bytes(package: &[u8], name: &str) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut bytes = Vec::new();
    let mut entry = archive
        .by_name(name)
        .unwrap_or_else(|_| panic!("no {name}"));
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

pub(crate) fn text(package: &[u8], name: &str) -> String {
    String::from_utf8(bytes(package, name)).unwrap()
}

/// The sheet inside a workbook of a document.
pub(crate) fn sheet(package: &[u8], name: &str) -> String {
    text(&bytes(package, name), "xl/worksheets/sheet1.xml")
}

/// What stands between the first `front` and the `back` behind it, each time.
pub(crate) fn all<'t>(text: &'t str, front: &str, back: &str) -> Vec<&'t str> {
    let pieces = text.split(front).skip(1);
    pieces
        .map(|rest| rest.split(back).next().unwrap())
        .collect()
}

/// The cached values of a chart, in reading order.
pub(crate) fn cached(chart: &str) -> String {
    all(chart, "<c:v>", "</c:v>").join(" ")
}

pub(crate) fn json(text: &str) -> Value {
    value(&serde_json::from_str(text).unwrap())
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(b) => Value::from(*b),
        serde_json::Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Value::from(n.as_f64()), Value::from),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from_iter(items.iter().map(value)),
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, item)| (key.as_str(), value(item))))
        }
    }
}
