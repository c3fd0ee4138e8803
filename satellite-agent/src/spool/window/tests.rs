use proptest::prelude::*;

use super::*;

fn head(id: u64, dataset: u16, bytes: u64) -> Head {
    Head { id, dataset, bytes }
}

fn window(bytes_max: u64, heads: &[Head]) -> Window {
    let mut window = Window::new(bytes_max);
    window.learn(heads);
    window
}

fn all(window: &mut Window) -> Vec<u64> {
    std::iter::from_fn(|| window.next()).collect()
}

#[test]
fn unacked_bytes_are_bounded_but_one_message_always_goes() {
    let heads = [
        head(1, 0, 500),
        head(2, 0, 60),
        head(3, 0, 40),
        head(4, 0, 1),
    ];
    let mut window = window(100, &heads);
    assert_eq!(all(&mut window), [1]);
    assert!(window.acked(1));
    assert_eq!(all(&mut window), [2, 3]);
}

#[test]
fn acks_are_cumulative_and_old_ones_change_nothing() {
    let heads: Vec<_> = (1..=3).map(|id| head(id, 0, 10)).collect();
    let mut window = window(100, &heads);
    assert_eq!(all(&mut window), [1, 2, 3]);
    assert!(window.acked(2));
    assert!(window.waits());
    assert!(!window.acked(1));
    assert_eq!(window.sent_bytes, 10);
    assert!(window.acked(3));
    assert!(!window.waits());
    assert_eq!(window.wants(), Some((3, AHEAD_MAX as usize)));
}

#[test]
fn what_one_dataset_piled_up_does_not_hold_back_the_others() {
    let mut heads: Vec<_> = (1..=50).map(|id| head(id, 0, 100)).collect();
    heads.extend([head(51, 1, 100), head(52, 1, 100), head(53, 2, 100)]);
    let mut window = window(1_000, &heads);
    // Each dataset in its order; what is ahead has half of the window.
    assert_eq!(all(&mut window), [1, 51, 53, 2, 52, 3, 4, 5, 6, 7]);
    assert!(window.acked(1));
    assert_eq!(all(&mut window), [8]);
}

#[test]
fn a_flood_of_others_leaves_the_oldest_its_half() {
    let mut heads = vec![head(1, 0, 100), head(2, 0, 100)];
    heads.extend((3..100).map(|id| head(id, 1, 10)));
    heads.extend((100..150).map(|id| head(id, 0, 100)));
    let mut window = window(1_000, &heads);
    let sent = all(&mut window);
    assert!(window.ahead_bytes <= 500 && window.sent_bytes <= 1_000);
    assert_eq!(sent.iter().filter(|id| **id < 3).count(), 2);
}

#[test]
fn it_opens_with_what_arrives_and_closes_when_nothing_does() {
    let heads: Vec<_> = (1..=200).map(|id| head(id, 0, 8_192)).collect();
    let mut window = window(262_144, &heads);
    assert_eq!(all(&mut window), [1, 2, 3, 4]);
    window.acked(4);
    assert_eq!(all(&mut window).len(), 8, "twice as much");
    window.acked(12);
    assert_eq!(all(&mut window).len(), 16);
    window.acked(28);
    assert_eq!(all(&mut window).len(), 32, "all that it may");
    window.acked(60);
    assert_eq!(all(&mut window).len(), 32);
    window.rewind();
    window.learn(&heads[60..]);
    assert_eq!(all(&mut window).len(), 16, "half");
}

#[test]
fn nothing_goes_further_ahead_than_the_centre_keeps() {
    let mut window = window(1 << 20, &[head(1, 0, 40_000)]);
    assert_eq!(all(&mut window), [1]);
    let heads: Vec<_> = (2..=6_000).map(|id| head(id, 1, 1)).collect();
    window.learn(&heads);
    assert_eq!(window.wants(), None, "it looks no further");
    assert!(all(&mut window).iter().all(|id| *id <= 1 + AHEAD_MAX));
}

#[test]
fn a_rewind_reads_from_the_oldest_again() {
    let mut window = window(100, &[head(7, 0, 90)]);
    assert_eq!(all(&mut window), [7]);
    window.rewind();
    assert!(!window.waits());
    assert_eq!(window.wants().map(|(after, _)| after), Some(0));
}

#[test]
fn waits_grow_until_an_ack_comes() {
    let mut window = window(100, &[head(1, 0, 10)]);
    all(&mut window);
    let waits: Vec<_> = (0..8).map(|_| window.next_wait()).collect();
    assert!(waits[0] <= Duration::from_millis(RESEND_MS_MIN));
    assert!(waits[7] > Duration::from_millis(RESEND_MS_MAX / 2 - 1));
    window.acked(0);
    assert!(
        window.next_wait() > Duration::from_millis(RESEND_MS_MIN),
        "no progress, no reset"
    );
    window.acked(1);
    assert!(window.next_wait() <= Duration::from_millis(RESEND_MS_MIN));
}

proptest! {
    /// Whatever comes in whatever order, and as long as what went is acknowledged in order: all goes, once, each dataset in
    /// its order, and never more than the window.
    #[test]
    fn all_goes_once_and_in_order(messages in proptest::collection::vec((0u16..4, 1u64..60_000), 1..300), pieces in 1usize..50) {
        let heads: Vec<_> = messages.iter().zip(1..).map(|((dataset, bytes), id)| head(id, *dataset, *bytes)).collect();
        let mut window = Window::new(100_000);
        let mut waiting = heads.chunks(pieces);
        let mut rounds = 0;
        let (mut gone, mut through) = (std::collections::BTreeSet::new(), 0);
        let mut order: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        loop {
            rounds += 1;
            prop_assert!(rounds < 2_000, "it stands still at {}", through);
            window.learn(waiting.next().unwrap_or_default());
            let sent = all(&mut window);
            for id in &sent {
                prop_assert!(gone.insert(*id), "{} went twice", id);
                order.entry(heads[*id as usize - 1].dataset).or_default().push(*id);
            }
            // And one message, whatever its size.
            prop_assert!(window.sent_bytes <= 160_000);
            while gone.contains(&(through + 1)) {
                through += 1;
            }
            window.acked(through);
            if through == heads.len() as u64 {
                break;
            }
        }
        prop_assert!(order.values().all(|ids| ids.is_sorted()));
    }
}
