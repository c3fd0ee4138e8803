//! Makes the packages that are compared, and reads what came of them.

use std::io::{Cursor, Read as _, Write as _};

use docx_jinja::Value;
use serde_json::Value as Json;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::cases::Case;

const NAMESPACE: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
    xmlns:wps=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\"";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A package with a header, a footer, footnotes and properties beside the body.
pub(crate) fn package(case: &Case) -> Vec<u8> {
    let root = |name: &str, inner: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:{name} {NAMESPACE}>{inner}</w:{name}>"
        )
    };
    let kinds = ["header", "footer", "footnotes"];
    let overrides: String = kinds
        .iter()
        .map(|kind| {
            format!("<Override PartName=\"/word/{kind}.xml\" ContentType=\"{TYPES}.{kind}+xml\"/>")
        })
        .collect();
    let types = format!(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{TYPES}.document.main+xml\"/>{overrides}\
         <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/></Types>"
    );
    let relationships = |inner: &str| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{inner}</Relationships>"
        )
    };
    let of_document: String = kinds
        .iter()
        .enumerate()
        .map(|(id, kind)| format!("<Relationship Id=\"rId{id}\" Type=\"{RELATIONSHIPS}/{kind}\" Target=\"{kind}.xml\"/>"))
        .collect();
    let core = format!(
        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{}</dc:title></cp:coreProperties>",
        case.title
    );
    let entries = [
        ("[Content_Types].xml", types),
        (
            "_rels/.rels",
            relationships(&format!(
                "<Relationship Id=\"rId1\" Type=\"{RELATIONSHIPS}/officeDocument\" Target=\"word/document.xml\"/>\
             <Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>"
            )),
        ),
        ("word/_rels/document.xml.rels", relationships(&of_document)),
        (
            "word/document.xml",
            root("document", &format!("<w:body>{}</w:body>", case.body)),
        ),
        ("word/header.xml", root("hdr", &case.header)),
        ("word/footer.xml", root("ftr", &case.footer)),
        (
            "word/footnotes.xml",
            root(
                "footnotes",
                &format!("<w:footnote w:id=\"1\">{}</w:footnote>", case.footnote),
            ),
        ),
        ("docProps/core.xml", core),
    ];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The parts whose text is compared.
pub(crate) fn parts(_case: &Case) -> impl Iterator<Item = String> {
    [
        "word/document.xml",
        "word/header.xml",
        "word/footer.xml",
        "word/footnotes.xml",
        "docProps/core.xml",
    ]
    .into_iter()
    .map(str::to_owned)
}

/// The text of a part with its paragraphs (`¶`), cells (`|`), rows (`‖`) and tables (`▦`).
pub(crate) fn outline(package: &[u8], part: &str) -> String {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut xml = String::new();
    archive
        .by_name(part)
        .unwrap()
        .read_to_string(&mut xml)
        .unwrap();
    let mut out = String::new();
    let mut text = false;
    for piece in xml.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        match tag.split([' ', '/']).next().unwrap() {
            "w:t" | "dc:title" => text = !tag.ends_with('/'),
            "w:br" => out.push('\n'),
            "w:p" if tag.ends_with('/') => out.push('¶'),
            "" => {
                text = false;
                out.push_str(match tag {
                    "/w:p" => "¶",
                    "/w:tc" => "|",
                    "/w:tr" => "‖",
                    "/w:tbl" => "▦",
                    _ => "",
                });
            }
            _ => {}
        }
        if text {
            out.push_str(&decoded(after));
        }
    }
    out
}

fn decoded(text: &str) -> String {
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

/// JSON in the form that templates read.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(*truth),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap()),
        },
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(members) => Value::from_pairs(
            members
                .iter()
                .map(|(key, member)| (key.clone(), value(member))),
        ),
    }
}
