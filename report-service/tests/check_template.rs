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

fn schemas() -> String {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    schemas.display().to_string()
}

/// A verb, with the shipped contracts or with what it finds by itself.
fn run(folder: &Path, arguments: &[&str], with_schemas: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"));
    command.args(arguments).current_dir(folder);
    if with_schemas {
        command.args(["--schemas", &schemas()]);
    }
    command.output().unwrap()
}

/// `check-template` against the shipped report.
fn compare(template: &Path, more: &[&str]) -> Output {
    let (report, schemas) = (folder().display().to_string(), schemas());
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
    let unread = told.split_once("\nsupplied and not read\n").unwrap().1;
    assert!(unread.contains("\n  tenants[].devices.count\n"), "{told}");
    assert!(!unread.contains("\n  tenants\n"), "{told}");
    assert!(!told.contains("not compared"), "{told}");
}

#[test]
fn what_is_not_read_is_listed_name_by_name() {
    let place = tempfile::tempdir().unwrap();
    let made = run(
        place.path(),
        &["starter-template", "certificates", "--output", "t.docx"],
        true,
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    let file = place.path().join("t.docx");
    let alone = check(&file, &[]);
    let told = text(&alone.stdout);
    assert!(
        told.ends_with("\nnames were not compared; use --report\n"),
        "{told}"
    );
    let told = text(&compare(&file, &[]).stdout);
    assert!(
        told.contains("\n  tenants[].devices.rows[].hostname\n"),
        "{told}"
    );
}

#[test]
fn the_sample_is_filled_in_and_its_faults_are_told() {
    let place = tempfile::tempdir().unwrap();
    let (report, file) = (place.path().join("report"), place.path().join("t.docx"));
    std::fs::create_dir(&report).unwrap();
    for name in ["report.toml", "params.schema.json"] {
        std::fs::copy(folder().join(name), report.join(name)).unwrap();
    }
    // The name is right; the value does not take the filter.
    std::fs::write(&file, changed("{{ r.hostname }}", "{{ r.hostname|bytes }}")).unwrap();
    let schemas = schemas();
    let arguments = |report: &Path| {
        check(
            &file,
            &["--report", report.to_str().unwrap(), "--schemas", &schemas],
        )
    };
    let done = arguments(&report);
    let told = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains(" 1 fault(s)") && told.contains("sample.json: cannot be read: No such file"),
        "{told}"
    );
    let done = arguments(&folder());
    let told = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains(" 1 fault(s)")
            && told.contains("\nfaults when it is filled with sample.json\n  ")
            && told.contains("{{ r.hostname|bytes }}"),
        "{told}"
    );
}

#[test]
fn faults_have_the_names_that_the_author_wrote() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("t.docx");
    std::fs::write(&file, changed("{{ r.hostname }}", "{{ r.hostnam }}")).unwrap();
    let told = text(&compare(&file, &[]).stdout);
    assert!(
        told.contains("there is no r.hostnam in the values of r\n")
            && told.contains("hint: did you mean r.hostname?"),
        "{told}"
    );
}

#[test]
fn contracts_are_all_that_is_needed_of_a_configuration() {
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("reports.toml");
    let schemas = schemas();
    let starter = ["starter-template", "devices", "--output", "t.docx"];
    let report = folder().display().to_string();
    let verbs = [
        &starter[..],
        &["check-template", "t.docx", "--report", &report],
    ];
    for verb in verbs {
        std::fs::write(
            &config,
            format!("schemas = {schemas:?}\nforms = \"half done\"\n"),
        )
        .unwrap();
        let named = [verb, &["--config", "reports.toml"]].concat();
        let done = run(place.path(), &named, false);
        assert!(
            done.status.success(),
            "{verb:?}: {}{}",
            text(&done.stdout),
            text(&done.stderr)
        );
        std::fs::write(&config, "schemas = \"/nowhere\"").unwrap();
        let done = run(place.path(), &named, false);
        assert_eq!(done.status.code(), Some(1), "{verb:?}");
        let told = text(&done.stderr);
        assert!(
            told.starts_with("/nowhere: ")
                && told.contains("\nhint: --schemas names the folder of dataset contracts"),
            "{told}"
        );
    }
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
