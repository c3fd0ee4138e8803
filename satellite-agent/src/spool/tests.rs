use super::*;
use spokegate_daemon::ManualClock;
use tempfile::TempDir;

pub(super) const START_MS: u64 = 1_800_000_000_000;
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
    let kept = all(&spool).await;
    assert_eq!(
        kept.iter().map(|k| k.receipt.sequence).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(kept[1].message, message(2));
    assert_eq!(spool.heads(kept[1].id, 10).await.unwrap().len(), 1);
    assert_eq!(spool.heads(0, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_ack_removes_what_it_covers_and_nothing_else() {
    let place = Place::new();
    let spool = place.open().await;
    for n in 1..=4 {
        spool.append(&message(n)).await.unwrap();
        place.hand.advance(1_000);
    }
    assert_eq!(spool.marks().await.unwrap().oldest_ms, Some(START_MS));
    assert_eq!(
        spool.acknowledge(START_MS, 2).await.unwrap(),
        Acked::Through(2)
    );
    assert_eq!(marks(&spool).await, (START_MS, 4, 2, 2));
    assert_eq!(
        spool.marks().await.unwrap().oldest_ms,
        Some(START_MS + 2_000)
    );
    assert_eq!(
        spool.acknowledge(START_MS, 1).await.unwrap(),
        Acked::Through(1)
    );
    assert_eq!(marks(&spool).await, (START_MS, 4, 2, 2));
    assert_eq!(
        spool.acknowledge(START_MS, 4).await.unwrap(),
        Acked::Through(4)
    );
    let marks = spool.marks().await.unwrap();
    assert_eq!((marks.bytes, marks.oldest_ms), (0, None));
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
    let kept = all(&spool).await;
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
    std::fs::remove_dir_all(&place.options.path).unwrap();
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
    place.options.bytes_max = 3_000;
    let spool = place.open().await;
    let of = |bytes: usize| NewMessage {
        body: vec![7; bytes].into(),
        ..message(1)
    };
    spool.append(&of(2_000)).await.unwrap();
    let refused = spool.append(&of(1_000)).await.unwrap_err().to_string();
    let expected = format!(
        "the spool {} is full: it may hold 3000 bytes (spool.bytes_max) and has 2063",
        place.options.path.display()
    );
    assert_eq!(refused, expected);
    // Small ones count as much as a sector.
    assert_eq!(
        spool.append(&of(1)).await.unwrap().sequence,
        2,
        "a refused message takes no number"
    );
    spool.append(&of(1)).await.unwrap_err();
    spool.acknowledge(START_MS, 1).await.unwrap();
    spool.append(&of(2_000)).await.unwrap();
    assert_eq!(spool.marks().await.unwrap().bytes, 2_575);
}

#[tokio::test]
async fn what_is_too_old_goes_with_a_count_and_the_rest_stays() {
    let place = Place::new();
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    place.hand.advance(HOUR_MS);
    spool.append(&message(2)).await.unwrap();
    assert_eq!(spool.expire().await.unwrap(), None);
    place.hand.advance(1);
    let expired = spool.expire().await.unwrap().unwrap();
    assert_eq!(expired.messages, 1);
    assert_eq!(expired.by_dataset, [("backup-jobs".parse().unwrap(), 1)]);
    let kept = all(&spool).await;
    assert_eq!(kept.len(), 1);
    // The centre learns from the marks that number 1 never comes.
    assert_eq!(
        (kept[0].receipt.epoch, kept[0].receipt.sequence),
        (START_MS, 2)
    );
    assert_eq!(marks(&spool).await, (START_MS, 2, 1, 1));
    assert_eq!(kept[0].message, message(2));
    assert_eq!(spool.expire().await.unwrap(), None);
    drop(spool);
    let marks = place.open().await.marks().await.unwrap();
    assert_eq!(
        (marks.expired, marks.messages, marks.acked_sequence),
        (1, 1, 1)
    );
}

/// A message an hour for eight days without a link, and an agent that is restarted each day.
#[tokio::test]
async fn a_week_without_a_link_costs_nothing_and_what_is_older_is_counted() {
    let mut place = Place::new();
    place.options.age_ms_max = 168 * HOUR_MS;
    let mut spool = place.open().await;
    let mut dropped = 0;
    for hour in 1..=192 {
        assert_eq!(
            spool.append(&message(hour)).await.unwrap().sequence,
            u64::from(hour)
        );
        place.hand.advance(HOUR_MS);
        dropped += spool
            .expire()
            .await
            .unwrap()
            .map_or(0, |expired| expired.messages);
        if hour == 168 {
            assert_eq!(dropped, 0, "a week is kept whole");
        }
        if hour % 24 == 0 {
            drop(spool);
            spool = place.open().await;
        }
    }
    let kept = all(&spool).await;
    assert_eq!(dropped + kept.len() as u64, 192);
    assert_eq!(dropped, 24);
    for (kept, hour) in kept.iter().zip(25..) {
        assert_eq!(
            (kept.receipt.sequence, &kept.message),
            (u64::from(hour), &message(hour))
        );
    }
    spool.acknowledge(START_MS, 192).await.unwrap();
    assert_eq!(marks(&spool).await, (START_MS, 192, 192, 0));
}

#[tokio::test]
async fn a_message_stored_before_the_clock_was_set_is_not_old() {
    let place = Place::new();
    place.hand.set(5_000);
    let spool = place.open().await;
    spool.append(&message(1)).await.unwrap();
    place.hand.set(START_MS);
    assert_eq!(spool.expire().await.unwrap(), None);
    assert_eq!(all(&spool).await.len(), 1);
}

#[tokio::test]
async fn a_file_in_the_folders_place_is_named() {
    let place = Place::new();
    std::fs::write(&place.options.path, "a file").unwrap();
    let error = Spool::open(&place.options, place.clock.clone())
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("cannot open the spool /"),
        "{error}"
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it is a file, and a spool is a folder");
}

#[tokio::test]
async fn files_go_with_their_last_message() {
    let place = Place::new();
    let mut options = place.options.clone();
    options.bytes_max = 1 << 30;
    let spool = Spool::open(&options, place.clock.clone()).await.unwrap();
    let large = NewMessage {
        body: vec![1; 100_000].into(),
        ..message(1)
    };
    for _ in 0..40 {
        spool.append(&large).await.unwrap();
    }
    let files = || place.files().len();
    assert_eq!(files(), 4, "a file has about a megabyte");
    spool.acknowledge(START_MS, 39).await.unwrap();
    assert_eq!(files(), 1);
    spool.acknowledge(START_MS, 40).await.unwrap();
    assert_eq!(marks(&spool).await, (START_MS, 40, 40, 0));
    drop(spool);
    let spool = place.open().await;
    assert_eq!(spool.append(&message(1)).await.unwrap().sequence, 41);
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

pub(super) struct Place {
    _folder: TempDir,
    pub(super) options: SpoolOptions,
    pub(super) clock: Clock,
    pub(super) hand: ManualClock,
}

impl Place {
    pub(super) fn new() -> Self {
        // In memory: these tests open hundreds of spools.
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = folder.path().join("spool");
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

    pub(super) async fn open(&self) -> Spool {
        Spool::open(&self.options, self.clock.clone())
            .await
            .unwrap()
    }

    /// The files with messages, in order.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        listed(&self.options.path, "log")
    }

    /// The damaged pieces that are kept.
    pub(super) fn aside(&self) -> Vec<Vec<u8>> {
        let pieces = listed(&self.options.path.join("damaged"), "part");
        pieces
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }
}

fn listed(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    paths.sort();
    paths
}

/// All that may be sent, in order.
pub(super) async fn all(spool: &Spool) -> Vec<Kept> {
    let mut kept = Vec::new();
    for head in spool.heads(0, usize::MAX).await.unwrap() {
        kept.extend(spool.read(head.id).await.unwrap());
    }
    kept
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

pub(super) fn message(n: u32) -> NewMessage {
    NewMessage {
        dataset: "backup-jobs".parse().unwrap(),
        version: 1,
        shape: Shape::Rows,
        captured_at_ms: START_MS + u64::from(n),
        body: n.to_be_bytes().to_vec().into(),
    }
}
