//! `spokegate-agent launch`: the packaged program starts the version that is to run.
//!
//! It becomes that version, so that nothing stands beside a settled agent. Only a version that is tried has it as its parent,
//! which watches the clock. It reads no configuration and trusts nothing that the agent's user can write: what it starts is
//! the packaged program, or a file that a key in a folder of root's has signed.

use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use spokegate_contract::hex;
use spokegate_daemon::EXIT_FAILURE;
use spokegate_daemon::cli::{ConfigArgs, tell, wait_for};
use spokegate_identity::release::ReleaseKeys;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::slots::{Occupied, Slots, State};
use crate::parcel::digest;

/// How often a version that is tried may be started before it is healthy.
const STARTS_MAX: u32 = 3;
/// Between an end and the next start.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the note is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Within what a version has to be healthy, in seconds.
const HEALTHY_S: u64 = 120;

/// Arguments of `launch`.
#[derive(Debug, Args)]
pub struct Launch {
    /// The folder of the two slots, which the agent's user writes
    #[arg(long, value_name = "DIR")]
    slots: PathBuf,
    /// The release keys, which the agent's user must not be able to write; without the file only the packaged program runs
    #[arg(long, value_name = "FILE")]
    release_keys: PathBuf,
    /// Within how many seconds another version has to be healthy
    #[arg(long, value_name = "N", default_value_t = HEALTHY_S, value_parser = clap::value_parser!(u64).range(1..=600))]
    healthy_s: u64,
}

/// How a trial's process came to its end.
enum End {
    /// It was healthy, or we were told to stop: its end is ours.
    Ours(ExitStatus),
    /// It ended before it was healthy.
    Early(ExitStatus),
    /// Its time was over.
    Late,
}

