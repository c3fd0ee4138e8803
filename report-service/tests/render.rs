//! The verb `render` of the built binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn report(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("reports/customer-overview")
        .join(name)
}

fn render(template: &Path, data: &Path, output: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(["render", "--template"])
        .arg(template)
        .arg("--data")
        .arg(data)
        .arg("--output")
        .arg(output)
        .output()
        .unwrap()
}

#[test]
fn the_shipped_template_and_sample_make_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.docx");
    let done = render(&report("template.docx"), &report("sample.json"), &output);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert!(std::fs::read(&output).unwrap().starts_with(b"PK"));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing else is left behind"
    );
}

#[track_caller]
fn refused(template: &[u8], data: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("t.docx"), template).unwrap();
    std::fs::write(place("d.json"), data).unwrap();
    std::fs::write(place("out.docx"), "from before").unwrap();
    let done = render(&place("t.docx"), &place("d.json"), &place("out.docx"));
    let text =
        String::from_utf8_lossy(&done.stderr).replace(&folder.path().display().to_string(), "DIR");
    assert_eq!(done.status.code(), Some(1), "{text}");
    assert!(text.contains(expected), "{text} has no {expected:?}");
    assert_eq!(
        std::fs::read_to_string(place("out.docx")).unwrap(),
        "from before",
        "what was there stays"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        3,
        "no partial file is left behind"
    );
}

#[test]
fn faults_are_told_to_people_and_leave_nothing_behind() {
    let template = std::fs::read(report("template.docx")).unwrap();
    let sample = std::fs::read_to_string(report("sample.json")).unwrap();
    refused(
        b"hello",
        &sample,
        "DIR/t.docx: the file is not a Word document (.docx)",
    );
    refused(
        &template,
        "{",
        "DIR/d.json: is not JSON: EOF while parsing an object at line 1 column 1\nhint: ",
    );
    refused(&template, "{}", "document, paragraph 2: {{ params.title");
    refused(
        &template,
        &sample.replace("\"hostname\"", "\"hostnam\""),
        "hostname",
    );
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let done = render(
        Path::new("/nowhere/t.docx"),
        &report("sample.json"),
        &folder.path().join("out.docx"),
    );
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&done.stderr),
        "/nowhere/t.docx: No such file or directory (os error 2)\n"
    );
    let done = render(
        &report("template.docx"),
        &report("sample.json"),
        Path::new("/nowhere/out.docx"),
    );
    assert_eq!(done.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&done.stderr).starts_with("/nowhere/"),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
