//! Another version of the agent, from the centre: fetched part by part, put into the slot that is free, tried, and kept
//! once it is healthy; else the launcher goes back.
//!
//! Who may do what: [`Updater`] and [`health`] are the agent's and only ever write below the slots' folder; [`launch`] is the
//! packaged program, starts nothing that no release key has signed, and decides alone whether a trial is over.

pub(crate) mod health;
pub(crate) mod launch;
mod order;
mod slots;

use std::path::PathBuf;
use std::sync::OnceLock;

use spokegate_contract::RequestId;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome};
use spokegate_daemon::Tasks;
use spokegate_identity::release::{Architecture, Release, ReleaseKeys, SignedRelease};

use crate::config::UpdateConfig;
use crate::parcel::{Content, Parcels, clear};
use order::Wanted;
pub(crate) use slots::Slots;

static VERSION: OnceLock<&'static str> = OnceLock::new();

/// Which version this process is, once and for all: the executable's own.
pub(crate) fn set_version(version: &'static str) {
    // A second word changes nothing.
    let _ = VERSION.set(version);
}

/// Which version this process is.
pub(crate) fn version() -> &'static str {
    VERSION.get().copied().unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// What an update's command came to for now.
#[derive(Debug)]
pub(crate) enum Step {
    /// The last word.
    Ended(CommandOutcome),
    /// Another version lies ready; this process is to end.
    Staged,
    /// It is being tried; the last word comes later.
    Tried,
}

/// Does the verb `update`.
pub(crate) struct Updater {
    pub(crate) slots: Slots,
    pub(crate) keys: PathBuf,
    pub(crate) tasks: Tasks,
}

/// The slots of a configuration; none where the agent was not started by its launcher.
pub(crate) fn slots(config: &UpdateConfig) -> Option<(Slots, PathBuf)> {
    let (slots, keys) = (config.slots.clone()?, config.release_keys.clone()?);
    Some((Slots::new(slots), keys))
}

impl Updater {
    /// Fetches what a command names, and lays it ready.
    pub(crate) async fn act(&self, command: &Command, parcels: &mut Parcels) -> Step {
        match self.try_act(command, parcels).await {
            Ok(step) => step,
            Err(outcome) => Step::Ended(outcome),
        }
    }

    /// Forgets what a command had fetched: a later one has come.
    pub(crate) fn abandon(&self) {
        // It is removed before the next parcel, too.
        let _ = clear(self.slots.folder(), None);
    }

    /// What became of the trial that this command began; none while it goes on or when there was none.
    pub(crate) fn ended(&self, command: &RequestId) -> Option<CommandOutcome> {
        let ended = self.slots.read().ok()?.ended?;
        (ended.command == *command).then(|| match ended.healthy {
            true => CommandOutcome::done(&ended.detail),
            false => CommandOutcome::failed(CommandFault::RolledBack, &ended.detail),
        })
    }

    async fn try_act(
        &self,
        command: &Command,
        parcels: &mut Parcels,
    ) -> Result<Step, CommandOutcome> {
        let Wanted { signed, downgrade } = order::read(&command.args).map_err(invalid)?;
        let release = self.believed(&signed)?;
        let state = self.slots.read().map_err(failed)?;
        match state.trial {
            Some(trial) if trial.command == command.id => return Ok(Step::Tried),
            Some(trial) => {
                let text = format!("{} is being tried", trial.occupied.release.version());
                return Err(failed(text));
            }
            None => {}
        }
        // Not before: a version that is tried is the one that runs already.
        if let Some(outcome) = order::judge(&release, version(), Architecture::own(), downgrade) {
            return Ok(Step::Ended(outcome));
        }
        let content = Content {
            digest: release.digest,
            bytes: release.bytes,
        };
        let file = parcels.fetch(command, content, self.slots.folder());
        let file = file.await?;
        let (slots, id) = (self.slots.clone(), command.id);
        let staged = self
            .tasks
            .blocking("stage", move || slots.stage(&file, signed, id))
            .await;
        match staged {
            Some(Ok(())) => Ok(Step::Staged),
            Some(Err(error)) => Err(failed(error)),
            None => Err(failed("the agent stops")),
        }
    }

    /// Not only by the centre, whose authority signed the command: by a release key too.
    fn believed(&self, signed: &SignedRelease) -> Result<Release, CommandOutcome> {
        let keys = read_keys(&self.keys).map_err(failed)?;
        signed
            .verify(&keys)
            .map_err(|error| invalid(format!("the release is not believed: {error}")))
    }
}

/// The release keys that whoever installed the agent put there.
fn read_keys(path: &std::path::Path) -> Result<ReleaseKeys, String> {
    let hint = "put the MSP's release keys there, as `spokegate release keygen` wrote them";
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}; {hint}", path.display()))?;
    text.parse()
        .map_err(|error| format!("{}: {error}", path.display()))
}

fn invalid(text: impl ToString) -> CommandOutcome {
    CommandOutcome::failed(CommandFault::Invalid, &text.to_string())
}

fn failed(text: impl ToString) -> CommandOutcome {
    CommandOutcome::failed(CommandFault::Failed, &text.to_string())
}
