//! The promise: what people do with reports they can do from a shell, with a token of their own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use spokegate_demo::client::Browser;
use spokegate_demo::{Fabric, Options, SourceChoice};

struct Shell {
    folder: tempfile::TempDir,
    server: String,
}

impl Shell {
    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Runs `spokegate report` with the token in that file.
    async fn run(&self, token: &Path, server: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(spokegate_tests::binary(
            env!("CARGO_TARGET_TMPDIR"),
            "spokegate",
        ));
        command
            .arg("report")
            .args(["--server", server, "--token-file"])
            .arg(token)
            .arg("--ca")
            .arg(self.folder.path().join("ca.pem"))
            .args(arguments)
            .current_dir(self.folder.path());
        let output = tokio::task::spawn_blocking(move || command.output());
        output.await.unwrap().unwrap()
    }

    #[track_caller]
    fn check(output: &Output, code: i32) -> String {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}{told}");
        text
    }
}

async fn token(browser: &mut Browser, scopes: &[&str]) -> String {
    let mut fields = vec![("name", "shell"), ("days", "1")];
    fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
    let page = browser.get("/your-tokens").await.unwrap();
    let made = browser
        .submit(&page, "/your-tokens", &fields)
        .await
        .unwrap();
    let html = made.html();
    let after = html.split("<code id=\"token\">").nth(1);
    let after = after.unwrap_or_else(|| panic!("{html}"));
    after.split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_ordered_watched_and_fetched_from_a_shell() {
    let options = Options {
        source: SourceChoice::BuiltIn,
        ..Options::sample().unwrap()
    };
    let fabric = Fabric::start(options).await.unwrap();
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let shell = Shell {
        folder: tempfile::tempdir().unwrap(),
        server: fabric.forms_url(),
    };
    shell.file("ca.pem", fabric.ca_pem(), 0o644);
    let scopes = [
        "reports:read",
        "runs:order",
        "runs:read",
        "data:read",
        "schedules:write",
        "reviews:release",
        "templates:write",
    ];
    let alice = shell.file("alice", &token(&mut browser, &scopes).await, 0o400);
    orders(&shell, &alice).await;
    batches_and_schedules(&shell, &alice).await;
    reviews(&shell, &alice).await;
    templates(&shell, &alice).await;
    let mut carol = fabric.admin_browser().unwrap();
    carol.sign_in("carol", fabric.password()).await.unwrap();
    let scopes = ["admin:read", "brand:write"];
    let carol = shell.file("carol", &token(&mut carol, &scopes).await, 0o400);
    administration(&shell, (&carol, &alice), &fabric.admin_url()).await;
    refusals(&shell, &mut browser, &alice).await;
    fabric.shutdown().await;
}

async fn orders(shell: &Shell, alice: &Path) {
    let run = async |arguments: &[&str]| shell.run(alice, &shell.server, arguments).await;
    let list = Shell::check(&run(&["list"]).await, 0);
    assert!(list.contains("customer-overview\t"), "{list}");
    let order = [
        "--json",
        "run",
        "customer-overview",
        "--tenant",
        "acme",
        "--set",
        "only_missing=true",
        "--wait",
    ];
    let ended = Shell::check(&run(&order).await, 0);
    let ended: Value = serde_json::from_str(&ended).unwrap();
    assert_eq!(ended["state"], "done", "{ended}");
    assert_eq!(ended["parameters"]["only_missing"], true, "{ended}");
    let id = ended["id"].as_str().unwrap();
    let stands = Shell::check(&run(&["status", id]).await, 0);
    assert!(
        stands.contains("state\tdone\n") && stands.contains("need\t"),
        "{stands}"
    );
    Shell::check(&run(&["download", id, "-o", "acme.docx"]).await, 0);
    let document = std::fs::read(shell.folder.path().join("acme.docx")).unwrap();
    assert!(document.starts_with(b"PK"));
    let parts = Shell::check(&run(&["data", id]).await, 0);
    assert!(parts.contains("acme\tdevices\t24\t"), "{parts}");
    let table = Shell::check(&run(&["data", id, "acme", "devices"]).await, 0);
    assert_eq!(table.lines().count(), 25, "{table}");
    let rows = Shell::check(
        &run(&["data", id, "acme", "devices", "--as", "json"]).await,
        0,
    );
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), 24);
    let history = Shell::check(&run(&["history", "--state", "done"]).await, 0);
    assert!(history.starts_with(id), "{history}");
}

