//! One MQTT connection to the broker. rumqttc stops here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, Incoming, MqttOptions,
    NetworkOptions, ProxyAuth, ProxyType, QoS, StateError, SubscribeReasonCode, TlsConfiguration,
    Transport,
};
use rustls::ClientConfig;
use spokegate_contract::limits::PACKET_BYTES_MAX;
use spokegate_identity::Reloading;
use tokio_util::sync::CancellationToken;

use crate::config::BrokerConfig;
use crate::credentials::{Life, Store};
use crate::fault;
use crate::proxy::{DialError, Proxy};

/// Messages between a publisher and the connection's loop; when it is full, publishers wait.
const OUTBOX_MESSAGES_MAX: usize = 64;
/// Messages without a PUBACK; rumqttc stops reading the outbox beyond it.
const INFLIGHT_MAX: u16 = 100;
/// Time for TCP, TLS and CONNACK together.
const CONNECT_S_MAX: u64 = 15;
/// Time for the goodbye at a shutdown.
const FAREWELL_MS_MAX: u64 = 1_000;

/// Dials the broker as this satellite.
pub(crate) struct Dialer {
    host: String,
    port: u16,
    keep_alive: Duration,
    client_id: String,
    filter: String,
    store: Arc<Store>,
    tls: Reloading<ClientConfig>,
    server_name: Option<String>,
    proxy: Option<Proxy>,
    dialled: AtomicU64,
}

/// The sending side of one connection. It outlives the connection, and then refuses.
#[derive(Clone)]
pub(crate) struct Session {
    client: AsyncClient,
    number: u64,
    gone: CancellationToken,
    /// Messages that were handed over, and those that the broker has taken.
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    acked: AtomicU64,
}

/// The receiving side of one connection; whoever holds it must keep asking, for it also does the sending.
pub(crate) struct Events {
    event_loop: EventLoop,
    session: Session,
    filter: String,
    proxy: Option<Proxy>,
    /// The broker has accepted us, so that a later loss has nothing to do with the certificate.
    answered: bool,
}

/// What happened on a connection.
pub(crate) enum Event {
    /// The broker took the subscription: requests and acks will arrive.
    Ready,
    /// A message for this satellite.
    Message { topic: String, payload: Bytes },
}

/// Why there is no connection, or no more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the broker refuses this satellite: {0}")]
    Refused(&'static str),
    #[error("the connection failed: {0:#}")]
    Proxy(anyhow::Error),
    #[error("the broker refuses the subscription to {0}")]
    Subscription(String),
    #[error("the connection failed: {0}")]
    Connection(Box<ConnectionError>),
    /// Before the broker accepted us; it may be about the certificate.
    #[error("the connection failed: {0}")]
    Unanswered(Box<ConnectionError>),
    #[error(transparent)]
    Tls(#[from] spokegate_identity::TlsError),
}

/// The connection that was to carry a message is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection to the broker is gone")]
pub(crate) struct Gone;

impl Dialer {
    pub(crate) fn new(
        broker: &BrokerConfig,
        store: Arc<Store>,
        client_id: String,
        filter: String,
    ) -> anyhow::Result<Self> {
        let (host, port) = broker
            .host_and_port()
            .ok_or_else(|| anyhow::anyhow!("broker.address is no host and port"))?;
        let server_name = broker.server_name.clone().filter(|name| name != host);
        Ok(Self {
            host: host.to_owned(),
            port,
            keep_alive: Duration::from_secs(broker.keep_alive_s),
            client_id,
            filter,
            tls: Reloading::client(store.files().clone())?,
            store,
            server_name,
            proxy: broker.proxy()?,
            dialled: AtomicU64::new(0),
        })
    }

    /// Prepares a connection; it is made when its events are asked for. The files are read anew, so that a renewed
    /// certificate is presented.
    pub(crate) fn dial(&self) -> Result<(Session, Events), LinkError> {
        let tls = self.store.read(|files| {
            self.tls.reload()?;
            match &self.server_name {
                Some(name) => spokegate_identity::expecting(&self.tls.current(), files, name),
                None => Ok(self.tls.current()),
            }
        })?;
        let mut options = MqttOptions::new(&self.client_id, &self.host, self.port);
        options
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(tls)))
            .set_keep_alive(self.keep_alive)
            .set_clean_session(true)
            .set_inflight(INFLIGHT_MAX)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        if let Some(proxy) = &self.proxy {
            options.set_proxy(for_mqtt(proxy));
        }
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(CONNECT_S_MAX);
        let (client, mut event_loop) = AsyncClient::new(options, OUTBOX_MESSAGES_MAX);
        event_loop.set_network_options(network);
        let number = self.dialled.fetch_add(1, Ordering::Relaxed);
        let session = Session {
            client,
            number,
            gone: CancellationToken::new(),
            counts: Arc::default(),
        };
        let events = Events {
            event_loop,
            session: session.clone(),
            filter: self.filter.clone(),
            proxy: self.proxy.clone(),
            answered: false,
        };
        Ok((session, events))
    }
}

