use super::*;
use crate::testing::{TestStore, stores};
use proptest::prelude::*;

const NOW_MS: u64 = 1_000_000;
const MINUTE_MS: u64 = 60_000;

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

async fn latest(store: &Store) -> Vec<StoredPush> {
    store
        .push_latest(&"acme".parse().unwrap(), &"devices".parse().unwrap())
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
    for store in stores().await {
        repeats(&store).await;
    }
}

async fn repeats(store: &TestStore) {
    let hq = spool("hq", 7);
    let event = |sequence| (hq.clone(), SpoolEvent::Push(sequence, push(sequence, 100)));
    let taken = store
        .push_take(&[event(1), event(3), event(3), event(1)], NOW_MS, 0)
        .await
        .unwrap();
    assert_eq!(taken.watermarks, [(hq.clone(), 1)]);
    assert_eq!(count(store).await, 2);
    store.close().await;
    let store = &store.again().await;
    assert_eq!(
        store
            .push_take(&[event(3)], NOW_MS, 0)
            .await
            .unwrap()
            .watermarks,
        [(hq.clone(), 1)]
    );
    assert_eq!(
        store
            .push_take(&[(hq.clone(), SpoolEvent::Disposed(2))], NOW_MS, 0)
            .await
            .unwrap()
            .watermarks,
        [(hq.clone(), 3)]
    );
    // Another epoch and another satellite count for themselves.
    let other = (spool("hq", 8), SpoolEvent::Push(1, push(9, 100)));
    let lab = (spool("lab", 7), SpoolEvent::Push(2, push(9, 100)));
    assert_eq!(
        store
            .push_take(&[other, lab], NOW_MS, 0)
            .await
            .unwrap()
            .watermarks,
        [(spool("hq", 8), 1), (spool("lab", 7), 0)]
    );
    assert_eq!(
        store
            .push_take(&[(spool("lab", 7), SpoolEvent::Advance(1))], NOW_MS, 0)
            .await
            .unwrap()
            .watermarks,
        [(spool("lab", 7), 2)]
    );
}

#[tokio::test]
async fn the_latest_stays_and_older_ones_go_with_age() {
    for store in stores().await {
        the_latest(&store).await;
    }
}

async fn the_latest(store: &Store) {
    let event = |sequence, captured, received| {
        (
            spool("hq", 7),
            SpoolEvent::Push(sequence, push(captured, received)),
        )
    };
    store
        .push_take(
            &[event(1, 50, 100), event(2, 80, 200), event(3, 60, 300)],
            NOW_MS,
            0,
        )
        .await
        .unwrap();
    assert_eq!(count(store).await, 3);
    assert_eq!(
        latest(store).await[0].captured_at_ms,
        80,
        "captured last, not received last"
    );
    // All but the latest are older than this; the latest stays although it is, too.
    store
        .push_take(&[event(4, 70, 400)], NOW_MS, 500)
        .await
        .unwrap();
    let kept = latest(store).await;
    assert_eq!((count(store).await, kept[0].captured_at_ms), (1, 80));
    assert_eq!(
        store.push_body(kept[0].id).await.unwrap().as_deref(),
        Some(&b"[80]"[..])
    );
    assert_eq!(store.push_body(999).await.unwrap(), None);
    // A clock that runs ahead does not make data fresh for ever.
    store
        .push_take(&[event(5, 9_999, 600)], NOW_MS, 0)
        .await
        .unwrap();
    assert_eq!(latest(store).await[0].captured_at_ms, 600);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    for store in stores().await {
        bounds(&store).await;
    }
}

async fn bounds(store: &Store) {
    let events: Vec<_> = (1..=60)
        .map(|sequence| {
            (
                spool("hq", 7),
                SpoolEvent::Push(sequence, push(sequence, 100)),
            )
        })
        .collect();
    store.push_take(&events, NOW_MS, 0).await.unwrap();
    assert_eq!(count(store).await, KEPT_PER_DATASET_MAX);
    for epoch in 100..120 {
        let now_ms = NOW_MS + epoch * MINUTE_MS;
        store
            .push_take(&[(spool("hq", epoch), SpoolEvent::Advance(1))], now_ms, 0)
            .await
            .unwrap();
    }
    let epochs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM push_epoch")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(epochs, EPOCHS_MAX);
}

