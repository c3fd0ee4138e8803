//! One agent owns a Node-RED folder, and one Node-RED runs in it: a lock says whose it is, and a mark in the environment says
//! which processes came from it. Those of an agent that is no more are ended.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::sample::processes;

/// The variable that a kept process and all that it starts have.
pub(super) const MARK: &str = "SPOKEGATE_KEPT_NODE_RED";
const LOCK: &str = ".spokegate-agent.lock";
/// How often what does not end is killed: it may begin more meanwhile, or hang in the kernel.
const KILLS_MAX: u32 = 250;
/// Between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The folder is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Owner {
    folder: PathBuf,
    _lock: File,
}

impl Owner {
    /// Makes the folder where it is missing. Blocks.
    pub(super) fn of(folder: &Path) -> anyhow::Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("make {} (node_red.user_dir)", folder.display()))?;
        let folder = folder
            .canonicalize()
            .with_context(|| format!("find {}", folder.display()))?;
        let path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        let lock = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let lock = lock.with_context(|| format!("open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder,
                _lock: lock,
            }),
            Err(std::fs::TryLockError::WouldBlock) => bail!(
                "another agent keeps a Node-RED in {}; hint: give each its own node_red.user_dir, or stop the other",
                folder.display()
            ),
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("lock {}", path.display()))
            }
        }
    }

    /// The mark's value.
    pub(super) fn mark(&self) -> &Path {
        &self.folder
    }

    /// Ends what earlier lives left behind; how many there were. Blocks.
    pub(super) fn end_strays(&self, patience: Duration) -> usize {
        end_marked(&self.folder, patience)
    }
}

/// Ends what was started with a folder's mark: first with a word, then without. How many there were. Blocks.
pub(super) fn end_marked(folder: &Path, patience: Duration) -> usize {
    let mark = format!("{MARK}={}", folder.display());
    let found = marked(&mark);
    if found.is_empty() {
        return 0;
    }
    signal(&found, Signal::TERM);
    let looks = patience.as_millis() / LOOK.as_millis();
    let ended = (0..looks).any(|_| {
        std::thread::sleep(LOOK);
        marked(&mark).is_empty() && found.iter().all(|process| is_gone(*process))
    });
    for _ in 0..KILLS_MAX {
        let rest = marked(&mark);
        if ended || rest.is_empty() && found.iter().all(|process| is_gone(*process)) {
            break;
        }
        signal(&rest, Signal::KILL);
        std::thread::sleep(LOOK);
    }
    found.len()
}

/// The living processes with a mark; those of other users cannot be looked into, and are none of ours.
fn marked(mark: &str) -> Vec<u32> {
    let has = |process: &u32| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    processes(Path::new("/proc"))
        .into_iter()
        .filter(has)
        .collect()
}

/// Whether nothing of a process is left but its exit code. One that is ending has no environment any more, and still its sockets.
fn is_gone(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn signal(processes: &[u32], signal: Signal) {
    for process in processes {
        if let Some(process) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
            // One that has ended needs none.
            let _ = kill_process(process, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let owner = Owner::of(&path).unwrap();
        let refused = format!("{:#}", Owner::of(&path).unwrap_err());
        assert!(
            refused.contains("another agent keeps a Node-RED"),
            "{refused}"
        );
        Owner::of(&folder.path().join("c")).unwrap();
        drop(owner);
        // A program that another test starts has the lock, too, until it is what it becomes.
        let is_free = (0..500).any(|_| {
            std::thread::sleep(LOOK);
            Owner::of(&path).is_ok()
        });
        assert!(is_free);
    }

    #[test]
    fn a_process_is_gone_once_only_its_exit_code_is_left() {
        assert!(!is_gone(std::process::id()));
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert!(!is_gone(child.id()));
        child.kill().unwrap();
        while !is_gone(child.id()) {
            std::thread::sleep(LOOK);
        }
        child.wait().unwrap();
        assert!(is_gone(child.id()));
    }

    #[test]
    fn strays_are_ended_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let owner = Owner::of(folder.path()).unwrap();
        assert_eq!(owner.end_strays(Duration::from_secs(1)), 0);
        let start = |script: &str, mark: PathBuf| {
            let mut command = Command::new("sh");
            command
                .args(["-c", script])
                .env(MARK, mark)
                .spawn()
                .unwrap()
        };
        let mut meek = start("exec sleep 600", owner.mark().to_owned());
        let mut deaf = start(
            "trap '' TERM; while :; do sleep 0.05; done",
            owner.mark().to_owned(),
        );
        let mut other = start("exec sleep 600", owner.mark().join("x"));
        // Until the shells are what they become.
        std::thread::sleep(Duration::from_millis(200));
        let ending = std::thread::spawn(move || owner.end_strays(Duration::from_millis(300)));
        assert_eq!(meek.wait().unwrap().signal(), Some(15));
        assert_eq!(deaf.wait().unwrap().signal(), Some(9));
        assert!(ending.join().unwrap() >= 2);
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
