//! Files in the folder of the kept Node-RED, where flows may put what they like: no link is followed, so that neither the
//! agent's key is read as if it were flows, nor another file replaced by them.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use spokegate_daemon::open_below;

use crate::credentials::store::put_private;

/// Longer files are not those of Node-RED.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Where the storage of `deploy/node-red` keeps its files.
pub(super) const STORAGE: &str = "storage";

/// A Node-RED's folder. Paths are relative to it, and at most one folder deep.
#[derive(Clone, Debug)]
pub(super) struct UserDir(PathBuf);

/// The files of flows and of their credentials.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) flows: PathBuf,
    pub(super) credentials: PathBuf,
}

impl UserDir {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether flows are kept by the storage of `deploy/node-red`. Blocks.
    pub(super) fn has_storage(&self) -> io::Result<bool> {
        let storage = self.0.join(STORAGE);
        match storage.symlink_metadata() {
            Ok(found) if found.is_dir() => Ok(true),
            Ok(_) => Err(io::Error::other(format!(
                "{} is no folder",
                storage.display()
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `storage/` where Node-RED keeps its files there, else as its own storage does. Blocks.
    pub(super) fn place(&self) -> io::Result<Place> {
        let storage = Path::new(STORAGE);
        Ok(match self.has_storage()? {
            true => Place {
                flows: storage.join("flows.json"),
                credentials: storage.join("credentials.json"),
            },
            false => Place {
                flows: "flows.json".into(),
                credentials: "flows_cred.json".into(),
            },
        })
    }

    /// A regular file; none where there is none. Blocks.
    pub(super) fn open(&self, path: &Path) -> io::Result<Option<File>> {
        let there = self.0.join(path).symlink_metadata();
        if there.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        open_below(&self.0, path)
            .map(Some)
            .map_err(io::Error::other)
    }

    /// The whole of one. Blocks.
    pub(super) fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > BYTES_MAX {
            let text = format!("{} has more than {BYTES_MAX} bytes", path.display());
            return Err(io::Error::other(text));
        }
        Ok(Some(bytes))
    }

    /// Replaces a file whole, or removes it. Blocks.
    pub(super) fn put(&self, path: &Path, bytes: Option<&[u8]>) -> io::Result<()> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let folder = self.held(path.parent().unwrap_or(Path::new("")))?;
        // By a folder that is held open: whatever becomes of its name, it is that folder.
        let fd = folder.as_raw_fd().to_string();
        let path = Path::new("/proc/self/fd").join(fd).join(name);
        match bytes {
            Some(bytes) => put_private(&path, bytes).map_err(io::Error::other),
            None => remove(&path),
        }
    }

    fn held(&self, below: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let any = ResolveFlags::empty();
        let folder = openat2(CWD, &self.0, flags, Mode::empty(), any)?;
        let folder = match below.as_os_str().is_empty() {
            true => folder,
            false => openat2(folder, below, flags, Mode::empty(), beneath)?,
        };
        Ok(File::from(folder))
    }
}

/// Removes a file that may be there. Blocks.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_replaced_whole_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let own = UserDir::new(folder.path());
        let file = Path::new("flows.json");
        assert_eq!(own.read(file).unwrap(), None);
        own.put(file, Some(b"[]")).unwrap();
        assert_eq!(own.read(file).unwrap().as_deref(), Some(&b"[]"[..]));
        own.put(file, None).unwrap();
        own.put(file, None).unwrap();
        assert_eq!(own.read(file).unwrap(), None);
    }

    #[test]
    fn the_place_follows_the_storage() {
        let folder = tempfile::tempdir().unwrap();
        let own = UserDir::new(folder.path());
        assert_eq!(own.place().unwrap().flows, Path::new("flows.json"));
        std::fs::create_dir(folder.path().join(STORAGE)).unwrap();
        let kept = own.place().unwrap().credentials;
        assert_eq!(kept, Path::new("storage/credentials.json"));
    }

    #[test]
    fn no_link_leads_to_what_flows_may_not_see() {
        let folder = tempfile::tempdir().unwrap();
        let (hidden, user_dir) = (folder.path().join("own"), folder.path().join("user"));
        std::fs::create_dir_all(&hidden).unwrap();
        std::fs::create_dir_all(user_dir.join(STORAGE)).unwrap();
        std::fs::write(hidden.join("flows.json"), "key").unwrap();
        let own = UserDir::new(&user_dir);
        let place = own.place().unwrap();

        // The file is a link: it is not read, and what replaces it is a file.
        let link = user_dir.join(&place.flows);
        symlink(hidden.join("flows.json"), &link).unwrap();
        assert!(own.read(&place.flows).is_err());
        own.put(&place.flows, Some(b"[]")).unwrap();
        assert!(link.symlink_metadata().unwrap().is_file());

        // The folder is a link, before or after it was looked for.
        std::fs::remove_dir_all(user_dir.join(STORAGE)).unwrap();
        symlink(&hidden, user_dir.join(STORAGE)).unwrap();
        assert!(own.place().is_err());
        assert!(own.read(&place.flows).is_err());
        assert!(own.put(&place.flows, Some(b"[1]")).is_err());
        assert!(own.put(&place.flows, None).is_err());
        assert_eq!(std::fs::read(hidden.join("flows.json")).unwrap(), b"key");
    }
}
