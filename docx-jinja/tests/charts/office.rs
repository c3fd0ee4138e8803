//! What LibreOffice shows of filled charts, and charts that LibreOffice has written.

use std::path::Path;
use std::process::Command;

use crate::support::{
    COLUMN, KINDS, PIE, all, bytes, chart, docx, fill, json, names, p, package, text,
};

/// Converts files in one go; fails when LibreOffice is not there.
fn convert(folder: &Path, to: &str, files: &[String]) {
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.display());
    let status = Command::new("soffice")
        .args([
            profile.as_str(),
            "--headless",
            "--convert-to",
            to,
            "--outdir",
        ])
        .arg(folder.join("out"))
        .args(files.iter().map(|file| folder.join(file)))
        .stdout(std::process::Stdio::null())
        .status()
        .expect("LibreOffice is installed; run tests/testbed/install.sh");
    assert!(status.success());
}

fn pdf_text(folder: &Path, name: &str) -> String {
    let file = folder.join("out").join(format!("{name}.pdf"));
    let output = Command::new("pdftotext")
        .arg(file)
        .arg("-")
        .output()
        .expect("poppler-utils is installed; run tests/testbed/install.sh");
    assert!(output.status.success(), "{name}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn filled_charts_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let dated = json(r#"{"rows": [["2026-03-01", 41], ["2026-03-02", 47]]}"#);
    let named = json(r#"{"rows": [["Northwind", 41], ["Southwind", 47]]}"#);
    let numbered = json(
        r#"{"rows": {"series": [{"name": "Westwind", "x": [611, 622], "y": [41, 47], "size": [1, 2]}]}}"#,
    );
    let mut files = Vec::new();
    for (kind, xml) in KINDS {
        let (values, directive) = match kind {
            "line-dates" => (&dated, "chart: rows, names=\"Westwind\", title=\"Heading\""),
            "scatter" | "bubble" => (&numbered, "chart: rows, title=\"Heading\""),
            _ => (&named, "chart: rows, names=\"Westwind\", title=\"Heading\""),
        };
        let file = format!("{kind}.docx");
        std::fs::write(
            folder.path().join(&file),
            fill(&docx(&chart(1, directive), &[xml]), values),
        )
        .unwrap();
        files.push(file);
    }
    convert(folder.path(), "pdf", &files);
    for (kind, _) in KINDS {
        let seen = pdf_text(folder.path(), kind);
        let expected: &[&str] = match kind {
            "pie" | "doughnut" => &["Heading", "Northwind", "Southwind"],
            "line-dates" => &["Heading", "Westwind"],
            "scatter" | "bubble" => &["Heading", "Westwind"],
            "radar" => &["Heading", "Westwind", "Northwind"],
            _ => &["Heading", "Westwind", "Northwind", "Southwind"],
        };
        for piece in expected {
            assert!(seen.contains(piece), "{kind}: {piece} in {seen}");
        }
        for old in ["Category", "Series 1", "Y-Values", "Title of the template"] {
            assert!(!seen.contains(old), "{kind}: {old} in {seen}");
        }
    }
}

#[test]
fn charts_of_a_filter_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [
        "column", "bar", "line", "area", "pie", "doughnut", "scatter",
    ];
    let tag = |kind: &str| {
        let rows = if kind == "scatter" { "points" } else { "rows" };
        p(&format!(
            "{{{{ {rows}|chart(\"{kind}\", editable=true, stacked=true, title=\"Of {kind}\", height=\"6cm\") }}}}"
        ))
    };
    let body: String = kinds.into_iter().map(tag).collect();
    let values = json(
        r#"{"rows": [["Northwind", 41, 5], ["Southwind", 47, 6]], "points": [[1, 2, 3], [2, 3, 4]]}"#,
    );
    std::fs::write(
        folder.path().join("kinds.docx"),
        fill(&docx(&body, &[]), &values),
    )
    .unwrap();
    convert(folder.path(), "pdf", &["kinds.docx".to_owned()]);
    let seen = pdf_text(folder.path(), "kinds");
    for kind in kinds {
        assert!(seen.contains(&format!("Of {kind}")), "{kind} in {seen}");
    }
    assert_eq!(seen.matches("Northwind").count(), 6, "{seen}");
    // The first row's share of a pie.
    assert!(seen.contains("47%"), "{seen}");
}

#[test]
fn charts_of_a_loop_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let body = p("{%p for t in tenants %}")
        + &chart(1, "chart: t, title=t|first|upper")
        + &p("{%p endfor %}");
    let values = json(r#"{"tenants": [{"Northwind": 1}, {"Southwind": 2}, {"Westwind": 3}]}"#);
    let document = fill(&docx(&body, &[PIE]), &values);
    std::fs::write(folder.path().join("loop.docx"), document).unwrap();
    convert(folder.path(), "pdf", &["loop.docx".to_owned()]);
    let seen = pdf_text(folder.path(), "loop");
    for piece in [
        "Northwind",
        "SOUTHWIND",
        "Southwind",
        "WESTWIND",
        "Westwind",
    ] {
        assert!(seen.contains(piece), "{piece} in {seen}");
    }
}

#[test]
fn charts_written_by_libreoffice_are_filled() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = docx(&chart(1, "chart: rows"), &[COLUMN]);
    std::fs::write(folder.path().join("drawn.docx"), drawn).unwrap();
    convert(
        folder.path(),
        "docx:MS Word 2007 XML",
        &["drawn.docx".to_owned()],
    );
    let written = std::fs::read(folder.path().join("out/drawn.docx")).unwrap();
    // LibreOffice forgets the alternative text of charts that it reads; its user writes it anew.
    let entries = names(&written).into_iter().map(|name| {
        let content = bytes(&written, &name);
        let content = match name.as_str() {
            "word/document.xml" => {
                let text = String::from_utf8(content).unwrap();
                assert!(text.contains("<wp:docPr id=\"1\" "), "{text}");
                let directive = "<wp:docPr id=\"1\" descr=\"chart: rows\" ";
                text.replace("<wp:docPr id=\"1\" ", directive).into_bytes()
            }
            _ => content,
        };
        (name, content)
    });
    let template = package(&entries.collect::<Vec<_>>());
    let values = json(
        r#"{"rows": [
        {"place": "Northwind", "Full": 41, "Partial": 5, "None": 3},
        {"place": "Southwind", "Full": 47, "Partial": 6, "None": 4}]}"#,
    );
    let document = fill(&template, &values);
    let part = names(&document)
        .into_iter()
        .find(|name| name.starts_with("word/charts/chart"))
        .unwrap();
    let series = all(&text(&document, &part), "<c:ser>", "</c:ser>").len();
    assert_eq!(series, 3, "LibreOffice's chart had two");
    std::fs::write(folder.path().join("filled.docx"), &document).unwrap();
    convert(folder.path(), "pdf", &["filled.docx".to_owned()]);
    let seen = pdf_text(folder.path(), "filled");
    for piece in ["Northwind", "Southwind", "Full", "Partial", "None"] {
        assert!(seen.contains(piece), "{piece} in {seen}");
    }
    assert!(
        !seen.contains("Category") && !seen.contains("Series"),
        "{seen}"
    );
}