impl Shell {
    /// What a verb tells that must be done, in words.
    async fn told(&self, token: &Path, code: i32, arguments: &str) -> String {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let output = self.run(token, &self.server, &arguments).await;
        Self::check(&output, code)
    }

    fn starts(&self, name: &str, with: &[u8]) -> Vec<u8> {
        let file = std::fs::read(self.folder.path().join(name)).unwrap();
        assert!(file.starts_with(with), "{name}");
        file
    }
}

async fn batches_and_schedules(shell: &Shell, alice: &Path) {
    let order = "--json run customer-overview --tenant acme --tenant globex --each --wait";
    let batch: Value = serde_json::from_str(&shell.told(alice, 0, order).await).unwrap();
    let id = batch["id"].as_str().unwrap();
    let list = shell.told(alice, 0, "batches").await;
    assert!(list.starts_with(id), "{list}");
    let all = format!("data {id} --output data.zip");
    shell.told(alice, 0, &all).await;
    let archive = shell.starts("data.zip", b"PK");
    let names = String::from_utf8_lossy(&archive).into_owned();
    assert!(names.contains("globex/devices.csv"), "the list of files");
    let run = batch["runs"][0]["id"].as_str().unwrap();
    let proof = shell.told(alice, 0, &format!("proof {run}")).await;
    assert!(proof.contains("template_version\t0\n"), "{proof}");
    let verdict = shell.told(alice, 0, &format!("proof {run} --verify")).await;
    assert!(verdict.starts_with("holds\ttrue\n"), "{verdict}");
    let pages = shell.told(alice, 0, &format!("preview {run}")).await;
    assert!(pages.contains("/preview/1"), "{pages}");
    let first = format!("preview {run} 1 --output page.png");
    shell.told(alice, 0, &first).await;
    shell.starts("page.png", b"\x89PNG");
    let schedule = r#"{ "title": "Monthly", "report": "customer-overview", "tenants": ["acme", "globex"],
        "when": { "every": "month", "day": 31, "at": "06:00", "zone": "Europe/Berlin" } }"#;
    shell.file("schedule.json", schedule, 0o644);
    let made = shell
        .told(alice, 0, "--json schedule set schedule.json")
        .await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    let off = format!("--json schedule switch {id} globex off");
    let off: Value = serde_json::from_str(&shell.told(alice, 0, &off).await).unwrap();
    assert_eq!(off["off"], serde_json::json!(["globex"]), "{off}");
    let ordered = shell.told(alice, 0, &format!("schedule run {id}")).await;
    assert!(ordered.contains("kind\trun\n"), "{ordered}");
    // Without mail there is nothing to try.
    shell
        .told(alice, 1, &format!("schedule test-mail {id}"))
        .await;
}

async fn reviews(shell: &Shell, alice: &Path) {
    let order = "--json run customer-overview --tenant acme --review --wait";
    let held: Value = serde_json::from_str(&shell.told(alice, 0, order).await).unwrap();
    let run = held["id"].as_str().unwrap();
    let list = shell.told(alice, 0, "review list").await;
    assert!(list.contains(run), "{list}");
    let draft = format!("review draft {run} --output");
    shell.told(alice, 0, &format!("{draft} seen.docx")).await;
    let replace = format!("review replace {run} acme.docx --seen");
    shell.told(alice, 0, &format!("{replace} seen.docx")).await;
    // It is another draft by now.
    let release = format!("review release {run} --seen");
    shell.told(alice, 1, &format!("{replace} seen.docx")).await;
    shell.told(alice, 1, &format!("{release} seen.docx")).await;
    shell.told(alice, 0, &format!("{draft} fresh.docx")).await;
    let edited = shell.starts("acme.docx", b"PK");
    assert_eq!(shell.starts("fresh.docx", b"PK"), edited);
    let released = shell.told(alice, 0, &format!("{release} fresh.docx")).await;
    assert!(released.contains("review\treleased\n"), "{released}");
}

