//! The file without a name in which the data of a run waits for its template: nobody else can open it, and it is gone with
//! the run.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::order::{Chunk, Span};
use super::values::read;

/// One run's data.
#[derive(Debug)]
pub struct Tray {
    file: File,
    end: AtomicU64,
    order: Mutex<Option<Span>>,
}

impl Tray {
    /// An empty one on the disk of this folder.
    ///
    /// # Errors
    /// The system's reason.
    pub fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            end: AtomicU64::new(0),
            order: Mutex::default(),
        })
    }

    /// Writes a piece behind all others; pieces may come from several threads.
    ///
    /// # Errors
    /// The system's reason.
    pub fn append(&self, bytes: &[u8]) -> io::Result<Span> {
        let length = bytes.len() as u64;
        let at = self.end.fetch_add(length, Ordering::Relaxed);
        self.file.write_all_at(bytes, at)?;
        Ok(Span { at, bytes: length })
    }

    /// Writes a JSON array of so many rows.
    ///
    /// # Errors
    /// The system's reason.
    pub fn append_rows(&self, body: &[u8], rows: usize) -> io::Result<Chunk> {
        let span = self.append(body)?;
        let rows = rows as u64;
        Ok(Chunk { span, rows })
    }

    /// A piece of it.
    ///
    /// # Errors
    /// The system's reason.
    pub fn piece(&self, span: Span) -> io::Result<Vec<u8>> {
        read(&self.file, span)
    }

    /// Notes where the order of the document stands; of several, the last.
    pub(super) fn note_order(&self, order: Span) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
    }

    /// Where it stands.
    pub(super) fn order(&self) -> Option<Span> {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long all pieces are.
    pub(super) fn length(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Another handle on the file, for the process that reads it.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
