//! What becomes of a message that has come.

use super::{Asked, Session, Unacknowledged};
use crate::ingest::intake::Verdict;
use crate::ingest::mqtt::Arrival;
use crate::link::{FromIngest, WorkHead};
use spokegate_contract::envelope::{Ack, Admission, Verdict as Answer};
use spokegate_contract::{Address, Channel, Envelope};
use std::time::Duration;
use tokio::time::Instant;

/// When the door's caller may come again after too many have come at once.
const BUSY_RETRY_S: u32 = 60;

impl Session {
    pub(super) async fn message(&mut self, arrival: Arrival) {
        let wait_ms = self.bucket.take(
            arrival.payload().len(),
            self.links.context.clock.monotonic_ms(),
        );
        if wait_ms > 0 {
            self.links.counters.add("throttled");
            let wait = Duration::from_millis(wait_ms);
            self.read_after = Instant::now().checked_add(wait).unwrap_or(self.read_after);
        }
        let verdict = self.intake.take(
            arrival.topic(),
            arrival.payload(),
            self.links.context.clock.now_ms(),
        );
        match verdict {
            Verdict::Forward(work) => {
                let satellite = work.satellite.clone();
                let (beats, hello) = (
                    ["hello", "status"].contains(&work.channel.as_str()),
                    work.channel == "hello",
                );
                let asked = work.id.map(|id| Asked::Pull(id, satellite.clone()));
                self.forward(arrival, *work, asked).await;
                if beats {
                    self.heard(&satellite).await;
                }
                if hello {
                    self.ask_again(&satellite);
                }
            }
            Verdict::Enrol(work, id) => {
                let asked = Asked::Enrol(id, work.satellite.clone());
                self.forward(arrival, *work, Some(asked)).await;
            }
            Verdict::Busy(id) => {
                self.links.counters.add("dropped_enrols");
                let verdict = Answer::Pending {
                    retry_s: BUSY_RETRY_S,
                };
                let answer = Admission { id, verdict }.encode();
                self.publish(&Address::door().satellite, Channel::Admission, answer);
                self.dispose(arrival);
            }
            Verdict::Door { online } => {
                if online {
                    self.tell_revoked();
                }
                self.dispose(arrival);
            }
            Verdict::Drop(reason) => {
                self.links.counters.add(reason);
                self.dispose(arrival);
            }
            Verdict::Stored {
                satellite,
                epoch,
                sequence,
            } => {
                self.links.counters.add("dropped_stored_pushes");
                self.publish(
                    &satellite,
                    Channel::Ack,
                    Ack::Push { epoch, sequence }.encode(),
                );
                self.dispose(arrival);
            }
        }
    }

    async fn forward(&mut self, mut arrival: Arrival, work: WorkHead, request: Option<Asked>) {
        self.links.counters.add("received");
        let payload = arrival.take_payload();
        self.handed.add(work.token, payload.len());
        if self.is_full() {
            self.links.counters.add("held_back");
        }
        self.open.push_back(Unacknowledged {
            arrival,
            token: work.token,
            request,
            done: false,
        });
        self.links
            .out
            .send(&FromIngest::Message(work), &payload)
            .await;
    }

    /// A message that goes nowhere is acknowledged in its turn.
    fn dispose(&mut self, mut arrival: Arrival) {
        arrival.take_payload();
        self.open.push_back(Unacknowledged {
            arrival,
            token: 0,
            request: None,
            done: true,
        });
        self.acknowledge();
    }

    /// Acknowledges in the order of arrival, as some brokers insist.
    pub(super) fn acknowledge(&mut self) {
        while self.open.front().is_some_and(|first| first.done) {
            if let (Some(first), Some(connection)) = (self.open.pop_front(), &self.connection) {
                // When the connection is gone, the broker sends it again.
                connection.acknowledge(&first.arrival);
            }
        }
    }
}
