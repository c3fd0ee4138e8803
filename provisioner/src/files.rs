//! Files that appear whole or not at all and never replace others.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Owner,
    /// Its owner, who may not write it any more.
    OwnerReads,
    Everyone,
}

/// What could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file of that name is there.
    #[error("{} exists and is not replaced, hint: choose another folder or move it away", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot write {}", path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes files into a folder, which is made (for its owner only) when missing. If any of the
/// names is taken, nothing is written.
pub(crate) fn write_new(
    directory: &Path,
    files: &[(&str, Access, &[u8])],
) -> Result<(), WriteError> {
    let system = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::System { path, source }
    };
    make_directory(directory).map_err(system(directory))?;
    for (name, _, _) in files {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(path));
        }
    }
    for (name, access, content) in files {
        let path = directory.join(name);
        match write_one(directory, &path, *access, content) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WriteError::Exists(path));
            }
            Err(error) => return Err(system(&path)(error)),
        }
    }
    std::fs::File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(system(directory))
}

/// Writes one file, which must not be there yet, for its owner only.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let (directory, name) = parts(path);
    write_new(directory, &[(name, Access::Owner, content)])
}

/// Puts a file that everyone may read in the place of another, or where none was. Readers see the old or the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let (directory, _) = parts(path);
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(content)?;
        open_up(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        std::fs::File::open(directory)?.sync_all()
    };
    write().map_err(|source| WriteError::System {
        path: path.to_owned(),
        source,
    })
}

/// The folder and the name of a file.
fn parts(path: &Path) -> (&Path, &str) {
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    let name = path.file_name().and_then(|name| name.to_str());
    (
        directory.unwrap_or(Path::new(".")),
        name.unwrap_or_default(),
    )
}

fn write_one(directory: &Path, path: &Path, access: Access, content: &[u8]) -> io::Result<()> {
    // Made with mode 0600, so that a key is never readable by others, not even for a moment.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    match access {
        Access::Owner => {}
        Access::OwnerReads => close(file.as_file())?,
        Access::Everyone => open_up(file.as_file())?,
    }
    file.as_file().sync_all()?;
    file.persist_noclobber(path)
        .map(drop)
        .map_err(|error| error.error)
}

#[cfg(unix)]
fn make_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_directory(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(unix)]
fn open_up(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(unix)]
fn close(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o400))
}

#[cfg(not(unix))]
fn close(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn open_up(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_have_their_modes_and_nothing_else_is_left() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("new/folder");
        write_new(
            &directory,
            &[
                ("key", Access::Owner, b"k"),
                ("certificate", Access::Everyone, b"c"),
                ("offline", Access::OwnerReads, b"o"),
            ],
        )
        .unwrap();
        assert_eq!(
            (
                mode(&directory),
                mode(&directory.join("key")),
                mode(&directory.join("certificate")),
                mode(&directory.join("offline"))
            ),
            (0o700, 0o600, 0o644, 0o400)
        );
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 3);
    }

    #[test]
    fn one_taken_name_and_nothing_is_written() {
        let directory = tempfile::tempdir().unwrap();
        for taken in ["certificate", "dangling"] {
            if taken == "dangling" {
                std::os::unix::fs::symlink("/nowhere/at/all", directory.path().join(taken))
                    .unwrap();
            } else {
                std::fs::write(directory.path().join(taken), "old").unwrap();
            }
            let files = [
                ("key", Access::Owner, &b"k"[..]),
                (taken, Access::Everyone, b"c"),
            ];
            assert!(matches!(
                write_new(directory.path(), &files),
                Err(WriteError::Exists(_))
            ));
            assert!(!directory.path().join("key").exists());
        }
        assert_eq!(
            std::fs::read(directory.path().join("certificate")).unwrap(),
            b"old"
        );
    }

    #[test]
    fn a_folder_that_is_a_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = write_new(&file, &[("key", Access::Owner, b"k")]).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }

    #[test]
    fn one_file_is_new_and_private_another_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (token, list) = (
            directory.path().join("token"),
            directory.path().join("list"),
        );
        write_private(&token, b"t").unwrap();
        assert!(matches!(
            write_private(&token, b"u"),
            Err(WriteError::Exists(_))
        ));
        assert_eq!(
            (std::fs::read(&token).unwrap(), mode(&token)),
            (b"t".to_vec(), 0o600)
        );
        for content in [&b"first"[..], b"2nd"] {
            replace(&list, content).unwrap();
            assert_eq!(
                (std::fs::read(&list).unwrap(), mode(&list)),
                (content.to_vec(), 0o644)
            );
        }
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
        assert!(replace(&directory.path().join("none/list"), b"x").is_err());
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }
}
