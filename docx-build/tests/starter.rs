//! A starter template compiles, is filled, and has what Word needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::Command;

use docx_build::{Block, DatasetShape, fragment, starter_template};
use docx_jinja::{RenderError, Template, Value, minijinja::context};
use serde_json::json;
use zip::{CompressionMethod, ZipArchive};

fn shapes() -> Vec<DatasetShape> {
    let row = json!({
        "required": ["name", "kind", "size_bytes", "seen", "open", "ports"],
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
    let document = json!({"required": ["version"], "properties": {"version": {"type": "string"}, "notes": {"type": "string"},
        "names": {"type": "array", "items": {"type": "string"}}, "key_bits": {"type": "integer"}, "more_bits": {"type": "integer"}}});
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
    text(&entry(&report(rows, state), "word/document.xml"))
}

fn report(rows: Vec<Value>, state: &str) -> Vec<u8> {
    let count = rows.len();
    let part = |data: Value| context! { rows => data, count, state, reason => "it sleeps", captured_at => "2026-11-22T06:00:00Z" };
    let report = context! { title => "Hosts of all", generated_at => "2026-11-22T06:02:41Z", generated_by => "Ops", run_id => "r-1" };
    let tenant = context! {
        id => "acme", title => "Acme",
        host_list => part(Value::from(rows)),
        setup => part(context! { version => "7", names => vec!["one.example", "two.example"], key_bits => 0, more_bits => 256 }),
    };
    let gap = context! { tenant => "Globex", dataset => "Hosts", reason => "no answer" };
    with(context! { report, tenants => vec![tenant], missing => vec![gap] }).unwrap()
}

/// The starter template, filled.
fn with(values: Value) -> Result<Vec<u8>, RenderError> {
    let template = Template::compile(&starter_template(&shapes()).unwrap()).unwrap();
    let mut out = Vec::new();
    let written = template.render(values, &mut out)?;
    assert_eq!(written.document_bytes, out.len() as u64);
    Ok(out)
}

/// How many pictures a package holds.
fn pictures(package: &[u8]) -> usize {
    let archive = ZipArchive::new(Cursor::new(package)).unwrap();
    archive
        .file_names()
        .filter(|name| {
            name.as_ref()
                .is_ok_and(|name| name.starts_with("word/media/"))
        })
        .count()
}

/// Templates, a filled one with a chart, and one with blocks, under the rules of Microsoft's Open XML SDK.
#[test]
fn what_is_written_obeys_the_schema() {
    let row = context! {
        name => "a", kind => "b", size_bytes => 0, seen => "2026-11-22T05:58:10Z", open => true, ports => vec![1],
    };
    let folder = std::env::temp_dir().join(format!("docx-build-schema-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let documents = [
        ("starter", starter_template(&shapes()).unwrap()),
        ("filled", report(vec![row], "ok")),
        ("blocks", with_blocks()),
    ];
    for (name, bytes) in &documents {
        std::fs::write(folder.join(format!("{name}.after.docx")), bytes).unwrap();
    }
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/docx-schema");
    assert!(
        checker.join("packages").is_dir(),
        "the checker is not installed: run tests/testbed/install.sh"
    );
    let checked = Command::new("python3")
        .arg(checker.join("check.py"))
        .arg(&folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&checked.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&checked.stderr)));
    // Word's own documents always have a theme; the standard does not ask for one.
    let no_theme = "relationships/theme' is missing";
    for (name, _) in documents {
        let faults = found[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault.as_str().unwrap());
        let faults: Vec<&str> = faults.filter(|fault| !fault.contains(no_theme)).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}");
    }
}

#[test]
fn a_chart_counts_the_first_choice() {
    let row = |kind: &str| {
        context! {
            name => "a", kind, size_bytes => 0, seen => "2026-11-22T05:58:10Z", open => true, ports => vec![1],
        }
    };
    let package = report(vec![row("a"), row("b"), row("a")], "ok");
    assert_eq!(pictures(&package), 1);
    let document = entry(&package, "word/document.xml");
    assert_eq!(document.matches("<w:drawing>").count(), 1);
    assert_eq!(pictures(&report(Vec::new(), "ok")), 0, "nothing to draw");
    let same = report(vec![row("a"), row("a")], "ok");
    assert_eq!(pictures(&same), 0, "nothing to compare");
}

#[test]
fn a_value_that_is_not_what_its_schema_says_is_told() {
    let error = with(context! { report => context! {} }).unwrap_err();
    assert!(error.to_string().contains("report.title"), "{error}");
}

fn with_blocks() -> Vec<u8> {
    let blocks = [
        Block::Heading(2, "Findings & <more>".into()),
        Block::Text("{{ not.a.tag }}\u{1}\nsecond line".into()),
        Block::Bullets(vec!["one".into(), "two".into()]),
        Block::Table {
            titles: vec!["Host".into(), "State".into()],
            rows: vec![vec!["srv".into()], vec!["x".into(), "y".into(), "z".into()]],
        },
    ];
    let mut shapes = shapes();
    shapes[0].description = "{{p report.blocks }}".into();
    let template = Template::compile(&starter_template(&shapes[..1]).unwrap()).unwrap();
    let blocks = Value::from(fragment(&blocks).unwrap());
    let tenant =
        context! { title => "Acme", host_list => context! { state => "missing", reason => "x" } };
    let report = context! { title => "T", generated_at => 0, generated_by => "Ops", run_id => "r-1", blocks };
    let mut out = Vec::new();
    let values = context! { report, tenants => vec![tenant], missing => Vec::<Value>::new() };
    template.render(values, &mut out).unwrap();
    out
}

