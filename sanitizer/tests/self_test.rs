//! The self-test breaks nothing on a host where all layers hold, and says so; without users of their own processes do not
//! start unless that is asked for. Needs root.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::Value;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::certificates::Authority;
use support::{PROGRAM, separate};
use tempfile::TempDir;

/// Somebody without any right.
const ORDINARY: u32 = 61_005;
/// Loops are given less time than a worker has.
const SHORT: &str = "worker.cpu_ms_max=300 worker.stall_ms_max=2000";

#[test]
fn no_attack_from_inside_a_confined_process_succeeds() {
    let (folder, config) = files();
    separate::give_files(folder.path());
    let settings = format!("{} {SHORT}", separate::settings());
    let output = self_test(&config, &settings, None);
    let report = report(&output);
    let attacks = report["attacks"].as_array().unwrap();
    let held = attacks
        .iter()
        .filter(|attack| attack["held"] == true)
        .count();
    for attack in attacks {
        println!("{attack}");
    }
    let broken = attacks.iter().filter(|attack| attack["held"] != true);
    let broken: Vec<_> = broken.collect();
    assert!(broken.is_empty(), "{broken:#?}");
    for stage in ["worker", "ingest", "egress"] {
        let count = attacks
            .iter()
            .filter(|attack| attack["stage"] == stage)
            .count();
        assert!(count >= 18, "{count} from {stage}");
    }
    for stage in ["worker", "derive", "ingest", "egress"] {
        let layers = &report["stages"][stage];
        assert_eq!(
            layers["missing"],
            Value::Array(Vec::new()),
            "{stage}: {layers}"
        );
        for layer in [
            "user",
            "capabilities",
            "no-new-privileges",
            "landlock",
            "seccomp",
        ] {
            let held = layers["held"].as_array().unwrap();
            assert!(
                held.iter().any(|name| name == layer),
                "{layer} of {stage}: {layers}"
            );
        }
    }
    assert_eq!(output.status.code(), Some(0));
    println!("sandbox attacks: {held} held of {}", attacks.len());
}

#[test]
fn an_ordinary_user_without_separation_gets_every_other_layer() {
    separate::must_be_root();
    let (folder, config) = files();
    give_all_to(folder.path(), ORDINARY);
    let output = self_test(
        &config,
        &format!("users.separate=off {SHORT}"),
        Some(ORDINARY),
    );
    let report = report(&output);
    assert_eq!(report["held"], report["tried"], "{report:#}");
    let layers = report["stages"]["worker"]["held"].to_string();
    assert!(
        !layers.contains("\"user\"") && layers.contains("\"seccomp\""),
        "{layers}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn without_the_right_to_separate_there_is_no_start() {
    let (folder, config) = files();
    give_all_to(folder.path(), ORDINARY);
    for (verb, settings, user, expected) in [
        (
            "run",
            separate::settings(),
            Some(ORDINARY),
            "it lacks CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL",
        ),
        (
            "self-test",
            separate::settings(),
            Some(ORDINARY),
            "it lacks CAP_SETUID",
        ),
        (
            "run",
            "users.egress=no-such-user-here users.ingest=61001 users.worker=61002".to_owned(),
            None,
            "users.egress: there is no user no-such-user-here",
        ),
        (
            "run",
            "users.ingest=61001 users.worker=61002 users.egress=61002 users.supervisor=61004"
                .to_owned(),
            None,
            "users.worker and users.egress: are one user",
        ),
        (
            "check-config",
            "users.ingest=61001 users.worker=root users.egress=61002 users.supervisor=61004"
                .to_owned(),
            None,
            "users.worker: is root",
        ),
    ] {
        let settings = format!("{settings} users.separate=require");
        let output = run(verb, &config, &settings, user);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{told}");
        assert!(
            told.contains(expected) && told.contains("hint:"),
            "{expected}: {told}"
        );
    }
}

#[test]
fn check_config_reads_the_files_that_it_names() {
    let (folder, config) = files();
    let check = |settings: &str, expected: Option<&str>| {
        let output = run("check-config", &config, settings, None);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match expected {
            None => assert_eq!((output.status.code(), told.as_str()), (Some(0), "")),
            Some(expected) => {
                assert_eq!(output.status.code(), Some(78), "{settings}: {told}");
                assert!(told.contains(expected), "{settings}: {told}");
            }
        }
    };
    check("users.separate=off", None);
    for (setting, expected) in [
        ("trust_domain=other.example", "another trust domain"),
        ("schemas=/nowhere/schemas", "/nowhere/schemas"),
        ("seal.key_file=/nowhere/seal.key", "(seal.key_file)"),
        ("audit.key_file=/nowhere/audit.pem", "(audit.key_file)"),
        (
            "quarantine.recipient_file=/nowhere/q.pub",
            "(quarantine.recipient_file)",
        ),
        ("broker.tls.ca=/nowhere/ca.pem", "(broker.tls)"),
        ("inner.tls.key=/nowhere/key.pem", "(inner.tls)"),
    ] {
        check(&format!("users.separate=off {setting}"), Some(expected));
    }
    drop(folder);
}

#[test]
fn a_key_that_another_process_can_read_means_no_start() {
    let (folder, config) = files();
    separate::give_files(folder.path());
    let seal = folder.path().join("seal.key");
    std::fs::set_permissions(&seal, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    let output = run("run", &config, &separate::settings(), None);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("confinement layer keys is missing"), "{told}");
    assert!(told.contains("seal.key, which is another's"), "{told}");
}

fn files() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (fabric_ca, inner_ca) = (Authority::new(), Authority::new());
    let config = support::write_files(&folder, (&fabric_ca, &inner_ca), &["acme".to_owned()], 1);
    (folder, config)
}

fn give_all_to(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give_all_to(&entry.unwrap().path(), user);
        }
    }
}

fn self_test(config: &Path, settings: &str, user: Option<u32>) -> Output {
    run("self-test --json", config, settings, user)
}

fn run(verb: &str, config: &Path, settings: &str, user: Option<u32>) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(verb.split(' '))
        .arg("--config")
        .arg(config)
        .env_clear();
    for setting in settings.split_whitespace() {
        command.args(["--set", setting]);
    }
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.output().unwrap()
}

fn report(output: &Output) -> Value {
    let told = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {told}"))
}
