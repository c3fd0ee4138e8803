//! The adapter to rumqttc: its types stop here.
//!
//! The poll loop has a task of its own and never waits for anything but the network: a client that awaited a publish
//! inside it would wait for itself.

mod shared;

use crate::setup::IngestSetup;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use rumqttc::{
    AsyncClient, ClientError, ConnectReturnCode, Event, EventLoop, MqttOptions, NetworkOptions,
    Outgoing, Packet, Publish, QoS, SubscribeReasonCode, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use spokegate_contract::limits::PACKET_BYTES_MAX;
use spokegate_contract::{TenantId, filter};
use spokegate_daemon::{Tasks, Watched};
use spokegate_identity::{TlsError, TlsFiles};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub(super) use shared::Switchboard;

/// Packets that wait to be written.
const REQUESTS: usize = 1024;
/// Messages that wait for the session. A broker has fewer unacknowledged ones, so overflow ends the connection.
const ARRIVALS: usize = 512;
/// Why a connection ended that was not wanted any more.
const GOODBYE: &str = "said goodbye";
/// Seconds for the TCP, TLS and MQTT handshakes together.
const CONNECT_S: u64 = 10;

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    tls: Arc<Watched<ClientConfig>>,
    keep_alive: Duration,
}

/// A message that has come and is not acknowledged.
#[derive(Debug)]
pub(super) struct Arrival(Publish);

impl Arrival {
    pub(super) fn topic(&self) -> &str {
        &self.0.topic
    }

    pub(super) fn payload(&self) -> &Bytes {
        &self.0.payload
    }

    /// Takes the payload out: an acknowledgement does not need it.
    pub(super) fn take_payload(&mut self) -> Bytes {
        std::mem::take(&mut self.0.payload)
    }
}

/// What a connection tells its session.
#[derive(Debug)]
pub(super) enum Arrived {
    /// Connected and subscribed; from now on it can be written.
    Subscribed(Writer),
    /// A message.
    Message(Arrival),
    /// The end, in words.
    Closed(String),
}

/// The writing side of a connection.
#[derive(Debug, Clone)]
pub(super) struct Writer(AsyncClient);

impl Writer {
    fn acknowledge(&self, publish: &Publish) -> bool {
        self.0.try_ack(publish).is_ok()
    }
}

/// One connection, or a tenant's share in one. Dropping it ends it.
pub(super) struct Connection {
    writer: Option<Writer>,
    arrived: mpsc::Receiver<Arrived>,
    poll: Option<AbortHandle>,
    /// The connection in which this is a share.
    share: Option<(Switchboard, TenantId)>,
    /// Messages of a share that are not acknowledged.
    held: Arc<AtomicUsize>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(poll) = &self.poll {
            poll.abort();
        }
    }
}

/// How sessions get their connections.
#[derive(Clone)]
pub(super) enum Dial {
    /// Each its own.
    PerTenant(Endpoint),
    /// All a share in one.
    Single(Switchboard),
}

impl Dial {
    /// Starts to connect as the session of a tenant.
    pub(super) fn connect(&self, tenant: &TenantId, tasks: &Tasks) -> Connection {
        match self {
            Dial::PerTenant(endpoint) => endpoint.connect(tenant, tasks),
            Dial::Single(board) => board.connect(tenant),
        }
    }
}

impl Endpoint {
    pub(super) fn new(setup: &IngestSetup) -> anyhow::Result<Endpoint> {
        let Some((host, port)) = setup.broker.rsplit_once(':') else {
            bail!("broker.address has no port")
        };
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let (dialled, expected) = (host.clone(), setup.server_name.clone());
        let files = setup.tls.files();
        let tls = Watched::load(setup.tls.files().paths(), move || {
            Ok(client_config(&files, &dialled, &expected)?)
        })
        .context("make the TLS configuration towards the broker (broker.tls)")?;
        let port = port.parse().context("broker.address has no port")?;
        Ok(Endpoint {
            host,
            port,
            tls,
            keep_alive: Duration::from_secs(u64::from(setup.keep_alive_s)),
        })
    }

    /// The TLS files of the first hop.
    pub(super) fn tls(&self) -> &Arc<Watched<ClientConfig>> {
        &self.tls
    }