#[test]
fn blocks_are_inserted_as_text_in_the_templates_styles() {
    let out = with_blocks();
    let document = entry(&out, "word/document.xml");
    let shown = text(&document);
    let expected = "Hosts\nFindings &amp; &lt;more&gt;\n{{ not.a.tag }}second line\none\ntwo\nHost\nState\nsrv\n\nx\ny\n";
    assert!(shown.contains(expected), "{shown}");
    assert!(
        document.contains("<w:pStyle w:val=\"Heading2\""),
        "the template's own style"
    );
    let numbering = entry(&out, "word/numbering.xml");
    assert!(numbering.contains('•'), "{numbering}\n{document}");
}

#[test]
fn a_starter_template_shows_every_field_by_what_it_holds() {
    let row = context! {
        name => "srv & <1>", kind => "a", count => 1234, size_bytes => 1536, ratio => 2.5, run_s => 3900,
        day => "2026-11-02", seen => "2026-11-22T05:58:10Z", open => true, maybe => false, ports => vec![22, 443],
        price => context! { minor_units => 1250, currency => "EUR" },
    };
    let least = context! { name => "srv-2", kind => "b", size_bytes => 0, seen => "2026-11-22T05:58:10Z", open => false, ports => Vec::<Value>::new() };
    let text = filled(vec![row, least], "ok");
    let shown = [
        "Hosts of all\nMade on 22 November 2026, 06:02 by Ops.\nNo data of Hosts from Globex: no answer\nAcme\nHosts\nAll hosts.\n2 rows",
        "Name &amp; &lt;more&gt;\nKind\nCount\nSize bytes\n",
        "srv &amp; &lt;1&gt;\na\n1,234\n1.5 KB\n2.50\n1 h 05 min\n2 November 2026\n22 November 2026, 05:58\nyes\nno\n22, 443\n€12.50\n",
        "srv-2\nb\n\n0 B\n\n\n\n22 November 2026, 05:58\nno\n\n\n\n",
        "Set-up\nHow it is set up.\n",
        "Version\n7\nNotes\n\nNames\none.exampletwo.example\nKey bits\n\nMore bits\n256\n",
    ];
    for part in shown {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
fn one_row_is_a_row() {
    let row = || {
        context! {
            name => "a", kind => "b", size_bytes => 0, seen => "2026-11-22T05:58:10Z", open => true, ports => vec![1],
        }
    };
    let check = |rows: Vec<Value>, expected: &str| {
        let text = filled(rows, "ok");
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    };
    check(vec![row()], "\n1 row, as of 22 November 2026");
    check(vec![row(), row()], "\n2 rows, as of ");
    check(Vec::new(), "\n0 rows, as of ");
}

#[test]
fn columns_have_place_for_their_titles_and_rows_stay_whole() {
    let widths = |titles: &[(&str, &str)]| -> Vec<usize> {
        let properties: serde_json::Map<_, _> = titles
            .iter()
            .enumerate()
            .map(|(at, (title, format))| {
                let field = json!({"type": "string", "title": title, "format": format});
                (format!("field_{at}"), field)
            })
            .collect();
        let schema = json!({"properties": properties});
        let shape = DatasetShape::from_schema("hosts", "Hosts", "All.", true, &schema);
        let document = entry(&starter_template(&[shape]).unwrap(), "word/document.xml");
        // The row of titles and the row of values stay whole, and the first alone is repeated.
        assert_eq!(document.matches("<w:cantSplit/>").count(), 2);
        assert_eq!(document.matches("<w:tblHeader/>").count(), 1);
        let columns = document.split("<w:gridCol w:w=\"").skip(1);
        let columns = columns.map(|column| column.split('"').next().unwrap().parse().unwrap());
        columns.collect()
    };
    let long = "Responsibilities of all";
    let found = widths(&[(long, "date"), ("Seen", "date-time"), ("On", "")]);
    assert_eq!(found.len(), 3);
    assert!(found[0] >= 16 * 100, "{found:?}");
    // A line of a moment.
    assert!(found[1] >= 23 * 90, "{found:?}");
    // On its side a page has place for eight words of sixteen letters; the other columns are left out.
    let found = widths(&[(long, ""); 12]);
    assert!(found.iter().all(|width| *width >= 16 * 100), "{found:?}");
    assert!(
        found.len() == 8 && found.iter().sum::<usize>() <= 14_570,
        "{found:?}"
    );
    let found = widths(&[(long, ""); 6]);
    assert_eq!(found.len(), 6, "the page is turned for them");
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
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    let names: Vec<String> = names.collect();
    let types = entry(&package, "[Content_Types].xml");
    for stray in ["word/numbering.xml", "word/comments.xml"] {
        assert!(!names.iter().any(|name| name == stray), "{names:?}");
        assert!(!types.contains(stray), "{types}");
    }
    // In a paragraph's properties its style comes first and its alignment behind the spacing.
    for properties in document.split("<w:pPr>").skip(1) {
        let properties = properties.split("</w:pPr>").next().unwrap();
        if let Some(style) = properties.find("<w:pStyle") {
            assert_eq!(style, 0, "{properties}");
        }
    }
}
