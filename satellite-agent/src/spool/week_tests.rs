//! The promise of a week: seven days without a link cost nothing that the limits hold, and what comes back comes in order,
//! in turns, and no faster than it is taken.

use std::collections::BTreeMap;

use super::tests::{Place, START_MS};
use super::window::Window;
use super::*;

const MINUTE_MS: u64 = 60_000;
const WEEK_MINUTES: u64 = 7 * 24 * 60;
/// What a full window holds; the default of `spool.window_bytes` is larger.
const WINDOW_BYTES: u64 = 262_144;

/// A chatty dataset each five minutes, a quiet one each hour; the body begins with the minute.
fn pushes(minute: u64) -> Vec<NewMessage> {
    let of = |dataset: &str, bytes: usize| {
        let mut body = minute.to_be_bytes().to_vec();
        body.resize(bytes, 7);
        NewMessage {
            dataset: dataset.parse().unwrap(),
            version: 1,
            shape: Shape::Rows,
            captured_at_ms: START_MS + minute * MINUTE_MS,
            body: body.into(),
        }
    };
    let chatty = minute.is_multiple_of(5).then(|| of("alerts", 6_000));
    let quiet = minute.is_multiple_of(60).then(|| of("backup-jobs", 600));
    chatty.into_iter().chain(quiet).collect()
}

fn minute(kept: &Kept) -> u64 {
    u64::from_be_bytes(kept.message.body[..8].try_into().unwrap())
}

/// What became of the pushes of a time without a link.
#[derive(Default)]
struct Outage {
    taken: u64,
    refused: u64,
    expired: u64,
    told: BTreeMap<String, u64>,
}

