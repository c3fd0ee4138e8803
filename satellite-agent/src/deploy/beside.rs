//! The folder of a trial: the new flows, and copies of what a start needs beside them.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use super::flows::{Place, put};

/// Node-RED's own files that a start reads, beside flows and credentials.
const OWN: [&str; 3] = [
    ".config.nodes.json",
    ".config.runtime.json",
    ".config.users.json",
];
/// Of the storage of `deploy/node-red`. Who is signed in to the editor, and what was sent, is no matter of a trial.
const STORED: [&str; 2] = ["settings.json", "taken.json"];
/// What is used where it is: modules, and settings that name files beside themselves.
const LINKED: [&str; 2] = ["node_modules", "settings.js"];

/// Makes the folder of a trial anew, with these flows in it. Blocks.
pub(super) fn prepare(user_dir: &Path, folder: &Path, flows: &Path) -> io::Result<()> {
    clear(folder)?;
    let make = |path: &Path| std::fs::DirBuilder::new().mode(0o700).create(path);
    make(folder)?;
    let present = Place::of(user_dir);
    let kept = user_dir.join("storage");
    if kept.is_dir() {
        make(&folder.join("storage"))?;
        for name in STORED {
            put(&kept.join(name), &folder.join("storage").join(name))?;
        }
    }
    for name in OWN {
        put(&user_dir.join(name), &folder.join(name))?;
    }
    for name in LINKED {
        let there: PathBuf = user_dir.join(name);
        if there.exists() {
            symlink(there, folder.join(name))?;
        }
    }
    let place = Place::of(folder);
    put(&present.credentials, &place.credentials)?;
    put(flows, &place.flows)
}

/// Removes the folder of a trial; what it links to stays. Blocks.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_has_its_own_flows_and_copies_of_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("storage")).unwrap();
        std::fs::create_dir_all(at("node_modules/x")).unwrap();
        for name in [
            "storage/flows.json",
            "storage/credentials.json",
            "storage/settings.json",
            "storage/sessions.json",
            "new",
        ] {
            std::fs::write(at(name), name).unwrap();
        }
        let trial = at(".trial");
        prepare(folder.path(), &trial, &at("new")).unwrap();
        // Once more, as after a trial that was cut short.
        prepare(folder.path(), &trial, &at("new")).unwrap();
        let text = |name: &str| std::fs::read_to_string(trial.join(name)).unwrap();
        assert_eq!(text("storage/flows.json"), "new");
        assert_eq!(text("storage/credentials.json"), "storage/credentials.json");
        assert_eq!(text("storage/settings.json"), "storage/settings.json");
        assert!(!trial.join("storage/sessions.json").exists());
        assert!(trial.join("node_modules/x").exists());
        clear(&trial).unwrap();
        assert!(!trial.exists() && at("node_modules/x").exists());
    }
}
