//! An agent that is started as its unit starts it, again and again.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use super::commands::{binary, run, text};

/// Within what a version has to be healthy here, in seconds.
pub(crate) const HEALTHY_S: u64 = 30;
/// Between an end and the next start, as `RestartSec` of the unit.
const PAUSE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(180);
const PART_BYTES: u64 = 98_304;

/// Ends with everything that it started.
pub(crate) struct Launched {
    folder: TempDir,
    config: PathBuf,
    running: Arc<Mutex<Running>>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Running {
    process: Option<u32>,
    stopped: bool,
}

impl Launched {
    pub(crate) fn start(config: &Path, keys: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(binary("spokegate-agent"));
        command
            .args(["launch", "--set", "ops.listen=127.0.0.1:0", "--config"])
            .arg(config)
            .arg("--slots")
            .arg(folder.path().join("slots"))
            .arg("--release-keys")
            .arg(keys)
            .args(["--healthy-s", &HEALTHY_S.to_string()])
            .env_clear()
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let running = Arc::new(Mutex::new(Running::default()));
        let shared = Arc::clone(&running);
        let keeper = std::thread::spawn(move || keep(&mut command, &shared));
        Self {
            folder,
            config: config.to_owned(),
            running,
            keeper: Some(keeper),
        }
    }

    /// What the running agent says of itself, once it is connected.
    fn status(&self) -> Option<String> {
        let arguments = ["status", "--config", self.config.to_str().unwrap()];
        let output = run("spokegate-agent", &arguments);
        output.status.success().then(|| text(&output.stdout))
    }

    /// Waits until the agent is connected and says this of itself.
    pub(crate) async fn until(&self, words: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.status().is_some_and(|status| status.contains(words)) {
            assert!(Instant::now() < end, "no agent says {words:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The process that the agent says it is.
    pub(crate) fn process(&self) -> u32 {
        let status = self.status().unwrap();
        let (_, rest) = status.split_once("(process ").unwrap();
        rest.split_once(')').unwrap().0.parse().unwrap()
    }

    /// The process that was started.
    pub(crate) fn own_process(&self) -> u32 {
        self.running.lock().unwrap().process.unwrap()
    }

    /// Ends it as a loss of power would, and waits until it is started again.
    pub(crate) async fn kill(&self) {
        let before = self.own_process();
        kill(before);
        let end = Instant::now() + PATIENCE;
        while self
            .running
            .lock()
            .unwrap()
            .process
            .is_none_or(|now| now == before)
        {
            assert!(Instant::now() < end, "it is not started again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until as many whole parts of a release lie on its disk, and there are more to come; how many there are.
    pub(crate) async fn until_fetched(&self, parts: u64) -> u64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let fetched = self.fetched();
            let placed = self.program("a").exists();
            assert!(
                !placed,
                "the whole was there after {fetched} parts were seen"
            );
            if fetched >= parts {
                return fetched;
            }
            assert!(Instant::now() < end, "{fetched} parts came");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn fetched(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("slots")) else {
            return 0;
        };
        let partial = entries
            .filter_map(Result::ok)
            .find(|entry| entry.path().extension().is_some_and(|end| end == "part"));
        let length = partial.and_then(|entry| entry.metadata().ok());
        length.map_or(0, |length| length.len() / PART_BYTES)
    }

    fn program(&self, slot: &str) -> PathBuf {
        self.folder
            .path()
            .join("slots")
            .join(slot)
            .join("spokegate-agent")
    }

    /// Puts something else into the slot of the version that runs.
    pub(crate) fn overwrite_current(&self) {
        let note = std::fs::read(self.folder.path().join("slots/slots.json")).unwrap();
        let note: Value = serde_json::from_slice(&note).unwrap();
        let program = self.program(note["current"]["slot"].as_str().unwrap());
        let mut content = std::fs::read(&program).unwrap();
        content.push(0);
        // A program that runs cannot be written, but replaced.
        std::fs::remove_file(&program).unwrap();
        std::fs::write(&program, content).unwrap();
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let process = {
            let mut running = self.running.lock().unwrap();
            running.stopped = true;
            running.process
        };
        if let Some(process) = process {
            kill(process);
        }
        let _ = self.keeper.take().unwrap().join();
    }
}

/// Starts it whenever it has ended.
fn keep(command: &mut Command, running: &Mutex<Running>) {
    loop {
        let mut child: Child = {
            let mut running = running.lock().unwrap();
            if running.stopped {
                return;
            }
            let child = command.spawn().unwrap();
            running.process = Some(child.id());
            child
        };
        child.wait().unwrap();
        // What it left behind ends with it, as in a unit.
        kill(child.id());
        std::thread::sleep(PAUSE);
    }
}

fn kill(process: u32) {
    let group = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    // It may have ended.
    let _ = kill_process_group(group, Signal::KILL);
}
