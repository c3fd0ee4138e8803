//! Whole runs: a real store, a real template, and a sanitizer that speaks the wire.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use spokegate_contract::record::{Lane, RequestBody};
use spokegate_contract::{Address, Registry};

use super::*;
use crate::artefacts::{ArtefactKey, ArtefactPart};
use crate::config::{PdfConfig, RenderConfig, TemplatesConfig};
use crate::library::LibraryParts;
use crate::relay::Surroundings;
use crate::runs::{Examples, Format, NeedState, NewBatch, Tenant};
use crate::store::satellites::{News, Sighting};
use crate::testing::{Identity, Sanitizer, TestStore, device, schemas};

mod storage;

const ALICE: &str = "main:alice";

struct Bench {
    sanitizer: Sanitizer,
    engine: Engine,
    store: Store,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::with(2).await
    }

    async fn with(concurrent_max: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display()))
            .await
            .unwrap();
        Self::over(store, folder, concurrent_max).await
    }

    async fn over(store: Store, folder: tempfile::TempDir, concurrent_max: usize) -> Self {
        let artefacts = Artefacts::on_disk(&folder.path().join("files"));
        Self::keeping(artefacts, store, folder, concurrent_max).await
    }

    async fn keeping(
        artefacts: Artefacts,
        store: Store,
        folder: tempfile::TempDir,
        concurrent_max: usize,
    ) -> Self {
        let tasks = Tasks::new();
        let sanitizer = Sanitizer::start(folder.path(), Identity::Sanitizer, &tasks).await;
        let contracts = Arc::new(Contracts::compile(&Registry::open(&schemas()).unwrap()).unwrap());
        let tenants: Vec<Tenant> = [
            ("acme", "Acme Dental Group"),
            ("globex", "Globex Logistics"),
        ]
        .map(|(id, title)| Tenant {
            id: id.parse().unwrap(),
            title: title.into(),
            locale: docx_jinja::Locale::default(),
        })
        .into();
        let around = Surroundings {
            store: store.clone(),
            contracts: Arc::clone(&contracts),
            tenants: Arc::new(
                tenants
                    .iter()
                    .map(|tenant| tenant.id.clone())
                    .collect::<BTreeSet<_>>(),
            ),
            pushes_keep_ms: 86_400_000,
            log_bytes_max: 1 << 20,
            clock: Clock::system(),
            tasks: tasks.clone(),
        };
        let relay = Relay::start(vec![sanitizer.link()], around);
        let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
        let files = folder.path().join("files");
        keep::prepare(&files, store.kind()).unwrap();
        let renderer = Renderer::new(&RenderConfig::default(), &files, &tasks).unwrap();
        let catalogue = Catalogue::open(&reports, &contracts, &renderer).await;
        let catalogue = catalogue.unwrap();
        let examples = Examples::read(&schemas(), &catalogue, &contracts).unwrap();
        let library = library(&store, &renderer, (&artefacts, &files), examples, &tasks);
        let parts = EngineParts {
            relay,
            renderer,
            pdf: library.pdf().cloned(),
            library,
            store: store.clone(),
            catalogue: Arc::new(catalogue),
            sources: crate::sources::Sources::none(),
            secrets: secrets(folder.path(), &store),
            contracts,
            tenants: Arc::new(tenants),
            artefacts,
            files,
            concurrent_max,
            queued_max: 2,
            lease_ms: 30_000,
            keep_ms: 86_400_000,
            data_keep_ms: 86_400_000,
            logs_keep_ms: 86_400_000,
            zone: jiff::tz::TimeZone::UTC,
            clock: Clock::system(),
            tasks: tasks.clone(),
        };
        let engine = Engine::start(parts).await.unwrap();
        Self {
            sanitizer,
            engine,
            store,
            tasks,
            folder,
        }
    }

    async fn online(&self, tenant: &str) {
        let datasets = ["devices", "patch-status", "backup-jobs"]
            .map(|id| (id.parse().unwrap(), 1))
            .into();
        let news = News::Hello {
            agent_version: "0.1.0".into(),
            datasets,
        };
        let address = Address::new(tenant.parse().unwrap(), "hq".parse().unwrap());
        let sighting = Sighting {
            address,
            at_ms: Clock::system().now_ms(),
            news,
        };
        self.store.satellite_note(&[sighting]).await.unwrap();
    }

    fn order(&self, tenants: &[&str]) -> NewRun {
        NewRun {
            report: Arc::clone(
                self.engine
                    .catalogue()
                    .get(&"customer-overview".parse().unwrap())
                    .unwrap(),
            ),
            tenants: tenants
                .iter()
                .map(|tenant| tenant.parse().unwrap())
                .collect(),
            formats: Formats::Word,
            params: Map::new(),
            owner_id: ALICE.into(),
            owner_title: "Alice Example".into(),
            origin: Origin::default(),
            review: false,
        }
    }

    async fn start(&self, tenants: &[&str]) -> RunId {
        self.engine.order(self.order(tenants)).await.unwrap()
    }

    /// How it stands in the store once it has ended.
    async fn ended(&self, id: &RunId) -> RunRow {
        if let Some(mut watched) = self.engine.watch(ALICE, id) {
            let ended = watched.wait_for(|progress| progress.state.is_final());
            tokio::time::timeout(Duration::from_secs(20), ended)
                .await
                .expect("the run ends")
                .unwrap();
        }
        self.store.run_of(ALICE, id).await.unwrap().unwrap()
    }

    /// Answers requests `from..from + count`, whichever comes first.
    async fn answer(&self, from: usize, count: usize, rows: impl Fn(&RequestBody) -> Value) {
        for number in from..from + count {
            let request = self.sanitizer.request(number).await;
            let mut record = json!({
                "kind": "reply", "tenant": request.tenant, "satellite": request.satellite, "at": 1,
                "id": request.id, "last": true,
            });
            let answer = rows(&request);
            let members = record.as_object_mut().unwrap();
            if answer.is_array() {
                members.insert("rows".into(), answer);
                members.insert("dataset".into(), json!(request.dataset));
                members.insert("version".into(), json!(1));
                members.insert("sequence".into(), json!(0));
            } else {
                members.insert("failure".into(), answer);
            }
            self.sanitizer.send(Lane::Reply, &record);
        }
    }

    /// Where a run's document is.
    fn file(&self, id: &RunId, format: Format) -> std::path::PathBuf {
        let key = ArtefactKey::new(id, ArtefactPart::Document(format));
        self.engine.artefacts().draft(&key)
    }

    /// The text of the finished document's body, without its marks.
    fn document(&self, id: &RunId) -> String {
        let file = std::fs::File::open(self.file(id, Format::Word)).unwrap();
        let mut archive = zip::ZipArchive::new(file).unwrap();
        let mut xml = String::new();
        archive
            .by_name("word/document.xml")
            .unwrap()
            .read_to_string(&mut xml)
            .unwrap();
        let mut text = String::new();
        for piece in xml.split('<') {
            text.push_str(piece.split_once('>').map_or("", |(_, text)| text));
            text.push(' ');
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Documents, and what is left of them; not the data beside them.
    fn files(&self) -> usize {
        let files = std::fs::read_dir(self.folder.path().join("files")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.ends_with(".data")).count()
    }
}

fn library(
    store: &Store,
    renderer: &Renderer,
    (artefacts, files): (&Artefacts, &Path),
    examples: Examples,
    tasks: &Tasks,
) -> Library {
    Library::new(LibraryParts {
        store: store.clone(),
        renderer: renderer.clone(),
        pdf: Pdf::find(&PdfConfig::default(), tasks).unwrap(),
        artefacts: artefacts.clone(),
        files: files.to_owned(),
        examples,
        config: TemplatesConfig::default(),
        clock: Clock::system(),
        tasks: tasks.clone(),
    })
}

/// Sealed with a master key of the test's own.
fn secrets(folder: &Path, store: &Store) -> crate::secrets::Secrets {
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder.join("engine.key");
    if !key.exists() {
        std::fs::write(&key, "6b".repeat(32)).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    }
    let mut config = crate::testing::storage::config("").unwrap().secrets;
    config.master_key_file = Some(key);
    crate::secrets::Secrets::open(&config, "", store, &Clock::system()).unwrap()
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.tasks.hard().cancel();
    }
}

