//! Damaged pieces of the spool, kept for whoever looks into it; never sent.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use spokegate_daemon::audit::Event;

/// Pieces kept; further ones are told, but not kept.
const PIECES_MAX: usize = 64;

/// The folder of damaged pieces.
#[derive(Debug)]
pub(super) struct Aside(PathBuf);

impl Aside {
    /// Within the spool's folder.
    pub(super) fn within(folder: &Path) -> Self {
        Self(folder.join("damaged"))
    }

    /// Keeps a piece and tells of it; false when it was known before.
    pub(super) fn keep(&self, segment: u64, at: u64, bytes: &[u8]) -> bool {
        let path = self.0.join(format!("{segment:020}-{at}.part"));
        if path.exists() {
            return false;
        }
        let kept = self.write(&path, bytes);
        metrics::counter!("spokegate_agent_spool_damaged_total").increment(1);
        Event::denied("spool-damaged")
            .size_bytes(bytes.len() as u64)
            .emit("a damaged piece of the spool is not sent");
        tracing::error!(
            size_bytes = bytes.len(),
            path = %path.display(),
            kept = kept.is_ok(),
            error = kept.err().map(tracing::field::display),
            "the spool is damaged: a piece of it has a wrong checksum and is not sent; what is whole around it is. hint: check the disk; after a power loss, whether it writes what it says it has written"
        );
        true
    }

    /// Tells of messages that are not there at all; false when it was known before.
    pub(super) fn missing(&self, from: u64, to: u64) -> bool {
        let path = self.0.join(format!("{from:020}-{to}.missing"));
        if path.exists() {
            return false;
        }
        // Without the note it is told again at the next start.
        let _ = self.write(&path, &[]);
        metrics::counter!("spokegate_agent_spool_damaged_total").increment(1);
        let count = to.saturating_sub(from).saturating_add(1);
        Event::denied("spool-damaged").emit("messages are missing from the spool");
        tracing::error!(
            count,
            folder = %self.0.display(),
            "the spool is damaged: messages that were stored are missing from it. hint: check the disk, and whether files of the spool were removed"
        );
        true
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        if std::fs::read_dir(&self.0)?.count() >= PIECES_MAX {
            return Err(std::io::Error::other("enough pieces are kept already"));
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let written = file.write_all(bytes);
        if written.is_err() {
            // Half a piece would look like a whole one the next time.
            let _ = std::fs::remove_file(path);
        }
        written
    }
}
