//! The process: how it is started, and that none of it is left.
//!
//! Between the agent and Node-RED stands, for a moment, this program once more ([`Entry`]): it ties its life to the agent's,
//! closes what Node-RED has no business with, and becomes Node-RED.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, setrlimit};
use spokegate_confine::reach::{Reach, close};
use spokegate_confine::sys::stay_with_parent;
use spokegate_daemon::cli::tell;
use tokio::process::{Child, Command};

use super::owner::MARK;
use crate::config::{Config, NodeRedConfig};

const PROGRAM: &str = "spokegate-agent";
const LOOPBACK: &str = "127.0.0.1";
/// Where the system's programs and libraries are.
const RUN: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/nix/store"];
/// What names, certificates and times are looked up in, and what Node.js asks of the machine.
const READ: [&str; 14] = [
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/passwd",
    "/etc/group",
    "/proc",
    "/sys",
];
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// Arguments of `node-red-entry`.
#[derive(Debug, Args)]
pub struct Entry {
    /// The agent's process
    #[arg(long)]
    parent: u32,
    /// Files and sockets that may be open
    #[arg(long)]
    open_files: u64,
    /// Closes all files but those that are named
    #[arg(long)]
    confine: bool,
    /// May be read and run
    #[arg(long)]
    run: Vec<PathBuf>,
    /// May be read
    #[arg(long)]
    read: Vec<PathBuf>,
    /// May be written
    #[arg(long)]
    write: Vec<PathBuf>,
    /// Node-RED
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Entry {
    /// Becomes Node-RED; returns when it cannot.
    pub(crate) fn become_node_red(&self) -> anyhow::Result<()> {
        stay_with_parent()
            .map_err(anyhow::Error::msg)
            .context("tie Node-RED's life to the agent's")?;
        // The agent may have ended before its end would have been ours.
        let parent = rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get());
        if parent.and_then(|parent| u32::try_from(parent).ok()) != Some(self.parent) {
            bail!("the agent has ended");
        }
        let files = Some(self.open_files);
        let limit = Rlimit {
            current: files,
            maximum: files,
        };
        // Where the unit's filter or limit forbids that, the unit's limit holds.
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tell(&format!("node_red.open_files_max does not hold: {error}"));
        }
        if self.confine {
            self.close_files();
        }
        let (program, arguments) = self.command.split_first().context("no command")?;
        let error = std::process::Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("start {} (node_red.command)", program.display()))
    }

    fn close_files(&self) {
        let there = |paths: &[PathBuf]| -> Vec<PathBuf> {
            paths.iter().filter(|path| path.exists()).cloned().collect()
        };
        let closed = close(&Reach {
            read: there(&self.read),
            run: there(&self.run),
            write: there(&self.write),
            any_port: true,
            ..Reach::default()
        });
        if let Err(reason) = closed.files {
            tell(&format!(
                "Node-RED can read what the agent's user can, its private key among it: {reason}"
            ));
        }
    }
}

/// What a start needs to know.
pub(super) struct Recipe<'a> {
    pub(super) config: &'a NodeRedConfig,
    pub(super) command: &'a [String],
    /// The folder, by its one true name.
    pub(super) folder: &'a Path,
    pub(super) port: u16,
    /// For a trial: the folder of the one that is kept, whose modules and settings are used where they are.
    pub(super) beside: Option<&'a Path>,
    /// Modules that came with its flows.
    pub(super) modules: Option<&'a Path>,
    pub(super) safe: bool,
}

impl Recipe<'_> {
    /// Starts it in a group of its own.
    ///
    /// On the thread of a runtime's worker, which lives as long as the agent: the kernel counts the end of the *thread* that
    /// started a process as its parent's.
    pub(super) fn start(&self) -> anyhow::Result<Running> {
        let own = spokegate_confine::program::own(PROGRAM)?;
        let mut command = Command::new(own);
        command
            .arg("node-red-entry")
            .args(["--parent".to_owned(), std::process::id().to_string()])
            .args([
                "--open-files".to_owned(),
                self.config.open_files_max.to_string(),
            ]);
        self.reach(&mut command);
        command.arg("--").args(self.command);
        command
            .args(["--port", &self.port.to_string(), "--userDir"])
            .arg(self.folder)
            .args(["-D", &format!("uiHost={LOOPBACK}")])
            .args(self.safe.then_some("--safe"));
        self.environment(&mut command);
        let child = command
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("start the agent's program for Node-RED")?;
        let id = child.id().context("it has ended already")?;
        Ok(Running { child, id })
    }

    fn reach(&self, command: &mut Command) {
        if !self.config.confine {
            return;
        }
        command.arg("--confine");
        let mut reach = reach(self.config, self.command, self.folder);
        reach.run.extend(self.beside.map(Path::to_owned));
        reach.run.extend(self.modules.map(Path::to_owned));
        for (option, paths) in [
            ("--run", reach.run),
            ("--read", reach.read),
            ("--write", reach.write),
        ] {
            for path in paths {
                command.arg(option).arg(path);
            }
        }
    }

    fn environment(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let passed = self.config.pass.iter();
        let passed = passed.filter_map(|name| Some((name, std::env::var_os(name)?)));
        command
            .env_clear()
            .env("PATH", path)
            .envs(passed)
            .envs(&self.config.environment)
            .env("HOME", self.folder)
            .env("TMPDIR", self.folder)
            .env("SPOKEGATE_NODE_RED_DATA", self.folder)
            .env("SPOKEGATE_NODE_RED_HOST", LOOPBACK)
            .env("SPOKEGATE_NODE_RED_PORT", self.port.to_string())
            .env(MARK, self.folder);
        if self.beside.is_some() {
            command.env("SPOKEGATE_NODE_RED_TRIAL", "on");
        }
        if let Some(modules) = self.modules {
            command.env("SPOKEGATE_NODE_RED_MODULES", modules);
        }
    }
}