fn rows(request: &RequestBody) -> Value {
    match request.dataset.as_str() {
        "devices" => json!([device("acme-srv01"), device("acme-srv02")]),
        "patch-status" => json!([{
            "compliant": false, "hostname": "acme-srv01", "last_patched": "2026-11-18T22:00:00Z",
            "missing_critical": 2, "missing_important": 1, "reboot_pending": true,
        }]),
        _ => json!([{
            "duration_s": 12, "hostname": "acme-srv01", "job": "Nightly file server", "last_run": "2026-11-20T02:41:07Z",
            "message": "", "result": "success", "size_bytes": 1024,
        }]),
    }
}

fn failure(class: &str, detail: &str) -> Value {
    json!({"class": class, "detail": detail})
}

#[tokio::test]
async fn a_run_ends_with_a_document_that_holds_the_rows() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    bench.answer(0, 3, rows).await;
    let run = bench.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Done, ""));
    assert!(
        run.file_name
            .starts_with("Customer-overview-Acme-Dental-Group-20"),
        "{}",
        run.file_name
    );
    assert_eq!(
        run.file_bytes,
        std::fs::metadata(bench.file(&id, Format::Word))
            .unwrap()
            .len()
    );
    assert_eq!((run.data_sha256.len(), run.template_sha256.len()), (64, 64));
    let ready: Vec<_> = run
        .needs
        .iter()
        .map(|need| (need.dataset.as_str(), need.state, need.rows))
        .collect();
    let expected = [("Devices", 2), ("Patch status", 1), ("Backup jobs", 1)];
    assert_eq!(
        ready,
        expected.map(|(name, rows)| (name, NeedState::Ready, rows))
    );
    let text = bench.document(&id);
    for expected in [
        "acme-srv01",
        "acme-srv02",
        "Acme Dental Group",
        "Nightly file server",
    ] {
        assert!(text.contains(expected), "{expected} is not in: {text}");
    }
    assert!(bench.engine.watch(ALICE, &id).is_none() && bench.files() == 1);
}

