//! One service: its binary, its configuration file, its process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use spokegate_demo::Child;
use spokegate_demo::http::PlainClient;

/// A start that takes longer has failed.
const READY: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_millis(20);
/// How long the children of a killed process may take to notice.
const ORPHANS: Duration = Duration::from_secs(5);

/// A service of the installation.
pub(crate) struct Process {
    name: String,
    program: PathBuf,
    config: PathBuf,
    ops: SocketAddr,
    starts: u32,
    child: Option<Child>,
}

impl Process {
    /// A service that is not started yet, in a folder below `root` that gets its configuration and its logs, one for each
    /// start.
    pub(crate) fn new(name: &str, service: &str, (root, place): (&Path, &str), text: &str) -> Self {
        let folder = root.join(place);
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join(format!("{service}.toml"));
        let ops = spokegate_tests::free_port();
        let text = format!("{text}\n[ops]\nlisten = \"{ops}\"\n");
        std::fs::write(&config, text).unwrap();
        Self {
            name: name.to_owned(),
            program: install(&format!("spokegate-{service}"), root),
            config,
            ops,
            starts: 0,
            child: None,
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Starts it, as the service manager of its host does; what it prints goes to a file of its own.
    pub(crate) fn spawn(&mut self) {
        self.starts += 1;
        let log = self.config.with_extension(format!("{}.log", self.starts));
        let mut command = Command::new(&self.program);
        command
            .args(["run", "--config"])
            .arg(&self.config)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        self.child = Some(Child::spawn(command, &log).unwrap());
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self) {
        let (client, url) = (PlainClient::new(), format!("http://{}/readyz", self.ops));
        let end = Instant::now() + READY;
        while !client.get(&url, "").await.is_ok_and(|a| a.status == 200) {
            assert!(!self.has_ended(), "{} ended: {}", self.name, self.words());
            assert!(
                Instant::now() < end,
                "{} is not ready: {}",
                self.name,
                self.words()
            );
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// True when it ended without being killed, or was killed and not started again.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child
            .as_mut()
            .is_none_or(|child| child.ended().is_some())
    }

    /// False after a kill by us.
    pub(crate) fn was_left_alone(&self) -> bool {
        self.child.is_some()
    }

    /// The id of its main process, unless it was killed.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The last lines that it printed.
    pub(crate) fn words(&self) -> String {
        self.child
            .as_ref()
            .map(Child::last_words)
            .unwrap_or_default()
    }

    /// Kills it (signal 9) with every process that it started.
    pub(crate) fn kill(&mut self) {
        self.child.take();
    }

    /// Kills its main process (signal 9) and nothing else, and waits until its children have noticed and are gone.
    ///
    /// # Errors
    /// With the children that stay.
    pub(crate) async fn kill_leader(&mut self) -> Result<(), Vec<String>> {
        let mut child = self.child.take().unwrap();
        let family = family(child.id());
        child.signal("KILL").unwrap();
        let end = Instant::now() + ORPHANS;
        loop {
            let left: Vec<_> = family.iter().filter(|id| !is_dead(**id)).collect();
            if left.is_empty() && child.ended().is_some() {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(left.into_iter().map(|id| command_line(*id)).collect());
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    /// The processes that it started with this verb, in the order of their ids.
    pub(crate) fn children(&self, verb: &str) -> Vec<u32> {
        let Some(child) = &self.child else {
            return Vec::new();
        };
        let has_verb = |id: &u32| command_line(*id).split('\0').nth(1) == Some(verb);
        family(child.id()).into_iter().filter(has_verb).collect()
    }
}

/// Kills one process (signal 9); false when it was gone.
pub(crate) fn kill_nine(id: u32) -> bool {
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            r#"kill -KILL "$1" 2>/dev/null"#,
            "kill",
            &id.to_string(),
        ])
        .status();
    status.unwrap().success()
}

/// The built binary: `make test` builds them all before it runs the tests.
fn binary(name: &str) -> PathBuf {
    spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), name)
}

/// A copy of the built binary below `root`, so that the installation stays what it is while others build.
fn install(name: &str, root: &Path) -> PathBuf {
    let own = root.join("bin").join(name);
    if !own.exists() {
        std::fs::create_dir_all(root.join("bin")).unwrap();
        std::fs::copy(binary(name), &own).unwrap();
    }
    own
}

/// The children of a process and theirs, in the order of their ids.
fn family(of: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((id, parent(id)?))
        })
        .collect();
    let mut found = vec![of];
    let mut at = 0;
    while let Some(&next) = found.get(at) {
        found.extend(all.iter().filter(|(_, p)| *p == next).map(|(id, _)| *id));
        at += 1;
    }
    found.remove(0);
    found.sort_unstable();
    found
}

fn parent(id: u32) -> Option<u32> {
    // The name in brackets may hold anything, so what follows the last bracket counts: state, parent.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Gone, or waiting to be buried.
fn is_dead(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_none_or(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

fn command_line(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default()
}
