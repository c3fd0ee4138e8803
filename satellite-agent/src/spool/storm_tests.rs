//! The promise of a reconnect: a thousand satellites that come back at once, each with a full spool, do not send more than the
//! centre takes. By a clock that is counted, over the rules alone; `tests/storm.rs` has a thousand agents and a broker.

use std::collections::{BTreeMap, VecDeque};

use super::Head;
use super::window::Window;
use crate::jitter;
use crate::supervisor::SPREAD;

const SATELLITES: usize = 1_000;
const MESSAGES: u64 = 100;
const BYTES: u64 = 6_000;
const WINDOW_BYTES: u64 = 262_144;
const STEP_MS: u64 = 100;
const SECOND_MS: u64 = 1_000;
const LIMIT_MS: u64 = 600_000;

struct Satellite {
    comes_ms: u64,
    window: Window,
    /// Through where the centre has it.
    acked: u64,
    resends_ms: u64,
}

impl Satellite {
    fn new() -> Self {
        let comes_ms = u64::try_from(jitter::up_to(SPREAD).as_millis()).unwrap();
        Self {
            comes_ms,
            window: Window::new(WINDOW_BYTES),
            acked: 0,
            resends_ms: u64::MAX,
        }
    }

    /// What it sends now.
    fn send(&mut self, now_ms: u64) -> Vec<u64> {
        if now_ms < self.comes_ms {
            return Vec::new();
        }
        if now_ms >= self.resends_ms {
            self.window.rewind();
            self.resends_ms = u64::MAX;
        }
        let waited = self.window.waits();
        let mut sent = Vec::new();
        loop {
            if let Some((after, count)) = self.window.wants() {
                let first = after.max(self.acked) + 1;
                let heads = (first..=MESSAGES).take(count).map(|id| Head {
                    id,
                    dataset: 0,
                    bytes: BYTES,
                });
                self.window.learn(&heads.collect::<Vec<_>>());
            }
            let Some(id) = self.window.next() else { break };
            sent.push(id);
        }
        if !waited && self.window.waits() {
            self.patience(now_ms);
        }
        sent
    }

    fn patience(&mut self, now_ms: u64) {
        let wait_ms = u64::try_from(self.window.next_wait().as_millis()).unwrap();
        self.resends_ms = now_ms + wait_ms;
    }
}

/// What the centre saw.
#[derive(Debug, Default)]
struct Seen {
    messages: u64,
    a_second_max: u64,
    waiting_max: usize,
    done_ms: u64,
}

/// A centre that takes so many messages a second, new or not, and acknowledges what it took.
fn storm(takes_a_second: u64) -> Seen {
    let mut satellites: Vec<Satellite> = (0..SATELLITES).map(|_| Satellite::new()).collect();
    let mut queue: VecDeque<(usize, u64)> = VecDeque::new();
    let (mut seen, mut seconds) = (Seen::default(), BTreeMap::<u64, u64>::new());
    for now_ms in (0..LIMIT_MS).step_by(usize::try_from(STEP_MS).unwrap()) {
        for (index, satellite) in satellites.iter_mut().enumerate() {
            let sent = satellite.send(now_ms);
            *seconds.entry(now_ms / SECOND_MS).or_default() += sent.len() as u64;
            queue.extend(sent.into_iter().map(|id| (index, id)));
        }
        seen.waiting_max = seen.waiting_max.max(queue.len());
        for _ in 0..takes_a_second * STEP_MS / SECOND_MS {
            let Some((index, id)) = queue.pop_front() else {
                break;
            };
            let satellite = &mut satellites[index];
            if id == satellite.acked + 1 {
                satellite.acked = id;
                if satellite.window.acked(id) {
                    satellite.patience(now_ms);
                }
            }
        }
        if satellites
            .iter()
            .all(|satellite| satellite.acked == MESSAGES)
        {
            seen.done_ms = now_ms;
            break;
        }
    }
    seen.messages = seconds.values().sum();
    seen.a_second_max = seconds.values().copied().max().unwrap_or(0);
    seen
}

#[test]
fn a_thousand_at_once_send_at_most_twice_what_the_centre_takes() {
    let all = SATELLITES as u64 * MESSAGES;
    // 32 KiB each before the first ack, in four seconds.
    let first_a_second =
        SATELLITES as u64 * (32_768 / BYTES) * SECOND_MS / SPREAD.as_millis() as u64;
    for takes_a_second in [2_000, 5_000, 10_000] {
        let seen = storm(takes_a_second);
        println!("a centre that takes {takes_a_second} messages a second: {seen:?}");
        let bound = 2 * takes_a_second + first_a_second + first_a_second / 5;
        assert!(seen.a_second_max <= bound, "above {bound}: {seen:?}");
        // A centre that is slow for long is sent something twice, not all of it.
        assert!((all..all * 8 / 5).contains(&seen.messages), "{seen:?}");
        let at_best_ms = all * SECOND_MS / takes_a_second;
        assert!(
            (1..at_best_ms * 8 / 5 + 5_000).contains(&seen.done_ms),
            "{seen:?}"
        );
    }
}
