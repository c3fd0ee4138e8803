//! HTTP/1.1 listeners, plain or with mutual TLS, under limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use tokio::net::TcpListener;

use crate::Tasks;

mod body;
mod connection;
mod network;
mod places;
mod stall;

pub use network::network;

/// Of the connections of a listener, the part that one address may hold: one in this many.
const ADDRESS_SHARE: usize = 4;

/// What one listener grants a client. All counts and times are per listener or per connection.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Connections with a request in flight at a time; further requests wait for `header_ms`, then
    /// are answered 503.
    pub connections_max: usize,
    /// Connections besides those, which have not sent a whole request head yet or idle between
    /// requests; when there are more, the oldest is dropped. `None`: as many as `connections_max`.
    pub waiting_max: Option<usize>,
    /// Connections of both kinds from one IPv4 address or IPv6 /64 network. One more drops its
    /// oldest without a request in flight, and is refused when there is none. `None`: a quarter of
    /// `connections_max`. A listener whose clients all have one address sets `Some(usize::MAX)`.
    pub connections_per_address: Option<usize>,
    /// Time for the TLS handshake.
    pub handshake_ms: u64,
    /// Time for a request's head, and for which a connection may idle between requests.
    pub header_ms: u64,
    /// Time between two parts of a request's body.
    pub body_part_ms: u64,
    /// Time for the whole of a request's body.
    pub body_ms: u64,
    /// Time in which the client must take at least some of what is sent to it.
    pub write_ms: u64,
    /// Bytes of request line and headers.
    pub header_bytes_max: usize,
    /// Number of headers.
    pub headers_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            waiting_max: None,
            connections_per_address: None,
            handshake_ms: 10_000,
            header_ms: 30_000,
            body_part_ms: 30_000,
            body_ms: 30_000,
            write_ms: 30_000,
            header_bytes_max: 8_192,
            headers_max: 64,
        }
    }
}

impl HttpLimits {
    fn waiting_max(&self) -> usize {
        self.waiting_max.unwrap_or(self.connections_max)
    }

    fn connections_per_address(&self) -> usize {
        let share = (self.connections_max / ADDRESS_SHARE).max(1);
        self.connections_per_address.unwrap_or(share)
    }
}

/// Gives the TLS configuration for the next connection, so that a reloaded certificate is used.
pub type TlsSource = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// The client's end-entity certificate in DER, as an extension of every request on a listener of
/// [`tls_serve`] whose client presented one. rustls has verified its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate(pub Vec<u8>);

/// A running listener.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    tasks: Tasks,
}

impl Server {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets requests in flight finish for at most `grace`, then drops them.
    pub async fn shutdown(&self, grace: Duration) {
        self.tasks.shutdown(grace).await;
    }

    /// Returns when the listener and its connections have ended.
    pub async fn join(&self) {
        self.tasks.join().await;
    }
}

/// Serves plain HTTP/1.1 until `tasks` stop. Every request carries `ConnectInfo<SocketAddr>`.
pub fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    tasks: &Tasks,
) -> anyhow::Result<Server> {
    start(listener, None, router, limits, tasks)
}

/// Serves HTTP/1.1 over TLS until `tasks` stop. Every request carries `ConnectInfo<SocketAddr>`
/// and, when the client presented one, [`PeerCertificate`].
pub fn tls_serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    limits: HttpLimits,
    tasks: &Tasks,
) -> anyhow::Result<Server> {
    start(
        listener,
        Some(Arc::new(move || Arc::clone(&tls))),
        router,
        limits,
        tasks,
    )
}

/// Like [`tls_serve`], asking `tls` for the configuration of each new connection.
pub fn tls_serve_reloading(
    listener: TcpListener,
    tls: TlsSource,
    router: Router,
    limits: HttpLimits,
    tasks: &Tasks,
) -> anyhow::Result<Server> {
    start(listener, Some(tls), router, limits, tasks)
}

fn start(
    listener: TcpListener,
    tls: Option<TlsSource>,
    router: Router,
    limits: HttpLimits,
    tasks: &Tasks,
) -> anyhow::Result<Server> {
    let addr = listener.local_addr()?;
    let tasks = tasks.child();
    let acceptor = connection::Acceptor::new(tls, router, limits, tasks.clone());
    tasks.spawn("http listener", acceptor.run(listener));
    Ok(Server { addr, tasks })
}

#[cfg(test)]
mod tests;
