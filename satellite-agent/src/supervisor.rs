//! Keeps one connection to the broker: dials, listens, dials again. What arrives is handed on without waiting, because
//! the loop that receives is also the loop that sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spokegate_contract::envelope::{Ack, Admission, Command, Parcel, PullRequest};
use spokegate_contract::{Address, Channel, Envelope, Topic};
use spokegate_daemon::{Backoff, Clock, Latch};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::command::Ordered;
use crate::credentials::{Life, Store};
use crate::jitter;
use crate::link::{Dialer, Event, Events, LinkError, Session};
use crate::pull::Pulls;
use crate::status_verb::LinkState;
use crate::uplink::UplinkSetter;

const REDIAL_MS_MIN: u64 = 200;
const REDIAL_MS_MAX: u64 = 30_000;
/// A connection that lived this long was a good one; the next loss starts with a short wait again.
const GOOD_MS_MIN: u64 = 10_000;

/// Satellites that lost a good connection at the same moment come back spread over this time.
pub(crate) const SPREAD: Duration = Duration::from_secs(4);

/// Acks of pushes, from the connection to the sender. The centre repeats them, so one too many is dropped.
pub(crate) type PushAcks = mpsc::Sender<(u64, u64)>;

pub(crate) struct Supervisor {
    pub(crate) address: Address,
    pub(crate) dialer: Dialer,
    pub(crate) uplink: UplinkSetter,
    pub(crate) pulls: Pulls,
    pub(crate) acks: PushAcks,
    pub(crate) admissions: mpsc::Sender<Admission>,
    pub(crate) commands: mpsc::Sender<Ordered>,
    pub(crate) parts: mpsc::Sender<Parcel>,
    pub(crate) store: Arc<Store>,
    pub(crate) connected: Latch,
    pub(crate) state: LinkState,
    pub(crate) clock: Clock,
    pub(crate) soft: CancellationToken,
}

impl Supervisor {
    /// Runs until the soft token is cancelled.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(REDIAL_MS_MIN, REDIAL_MS_MAX);
        loop {
            let started_ms = self.clock.monotonic_ms();
            let end = self.converse().await;
            self.uplink.set(None);
            self.connected.unset();
            let Err(error) = end else { return };
            let mut delay = Duration::ZERO;
            if self.clock.monotonic_ms().saturating_sub(started_ms) >= GOOD_MS_MIN {
                backoff.reset();
                delay = jitter::up_to(SPREAD);
            }
            delay += backoff.next_delay();
            let retry_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            metrics::counter!("spokegate_agent_connections_lost_total").increment(1);
            self.tell(&error, retry_ms);
            if self
                .soft
                .run_until_cancelled(tokio::time::sleep(delay))
                .await
                .is_none()
            {
                return;
            }
        }
    }

    fn tell(&self, error: &LinkError, retry_ms: u64) {
        let life = self.store.certificate().ok();
        let life = life.and_then(|certificate| Life::of(&certificate).ok());
        let now_ms = self.clock.now_ms();
        let about_certificates = error.about_certificates(life.as_ref(), now_ms);
        let what = about_certificates.clone();
        self.state
            .down(now_ms, what.unwrap_or_else(|| error.to_string()));
        match about_certificates {
            Some(why) => {
                metrics::counter!("spokegate_agent_certificate_refused_total").increment(1);
                tracing::error!(
                    error = why,
                    retry_ms,
                    "not connected to the broker, dialling again"
                );
            }
            None => {
                tracing::warn!(%error, retry_ms, "not connected to the broker, dialling again");
            }
        }
    }

    /// One connection from dialling to its end; `Ok` when the agent stops.
    async fn converse(&self) -> Result<(), LinkError> {
        let (session, mut events) = self.dialer.dial()?;
        loop {
            match self.soft.run_until_cancelled(events.next()).await {
                None => {
                    self.part(events).await;
                    return Ok(());
                }
                Some(Ok(Event::Ready)) => {
                    tracing::info!("connected to the broker");
                    metrics::counter!("spokegate_agent_connections_total").increment(1);
                    self.uplink.set(Some(session.clone()));
                    self.connected.set();
                    self.state.up(self.clock.now_ms());
                }
                Some(Ok(Event::Message { topic, payload })) => {
                    self.receive(&session, &topic, &payload)
                }
                Some(Err(error)) => return Err(error),
            }
        }
    }

    async fn part(&self, events: Events) {
        self.uplink.set(None);
        events.farewell().await;
    }

    fn receive(&self, session: &Session, topic: &str, payload: &Bytes) {
        let channel = match Topic::parse(topic) {
            Ok(topic) if topic.address == self.address => topic.channel,
            _ => return tracing::debug!(topic, "a message on a topic that is not ours is ignored"),
        };
        let outcome = match channel {
            Channel::Pull(dataset) => PullRequest::decode(payload)
                .map(|request| self.pulls.start(session, dataset, request)),
            Channel::Ack => Ack::decode(payload).map(|ack| self.acknowledge(ack)),
            Channel::Admission => Admission::decode(payload).map(|admission| {
                // Nobody waits for one more: it is asked for again.
                let _ = self.admissions.try_send(admission);
            }),
            Channel::Command(verb) => Command::decode(payload).map(|command| {
                // The centre sends it again.
                let _ = self.commands.try_send(Ordered { verb, command });
            }),
            Channel::Parcel => Parcel::decode(payload).map(|parcel| {
                // What finds no room is asked for again.
                let _ = self.parts.try_send(parcel);
            }),
            _ => {
                return tracing::debug!(
                    topic,
                    "a message on a channel that this version does not serve is ignored"
                );
            }
        };
        if let Err(error) = outcome {
            tracing::warn!(topic, size_bytes = payload.len(), %error, "a message that cannot be read is ignored");
        }
    }

    fn acknowledge(&self, ack: Ack) {
        match ack {
            Ack::Push { epoch, sequence } => {
                if self.acks.try_send((epoch, sequence)).is_err() {
                    tracing::debug!(epoch, sequence, "an ack is dropped, a later one covers it");
                }
            }
            Ack::Credit { id, chunks } => self.pulls.credit(id, chunks),
            Ack::Cancel { id } => self.pulls.cancel(id),
        }
    }
}