/// What a confined Node-RED is left.
fn reach(config: &NodeRedConfig, command: &[String], folder: &Path) -> Reach {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    let (mut run, mut read, mut write) = (paths(&RUN), paths(&READ), paths(&DEVICES));
    run.extend(installed(command));
    run.push(folder.to_owned());
    let named = config.environment.values().map(PathBuf::from);
    read.extend(named.filter(|path| path.is_absolute()));
    read.extend(config.read.iter().cloned());
    write.push(folder.to_owned());
    write.extend(config.write.iter().cloned());
    Reach {
        run,
        read,
        write,
        any_port: true,
        ..Reach::default()
    }
}

/// Whether what Node-RED is left lies apart from the agent's key and spool.
pub(crate) fn apart(config: &Config) -> anyhow::Result<()> {
    let Some((command, folder)) = config.node_red.kept().filter(|_| config.node_red.confine) else {
        return Ok(());
    };
    let true_name = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let own = [
        ("tls.key", &config.tls.key),
        ("spool.path", &config.spool.path),
    ];
    let own = own.map(|(key, path)| (key, true_name(path)));
    let reach = reach(&config.node_red, command, folder);
    for path in [reach.run, reach.read, reach.write].iter().flatten() {
        let opened = own.iter().find(|(_, own)| own.starts_with(true_name(path)));
        if let Some((key, own)) = opened {
            bail!(
                "[node_red] would open {} to flows, and {} ({key}) lies in it; hint: let node_red.user_dir, the folders of node_red.command, and read and write be apart from it",
                path.display(),
                own.display()
            );
        }
    }
    Ok(())
}

/// The folders that a command needs.
pub(super) fn installed(command: &[String]) -> Vec<PathBuf> {
    let parts = command.iter();
    parts.filter_map(|part| holder(Path::new(part))).collect()
}

/// The folder that a part of the command needs: that of the outermost `node_modules` it lies in, else its own.
fn holder(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let path = path.canonicalize().ok()?;
    let modules = path.ancestors().filter(|folder| {
        folder
            .file_name()
            .is_some_and(|name| name == "node_modules")
    });
    let folder = modules.last().unwrap_or(&path).parent()?;
    (folder != Path::new("/")).then(|| folder.to_owned())
}

/// Which Node-RED a command starts, by the package that its script lies in.
pub(super) fn version(command: &[String]) -> Option<String> {
    command.iter().find_map(|part| {
        let script = Path::new(part).canonicalize().ok()?;
        let package = std::fs::read(script.with_file_name("package.json")).ok()?;
        let package: serde_json::Value = serde_json::from_slice(&package).ok()?;
        let is_node_red = package.get("name")?.as_str()? == "node-red";
        let version = package.get("version")?.as_str()?;
        is_node_red.then(|| version.chars().take(32).collect())
    })
}

/// A started Node-RED; with its end, or this value's, ends its whole group.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) id: u32,
}

impl Running {
    /// Asks it to end; ends it after a while.
    pub(super) async fn stop(&mut self, patience: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(patience, self.child.wait())
            .await
            .is_err()
        {
            self.signal(Signal::KILL);
            // It cannot refuse.
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.id).ok().and_then(Pid::from_raw) {
            // A group that has ended needs none.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_needs_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let package = root.join("x/node_modules/node-red");
        std::fs::create_dir_all(package.join("node_modules/deep")).unwrap();
        for file in ["red.js", "node_modules/deep/a.js"] {
            std::fs::write(package.join(file), "").unwrap();
        }
        std::fs::write(root.join("settings.js"), "").unwrap();
        assert_eq!(holder(&package.join("red.js")), Some(root.join("x")));
        assert_eq!(
            holder(&package.join("node_modules/deep/a.js")),
            Some(root.join("x"))
        );
        assert_eq!(holder(&root.join("settings.js")), Some(root.clone()));
        assert_eq!(holder(Path::new("--settings")), None);
        assert_eq!(holder(&root.join("none")), None);

        let command = [
            "/usr/bin/env".to_owned(),
            package.join("red.js").display().to_string(),
        ];
        assert_eq!(version(&command), None);
        let write = |text: &str| std::fs::write(package.join("package.json"), text).unwrap();
        write(r#"{"name": "node-red", "version": "4.1.15"}"#);
        assert_eq!(version(&command).as_deref(), Some("4.1.15"));
        write(r#"{"name": "other", "version": "4.1.15"}"#);
        assert_eq!(version(&command), None);
    }
}
