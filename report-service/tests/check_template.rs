//! The verb `check-template` of the built binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview")
}

fn check(template: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .arg("check-template")
        .arg(template)
        .args(more)
        .output()
        .unwrap()
}

/// `check-template` against the shipped report.
fn compare(template: &Path, more: &[&str]) -> Output {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let (report, schemas) = (
        folder().display().to_string(),
        schemas.display().to_string(),
    );
    check(
        template,
        &[&["--report", &report, "--schemas", &schemas], more].concat(),
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The shipped template with one text for another.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let shipped = std::fs::read(folder().join("template.docx")).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(shipped)).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut found = false;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if file.name().unwrap() == "word/document.xml" {
            let document = text(&bytes);
            found = document.contains(from);
            bytes = document.replacen(from, to, 1).into_bytes();
        }
        let name = file.name().unwrap().into_owned();
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(&bytes).unwrap();
    }
    assert!(found, "{from} is not in the template");
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_good_template_is_told_with_what_it_reads() {
    let done = compare(&folder().join("template.docx"), &[]);
    let told = text(&done.stdout);
    assert!(done.status.success(), "{told}{}", text(&done.stderr));
    assert!(told.contains(" 0 fault(s), 0 warning(s)\n"), "{told}");
    assert!(
        told.contains("\n  tenants[].devices.rows[].hostname "),
        "{told}"
    );
    assert!(told.contains("\nsupplied and not read\n"), "{told}");
}

#[test]
fn faults_are_told_and_marked() {
    let place = tempfile::tempdir().unwrap();
    let (file, marked) = (
        place.path().join("t.docx"),
        place.path().join("marked.docx"),
    );
    std::fs::write(&file, changed("report.title", "report.titel")).unwrap();
    let alone = check(&file, &[]);
    assert!(alone.status.success(), "{}", text(&alone.stdout));
    let done = compare(&file, &["--marked", marked.to_str().unwrap()]);
    let told = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains("there is no report.titel in the values of report"),
        "{told}"
    );
    assert!(told.contains("hint: did you mean report.title?"), "{told}");
    let mut archive = ZipArchive::new(std::fs::File::open(&marked).unwrap()).unwrap();
    let mut comments = String::new();
    archive
        .by_name("word/comments.xml")
        .unwrap()
        .read_to_string(&mut comments)
        .unwrap();
    assert!(
        comments.contains("did you mean report.title?"),
        "{comments}"
    );
}

#[test]
fn what_is_no_template_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("t.docx");
    std::fs::write(&file, "hello").unwrap();
    let done = check(&file, &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(
        text(&done.stderr).contains("is not a Word document"),
        "{}",
        text(&done.stderr)
    );
    let done = check(&place.path().join("none.docx"), &[]);
    assert!(
        text(&done.stderr).contains("none.docx: No such file"),
        "{}",
        text(&done.stderr)
    );
}
