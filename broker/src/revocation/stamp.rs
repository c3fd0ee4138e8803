//! Whether a file is another than before, by what the file system says about it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use spokegate_identity::TlsFiles;

/// Modification time, size and number of a file; none when there is no file.
type Stamp = Option<(i64, i64, u64, u64)>;

/// The files as they were when they were last read.
#[derive(Debug)]
pub(super) struct Stamps {
    /// What is in use.
    tls: [Stamp; 3],
    /// What was seen at the last look.
    seen: [Stamp; 3],
    lists: Stamp,
}

/// What has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) tls: bool,
    pub(super) lists: bool,
}

impl Stamps {
    pub(super) fn of(files: &TlsFiles, lists: Option<&Path>) -> Self {
        let tls = tls(files);
        Self {
            tls,
            seen: tls,
            lists: lists.and_then(stamp),
        }
    }

    /// Compares with the files as they are now, and remembers those.
    ///
    /// TLS files count as changed once they look the same twice: certificate and key are written one after the other.
    pub(super) fn changed(&mut self, files: &TlsFiles, lists: Option<&Path>) -> Changed {
        let now = tls(files);
        let settled = now == self.seen;
        self.seen = now;
        let tls = settled && now != self.tls;
        if tls {
            self.tls = now;
        }
        let now = lists.and_then(stamp);
        let lists = now != self.lists;
        self.lists = now;
        Changed { tls, lists }
    }

    /// Takes the file of lists as it is now for the one in use.
    pub(super) fn renew_lists(&mut self, lists: &Path) {
        self.lists = stamp(lists);
    }
}

fn tls(files: &TlsFiles) -> [Stamp; 3] {
    [&files.certificate, &files.key, &files.ca].map(|path| stamp(path))
}

fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.size(),
        metadata.ino(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_count_at_once_and_tls_files_when_they_have_settled() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles::in_directory(folder.path());
        let lists = folder.path().join("crl.pem");
        for path in [&files.certificate, &files.key, &files.ca, &lists] {
            std::fs::write(path, "1").unwrap();
        }
        let mut stamps = Stamps::of(&files, Some(&lists));
        let mut check = |tls, of_lists| {
            let changed = stamps.changed(&files, Some(&lists));
            assert_eq!(
                changed,
                Changed {
                    tls,
                    lists: of_lists
                }
            );
        };
        check(false, false);
        std::fs::write(&lists, "22").unwrap();
        check(false, true);
        std::fs::write(&files.certificate, "22").unwrap();
        check(false, false);
        std::fs::write(&files.key, "22").unwrap();
        check(false, false);
        check(true, false);
        check(false, false);
        std::fs::remove_file(&lists).unwrap();
        check(false, true);
        check(false, false);
    }
}
