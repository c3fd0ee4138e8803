//! The accept loops: nothing here waits for a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use spokegate_daemon::http::network;
use tokio::net::{TcpListener, TcpStream};

use super::end::{Caller, End};
use super::{Shared, door};
use crate::config::ListenerKind;
use crate::lock;
use crate::meters::Meters;
use crate::rate::Admission;

/// Pause after a failed accept, which mostly means that file descriptors ran out.
const FAILURE_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the broker stops.
pub(super) async fn run(shared: Arc<Shared>, kind: ListenerKind, socket: TcpListener) {
    let soft = shared.tasks.soft();
    while let Some(accepted) = soft.run_until_cancelled(socket.accept()).await {
        match accepted {
            Ok((stream, peer)) => admit(&shared, kind, stream, peer),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, kind: ListenerKind, stream: TcpStream, peer: SocketAddr) {
    shared.meters.accepted.increment(1);
    let now_ms = shared.clock.monotonic_ms();
    match lock(&shared.per_address).admit(network(peer.ip()), now_ms) {
        Admission::Permitted => {}
        Admission::Refused => return End::Rate.refuse(&Caller::at(peer)),
        Admission::RefusedAgain => return Meters::denied(End::Rate.reason()),
    }
    // Without it a small answer waits for the peer's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the connection was gone before it was served");
        return;
    }
    // Boxed: what wraps a task holds it more than once.
    let entering = Box::pin(door::enter(Arc::clone(shared), kind, stream, peer));
    shared.tasks.spawn_watched("connection", entering, |failure| {
        tracing::error!(error = %failure, "a connection's task broke off; only that connection ends");
    });
}
