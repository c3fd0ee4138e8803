//! A Unix socket for one owner.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use anyhow::Context as _;
use tokio::net::UnixListener;

/// Binds the socket, in the place of one that nobody serves any more. Nobody but the owner can open it at any moment.
pub(super) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let doing = || format!("bind the admin socket {} (admin.socket)", path.display());
    clear(path).with_context(doing)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    clear(&new).with_context(doing)?;
    let socket = UnixListener::bind(&new).with_context(doing)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&new, path))
        .with_context(doing)?;
    Ok(socket)
}

fn clear(path: &Path) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    anyhow::ensure!(
        metadata.file_type().is_socket(),
        "something else is there, hint: remove it or set another path"
    );
    anyhow::ensure!(
        std::os::unix::net::UnixStream::connect(path).is_err(),
        "another broker serves it, hint: give each broker its own"
    );
    std::fs::remove_file(path).context("remove the socket of a broker that is gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_nobody_serves_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        let refused = |expected: &str| {
            let error = format!("{:#}", bind(&path).unwrap_err());
            assert!(
                error.contains(expected) && error.contains("hint:"),
                "{error}"
            );
        };
        let first = bind(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        refused("another broker serves it");
        drop(first);
        drop(bind(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        refused("something else is there");
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
}