async fn templates(shell: &Shell, alice: &Path) {
    let run = async |code: i32, arguments: &str| {
        let arguments = format!("template {arguments}");
        shell.told(alice, code, &arguments).await
    };
    let list = run(0, "list").await;
    assert!(list.contains("customer-overview\t0\t0\t"), "{list}");
    run(0, "starter customer-overview --output starter.docx").await;
    let made = run(0, "upload customer-overview starter.docx --note new&better").await;
    assert!(made.contains("fits\ttrue\n") && made.contains("note\tnew&better\n"));
    run(0, "try customer-overview 1 --output sample.docx").await;
    shell.starts("sample.docx", b"PK");
    let active = run(0, "activate customer-overview 1").await;
    assert!(active.contains("active\t1\n"), "{active}");
    run(1, "remove customer-overview 1").await;
    run(1, "roll-back customer-overview --from 7").await;
    let back = run(0, "roll-back customer-overview --from 1").await;
    assert!(back.contains("active\t0\n"), "{back}");
    run(0, "download customer-overview 1 --output same.docx").await;
    let starter = shell.starts("starter.docx", b"PK");
    assert_eq!(shell.starts("same.docx", b"PK"), starter);
    run(0, "remove customer-overview 1").await;
    run(4, "show customer-overview 1").await;
    let shown = run(0, "show customer-overview").await;
    assert!(
        shown.contains("\n1\t"),
        "what is known of it stays: {shown}"
    );
    run(1, "upload customer-overview schedule.json").await;
}

async fn administration(shell: &Shell, (carol, alice): (&Path, &Path), server: &str) {
    let run = async |code: i32, arguments: &str| {
        let arguments: Vec<&str> = ["admin"].into_iter().chain(arguments.split(' ')).collect();
        Shell::check(&shell.run(carol, server, &arguments).await, code)
    };
    let satellites = run(0, "satellites").await;
    assert!(satellites.contains("acme/"), "{satellites}");
    let trail = run(0, "audit --action template.activate").await;
    assert!(trail.contains("\ttemplate.activate\tallowed\t"), "{trail}");
    assert_eq!(run(0, "quarantine --tenant acme").await, "");
    let health = shell.run(carol, server, &["--json", "admin", "health"]);
    let health = health.await;
    let told: Value = serde_json::from_slice(&health.stdout).unwrap();
    let failing = told["failing"].as_u64().unwrap();
    assert_eq!(health.status.code(), Some(i32::from(failing > 0)), "{told}");
    shell.file("brand.json", r#"{ "name": "Northwind" }"#, 0o644);
    run(0, "brand set brand.json").await;
    assert!(run(0, "brand show").await.contains("name\tNorthwind\n"));
    run(4, "brand logo --output logo.png").await;
    // That is no picture.
    run(1, "brand set-logo schedule.json").await;
    run(0, "brand remove-logo").await;
    run(4, "brand remove --tenant acme").await;
    let elsewhere = ["admin", "health"];
    Shell::check(&shell.run(alice, server, &elsewhere).await, 3);
}

async fn refusals(shell: &Shell, browser: &mut Browser, alice: &Path) {
    let server = shell.server.as_str();
    let missing = shell.run(alice, server, &["show", "no-such-report"]).await;
    Shell::check(&missing, 4);
    let elsewhere = ["run", "customer-overview", "--tenant", "initech"];
    Shell::check(&shell.run(alice, server, &elsewhere).await, 4);
    let misspelt = [
        "run",
        "customer-overview",
        "--tenant",
        "acme",
        "--set",
        "titel=x",
    ];
    let misspelt = shell.run(alice, server, &misspelt).await;
    Shell::check(&misspelt, 1);
    let told = String::from_utf8_lossy(&misspelt.stderr).into_owned();
    assert!(told.contains("where: parameters.titel"), "{told}");
    let reader = shell.file("reader", &token(browser, &["reports:read"]).await, 0o400);
    Shell::check(&shell.run(&reader, server, &["list"]).await, 0);
    Shell::check(&shell.run(&reader, server, &["history"]).await, 3);
    let wrong = shell.file("wrong", &format!("sgt_{}", "A".repeat(43)), 0o400);
    Shell::check(&shell.run(&wrong, server, &["list"]).await, 3);
    let text = std::fs::read_to_string(alice).unwrap();
    let open = shell.file("open", &text, 0o644);
    Shell::check(&shell.run(&open, server, &["list"]).await, 1);
    let plain = server.replace("https:", "http:");
    Shell::check(&shell.run(alice, &plain, &["list"]).await, 1);
    Shell::check(&shell.run(alice, "https://localhost:9", &["list"]).await, 5);
    Shell::check(&shell.run(alice, server, &["run"]).await, 2);
}
