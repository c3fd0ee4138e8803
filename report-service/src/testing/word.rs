//! Word files for tests.

use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A Word file with these paragraphs and nothing else.
pub(crate) fn word(paragraphs: &[&str]) -> Vec<u8> {
    word_with(paragraphs, &[])
}

/// The same with more entries in its archive.
pub(crate) fn word_with(paragraphs: &[&str], more: &[(&str, &str)]) -> Vec<u8> {
    let types = "application/vnd.openxmlformats-officedocument.wordprocessingml";
    let schemas = "http://schemas.openxmlformats.org";
    let body: String = paragraphs
        .iter()
        .map(|text| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"))
        .collect();
    let entries = [
        (
            "[Content_Types].xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Types xmlns=\"{schemas}/package/2006/content-types\">\
                 <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Override PartName=\"/word/document.xml\" ContentType=\"{types}.document.main+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Relationships xmlns=\"{schemas}/package/2006/relationships\">\
                 <Relationship Id=\"rId1\" Type=\"{schemas}/officeDocument/2006/relationships/officeDocument\" \
                 Target=\"word/document.xml\"/></Relationships>"
            ),
        ),
        (
            "word/document.xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"{schemas}/wordprocessingml/2006/main\">\
                 <w:body>{body}</w:body></w:document>"
            ),
        ),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let more = more
        .iter()
        .map(|(name, content)| (*name, (*content).to_owned()));
    for (name, content) in entries.into_iter().chain(more) {
        archive
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
