//! Makes packages, good and bad.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub(crate) const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
pub(crate) const KINDS: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";

/// A package that a test changes.
#[derive(Clone)]
pub(crate) struct Package {
    entries: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// A document whose body is this.
    pub(crate) fn with_body(body: &str) -> Self {
        let types = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             <Default Extension=\"png\" ContentType=\"image/png\"/><Default Extension=\"svg\" ContentType=\"image/svg+xml\"/>\
             <Override PartName=\"/word/document.xml\" ContentType=\"{TYPES}.document.main+xml\"/>\
             <Override PartName=\"/word/header1.xml\" ContentType=\"{TYPES}.header+xml\"/>\
             <Override PartName=\"/word/footnotes.xml\" ContentType=\"{TYPES}.footnotes+xml\"/>\
             <Override PartName=\"/word/settings.xml\" ContentType=\"{TYPES}.settings+xml\"/></Types>"
        );
        let top = relationships(&[("officeDocument", "word/document.xml", "")]);
        let document = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"{WORD}\" xmlns:r=\"{KINDS}\" \
             xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\">\
             <w:body>{body}</w:body></w:document>"
        );
        Self {
            entries: Vec::new(),
        }
        .entry("[Content_Types].xml", types)
        .entry("_rels/.rels", top)
        .entry("word/document.xml", document)
    }

    /// With this entry, or with another content of it.
    pub(crate) fn entry(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = content,
            None => self.entries.push((name.to_owned(), content)),
        }
        self
    }

    /// The document with these relationships: kind, target, further attributes.
    pub(crate) fn related(self, kind: &str, target: &str, more: &str) -> Self {
        self.entry(
            "word/_rels/document.xml.rels",
            relationships(&[(kind, target, more)]),
        )
    }

    /// With a piece of an entry replaced.
    pub(crate) fn replaced(mut self, name: &str, from: &str, to: &str) -> Self {
        for (known, content) in &mut self.entries {
            if known == name {
                let text = String::from_utf8(content.clone()).unwrap();
                assert!(text.contains(from), "{name} has no {from}");
                *content = text.replace(from, to).into_bytes();
            }
        }
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in &self.entries {
            let options =
                SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            writer.start_file(name.as_str(), options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }
}

/// A relationships part.
pub(crate) fn relationships(all: &[(&str, &str, &str)]) -> String {
    let all: String = all
        .iter()
        .enumerate()
        .map(|(index, (kind, target, more))| {
            let kind = if kind.contains("://") {
                (*kind).to_owned()
            } else {
                format!("{KINDS}/{kind}")
            };
            let id = index + 1;
            format!("<Relationship Id=\"rId{id}\" Type=\"{kind}\" Target=\"{target}\"{more}/>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Relationships \
         xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{all}</Relationships>"
    )
}

/// A paragraph with this text.
pub(crate) fn p(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>")
}

/// A field with this code.
pub(crate) fn field(code: &str) -> String {
    let character = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    format!(
        "<w:p>{}<w:r><w:instrText xml:space=\"preserve\">{code}</w:instrText></w:r>{}<w:r><w:t>x</w:t></w:r>{}</w:p>",
        character("begin"),
        character("separate"),
        character("end")
    )
}
