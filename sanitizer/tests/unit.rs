//! The shipped unit: systemd takes it, finds it tight, and what it gives the program is what the program needs. Needs root
//! and systemd's tools.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::PROGRAM;
use support::certificates::Authority;
use support::separate::{self, EGRESS, INGEST, SUPERVISOR, WORKER};

/// Of 10 points of exposure, in tenths, what systemd may count: the rights to start others, namespaces and the network.
const EXPOSURE_MAX: &str = "30";

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/systemd")
        .join(file)
}

fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; hint: apt-get install systemd util-linux")
    })
}

fn told(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr];
    texts
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

#[test]
fn systemd_takes_the_unit_and_finds_it_tight() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("spokegate-sanitizer.service");
    let text = std::fs::read_to_string(shipped("spokegate-sanitizer.service")).unwrap();
    // The program is where it was built, and the users need not be on this host.
    let here = text
        .replace("/usr/bin/spokegate-sanitizer", PROGRAM)
        .replace("=spokegate-sanitizer\n", "=daemon\n");
    std::fs::write(&unit, here).unwrap();
    let verified = run(Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit));
    let complaints: Vec<String> = told(&verified)
        .lines()
        .filter(|line| line.contains("spokegate-sanitizer"))
        .map(str::to_owned)
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let security = run(Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", &threshold])
        .arg(&unit));
    let report = told(&security);
    assert!(security.status.success(), "{report}");
    println!("{}", report.lines().last().unwrap_or_default());
}

#[test]
fn the_users_of_the_unit_are_those_of_the_defaults() {
    let users = std::fs::read_to_string(shipped("spokegate-sanitizer.sysusers.conf")).unwrap();
    let made: Vec<&str> = users
        .lines()
        .filter(|line| line.starts_with("u "))
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    let defaults: toml::Table = spokegate_sanitizer::DEFAULTS.parse().unwrap();
    let names = ["supervisor", "ingest", "worker", "egress"];
    let wanted = names.map(|key| defaults["users"][key].as_str().unwrap());
    assert_eq!(made, wanted);
    let dry = run(Command::new("systemd-sysusers")
        .args(["--dry-run"])
        .arg(shipped("spokegate-sanitizer.sysusers.conf")));
    assert!(dry.status.success(), "{}", told(&dry));
}

#[test]
fn with_the_capabilities_of_the_unit_and_no_more_every_confinement_holds() {
    separate::must_be_root();
    let unit = std::fs::read_to_string(shipped("spokegate-sanitizer.service")).unwrap();
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("AmbientCapabilities="));
    let names = line
        .unwrap()
        .to_lowercase()
        .replace("cap_", "+")
        .replace(' ', ",");
    let folder = tempfile::tempdir().unwrap();
    let (fabric_ca, inner_ca) = (Authority::new(), Authority::new());
    let config = support::write_files(&folder, (&fabric_ca, &inner_ca), &["acme".to_owned()], 1);
    separate::give_files(folder.path());
    let user = SUPERVISOR.to_string();
    let output = run(Command::new("setpriv")
        .args([
            "--reuid",
            &user,
            "--regid",
            &user,
            "--clear-groups",
            "--no-new-privs",
        ])
        .args([
            "--inh-caps",
            &format!("-all,{names}"),
            "--ambient-caps",
            &names,
        ])
        .args(["--bounding-set", &format!("-all,{names}")])
        .args([PROGRAM, "self-test", "--config"])
        .arg(config)
        .args([
            "--set",
            "worker.stall_ms_max=1000",
            "--set",
            "users.separate=require",
        ])
        .args([
            "--set",
            &format!("users.ingest={INGEST}"),
            "--set",
            &format!("users.worker={WORKER}"),
        ])
        .args(["--set", &format!("users.egress={EGRESS}")])
        .env_clear());
    let report = told(&output);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("worker: environment user keys"), "{report}");
}