#[tokio::test]
async fn the_same_data_has_the_same_digest_and_other_data_another() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let mut digests = Vec::new();
    for number in 0..3 {
        let id = bench.start(&["acme"]).await;
        let answer = |request: &RequestBody| match request.dataset.as_str() {
            "devices" if number == 2 => json!([device("acme-srv09")]),
            _ => rows(request),
        };
        bench.answer(number * 3, 3, answer).await;
        digests.push(bench.ended(&id).await.data_sha256);
    }
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
}

#[tokio::test]
async fn an_optional_part_that_is_missing_is_stated_in_the_document() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    let answer = |request: &RequestBody| match request.dataset.as_str() {
        "backup-jobs" => failure("source-error", "Node-RED answered with a web page"),
        _ => rows(request),
    };
    bench.answer(0, 3, answer).await;
    let run = bench.ended(&id).await;
    assert_eq!(run.state, RunState::Done, "{}", run.reason);
    let sentence = "could not supply Backup jobs (Node-RED answered with a web page)";
    assert!(
        run.needs[2].state == NeedState::Missing && run.needs[2].note.contains(sentence),
        "{:?}",
        run.needs[2]
    );
    assert!(
        bench.document(&id).contains(sentence),
        "{}",
        bench.document(&id)
    );
}

#[tokio::test]
async fn a_required_part_that_is_missing_fails_the_run_in_words() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    let answer = |request: &RequestBody| match request.dataset.as_str() {
        "devices" => failure("invalid", "/0/kind: enum"),
        _ => rows(request),
    };
    bench.answer(0, 3, answer).await;
    let run = bench.ended(&id).await;
    assert_eq!(run.state, RunState::Failed);
    assert!(
        run.reason.starts_with(
            "Acme Dental Group: Devices arrived but breaks its contract (/0/kind: enum)."
        ),
        "{}",
        run.reason
    );
    assert_eq!((bench.files(), run.file_bytes), (0, 0));
}

