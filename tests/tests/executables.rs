//! The promise: each service tells what is wrong with its configuration before it starts, all of it at once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Each service with one known key of its own.
const SERVICES: [&str; 4] = ["broker", "sanitizer", "agent", "reports"];

/// The built binary: `make test` builds them all before it runs the tests.
fn binary(service: &str) -> PathBuf {
    spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), &format!("spokegate-{service}"))
}

fn run(service: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(binary(service))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn example_config_is_toml_with_the_shared_sections() {
    for service in SERVICES {
        let output = run(service, &["example-config"], &[]);
        assert!(output.status.success(), "{service}");
        let config: toml::Table = text(&output.stdout).parse().unwrap();
        assert!(
            config["ops"]["listen"].is_str() && config["log"]["format"].is_str(),
            "{service}"
        );
    }
}

#[test]
fn check_config_tells_every_fault_and_exits_78() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(
        &file,
        "unheard_of = 1\n[ops]\nlisten = 5\n[log]\nformat = \"xml\"\nfilters = \"info\"\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    for service in SERVICES {
        let variable = format!("SPOKEGATE_{}__LOG__COLOUR", service.to_uppercase());
        let output = run(service, &["check-config", file], &[(&variable, "red")]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{service}: {told}");
        for expected in [
            "unheard_of",
            "ops.listen",
            "log.format",
            "log.filters",
            "did you mean",
            &variable,
        ] {
            assert!(
                told.contains(expected),
                "{service}: does not tell of {expected}:\n{told}"
            );
        }
        assert!(told.contains("hint:"), "{service}: no hint in\n{told}");
    }
}

#[test]
fn a_missing_file_is_named() {
    for service in SERVICES {
        let output = run(service, &["check-config", "/nowhere/spokegate.toml"], &[]);
        assert_eq!(output.status.code(), Some(78), "{service}");
        assert!(
            text(&output.stderr).contains("/nowhere/spokegate.toml"),
            "{service}"
        );
    }
}

#[test]
fn run_refuses_what_check_config_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    fs::write(&file, "unheard_of = 1\n").unwrap();
    for service in SERVICES {
        let output = run(service, &["run", "--config", file.to_str().unwrap()], &[]);
        assert_eq!(
            output.status.code(),
            Some(78),
            "{service}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn help_names_the_verbs() {
    for service in SERVICES {
        let output = run(service, &["--help"], &[]);
        let help = text(&output.stdout);
        for verb in ["run", "check-config", "example-config", "healthcheck"] {
            assert!(help.contains(verb), "{service}: {verb} is not in\n{help}");
        }
    }
}
