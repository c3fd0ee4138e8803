//! Power loss and bad disks: the files are cut at every byte and flipped at every byte; what is whole is sent, what is not is
//! kept aside and told, and no number comes twice.

use proptest::prelude::*;

use super::tests::{Place, START_MS, all, message};
use super::*;

/// A spool of `count` messages that are all on the disk, closed by a kill; and where each begins in its only file.
async fn filled(place: &Place, count: u32) -> (Vec<u8>, Vec<usize>) {
    let spool = place.open().await;
    let mut starts = Vec::new();
    for n in 1..=count {
        let length = place
            .files()
            .first()
            .map_or(0, |path| path.metadata().unwrap().len());
        starts.push(usize::try_from(length).unwrap());
        spool.append(&message(n)).await.unwrap();
    }
    drop(spool);
    (std::fs::read(&place.files()[0]).unwrap(), starts)
}

/// The spool with this in its file, and otherwise as it was after the kill.
async fn reopened(place: &Place, bytes: &[u8]) -> Spool {
    for file in place.files() {
        std::fs::remove_file(file).unwrap();
    }
    let _ = std::fs::remove_dir_all(place.options.path.join("damaged"));
    std::fs::remove_file(place.options.path.join("state")).unwrap();
    std::fs::copy(
        place.options.path.join("../state"),
        place.options.path.join("state"),
    )
    .unwrap();
    std::fs::write(place.options.path.join(format!("{:020}.log", 1)), bytes).unwrap();
    place.open().await
}

fn remember_state(place: &Place) {
    let state = place.options.path.join("state");
    std::fs::copy(state, place.options.path.join("../state")).unwrap();
}

fn numbers(kept: &[Kept]) -> Vec<u64> {
    kept.iter().map(|kept| kept.receipt.sequence).collect()
}

#[tokio::test]
async fn cut_at_every_byte_of_the_last_records() {
    let place = Place::new();
    let (whole, starts) = filled(&place, 4).await;
    remember_state(&place);
    for end in starts[1]..=whole.len() {
        let spool = reopened(&place, &whole[..end]).await;
        let complete = starts
            .iter()
            .skip(1)
            .chain([&whole.len()])
            .filter(|at| **at <= end)
            .count();
        let kept = all(&spool).await;
        assert_eq!(
            numbers(&kept),
            (1..=complete as u64).collect::<Vec<_>>(),
            "cut at {end}"
        );
        for (kept, n) in kept.iter().zip(1..) {
            assert_eq!(kept.message, message(n));
        }
        let torn = end
            - starts
                .get(complete)
                .copied()
                .unwrap_or(whole.len())
                .min(end);
        let told = spool.marks().await.unwrap().damaged;
        assert_eq!(
            (told, place.aside().concat().len()),
            (u64::from(torn > 0), torn),
            "cut at {end}"
        );
        // What was torn may have been sent: its number is not given again.
        let next = spool.append(&message(9)).await.unwrap();
        assert!(
            next.sequence > complete as u64 + u64::from(torn > 0),
            "cut at {end}"
        );
        let epoch = next.epoch;
        assert_eq!(epoch, START_MS);
        drop(spool);
        // The next start finds the same and tells nothing anew.
        let spool = place.open().await;
        let again = all(&spool).await;
        assert_eq!(again.len(), complete + 1, "cut at {end}");
        assert_eq!(again.last().unwrap().receipt, next);
        assert_eq!(spool.marks().await.unwrap().damaged, told);
        // All of it can be acknowledged, the gap included.
        spool.acknowledge(epoch, next.sequence).await.unwrap();
        let marks = spool.marks().await.unwrap();
        assert_eq!(
            (marks.messages, marks.bytes, marks.acked_sequence),
            (0, 0, next.sequence)
        );
    }
}

#[tokio::test]
async fn flipped_at_every_byte() {
    let place = Place::new();
    let (whole, starts) = filled(&place, 3).await;
    remember_state(&place);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        let spool = reopened(&place, &bytes).await;
        let hit = starts.iter().rposition(|start| *start <= at).unwrap();
        let kept = all(&spool).await;
        let expected: Vec<u64> = (1..=3).filter(|n| *n != hit as u64 + 1).collect();
        assert_eq!(numbers(&kept), expected, "flipped at {at}");
        for kept in &kept {
            assert_eq!(
                kept.message,
                message(u32::try_from(kept.receipt.sequence).unwrap())
            );
        }
        assert_eq!(spool.marks().await.unwrap().damaged, 1);
        let end = starts.get(hit + 1).copied().unwrap_or(whole.len());
        assert_eq!(
            place.aside(),
            [bytes[starts[hit]..end].to_vec()],
            "flipped at {at}"
        );
        assert!(spool.append(&message(9)).await.unwrap().sequence > 3);
        // The gap does not hold back what is around it.
        spool.acknowledge(START_MS, hit as u64).await.unwrap();
        let acked = spool.marks().await.unwrap().acked_sequence;
        assert!(
            acked > hit as u64,
            "the centre is told that {} never comes",
            hit + 1
        );
    }
}

