//! The promise: what the sanitizer refused stands in a chain that the centre keeps, signed by the sanitizer; whoever
//! changes a record, or takes one out, is found by one command.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, SourceChoice};

#[expect(dead_code, reason = "shared with other tests")]
#[path = "fabric/commands.rs"]
mod commands;

async fn push(fabric: &mut Fabric, row: Value) {
    let (url, token) = fabric.satellite("acme").unwrap().push_endpoint();
    let token = std::fs::read_to_string(token).unwrap();
    let body = Bytes::from(Value::Array(vec![row]).to_string());
    let answer = PlainClient::new()
        .post_json(&format!("{url}/backup-jobs"), token.trim(), body)
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
}

fn job(result: &str) -> Value {
    serde_json::json!({
        "job": "nightly", "hostname": "acme-srv01", "last_run": "2026-11-20T02:41:07Z", "result": result,
        "size_bytes": 1, "duration_s": 1.5, "message": "",
    })
}

/// What the shipped command writes of the audit that the centre keeps.
fn exported(config: &Path) -> Vec<Value> {
    let output = Command::new(commands::binary("spokegate-reports"))
        .args(["export-audit", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn verify(folder: &Path, lines: &[Value], public_key: &str) -> Output {
    let file = folder.join("export.ndjson");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, text).unwrap();
    Command::new(commands::binary("spokegate"))
        .args(["audit", "verify"])
        .arg(&file)
        .args(["--public-key", public_key])
        .output()
        .unwrap()
}

fn has(lines: &[Value], action: &str) -> bool {
    lines.iter().any(|line| line["action"] == action)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_written_down_signed_and_every_change_is_found() {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = SourceChoice::BuiltIn;
    options.push_every_s = 3_600;
    let mut fabric = Fabric::start(options).await.unwrap();
    let folder = fabric.folder().to_owned();
    let config = folder.join("reports/reports.toml");
    let public_key = std::fs::read_to_string(folder.join("audit.pub")).unwrap();
    push(&mut fabric, job("success")).await;
    push(&mut fabric, job("no such result")).await;

    let end = Instant::now() + Duration::from_secs(60);
    let lines = loop {
        let lines = exported(&config);
        let is_signed = lines.iter().any(|line| line["signature"].is_string());
        if has(&lines, "message.refuse") && has(&lines, "messages.pass") && is_signed {
            break lines;
        }
        assert!(Instant::now() < end, "{lines:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let refused = lines.iter().find(|line| line["action"] == "message.refuse");
    let refused = refused.unwrap();
    assert!(
        refused["subject"].as_str().unwrap().starts_with("acme/"),
        "{refused}"
    );
    assert!(
        refused["reason"].as_str().unwrap().starts_with("contract"),
        "{refused}"
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.to_string().contains("no such result"))
    );

    let whole = verify(&folder, &lines, &public_key);
    assert!(whole.status.success(), "{whole:?}");
    let mut found = 0;
    let mut check = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        let output = verify(&folder, &changed, &public_key);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("line "), "{told}");
        found += 1;
    };
    let at = lines
        .iter()
        .position(|line| line["action"] == "message.refuse")
        .unwrap();
    check(&|lines| lines[at]["subject"] = "acme/other".into());
    check(&|lines| lines[at]["count"] = 0.into());
    check(&|lines| lines[at]["at"] = 1.into());
    check(&|lines| drop(lines.remove(at)));
    check(&|lines| {
        let signed = lines
            .iter_mut()
            .find(|line| line["signature"].is_string())
            .unwrap();
        signed["signed_at"] = 1.into();
    });
    println!(
        "sanitizer audit: {} records hold, {found} of {found} changes found",
        lines.len()
    );
    fabric.shutdown().await;
}
