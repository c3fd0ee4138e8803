//! Whole runs whose documents are kept in storage that speaks S3.

use super::*;
use crate::testing::Storage;
use crate::testing::storage::artefacts;

async fn bench(storage: &Storage) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", folder.path().display());
    let store = Store::open(&url).await.unwrap();
    let files = folder.path().join("files");
    let (artefacts, _) = artefacts(&storage.config(), folder.path(), &files).await;
    let bench = Bench::keeping(artefacts, store, folder, 2).await;
    bench.online("acme").await;
    bench
}

fn left(bench: &Bench) -> Vec<String> {
    let files = std::fs::read_dir(bench.folder.path().join("files")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.collect()
}

fn key(run: &RunRow, part: ArtefactPart) -> ArtefactKey {
    ArtefactKey::new(&run.id, part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_kept_proved_made_again_and_forgotten_in_the_storage() {
    let storage = Storage::start().await;
    let bench = bench(&storage).await;
    let mut order = bench.order(&["acme"]);
    order.formats = Formats::Both;
    let id = bench.engine.order(order).await.unwrap();
    bench.answer(0, 3, rows).await;
    let run = bench.ended(&id).await;
    assert_eq!((run.state, run.reason.as_str()), (RunState::Done, ""));
    assert!(run.data_kept);
    assert_eq!(
        left(&bench),
        Vec::<String>::new(),
        "nothing stays on the disk"
    );
    let objects = ["data", "docx", "pdf"].map(|part| format!("reports/{id}/{part}"));
    let documents = |objects: Vec<String>| -> Vec<String> {
        objects
            .into_iter()
            .filter(|name| name.starts_with("reports/"))
            .collect()
    };
    assert_eq!(documents(storage.objects()), objects);
    let word = key(&run, ArtefactPart::Document(Format::Word));
    let kept = bench.engine.artefacts().read(&word).await.unwrap();
    assert!(kept.starts_with(b"PK") && kept.len() as u64 == run.files[0].bytes);
    let verdict = bench.engine.verify(&run).await;
    assert!(verdict.holds() && verdict.lines.len() == 9, "{verdict:?}");
    let pages = bench.engine.preview(&run).await.unwrap();
    assert!(pages > 0 && bench.engine.preview(&run).await.unwrap() == pages);
    let mut again = bench.order(&["acme"]);
    again.origin = Origin {
        parent: id.to_string(),
        same_data: true,
        ..Origin::default()
    };
    let again = bench.engine.order(again).await.unwrap();
    let again = bench.ended(&again).await;
    assert_eq!((again.state, again.reason.as_str()), (RunState::Done, ""));
    assert_eq!(left(&bench), Vec::<String>::new(), "nor does a copy");
    // A document that was changed in the storage.
    let object = storage.object(&objects[1]);
    let mut changed = std::fs::read(&object).unwrap();
    changed[100] ^= 1;
    std::fs::write(&object, changed).unwrap();
    let verdict = bench.engine.verify(&run).await;
    let told = "the document that is kept was changed since";
    assert!(!verdict.holds() && verdict.lines.iter().any(|(_, words)| words == told));
    // Their time is over: the storage forgets first, and the store only what the storage forgot.
    sqlx::query("UPDATE run SET finished_at = 1")
        .execute(bench.store.pool())
        .await
        .unwrap();
    keep::clear(&bench.engine.shared).await.unwrap();
    assert_eq!(documents(storage.objects()), Vec::<String>::new());
    assert!(bench.store.run(&id).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_storage_a_run_fails_in_words_and_nothing_is_forgotten() {
    let storage = Storage::start().await;
    let bench = bench(&storage).await;
    let run = done(&bench, 0).await;
    drop(storage);
    let id = bench.start(&["acme"]).await;
    bench.answer(3, 3, rows).await;
    let failed = bench.ended(&id).await;
    assert_eq!(failed.state, RunState::Failed);
    assert_eq!(
        failed.reason,
        "The document could not be kept. Tell your administrator."
    );
    assert_eq!(left(&bench), Vec::<String>::new(), "no draft stays");
    let verdict = bench.engine.verify(&run).await;
    assert!(
        verdict.lines[0]
            .1
            .contains("its kept data cannot be read: the storage 127.0.0.1:"),
        "{verdict:?}"
    );
    sqlx::query("UPDATE run SET finished_at = 1")
        .execute(bench.store.pool())
        .await
        .unwrap();
    assert!(keep::clear(&bench.engine.shared).await.is_err());
    assert!(
        bench.store.run(&run.id).await.unwrap().is_some(),
        "it is found again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_templates_are_in_the_storage_too() {
    let storage = Storage::start().await;
    let bench = bench(&storage).await;
    let version = bench.upload(&["Made for {{ tenants[0].title }}"]).await;
    bench.activate(version).await;
    assert_eq!(left(&bench), Vec::<String>::new());
    let kept = |objects: Vec<String>| {
        objects
            .iter()
            .filter(|name| name.contains("/templates/"))
            .count()
    };
    assert_eq!(kept(storage.objects()), 1, "{:?}", storage.objects());
    let run = done(&bench, 0).await;
    assert_eq!(run.template_version, 1);
    bench.activate(0).await;
    let report = bench.overview();
    let library = bench.engine.library();
    library
        .remove(&report, version, super::library::ACT)
        .await
        .unwrap();
    assert_eq!(kept(storage.objects()), 0);
}
