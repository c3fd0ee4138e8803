//! From an accepted socket to a session: TLS, certificate, CONNECT, policy, all within one time-out.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use spokegate_identity::{Presented, Principal};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::end::{Caller, End};
use super::handshake::{self, Cause, Failure};
use super::inbound::Inbound;
use super::pending::Ticket;
use super::session::{self, Opening};
use super::socket::Socket;
use super::strands::Mobile;
use crate::config::ListenerKind;
use crate::meters::Gauged;
use crate::packet::{Connect, ConnectCode, Limits, Packet, connack};
use crate::policy::{self, Denial, KeepAlive, Session};
use crate::roster::{Guest, Place};

/// How long a last word may take to leave.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection from its first byte to its last. It takes its place among those that wait at once, in the order
/// of arrival, and not when the returned future is first run: else a crowd that came before it could push it out.
pub(super) fn enter(
    shared: Arc<Shared>,
    kind: ListenerKind,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl Future<Output = ()> + Send {
    let hall = Hall {
        ticket: shared.pending.enter(),
        gauged: Gauged::up(&shared.meters.pending),
        deadline_ms: shared.clock.monotonic_ms() + shared.limits.handshake_ms,
    };
    serve(shared, kind, hall, stream, peer)
}

async fn serve(
    shared: Arc<Shared>,
    kind: ListenerKind,
    hall: Hall,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let nobody = Visitor { peer, known: None };
    match kind {
        ListenerKind::Open => Box::pin(greet(shared, hall, stream, nobody)).await,
        ListenerKind::Mtls | ListenerKind::Enrolment => {
            // Steps are boxed, so that a session does not hold the room that its beginning took.
            let knocked = Box::pin(hall.wait(&shared, handshake(&shared, stream))).await;
            match knocked {
                Ok((stream, known)) => {
                    let known = Some(known);
                    Box::pin(greet(shared, hall, stream, Visitor { peer, known })).await;
                }
                Err(end) => end.refuse(&Caller::at(peer)),
            }
        }
    }
}

/// Who knocks.
struct Visitor {
    peer: SocketAddr,
    /// The verified certificate's holder; none on the open listener.
    known: Option<(Principal, Presented)>,
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
) -> Result<(TlsStream<Socket>, (Principal, Presented)), End> {
    let failed = |detail| End::Handshake(Box::new(Failure::of(Cause::Other, detail)));
    let lists = shared.lists.as_ref().ok_or_else(|| failed("no [tls]"))?;
    let accepting = TlsAcceptor::from(lists.server_config()).accept(Socket::new(stream));
    let stream = handshake::watch(&shared.trust_domain, accepting)
        .await
        .map_err(|failure| End::Handshake(Box::new(failure)))?;
    let (_, connection) = stream.get_ref();
    let chain = connection.peer_certificates().unwrap_or_default();
    let certificate = chain
        .first()
        .ok_or_else(|| failed("no client certificate"))?;
    let principal =
        Principal::from_certificate(certificate, &shared.trust_domain).map_err(End::Nobody)?;
    let presented = Presented::of(chain).map_err(End::Nobody)?;
    Ok((stream, (principal, presented)))
}

/// Reads the CONNECT and asks the policy.
async fn greet<S>(shared: Arc<Shared>, hall: Hall, stream: S, visitor: Visitor)
where
    S: AsyncRead + AsyncWrite + Mobile + Unpin + Send + 'static,
{
    let principal = visitor.known.as_ref().map(|(principal, _)| principal);
    let name = principal.map(|principal| principal.spiffe_id(&shared.trust_domain));
    let caller = Caller {
        principal: name.as_deref(),
        ..Caller::at(visitor.peer)
    };
    let limits = match visitor.known {
        Some(_) => Limits::WIRE,
        None => Limits::OPEN,
    };
    let mut inbound = Inbound::new(stream, limits);
    let connect = match hall.wait(&shared, first_packet(&mut inbound)).await {
        Ok(connect) => connect,
        Err(end) => return end.refuse(&caller),
    };
    drop(hall);
    let session = match judge(&shared, principal, &connect) {
        Ok(session) => session,
        Err(denial) => {
            End::Denied(denial, String::new()).refuse(&caller);
            return answer(inbound.stream(), denial.connect_code()).await;
        }
    };
    let place = match seat(&shared, session, name, visitor) {
        Ok(place) => place,
        Err(code) => return answer(inbound.stream(), code).await,
    };
    let keep_alive = (connect.keep_alive_s > 0)
        .then(|| Duration::from_millis(u64::from(connect.keep_alive_s) * 1_500));
    let opening = Opening {
        shared,
        place,
        keep_alive,
        will: connect.will,
    };
    Box::pin(session::begin(opening, inbound)).await;
}

/// Writes the session down. What was revoked since the handshake ends here, and what is revoked from now on finds the
/// session in the roster.
fn seat(
    shared: &Shared,
    session: Session,
    name: Option<String>,
    Visitor { peer, known }: Visitor,
) -> Result<Place, ConnectCode> {
    let principal = name.unwrap_or_else(|| "open listener".to_owned());
    let presented = known.map(|(_, presented)| presented);
    let guest = Guest::new(session, principal, presented, peer, shared.clock.now_ms());
    let place = shared
        .roster
        .enter(guest)
        .map_err(|_| ConnectCode::Unavailable)?;
    let revoked = match (&shared.lists, &place.guest().presented) {
        (Some(lists), Some(presented)) => lists.revoke(presented),
        _ => false,
    };
    if revoked {
        End::Revoked.refuse(&place.guest().into());
        return Err(ConnectCode::NotAuthorized);
    }
    Ok(place)
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
