//! Files that others name: below one folder and nowhere else.

use std::fs::File;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};

/// Why a file is not opened; without the folder that it should be below.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BelowError {
    /// It is a symbolic link, or one leads to it.
    #[error("{0} is or lies behind a link, which is not followed")]
    Link(String),
    /// A folder, a pipe or a device.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// The operating system says why.
    #[error("{0}: {1}")]
    System(String, String),
}

/// Whether a path stays below a folder: no root, no `..`.
pub fn is_below(path: &Path) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    path.components().count() > 0 && path.components().all(plain)
}

/// Opens a regular file below a folder for reading, without following any link.
///
/// # Errors
/// What stands in the way.
pub fn open_below(folder: &Path, path: &Path) -> Result<File, BelowError> {
    let name = || path.display().to_string();
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = openat2(
        CWD,
        folder,
        flags | OFlags::DIRECTORY,
        Mode::empty(),
        ResolveFlags::empty(),
    )
    .and_then(|folder| openat2(folder, path, flags, Mode::empty(), beneath));
    let file = opened.map(File::from).map_err(|error| match error {
        rustix::io::Errno::LOOP => BelowError::Link(name()),
        other => BelowError::System(name(), other.to_string()),
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        _ => Err(BelowError::NotAFile(name())),
    }
}
