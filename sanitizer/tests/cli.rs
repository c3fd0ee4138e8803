//! The program's own verbs.
#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_spokegate-sanitizer");

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_example_configuration_is_the_documented_defaults() {
    assert_eq!(
        text(&run(&["example-config"]).stdout),
        spokegate_sanitizer::DEFAULTS
    );
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    let config = "trust_domain = \"spokegate.local\"\ntenants = [\"acme\", \"acme\"]\nschema = \"x\"\n\
                  [broker]\naddress = \"broker\"\nkeep_alive_s = 0\n[worker]\nsandbox = \"maybe\"\n";
    std::fs::write(&path, config).unwrap();
    let output = run(&["check-config", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(78));
    let told = text(&output.stderr);
    for fault in [
        "schema: unknown key",
        "schemas: is required",
        "worker.sandbox",
        "seal.key_file",
        "quarantine.directory",
        "quarantine.recipient_file",
    ] {
        assert!(told.contains(fault), "{fault} in {told}");
    }
}

#[test]
fn check_prints_one_verdict_per_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let contract = file("row.schema.json", br#"{"type":"object","required":["a"]}"#);
    let (good, bad) = (
        file("good", b"\xa1\x61a\x01"),
        file("bad", b"\xa1\x61b\x01"),
    );
    let output = run(&["check", "--contract", &contract, &good]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout),
        format!("{{\"input\":\"{good}\",\"verdict\":\"accept\"}}\n")
    );
    let output = run(&[
        "check",
        "--contract",
        &contract,
        &good,
        &bad,
        "/no/such/file",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let rules: Vec<_> = lines.iter().map(|line| line["rule"].as_str()).collect();
    assert_eq!(rules, [None, Some("contract:required"), Some("unreadable")]);
    let output = run(&["check", "--contract", &bad, &good]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("hint:"));
}

#[test]
fn a_worker_by_hand_has_no_key_and_says_so() {
    let output = Command::new(PROGRAM)
        .arg("worker")
        .env_clear()
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("seal key"));
}

#[test]
fn without_a_seal_key_and_a_quarantine_key_there_is_no_start() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");
    let root = folder.path().display();
    let config = format!(
        "trust_domain = \"spokegate.local\"\ntenants = [\"acme\"]\nschemas = \"{schemas}\"\n[broker]\naddress = \"127.0.0.1:1\"\n\
         [broker.tls]\ncertificate = \"c\"\nkey = \"k\"\nca = \"r\"\n[inner]\nlisten = \"127.0.0.1:0\"\n\
         [inner.tls]\ncertificate = \"c\"\nkey = \"k\"\nca = \"r\"\n[seal]\nkey_file = \"{root}/seal\"\n[users]\nseparate = \"off\"\n\
         [quarantine]\ndirectory = \"{root}/quarantine\"\nrecipient_file = \"{root}/quarantine.pub\"\n[ops]\nlisten = \"127.0.0.1:0\"\n"
    );
    let path = folder.path().join("sanitizer.toml");
    std::fs::write(&path, config).unwrap();
    let public = folder.path().join("quarantine.pub");
    for (content, expected) in [
        (None, "spokegate quarantine keygen"),
        (Some("12"), "no X25519 public key"),
    ] {
        if let Some(content) = content {
            std::fs::write(&public, content).unwrap();
        }
        let output = run(&["run", "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.contains(expected), "{told}");
    }
    std::fs::write(&public, "1".repeat(64)).unwrap();
    for (key, expected) in [
        (None, "No such file"),
        (Some("12"), "64 hexadecimal digits"),
    ] {
        if let Some(key) = key {
            std::fs::write(folder.path().join("seal"), key).unwrap();
        }
        let output = run(&["run", "--config", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
}
