//! A release key, and what is signed with it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use spokegate_demo::Fabric;
use tempfile::TempDir;

use super::commands::{fail, spokegate, succeed};

/// A release key and what was signed with it.
pub(crate) struct Releases {
    folder: TempDir,
    keys: PathBuf,
}

impl Releases {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().to_str().unwrap();
        succeed(
            "spokegate",
            &["release", "keygen", "--directory", directory],
        );
        Self {
            keys: folder.path().join("release.keys"),
            folder,
        }
    }

    /// The public keys.
    pub(crate) fn keys(&self) -> &Path {
        &self.keys
    }

    /// Signs a program as a version.
    pub(crate) fn signed(&self, program: &Path, version: &str) -> PathBuf {
        let count = std::fs::read_dir(self.folder.path()).unwrap().count();
        let release = self.folder.path().join(format!("{count}.release"));
        let key = self.folder.path().join("release.key");
        let arguments = [
            "release",
            "sign",
            program.to_str().unwrap(),
            "--version",
            version,
            "--key",
            key.to_str().unwrap(),
            "--output",
            release.to_str().unwrap(),
        ];
        succeed("spokegate", &arguments);
        release
    }

    /// Signs a program and gives it to the centre.
    pub(crate) fn add(&self, fabric: &Fabric, program: &Path, version: &str) {
        let release = self.signed(program, version);
        let added = adding(program, &release, &self.keys);
        spokegate(fabric, "release", "add", &added);
    }

    /// The centre does not take it; its words.
    pub(crate) fn add_fails(
        fabric: &Fabric,
        program: &Path,
        release: &Path,
        keys: &Path,
    ) -> String {
        let directory = fabric.authorities();
        let mut arguments = vec!["release", "add", "--directory", directory.to_str().unwrap()];
        arguments.extend(adding(program, release, keys));
        fail("spokegate", &arguments)
    }

    /// The same program, as if it had been built for the machines that are not ours.
    pub(crate) fn for_other_machines(&self, program: &Path) -> PathBuf {
        let mut content = std::fs::read(program).unwrap();
        content[18] = if content[18] == 62 { 183 } else { 62 };
        let other = self.folder.path().join("other");
        std::fs::write(&other, content).unwrap();
        other
    }

    /// Changes a byte of what the centre keeps of a release.
    pub(crate) fn damage(fabric: &Fabric, release: &Path) {
        let release: Value = serde_json::from_slice(&std::fs::read(release).unwrap()).unwrap();
        let digest = release["sha256"].as_str().unwrap();
        let kept = fabric.authorities().join("parcels").join(digest);
        let mut content = std::fs::read(&kept).unwrap();
        let last = content.last_mut().unwrap();
        *last = last.wrapping_add(1);
        std::fs::write(kept, content).unwrap();
    }
}

fn adding<'a>(program: &'a Path, release: &'a Path, keys: &'a Path) -> [&'a str; 5] {
    [
        program.to_str().unwrap(),
        "--release",
        release.to_str().unwrap(),
        "--release-keys",
        keys.to_str().unwrap(),
    ]
}
