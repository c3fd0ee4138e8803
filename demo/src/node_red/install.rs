//! Finds Node.js and brings Node-RED's packages from the lock file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest Node.js that Node-RED 4 runs on.
const NODE_OLDEST: (u32, u32) = (18, 5);

/// Node.js and an installed Node-RED.
#[derive(Clone, Debug)]
pub struct Installed {
    node: PathBuf,
    folder: PathBuf,
}

impl Installed {
    /// The Node.js program.
    #[must_use]
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// `deploy/node-red`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Why there is no Node-RED. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// No Node.js on the PATH.
    #[error("Node.js is not installed\n  hint: install Node.js {}.{} or newer, e.g. with tests/testbed/install.sh", NODE_OLDEST.0, NODE_OLDEST.1)]
    NoNode,
    /// Too old.
    #[error("Node.js is {0}, and Node-RED needs {major}.{minor} or newer\n  hint: install a newer one from nodejs.org", major = NODE_OLDEST.0, minor = NODE_OLDEST.1)]
    OldNode(String),
    /// The packages could not be installed.
    #[error("`npm ci` failed in {}: {problem}\n  hint: run it there by hand; it needs a package registry", folder.display())]
    Npm {
        /// Where.
        folder: PathBuf,
        /// Its last line, or why it could not be started.
        problem: String,
    },
}

/// Node-RED as `folder` (`deploy/node-red`) pins it; runs `npm ci` when it is not installed yet. Blocks for that long.
///
/// # Errors
/// When there is no Node.js that is new enough, or the packages cannot be had.
pub fn find_or_install(folder: &Path) -> Result<Installed, Missing> {
    let node = PathBuf::from("node");
    let version = Command::new(&node)
        .arg("--version")
        .output()
        .map_err(|_| Missing::NoNode)?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    if !new_enough(&version) {
        return Err(Missing::OldNode(version));
    }
    let npm = |problem: String| Missing::Npm {
        folder: folder.to_owned(),
        problem,
    };
    if !is_installed(folder) {
        // Two demonstrations at once must not install into each other. The file itself is left alone.
        let lock = File::open(folder.join("package.json"));
        let lock = lock.and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(|error| npm(error.to_string()))?;
        if !is_installed(folder) {
            tracing::info!(folder = %folder.display(), "installing Node-RED from its lock file; this happens once");
            run_npm(folder).map_err(npm)?;
        }
        drop(lock);
    }
    Ok(Installed {
        node,
        folder: folder.to_owned(),
    })
}

fn new_enough(version: &str) -> bool {
    let mut numbers = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= NODE_OLDEST,
        _ => false,
    }
}

/// npm writes this file last, with the lock file's packages in it.
fn is_installed(folder: &Path) -> bool {
    folder.join("node_modules/.package-lock.json").is_file()
        && folder.join("node_modules/node-red/red.js").is_file()
}

fn run_npm(folder: &Path) -> Result<(), String> {
    let output = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--omit=dev"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cannot start npm: {error}"))?;
    if output.status.success() && is_installed(folder) {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find(|line| line.contains("error") || line.contains("ERR!"))
        .unwrap_or("no message");
    Err(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_odd_versions_are_refused() {
        let check = |version, expected| assert_eq!(new_enough(version), expected, "{version}");
        check("v18.5.0", true);
        check("v20.20.2", true);
        check("v24.0.1", true);
        check("v18.4.9", false);
        check("v4.2.0", false);
        check("v20", false);
        check("", false);
        check("node", false);
    }

    #[test]
    fn an_empty_folder_has_nothing_installed() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_installed(folder.path()));
        assert!(run_npm(folder.path()).is_err());
    }
}
