//! A cable: what connects to it reaches a port, until it is cut.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use spokegate_daemon::Tasks;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Small, so that a cut falls into the middle of a message.
const PIECE_BYTES: usize = 700;

/// Carries connections to a port of loopback.
pub(crate) struct Cable {
    pub(crate) addr: SocketAddr,
    carried: Arc<Carried>,
}

#[derive(Default)]
struct Carried {
    /// Of the connections that are open now; another one after each cut.
    cut: Mutex<CancellationToken>,
    open: AtomicUsize,
}

impl Cable {
    /// Lays a cable to `to`.
    pub(crate) async fn lay(to: SocketAddr, tasks: &Tasks) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let carried = Arc::<Carried>::default();
        let (kept, connections) = (Arc::clone(&carried), tasks.child());
        tasks.spawn("cable", async move {
            while let Ok((near, _)) = listener.accept().await {
                let carried = Arc::clone(&carried);
                connections.spawn("carried", async move { carried.carry(near, to).await });
            }
        });
        Self {
            addr,
            carried: kept,
        }
    }

    /// Whether anything is connected through it.
    pub(crate) fn is_used(&self) -> bool {
        self.carried.open.load(Ordering::SeqCst) > 0
    }

    /// Ends all connections at once, wherever they are; the next ones pass.
    pub(crate) fn cut(&self) {
        let mut cut = self.carried.cut.lock().unwrap();
        std::mem::take(&mut *cut).cancel();
    }
}

impl Carried {
    async fn carry(&self, near: TcpStream, to: SocketAddr) {
        let cut = self.cut.lock().unwrap().clone();
        // Nobody there is an end like any other.
        let Ok(far) = TcpStream::connect(to).await else {
            return;
        };
        for stream in [&near, &far] {
            // What is closed is reset: neither side gets a farewell.
            stream.set_zero_linger().unwrap();
            stream.set_nodelay(true).unwrap();
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        tokio::select! {
            () = cut.cancelled() => {}
            () = pour(near_in, far_out) => {}
            () = pour(far_in, near_out) => {}
        }
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn pour(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf) {
    let mut piece = [0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
