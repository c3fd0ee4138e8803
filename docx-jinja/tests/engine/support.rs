//! Makes small packages and reads finished ones.

use std::io::{Cursor, Read, Write};

use docx_jinja::{RenderError, Template, TemplateError, Value};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

pub(crate) const NAMESPACE: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";

/// A package of exactly these entries.
pub(crate) fn package(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(crate) fn content_types(extra: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\
         <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{TYPES}.document.main+xml\"/>\
         <Override PartName=\"/word/header1.xml\" ContentType=\"{TYPES}.header+xml\"/>\
         <Override PartName=\"/word/footer1.xml\" ContentType=\"{TYPES}.footer+xml\"/>\
         <Override PartName=\"/word/footnotes.xml\" ContentType=\"{TYPES}.footnotes+xml\"/>\
         <Override PartName=\"/word/endnotes.xml\" ContentType=\"{TYPES}.endnotes+xml\"/>\
         <Override PartName=\"/word/comments.xml\" ContentType=\"{TYPES}.comments+xml\"/>\
         <Override PartName=\"/docProps/app.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.extended-properties+xml\"/>\
         <Override PartName=\"/docProps/custom.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.custom-properties+xml\"/>\
         <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>\
         {extra}</Types>"
    )
}

pub(crate) fn part(root: &str, inner: &str) -> String {
    format!("<w:{root} xmlns:w=\"{NAMESPACE}\">{inner}</w:{root}>")
}

/// A package whose main document has this body, with further parts.
pub(crate) fn docx_with(body: &str, extra: &[(&str, &str)]) -> Vec<u8> {
    let types = content_types("");
    let document = part("document", &format!("<w:body>{body}</w:body>"));
    let mut entries = vec![
        ("[Content_Types].xml", types.as_str()),
        ("word/document.xml", document.as_str()),
    ];
    entries.extend_from_slice(extra);
    package(&entries)
}

pub(crate) fn docx(body: &str) -> Vec<u8> {
    docx_with(body, &[])
}

/// A paragraph of one run.
pub(crate) fn p(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

pub(crate) fn cell(text: &str) -> String {
    format!("<w:tc>{}</w:tc>", p(text))
}

pub(crate) fn row(cells: &[&str]) -> String {
    format!(
        "<w:tr>{}</w:tr>",
        cells.iter().map(|text| cell(text)).collect::<String>()
    )
}

pub(crate) fn entry(package: &[u8], name: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// Compiles and fills a package.
pub(crate) fn fill(package: &[u8], values: Value) -> Vec<u8> {
    let template = Template::compile(package).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    let report = template
        .render(values, &mut out)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.document_bytes, out.len() as u64);
    out
}

/// The finished body of a document whose template has this body.
pub(crate) fn body(template: &str, values: Value) -> String {
    let document = entry(&fill(&docx(template), values), "word/document.xml");
    let (_, rest) = document.split_once("<w:body>").unwrap();
    rest.strip_suffix("</w:body></w:document>")
        .unwrap()
        .to_owned()
}

pub(crate) fn compile_error(package: &[u8]) -> TemplateError {
    Template::compile(package).expect_err("a template with a fault")
}

pub(crate) fn render_error(body: &str, values: Value) -> RenderError {
    let template = Template::compile(&docx(body)).unwrap_or_else(|error| panic!("{error}"));
    template
        .render(values, std::io::sink())
        .expect_err("a render that fails")
}

/// The text of all `w:t`, with breaks and tabs, one line a paragraph.
pub(crate) fn text(xml: &str) -> String {
    let mut out = String::new();
    for piece in xml.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        match tag.split([' ', '/']).next().unwrap() {
            "w:t" if !tag.ends_with('/') => out.push_str(after),
            "w:br" if tag.contains("\"page\"") => out.push('\u{c}'),
            "w:br" => out.push('\n'),
            "w:tab" => out.push('\t'),
            "" if tag == "/w:p" => out.push('¶'),
            _ => {}
        }
    }
    let out = out
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    out.replace("&amp;", "&")
}

/// The names of all entries, in order.
pub(crate) fn names(package: &[u8]) -> Vec<String> {
    let archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    names.collect()
}