#[tokio::test]
async fn every_customer_that_is_offline_is_named_at_once() {
    let bench = Bench::new().await;
    let id = bench.start(&["acme", "globex"]).await;
    let run = bench.ended(&id).await;
    assert_eq!(run.state, RunState::Failed);
    let lines: Vec<_> = run.reason.lines().collect();
    assert_eq!(
        lines.len(),
        4,
        "two customers, two required parts each: {}",
        run.reason
    );
    assert!(
        lines[0].starts_with("Acme Dental Group: Devices could not be fetched because"),
        "{}",
        lines[0]
    );
    assert!(
        lines[3].starts_with("Globex Logistics: Patch status could not be fetched because"),
        "{}",
        lines[3]
    );
}

#[tokio::test]
async fn rows_that_break_the_contract_at_the_centre_are_not_used() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    let answer = |request: &RequestBody| match request.dataset.as_str() {
        "devices" => json!([device("ok"), {"hostname": "x"}]),
        _ => rows(request),
    };
    bench.answer(0, 3, answer).await;
    let run = bench.ended(&id).await;
    assert!(
        run.state == RunState::Failed && run.reason.contains("breaks its contract (/1: breaks"),
        "{}",
        run.reason
    );
}

#[tokio::test]
async fn a_pull_that_the_sanitizer_forgot_is_asked_again() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    bench.sanitizer.request(2).await;
    bench.sanitizer.settled().await;
    bench.sanitizer.reboot();
    bench.answer(3, 3, rows).await;
    assert_eq!(bench.ended(&id).await.state, RunState::Done);
}

#[tokio::test]
async fn a_cancelled_run_cancels_its_pulls_and_only_its_owner_may() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    bench.sanitizer.request(2).await;
    assert!(!bench.engine.cancel("main:bob", &id) && bench.engine.watch("main:bob", &id).is_none());
    assert!(bench.store.run_of("main:bob", &id).await.unwrap().is_none());
    assert!(bench.engine.cancel(ALICE, &id));
    let run = bench.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Cancelled, ""));
    bench.sanitizer.cancelled(3).await;
    assert!(!bench.engine.cancel(ALICE, &id), "it has ended");
}