impl Outage {
    /// Lives through it, with a restart of the agent each day.
    async fn of(place: &Place, minutes: u64) -> (Self, Spool) {
        let (mut outage, mut spool) = (Self::default(), place.open().await);
        for now in 0..minutes {
            for message in pushes(now) {
                match spool.append(&message).await {
                    Ok(_) => outage.taken += 1,
                    Err(SpoolError::Full { .. }) => outage.refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            place.hand.advance(MINUTE_MS);
            // As the sender does each ten minutes.
            if now.is_multiple_of(10) {
                outage.expire(&spool).await;
            }
            if now % 1_440 == 1_439 {
                drop(spool);
                spool = place.open().await;
            }
        }
        outage.expire(&spool).await;
        (outage, spool)
    }

    async fn expire(&mut self, spool: &Spool) {
        let Some(expired) = spool.expire().await.unwrap() else {
            return;
        };
        self.expired += expired.messages;
        for (dataset, count) in expired.by_dataset {
            *self.told.entry(dataset.to_string()).or_default() += count;
        }
    }
}

/// What came to a centre that acknowledges once for each window.
#[derive(Default)]
struct Drained {
    minutes: BTreeMap<String, Vec<u64>>,
    /// Messages that had come when the last of each dataset came.
    done_at: BTreeMap<String, usize>,
    round_trips: u64,
    bytes_at_once_max: u64,
}

async fn drain(spool: &Spool) -> Drained {
    let (mut window, mut drained) = (Window::new(WINDOW_BYTES), Drained::default());
    let (mut seen, mut through, mut count) = (BTreeMap::new(), 0, 0);
    loop {
        let mut bytes = 0;
        loop {
            if let Some((after, many)) = window.wants() {
                window.learn(&spool.heads(after, many).await.unwrap());
            }
            let Some(id) = window.next() else { break };
            let kept = spool.read(id).await.unwrap().unwrap();
            bytes += kept.message.body.len() as u64;
            count += 1;
            let dataset = kept.message.dataset.to_string();
            drained.done_at.insert(dataset.clone(), count);
            drained
                .minutes
                .entry(dataset)
                .or_default()
                .push(minute(&kept));
            seen.insert(kept.receipt.sequence, kept.receipt.epoch);
        }
        if bytes == 0 {
            return drained;
        }
        drained.round_trips += 1;
        drained.bytes_at_once_max = drained.bytes_at_once_max.max(bytes);
        through = through.max(spool.marks().await.unwrap().acked_sequence);
        while seen.remove(&(through + 1)).is_some() {
            through += 1;
        }
        let epoch = spool.marks().await.unwrap().epoch;
        if let Acked::Through(id) = spool.acknowledge(epoch, through).await.unwrap() {
            window.acked(id);
        }
    }
}

fn place(age_days: u64, bytes_max: u64) -> Place {
    let mut place = Place::new();
    place.options.age_ms_max = age_days * 24 * 60 * MINUTE_MS;
    place.options.bytes_max = bytes_max;
    place
}

#[tokio::test]
async fn a_week_without_a_link_loses_nothing_and_comes_back_in_order_and_in_turns() {
    let place = place(7, 64 << 20);
    let (outage, spool) = Outage::of(&place, WEEK_MINUTES).await;
    assert_eq!((outage.refused, outage.expired), (0, 0));
    assert_eq!(outage.taken, WEEK_MINUTES / 5 + WEEK_MINUTES / 60);

    let drained = drain(&spool).await;
    for (dataset, every) in [("alerts", 5), ("backup-jobs", 60)] {
        let expected: Vec<u64> = (0..WEEK_MINUTES).step_by(every).collect();
        assert_eq!(drained.minutes[dataset], expected, "{dataset}");
    }
    // The window opens from 32 KiB on and never holds more than it may.
    assert!(
        drained.bytes_at_once_max <= WINDOW_BYTES,
        "{}",
        drained.bytes_at_once_max
    );
    assert!(
        drained.round_trips >= 12_000_000 / WINDOW_BYTES,
        "{}",
        drained.round_trips
    );
    let marks = spool.marks().await.unwrap();
    assert_eq!((marks.messages, marks.bytes, marks.expired), (0, 0, 0));
}

#[tokio::test]
async fn what_is_older_than_the_limit_is_told_by_dataset_and_all_that_is_younger_comes() {
    let place = place(5, 64 << 20);
    let (outage, spool) = Outage::of(&place, WEEK_MINUTES).await;
    let first = WEEK_MINUTES - 5 * 24 * 60;
    assert_eq!(outage.told["alerts"], first / 5);
    assert_eq!(outage.told["backup-jobs"], first / 60);
    assert_eq!(outage.expired, first / 5 + first / 60);
    assert_eq!(spool.marks().await.unwrap().expired, outage.expired);
    let drained = drain(&spool).await;
    for (dataset, every) in [("alerts", 5), ("backup-jobs", 60)] {
        let expected: Vec<u64> = (first..WEEK_MINUTES).step_by(every).collect();
        assert_eq!(drained.minutes[dataset], expected, "{dataset}");
    }
}

#[tokio::test]
async fn a_spool_that_is_full_refuses_to_the_flows_face_and_keeps_what_it_took() {
    let place = place(7, 4 << 20);
    let (outage, spool) = Outage::of(&place, WEEK_MINUTES).await;
    assert!(outage.refused > 0 && outage.expired == 0);
    let marks = spool.marks().await.unwrap();
    assert_eq!(marks.messages, outage.taken);
    assert!(marks.bytes <= 4 << 20);
    let drained = drain(&spool).await;
    let came: usize = drained.minutes.values().map(Vec::len).sum();
    assert_eq!(came as u64, outage.taken);
    for minutes in drained.minutes.values() {
        assert!(minutes.is_sorted_by(|a, b| a < b));
    }
}

/// What one flow piled up alone does not hold back the other's: both begin at once.
#[tokio::test]
async fn what_is_little_does_not_wait_for_what_is_much() {
    let place = place(7, 64 << 20);
    let spool = place.open().await;
    let all = (0..WEEK_MINUTES).flat_map(pushes);
    let (many, few): (Vec<_>, Vec<_>) = all.partition(|one| one.dataset.as_str() == "alerts");
    for message in many.iter().take(500).chain(&few[..20]) {
        spool.append(message).await.unwrap();
    }
    let drained = drain(&spool).await;
    assert!(
        drained.done_at["backup-jobs"] < 250,
        "{:?}",
        drained.done_at
    );
    assert_eq!(drained.done_at["alerts"], 520);
}
