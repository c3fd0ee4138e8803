//! `spokegate contract` as a program: what it prints and how it ends, against golden outputs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of `#[test]` functions"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A folder with `old` and `new`, two copies of the shipped schemas.
struct Bench {
    folder: tempfile::TempDir,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["old", "new"] {
            copy(&repository().join("schemas"), &folder.path().join(name));
        }
        Self { folder }
    }

    fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) {
        let path = self.folder.path().join(path);
        let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut value);
        fs::write(path, format!("{value:#}\n")).unwrap();
    }

    fn write(&self, path: &str, value: &Value) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }

    /// Exit code, standard output and standard error.
    fn run(&self, arguments: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_spokegate"))
            .arg("contract")
            .args(arguments.split(' '))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Runs a verb whose answer stands in a golden file.
    #[track_caller]
    fn golden(&self, name: &str, arguments: &str, code: i32) {
        let (ended, out, error) = self.run(arguments);
        assert_eq!((ended, error.as_str()), (code, ""), "{arguments}: {out}");
        let path = repository()
            .join("provisioner/tests/golden/contract")
            .join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &out).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            golden == out,
            "{arguments}: the answer changed; UPDATE_GOLDEN=1 cargo test -p spokegate-provisioner\n{out}"
        );
    }

    /// Runs a verb that cannot answer.
    #[track_caller]
    fn unusable(&self, arguments: &str, expected: &str) {
        let (code, out, error) = self.run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments}: {error}");
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}

#[test]
fn lint_finds_nothing_in_what_is_shipped_and_all_of_what_is_broken() {
    let bench = Bench::new();
    bench.golden("lint-good.txt", "lint new", 0);
    bench.edit("new/devices/v1/row.schema.json", |row| {
        row["properties"]["os"]["maxLenght"] = json!(9);
        let owner = row["properties"]["owner"].as_object_mut().unwrap();
        owner.shift_remove("x-text");
        row["properties"]["kind"]["enum"] = json!(["server", 5]);
    });
    bench.edit("new/tickets/dataset.json", |about| {
        about["personal_data"] = json!(false);
    });
    bench.edit("new/services/v1/params.ui.json", |ui| {
        ui["colour"] = json!({"ui:help": "Which?"});
    });
    fs::remove_file(bench.folder.path().join("new/certificates/v1/CHANGELOG.md")).unwrap();
    bench.golden("lint-broken.txt", "lint new", 1);
    bench.unusable(
        "lint nowhere",
        "hint: name the folder that holds registry.json",
    );
    bench.unusable("lint new/devices", "holds no dataset");
}

#[test]
fn index_is_rewritten_only_when_it_has_to_be() {
    let bench = Bench::new();
    assert_eq!(
        bench.run("index new").1,
        "new/registry.json was up to date\n"
    );
    bench.edit("new/devices/dataset.json", |about| {
        about["max_age_s"] = json!(7)
    });
    assert_eq!(bench.run("lint new").0, 1);
    assert_eq!(bench.run("index new").1, "new/registry.json is rewritten\n");
    assert_eq!(bench.run("lint new").0, 0);
}

#[test]
fn diff_names_the_class_the_losses_and_whom_they_touch() {
    let bench = Bench::new();
    bench.golden("diff-identical.txt", "diff old new", 0);
    bench.edit("new/devices/v1/row.schema.json", |row| {
        row["properties"]["rack"] = json!({"title": "Rack", "description": "Where it stands.", "type": "string", "maxLength": 20, "x-text": "line", "x-sensitivity": "none"});
    });
    bench.golden("diff-compatible.txt", "diff old new", 0);
    bench.edit("new/devices/v1/row.schema.json", |row| {
        row["properties"]["owner"]["maxLength"] = json!(40);
        row["properties"]
            .as_object_mut()
            .unwrap()
            .shift_remove("os_version");
        row["required"]
            .as_array_mut()
            .unwrap()
            .retain(|name| name != "os_version");
        row["required"].as_array_mut().unwrap().push(json!("rack"));
    });
    bench.edit("new/backup-jobs/v1/params.schema.json", |params| {
        params["properties"]["since_days"]["maximum"] = json!(30);
    });
    bench.edit("new/tickets/dataset.json", |about| {
        about["kinds"] = json!(["pull"])
    });
    fs::remove_dir_all(bench.folder.path().join("new/services")).unwrap();
    bench.golden("diff-breaking.txt", "diff old new", 1);
    let satellite = |tenant: &str, name: &str, supplied: &[&str]| {
        let datasets: Vec<Value> = supplied
            .iter()
            .map(|dataset| json!({"dataset": dataset, "version": 1}))
            .collect();
        json!({"tenant": tenant, "satellite": name, "online": true, "seen_at_ms": 1, "datasets": datasets})
    };
    let satellites = [
        satellite("acme", "hq", &["devices", "tickets"]),
        satellite("acme", "yard", &["devices"]),
        satellite("globex", "hq", &["backup-jobs"]),
    ];
    bench.write("announced.json", &json!({"satellites": satellites}));
    copy(
        &repository().join("report-service/reports"),
        &bench.folder.path().join("reports"),
    );
    bench.golden(
        "diff-touched.txt",
        "diff old new --reports reports --announced announced.json",
        1,
    );
    bench.unusable("diff old nowhere", "read the schema folder nowhere");
    bench.unusable("diff old new --reports old", "holds no report");
    bench.write("announced.json", &json!([]));
    bench.unusable(
        "diff old new --announced announced.json",
        "spokegate-reports datasets --json",
    );
}

