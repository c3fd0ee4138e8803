//! Where Node-RED's output goes: the ring that viewers read, and the disk.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use spokegate_daemon::{Clock, Tasks};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::disk::{Disk, tail};
use super::lines::{Mask, Splitter};
use super::ring::{Read, Ring};
use crate::credentials::told;

/// Bytes of lines in memory.
const RING_BYTES_MAX: usize = 512 * 1_024;
/// Lines between output and disk; what finds no room is in the ring alone, and counted.
const QUEUE_MAX: usize = 1_024;
/// Lines that are written, or read by a viewer, at a time.
const BATCH_MAX: usize = 256;

/// Numbers that a start leaves to the lines of each millisecond until the next start.
const NUMBERS_A_MS: u64 = 1_000;

/// Which of its outputs a line is from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stream {
    Out,
    Err,
    /// What the keeper says of its work.
    Agent,
}

/// Takes lines, and hands them to whoever reads. Clones share one.
#[derive(Clone)]
pub(super) struct Book(Arc<Shared>);

struct Shared {
    ring: Mutex<Ring>,
    last: watch::Sender<u64>,
    /// The number of this start's first line.
    own_from: u64,
    queue: mpsc::Sender<Arc<str>>,
    unwritten: AtomicU64,
    mask: RwLock<Mask>,
    clock: Clock,
}

/// Writes what a [`Book`] takes.
pub(super) struct Writer {
    book: Book,
    queue: mpsc::Receiver<Arc<str>>,
    folder: PathBuf,
    bytes_max: u64,
}

impl Book {
    /// With the lines that are on disk already.
    pub(super) fn open(
        folder: PathBuf,
        bytes_max: u64,
        mask: Mask,
        clock: Clock,
    ) -> (Self, Writer) {
        let mut ring = Ring::new(RING_BYTES_MAX);
        let earlier = tail(&folder, RING_BYTES_MAX as u64);
        // Numbers grow from one start to the next, as the clock does; lines of before keep theirs below.
        let own_from = clock.now_ms().saturating_mul(NUMBERS_A_MS);
        ring.begin_at(own_from.saturating_sub(earlier.len() as u64));
        for line in earlier {
            ring.push(line.into());
        }
        let (queue, lines) = mpsc::channel(QUEUE_MAX);
        let book = Self(Arc::new(Shared {
            last: watch::Sender::new(ring.next()),
            ring: Mutex::new(ring),
            own_from,
            queue,
            unwritten: AtomicU64::new(0),
            mask: RwLock::new(mask),
            clock,
        }));
        let writer = Writer {
            book: book.clone(),
            queue: lines,
            folder,
            bytes_max,
        };
        (book, writer)
    }

    pub(super) fn add(&self, stream: Stream, text: &str) {
        let word = match stream {
            Stream::Out => "out",
            Stream::Err => "err",
            Stream::Agent => "agent",
        };
        let at = told(self.0.clock.now_ms());
        let mask = self.0.mask.read().unwrap_or_else(PoisonError::into_inner);
        let line: Arc<str> = format!("{at} {word:<5} {}", mask.clean(text)).into();
        drop(mask);
        let next = {
            let mut ring = self.0.ring.lock().unwrap_or_else(PoisonError::into_inner);
            ring.push(Arc::clone(&line));
            ring.next()
        };
        if self.0.queue.try_send(line).is_err() {
            self.0.unwritten.fetch_add(1, Ordering::Relaxed);
        }
        self.0.last.send_replace(next);
    }

    /// Takes this out of lines as well from now on.
    pub(super) fn learn(&self, secret: &str) {
        let mut mask = self.0.mask.write().unwrap_or_else(PoisonError::into_inner);
        mask.learn(secret);
    }

