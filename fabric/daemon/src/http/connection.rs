//! Accepting connections and serving requests on them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::body::{Answer, bounded};
use super::places::{Place, Places};
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
        let places = Places::new(&self.limits);
        while let Some((stream, addr)) = soft.run_until_cancelled(next(&listener)).await {
            let Some(place) = places.enter(addr.ip()) else {
                tracing::debug!("refused a connection of an address that has its share");
                continue;
            };
            let (this, place) = (self.clone(), Arc::new(place));
            let connection = async move {
                tokio::select! {
                    () = this.connection(stream, addr, &place) => {}
                    () = place.evicted() => {
                        tracing::debug!("a connection without a request made room for a newer one");
                    }
                }
            };
            self.tasks
                .spawn_watched("http connection", connection, |failure| {
                    tracing::error!(error = %failure.reason, "an HTTP connection ended badly");
                });
        }
    }

    async fn connection(self, stream: TcpStream, addr: SocketAddr, place: &Arc<Place>) {
        // Without it answers are merely slower.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            let certificate = None;
            return self
                .requests(stream, Peer { addr, certificate }, place)
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
        self.requests(stream, Peer { addr, certificate }, place)
            .await;
    }

    async fn requests<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        peer: Peer,
        place: &Arc<Place>,
    ) {
        let write = Duration::from_millis(self.limits.write_ms);
        let stream = Stalling::new(stream, write, Arc::clone(place));
        let (router, limits) = (self.router, self.limits);
        let service = service_fn(|request: Request<Incoming>| {
            let answer = answer(router.clone(), request, limits, &peer, place);
            async { Ok::<_, Infallible>(answer.await) }
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

/// Answers one request, for which the connection takes a seat.
async fn answer(
    router: Router,
    request: Request<Incoming>,
    limits: HttpLimits,
    peer: &Peer,
    place: &Arc<Place>,
) -> Response<Body> {
    if !place.seat(Duration::from_millis(limits.header_ms)).await {
        return unavailable();
    }
    let part = Duration::from_millis(limits.body_part_ms);
    let total = Duration::from_millis(limits.body_ms);
    let mut request = request.map(|body| bounded(body, part, total));
    request.extensions_mut().insert(ConnectInfo(peer.addr));
    if let Some(certificate) = peer.certificate.clone() {
        request.extensions_mut().insert(certificate);
    }
    let response = router.oneshot(request).await;
    let response = response.unwrap_or_else(|never: Infallible| match never {});
    response.map(|body| Body::new(Answer::new(body, Arc::clone(place))))
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn unavailable() -> Response<Body> {
    let close = [(header::CONNECTION, "close")];
    (StatusCode::SERVICE_UNAVAILABLE, close).into_response()
}