#[tokio::test]
async fn runs_wait_for_their_turn_and_the_queue_has_an_end() {
    let bench = Bench::with(1).await;
    bench.online("acme").await;
    let first = bench.start(&["acme"]).await;
    let second = bench.start(&["acme"]).await;
    let third = bench.start(&["acme"]).await;
    assert!(matches!(
        bench.engine.order(bench.order(&["acme"])).await,
        Err(StartError::Full)
    ));
    let state = |row: Option<RunRow>| row.unwrap().state;
    assert_eq!(
        state(bench.store.run_of(ALICE, &second).await.unwrap()),
        RunState::Queued
    );
    bench.engine.cancel(ALICE, &third);
    assert_eq!(bench.ended(&third).await.state, RunState::Cancelled);
    bench.answer(0, 6, rows).await;
    assert_eq!(bench.ended(&first).await.state, RunState::Done);
    assert_eq!(bench.ended(&second).await.state, RunState::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_fills_the_queue_for_its_owner_alone() {
    let bench = Bench::with(1).await;
    bench.online("acme").await;
    let batch = |owner: &str| NewBatch {
        tenants: vec!["acme".parse().unwrap(); 40],
        owner_id: owner.into(),
        ..NewBatch::from(bench.order(&["acme"]))
    };
    bench.engine.order_batch(batch("main:bob")).await.unwrap();
    let again = bench.engine.order_batch(batch("main:bob")).await;
    assert!(matches!(again, Err(StartError::Full)), "{again:?}");
    let more = NewRun {
        owner_id: "main:bob".into(),
        ..bench.order(&["acme"])
    };
    let more = bench.engine.order(more).await;
    assert!(matches!(more, Err(StartError::Full)), "{more:?}");
    let single = bench.start(&["acme"]).await;
    // The one place is bob's; when it is free, the next is not his.
    let open = bench.store.runs_open().await.unwrap();
    let running = open
        .into_iter()
        .find(|run| run.progress.state == RunState::Running);
    let running = running.expect("one of the batch");
    assert_eq!(running.owner_id, "main:bob");
    let mut watched = bench.engine.watch(ALICE, &single).unwrap();
    assert!(bench.engine.cancel("main:bob", &running.id));
    let begins = watched.wait_for(|progress| progress.state == RunState::Running);
    tokio::time::timeout(Duration::from_secs(60), begins)
        .await
        .expect("it is alice's turn")
        .unwrap();
    bench.engine.order_batch(batch("main:carol")).await.unwrap();
}

#[tokio::test]
async fn a_restart_begins_anew_what_ran_and_starts_what_waited() {
    let mut bench = Bench::with(1).await;
    bench.online("acme").await;
    let running = bench.start(&["acme"]).await;
    let waiting = bench.start(&["acme"]).await;
    bench.sanitizer.request(2).await;
    // As if the process had gone: no task gets to say goodbye.
    bench.tasks.abort().await;
    let folder = std::mem::replace(&mut bench.folder, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("files/.x.docx.1.part"), "half").unwrap();
    let bench = Bench::over(bench.store.clone(), folder, 1).await;
    bench.answer(0, 6, rows).await;
    assert_eq!(bench.ended(&running).await.state, RunState::Done);
    assert_eq!(bench.ended(&waiting).await.state, RunState::Done);
    assert_eq!(bench.files(), 2, "what was half-written is gone");
}

#[tokio::test]
async fn a_stop_gives_a_run_back_to_the_queue() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    bench.sanitizer.request(2).await;
    let mut watched = bench.engine.watch(ALICE, &id).unwrap();
    bench.tasks.soft().cancel();
    // Whoever watches it looks again; it has not ended.
    while watched.changed().await.is_ok() {}
    assert!(!watched.borrow().state.is_final());
    let run = bench.store.run(&id).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Queued);
}

#[tokio::test]
async fn a_large_table_comes_in_chunks_under_credit() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let id = bench.start(&["acme"]).await;
    let mut devices = None;
    for number in 0..3 {
        let request = bench.sanitizer.request(number).await;
        if request.dataset.as_str() == "devices" {
            devices = Some(request);
        }
    }
    let devices = devices.unwrap();
    let chunk = |sequence: u64, last: bool| {
        let rows: Vec<Value> = (0..400)
            .map(|row| device(&format!("d-{sequence}-{row}")))
            .collect();
        json!({
            "kind": "reply", "tenant": "acme", "satellite": "hq", "at": 1, "id": devices.id, "dataset": "devices",
            "version": 1, "sequence": sequence, "rows": rows, "last": last,
        })
    };
    for sequence in 0..30 {
        bench
            .sanitizer
            .credit(devices.id, u32::try_from(sequence).unwrap() + 1)
            .await;
        bench
            .sanitizer
            .send(Lane::Reply, &chunk(sequence, sequence == 29));
    }
    let answer = |request: &RequestBody| match request.dataset.as_str() {
        // Its answer is there already; this one comes late and is dropped.
        "devices" => json!([]),
        _ => rows(request),
    };
    bench.answer(0, 3, answer).await;
    let run = bench.ended(&id).await;
    assert_eq!(
        (run.state, run.needs[0].rows),
        (RunState::Done, 12_000),
        "{}",
        run.reason
    );
    assert!(bench.document(&id).contains("d-29-399"));
}

