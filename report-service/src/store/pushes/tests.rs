use super::*;

fn spool(satellite: &str, epoch: u64) -> Spool {
    (
        Address::new("acme".parse().unwrap(), satellite.parse().unwrap()),
        epoch,
    )
}

fn push(captured_at_ms: u64, received_at_ms: u64) -> NewPush {
    NewPush {
        dataset: "devices".parse().unwrap(),
        version: 1,
        captured_at_ms,
        received_at_ms,
        rows: 1,
        body: Bytes::from(format!("[{captured_at_ms}]")),
    }
}

async fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display()))
        .await
        .unwrap();
    (store, folder)
}

async fn latest(store: &Store) -> Vec<StoredPush> {
    store
        .push_latest(&"acme".parse().unwrap(), &"devices".parse().unwrap(), 1)
        .await
        .unwrap()
}

async fn count(store: &Store) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM push")
        .fetch_one(store.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn repeats_are_dropped_and_the_watermark_survives_reopening() {
    let (store, folder) = store().await;
    let hq = spool("hq", 7);
    let event = |sequence| (hq.clone(), SpoolEvent::Push(sequence, push(sequence, 100)));
    let taken = store
        .push_take(&[event(1), event(3), event(3), event(1)], 0)
        .await
        .unwrap();
    assert_eq!(taken, [(hq.clone(), 1)]);
    assert_eq!(count(&store).await, 2);
    store.close().await;
    let store = Store::open(&format!("sqlite://{}/store.db", folder.path().display()))
        .await
        .unwrap();
    assert_eq!(
        store.push_take(&[event(3)], 0).await.unwrap(),
        [(hq.clone(), 1)]
    );
    assert_eq!(
        store
            .push_take(&[(hq.clone(), SpoolEvent::Disposed(2))], 0)
            .await
            .unwrap(),
        [(hq.clone(), 3)]
    );
    // Another epoch and another satellite count for themselves.
    let other = (spool("hq", 8), SpoolEvent::Push(1, push(9, 100)));
    let lab = (spool("lab", 7), SpoolEvent::Push(2, push(9, 100)));
    assert_eq!(
        store.push_take(&[other, lab], 0).await.unwrap(),
        [(spool("hq", 8), 1), (spool("lab", 7), 0)]
    );
    assert_eq!(
        store
            .push_take(&[(spool("lab", 7), SpoolEvent::Advance(1))], 0)
            .await
            .unwrap(),
        [(spool("lab", 7), 2)]
    );
}

#[tokio::test]
async fn the_latest_stays_and_older_ones_go_with_age() {
    let (store, _folder) = store().await;
    let event = |sequence, captured, received| {
        (
            spool("hq", 7),
            SpoolEvent::Push(sequence, push(captured, received)),
        )
    };
    store
        .push_take(
            &[event(1, 50, 100), event(2, 80, 200), event(3, 60, 300)],
            0,
        )
        .await
        .unwrap();
    assert_eq!(count(&store).await, 3);
    assert_eq!(
        latest(&store).await[0].captured_at_ms,
        80,
        "captured last, not received last"
    );
    // All but the latest are older than this; the latest stays although it is, too.
    store.push_take(&[event(4, 70, 400)], 500).await.unwrap();
    let kept = latest(&store).await;
    assert_eq!((count(&store).await, kept[0].captured_at_ms), (1, 80));
    assert_eq!(
        store.push_body(kept[0].id).await.unwrap().as_deref(),
        Some(&b"[80]"[..])
    );
    assert_eq!(store.push_body(999).await.unwrap(), None);
    // A clock that runs ahead does not make data fresh for ever.
    store.push_take(&[event(5, 9_999, 600)], 0).await.unwrap();
    assert_eq!(latest(&store).await[0].captured_at_ms, 600);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let (store, _folder) = store().await;
    let events: Vec<_> = (1..=60)
        .map(|sequence| {
            (
                spool("hq", 7),
                SpoolEvent::Push(sequence, push(sequence, 100)),
            )
        })
        .collect();
    store.push_take(&events, 0).await.unwrap();
    assert_eq!(count(&store).await, KEPT_PER_DATASET_MAX);
    for epoch in 100..120 {
        store
            .push_take(&[(spool("hq", epoch), SpoolEvent::Advance(1))], 0)
            .await
            .unwrap();
    }
    let epochs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM push_epoch")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(epochs, EPOCHS_MAX);
}
