//! Two processes of the service on one PostgreSQL: whichever is killed at whatever moment, every run ends once.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;
use spokegate_sources::servers::postgres;

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use package::{Package, p};
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_reports::runs::{RunId, RunState};
use spokegate_reports::store::Store;
use spokegate_reports::store::queue::GIVEN_UP;
use spokegate_reports::store::runs::RunRow;

const RUNS: u64 = 40;
const KILLS: usize = 8;
const LIMIT: Duration = Duration::from_secs(300);

/// Everything that two workers share.
struct Place {
    folder: tempfile::TempDir,
    url: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("reports/plain");
        std::fs::create_dir_all(&report).unwrap();
        let text = "title = \"Plain\"\ndescription = \"No data.\"\nfile_name = \"{title}.docx\"\n";
        std::fs::write(report.join("report.toml"), text).unwrap();
        let schema = "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}";
        std::fs::write(report.join("params.schema.json"), schema).unwrap();
        let sample = "{\"params\": {}, \"report\": {\"run_id\": \"r-1\"}}";
        std::fs::write(report.join("sample.json"), sample).unwrap();
        // Long enough that a kill finds it half-made.
        let body = [
            p("{{ report.run_id }}"),
            p("{% for number in range(30000) %}"),
            p("Line {{ number }} of {{ report.run_id }}"),
            p("{% endfor %}"),
        ];
        let template = Package::with_body(&body.concat()).bytes();
        std::fs::write(report.join("template.docx"), template).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = names.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("web.crt"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("web.key"), key.serialize_pem()).unwrap();
        let url = postgres::database();
        let here = folder.path().display();
        let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
        let listener = format!(
            "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"{here}/web.crt\", key = \"{here}/web.key\" }}\n"
        );
        let config = format!(
            "schemas = {schemas:?}\nreports = \"{here}/reports\"\nfiles = \"{here}/files\"\n\
             [forms]\n{listener}[admin]\n{listener}[directory]\nurls = [\"ldaps://localhost:9\"]\nca = \"{here}/web.crt\"\n\
             base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n[roles]\nforms_groups = [\"f\"]\n\
             admin_groups = [\"a\"]\n[store]\nurl = \"{url}\"\n[ops]\nlisten = \"127.0.0.1:0\"\n\
             [runs]\nconcurrent_max = 2\nlease_s = 3\n"
        );
        std::fs::write(folder.path().join("reports.toml"), config).unwrap();
        Self { folder, url }
    }

    fn worker(&self) -> Worker {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
            .arg("--config")
            .arg(self.folder.path().join("reports.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Worker(process)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The text of a run's document, and its digest.
    fn document(&self, id: &RunId) -> (String, String) {
        let path = self.folder.path().join(format!("files/{id}.docx"));
        let bytes = std::fs::read(path).unwrap();
        let digest = hex::encode(&Sha256::digest(&bytes));
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        let mut part = archive.by_name("word/document.xml").unwrap();
        part.read_to_string(&mut text).unwrap();
        (text, digest)
    }
}

/// A process that is killed without a word.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(number: u64) -> RunRow {
    RunRow {
        report: "plain".into(),
        title: "Plain".into(),
        owner_id: format!("main:p{}", number % 3),
        owner_title: "P".into(),
        file_name: "Plain.docx".into(),
        ..RunRow::queued(RunId::random().unwrap(), 1_000 + number)
    }
}

fn random(below: u64) -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes) % below
}

async fn is_one_running(store: &Store) -> bool {
    let open = store.runs_open().await.unwrap();
    open.iter()
        .any(|run| run.progress.state == RunState::Running)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_once_whichever_worker_is_killed() {
    let place = Place::new();
    let store = Store::open(&place.url).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..RUNS {
        let run = run(number);
        store.run_insert(&run).await.unwrap();
        ids.push(run.id);
    }
    let mut workers = [place.worker(), place.worker()];
    // The first kill is sure to find a run half-made: it takes both workers while there is one.
    while !is_one_running(&store).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for worker in &mut workers {
        drop(std::mem::replace(worker, place.worker()));
    }
    for kill in 1..KILLS {
        tokio::time::sleep(Duration::from_millis(300 + random(900))).await;
        // The old one is gone before the new one begins.
        drop(std::mem::replace(&mut workers[kill % 2], place.worker()));
    }
    let begun = Instant::now();
    loop {
        let open = store.runs_open().await.unwrap().len();
        if open == 0 {
            break;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "{open} runs are open:\n{}",
            place.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // What follows upon an end is written by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let audit = store.audit_page(None, 10_000).await.unwrap();
    let mut failed = 0;
    for id in &ids {
        let run = store.run(id).await.unwrap().unwrap();
        match run.state {
            RunState::Done => {
                let (text, digest) = place.document(id);
                assert_eq!(text.matches(id.as_str()).count(), 30_001);
                assert_eq!(run.files[0].sha256, digest);
            }
            RunState::Failed => {
                assert_eq!(run.reason, GIVEN_UP);
                failed += 1;
            }
            other => panic!("{id} is {other}:\n{}", place.log()),
        }
        let ends = audit.iter().filter(|record| {
            record.action == "report.end" && record.subject.starts_with(id.as_str())
        });
        // None where the kill came between the end and its record.
        assert!(ends.count() <= 1, "{id} ended more than once");
    }
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&place.url).await.unwrap();
    let again: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM run WHERE attempts > 1")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(again > 0, "no kill hit a run:\n{}", place.log());
    println!("{RUNS} runs, {KILLS} kills: {again} runs begun more than once, {failed} given up");
}