#[tokio::test]
async fn a_run_may_end_with_a_pdf() {
    let bench = Bench::new().await;
    assert!(bench.engine.offers_pdf(), "this test needs LibreOffice");
    bench.online("acme").await;
    let mut order = bench.order(&["acme"]);
    order.formats = Formats::Pdf;
    let id = bench.engine.order(order).await.unwrap();
    bench.answer(0, 3, rows).await;
    let run = bench.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Done, ""));
    assert!(run.file_name.ends_with(".pdf"), "{}", run.file_name);
    let file = std::fs::read(bench.file(&id, Format::Pdf)).unwrap();
    assert!(file.starts_with(b"%PDF-") && file.len() as u64 == run.file_bytes);
    assert_eq!(bench.files(), 1, "the document it was made of is gone");
}

mod library;

/// A run that is done, with one device for each name.
async fn done(bench: &Bench, first_request: usize) -> RunRow {
    let id = bench.start(&["acme"]).await;
    bench.answer(first_request, 3, rows).await;
    let run = bench.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Done, ""));
    run
}

#[tokio::test]
async fn a_document_is_made_again_to_the_byte_and_what_was_changed_is_told() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let run = done(&bench, 0).await;
    assert!(run.data_kept && run.data.len() == 3, "{run:?}");
    let verdict = bench.engine.verify(&run).await;
    assert!(verdict.holds() && verdict.lines.len() == 9, "{verdict:?}");
    let same = "made again, the document is the same to the byte";
    assert!(
        verdict.lines.iter().any(|(_, words)| words == same),
        "{verdict:?}"
    );
    // Another digest of a part, of all data, of the template: each is told.
    let told = async |changed: RunRow, expected: &str| {
        let verdict = bench.engine.verify(&changed).await;
        let faults: Vec<&String> = verdict
            .lines
            .iter()
            .filter(|(ok, _)| !ok)
            .map(|(_, w)| w)
            .collect();
        assert!(
            faults.iter().any(|words| words.contains(expected)),
            "{expected}: {verdict:?}"
        );
    };
    let mut part = run.clone();
    part.data[0].sha256 = "0".repeat(64);
    told(part, "the kept data is not what came").await;
    told(
        RunRow {
            data_sha256: "0".repeat(64),
            ..run.clone()
        },
        "do not make up",
    )
    .await;
    told(
        RunRow {
            template_sha256: "0".repeat(64),
            ..run.clone()
        },
        "the kept template has",
    )
    .await;
    // A document that was changed on the disk, and data that is gone.
    let path = bench.file(&run.id, Format::Word);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    told(run.clone(), "the document that is kept was changed since").await;
    let data = bench
        .folder
        .path()
        .join("files")
        .join(format!("{}.data", run.id));
    std::fs::write(&data, "no archive").unwrap();
    told(run.clone(), "its kept data cannot be read").await;
    std::fs::remove_file(&data).unwrap();
    told(run.clone(), "its kept data cannot be read").await;
    told(
        RunRow {
            data_kept: false,
            ..run
        },
        "is not kept",
    )
    .await;
}

