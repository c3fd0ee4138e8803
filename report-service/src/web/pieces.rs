//! A body that is written while it is sent: nothing of it is kept in memory or on the disk.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use futures_util::stream;
use spokegate_daemon::Tasks;
use tokio::sync::mpsc;

/// Pieces on their way to a slow reader; the writer waits when there are more.
const PIECES_MAX: usize = 8;
/// Size of a piece.
const PIECE_BYTES: usize = 65_536;

/// A body out of what `write` writes, on a thread that may wait.
pub(crate) fn body<W>(tasks: &Tasks, name: &'static str, write: W) -> Body
where
    W: FnOnce(Pieces) -> io::Result<()> + Send + 'static,
{
    let (tx, rx) = mpsc::channel(PIECES_MAX);
    let work = tasks.clone();
    tasks.spawn(name, async move {
        let failed = tx.clone();
        let written = work.blocking(name, move || write(Pieces::new(tx))).await;
        let written = written.unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
        if let Err(error) = written {
            // The reader sees an answer that was broken off, and not a short file that looks whole.
            let _ = failed.send(Err(error)).await;
        }
    });
    let pieces = stream::unfold(rx, |mut rx| async move { Some((rx.recv().await?, rx)) });
    Body::from_stream(pieces)
}

/// Gathers bytes and hands them on; an error when nobody reads any more.
pub(crate) struct Pieces {
    tx: mpsc::Sender<io::Result<Bytes>>,
    gathered: Vec<u8>,
}

impl Pieces {
    fn new(tx: mpsc::Sender<io::Result<Bytes>>) -> Self {
        let gathered = Vec::with_capacity(PIECE_BYTES);
        Self { tx, gathered }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        let sent = self.tx.blocking_send(Ok(piece.into()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