    /// Reads a stream to its end.
    pub(super) async fn take(self, stream: Stream, mut pipe: impl AsyncRead + Unpin) {
        let (mut splitter, mut buffer) = (Splitter::default(), vec![0; 8_192]);
        while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
            for line in splitter.feed(&buffer[..length]) {
                self.add(stream, &line);
            }
        }
        if let Some(line) = splitter.end() {
            self.add(stream, &line);
        }
    }

    /// A viewer who begins with the last so many lines.
    pub(super) fn viewer(&self, tail: u64) -> Viewer {
        let last = self.0.last.subscribe();
        let next = self.ring(|ring| ring.tail(tail));
        let book = self.clone();
        Viewer { book, last, next }
    }

    /// Lines of this start: at most so many from a number on.
    pub(super) fn from(&self, number: u64, lines_max: usize) -> Read {
        let from = number.max(self.0.own_from);
        self.ring(|ring| ring.read(from, lines_max))
    }

    /// Where the last so many lines of this start begin.
    pub(super) fn tail_from(&self, lines: u64) -> u64 {
        self.ring(|ring| ring.tail(lines)).max(self.0.own_from)
    }

    fn ring<T>(&self, look: impl FnOnce(&Ring) -> T) -> T {
        look(&self.0.ring.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A place in the book.
pub(super) struct Viewer {
    book: Book,
    last: watch::Receiver<u64>,
    next: u64,
}

impl Viewer {
    /// What is there and not read yet, at most a batch, with a word where lines went before they were read.
    pub(super) fn read(&mut self) -> Option<String> {
        let Read { lost, lines, next } = self.book.ring(|ring| ring.read(self.next, BATCH_MAX));
        self.next = next;
        let mut text = String::new();
        if lost > 0 {
            text.push_str(&format!("({lost} lines went before they could be shown)\n"));
        }
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        (!text.is_empty()).then_some(text)
    }

    /// The same, once there is something.
    pub(super) async fn wait(&mut self) -> Option<String> {
        loop {
            self.last.borrow_and_update();
            if let Some(text) = self.read() {
                return Some(text);
            }
            self.last.changed().await.ok()?;
        }
    }
}

impl Writer {
    /// Runs until there is nothing more to come.
    pub(super) async fn run(mut self, tasks: Tasks, ended: CancellationToken) {
        let mut disk = None;
        let mut is_told = false;
        let mut lines = Vec::new();
        loop {
            tokio::select! {
                biased;
                count = self.queue.recv_many(&mut lines, BATCH_MAX) => if count == 0 { return },
                () = ended.cancelled() => return,
            }
            match self.book.0.unwritten.swap(0, Ordering::Relaxed) {
                0 => {}
                lost => lines.push(format!("({lost} lines came too fast for the disk)").into()),
            }
            let (folder, bytes_max) = (self.folder.clone(), self.bytes_max);
            let (open, batch) = (disk.take(), std::mem::take(&mut lines));
            let written = tasks.blocking("node-red log", move || {
                let mut open: Disk = open.map_or_else(|| Disk::open(&folder, bytes_max), Ok)?;
                open.write(&batch)?;
                std::io::Result::Ok(open)
            });
            match written.await {
                Some(Ok(open)) => (disk, is_told) = (Some(open), false),
                Some(Err(error)) if !is_told => {
                    is_told = true;
                    tracing::warn!(%error, "Node-RED's output cannot be written to the disk; `spokegate-agent logs` shows what is in memory");
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(folder: &std::path::Path) -> (Book, Writer) {
        let mask = Mask::new(["0123456789abcdef".to_owned()]);
        Book::open(folder.to_owned(), 1 << 20, mask, Clock::manual(1_000).0)
    }

    #[tokio::test]
    async fn a_slow_viewer_is_told_its_loss_and_holds_up_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (book, _writer) = book(folder.path());
        book.add(Stream::Out, "first");
        let (mut slow, mut quick) = (book.viewer(10), book.viewer(0));
        assert_eq!(quick.read(), None);
        let mut seen = 0;
        for n in 0..20_000 {
            book.add(Stream::Out, &format!("{n:030}"));
            seen += quick.wait().await.unwrap().lines().count();
        }
        assert_eq!(seen, 20_000);
        let text = slow.wait().await.unwrap();
        let (told, rest) = text.split_once('\n').unwrap();
        let lost: usize = told
            .trim_start_matches('(')
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(lost > 10_000, "{told}");
        let mut lines = rest.lines().count();
        while let Some(text) = slow.read() {
            assert!(!text.starts_with('('), "lost twice: {text}");
            lines += text.lines().count();
        }
        assert_eq!(lost + lines, 20_001);
    }

    #[tokio::test]
    async fn both_streams_are_kept_without_secrets_and_survive() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, writer) = book(folder.path());
        let (tasks, ended) = (Tasks::new(), CancellationToken::new());
        kept.clone()
            .take(Stream::Out, &b"one\ntoken 0123456789abcdef\n"[..])
            .await;
        kept.clone().take(Stream::Err, &b"no line end"[..]).await;
        ended.cancel();
        writer.run(tasks, ended).await;
        let expected = "1970-01-01T00:00:01Z out   one\n1970-01-01T00:00:01Z out   token ***\n1970-01-01T00:00:01Z err   no line end\n";
        assert_eq!(kept.viewer(9).read().unwrap(), expected);
        let on_disk = std::fs::read_to_string(folder.path().join("node-red.log")).unwrap();
        assert_eq!(on_disk, expected);
        assert_eq!(
            book(folder.path()).0.viewer(1).read().unwrap(),
            expected.split_inclusive('\n').next_back().unwrap()
        );
    }
}