impl Session {
    /// Hands a message over for sending at QoS 1. Waits while the outbox is full; says nothing of its arrival.
    pub(crate) async fn publish(&self, topic: &str, payload: Vec<u8>) -> Result<(), Gone> {
        let publish =
            self.client
                .publish_bytes(topic, QoS::AtLeastOnce, false, Bytes::from(payload));
        let published = self.gone.run_until_cancelled(publish).await;
        published.ok_or(Gone)?.map_err(|_| Gone)?;
        self.counts.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Like [`Self::publish`], for the connection's own loop, which must not wait: a full outbox drops the message.
    pub(crate) fn offer(&self, topic: &str, payload: Vec<u8>) -> bool {
        let offered = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, false, payload);
        if offered.is_ok() {
            self.counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        offered.is_ok()
    }

    /// How many messages were handed over for sending.
    pub(crate) fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// How many of them the broker has taken.
    pub(crate) fn acked(&self) -> u64 {
        self.counts.acked.load(Ordering::Relaxed)
    }

    /// Which connection this is; no two of a process have the same.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns once the connection is gone.
    pub(crate) async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Events {
    /// Works until something happens that others must know. After an error the connection is gone.
    pub(crate) async fn next(&mut self) -> Result<Event, LinkError> {
        loop {
            let (answered, proxy) = (self.answered, self.proxy.as_ref());
            let failed = |error| link_error(error, answered, proxy);
            match self.event_loop.poll().await.map_err(failed)? {
                rumqttc::Event::Incoming(Incoming::ConnAck(_)) => {
                    self.answered = true;
                    // The outbox is empty, so there is room.
                    let _ = self
                        .session
                        .client
                        .try_subscribe(&self.filter, QoS::AtLeastOnce);
                }
                rumqttc::Event::Incoming(Incoming::SubAck(ack)) => {
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        return Err(LinkError::Subscription(self.filter.clone()));
                    }
                    return Ok(Event::Ready);
                }
                rumqttc::Event::Incoming(Incoming::PubAck(_)) => {
                    self.session.counts.acked.fetch_add(1, Ordering::Relaxed);
                }
                rumqttc::Event::Incoming(Incoming::Publish(publish)) => {
                    return Ok(Event::Message {
                        topic: publish.topic,
                        payload: publish.payload,
                    });
                }
                _ => {}
            }
        }
    }

    /// Whether the broker takes a further subscription; messages that come meanwhile are dropped.
    pub(crate) async fn subscribes(&mut self, filter: &str) -> Result<bool, LinkError> {
        // The outbox has room: nothing is published on such a connection.
        let _ = self.session.client.try_subscribe(filter, QoS::AtLeastOnce);
        loop {
            let failed = |error| link_error(error, true, None);
            let event = self.event_loop.poll().await.map_err(failed)?;
            if let rumqttc::Event::Incoming(Incoming::SubAck(ack)) = event {
                return Ok(!ack.return_codes.contains(&SubscribeReasonCode::Failure));
            }
        }
    }

    /// Ends the connection in order, so that the broker need not guess.
    pub(crate) async fn farewell(mut self) {
        if self.session.client.try_disconnect().is_ok() {
            let goodbye = async { while self.event_loop.poll().await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_millis(FAREWELL_MS_MAX), goodbye).await;
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.session.gone.cancel();
    }
}

impl LinkError {
    /// Why the broker refuses our certificate, or we its; none when it is about something else.
    pub(crate) fn about_certificates(&self, life: Option<&Life>, now_ms: u64) -> Option<String> {
        let Self::Unanswered(error) = self else {
            return None;
        };
        if matches!(
            **error,
            ConnectionError::MqttState(StateError::ConnectionAborted)
        ) {
            let aborted = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            return fault::refused(&aborted, life, now_ms).map(refused);
        }
        if let Some(why) = fault::refused(&**error, life, now_ms) {
            return Some(refused(why));
        }
        match fault::tls(&**error) {
            Some(error @ rustls::Error::InvalidCertificate(_)) => Some(format!(
                "the broker is not trusted: {}",
                fault::untrusted(error, now_ms)
            )),
            _ => None,
        }
    }
}

fn refused(why: String) -> String {
    format!("certificate refused: {why}")
}

/// A proxy as rumqttc takes it.
fn for_mqtt(proxy: &Proxy) -> rumqttc::Proxy {
    let auth = match proxy.credentials() {
        None => ProxyAuth::None,
        Some((user, password)) => ProxyAuth::Basic {
            username: user.to_owned(),
            password: password.expose().to_owned(),
        },
    };
    let (host, port) = proxy.address().host_and_port();
    rumqttc::Proxy {
        ty: ProxyType::Http,
        auth,
        addr: host.to_owned(),
        port,
    }
}

/// What went wrong at the proxy. rumqttc does not name the type of its error, only what is behind it.
fn proxy_error(error: &(dyn std::error::Error + 'static), proxy: &Proxy) -> DialError {
    let source = error.source();
    if let Some(answer) = source.and_then(|source| source.downcast_ref()) {
        return proxy.refused(answer);
    }
    let known = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let kind = known.map_or(std::io::ErrorKind::Other, std::io::Error::kind);
    proxy.unreachable(std::io::Error::new(kind, error.to_string()))
}

fn link_error(error: ConnectionError, answered: bool, proxy: Option<&Proxy>) -> LinkError {
    let error = match (error, proxy) {
        (ConnectionError::Proxy(error), Some(proxy)) => {
            return LinkError::Proxy(proxy_error(&error, proxy).into());
        }
        (error, _) => error,
    };
    let ConnectionError::ConnectionRefused(code) = error else {
        let error = Box::new(error);
        return match answered {
            true => LinkError::Connection(error),
            false => LinkError::Unanswered(error),
        };
    };
    LinkError::Refused(match code {
        ConnectReturnCode::BadClientId => "its certificate does not belong to this client id",
        ConnectReturnCode::NotAuthorized => "it is not authorised",
        ConnectReturnCode::ServiceUnavailable => "the broker cannot serve it now",
        ConnectReturnCode::RefusedProtocolVersion => "the protocol version does not suit",
        _ => "no reason given",
    })
}
