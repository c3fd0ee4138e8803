//! From publishers to the connection of one consumer: straight across while nothing waits in the router, through the
//! router otherwise.
//!
//! A thread that sleeps takes long to wake, and a message through the router wakes two. So a frame is put straight into
//! the consumer's hands when no earlier one is still in the router; otherwise it goes the same way as those before it.
//! Both are decided and counted under one lock, which is what keeps the order: frames put straight across while others
//! are in the router do not exist, so whatever lies here is older than whatever comes out of the router.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use futures_util::task::AtomicWaker;

use crate::lock;

/// Frames that lie here beyond this many bytes go through the router. A few turns of all publishers of a tenant, since the
/// consumer has its own only after theirs; its window bounds what waits in both.
const DIRECT_BYTES_MAX: usize = 1_048_576;
/// Room that is kept for the next frames once all are taken.
const KEPT_FRAMES: usize = 32;

/// Wakes a session's writer.
pub(crate) type Bell = Arc<AtomicWaker>;

/// Frames on their way to one consumer.
#[derive(Debug)]
pub(crate) struct Handover {
    bell: Bell,
    direct_bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Frames that were sent to the router and have not come out of it.
    routed: usize,
}

impl Handover {
    /// For a consumer whose further frames wait in the router.
    pub(super) fn before_router(bell: Bell) -> Self {
        Self::new(bell, DIRECT_BYTES_MAX)
    }

    /// For a consumer that has no link: all its frames lie here, and its window alone bounds them.
    pub(super) fn without_router(bell: Bell) -> Self {
        Self::new(bell, usize::MAX)
    }

    fn new(bell: Bell, direct_bytes_max: usize) -> Self {
        Self {
            bell,
            direct_bytes_max,
            state: Mutex::default(),
        }
    }

    /// Puts a frame into the consumer's hands, or counts it as sent to the router and gives it back for that.
    #[must_use]
    pub(super) fn put(&self, frame: Bytes) -> Option<Bytes> {
        let mut state = lock(&self.state);
        let fits = state.bytes.saturating_add(frame.len()) <= self.direct_bytes_max;
        if state.routed > 0 || !fits {
            state.routed += 1;
            return Some(frame);
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        drop(state);
        self.bell.wake();
        None
    }

    /// Whether nothing lies here.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.state).frames.is_empty()
    }

    /// Whether a frame lies here or is still in the router.
    pub(crate) fn waits(&self) -> bool {
        let state = lock(&self.state);
        state.routed > 0 || !state.frames.is_empty()
    }

    /// The next frame that lies here.
    pub(crate) fn take(&self) -> Option<Bytes> {
        let mut state = lock(&self.state);
        let frame = state.frames.pop_front()?;
        state.bytes -= frame.len();
        if state.frames.is_empty() && state.frames.capacity() > KEPT_FRAMES {
            state.frames = VecDeque::new();
        }
        Some(frame)
    }

    /// Waits for the next frame that lies here; for a consumer without a connection. Dropping the future loses nothing.
    pub(crate) async fn next(&self) -> Bytes {
        poll_fn(|cx| {
            self.bell.register(cx.waker());
            self.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Counts a frame that came out of the router; what lies here then is older and goes first.
    pub(crate) fn arrived(&self) {
        let mut state = lock(&self.state);
        state.routed = state.routed.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(number: u32, bytes: usize) -> Bytes {
        let mut frame = number.to_be_bytes().to_vec();
        frame.resize(4 + bytes, 0);
        frame.into()
    }

    #[test]
    fn frames_go_straight_across_until_they_are_too_many_and_again_when_the_router_is_empty() {
        let handover = Handover::new(Bell::default(), 10);
        assert!(!handover.waits());
        assert_eq!(handover.put(frame(1, 2)), None);
        assert!(handover.waits());
        assert!(handover.put(frame(2, 2)).is_some(), "no room");
        assert_eq!(handover.take(), Some(frame(1, 2)));
        assert!(handover.waits(), "2 is in the router");
        assert!(handover.put(frame(3, 0)).is_some(), "2 is in the router");
        handover.arrived();
        assert!(handover.put(frame(4, 0)).is_some(), "3 is in the router");
        handover.arrived();
        handover.arrived();
        assert_eq!(handover.put(frame(5, 0)), None);
        assert_eq!(handover.take(), Some(frame(5, 0)));
        assert_eq!(handover.take(), None);
        assert!(!handover.waits());
    }

    #[test]
    fn without_a_router_everything_lies_here() {
        let handover = Handover::without_router(Bell::default());
        (0..1_000).for_each(|number| assert_eq!(handover.put(frame(number, 1_000)), None));
        (0..1_000).for_each(|number| assert_eq!(handover.take(), Some(frame(number, 1_000))));
        assert_eq!(lock(&handover.state).frames.capacity(), 0);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Publish(usize),
        Route,
        Take,
        Receive,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_usize..12).prop_map(Step::Publish),
            Just(Step::Route),
            Just(Step::Take),
            Just(Step::Receive),
        ]
    }

    proptest! {
        /// Whatever the publishers, the router and the writer do in which order, the consumer sees one order.
        #[test]
        fn the_consumer_sees_frames_in_the_order_of_their_publishing(steps in prop::collection::vec(step(), 1..200)) {
            let handover = Handover::new(Bell::default(), 24);
            let (mut router, mut link) = (VecDeque::new(), VecDeque::new());
            let (mut published, mut seen) = (0_u32, Vec::new());
            let see = |seen: &mut Vec<u32>, frame: Bytes| {
                seen.push(u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]));
            };
            let receive = |seen: &mut Vec<u32>, link: &mut VecDeque<Bytes>| {
                // As the writer does: a frame out of the router waits until what lies here is taken.
                if let Some(frame) = link.pop_front() {
                    while let Some(older) = handover.take() {
                        see(seen, older);
                    }
                    see(seen, frame);
                    handover.arrived();
                }
            };
            for step in steps {
                match step {
                    Step::Publish(bytes) => {
                        router.extend(handover.put(frame(published, bytes)));
                        published += 1;
                    }
                    Step::Route => link.extend(router.pop_front()),
                    Step::Take => if let Some(frame) = handover.take() { see(&mut seen, frame) },
                    Step::Receive => receive(&mut seen, &mut link),
                }
            }
            link.append(&mut router);
            while !link.is_empty() {
                receive(&mut seen, &mut link);
            }
            while let Some(frame) = handover.take() {
                see(&mut seen, frame);
            }
            prop_assert_eq!(seen, (0..published).collect::<Vec<_>>());
        }
    }
}
