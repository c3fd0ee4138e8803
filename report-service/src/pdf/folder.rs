//! The folder that a PDF is made in: what goes in, what is taken out, how it goes. Whoever worked in it may have been a
//! hostile document: a name in it may lead anywhere, so that it is looked at by descriptors and nothing of it is moved out.

use std::ffi::CStr;
use std::fs::{File, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempDir};

use super::{FOLDER_PREFIX, PdfFailure, profile, system, watch};

/// What LibreOffice calls the PDF.
const MADE: &str = "out.pdf";
/// The end of a PDF stands in its last bytes.
const END_BYTES: u64 = 1_024;

/// A folder with the document and a profile; it goes with all that was left in it.
pub(super) struct Folder {
    folder: TempDir,
    /// The folder itself, whatever a name says.
    opened: OwnedFd,
}

impl Folder {
    /// Makes it, in this folder.
    pub(super) fn prepare(document: &Path, parent: &Path) -> Result<Self, PdfFailure> {
        let parent = parent
            .canonicalize()
            .map_err(system(&format!("use the folder {}", parent.display())))?;
        let failed =
            |error: io::Error| system(&format!("make a folder in {}", parent.display()))(error);
        let folder = tempfile::Builder::new()
            .prefix(FOLDER_PREFIX)
            .tempdir_in(&parent)
            .map_err(failed)?;
        let opened = open(rustix::fs::CWD, folder.path()).map_err(failed)?;
        profile::write(&folder.path().join("profile")).map_err(system("write a profile"))?;
        std::fs::copy(document, folder.path().join("in.docx"))
            .map_err(system(&format!("read {}", document.display())))?;
        Ok(Self { folder, opened })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether more was put into it than may be.
    pub(super) fn is_too_full(&self) -> bool {
        watch::is_too_much(self.opened.as_fd())
    }

    /// A copy of the PDF beside the folder, with its size: LibreOffice's exit code says nothing of it, and what it made may
    /// be another's file under that name, or none that ends.
    pub(super) fn take(&self, bytes_max: u64) -> Result<(NamedTempFile, u64), PdfFailure> {
        let none = || PdfFailure::None("it left no whole file".to_owned());
        if self.is_too_full() {
            return Err(PdfFailure::Full);
        }
        let made = plain_file(self.opened.as_fd(), MADE, bytes_max).ok_or_else(none)?;
        let mut copy = self.beside()?;
        let bytes = io::copy(&mut made.take(bytes_max), copy.as_file_mut())
            .map_err(system(&format!("write {}", copy.path().display())))?;
        if whole(copy.as_file_mut(), bytes).unwrap_or(false) {
            Ok((copy, bytes))
        } else {
            Err(none())
        }
    }
}

impl Folder {
    /// A copy of a picture; nothing when there is none of this name.
    pub(super) fn picture(
        &self,
        name: &str,
        bytes_max: u64,
    ) -> Option<Result<NamedTempFile, PdfFailure>> {
        let made = plain_file(self.opened.as_fd(), name, bytes_max)?;
        let copied = || {
            let mut copy = self.beside()?;
            let mut start = [0; 8];
            io::copy(&mut made.take(bytes_max), copy.as_file_mut())
                .and_then(|_| copy.as_file_mut().rewind())
                .and_then(|()| copy.as_file_mut().read_exact(&mut start))
                .map_err(system(&format!("write {}", copy.path().display())))?;
            if start == *b"\x89PNG\r\n\x1a\n" {
                Ok(copy)
            } else {
                Err(PdfFailure::None("it left no picture".to_owned()))
            }
        };
        Some(copied())
    }

    /// A file of the service's own beside the folder.
    fn beside(&self) -> Result<NamedTempFile, PdfFailure> {
        let parent = self.path().parent().unwrap_or(self.path());
        tempfile::Builder::new()
            .prefix(".pdf-")
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(parent)
            .map_err(system(&format!("make a file in {}", parent.display())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = empty(self.opened.as_fd()) {
            let folder = self.folder.path().display();
            tracing::warn!(%folder, %error, "what making a PDF left behind could not be removed");
        }
    }
}

/// Removes such a folder, whatever is in it.
///
/// # Errors
/// The system's reason.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    let opened = open(rustix::fs::CWD, folder)?;
    empty(opened.as_fd())?;
    std::fs::remove_dir(folder)
}

/// The PDF, when it is a plain file with no other name that is not too large. A link is not followed, and a pipe not waited
/// for.
fn plain_file(folder: BorrowedFd<'_>, name: &str, bytes_max: u64) -> Option<File> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty()).ok()?);
    let is = file.metadata().ok()?;
    (is.is_file() && is.nlink() == 1 && is.len() <= bytes_max).then_some(file)
}

/// Whether a PDF has both its ends.
fn whole(file: &mut File, bytes: u64) -> io::Result<bool> {
    let (mut start, mut end) = ([0; 5], Vec::new());
    file.rewind()?;
    file.read_exact(&mut start)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
    file.read_to_end(&mut end)?;
    Ok(start == *b"%PDF-" && end.windows(5).any(|at| at == b"%%EOF"))
}

/// A folder and no link to one, which its owner can read and change from now on.
fn open(at: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let folder = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = rustix::fs::openat(at, name, folder | OFlags::PATH, Mode::empty())?;
    let itself = format!("/proc/self/fd/{}", found.as_raw_fd());
    std::fs::set_permissions(itself, Permissions::from_mode(0o700))?;
    Ok(rustix::fs::openat(
        &found,
        ".",
        folder | OFlags::RDONLY,
        Mode::empty(),
    )?)
}

/// Empties a folder. Folders in folders are moved up first: a path of any depth needs one more descriptor at a time.
fn empty(top: BorrowedFd<'_>) -> io::Result<()> {
    rustix::fs::fchmod(top, Mode::RWXU)?;
    let mut moved = 0_u64;
    loop {
        let mut more = false;
        for entry in Dir::read_from(top)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_itself(name) || unlinked(top, name)? {
                continue;
            }
            more = true;
            let folder = open(top, name)?;
            for inner in Dir::read_from(&folder)? {
                let inner = inner?;
                let inner = inner.file_name();
                if !is_itself(inner) && !unlinked(folder.as_fd(), inner)? {
                    // A folder that cannot be changed cannot be moved.
                    drop(open(&folder, inner)?);
                    move_up(folder.as_fd(), inner, top, &mut moved)?;
                }
            }
            rustix::fs::unlinkat(top, name, AtFlags::REMOVEDIR)?;
        }
        if !more {
            return Ok(());
        }
    }
}

fn is_itself(name: &CStr) -> bool {
    [c".", c".."].contains(&name)
}

/// Removes what is no folder; says whether it was none.
fn unlinked(at: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match rustix::fs::unlinkat(at, name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Moves a folder to the top under a name that nothing stands behind.
fn move_up(
    from: BorrowedFd<'_>,
    name: &CStr,
    top: BorrowedFd<'_>,
    moved: &mut u64,
) -> io::Result<()> {
    loop {
        *moved += 1;
        match rustix::fs::renameat(from, name, top, moved.to_string()) {
            Ok(()) => return Ok(()),
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
