//! The door's place in the cell of the tenant `enrolment`: a satellite without a socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spokegate_contract::envelope::{Admission, Crl, Presence, Verdict};
use spokegate_contract::{Address, Channel, Envelope, Topic};
use spokegate_daemon::Backoff;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::answer::{Absent, Outcome, Reason};
use super::meters::DoorMeters;
use super::waiting::{Outgoing, Waiting};
use crate::cell::{Bell, Cell, Consumer, Frame, Handed, Occupancy, RouterGone, Seat, charge};
use crate::packet::{Publish, Qos};
use crate::policy::{self, Session};

const REDIAL_MS_MIN: u64 = 50;
const REDIAL_MS_MAX: u64 = 5_000;
/// How long the seat may take.
const SEAT_WAIT: Duration = Duration::from_secs(10);

/// Carries requests to the cell and answers back, for as long as the broker runs.
pub(super) struct Link {
    around: Surroundings,
    session: Session,
    address: Address,
    topic: String,
    waiting: Arc<Waiting>,
    requests: mpsc::Receiver<Outgoing>,
    meters: DoorMeters,
}

/// Why a link ended.
enum Ended {
    /// The broker stops.
    Stopping,
    /// The router ended or did not answer, the queue ran over, or there is no room for one more tenant.
    Broken(&'static str),
}

impl From<RouterGone> for Ended {
    fn from(_: RouterGone) -> Self {
        Self::Broken("its router ended")
    }
}

/// A seat in the cell. Like every satellite the door needs no link of its own.
struct Seated {
    cell: Arc<Cell>,
    seat: Seat,
}

impl Link {
    pub(super) fn new(
        around: Surroundings,
        waiting: Arc<Waiting>,
        requests: mpsc::Receiver<Outgoing>,
        meters: DoorMeters,
    ) -> Self {
        let address = Address::door();
        Self {
            around,
            session: Session::Satellite(address.clone()),
            topic: Topic::new(address.clone(), Channel::Enrol).to_string(),
            address,
            waiting,
            requests,
            meters,
        }
    }

    /// Sits down again whenever the link ends, until the broker stops.
    pub(super) async fn run(mut self) {
        let soft = self.around.tasks.soft();
        let mut backoff = Backoff::new(REDIAL_MS_MIN, REDIAL_MS_MAX);
        loop {
            let (ended, was_linked) = match self.sit_down().await {
                Ok(seated) => (self.serve(seated, &soft).await, true),
                Err(ended) => (ended, false),
            };
            self.meters.linked.set(0.0);
            let Ended::Broken(reason) = ended else { return };
            if was_linked {
                backoff.reset();
                self.meters.links_lost.increment(1);
            }
            tracing::warn!(
                reason,
                "the enrolment door lost its place in its cell, it takes it again"
            );
            let pause = tokio::time::sleep(backoff.next_delay());
            if soft.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn sit_down(&self) -> Result<Seated, Ended> {
        let full = |_| Ended::Broken("no more tenants fit");
        let cell = self.around.cells.of(&self.session).map_err(full)?;
        let seat = tokio::time::timeout(SEAT_WAIT, cell.seats().take(&self.session)).await;
        let Ok(Occupancy::Seated(seat)) = seat else {
            return Err(Ended::Broken("its seat is not free"));
        };
        Ok(Seated { cell, seat })
    }

    /// Serves both directions until one of them ends.
    async fn serve(&mut self, seated: Seated, soft: &CancellationToken) -> Ended {
        let overflow = CancellationToken::new();
        let replaced = seated.seat.replaced().clone();
        let attached = seated
            .cell
            .attach(None, &self.session, (overflow.clone(), Bell::default()))
            .await;
        let consumer = attached.ok().flatten();
        let ended = match &consumer {
            None => RouterGone.into(),
            Some(consumer) => {
                tokio::select! {
                    ended = self.converse(&seated.cell, consumer) => ended,
                    () = seated.cell.ended().cancelled() => RouterGone.into(),
                    () = overflow.cancelled() => Ended::Broken("its queue ran over"),
                    () = replaced.cancelled() => Ended::Broken("its seat was taken"),
                    () = soft.cancelled() => Ended::Stopping,
                }
            }
        };
        if let Some(consumer) = &consumer {
            seated.cell.detach(consumer);
        }
        // A router that has ended tells nobody, and its successor asks who is there.
        let _ = self.presence(&seated.cell, false);
        ended
    }

    async fn converse(&mut self, cell: &Cell, consumer: &Consumer) -> Ended {
        let greeted = self.greet(cell).await;
        if greeted.is_err() {
            return RouterGone.into();
        }
        self.meters.linked.set(1.0);
        loop {
            let step = tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.hand_in(cell, &request).await,
                    None => return Ended::Stopping,
                },
                frame = consumer.handover().next() => {
                    self.take(&frame, consumer).await;
                    Ok(())
                }
            };
            if let Err(gone) = step {
                return gone.into();
            }
        }
    }

