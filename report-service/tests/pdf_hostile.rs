//! The promise: whoever takes LibreOffice over gains nothing by it. Another program stands in its place and tries; what
//! comes out is its own file or none, what it was not given it does not reach, and nothing of it is left.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use package::{Package, p};

const REPORTS: &str = env!("CARGO_BIN_EXE_spokegate-reports");
const WORKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pdf_hostile/worker.c");
const OTHER: &str = "%PDF-1.4\nof another run\n%%EOF\n";
/// What the system answers to what is refused.
const EPERM: i32 = 1;

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("this test needs {:?}: {error}", command.get_program()))
}

/// A document, another run's PDF, and an office that is none.
fn bench(mode: &str) -> tempfile::TempDir {
    let bench = tempfile::tempdir().unwrap();
    let (path, programs) = (bench.path(), bench.path().join("office/program"));
    std::fs::create_dir_all(&programs).unwrap();
    std::fs::create_dir(path.join("files")).unwrap();
    std::fs::write(path.join("office/mode"), mode).unwrap();
    std::fs::write(programs.join("soffice"), "").unwrap();
    std::fs::write(
        path.join("files/t.docx"),
        Package::with_body(&p("Hello")).bytes(),
    )
    .unwrap();
    std::fs::write(path.join("files/other.pdf"), OTHER).unwrap();
    let made = run(Command::new("cc")
        .args(["-O1", "-Wall", "-Werror", "-pthread", "-o"])
        .args([programs.join("soffice.bin").as_os_str(), WORKER.as_ref()]));
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    bench
}

/// The verb `pdf`: what it made, or what it said.
fn made(mut reports: Command, bench: &Path) -> Result<String, String> {
    let files = bench.join("files");
    let done = run(reports
        .arg("pdf")
        .arg("--document")
        .arg(files.join("t.docx"))
        .arg("--output")
        .arg(files.join("t.pdf"))
        .arg("--program")
        .arg(bench.join("office/program/soffice"))
        .arg("--limit-s=10")
        .env_clear());
    let mut names: Vec<_> = std::fs::read_dir(&files)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.retain(|name| name != "t.pdf");
    names.sort();
    assert_eq!(names, ["other.pdf", "t.docx"], "something was left behind");
    let other = std::fs::read_to_string(files.join("other.pdf")).unwrap();
    assert_eq!(other, OTHER);
    assert_eq!(files.join("t.pdf").exists(), done.status.success());
    if done.status.success() {
        Ok(std::fs::read_to_string(files.join("t.pdf")).unwrap())
    } else {
        Err(String::from_utf8(done.stderr).unwrap())
    }
}

#[test]
fn what_it_leaves_is_its_own_file_or_none() {
    let check = |mode: &str, expected: Result<&str, &str>| {
        let bench = bench(mode);
        let made = made(Command::new(REPORTS), bench.path());
        let as_it_should = match (&made, expected) {
            (Ok(text), Ok(part)) | (Err(text), Err(part)) => text.contains(part),
            _ => false,
        };
        assert!(as_it_should, "{mode}: {made:?}");
    };
    check("plain", Ok("as it should be"));
    check("link", Err("it left no whole file"));
    check("own-link", Err("it left no whole file"));
    check("pipe", Err("it left no whole file"));
    check("folder", Err("it left no whole file"));
    check("read", Err("it ended with exit status: 1"));
    check(
        "many",
        Err("wrote more than 1000 files for this document and was ended"),
    );
    check("mess", Err("wrote more than 1000 files"));
    check("stay", Err("longer than 10 s (pdf.limit_s)"));
    #[cfg(target_arch = "x86_64")]
    check("other-table", Err("it ended with signal: 31"));
}

#[test]
fn it_starts_no_process_and_changes_no_other() {
    let bench = bench("calls");
    let answers = |text: &str| -> BTreeMap<String, i32> {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(call, answer)| (call.to_owned(), answer.parse().unwrap()))
            .collect()
    };
    // Unconfined all of it is allowed, lest this test could not fail.
    let alone = tempfile::tempdir().unwrap();
    let done =
        run(Command::new(bench.path().join("office/program/soffice.bin")).current_dir(&alone));
    assert!(done.status.success(), "{done:?}");
    let free = answers(&std::fs::read_to_string(alone.path().join("out.pdf")).unwrap());
    assert!(free.values().all(|answer| *answer == 0), "{free:?}");

    let confined = answers(&made(Command::new(REPORTS), bench.path()).unwrap());
    assert_eq!(confined.len(), free.len());
    let allowed = [
        "own limits",
        "own mode",
        "own priority",
        "own processors",
        "local stream",
        "thread",
    ];
    for (call, answer) in &confined {
        let expected = if allowed.contains(&call.as_str()) {
            0
        } else {
            EPERM
        };
        assert_eq!(*answer, expected, "{call}");
    }
}

#[test]
fn folders_that_it_shut_are_removed_by_a_service_without_rights() {
    let bench = bench("mess");
    let reports = bench.path().join("spokegate-reports");
    std::fs::hard_link(REPORTS, &reports)
        .or_else(|_| std::fs::copy(REPORTS, &reports).map(drop))
        .unwrap();
    let nobody = 65_534;
    for owned in ["", "files", "files/t.docx"] {
        std::os::unix::fs::chown(bench.path().join(owned), Some(nobody), Some(nobody))
            .unwrap_or_else(|error| panic!("this test needs root: {error}"));
    }
    let mut command = Command::new("/usr/bin/setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&reports);
    let made = made(command, bench.path());
    assert!(
        made.as_ref()
            .is_err_and(|text| text.contains("wrote more than 1000 files")),
        "{made:?}"
    );
}
