//! The file without a name in which the data of a run waits for its template: nobody else can open it, and it is gone with
//! the run.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::order::{Chunk, Span};

/// One run's data.
#[derive(Debug)]
pub struct Tray {
    file: File,
    end: AtomicU64,
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

    /// Another handle on the file, for the process that reads it.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}
