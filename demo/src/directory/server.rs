//! Sockets and TLS of the directory.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::LdapMsg;
use spokegate_daemon::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::entry::Tree;
use super::session::{Next, Session};

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 256;
/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(600);

pub(super) struct Server {
    pub(super) listener: TcpListener,
    pub(super) tls: TlsAcceptor,
    pub(super) tree: Arc<RwLock<Tree>>,
    pub(super) tasks: Tasks,
}

impl Server {
    pub(super) async fn serve(self) {
        let stop = self.tasks.soft();
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Some(Ok(slot)) = stop
                .run_until_cancelled(Arc::clone(&slots).acquire_owned())
                .await
            else {
                return;
            };
            let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await else {
                return;
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, most likely; asking again at once would spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (tls, tree, stop) = (self.tls.clone(), Arc::clone(&self.tree), stop.clone());
            let connection = async move {
                let ended = stop
                    .run_until_cancelled(converse(stream, &tls, &tree))
                    .await;
                if let Some(Err(error)) = ended {
                    tracing::debug!(%error, "a directory connection ended badly");
                }
                drop(slot);
            };
            self.tasks
                .spawn_watched("directory connection", connection, |failure| {
                    tracing::warn!(error = %failure, "a directory connection failed");
                });
        }
    }
}

async fn converse(
    stream: TcpStream,
    tls: &TlsAcceptor,
    tree: &RwLock<Tree>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await??;
    let (mut codec, mut received, mut session) =
        (LdapCodec::default(), BytesMut::new(), Session::default());
    while let Some(message) = receive(&mut stream, &mut codec, &mut received).await? {
        let next = session.answer(
            message,
            &tree.read().unwrap_or_else(PoisonError::into_inner),
        );
        match next {
            Next::Send(messages) => send(&mut stream, &mut codec, messages).await?,
            Next::HangUp(last) => {
                send(&mut stream, &mut codec, last).await?;
                break;
            }
        }
    }
    stream.shutdown().await
}

/// The next message; none when the client has hung up.
async fn receive(
    stream: &mut TlsStream<TcpStream>,
    codec: &mut LdapCodec,
    received: &mut BytesMut,
) -> std::io::Result<Option<LdapMsg>> {
    loop {
        if let Some(message) = codec.decode(received)? {
            return Ok(Some(message));
        }
        if tokio::time::timeout(IDLE, stream.read_buf(received)).await?? == 0 {
            return Ok(None);
        }
    }
}

async fn send(
    stream: &mut TlsStream<TcpStream>,
    codec: &mut LdapCodec,
    messages: impl IntoIterator<Item = LdapMsg>,
) -> std::io::Result<()> {
    let mut bytes = BytesMut::new();
    for message in messages {
        codec.encode(message, &mut bytes)?;
    }
    stream.write_all(&bytes).await?;
    stream.flush().await
}