    /// Says that the door is here, and asks again for all that wait.
    async fn greet(&self, cell: &Cell) -> Result<(), RouterGone> {
        self.presence(cell, true)?;
        for request in self.waiting.outstanding() {
            self.hand_in(cell, &request).await?;
        }
        Ok(())
    }

    fn presence(&self, cell: &Cell, online: bool) -> Result<(), RouterGone> {
        let at_ms = self.around.clock.now_ms();
        cell.presence(&self.address, Presence { online, at_ms })
    }

    async fn hand_in(&self, cell: &Cell, request: &Outgoing) -> Result<(), RouterGone> {
        if !self.waiting.is_waiting(&request.id) {
            return Ok(());
        }
        let message = Publish {
            topic: self.topic.clone(),
            packet_id: 1,
            qos: Qos::AtLeastOnce,
            retain: false,
            payload: request.payload.clone(),
        };
        let Ok(permit) = policy::publish(&self.session, &message) else {
            tracing::error!("the policy refuses the enrolment door its own topic");
            return Ok(());
        };
        match cell.publish(None, &permit, &message).await? {
            Handed::Queued => {}
            Handed::NoConsumer | Handed::Overflow => {
                let absent = Outcome::Unavailable(Absent::Sanitizer);
                self.waiting.answer(&request.id, absent);
            }
        }
        Ok(())
    }

    /// Takes a message from the centre, then gives back its room in the queue.
    async fn take(&self, bytes: &Bytes, consumer: &Consumer) {
        let Some(frame) = Frame::decode(bytes) else {
            return;
        };
        let payload = Bytes::copy_from_slice(frame.payload);
        match Topic::parse(frame.topic).map(|topic| topic.channel) {
            Ok(Channel::Admission) => self.admission(&payload),
            Ok(Channel::Crl) => self.list(payload).await,
            _ => tracing::debug!(
                topic = frame.topic,
                "a message that is none of the enrolment door's is ignored"
            ),
        }
        if frame.windowed {
            consumer.release(charge(bytes));
        }
    }

    fn admission(&self, payload: &Bytes) {
        let Admission { id, verdict } = match Admission::decode(payload) {
            Ok(admission) => admission,
            Err(error) => return tracing::warn!(%error, "an admission cannot be read"),
        };
        let outcome = match verdict {
            Verdict::Issued {
                certificate,
                roots,
                signature,
            } => Outcome::Issued {
                id,
                certificate,
                roots,
                signature,
            },
            Verdict::Pending { retry_s } => Outcome::Pending { retry_s },
            Verdict::Refused => Outcome::NotAccepted(Reason::Centre),
        };
        if !self.waiting.answer(&id, outcome) {
            tracing::debug!(message.id = %id, "an admission came for which nobody waits any more");
        }
    }

    /// Offers a revocation list to the handshake; what becomes of it is told there.
    async fn list(&self, payload: Bytes) {
        let der = match Crl::decode(&payload) {
            Ok(list) => list.der,
            Err(error) => return tracing::error!(%error, "a revocation list cannot be read"),
        };
        let lists = Arc::clone(&self.around.lists);
        let offer = move || drop(lists.offer(&der));
        self.around.tasks.blocking("revocation list", offer).await;
    }
}