#[tokio::test]
async fn a_run_is_made_again_with_the_same_data_and_asks_nobody() {
    let bench = Bench::new().await;
    bench.online("acme").await;
    let first = done(&bench, 0).await;
    let mut order = bench.order(&["acme"]);
    order.origin = Origin {
        parent: first.id.to_string(),
        same_data: true,
        ..Origin::default()
    };
    let id = bench.engine.order(order.clone()).await.unwrap();
    let again = bench.ended(&id).await;
    assert_eq!((again.state, again.reason.as_str()), (RunState::Done, ""));
    assert_eq!(
        (&again.data, &again.data_sha256),
        (&first.data, &first.data_sha256)
    );
    assert_eq!(again.needs, first.needs);
    let verdict = bench.engine.verify(&again).await;
    assert!(verdict.holds(), "{verdict:?}");
    // Somebody else's data is nobody's.
    order.owner_id = "main:bob".into();
    let id = bench.engine.order(order.clone()).await.unwrap();
    let row = loop {
        let row = bench.store.run(&id).await.unwrap().unwrap();
        if row.state.is_final() {
            break row;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(row.state, RunState::Failed);
    assert!(row.reason.contains("no longer kept"), "{}", row.reason);
    // Data that was exchanged is not used.
    order.owner_id = ALICE.into();
    let other = done(&bench, 3).await;
    let data = |run: &RunRow| {
        bench
            .folder
            .path()
            .join("files")
            .join(format!("{}.data", run.id))
    };
    let order = NewRun { ..order };
    let mut foreign = std::fs::read(data(&other)).unwrap();
    let at = foreign.len() / 2;
    foreign[at] ^= 1;
    std::fs::write(data(&first), foreign).unwrap();
    let id = bench.engine.order(order).await.unwrap();
    assert_eq!(bench.ended(&id).await.state, RunState::Failed);
}

/// Waits until somebody has the second hop.
async fn has_relay(bench: &Bench) {
    let limit = tokio::time::timeout(Duration::from_secs(20), async {
        while !bench
            .engine
            .shared
            .relayed
            .load(std::sync::atomic::Ordering::Acquire)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    limit.await.expect("a worker takes the second hop");
}

#[tokio::test]
async fn a_run_is_watched_and_called_off_from_another_worker() {
    let shared = TestStore::new(StoreKind::Postgres).await;
    let worker = async || {
        let folder = tempfile::tempdir().unwrap();
        Bench::over(shared.again().await, folder, 2).await
    };
    let one = worker().await;
    has_relay(&one).await;
    let two = worker().await;
    one.online("acme").await;
    let id = two.start(&["acme"]).await;
    // The first one reads what satellites send, so it makes the report.
    one.sanitizer.request(2).await;
    let mut watched = two.engine.watch(ALICE, &id).unwrap();
    assert!(two.engine.watch("main:bob", &id).is_none());
    let limit = Duration::from_secs(20);
    let fetching = watched.wait_for(|progress| {
        let fetching = |need: &crate::runs::NeedProgress| need.state == NeedState::Fetching;
        progress.needs.iter().any(fetching)
    });
    tokio::time::timeout(limit, fetching)
        .await
        .unwrap()
        .unwrap();
    assert!(!two.engine.cancel("main:bob", &id));
    assert!(two.engine.cancel(ALICE, &id));
    let ended = watched.wait_for(|progress| progress.state.is_final());
    let ended = tokio::time::timeout(limit, ended).await.unwrap();
    assert_eq!(ended.unwrap().state, RunState::Cancelled);
    let run = shared.run(&id).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Cancelled);
}

#[tokio::test]
async fn another_worker_takes_over_what_a_dead_one_had() {
    let shared = TestStore::new(StoreKind::Postgres).await;
    let worker = async || {
        let folder = tempfile::tempdir().unwrap();
        Bench::over(shared.again().await, folder, 2).await
    };
    let one = worker().await;
    has_relay(&one).await;
    one.online("acme").await;
    let id = one.start(&["acme"]).await;
    one.sanitizer.request(2).await;
    let two = worker().await;
    // As if the process had gone; the clock is what makes its leases old.
    one.tasks.abort().await;
    for table in ["run", "duty"] {
        let old = format!("UPDATE {table} SET lease_until = 1");
        let old = sqlx::query(sqlx::AssertSqlSafe(old));
        old.execute(shared.pool()).await.unwrap();
    }
    has_relay(&two).await;
    two.answer(0, 3, rows).await;
    let run = two.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Done, ""));
    assert_eq!((one.files(), two.files()), (0, 1));
}
