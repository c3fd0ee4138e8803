//! The promise: whoever is given a stranger's template to look at or to take over risks nothing by it. The verbs read no
//! byte of it themselves; a process that has given up everything does, and its end is told.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use package::{Package, p};

/// Both verbs, as they are given a template.
const VERBS: [&[&str]; 2] = [
    &["check-template", "t.docx", "--marked", "out.docx"],
    &["import-template", "t.docx", "--output", "out.docx"],
];
/// Longest time until a process is seen that has been started.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn folder(template: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.docx"), template).unwrap();
    folder
}

fn started(folder: &Path, verb: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(verb)
        .current_dir(folder)
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A template that takes a while to read.
fn long() -> Vec<u8> {
    let text = "Nothing but text. ".repeat(100);
    let body: String = (0..5_000)
        .map(|number| p(&format!("{text}{{{{ name{number} }}}}")))
        .collect();
    Package::with_body(&body).bytes()
}

/// The process that another one has started, once it is a `render-worker`.
fn worker_of(parent: u32) -> i32 {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let began = Instant::now();
    loop {
        let children = std::fs::read_to_string(&children).unwrap();
        for id in children.split_whitespace() {
            let line = std::fs::read_to_string(format!("/proc/{id}/cmdline"));
            if line.is_ok_and(|line| line.contains("\0render-worker\0")) {
                return id.parse().unwrap();
            }
        }
        assert!(began.elapsed() < WAIT_MAX, "no worker was started");
    }
}

fn told(done: &Output) -> String {
    let all = [&done.stdout[..], &done.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn the_end_of_the_process_that_reads_is_told_and_leaves_nothing() {
    let template = long();
    for verb in VERBS {
        let folder = folder(&template);
        let child = started(folder.path(), verb);
        let worker = rustix::process::Pid::from_raw(worker_of(child.id())).unwrap();
        rustix::process::kill_process(worker, rustix::process::Signal::TERM).unwrap();
        let done = child.wait_with_output().unwrap();
        let told = told(&done);
        assert_eq!(done.status.code(), Some(1), "{verb:?}: {told}");
        assert!(
            told.starts_with("t.docx: ") && told.contains("broke off"),
            "{verb:?}: {told}"
        );
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "{verb:?} left something behind");
    }
}

#[test]
fn the_process_that_reads_has_no_rights_and_no_files() {
    let template = long();
    for verb in VERBS {
        let folder = folder(&template);
        let mut child = started(folder.path(), verb);
        let worker = worker_of(child.id());
        let began = Instant::now();
        // It is confined before it reads; until then it is on its way there.
        let status = loop {
            let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
            if status.contains("\nSeccomp:\t2\n") {
                break status;
            }
            assert!(began.elapsed() < WAIT_MAX, "{verb:?}: {status}");
        };
        for line in ["NoNewPrivs:\t1", "CapEff:\t0000000000000000"] {
            assert!(status.contains(line), "{verb:?}: {status} has no {line}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn without_that_process_nothing_is_read() {
    for verb in VERBS {
        let folder = folder(&Package::with_body(&p("{{ good }} {good}")).bytes());
        // A copy alone in a folder under another name finds no program to start, and has no other way to read.
        let alone = folder.path().join("alone");
        std::fs::create_dir(&alone).unwrap();
        let program = alone.join("reports");
        std::fs::copy(env!("CARGO_BIN_EXE_spokegate-reports"), &program).unwrap();
        let done = Command::new(&program)
            .args(verb)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let told = told(&done);
        assert_eq!(done.status.code(), Some(1), "{verb:?}: {told}");
        assert!(told.contains("find the program"), "{verb:?}: {told}");
        assert!(!folder.path().join("out.docx").exists());
    }
}
