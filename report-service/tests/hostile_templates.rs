//! The promise: a template that attacks is refused with a sentence, or stopped by a limit, and harms nobody but itself.
//! Each attack goes through the built program; beside each kind stands what is like it and good.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong, and says what it has seen"
)]

#[path = "hostile_templates/active.rs"]
mod active;
#[path = "hostile_templates/code.rs"]
mod code;
#[path = "hostile_templates/package.rs"]
mod package;
#[path = "hostile_templates/packed.rs"]
mod packed;

use std::process::Command;
use std::time::{Duration, Instant};

use package::Package;

/// Longest time that one template may take to fail, on a busy machine and without optimisation.
const TIME_MAX: Duration = Duration::from_secs(60);

/// How a template must end.
enum Expected {
    /// With a document.
    Good,
    /// Refused when it is read, with these words.
    Refused(String),
    /// Refused when it is read or stopped when it is filled, with these words.
    Stopped(String),
}

/// A template, its name and its end.
pub(crate) struct Case {
    name: String,
    file: Vec<u8>,
    expected: Expected,
}

fn case(name: &str, file: Vec<u8>, expected: Expected) -> Case {
    Case {
        name: name.to_owned(),
        file,
        expected,
    }
}

pub(crate) fn good(name: &str, package: Package) -> Case {
    case(name, package.bytes(), Expected::Good)
}

pub(crate) fn refused(name: &str, package: Package, told: &str) -> Case {
    bytes(name, package.bytes(), told)
}

pub(crate) fn bytes(name: &str, file: Vec<u8>, told: &str) -> Case {
    case(name, file, Expected::Refused(told.to_owned()))
}

pub(crate) fn stopped(name: &str, package: Package, told: &str) -> Case {
    case(name, package.bytes(), Expected::Stopped(told.to_owned()))
}

#[test]
fn every_attack_is_refused_or_stopped() {
    let all = [
        active::programs(),
        active::links(),
        active::fields(),
        packed::archives(),
        packed::markup(),
        code::tags(),
    ];
    let (mut attacks, mut held, mut twins) = (0, 0, 0);
    let mut problems = Vec::new();
    for case in all.iter().flatten() {
        let is_attack = !matches!(case.expected, Expected::Good);
        let problem = tried(case);
        if is_attack {
            attacks += 1;
            held += usize::from(problem.is_none());
        } else {
            twins += 1;
        }
        problems.extend(problem.map(|problem| format!("{}: {problem}", case.name)));
    }
    println!("hostile templates: {held} refused or stopped of {attacks}, beside {twins} good ones");
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    assert!(
        attacks >= 60 && twins >= 12,
        "{attacks} attacks, {twins} twins"
    );
}

#[test]
fn every_attack_is_met_with_a_sentence_where_templates_are_looked_at_and_taken_over() {
    let all = [
        active::programs(),
        active::links(),
        active::fields(),
        packed::archives(),
        packed::markup(),
        code::tags(),
    ];
    let problems: Vec<String> = all
        .iter()
        .flatten()
        .flat_map(|case| {
            let problems = looked_at(case);
            problems.map(|problem| format!("{}: {problem}", case.name))
        })
        .collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// What is wrong with how `check-template` and `import-template` met a template.
fn looked_at(case: &Case) -> impl Iterator<Item = String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.docx"), &case.file).unwrap();
    let verbs = [
        vec!["check-template", "t.docx"],
        vec!["import-template", "t.docx", "--output", "out.docx"],
    ];
    let met = verbs.map(|verb| {
        let done = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
            .args(&verb)
            .current_dir(folder.path())
            .env_clear()
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        let wrong = |what: &str| Some(format!("{}: {what}: {told}", verb[0]));
        if told.trim().is_empty() || told.contains("panicked") || told.contains("broke off") {
            return wrong("has no sentence of its own");
        }
        match (&case.expected, done.status.code()) {
            // Tags of the one language are text in the other.
            (Expected::Refused(words), code) if verb[0] == "check-template" => {
                let is_told = code == Some(1) && told.contains(words.as_str());
                if is_told {
                    None
                } else {
                    wrong("is not refused")
                }
            }
            (_, Some(0 | 1)) => None,
            _ => wrong("ended by itself"),
        }
    });
    met.into_iter().flatten()
}

/// What is wrong with how a template ended.
fn tried(case: &Case) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("t.docx"), &case.file).unwrap();
    std::fs::write(place("d.json"), "{}").unwrap();
    let began = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(["render", "--limit-s=3", "--memory-mb=64", "--document-mb=8"])
        .arg("--template")
        .arg(place("t.docx"))
        .arg("--data")
        .arg(place("d.json"))
        .arg("--output")
        .arg(place("out.docx"))
        .env_clear()
        .output()
        .unwrap();
    let took = began.elapsed();
    let told = String::from_utf8_lossy(&done.stderr);
    let file = place("t.docx").display().to_string();
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    let wrong = |what: &str| Some(format!("{what}: {told}"));
    match &case.expected {
        Expected::Good if !done.status.success() => return wrong("is good, but was not filled"),
        Expected::Good => return None,
        Expected::Refused(words) | Expected::Stopped(words) => {
            if done.status.code() != Some(1) || !told.contains(words.as_str()) {
                return wrong(&format!("{} without {words:?}", done.status));
            }
        }
    }
    if matches!(case.expected, Expected::Refused(_)) && !told.starts_with(&file) {
        return wrong("was refused, but not as a template");
    }
    if left != 2 {
        return wrong("left something behind");
    }
    if told.trim().is_empty() || told.contains("panicked") || told.contains("broke off") {
        return wrong("has no sentence of its own");
    }
    (took > TIME_MAX).then(|| format!("took {took:?}"))
}
