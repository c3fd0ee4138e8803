//! The program as a newcomer starts it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spokegate-demo");
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn two_at_once_each_write_their_document() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["one.docx", "two.docx"].map(|name| folder.path().join(name));
    let programs = files
        .each_ref()
        .map(|file| demo(&["--once", file.to_str().unwrap()]).spawn().unwrap());
    for (program, file) in programs.into_iter().zip(&files) {
        let output = program.wait_with_output().unwrap();
        let (told, logged) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{told}{logged}");
        assert!(
            told.contains("2 customers") && told.contains(file.to_str().unwrap()),
            "{told}"
        );
        assert!(
            logged.trim().is_empty(),
            "a warning in a good run: {logged}"
        );
        let text = text_of(file);
        assert!(text.contains("Acme Dental Group") && text.contains("Globex Logistics"));
    }
}

#[test]
fn without_node_it_says_so_and_works() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.docx");
    let output = demo(&["--once", file.to_str().unwrap()])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let (told, logged) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{told}{logged}");
    assert!(
        logged.contains("NO NODE-RED") && logged.contains("hint: install Node.js"),
        "{logged}"
    );
    assert!(told.contains("from the built-in source"), "{told}");
    assert!(text_of(&file).contains("acme-server-01"));
    let refused = demo(&["--once", "x.docx", "--source", "node-red"])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Node.js is not installed"));
}

#[test]
fn a_signal_ends_it_with_all_its_children_and_its_folder() {
    let (mut program, banner) = running(&[]);
    let family = descendants(program.id());
    assert!(
        family.len() >= 4,
        "the sanitizer, its processes and Node-RED: {family:?}"
    );
    let state = value(&banner, "State");
    assert!(Path::new(&state).exists());
    assert!(banner.contains("thrown away at the end"), "{banner}");
    let ca = std::fs::read_to_string(value(&banner, "CA file")).unwrap();
    assert!(ca.contains("BEGIN CERTIFICATE"), "{ca}");
    assert!(value(&banner, "API").ends_with("/api/v1"), "{banner}");
    signal(program.id(), "TERM");
    assert_eq!(program.wait().unwrap().code(), Some(0));
    assert!(!Path::new(&state).exists());
    all_gone(&family);
}

#[test]
fn its_children_end_even_when_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut program, banner) = running(&["--directory", folder.path().to_str().unwrap()]);
    assert!(
        banner.contains("stays in the folder below") && !banner.contains("thrown away"),
        "{banner}"
    );
    let family = descendants(program.id());
    assert!(family.len() >= 4, "{family:?}");
    program.kill().unwrap();
    program.wait().unwrap();
    all_gone(&family);
}

#[test]
fn a_second_one_in_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--directory",
        folder.path().to_str().unwrap(),
        "--source",
        "built-in",
    ];
    let (mut program, _) = running(&arguments);
    let second = demo(&arguments).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("is used by another demonstration"));
    program.kill().unwrap();
    program.wait().unwrap();
}

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A program that has printed its banner, and the banner.
fn running(arguments: &[&str]) -> (Child, String) {
    let mut program = demo(&[&["--forms-port", "0", "--admin-port", "0"], arguments].concat())
        .spawn()
        .unwrap();
    let mut banner = String::new();
    let mut lines = BufReader::new(program.stdout.take().unwrap());
    while !banner.contains("Ctrl-C") {
        if lines.read_line(&mut banner).unwrap() == 0 {
            let mut logged = String::new();
            program
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut logged)
                .unwrap();
            panic!("no banner: {banner}{logged}");
        }
    }
    for wanted in [
        "https://localhost:",
        "alice",
        "carol",
        "erin",
        "Acme Dental Group",
        "Globex Logistics",
    ] {
        assert!(banner.contains(wanted), "{banner}");
    }
    (program, banner)
}

/// The word after a label of the banner.
fn value(banner: &str, label: &str) -> String {
    let line = banner
        .lines()
        .find(|line| line.trim_start().starts_with(label))
        .unwrap();
    let rest = line.trim_start().trim_start_matches(label);
    rest.split_whitespace().next().unwrap().to_owned()
}

fn text_of(document: &Path) -> String {
    let mut package = zip::ZipArchive::new(std::fs::File::open(document).unwrap()).unwrap();
    std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap()
}

/// All processes below one.
fn descendants(parent: u32) -> Vec<u32> {
    let mut found = vec![parent];
    let pairs: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let state = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = state
                .rsplit_once(')')?
                .1
                .split_whitespace()
                .nth(1)?
                .parse()
                .ok()?;
            Some((id, parent))
        })
        .collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(
            pairs
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(id, _)| *id),
        );
    }
    found.split_off(1)
}

fn all_gone(family: &[u32]) {
    let started = Instant::now();
    while let Some(left) = family.iter().find(|id| runs(**id)) {
        assert!(
            started.elapsed() < PATIENCE,
            "process {left} is still there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn runs(id: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    state
        .rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn signal(id: u32, name: &str) {
    assert!(
        Command::new("kill")
            .args(["-s", name, &id.to_string()])
            .status()
            .unwrap()
            .success()
    );
}
