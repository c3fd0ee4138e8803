//! The folder on disk. A file appears whole or not at all; what is not ours is left alone.

use super::index::{Bounds, Index, Name};
use crate::link::WorkHead;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Before and after the name of a file that is not whole yet.
const PART: (&str, &str) = (".", ".part");
/// Written and removed at the start, to see that the folder takes files.
const PROBE: &str = ".probe.part";

/// The folder and what lies in it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    bounds: Bounds,
    index: Index,
}

impl Folder {
    /// Makes the folder for its owner only, removes what an earlier run left half-written, and counts the rest.
    pub(super) fn open(path: &Path, bounds: Bounds) -> std::io::Result<Folder> {
        let mut folder = Folder {
            path: path.to_owned(),
            bounds,
            index: Index::default(),
        };
        folder.make()?;
        folder.probe()?;
        let foreign = folder.scan()?;
        if foreign > 0 {
            tracing::warn!(folder = %path.display(), files = foreign, "files in the quarantine's folder are not of this program and are left alone");
        }
        Ok(folder)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.index.bytes()
    }

    /// Writes one file, then removes what is too much.
    pub(super) fn write(
        &mut self,
        work: &WorkHead,
        sealed: &[u8],
        now_ms: u64,
    ) -> std::io::Result<()> {
        let name = Name {
            id: work.quarantine_id(),
            tenant: work.tenant.clone(),
            satellite: work.satellite.clone(),
        };
        match self.put(&name, sealed) {
            // Somebody has removed the folder.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make()?;
                self.index = Index::default();
                self.put(&name, sealed)?;
            }
            other => other?,
        }
        self.index.add(name, sealed.len() as u64);
        self.make_room(now_ms)
    }

    /// Looks at the folder anew, as a person may have taken files away, and removes what is too old or too much.
    pub(super) fn sweep(&mut self, now_ms: u64) -> std::io::Result<()> {
        self.scan()?;
        self.make_room(now_ms)
    }

    fn make(&self) -> std::io::Result<()> {
        fs::create_dir_all(&self.path)?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))
    }

    /// A full disk is no reason not to start: messages are refused all the same.
    fn probe(&self) -> std::io::Result<()> {
        let path = self.path.join(PROBE);
        let written = create(&path).map(drop);
        let removed = fs::remove_file(&path);
        match written {
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                tracing::error!(folder = %self.path.display(), "the disk of the quarantine is full: refused messages are not kept");
                Ok(())
            }
            other => other.and(removed),
        }
    }

    /// Counts our files and removes our half-written ones; returns how many others there are.
    fn scan(&mut self) -> std::io::Result<u64> {
        self.index = Index::default();
        let mut foreign = 0_u64;
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let file = entry.file_name();
            let text = file.to_str().unwrap_or_default();
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // It has gone meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if !metadata.is_file() {
                foreign = foreign.saturating_add(1);
            } else if is_part(text) {
                remove(&entry.path())?;
            } else if let Ok(name) = text.parse() {
                self.index.add(name, metadata.len());
            } else {
                foreign = foreign.saturating_add(1);
            }
        }
        Ok(foreign)
    }

    fn put(&self, name: &Name, content: &[u8]) -> std::io::Result<()> {
        let part = self.path.join(format!("{}{name}{}", PART.0, PART.1));
        let written = create(&part).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        let placed = written.and_then(|()| fs::rename(&part, self.path.join(name.to_string())));
        if placed.is_err() {
            // What remains is removed at the next sweep.
            let _ = fs::remove_file(&part);
        }
        placed?;
        File::open(&self.path)?.sync_all()
    }

    fn make_room(&mut self, now_ms: u64) -> std::io::Result<()> {
        // One that cannot be removed does not keep the others.
        let gone = self.index.excess(&self.bounds, now_ms);
        let results: Vec<std::io::Result<()>> = gone
            .iter()
            .map(|name| remove(&self.path.join(name.to_string())))
            .collect();
        results.into_iter().collect()
    }
}

fn is_part(text: &str) -> bool {
    let inner = text.strip_prefix(PART.0);
    let inner = inner.and_then(|text| text.strip_suffix(PART.1));
    text == PROBE || inner.is_some_and(|name| name.parse::<Name>().is_ok())
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
