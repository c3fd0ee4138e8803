mod hostile;
mod storage;

use std::path::Path;

use super::*;
use crate::store::StoreKind;
use crate::store::audit::ChainState;
use crate::store::sanitizer_audit::{SanitizerEntry, SanitizerNews, SanitizerRoot};
use crate::store::satellites::{News, Sighting};
use crate::testing::{TestStore, stores};
use sqlx::Executor as _;

const KINDS: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

/// Rows of every kind of column: text with odd characters, numbers, bytes, yes, no and neither.
async fn filled(store: &Store) {
    for number in 0..5 {
        let event = AuditEvent {
            at_ms: number,
            actor: "main:zoë\u{1F600}",
            name: "zoë",
            action: "report.run",
            decision: Decision::Denied,
            reason: "\"quoted\"\nline",
            subject: "",
            address: "::1",
        };
        store.audit(event).await.unwrap();
    }
    let entry = |sequence, fits| {
        SanitizerNews::Entry(SanitizerEntry {
            chain: "c".into(),
            sequence,
            at_ms: u64::try_from(i64::MAX).unwrap(),
            action: "a".into(),
            reason: String::new(),
            subject: String::new(),
            count: 1,
            previous: vec![0, 255],
            hash: Vec::new(),
            fits,
        })
    };
    let root = SanitizerNews::Root(SanitizerRoot {
        chain: "c".into(),
        sequence: 2,
        at_ms: 3,
        signature: vec![1; 64],
        holds: Some(false),
    });
    let news = [entry(1, true), entry(2, false), root];
    store
        .sanitizer_audit_note("https://a", &news)
        .await
        .unwrap();
    let sighting = Sighting {
        address: spokegate_contract::Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
        at_ms: 7,
        news: News::Presence(true),
    };
    store.satellite_note(&[sighting]).await.unwrap();
    store.throttle_take("name:alice", 1, 1).await.unwrap();
}

/// Everything that a backup holds, as one text.
async fn content(store: &Store) -> String {
    let mut snapshot = store.snapshot().await.unwrap();
    let mut text = String::new();
    for table in snapshot.tables().await.unwrap() {
        let mut rows = Vec::new();
        let each = |columns: Vec<&str>, values: Vec<serde_json::Value>| {
            let mut row: Vec<_> = columns
                .iter()
                .zip(&values)
                .map(|(c, v)| format!("{c}={v}"))
                .collect();
            row.sort();
            rows.push(row.join(" "));
            Ok(())
        };
        snapshot.rows(&table, each).await.unwrap();
        rows.sort();
        text.push_str(&format!("{table}: {rows:#?}\n"));
    }
    text
}

async fn empty(kind: StoreKind) -> TestStore {
    TestStore::new(kind).await
}

#[tokio::test]
async fn what_was_in_one_store_is_in_another_of_either_kind() {
    let folder = tempfile::tempdir().unwrap();
    let documents = folder.path().join("files");
    std::fs::create_dir_all(documents.join("more")).unwrap();
    let large: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(documents.join("a.docx"), &large).unwrap();
    std::fs::write(documents.join("more/empty.json"), "").unwrap();
    std::fs::write(documents.join(".b.part"), "half").unwrap();
    for (from_number, from) in stores().await.into_iter().enumerate() {
        filled(&from).await;
        let file = folder.path().join(format!("{from_number}.backup"));
        let sum = write::whole(&from, &documents, &Artefacts::on_disk(&documents), &file, 1)
            .await
            .unwrap();
        assert_eq!(sum.files, 2);
        for (to_number, kind) in KINDS.into_iter().enumerate() {
            let to = empty(kind).await;
            let target = folder.path().join(format!("to-{from_number}-{to_number}"));
            let (restored, sum_restored) =
                read::whole(to.url(), Some(&target), &file).await.unwrap();
            assert_eq!(sum_restored, sum);
            assert_eq!(content(&restored).await, content(&from).await);
            assert_eq!(
                restored.verify_audit().await.unwrap(),
                ChainState::Intact { records: 5 }
            );
            // Numbers go on where they ended, and who was refused lately is forgotten.
            note(&restored, "store.restore", Path::new("x"))
                .await
                .unwrap();
            let more = [SanitizerNews::Entry(SanitizerEntry {
                chain: "d".into(),
                sequence: 1,
                at_ms: 1,
                action: "a".into(),
                reason: String::new(),
                subject: String::new(),
                count: 1,
                previous: Vec::new(),
                hash: Vec::new(),
                fits: true,
            })];
            restored
                .sanitizer_audit_note("https://a", &more)
                .await
                .unwrap();
            let end = restored.sanitizer_audit_end("https://a").await.unwrap();
            assert_eq!(end.unwrap().chain, "d");
            assert_eq!(restored.throttle_take("name:alice", 1, 1).await.unwrap(), 1);
            assert_eq!(std::fs::read(target.join("a.docx")).unwrap(), large);
            assert!(target.join("more/empty.json").is_file() && !target.join(".b.part").exists());
        }
    }
}

