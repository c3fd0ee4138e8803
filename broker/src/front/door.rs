//! From an accepted socket to a session: TLS, certificate, CONNECT, policy, all within one time-out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use spokegate_identity::Principal;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::end::End;
use super::inbound::Inbound;
use super::pending::Ticket;
use super::session::{self, Opening};
use crate::config::ListenerKind;
use crate::meters::Gauged;
use crate::packet::{Connect, ConnectCode, Packet, connack};
use crate::policy::{self, Denial, KeepAlive, Session};

/// How long a last word may take to leave.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection from its first byte to its last.
pub(super) async fn enter(shared: Arc<Shared>, kind: ListenerKind, stream: TcpStream) {
    let hall = Hall {
        ticket: shared.pending.enter(),
        gauged: Gauged::up(&shared.meters.pending),
        deadline_ms: shared.clock.monotonic_ms() + shared.limits.handshake_ms,
    };
    match kind {
        ListenerKind::Open => greet(shared, hall, stream, None).await,
        ListenerKind::Mtls | ListenerKind::Enrolment => {
            match hall.wait(&shared, handshake(&shared, stream)).await {
                Ok((stream, principal)) => greet(shared, hall, stream, Some(principal)).await,
                Err(end) => end.refuse(None),
            }
        }
    }
}

/// Where a connection waits until it has said who it is.
struct Hall {
    ticket: Ticket,
    #[expect(dead_code, reason = "counts while it lives")]
    gauged: Gauged,
    deadline_ms: u64,
}

impl Hall {
    async fn wait<T>(
        &self,
        shared: &Shared,
        step: impl Future<Output = Result<T, End>>,
    ) -> Result<T, End> {
        let left_ms = self.deadline_ms.saturating_sub(shared.clock.monotonic_ms());
        let soft = shared.tasks.soft();
        tokio::select! {
            result = step => result,
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => Err(End::Late),
            () = self.ticket.evicted() => Err(End::Crowded),
            () = soft.cancelled() => Err(End::Stopping),
        }
    }
}

async fn handshake(
    shared: &Shared,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Principal), End> {
    let tls = shared
        .tls
        .as_ref()
        .ok_or_else(|| End::Handshake("no [tls]".to_owned()))?;
    let acceptor = TlsAcceptor::from(tls.current());
    let stream = acceptor
        .accept(stream)
        .await
        .map_err(|error| End::Handshake(error.to_string()))?;
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let certificate =
        certificate.ok_or_else(|| End::Handshake("no client certificate".to_owned()))?;
    let principal =
        Principal::from_certificate(certificate, &shared.trust_domain).map_err(End::Nobody)?;
    Ok((stream, principal))
}

/// Reads the CONNECT and asks the policy.
async fn greet<S>(shared: Arc<Shared>, hall: Hall, stream: S, principal: Option<Principal>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let name = principal
        .as_ref()
        .map(|principal| principal.spiffe_id(&shared.trust_domain));
    let (reader, mut writer) = tokio::io::split(stream);
    let mut inbound = Inbound::new(reader);
    let connect = match hall.wait(&shared, first_packet(&mut inbound)).await {
        Ok(connect) => connect,
        Err(end) => return end.refuse(name.as_deref()),
    };
    drop(hall);
    let session = match judge(&shared, principal.as_ref(), &connect) {
        Ok(session) => session,
        Err(denial) => {
            End::Denied(denial, String::new()).refuse(name.as_deref());
            return answer(&mut writer, denial.connect_code()).await;
        }
    };
    let principal = name.unwrap_or_else(|| "open listener".to_owned());
    let keep_alive = (connect.keep_alive_s > 0)
        .then(|| Duration::from_millis(u64::from(connect.keep_alive_s) * 1_500));
    session::run(
        Opening {
            shared,
            session,
            principal,
            keep_alive,
            will: connect.will,
        },
        inbound,
        writer,
    )
    .await;
}

async fn first_packet<R: AsyncRead + Unpin>(inbound: &mut Inbound<R>) -> Result<Connect, End> {
    match inbound.next().await? {
        (Packet::Connect(connect), _) => Ok(connect),
        _ => Err(End::OutOfPlace),
    }
}

fn judge(
    shared: &Shared,
    principal: Option<&Principal>,
    connect: &Connect,
) -> Result<Session, Denial> {
    match principal {
        Some(principal) => policy::connect(
            principal,
            connect,
            KeepAlive {
                max_s: shared.limits.keep_alive_s_max,
            },
        ),
        None => policy::connect_open(connect, || {
            format!("unnamed-{}", shared.unnamed.fetch_add(1, Ordering::Relaxed))
        }),
    }
}

/// A CONNACK that lets nobody in, and the end.
pub(super) async fn answer<W: AsyncWrite + Unpin>(writer: &mut W, code: ConnectCode) {
    let farewell = async {
        writer.write_all(&connack(code)).await?;
        writer.shutdown().await
    };
    // A client that does not take its refusal is gone either way.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}
