//! Where attacks may try to write.

use anyhow::Context as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder that everybody may write, removed at the end.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn make() -> anyhow::Result<Scratch> {
        let name = format!("spokegate-self-test-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("make the folder {}", path.display()))?;
        let scratch = Scratch(path);
        let readable = scratch.0.join("readable");
        fs::write(&readable, "x")?;
        fs::set_permissions(&readable, fs::Permissions::from_mode(0o644))?;
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o777))?;
        Ok(scratch)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What another user wrote there stays where it is.
        let _ = fs::remove_dir_all(&self.0);
    }
}
