use super::*;
use crate::flows::tests::{labelled, rows};
use crate::store::pushes::SpoolEvent;
use crate::testing::{TestStore, stores};
use serde_json::json;

fn address(tenant: &str) -> Address {
    Address::new(tenant.parse().unwrap(), "hq".parse().unwrap())
}

/// Pieces as they come: of this tenant, from its spool's place `sequence` on, one row in a push.
async fn come(store: &Store, tenant: &str, sequence: u64, rows: &[Row]) {
    for (place, row) in rows.iter().enumerate() {
        one(store, tenant, sequence + place as u64, row).await;
    }
}

async fn one(store: &Store, tenant: &str, sequence: u64, row: &Row) {
    let body = json!([{
        "snapshot": row.snapshot, "row": row.row, "rows": row.rows, "item": row.item, "path": row.path,
        "part": row.part, "parts": row.parts, "text": row.text,
    }]);
    let push = NewPush {
        dataset: DATASET.parse().unwrap(),
        version: VERSION,
        captured_at_ms: 500 + sequence,
        received_at_ms: 1_000 + sequence,
        rows: 1,
        body: body.to_string().into(),
    };
    let event = ((address(tenant), 7), SpoolEvent::Push(sequence, push));
    store.push_take(&[event], 2_000, 0).await.unwrap();
}

async fn numbers(store: &Store, tenant: &str) -> Vec<u64> {
    let versions = store.flow_versions(&address(tenant)).await.unwrap();
    versions.iter().map(|version| version.number).collect()
}

async fn parts(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM flow_part")
        .fetch_one(store.pool())
        .await
        .unwrap()
}

async fn label(store: &Store, number: u64) -> String {
    let found = store.flow_snapshot(&address("acme"), number).await.unwrap();
    found.unwrap().flows[0]["label"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn what_is_whole_becomes_a_version_and_the_same_again_none() {
    for store in stores().await {
        versions(&store).await;
    }
}

async fn versions(store: &TestStore) {
    let (_, first) = labelled("one", 40);
    let (last, rest) = first.split_last().unwrap();
    come(store, "acme", 1, rest).await;
    assert_eq!(numbers(store, "acme").await, [0_u64; 0]);
    one(store, "acme", 20, last).await;
    assert_eq!(numbers(store, "acme").await, [1]);
    come(store, "acme", 21, &first).await;
    assert_eq!(numbers(store, "acme").await, [1], "the same content");
    let (_, second) = labelled("two", 10_000);
    come(store, "acme", 40, &second).await;
    come(store, "acme", 50, &first).await;
    assert_eq!(numbers(store, "acme").await, [3, 2, 1], "and back again");
    for (number, expected) in [(1, "one"), (2, "two"), (3, "one")] {
        assert_eq!(label(store, number).await, expected);
    }
    let all = store.flow_versions(&address("acme")).await.unwrap();
    let (newest, oldest) = (&all[0], &all[2]);
    assert_eq!(
        (
            newest.tabs,
            newest.nodes,
            newest.entries,
            newest.credentialed
        ),
        (1, 1, 1, 1)
    );
    assert_eq!(
        (oldest.changes.tabs.added, oldest.changes.nodes.added),
        (1, 1)
    );
    assert_eq!(
        (newest.changes.tabs.changed, newest.changes.nodes),
        (1, Count::default())
    );
    assert_eq!((oldest.taken_at_ms, oldest.received_at_ms), (520, 1_020));
    // No run takes them for data.
    let pushes: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM push")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(pushes, 0);

    come(store, "globex", 1, &second).await;
    let latest = store.flows_latest(None).await.unwrap();
    let latest: Vec<_> = latest
        .iter()
        .map(|one| (one.address.tenant.as_str(), one.number))
        .collect();
    assert_eq!(latest, [("acme", 3), ("globex", 1)]);
    let own = store
        .flows_latest(Some(&"globex".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(own.len(), 1);
    assert_eq!(
        store.flow_snapshot(&address("globex"), 2).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn what_comes_late_is_no_newer_version() {
    for store in stores().await {
        let (_, old) = labelled("old", 10_000);
        let (_, new) = labelled("new", 10_000);
        come(&store, "acme", 1, &old[..old.len() - 1]).await;
        come(&store, "acme", 20, &new).await;
        one(&store, "acme", 4, old.last().unwrap()).await;
        assert_eq!(numbers(&store, "acme").await, [1]);
        assert_eq!(label(&store, 1).await, "new");
        come(&store, "acme", 30, &old).await;
        assert_eq!(label(&store, 2).await, "old", "what is sent again later is");
    }
}

#[tokio::test]
async fn what_is_no_snapshot_leaves_nothing_and_keeps_nothing_away() {
    for store in stores().await {
        let (_, good) = labelled("one", 10_000);
        let mut bad = good.clone();
        bad[0].text = bad[0].text.replace("one", "two");
        come(&store, "acme", 1, &bad).await;
        assert_eq!(
            (numbers(&store, "acme").await.len(), parts(&store).await),
            (0, 0)
        );
        let no_flows = rows(&[("settings", "", "{\"modules\":{}}".into())], 100).1;
        come(&store, "acme", 10, &no_flows).await;
        assert_eq!(parts(&store).await, 0);
        come(&store, "acme", 20, &good).await;
        assert_eq!(numbers(&store, "acme").await, [1]);
    }
}

#[tokio::test]
async fn snapshots_that_are_never_whole_or_are_too_large_take_no_room() {
    for store in stores().await {
        let (_, good) = labelled("kept", 10_000);
        come(&store, "acme", 1, &good).await;
        let kept = parts(&store).await;
        for number in 0..10 {
            let (_, cut) = labelled(&format!("cut {number}"), 10_000);
            come(&store, "acme", 100 + 10 * number, &cut[..1]).await;
        }
        assert_eq!(parts(&store).await, kept + 2);
        let large = "x".repeat(48_000);
        let piece = |row: u32| Row {
            snapshot: "f".repeat(64),
            row,
            rows: 2_000,
            item: "flows".into(),
            path: String::new(),
            part: row,
            parts: 2_000,
            text: large.clone(),
        };
        for row in 0..90 {
            one(&store, "acme", 1_000 + u64::from(row), &piece(row)).await;
        }
        assert!(parts(&store).await < kept + 10, "{}", parts(&store).await);
        assert_eq!(label(&store, 1).await, "kept");
    }
}

#[tokio::test]
async fn the_oldest_versions_go() {
    for store in stores().await {
        store.keep_flow_versions(3);
        for number in 1..=5_u64 {
            let (_, rows) = labelled(&number.to_string(), 10_000);
            come(&store, "acme", 10 * number, &rows).await;
        }
        assert_eq!(numbers(&store, "acme").await, [5, 4, 3]);
        assert_eq!(parts(&store).await, 3 * 4);
        assert_eq!(
            store.flow_snapshot(&address("acme"), 2).await.unwrap(),
            None
        );
        assert_eq!(label(&store, 3).await, "3");
    }
}
