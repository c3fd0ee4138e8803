//! The folder of a trial: the new flows, and copies of what a start needs beside them.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::Path;

use super::folder::{STORAGE, UserDir};

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

/// Makes the folder of a trial anew, with these flows in it; flows in force cannot reach it. Blocks.
pub(super) fn prepare(user_dir: &UserDir, folder: &Path, flows: &[u8]) -> io::Result<()> {
    clear(folder)?;
    let make = |path: &Path| std::fs::DirBuilder::new().mode(0o700).create(path);
    make(folder)?;
    let trial = UserDir::new(folder);
    let copy = |path: &Path| trial.put(path, user_dir.read(path)?.as_deref());
    if user_dir.has_storage()? {
        make(&folder.join(STORAGE))?;
        let stored = STORED.iter().map(|name| Path::new(STORAGE).join(name));
        stored.into_iter().try_for_each(|path| copy(&path))?;
    }
    OWN.iter().try_for_each(|name| copy(Path::new(name)))?;
    for name in LINKED {
        let there = user_dir.path().join(name);
        if there.symlink_metadata().is_ok() {
            symlink(there, folder.join(name))?;
        }
    }
    let place = trial.place()?;
    copy(&place.credentials)?;
    trial.put(&place.flows, Some(flows))
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
        let (user, trial) = (folder.path().join("user"), folder.path().join("trial"));
        let at = |name: &str| user.join(name);
        std::fs::create_dir_all(at("storage")).unwrap();
        std::fs::create_dir_all(at("node_modules/x")).unwrap();
        for name in ["flows", "credentials", "settings", "sessions"] {
            std::fs::write(at(&format!("storage/{name}.json")), name).unwrap();
        }
        let user_dir = UserDir::new(&user);
        prepare(&user_dir, &trial, b"new").unwrap();
        // Once more, as after a trial that was cut short.
        prepare(&user_dir, &trial, b"new").unwrap();
        let text = |name: &str| std::fs::read_to_string(trial.join(name)).unwrap();
        assert_eq!(text("storage/flows.json"), "new");
        assert_eq!(text("storage/credentials.json"), "credentials");
        assert_eq!(text("storage/settings.json"), "settings");
        assert!(!trial.join("storage/sessions.json").exists());
        assert!(trial.join("node_modules/x").exists());

        // A flow that would have the agent's key copied to where it can read it.
        std::fs::write(folder.path().join("key.pem"), "key").unwrap();
        symlink(folder.path().join("key.pem"), at(".config.users.json")).unwrap();
        assert!(prepare(&user_dir, &trial, b"new").is_err());
        assert!(!trial.join(".config.users.json").exists());
        clear(&trial).unwrap();
        assert!(!trial.exists() && at("node_modules/x").exists());
    }
}
