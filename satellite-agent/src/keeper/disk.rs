//! The output on disk: two files, of which the older one goes when the newer one is full. It is there after a restart.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NAME: &str = "node-red.log";
const OLDER: &str = "node-red.log.1";

/// The files, open for more.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    file: File,
    bytes: u64,
    /// Of one file.
    bytes_max: u64,
}

impl Disk {
    /// Goes on in the file that is there.
    pub(super) fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        let file = open(folder)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            folder: folder.to_owned(),
            file,
            bytes,
            bytes_max: bytes_max / 2,
        })
    }

    pub(super) fn write(&mut self, lines: &[Arc<str>]) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            let more = (text.len() + line.len() + 1) as u64;
            if self.bytes + more > self.bytes_max && self.bytes + text.len() as u64 > 0 {
                self.file.write_all(text.as_bytes())?;
                text.clear();
                self.rotate()?;
            }
            text.push_str(line);
            text.push('\n');
        }
        self.file.write_all(text.as_bytes())?;
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        std::fs::rename(self.folder.join(NAME), self.folder.join(OLDER))?;
        self.file = open(&self.folder)?;
        self.bytes = 0;
        Ok(())
    }
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(folder.join(NAME))
}

/// The last lines of both files, of about so many bytes.
pub(super) fn tail(folder: &Path, bytes_max: u64) -> Vec<String> {
    let newer = end_of(&folder.join(NAME), bytes_max);
    let room = bytes_max.saturating_sub(newer.len() as u64);
    let older = end_of(&folder.join(OLDER), room);
    let lines = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(text);
        text.lines().map(str::to_owned).collect()
    };
    let mut all = lines(&older);
    all.extend(lines(&newer));
    all
}

/// What stands at the end of a file, from the beginning of a line on; nothing where there is no file.
fn end_of(path: &Path, bytes_max: u64) -> Vec<u8> {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let skipped = length.saturating_sub(bytes_max);
        // One byte earlier: a line end there means that the first line is whole.
        file.seek(SeekFrom::Start(skipped.saturating_sub(1)))?;
        let mut text = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut text)?;
        if skipped > 0 {
            let whole = text.iter().position(|byte| *byte == b'\n');
            text.drain(..whole.map_or(text.len(), |at| at + 1));
        }
        io::Result::Ok(text)
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(from: u32, to: u32) -> Vec<Arc<str>> {
        (from..to).map(|n| format!("line {n:04}").into()).collect()
    }

    #[test]
    fn two_files_hold_the_last_lines_within_their_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = Disk::open(folder.path(), 2_000).unwrap();
        disk.write(&lines(0, 150)).unwrap();
        drop(disk);
        let mut disk = Disk::open(folder.path(), 2_000).unwrap();
        for n in 150..300 {
            disk.write(&lines(n, n + 1)).unwrap();
        }
        let size = |name: &str| folder.path().join(name).metadata().unwrap().len();
        assert!(size(NAME) <= 1_000 && size(OLDER) <= 1_000);
        let told = tail(folder.path(), 10_000);
        assert_eq!(told.last().unwrap(), "line 0299");
        assert!(told.len() > 100, "{}", told.len());
        let numbers: Vec<u32> = told.iter().map(|line| line[5..].parse().unwrap()).collect();
        assert!(
            numbers.windows(2).all(|two| two[1] == two[0] + 1),
            "{numbers:?}"
        );
    }

    #[test]
    fn only_whole_lines_are_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tail(folder.path(), 100), [""; 0]);
        Disk::open(folder.path(), 2_000)
            .unwrap()
            .write(&lines(0, 5))
            .unwrap();
        assert_eq!(tail(folder.path(), 20), ["line 0003", "line 0004"]);
        assert_eq!(tail(folder.path(), 29), ["line 0003", "line 0004"]);
        assert_eq!(tail(folder.path(), 50).len(), 5);
    }

    #[test]
    fn others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        Disk::open(folder.path(), 2_000).unwrap();
        let mode = folder
            .path()
            .join(NAME)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
