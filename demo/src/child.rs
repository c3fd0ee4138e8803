//! A child process that never outlives us, whatever ends us.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context as _;

/// Passes signals on to the child, and ends its whole process group when our end of the pipe is closed: by us, or by
/// the system when we are gone. `$1` is the child, which leads its group.
const WATCHDOG: &str =
    r#"while read -r signal; do kill -s "$signal" -- "$1"; done; kill -s KILL -- "-$1""#;

/// A process in a group of its own, with its output in a file. Dropping it ends the group at once.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    watchdog: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `command`; what it prints goes to the file `log`.
    ///
    /// # Errors
    /// When the file cannot be made or the program not be started.
    pub fn spawn(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output =
            File::create(log).with_context(|| format!("create the log {}", log.display()))?;
        let errors = output
            .try_clone()
            .context("share the log between two streams")?;
        let process = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        match watchdog(process.id()) {
            Ok(watchdog) => Ok(Self {
                process,
                watchdog,
                log: log.to_owned(),
            }),
            Err(error) => {
                end(process);
                Err(error)
            }
        }
    }

    /// Its process id, which is also that of its group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal by its name without `SIG`, for example `TERM`, to the process but not to its group.
    ///
    /// # Errors
    /// When the process has been ended.
    pub fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        let pipe = self
            .watchdog
            .stdin
            .as_mut()
            .context("the process has been ended")?;
        writeln!(pipe, "{name}").context("pass a signal on")
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends the process and all that it started, at once, and waits until they are gone.
    pub fn kill(&mut self) {
        if self.watchdog.stdin.take().is_some() {
            // Before the process is waited for: until then its id cannot be another's.
            let _ = self.watchdog.wait();
            let _ = self.process.wait();
        }
    }

    /// The last lines of its output, for an error message.
    #[must_use]
    pub fn last_words(&self) -> String {
        const LINES: usize = 8;
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn watchdog(id: u32) -> anyhow::Result<std::process::Child> {
    Command::new("/bin/sh")
        .args(["-c", WATCHDOG, "spokegate-watchdog", &id.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not in our group: an interrupt from the terminal is for us to handle first.
        .process_group(0)
        .spawn()
        .context("start the watchdog of a child process")
}

fn end(mut process: std::process::Child) {
    let _ = process.kill();
    let _ = process.wait();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A shell that starts a child of its own, and prints that child's id.
    fn family() -> (Child, u32, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]);
        let child = Child::spawn(command, &directory.path().join("log")).unwrap();
        let grandchild = eventually(|| {
            std::fs::read_to_string(child.log())
                .ok()?
                .trim()
                .parse()
                .ok()
        });
        (child, grandchild, directory)
    }

    #[test]
    fn the_whole_family_ends_with_the_value() {
        let (child, grandchild, _directory) = family();
        let parent = child.id();
        assert!(runs(parent) && runs(grandchild));
        drop(child);
        eventually(|| (!runs(parent) && !runs(grandchild)).then_some(()));
    }

    #[test]
    fn the_whole_family_ends_with_us() {
        let (mut child, grandchild, _directory) = family();
        // What the system does when this process dies, however it dies.
        drop(child.watchdog.stdin.take());
        eventually(|| (!runs(grandchild)).then_some(()));
        assert!(child.process.wait().is_ok_and(|status| !status.success()));
    }

    #[test]
    fn a_signal_reaches_the_process() {
        let (mut child, _grandchild, _directory) = family();
        assert!(child.ended().is_none());
        child.signal("TERM").unwrap();
        assert!(eventually(|| child.ended()).code().is_none());
        child.kill();
        assert!(child.signal("TERM").is_err());
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = Child::spawn(
            Command::new("/no/such/program"),
            &directory.path().join("log"),
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "start /no/such/program");
    }

    fn runs(id: u32) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state
            .rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    }

    fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> T {
        for _ in 0..500 {
            if let Some(value) = probe() {
                return value;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not within 5 s");
    }
}
