//! A fresh Debian 12 that has booted: systemd is its process 1, its network is a segment. What a test changes lies above
//! the fresh root and goes with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::segment::Segment;

/// How long a boot may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Where a machine writes by itself, whatever is installed.
const ITS_OWN: [&str; 9] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/var/log",
    "/var/lib/systemd",
    "/var/cache",
    "/var/tmp",
];

/// A machine; off and gone when it is dropped.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    console: Child,
    init: u32,
}

/// The fresh root, made once and kept with what is built.
fn fresh() -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian-root");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/debian-root.sh");
    let status = Command::new(script).arg(&root).status().unwrap();
    assert!(
        status.success(),
        "no fresh Debian; hint: this needs root, debootstrap and a mirror"
    );
    root
}

impl Machine {
    /// Boots a fresh one.
    pub(crate) fn boot(segment: &Segment) -> Self {
        let fresh = fresh();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for name in ["upper", "work", "root"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let at = |name: &str| folder.path().join(name).display().to_string();
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            fresh.display(),
            at("upper"),
            at("work")
        );
        succeed(Command::new("mount").args([
            "-t",
            "overlay",
            "overlay",
            "-o",
            &layers,
            &at("root"),
        ]));
        let boot = format!(
            "systemd-nspawn --quiet --register=no --keep-unit --boot --directory={} --network-namespace-path={}",
            at("root"),
            segment.path().display()
        );
        // systemd wants a terminal for its console.
        let console = Command::new("script")
            .args(["--quiet", "--return", "--command", &boot, &at("console")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut machine = Self {
            folder,
            console,
            init: 0,
        };
        let end = Instant::now() + PATIENCE;
        while machine.init == 0 || !machine.is_up() {
            assert!(Instant::now() < end, "it does not boot: {}", machine.said());
            std::thread::sleep(Duration::from_millis(100));
            machine.init = init_of(&machine.root()).unwrap_or(0);
        }
        machine
    }

    /// Its root as we see it.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A command inside, as root, by a shell.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        let init = self.init.to_string();
        command
            .args([
                "--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
                "--",
            ])
            .args([
                "/usr/bin/env",
                "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
                "HOME=/root",
            ])
            .args(["/bin/sh", "-c", line]);
        command
    }

    /// Runs a line that must succeed; gives what it said.
    pub(crate) fn succeed(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(
            output.status.success(),
            "{line}: {}{}",
            told(&output),
            self.journal()
        );
        told(&output)
    }

    /// Runs a line that must fail; gives what it said.
    pub(crate) fn fail(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(!output.status.success(), "{line}: {}", told(&output));
        told(&output)
    }

    /// Every file and folder but those that a machine writes by itself.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let listed = self.succeed("find / -xdev 2>/dev/null; true");
        let is_its_own = |path: &str| {
            ITS_OWN.iter().any(|own| path.starts_with(own))
                // Copies that useradd and userdel make of what they change, and their lock.
                || ["/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock"].contains(&path)
        };
        let listed = listed.lines().filter(|path| !is_its_own(path));
        listed.map(str::to_owned).collect()
    }

    fn is_up(&self) -> bool {
        let state = self
            .command("systemctl is-system-running")
            .output()
            .unwrap();
        matches!(
            String::from_utf8_lossy(&state.stdout).trim(),
            "running" | "degraded"
        )
    }

    fn journal(&self) -> String {
        let journal = self
            .command("journalctl --no-pager -n 30 -u spokegate-agent")
            .output();
        journal.map(|output| told(&output)).unwrap_or_default()
    }

    fn said(&self) -> String {
        std::fs::read(self.folder.path().join("console"))
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.init != 0 {
            // The end of its process 1 is the end of all its processes.
            let _ = Command::new("kill")
                .args(["-KILL", &self.init.to_string()])
                .status();
        } else {
            let _ = self.console.kill();
        }
        let _ = self.console.wait();
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.root())
            .status();
    }
}

/// The process 1 of the machine with this root: the child of the systemd-nspawn that has it.
fn init_of(root: &Path) -> Option<u32> {
    let wanted = format!("--directory={}", root.display());
    let processes = || {
        let entries = std::fs::read_dir("/proc").unwrap();
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
    };
    let boots = processes().find(|id| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let mut words = line.split('\0');
        words
            .next()
            .is_some_and(|program| program.ends_with("systemd-nspawn"))
            && words.any(|word| word == wanted)
    })?;
    processes().find(|id| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let is = |key: &str, wanted: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            value.is_some_and(|value| value.trim() == wanted)
        };
        is("PPid:", &boots.to_string()) && is("Name:", "systemd")
    })
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", told(&output));
}

/// What a command said, on both ways.
pub(crate) fn told(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr];
    both.map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}
