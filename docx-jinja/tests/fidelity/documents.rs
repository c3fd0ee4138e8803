//! Documents without tags, and with one.

use std::io::{Cursor, Read, Write};

use crate::corpus::cases::{self, Template as Case};
use docx_jinja::minijinja::context;
use docx_jinja::{Template, Value};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Fewer would say too little.
const DOCUMENTS_MIN: usize = 60;
/// Places of each document that get a tag.
const PLACES: usize = 6;
const MAIN: &str = "word/document.xml";
const VALUE: &str = "R&D <1>";
const WRITTEN: &str = "R&amp;D &lt;1&gt;";

type Entries = Vec<(String, Vec<u8>)>;

fn entries(package: &[u8]) -> Entries {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let name = file.name().unwrap().into_owned();
        if !name.ends_with('/') {
            entries.push((name, bytes));
        }
    }
    entries.sort();
    entries
}

fn packed(entries: &Entries) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The document with round brackets for the braces of its tags.
fn without_tags(case: &Case) -> Entries {
    let mut entries = entries(&case.bytes);
    for (name, bytes) in &mut entries {
        if name.ends_with(".xml") {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replace('{', "(").replace('}', ")").into_bytes();
        }
    }
    entries
}

fn rendered(name: &str, template: &Entries) -> Entries {
    let template =
        Template::compile(&packed(template)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut out = Vec::new();
    let report = template.render(context! { v => VALUE }, &mut out);
    report.unwrap_or_else(|error| panic!("{name}: {error}"));
    entries(&out)
}

/// Tells the first place where two packages differ.
fn same(name: &str, got: &Entries, expected: &Entries) {
    let names = |entries: &Entries| {
        entries
            .iter()
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(got), names(expected), "{name}");
    for ((part, got), (_, expected)) in got.iter().zip(expected) {
        if got != expected {
            let at = got.iter().zip(expected).position(|(a, b)| a != b);
            let at = at.unwrap_or(got.len().min(expected.len()));
            let shown = |bytes: &[u8]| {
                let window = &bytes[at.saturating_sub(80)..bytes.len().min(at + 80)];
                String::from_utf8_lossy(window).into_owned()
            };
            panic!(
                "{name}: {part} differs at {at}:\n{}\n{}",
                shown(got),
                shown(expected)
            );
        }
    }
}

/// Where the texts of runs stand that a tag can be put into: the start of the element and of its text, and its end.
fn texts(document: &str) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in document.match_indices("<w:t") {
        let tag = &document[start..];
        let Some(end) = tag.find('>').filter(|&end| !tag[..end].ends_with('/')) else {
            continue;
        };
        if !matches!(tag.as_bytes()[4], b'>' | b' ') {
            continue;
        }
        let text = start + end + 1;
        if let Some(length) = document[text..].find("</w:t>") {
            found.push((start, text, text + length));
        }
    }
    found
}

/// The document with this in the middle of a text; a value asks for its spaces to be kept.
fn with(
    document: &str,
    (start, text, end): (usize, usize, usize),
    what: &str,
    filled: bool,
) -> String {
    let raw = &document[text..end];
    let middle = raw.find('&').unwrap_or(raw.len()).min(raw.len() / 2);
    let middle = (0..=middle)
        .rev()
        .find(|&at| raw.is_char_boundary(at))
        .unwrap();
    let tag = &document[start..text];
    let tag = if filled && !tag.contains("xml:space") {
        tag.replace('>', " xml:space=\"preserve\">")
    } else {
        tag.to_owned()
    };
    let (before, behind) = raw.split_at(middle);
    format!(
        "{}{tag}{before}{what}{behind}{}",
        &document[..start],
        &document[end..]
    )
}

#[test]
fn what_no_tag_touches_stays_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases::all(folder.path());
    assert!(cases.len() >= DOCUMENTS_MIN, "{}", cases.len());
    let (mut parts, mut places) = (0, 0);
    for case in &cases {
        let plain = without_tags(case);
        same(&case.name, &rendered(&case.name, &plain), &plain);
        parts += plain.len();
        places += tagged(&case.name, &plain);
    }
    println!(
        "{} documents without tags: {parts} of {parts} parts byte for byte",
        cases.len()
    );
    println!("{places} documents with one tag: all but the tag byte for byte");
    assert!(places > DOCUMENTS_MIN, "{places}");
}

/// Puts a tag into texts all over the document; gives how many were tried.
fn tagged(name: &str, plain: &Entries) -> usize {
    let main = plain.iter().position(|(name, _)| name == MAIN).unwrap();
    let document = String::from_utf8(plain[main].1.clone()).unwrap();
    // What was filled in is no placeholder any more: a filled control changes by design.
    if document.contains("<w:sdt>") {
        return 0;
    }
    let texts = texts(&document);
    let step = (texts.len() / PLACES).max(1);
    let chosen = texts.iter().step_by(step);
    let mut count = 0;
    for &place in chosen {
        let version = |what: &str, filled: bool| {
            let mut entries = plain.clone();
            entries[main].1 = with(&document, place, what, filled).into_bytes();
            entries
        };
        let got = rendered(name, &version("{{ v }}", false));
        same(name, &got, &version(WRITTEN, true));
        count += 1;
    }
    count
}

#[test]
fn values_do_not_matter_where_there_is_no_tag() {
    let folder = tempfile::tempdir().unwrap();
    for case in cases::all(folder.path()).iter().take(5) {
        let plain = without_tags(case);
        let template = Template::compile(&packed(&plain)).unwrap();
        let mut documents = [Vec::new(), Vec::new()];
        template.render(Value::from(()), &mut documents[0]).unwrap();
        template
            .render(context! { v => 1 }, &mut documents[1])
            .unwrap();
        assert_eq!(documents[0], documents[1], "{}", case.name);
    }
}
