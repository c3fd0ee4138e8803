use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_spokegate-agent");
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas");
const BODY_BYTES_MAX: usize = 1_048_576;

/// Asks the process that reads contracts for the agent.
fn ask(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(BINARY)
        .arg("contract-worker")
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // It may have answered before it has read all.
    let _ = pipe.write_all(input);
    drop(pipe);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn answer(arguments: &[&str], input: &[u8]) -> Value {
    let output = ask(&[&["--schemas", SCHEMAS], arguments].concat(), input);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {words}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn contracts_are_listed_with_their_schemas() {
    let told = answer(&[], b"");
    let listed = told["datasets"].as_array().unwrap();
    let devices = listed.iter().find(|one| one["dataset"] == "devices");
    let devices = devices.unwrap();
    assert_eq!(
        (&devices["shape"], &devices["directions"]),
        (&json!("rows"), &json!(["pull"]))
    );
    assert!(devices["schema"]["required"].is_array());
    assert!(devices["params_schema"].is_object());
}

#[test]
fn hostile_bodies_get_a_verdict_within_the_limits() {
    let check = |body: &[u8], where_: &str, what: &str, faults: usize| {
        let told = answer(&["--dataset=backup-jobs", "--version=1"], body);
        let verdict = &told["verdict"];
        let shown = String::from_utf8_lossy(&body[..body.len().min(30)]);
        let found = verdict["faults"].as_array().unwrap();
        assert_eq!(found.len(), faults, "{shown}");
        assert_eq!(
            (&found[0]["where"], &found[0]["what"]),
            (&json!(where_), &json!(what)),
            "{shown}"
        );
    };
    let filled = |start: &str, middle: &str, end: &str| {
        let room = (BODY_BYTES_MAX - start.len() - end.len() - 2) / middle.len();
        format!("{start}{}{end}", middle.repeat(room)).into_bytes()
    };
    check(b"", "", "json", 1);
    check(&filled("[", "{},", "{}]"), "/0", "contract:required", 20);
    check(&filled("[", "[],", "[]]"), "/0", "contract:type", 20);
    check(&filled("", "[", ""), "", "json", 1);
    check(&filled("", "{\"a\":", ""), "", "json", 1);
    check(&filled("[{\"a\":[", "0,", "0]}]"), "/0/a", "array-items", 1);
    check(
        &filled("[{\"a\":\"", "x", "\"}]"),
        "/0/a",
        "string-length",
        1,
    );
    check(b"[{\"a\":1e999}]", "", "json", 1);
    check(b"\xff\xfe", "", "json", 1);
    check(&vec![b' '; 8 * BODY_BYTES_MAX], "", "json", 1);
}

#[test]
fn what_is_not_there_is_told() {
    let told = answer(&["--dataset=devices", "--version=9"], b"[]");
    assert_eq!(
        told["unknown"],
        "there is no contract devices v9 here; allowed are: devices v1"
    );
    let told = answer(&["--dataset=printers", "--version=1"], b"[]");
    let words = told["unknown"].as_str().unwrap();
    assert!(words.contains("allowed are: backup-jobs, "), "{words}");
    let output = ask(&["--schemas", "/no/such/folder"], b"");
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        words.contains("read the contracts in /no/such/folder"),
        "{words}"
    );
}
