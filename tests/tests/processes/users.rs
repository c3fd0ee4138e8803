//! The users of the sanitizer's processes: numbers that need no entry on the host. Whoever is not root runs all as one.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

pub(super) const SUPERVISOR: u32 = 61_204;
pub(super) const INGEST: u32 = 61_201;
pub(super) const WORKER: u32 = 61_202;
pub(super) const EGRESS: u32 = 61_203;

/// Whether processes can be separated here.
fn are_separate() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The section of the sanitizer's configuration.
pub(super) fn section() -> String {
    if are_separate() {
        format!(
            "[users]\nsupervisor = \"{SUPERVISOR}\"\ningest = \"{INGEST}\"\nworker = \"{WORKER}\"\negress = \"{EGRESS}\"\n"
        )
    } else {
        "[users]\nseparate = \"off\"\n".to_owned()
    }
}

/// Gives a file, or a folder with what is in it, to one of them.
pub(super) fn give(path: &Path, user: u32) {
    if !are_separate() {
        return;
    }
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), user);
        }
    }
}

/// Lets everybody look into a folder for what they know to be there.
pub(super) fn open(folder: &Path) {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}