impl Launch {
    /// Runs until the version has ended; or becomes it.
    pub(crate) fn run(&self, files: &ConfigArgs) -> ExitCode {
        match wait_for(self.act(files)) {
            Ok(code) => code,
            Err(error) => {
                tell(&format!("launch: {error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }

    async fn act(&self, files: &ConfigArgs) -> anyhow::Result<ExitCode> {
        let packaged = std::env::current_exe().context("find the packaged program")?;
        let own = digest(&packaged).context("read the packaged program")?;
        let slots = Slots::new(self.slots.clone());
        let Some(keys) = self.keys() else {
            return Err(self.become_version(&packaged, files).into());
        };
        // Where it cannot be made, the note cannot be written either, which is told.
        let _ = std::fs::DirBuilder::new().mode(0o700).create(&self.slots);
        let found = slots.read().unwrap_or_else(|error| {
            tell(&format!("launch: {error}; the packaged program runs"));
            State::default()
        });
        let mut state = found.clone().beside(&hex::encode(&own));
        while let Some(trial) = state.trial.clone() {
            if let Some(why) = refusal(&slots, &trial.occupied, trial.starts, &keys) {
                state.roll_back(&why);
                continue;
            }
            let counted = state.trial.as_mut().map(|trial| trial.starts += 1);
            // A start that is not counted could be repeated for ever.
            if let Err(error) = counted.map_or(Ok(()), |()| slots.write(&state)) {
                tell(&format!("launch: {error}; what ran before runs"));
                state.roll_back("the note of its start could not be written");
                continue;
            }
            let program = slots.program(trial.occupied.slot);
            match self.attempt(&program, files, &slots).await? {
                End::Ours(status) => return Ok(code(status)),
                End::Early(status) => {
                    tell(&format!("launch: a version that is tried ended: {status}"));
                    if trial.starts + 1 == STARTS_MAX {
                        state.roll_back(&format!(
                            "it ended {STARTS_MAX} times before it was healthy, with {status}"
                        ));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                End::Late => {
                    let word = slots.said().map(|word| format!("; {word}"));
                    let (limit_s, word) = (self.healthy_s, word.unwrap_or_default());
                    state.roll_back(&format!("it was not healthy within {limit_s} s{word}"));
                }
            }
        }
        if state != found
            && let Err(error) = slots.write(&state)
        {
            tell(&format!("launch: {error}"));
        }
        Err(self
            .settle(&slots, &state, &keys, (&packaged, files))
            .into())
    }

    /// Becomes the first of the versions that is whole; returns when none can be started.
    fn settle(
        &self,
        slots: &Slots,
        state: &State,
        keys: &ReleaseKeys,
        (packaged, files): (&Path, &ConfigArgs),
    ) -> std::io::Error {
        for occupied in [&state.current, &state.previous].into_iter().flatten() {
            match slots.verified(occupied, keys) {
                Ok(program) => {
                    let error = self.become_version(&program, files);
                    tell(&format!(
                        "launch: {} cannot be started: {error}",
                        program.display()
                    ));
                }
                Err(error) => tell(&format!("launch: {error}; it is not started")),
            }
        }
        self.become_version(packaged, files)
    }

    fn keys(&self) -> Option<ReleaseKeys> {
        let text = std::fs::read_to_string(&self.release_keys).ok()?;
        let keys = text.parse();
        if let Err(error) = &keys {
            let path = self.release_keys.display();
            tell(&format!(
                "launch: {path}: {error}; the packaged program runs"
            ));
        }
        keys.ok()
    }

    fn arguments(&self, files: &ConfigArgs) -> Vec<std::ffi::OsString> {
        let mut arguments = vec!["run".into()];
        if let Some(config) = &files.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        let (slots, keys) = (self.slots.display(), self.release_keys.display());
        let ours = [
            format!("update.slots={slots}"),
            format!("update.release_keys={keys}"),
        ];
        for setting in files.set.iter().chain(&ours) {
            arguments.extend(["--set".into(), setting.into()]);
        }
        arguments
    }

    /// Returns only when it cannot be.
    fn become_version(&self, program: &Path, files: &ConfigArgs) -> std::io::Error {
        std::process::Command::new(program)
            .args(self.arguments(files))
            .exec()
    }

    /// One start of a version that is tried.
    async fn attempt(
        &self,
        program: &Path,
        files: &ConfigArgs,
        slots: &Slots,
    ) -> anyhow::Result<End> {
        let mut stops = Stops::new().context("listen for signals")?;
        let mut command = Command::new(program);
        command.args(self.arguments(files)).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                tell(&format!(
                    "launch: {} cannot be started: {error}",
                    program.display()
                ));
                return Ok(End::Early(ExitStatus::from_raw(126 << 8)));
            }
        };
        let trial = async {
            let limit = Duration::from_secs(self.healthy_s);
            tokio::time::timeout(limit, settled(slots)).await.is_ok()
        };
        let healthy = tokio::select! {
            status = child.wait() => {
                let status = status.context("wait for the version that is tried")?;
                return Ok(if is_settled(slots) { End::Ours(status) } else { End::Early(status) });
            }
            () = stops.next() => return stopped(&mut child).await,
            healthy = trial => healthy,
        };
        if !healthy {
            child
                .kill()
                .await
                .context("end the version that is tried")?;
            // At the last moment: then it was killed for nothing, and is started again by whoever started us.
            return Ok(if is_settled(slots) {
                End::Ours(ExitStatus::from_raw(0))
            } else {
                End::Late
            });
        }
        tokio::select! {
            status = child.wait() => Ok(End::Ours(status.context("wait for the agent")?)),
            () = stops.next() => stopped(&mut child).await,
        }
    }
}

/// Why a version is not tried (again).
fn refusal(slots: &Slots, occupied: &Occupied, starts: u32, keys: &ReleaseKeys) -> Option<String> {
    if starts >= STARTS_MAX {
        return Some(format!("it was started {starts} times and never healthy"));
    }
    slots
        .verified(occupied, keys)
        .err()
        .map(|error| error.to_string())
}

/// The trial is over, and by its own version's word.
fn is_settled(slots: &Slots) -> bool {
    slots.read().is_ok_and(|state| state.trial.is_none())
}

async fn settled(slots: &Slots) {
    while !is_settled(slots) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Hands the stop on, and waits: how long that may take is the business of whoever stops us.
async fn stopped(child: &mut Child) -> anyhow::Result<End> {
    if let Some(id) = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw)
    {
        // One that has ended needs no signal.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
    let status = child.wait().await.context("wait for the agent")?;
    Ok(End::Ours(status))
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::from(EXIT_FAILURE), ExitCode::from)
}

/// The two signals that ask for an end.
struct Stops(Signal, Signal);

impl Stops {
    fn new() -> std::io::Result<Self> {
        Ok(Self(
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        ))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}