#[tokio::test]
async fn what_rots_while_the_agent_runs_is_not_sent() {
    let place = Place::new();
    let spool = place.open().await;
    for n in 1..=3 {
        spool.append(&message(n)).await.unwrap();
    }
    let path = &place.files()[0];
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(path, &bytes).unwrap();
    assert_eq!(numbers(&all(&spool).await), [1, 3]);
    let marks = spool.marks().await.unwrap();
    assert_eq!((marks.messages, marks.damaged), (2, 1));
    assert_eq!(place.aside().len(), 1);
    drop(spool);
    let spool = place.open().await;
    assert_eq!(numbers(&all(&spool).await), [1, 3]);
    assert_eq!(spool.marks().await.unwrap().damaged, 1, "it is told once");
}

#[tokio::test]
async fn messages_that_vanished_whole_are_told() {
    let place = Place::new();
    let (whole, starts) = filled(&place, 4).await;
    let spool = place.open().await;
    // The state says that there were four.
    spool.acknowledge(START_MS, 1).await.unwrap();
    spool.close().await;
    drop(spool);
    std::fs::write(&place.files()[0], &whole[..starts[2]]).unwrap();
    let spool = place.open().await;
    assert_eq!(numbers(&all(&spool).await), [2]);
    assert_eq!(spool.marks().await.unwrap().damaged, 1);
    assert_eq!(spool.append(&message(5)).await.unwrap().sequence, 5);
    drop(spool);
    let spool = place.open().await;
    assert_eq!(numbers(&all(&spool).await), [2, 5]);
    assert_eq!(spool.marks().await.unwrap().damaged, 1, "it is told once");
}

#[tokio::test]
async fn without_its_state_a_spool_sends_all_again() {
    let place = Place::new();
    filled(&place, 3).await;
    place.hand.advance(5);
    std::fs::write(place.options.path.join("state"), [9; 1024]).unwrap();
    let spool = place.open().await;
    let kept = all(&spool).await;
    assert_eq!(numbers(&kept), [1, 2, 3]);
    assert_eq!(kept[0].receipt.epoch, START_MS + 5);
    assert_eq!(spool.marks().await.unwrap().damaged, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    /// Any bytes of the file overwritten, and any tail dropped: what is read was written, in order, and all of it that was
    /// not touched.
    #[test]
    fn nothing_damaged_is_sent_and_nothing_whole_is_lost(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 1..12),
        hits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<proptest::sample::Index>(),
        is_cut: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let place = Place::new();
            let spool = place.open().await;
            let (mut ends, mut written) = (Vec::new(), Vec::new());
            for (n, body) in (1..).zip(&bodies) {
                let message = NewMessage { body: body.clone().into(), ..message(n) };
                spool.append(&message).await.unwrap();
                ends.push(place.files()[0].metadata().unwrap().len() as usize);
                written.push(message);
            }
            drop(spool);
            let mut bytes = std::fs::read(&place.files()[0]).unwrap();
            let mut touched: Vec<usize> = Vec::new();
            for (index, value) in &hits {
                let at = index.index(bytes.len());
                if bytes[at] != *value {
                    bytes[at] = *value;
                    touched.push(at);
                }
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            std::fs::write(&place.files()[0], &bytes).unwrap();
            let spool = place.open().await;
            let read: Vec<_> = all(&spool).await.into_iter().map(|kept| kept.message).collect();
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let whole: Vec<_> = starts.zip(&ends).zip(&written)
                .filter(|((start, end), _)| **end <= bytes.len() && !touched.iter().any(|at| (*start..**end).contains(at)))
                .map(|(_, message)| message.clone())
                .collect();
            assert_eq!(read, whole);
            let next = spool.append(&message(99)).await.unwrap();
            let given = if is_cut { whole.len() } else { written.len() };
            assert!(next.sequence > given as u64);
        });
    }
}
