use super::*;
use spokegate_daemon::ManualClock;
use tempfile::TempDir;

const START_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 3_600_000;

#[tokio::test]
async fn what_is_appended_is_there_after_a_reopen() {
    let place = Place::new();
    let spool = place.open().await;
    for n in 1..=3 {
        assert_eq!(
            spool.append(&message(n)).await.unwrap(),
            Receipt {
                epoch: START_MS,
                sequence: u64::from(n)
            }
        );
    }
    // Dropped, not closed: what a kill leaves behind.
    drop(spool);
    let spool = place.open().await;
    let kept = spool.after(0, 10).await.unwrap();
    assert_eq!(
        kept.iter().map(|k| k.receipt.sequence).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(kept[1].message, message(2));
    assert_eq!(spool.after(kept[1].id, 10).await.unwrap().len(), 1);
    assert_eq!(spool.after(0, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_ack_removes_what_it_covers_and_nothing_else() {
    let place = Place::new();
    let spool = place.open().await;
    for n in 1..=4 {
        spool.append(&message(n)).await.unwrap();
    }
    assert_eq!(
        spool.acknowledge(START_MS, 2).await.unwrap(),
        Acked::Through(2)
    );
    assert_eq!(marks(&spool).await, (START_MS, 4, 2, 2));
    assert_eq!(
        spool.acknowledge(START_MS, 1).await.unwrap(),
        Acked::Through(1)
    );
    assert_eq!(marks(&spool).await, (START_MS, 4, 2, 2));
    assert_eq!(
        spool.acknowledge(START_MS, 4).await.unwrap(),
        Acked::Through(4)
    );
    assert_eq!(spool.marks().await.unwrap().bytes, 0);
    // Numbers go on where they were, also when the file is empty and opened anew.
    drop(spool);
    let spool = place.open().await;
    assert_eq!(spool.append(&message(5)).await.unwrap().sequence, 5);
}

#[tokio::test]
async fn an_ack_of_another_epoch_is_ignored() {
    let place = Place::new();
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    assert_eq!(
        spool.acknowledge(START_MS - 1, 1).await.unwrap(),
        Acked::Foreign
    );
    assert_eq!(
        spool.acknowledge(START_MS + 1, 1).await.unwrap(),
        Acked::Foreign
    );
    assert_eq!(
        spool.acknowledge(u64::MAX, u64::MAX).await.unwrap(),
        Acked::Foreign
    );
    assert_eq!(marks(&spool).await, (START_MS, 1, 0, 1));
}

#[tokio::test]
async fn a_file_put_back_from_a_copy_starts_a_new_epoch() {
    let place = Place::new();
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    spool.append(&message(2)).await.unwrap();
    spool.acknowledge(START_MS, 1).await.unwrap();
    // The centre has 9 of this epoch, so this file is older than what the centre saw.
    assert_eq!(
        spool.acknowledge(START_MS, 9).await.unwrap(),
        Acked::RolledBack
    );
    assert_eq!(marks(&spool).await, (START_MS + 1, 1, 0, 1));
    let kept = spool.after(0, 10).await.unwrap();
    assert_eq!(
        (kept[0].receipt.sequence, &kept[0].message),
        (1, &message(2))
    );
    assert_eq!(
        spool.append(&message(3)).await.unwrap(),
        Receipt {
            epoch: START_MS + 1,
            sequence: 2
        }
    );
}

#[tokio::test]
async fn a_lost_file_starts_a_new_epoch() {
    let place = Place::new();
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    spool.close().await;
    std::fs::remove_file(&place.options.path).unwrap();
    place.hand.advance(5);
    let spool = place.open().await;
    assert_eq!(marks(&spool).await, (START_MS + 5, 0, 0, 0));
    assert_eq!(
        spool.append(&message(1)).await.unwrap(),
        Receipt {
            epoch: START_MS + 5,
            sequence: 1
        }
    );
}

#[tokio::test]
async fn a_full_spool_refuses_and_takes_again_after_an_ack() {
    let mut place = Place::new();
    place.options.bytes_max = 100;
    let spool = place.open().await;
    let of = |bytes: usize| NewMessage {
        body: vec![7; bytes].into(),
        ..message(1)
    };
    spool.append(&of(60)).await.unwrap();
    let refused = spool.append(&of(41)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the spool is full: it may hold 100 bytes and has 60"
    );
    assert_eq!(
        spool.append(&of(40)).await.unwrap().sequence,
        2,
        "a refused message takes no number"
    );
    spool.acknowledge(START_MS, 1).await.unwrap();
    spool.append(&of(60)).await.unwrap();
    assert_eq!(spool.marks().await.unwrap().bytes, 100);
}

#[tokio::test]
async fn what_is_too_old_goes_and_the_rest_has_a_new_epoch() {
    let place = Place::new();
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    place.hand.advance(HOUR_MS);
    spool.append(&message(2)).await.unwrap();
    assert_eq!(spool.expire().await.unwrap(), 0);
    place.hand.advance(1);
    assert_eq!(spool.expire().await.unwrap(), 1);
    let kept = spool.after(0, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        kept[0].receipt,
        Receipt {
            epoch: START_MS + HOUR_MS + 1,
            sequence: 1
        }
    );
    assert_eq!(kept[0].message, message(2));
    assert_eq!(spool.expire().await.unwrap(), 0);
}

#[tokio::test]
async fn a_message_stored_before_the_clock_was_set_is_not_old() {
    let place = Place::new();
    place.hand.set(5_000);
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    place.hand.set(START_MS);
    assert_eq!(spool.expire().await.unwrap(), 0);
    assert_eq!(spool.after(0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_damaged_file_is_named_with_what_to_do() {
    let place = Place::new();
    std::fs::write(&place.options.path, "no database at all, just text").unwrap();
    let error = Spool::open(&place.options, place.clock.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("cannot open the spool /"), "{error}");
    assert!(error.contains("move it aside"), "{error}");
}

#[tokio::test]
async fn appends_from_many_sides_get_numbers_without_holes() {
    let place = Place::new();
    let spool = place.open().await;
    let all = futures_util::future::join_all((0..50).map(|n| {
        let spool = &spool;
        async move { spool.append(&message(n)).await.unwrap().sequence }
    }));
    let mut sequences = all.await;
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=50).collect::<Vec<_>>());
}

struct Place {
    _folder: TempDir,
    options: SpoolOptions,
    clock: Clock,
    hand: ManualClock,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let (clock, hand) = Clock::manual(START_MS);
        Self {
            _folder: folder,
            options: SpoolOptions {
                path,
                bytes_max: 1_000_000,
                age_ms_max: HOUR_MS,
            },
            clock,
            hand,
        }
    }

    async fn open(&self) -> Spool {
        Spool::open(&self.options, self.clock.clone())
            .await
            .unwrap()
    }
}

async fn marks(spool: &Spool) -> (u64, u64, u64, u64) {
    let marks = spool.marks().await.unwrap();
    (
        marks.epoch,
        marks.last_sequence,
        marks.acked_sequence,
        marks.messages,
    )
}

fn message(n: u32) -> NewMessage {
    NewMessage {
        dataset: "backup-jobs".parse().unwrap(),
        version: 1,
        shape: Shape::Rows,
        captured_at_ms: START_MS + u64::from(n),
        body: n.to_be_bytes().to_vec().into(),
    }
}