#[test]
fn test_runs_every_example() {
    let bench = Bench::new();
    bench.golden("test-good.txt", "test new", 0);
    bench.edit("new/devices/v1/examples/ok-least.json", |row| {
        row["online"] = json!("yes");
    });
    bench.edit("new/devices/v1/examples/bad-ip-text.json", |example| {
        example["expect"]["rule"] = json!("pattern");
    });
    bench.golden("test-broken.txt", "test new", 1);
}

#[test]
fn try_gives_the_verdict_of_a_sanitizer() {
    let bench = Bench::new();
    let row = json!({"job": "Nightly", "hostname": "srv01", "last_run": "2026-11-20T01:00:00Z",
        "result": "success", "size_bytes": 1, "duration_s": 2.5, "message": ""});
    let mut two_lines = row.clone();
    two_lines["message"] = json!("a secret\nof two lines");
    bench.write("one.json", &row);
    bench.write("rows.json", &json!([row, row]));
    bench.write("bad.json", &json!([row, two_lines]));
    bench.write("params.json", &json!({"since_days": 366}));
    let check = |arguments: &str, code: i32, expected: &str| {
        let (ended, out, error) = bench.run(&format!("try {arguments} --schemas new"));
        assert_eq!((ended, out.as_str(), error.as_str()), (code, expected, ""));
    };
    check(
        "backup-jobs --file one.json",
        0,
        "backup-jobs v1: accepted\n",
    );
    check(
        "backup-jobs@1 --file rows.json",
        0,
        "backup-jobs v1: accepted, 2 rows\n",
    );
    check(
        "backup-jobs --file bad.json",
        1,
        "backup-jobs v1: refused, /1/message breaks contract:x-text\n",
    );
    check(
        "backup-jobs --params --file params.json",
        1,
        "parameters of backup-jobs v1: refused, /since_days breaks contract:maximum\n",
    );
    bench.edit("new/backup-jobs/dataset.json", |about| {
        about["limits"]["rows"] = json!(1)
    });
    check(
        "backup-jobs --file rows.json",
        1,
        "backup-jobs v1: refused, the whole breaks limits of dataset.json: 1 row\n",
    );
    bench.unusable(
        "try backup-jobs@2 --file one.json --schemas new",
        "there is no dataset backup-jobs@2, known: backup-jobs@1, certificates@1",
    );
    bench.unusable(
        "try devices --file none.json --schemas new",
        "read none.json",
    );
    fs::write(bench.folder.path().join("text.json"), "{").unwrap();
    bench.unusable(
        "try devices --file text.json --schemas new",
        "read text.json as JSON",
    );
}

#[test]
fn try_for_a_tenant_judges_by_its_own_contract_as_well() {
    let bench = Bench::new();
    let row = json!({"job": "Nightly", "hostname": "srv01", "last_run": "2026-11-20T01:00:00Z",
        "result": "success", "size_bytes": 1, "duration_s": 2.5, "message": ""});
    bench.write("good.json", &json!([row]));
    let mut told = row.clone();
    told["message"] = json!("a message");
    bench.write("told.json", &json!([told]));
    // Acme tells no messages; it has no contract of its own for devices.
    let path = "new/tenants/acme/backup-jobs/v1/row.schema.json";
    let folder = bench.folder.path();
    fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
    fs::copy(
        folder.join("new/backup-jobs/v1/row.schema.json"),
        folder.join(path),
    )
    .unwrap();
    bench.edit(path, |schema| {
        schema["$id"] =
            json!("https://schemas.spokegate.invalid/tenants/acme/backup-jobs/v1/row.json");
        schema["properties"]["message"]["maxLength"] = json!(0);
    });
    let check = |arguments: &str, code: i32, expected: &str| {
        let (ended, out, error) = bench.run(&format!("try {arguments} --schemas new"));
        assert_eq!((ended, out.as_str(), error.as_str()), (code, expected, ""));
    };
    check(
        "backup-jobs --file told.json",
        0,
        "backup-jobs v1: accepted, 1 row\n",
    );
    check(
        "backup-jobs --tenant acme --file good.json",
        0,
        "backup-jobs v1 for acme, by its own contract too: accepted, 1 row\n",
    );
    check(
        "backup-jobs --tenant acme --file told.json",
        1,
        "backup-jobs v1 for acme, by its own contract too: refused, /0/message breaks contract:maxLength\n",
    );
    check(
        "backup-jobs --tenant globex --file told.json",
        0,
        "backup-jobs v1 for globex, which has no contract of its own for it: accepted, 1 row\n",
    );
    bench.edit(path, |schema| {
        schema["properties"]["message"]["maxLength"] = json!(100_000);
    });
    bench.unusable(
        "try backup-jobs --tenant acme --file told.json --schemas new",
        "a tenant's contract may only narrow",
    );
    bench.unusable(
        "try backup-jobs --tenant ACME --file told.json --schemas new",
        "--tenant",
    );
}
