use super::*;
use crate::runs::{Format, RunId, RunState};
use crate::testing::stores;

fn file(sha256: &str) -> RunFile {
    RunFile {
        format: Format::Word,
        bytes: 7,
        sha256: sha256.into(),
        made: String::new(),
    }
}

async fn draft(store: &Store) -> RunRow {
    let row = RunRow {
        report: "devices".into(),
        title: "Devices".into(),
        owner_id: "main:alice".into(),
        file_name: "x.docx".into(),
        review: Review::Waiting,
        ..RunRow::queued(RunId::random().unwrap(), 1)
    };
    store.run_insert(&row).await.unwrap();
    sqlx::query("UPDATE run SET state = 'done', files = $2, file_bytes = 7 WHERE id = $1")
        .bind(row.id.as_str())
        .bind(text(&[file("old")]).unwrap())
        .execute(store.pool())
        .await
        .unwrap();
    let seen = store.run(&row.id).await.unwrap().unwrap();
    assert_eq!(
        (seen.state, &seen.files),
        (RunState::Done, &vec![file("old")])
    );
    seen
}

#[tokio::test]
async fn of_two_edits_of_the_same_draft_one_wins_and_nobody_releases_what_was_not_looked_at() {
    for store in stores().await {
        let seen = draft(&store).await;
        let (one, two) = ([file("one")], [file("two")]);
        let edits = tokio::join!(store.run_edited(&seen, &one), store.run_edited(&seen, &two));
        let (first, second) = (edits.0.unwrap(), edits.1.unwrap());
        assert!(first ^ second, "{first} {second}");
        let by = ("Lea", "");
        let release = async |seen: &RunRow| {
            let released = store.run_reviewed(seen, Review::Released, by, 5).await;
            released.unwrap()
        };
        assert!(!release(&seen).await, "it was edited since");
        let now = store.run(&seen.id).await.unwrap().unwrap();
        assert_eq!(now.review, Review::Waiting);
        assert_eq!(now.files, if first { one } else { two });
        assert!(release(&now).await);
        assert!(!release(&now).await, "it is decided");
        assert!(!store.run_edited(&now, &[file("late")]).await.unwrap());
        let end = store.run(&seen.id).await.unwrap().unwrap();
        assert_eq!((end.review, end.files), (Review::Released, now.files));
    }
}