    /// A client that has yet to be polled.
    fn dial(&self, client_id: String, writes: usize) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(client_id, self.host.clone(), self.port);
        options.set_keep_alive(self.keep_alive);
        options.set_clean_session(true);
        options.set_manual_acks(true);
        options.set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(
            self.tls.current(),
        )));
        let (client, mut events) = AsyncClient::new(options, writes);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_S);
        events.set_network_options(network);
        (client, events)
    }

    /// Starts to connect as the sanitizer's session of a tenant.
    fn connect(&self, tenant: &TenantId, tasks: &Tasks) -> Connection {
        let id = spokegate_identity::sanitizer_client_id(tenant);
        let (client, events) = self.dial(id, REQUESTS);
        let (sender, arrived) = mpsc::channel(ARRIVALS);
        let poll = poll(events, client, filter::tenant_up(tenant), sender);
        let poll = tasks.spawn_watched("broker connection", poll, |failure| {
            tracing::error!(error = %failure, "a broker connection ended badly");
        });
        Connection {
            writer: None,
            arrived,
            poll: Some(poll),
            share: None,
            held: Arc::default(),
        }
    }
}

impl Connection {
    /// What the broker says next.
    pub(super) async fn next(&mut self) -> Arrived {
        let arrived = self.arrived.recv().await;
        if let Some(Arrived::Subscribed(writer)) = &arrived {
            self.writer = Some(writer.clone());
        }
        arrived.unwrap_or_else(|| Arrived::Closed("ended".to_owned()))
    }

    /// Says goodbye to the broker.
    pub(super) fn leave(mut self) {
        if let Some((board, tenant)) = self.share.take() {
            return board.leave(&tenant);
        }
        let said = self
            .writer
            .as_ref()
            .is_some_and(|Writer(client)| client.try_disconnect().is_ok());
        if said {
            // The poll loop ends once the goodbye is written.
            self.poll = None;
        }
    }

    /// Acknowledges a message; false when the connection is gone.
    pub(super) fn acknowledge(&self, arrival: &Arrival) -> bool {
        // Messages of an own connection were never counted.
        let less = |held: usize| held.checked_sub(1);
        let _ = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        self.writer
            .as_ref()
            .is_some_and(|writer| writer.acknowledge(&arrival.0))
    }

    /// Publishes with QoS 1; false when the connection is gone or takes no more.
    pub(super) fn publish(&self, topic: String, payload: impl Into<Vec<u8>>) -> bool {
        let Some(Writer(client)) = &self.writer else {
            return false;
        };
        let result: Result<(), ClientError> =
            client.try_publish(topic, QoS::AtLeastOnce, false, payload);
        result.is_ok()
    }
}

/// For a broker that is dialled as `host` and whose certificate says `server_name`.
fn client_config(
    files: &TlsFiles,
    host: &str,
    server_name: &str,
) -> Result<Arc<ClientConfig>, TlsError> {
    let config = spokegate_identity::client_config(files)?;
    if host == server_name {
        return Ok(config);
    }
    spokegate_identity::expecting(&config, files, server_name)
}

async fn poll(
    mut events: EventLoop,
    client: AsyncClient,
    filter: String,
    sender: mpsc::Sender<Arrived>,
) {
    let reason = loop {
        let arrived = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(answer)))
                if answer.code == ConnectReturnCode::Success =>
            {
                if client
                    .try_subscribe(filter.clone(), QoS::AtLeastOnce)
                    .is_err()
                {
                    break "cannot subscribe".to_owned();
                }
                continue;
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                if !matches!(
                    answer.return_codes.as_slice(),
                    [SubscribeReasonCode::Success(_)]
                ) {
                    break format!("the broker refuses the subscription {filter}");
                }
                Arrived::Subscribed(Writer(client.clone()))
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => Arrived::Message(Arrival(publish)),
            Ok(Event::Incoming(Packet::Disconnect)) => break "the broker disconnected".to_owned(),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => break GOODBYE.to_owned(),
            Ok(_) => continue,
            Err(error) => break error.to_string(),
        };
        if sender.try_send(arrived).is_err() {
            break "more unacknowledged messages than there is room for".to_owned();
        }
    };
    // The session may have dropped the connection.
    let _ = sender.send(Arrived::Closed(reason)).await;
}