#[tokio::test]
async fn a_spool_in_use_is_kept_whatever_its_number() {
    for store in stores().await {
        in_use(&store).await;
    }
}

async fn in_use(store: &Store) {
    for number in 0..16 {
        let event = (
            spool("hq", 1_000 + number),
            SpoolEvent::Push(1, push(1, 100)),
        );
        let now_ms = NOW_MS + number * MINUTE_MS;
        store.push_take(&[event], now_ms, 0).await.unwrap();
    }
    // Even with a clock that went back.
    for sequence in 1..=3 {
        let event = (spool("hq", 7), SpoolEvent::Push(sequence, push(1, 100)));
        let taken = store.push_take(&[event], 5, 0).await.unwrap();
        assert_eq!(taken.watermarks, [(spool("hq", 7), sequence)]);
    }
    assert_eq!(count(store).await, 16 + 3);
}

#[tokio::test]
async fn a_flood_of_new_spools_is_left_out_and_the_known_one_goes_on() {
    for store in stores().await {
        flood(&store).await;
    }
}

async fn flood(store: &Store) {
    let honest = |sequence| (spool("hq", 7), SpoolEvent::Push(sequence, push(1, 100)));
    store.push_take(&[honest(1)], NOW_MS, 0).await.unwrap();
    let mut events: Vec<_> = (100..4_196)
        .map(|epoch| (spool("hq", epoch), SpoolEvent::Push(1, push(1, 100))))
        .collect();
    events.push(honest(2));
    let taken = store.push_take(&events, NOW_MS, 0).await.unwrap();
    assert_eq!(taken.left_out, 4_096 - 3);
    assert_eq!(taken.to_record, [spool("hq", 7).0]);
    assert_eq!(taken.watermarks.len(), 4);
    assert_eq!(taken.watermarks[0], (spool("hq", 7), 2));
    let again = store.push_take(&events, NOW_MS, 0).await.unwrap();
    assert_eq!((again.left_out, again.to_record), (4_096 - 3, Vec::new()));
}

#[tokio::test]
async fn writers_are_served_between_batches() {
    for store in stores().await {
        between_batches(&store).await;
    }
}

async fn between_batches(store: &Store) {
    let events: Vec<_> = (1..=1_000)
        .map(|sequence| (spool("hq", 7), SpoolEvent::Push(sequence, push(1, 100))))
        .collect();
    let take = store.push_take(&events, NOW_MS, 0);
    tokio::pin!(take);
    let other = async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        store.throttle_take("name:alice", NOW_MS, 1).await.unwrap();
    };
    tokio::select! {
        biased;
        _ = &mut take => panic!("the other writer came last"),
        () = other => {}
    }
    assert_eq!(
        take.await.unwrap().watermarks,
        [(spool("hq", 7), 1_000)],
        "all of it is stored"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_was_written_last_is_remembered(
        // A skew below four lets at most four spools begin at one moment, which is what a satellite may.
        epochs in prop::collection::vec((0_u64..40, 0_u64..4), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for store in stores().await {
                remembered(&store, &epochs).await;
            }
        });
    }
}

/// Among the sixteen used last, the watermark goes on; forgotten ones begin anew.
async fn remembered(store: &Store, epochs: &[(u64, u64)]) {
    let mut seen: Vec<u64> = Vec::new();
    let mut above: BTreeMap<u64, u64> = BTreeMap::new();
    for (index, &(epoch, skew)) in epochs.iter().enumerate() {
        let kept = seen
            .iter()
            .rev()
            .take(usize::try_from(EPOCHS_MAX).unwrap())
            .any(|seen| *seen == epoch);
        let sequence = if kept { above[&epoch] + 1 } else { 1 };
        seen.retain(|seen| *seen != epoch);
        seen.push(epoch);
        above.insert(epoch, sequence);
        let event = (spool("hq", epoch), SpoolEvent::Push(sequence, push(1, 100)));
        let now_ms = (index as u64 + 1 + skew) * 2 * MINUTE_MS;
        let taken = store.push_take(&[event], now_ms, 0).await.unwrap();
        assert_eq!(taken.watermarks, [(spool("hq", epoch), sequence)]);
    }
}
