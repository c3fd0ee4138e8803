//! What a render writes to: counted, and silent after a failure.

use std::cell::Cell;
use std::io::{self, Write};

use zip::result::ZipError;

use crate::error::RenderError;

/// True for pictures whose format compresses already: more work would gain nothing.
pub(super) fn is_compressed(entry: &str) -> bool {
    let extension = entry.rsplit('.').next().unwrap_or_default();
    ["png", "jpg", "jpeg", "gif"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

pub(super) fn output(error: ZipError) -> RenderError {
    match error {
        ZipError::Io(error) => RenderError::Output(error),
        other => RenderError::Output(io::Error::other(other)),
    }
}

/// Counts what is written, and swallows what comes after a failure.
pub(super) struct Counted<'f, W: Write> {
    pub(super) out: W,
    pub(super) bytes: u64,
    pub(super) failed: &'f Cell<bool>,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.get() {
            return Ok(bytes.len());
        }
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
