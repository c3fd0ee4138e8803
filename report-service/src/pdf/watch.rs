//! How many files a conversion may leave: the system bounds the size of each and not their number, so its folder is
//! looked at again and again while it works.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Files and folders at once; a profile and a document with its pieces are a tenth of it.
pub(super) const FILES_MAX: usize = 1_000;
/// Folders in folders; a profile has six.
const DEPTH_MAX: usize = 24;
/// Between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Whether more is in this folder than may be. What cannot be looked into counts as too much; a link is not followed.
pub(super) fn is_too_much(top: BorrowedFd<'_>) -> bool {
    let mut files = 0;
    look(top, DEPTH_MAX, &mut files).is_err()
}

/// Counts what is in a folder.
fn look(folder: BorrowedFd<'_>, depth: usize, files: &mut usize) -> io::Result<()> {
    let too_much = || io::Error::from(io::ErrorKind::QuotaExceeded);
    let depth = depth.checked_sub(1).ok_or_else(too_much)?;
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        *files += 1;
        if *files > FILES_MAX {
            return Err(too_much());
        }
        if ![FileType::Directory, FileType::Unknown].contains(&entry.file_type()) {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Ok(inner) => look(inner.as_fd(), depth, files)?,
            // It is gone, or another thing by now.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_folder_with_more_than_may_be_is_known() {
        let check = |what: &str, expected, fill: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            fill(folder.path());
            let opened = std::fs::File::open(folder.path()).unwrap();
            assert_eq!(is_too_much(opened.as_fd()), expected, "{what}");
        };
        let files = |folder: &Path, count: usize| {
            for number in 0..count {
                std::fs::write(folder.join(number.to_string()), "").unwrap();
            }
        };
        let deep = |folder: &Path, depth: usize| {
            let path: std::path::PathBuf = std::iter::repeat_n("d", depth).collect();
            std::fs::create_dir_all(folder.join(path)).unwrap();
        };
        check("nothing", false, &|_| {});
        check("as many as may be", false, &|folder| {
            files(folder, FILES_MAX)
        });
        check("one more", true, &|folder| files(folder, FILES_MAX + 1));
        check("one more, in a folder", true, &|folder| {
            deep(folder, 1);
            files(&folder.join("d"), FILES_MAX);
        });
        check("as deep as may be", false, &|folder| {
            deep(folder, DEPTH_MAX - 1)
        });
        check("deeper", true, &|folder| deep(folder, DEPTH_MAX));
        check("a link to itself", false, &|folder| {
            std::os::unix::fs::symlink(folder, folder.join("l")).unwrap();
        });
    }
}
