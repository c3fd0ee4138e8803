//! Says what the satellite serves and how things stand: on each connection, and at every heartbeat.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use spokegate_contract::envelope::{Hello, SourceHealth, Status, Validity};
use spokegate_contract::{Address, Channel, DatasetId, Envelope, Topic};
use spokegate_daemon::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bindings::{Binding, Bindings};
use crate::credentials::{Life, Store};
use crate::keeper::KeeperState;
use crate::link::Session;
use crate::source::Source;
use crate::spool::{Marks, Spool};
use crate::update::health::Told;
use crate::update::version;
use crate::uplink::Uplink;

pub(crate) struct Reporter {
    pub(crate) address: Address,
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) uplink: Uplink,
    pub(crate) store: Arc<Store>,
    /// Where a Node-RED is kept.
    pub(crate) node_red: Option<KeeperState>,
    pub(crate) clock: Clock,
    pub(crate) every: Duration,
    /// Says when a status was handed over.
    pub(crate) told: watch::Sender<Told>,
    pub(crate) soft: CancellationToken,
}

impl Reporter {
    /// Runs until the soft token is cancelled.
    pub(crate) async fn run(mut self) {
        let soft = self.soft.clone();
        soft.run_until_cancelled(async {
            while let Some(session) = self.uplink.session().await {
                let beats = self.beat(&session);
                tokio::select! {
                    () = beats => {}
                    () = session.gone() => {}
                }
                // Lets the supervisor take the dead connection down.
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn greet(&self, session: &Session) {
        let Some(marks) = self.marks().await else {
            return;
        };
        let datasets = |(id, binding): (&DatasetId, &Binding)| (id.clone(), binding.version);
        let hello = Hello {
            agent_version: version().to_owned(),
            at_ms: self.clock.now_ms(),
            epoch: marks.epoch,
            last_sequence: marks.last_sequence,
            acked_sequence: marks.acked_sequence,
            datasets: self.bindings.iter().map(datasets).collect(),
        };
        self.say(session, Channel::Hello, hello.encode()).await;
    }

    async fn beat(&self, session: &Session) {
        let mut timer = tokio::time::interval(self.every);
        loop {
            timer.tick().await;
            // Again each time: a sanitizer that came later has not heard the first.
            self.greet(session).await;
            let Some(marks) = self.marks().await else {
                continue;
            };
            metrics::gauge!("spokegate_agent_spool_messages").set(marks.messages as f64);
            metrics::gauge!("spokegate_agent_spool_bytes").set(marks.bytes as f64);
            let oldest_ms = marks.oldest_ms.unwrap_or(u64::MAX);
            let age_ms = self.clock.now_ms().saturating_sub(oldest_ms);
            metrics::gauge!("spokegate_agent_spool_age_seconds").set((age_ms / 1_000) as f64);
            let status = Status {
                agent_version: version().to_owned(),
                at_ms: self.clock.now_ms(),
                spool_messages: marks.messages,
                spool_bytes: marks.bytes,
                spool_oldest_ms: marks.oldest_ms,
                node_red: health(&self.bindings).await,
                restart_due_ms: self.restart_due_ms(),
                certificate: self.certificate(),
            };
            if self.say(session, Channel::Status, status.encode()).await {
                self.told
                    .send_replace(Some((session.clone(), session.sent())));
            }
        }
    }

    /// Whether it was handed over; a connection that is gone is greeted anew when the next one is ready.
    async fn say(&self, session: &Session, channel: Channel, payload: Vec<u8>) -> bool {
        let topic = Topic::new(self.address.clone(), channel).to_string();
        session.publish(&topic, payload).await.is_ok()
    }

    fn restart_due_ms(&self) -> Option<u64> {
        let kept = self.node_red.as_ref()?.now();
        kept.restart_due.map(|due| due.since_ms)
    }

    async fn marks(&self) -> Option<Marks> {
        let marks = self.spool.marks().await;
        marks
            .inspect_err(|error| tracing::error!(%error, "the spool cannot be read"))
            .ok()
    }

    /// Of the certificate in force: a renewal shows at the next heartbeat.
    fn certificate(&self) -> Option<Validity> {
        let certificate = self.store.certificate().ok()?;
        Life::of(&certificate).ok()?.validity()
    }
}

/// The worst of what the sources say; unknown without any.
pub(crate) async fn health(bindings: &Bindings) -> SourceHealth {
    let sources = bindings
        .iter()
        .filter_map(|(_, binding)| binding.source.as_deref())
        .filter(|source| source.asks_node_red());
    let by_origin: BTreeMap<String, &dyn Source> =
        sources.map(|source| (source.origin(), source)).collect();
    let found =
        futures_util::future::join_all(by_origin.values().map(|source| source.health())).await;
    match found.as_slice() {
        [] => SourceHealth::Unknown,
        found if found.contains(&SourceHealth::Down) => SourceHealth::Down,
        found if found.contains(&SourceHealth::Unknown) => SourceHealth::Unknown,
        _ => SourceHealth::Up,
    }
}
