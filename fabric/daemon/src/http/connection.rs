//! Accepting connections and serving requests on them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::StreamExt;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::stall::Stalling;
use super::{HttpLimits, PeerCertificate, TlsSource};
use crate::Tasks;

/// Pause after a failed accept, which mostly means that file descriptors have run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(super) struct Acceptor {
    tls: Option<TlsSource>,
    router: Router,
    limits: HttpLimits,
    tasks: Tasks,
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Peer {
    addr: SocketAddr,
    certificate: Option<PeerCertificate>,
}

impl Acceptor {
    pub(super) fn new(
        tls: Option<TlsSource>,
        router: Router,
        limits: HttpLimits,
        tasks: Tasks,
    ) -> Self {
        Self {
            tls,
            router,
            limits,
            tasks,
        }
    }

    pub(super) async fn run(self, listener: TcpListener) {
        let soft = self.tasks.soft();
        let slots = Arc::new(Semaphore::new(self.limits.connections_max));
        while let Some((stream, addr, slot)) =
            soft.run_until_cancelled(next(&listener, &slots)).await
        {
            let this = self.clone();
            let connection = async move {
                this.connection(stream, addr).await;
                drop(slot);
            };
            self.tasks
                .spawn_watched("http connection", connection, |failure| {
                    tracing::error!(error = %failure.reason, "an HTTP connection ended badly");
                });
        }
    }

    async fn connection(self, stream: TcpStream, addr: SocketAddr) {
        // Without it answers are merely slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self
                .requests(
                    stream,
                    Peer {
                        addr,
                        certificate: None,
                    },
                )
                .await;
        };
        let handshake = TlsAcceptor::from(tls()).accept(stream);
        let limit = Duration::from_millis(self.limits.handshake_ms);
        let soft = self.tasks.soft();
        let stream = match soft
            .run_until_cancelled(tokio::time::timeout(limit, handshake))
            .await
        {
            Some(Ok(Ok(stream))) => stream,
            Some(Ok(Err(error))) => return tracing::debug!(%error, "TLS handshake refused"),
            Some(Err(_)) => return tracing::debug!("TLS handshake took too long"),
            None => return,
        };
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|certificate| PeerCertificate(certificate.to_vec()));
        self.requests(stream, Peer { addr, certificate }).await;
    }

    async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        peer: Peer,
    ) {
        let body_part = Duration::from_millis(self.limits.body_part_ms);
        let stream = Stalling::new(stream, Duration::from_millis(self.limits.write_ms));
        let router = self.router;
        let service = service_fn(move |request: Request<Incoming>| {
            let (router, peer) = (router.clone(), peer.clone());
            async move {
                let mut request = request.map(|body| bounded(body, body_part));
                request.extensions_mut().insert(ConnectInfo(peer.addr));
                if let Some(certificate) = peer.certificate {
                    request.extensions_mut().insert(certificate);
                }
                let response = router.oneshot(request).await;
                response.map_err(|never: Infallible| match never {})
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(self.limits.header_ms))
            .max_header_size(self.limits.header_bytes_max)
            .max_headers(self.limits.headers_max)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let soft = self.tasks.soft();
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = soft.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "HTTP connection ended early");
        }
    }
}

async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, addr)) => return (stream, addr, slot),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// The same body, which ends in an error when its next part takes longer than `limit`.
fn bounded(body: Incoming, limit: Duration) -> Body {
    let parts = Body::new(body).into_data_stream();
    Body::from_stream(futures_util::stream::unfold(
        Some(parts),
        move |parts| async move {
            let mut parts = parts?;
            match tokio::time::timeout(limit, parts.next()).await {
                Ok(part) => part.map(|part| (part, Some(parts))),
                Err(_) => Some((
                    Err(axum::Error::new(std::io::Error::from(
                        std::io::ErrorKind::TimedOut,
                    ))),
                    None,
                )),
            }
        },
    ))
}
