//! The promise: a table of contents in a PDF names the headings of that document and the pages they stand on, whatever
//! stood in it when its template was saved.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
mod package;

use std::process::Command;

use package::{Package, WORD, field, p};

/// More than fit on one page of contents, so that the table itself moves what it names.
const CHAPTERS: usize = 60;

#[test]
fn a_stale_table_of_contents_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let chapter = |number: usize| {
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/><w:pageBreakBefore/></w:pPr>\
             <w:r><w:t>Chapter-{number}</w:t></w:r></w:p>"
        )
    };
    let chapters: String = (1..=CHAPTERS).map(chapter).collect();
    let stale = field("TOC \\o &quot;1-3&quot;").replace("<w:t>x</w:t>", "<w:t>stale</w:t>");
    let styles = format!(
        "<w:styles xmlns:w=\"{WORD}\"><w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/>\
         <w:pPr><w:outlineLvl w:val=\"0\"/></w:pPr></w:style></w:styles>"
    );
    let document = Package::with_body(&format!("{stale}{}{chapters}", p("before them")))
        .related("styles", "styles.xml", "")
        .replaced(
            "[Content_Types].xml",
            "</Types>",
            "<Override PartName=\"/word/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml\"/></Types>",
        )
        .entry("word/styles.xml", styles);
    std::fs::write(folder.path().join("t.docx"), document.bytes()).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .current_dir(folder.path())
        .args(["pdf", "--document", "t.docx", "--output", "t.pdf"])
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");

    let shown = Command::new("pdftotext")
        .args(["-layout", "t.pdf", "-"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(!text.contains("stale"), "{text}");
    let pages: Vec<&str> = text.split('\u{c}').collect();
    for number in 1..=CHAPTERS {
        let name = format!("Chapter-{number}");
        let page = 1 + pages
            .iter()
            .position(|page| page.trim() == name)
            .unwrap_or_else(|| panic!("no page of {name}:\n{text}"));
        let line = text
            .lines()
            .find(|line| {
                line.trim_start_matches('\u{c}')
                    .starts_with(&format!("{name}."))
            })
            .unwrap_or_else(|| panic!("{name} is not among the contents:\n{text}"));
        let told: String = line
            .chars()
            .rev()
            .take_while(char::is_ascii_digit)
            .collect();
        let told: String = told.chars().rev().collect();
        assert_eq!(told, page.to_string(), "{line}");
    }
}
