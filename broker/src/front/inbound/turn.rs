//! Turns: no session keeps the others of its strand waiting.

/// Packets after which the other sessions of the strand have their turn.
const TURN_PACKETS: usize = 64;
/// Bytes after which they have it.
const TURN_BYTES: usize = 65_536;

/// What a session took in since others last had their turn: a client that always has more to say would else be the only
/// one that its strand serves.
#[derive(Default)]
pub(super) struct Turn {
    packets: usize,
    bytes: usize,
}

impl Turn {
    /// Counts a packet, and lets the others have their turn when it is over.
    pub(super) async fn count(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes;
        if self.packets >= TURN_PACKETS || self.bytes >= TURN_BYTES {
            *self = Self::default();
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// How often somebody else had his turn while a session took in so many packets of that size.
    async fn turns_of_others(packets: usize, bytes: usize) -> usize {
        let mut turns = 0;
        let busy = async {
            let mut turn = Turn::default();
            for _ in 0..packets {
                turn.count(bytes).await;
            }
        };
        tokio::select! {
            biased;
            () = busy => {}
            () = poll_fn(|_| { turns += 1; std::task::Poll::Pending }) => {}
        }
        turns
    }

    #[tokio::test]
    async fn a_session_that_always_has_more_to_say_leaves_others_their_turn() {
        assert_eq!(turns_of_others(TURN_PACKETS - 1, 2).await, 0);
        assert_eq!(turns_of_others(TURN_PACKETS, 2).await, 1);
        assert_eq!(turns_of_others(TURN_PACKETS * 10, 2).await, 10);
        assert_eq!(turns_of_others(2, TURN_BYTES / 2).await, 1);
        assert_eq!(turns_of_others(3, TURN_BYTES).await, 3);
    }
}
