//! Sizes, names and words of source files.

use super::{files, read, report};

/// Longest file, tests left out.
const FILE_LINES_MAX: usize = 500;
/// Longest `main.rs`.
const MAIN_LINES_MAX: usize = 40;

fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("bench/")
        || path.contains("/tests/")
        || path.contains("/fuzz/")
        || path.contains("/examples/")
        || path.ends_with("tests.rs")
}

/// Lines before a test module at the end of the file.
fn code_lines(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next();
    code.map_or(0, |code| code.lines().count())
}

#[test]
fn files_are_short() {
    let mut problems = Vec::new();
    for path in files().iter().filter(|path| path.ends_with(".rs")) {
        let lines = code_lines(&read(path));
        if path.ends_with("/main.rs") && lines > MAIN_LINES_MAX {
            problems.push(format!("{path}: {lines} lines, move all but parse, call and exit code elsewhere (at most {MAIN_LINES_MAX})"));
        }
        if !is_test(path) && lines > FILE_LINES_MAX {
            problems.push(format!(
                "{path}: {lines} lines, split it (at most {FILE_LINES_MAX})"
            ));
        }
    }
    report(problems);
}

#[test]
fn modules_have_their_own_file_name() {
    let problems = files()
        .into_iter()
        // Cargo would take tests/support.rs for a test of its own.
        .filter(|path| path.ends_with("/mod.rs") && !path.contains("tests/"))
        .map(|path| format!("{path}: a mod.rs, name it after its folder"))
        .collect();
    report(problems);
}

/// Words that promise work instead of doing it.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX", "unimplemented!(", "#[ignore"];

#[test]
fn nothing_is_left_for_later() {
    let mut problems = Vec::new();
    for path in files() {
        let is_code = [".rs", ".js", ".sh", ".toml", ".html", ".css"]
            .iter()
            .any(|end| path.ends_with(end));
        if !is_code || path.starts_with("tests/tests/tidy") {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
                problems.push(format!(
                    "{path}:{}: says {word}, do it or drop it",
                    number + 1
                ));
            }
        }
    }
    report(problems);
}

#[test]
fn lock_files_name_no_registry_host() {
    let mut problems = Vec::new();
    for path in files()
        .iter()
        .filter(|path| path.ends_with("package-lock.json"))
    {
        if read(path).contains("\"resolved\"") {
            problems.push(format!(
                "{path}: holds download addresses, remove its \"resolved\" members"
            ));
        }
    }
    report(problems);
}
