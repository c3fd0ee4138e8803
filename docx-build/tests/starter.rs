//! A starter template compiles, is filled, and has what Word needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Read as _};

use docx_build::{DatasetShape, starter_template};
use docx_jinja::{Template, Value, minijinja::context};
use serde_json::json;
use zip::{CompressionMethod, ZipArchive};

fn shapes() -> Vec<DatasetShape> {
    let row = json!({
        "required": ["name", "size_bytes", "seen", "open", "ports"],
        "properties": {
            "name": {"type": "string", "maxLength": 60, "title": "Name & <more>"},
            "kind": {"enum": ["a", "b"]},
            "count": {"type": "integer"},
            "size_bytes": {"type": "integer"},
            "ratio": {"type": ["number", "null"]},
            "run_s": {"type": "number"},
            "day": {"type": "string", "format": "date"},
            "seen": {"type": "string", "format": "date-time"},
            "open": {"type": "boolean"},
            "maybe": {"type": "boolean"},
            "ports": {"type": "array", "items": {"type": "integer"}},
            "price": {"type": "object", "properties": {"minor_units": {}, "currency": {}}},
        },
    });
    let document = json!({"required": ["version"], "properties": {"version": {"type": "string"}, "notes": {"type": "string"}}});
    vec![
        DatasetShape::from_schema("host-list", "Hosts", "All hosts.", true, &row),
        DatasetShape::from_schema("setup", "Set-up", "How it is set up.", false, &document),
    ]
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

/// The text of all runs, a line a paragraph.
fn text(xml: &str) -> String {
    let mut out = String::new();
    for piece in xml.split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        match tag.split([' ', '/']).next().unwrap() {
            "w:t" if !tag.ends_with('/') => out.push_str(after),
            "" if tag == "/w:p" => out.push('\n'),
            _ => {}
        }
    }
    out
}

fn filled(rows: Vec<Value>, state: &str) -> String {
    let template = Template::compile(&starter_template(&shapes()).unwrap()).unwrap();
    let part = |data: Value| context! { rows => data, count => 2, state, reason => "it sleeps", captured_at => "2026-11-22T06:00:00Z" };
    let report = context! { title => "Hosts of all", generated_at => "2026-11-22T06:02:41Z", generated_by => "Eva", run_id => "r-1" };
    let tenant = context! {
        id => "acme", title => "Acme",
        host_list => part(Value::from(rows)), setup => part(context! { version => "7" }),
    };
    let gap = context! { tenant => "Globex", dataset => "Hosts", reason => "no answer" };
    let mut out = Vec::new();
    template
        .render(
            context! { report, tenants => vec![tenant], missing => vec![gap] },
            &mut out,
        )
        .unwrap();
    text(&entry(&out, "word/document.xml"))
}

#[test]
fn a_starter_template_shows_every_field_by_what_it_holds() {
    let row = context! {
        name => "srv & <1>", kind => "a", count => 1234, size_bytes => 1536, ratio => 2.5, run_s => 3900,
        day => "2026-11-02", seen => "2026-11-22T05:58:10Z", open => true, maybe => false, ports => vec![22, 443],
        price => context! { minor_units => 1250, currency => "EUR" },
    };
    let least = context! { name => "srv-2", size_bytes => 0, seen => "2026-11-22T05:58:10Z", open => false, ports => Vec::<Value>::new() };
    let text = filled(vec![row, least], "ok");
    let shown = [
        "Hosts of all\nMade on 22 November 2026, 06:02 by Eva.\nNo data of Hosts from Globex: no answer\nAcme\nHosts\nAll hosts.\n2 rows",
        "Name &amp; &lt;more&gt;\nKind\nCount\nSize bytes\n",
        "srv &amp; &lt;1&gt;\na\n1,234\n1.5 KB\n2.50\n1 h 05 min\n2 November 2026\n22 November 2026, 05:58\nyes\nno\n22, 443\n€12.50\n",
        "srv-2\n\n\n0 B\n\n\n\n22 November 2026, 05:58\nno\n\n\n\n",
        "Set-up\nHow it is set up.\n",
        "Version\n7\nNotes\n\n",
    ];
    for part in shown {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn what_is_missing_is_said_instead_of_a_table() {
    let text = filled(Vec::new(), "missing");
    assert_eq!(text.matches("No data: it sleeps.").count(), 2, "{text}");
    assert!(!text.contains("rows, as of"), "{text}");
}

#[test]
fn what_docx_rs_leaves_undone_is_mended() {
    let package = starter_template(&shapes()).unwrap();
    assert_eq!(
        package,
        starter_template(&shapes()).unwrap(),
        "the same template each time"
    );
    let document = entry(&package, "word/document.xml");
    assert_eq!(
        document.matches("<w:tblHeader/>").count(),
        1,
        "the heading row is repeated on each page"
    );
    let mut archive = ZipArchive::new(Cursor::new(&package)).unwrap();
    for at in 0..archive.len() {
        let file = archive.by_index(at).unwrap();
        assert_eq!(
            file.compression(),
            CompressionMethod::Deflated,
            "{}",
            file.name().unwrap()
        );
    }
    // In a paragraph's properties its style comes first and its alignment behind the spacing.
    for properties in document.split("<w:pPr>").skip(1) {
        let properties = properties.split("</w:pPr>").next().unwrap();
        if let Some(style) = properties.find("<w:pStyle") {
            assert_eq!(style, 0, "{properties}");
        }
    }
}
