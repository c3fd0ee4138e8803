//! The verb `starter-template` of the built binary: a template for every dataset there is, filled with its examples.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use spokegate_contract::examples::{Subject, read};
use spokegate_contract::folder::Folder;
use spokegate_contract::{Registry, Shape};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn starter(folder: &Path, datasets: &[&str]) -> Output {
    let schemas = schemas();
    let mut arguments = vec![
        "starter-template",
        "--output",
        "t.docx",
        "--schemas",
        schemas.to_str().unwrap(),
    ];
    arguments.extend(datasets);
    run(folder, &arguments)
}

fn told(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap()
}

/// What a report supplies of one tenant, with these datasets.
fn sample(datasets: &[(String, Value)]) -> Value {
    let mut tenant = json!({"id": "acme", "title": "Acme Dental"});
    for (key, rows) in datasets {
        tenant[key] = json!({"rows": rows, "count": 2, "state": "ok", "reason": null, "captured_at": "2026-11-22T06:00:00Z"});
    }
    json!({
        "report": {"title": "All", "generated_at": "2026-11-22T06:02:41Z", "generated_by": "Ops", "run_id": "r-1"},
        "tenants": [tenant], "missing": [{"tenant": "Globex", "dataset": "Devices", "reason": "No answer."}],
    })
}

#[test]
fn every_dataset_has_a_template_that_shows_its_examples() {
    let registry = Registry::open(&schemas()).unwrap();
    let files = Folder::read(&schemas()).unwrap();
    let mut all = Vec::new();
    for dataset in registry.iter() {
        let examples = read(&files, dataset, Subject::Data).unwrap();
        let good: Vec<Value> = examples
            .into_iter()
            .filter(|example| example.expect.is_none())
            .map(|example| example.value)
            .collect();
        assert!(!good.is_empty(), "{}", dataset.id);
        let data = if dataset.shape == Shape::Rows {
            Value::from(good)
        } else {
            good[0].clone()
        };
        all.push((dataset.id.to_string(), data));
    }
    assert!(all.len() >= 7, "only {} datasets", all.len());
    let folder = tempfile::tempdir().unwrap();
    let together: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
    for names in all
        .iter()
        .map(|(id, _)| vec![id.as_str()])
        .chain([together.clone()])
    {
        let made = starter(folder.path(), &names);
        assert!(made.status.success(), "{}", told(&made));
        let data: Vec<(String, Value)> = all
            .iter()
            .filter(|(id, _)| names.contains(&id.as_str()))
            .map(|(id, rows)| (id.replace('-', "_"), rows.clone()))
            .collect();
        std::fs::write(folder.path().join("d.json"), sample(&data).to_string()).unwrap();
        let filled = run(
            folder.path(),
            &[
                "render",
                "--template",
                "t.docx",
                "--data",
                "d.json",
                "--output",
                "out.docx",
            ],
        );
        assert!(filled.status.success(), "{names:?}: {}", told(&filled));
    }
}

#[test]
fn a_version_can_be_named_and_a_stranger_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = starter(folder.path(), &["devices@1", "backup-jobs@v1"]);
    assert_eq!(
        told(&made),
        "t.docx: a template for devices@1, backup-jobs@v1; change it in Word as you like\n"
    );
    assert!(made.status.success());
    for stranger in ["printers", "devices@9", "devices@x", ""] {
        let made = starter(folder.path(), &[stranger]);
        assert_eq!(made.status.code(), Some(1), "{stranger}");
        let expected = format!(
            "there is no dataset \"{stranger}\"\nhint: there are backup-jobs@1, certificates@1, devices@1"
        );
        assert!(told(&made).starts_with(&expected), "{}", told(&made));
    }
}