#[tokio::test]
async fn a_backup_that_was_changed_or_cut_fills_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = stores().await;
    filled(&from).await;
    let (file, none) = (folder.path().join("good"), folder.path().join("none"));
    write::whole(&from, &none, &Artefacts::on_disk(&none), &file, 1)
        .await
        .unwrap();
    assert!(
        write::whole(&from, &none, &Artefacts::on_disk(&none), &file, 1)
            .await
            .is_err(),
        "nothing is overwritten"
    );
    let good = std::fs::read_to_string(&file).unwrap();
    let check = async |text: String, expected: &str| {
        let bad = folder.path().join("bad");
        std::fs::write(&bad, text).unwrap();
        let said = read::whole(to.url(), Some(&none), &bad)
            .await
            .err()
            .unwrap();
        let said = format!("{said:#}");
        assert!(said.contains(expected), "{expected}: {said}");
    };
    check(
        good.replacen("wrong", "right", 1).replacen("zo", "Zo", 1),
        "was changed",
    )
    .await;
    check(good[..good.len() - 30].to_owned(), "breaks off").await;
    let last = good.trim_end().rfind('\n').unwrap();
    check(good[..=last].to_owned(), "has no end").await;
    check(format!("{good}[]\n"), "after its end").await;
    check("hello\n".into(), "is no backup").await;
    check(
        good.replacen("\"spokegate_backup\":1", "\"spokegate_backup\":2", 1),
        "newer release",
    )
    .await;
    // Nor does a good one fill a store that holds something.
    let said = read::whole(from.url(), Some(&none), &file)
        .await
        .err()
        .unwrap();
    assert!(
        format!("{said:#}").contains("allowed is an empty one"),
        "{said:#}"
    );
    read::whole(to.url(), Some(&none), &file).await.unwrap();
}

#[tokio::test]
async fn a_document_stays_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = stores().await;
    let documents = folder.path().join("files");
    std::fs::create_dir(&documents).unwrap();
    std::fs::write(documents.join("a.docx"), "x").unwrap();
    let file = folder.path().join("good");
    write::whole(&from, &documents, &Artefacts::on_disk(&documents), &file, 1)
        .await
        .unwrap();
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace("a.docx", "../a.docx");
    let forged = hostile::sealed(&text);
    std::fs::write(&file, forged).unwrap();
    let said = read::whole(to.url(), Some(&folder.path().join("to")), &file)
        .await
        .err()
        .unwrap();
    assert!(
        format!("{said:#}").contains("no document's name"),
        "{said:#}"
    );
    assert!(!folder.path().join("a.docx").exists());
}

#[tokio::test]
async fn a_step_back_and_forth_keeps_what_both_sides_know() {
    for store in stores().await {
        filled(&store).await;
        migrations::to(&store, 7).await.unwrap();
        assert!(
            store
                .pool()
                .execute("SELECT name FROM secret")
                .await
                .is_err()
        );
        let last = migrations::steps().pop().unwrap();
        migrations::to(&store, last).await.unwrap();
        store
            .pool()
            .execute("SELECT name FROM secret")
            .await
            .unwrap();
        assert_eq!(
            store.verify_audit().await.unwrap(),
            ChainState::Intact { records: 5 }
        );
        let said = migrations::to(&store, 6).await.unwrap_err();
        assert!(said.to_string().contains("there is no step 6"), "{said}");
    }
}

#[tokio::test]
async fn a_backup_of_an_older_release_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let [from, to] = stores().await;
    filled(&from).await;
    migrations::to(&from, 7).await.unwrap();
    let file = folder.path().join("old");
    write::whole(&from, &none, &Artefacts::on_disk(&none), &file, 1)
        .await
        .unwrap();
    let (restored, _) = read::whole(to.url(), Some(&none), &file).await.unwrap();
    let mut snapshot = restored.snapshot().await.unwrap();
    assert_eq!(snapshot.steps().await.unwrap(), migrations::steps());
    drop(snapshot);
    assert_eq!(restored.satellites().await.unwrap().len(), 1);
    // One of a newer release is refused.
    let text = std::fs::read_to_string(&file).unwrap();
    let newer = text.replacen("[1,2,3,", "[1,2,3,9999,", 1);
    std::fs::write(&file, hostile::sealed(&newer)).unwrap();
    let other = empty(StoreKind::Sqlite).await;
    let said = read::whole(other.url(), Some(&none), &file)
        .await
        .err()
        .unwrap();
    assert!(format!("{said:#}").contains("step 9999"), "{said:#}");
}
