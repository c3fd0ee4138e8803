//! Waiting for what the service does, never by the clock.

use std::time::Duration;

use spokegate_contract::RequestId;
use spokegate_contract::record::{AckBody, Lane, RequestBody};

use super::sanitizer::Sanitizer;
use super::wire::Inside;

impl Sanitizer {
    /// The request of this number, once it is there.
    pub(crate) async fn request(&self, number: usize) -> RequestBody {
        self.wait(|inside| inside.requests.get(number).cloned())
            .await
    }

    /// The first acks that satisfy this, once they are there.
    pub(crate) async fn ack(&self, wanted: impl Fn(&AckBody) -> bool) -> AckBody {
        self.wait(|inside| inside.acks.iter().find(|acks| wanted(acks)).cloned())
            .await
    }

    /// Returns once everything that was sent on a lane is taken over.
    pub(crate) async fn taken_over(&self, lane: Lane) {
        self.wait(|inside| {
            inside
                .lanes
                .get(&lane)
                .is_some_and(|queue| queue.acked == queue.last)
                .then_some(())
        })
        .await;
    }

    /// Returns once so many pulls have been cancelled.
    pub(crate) async fn cancelled(&self, count: usize) {
        let cancelled = |inside: &Inside| {
            inside
                .acks
                .iter()
                .map(|acks| acks.cancel.len())
                .sum::<usize>()
        };
        self.wait(|inside| (cancelled(inside) >= count).then_some(()))
            .await;
    }

    /// Returns once a pull may run to so many chunks.
    pub(crate) async fn credit(&self, id: RequestId, chunks: u32) {
        let granted = |inside: &Inside| {
            let requested = inside
                .requests
                .iter()
                .filter(|request| request.id == id)
                .map(|request| request.credit);
            let more = inside
                .acks
                .iter()
                .flat_map(|acks| &acks.credit)
                .filter(|c| c.id == id)
                .map(|c| c.chunks);
            requested.chain(more).max().unwrap_or(0)
        };
        self.wait(|inside| (granted(inside) >= chunks).then_some(()))
            .await;
    }

    /// Returns once every lane has polled under the present boot.
    pub(crate) async fn settled(&self) {
        let all = |inside: &Inside| {
            let mut lanes = crate::relay::LANES.iter();
            lanes.all(|lane| inside.settled.contains(lane))
        };
        self.wait(|inside| all(inside).then_some(())).await;
    }

    async fn wait<T>(&self, found: impl Fn(&Inside) -> Option<T>) -> T {
        let look = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = found(&self.inside()) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), look)
            .await
            .expect("what is waited for comes")
    }
}
