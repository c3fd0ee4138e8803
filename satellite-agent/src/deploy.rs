//! Flow sets from the centre: fetched, tried beside what runs, put in force, watched, and undone where they are not healthy.
//!
//! What runs goes on while a set is fetched and tried; it stands still for as long as Node-RED needs to stop and to start.

mod beside;
mod flows;
mod folder;
mod journal;
mod modules;
mod order;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome};
use spokegate_daemon::Tasks;

use crate::config::Config;
use crate::keeper::{Hand, Phase};
use crate::parcel::{Parcels, clear};
use flows::fingerprint;
use folder::UserDir;
use journal::InForce;
pub(crate) use journal::Journal;
use modules::Unpacked;
pub(crate) use modules::{Modules, names};
use order::{FlowSet, Wanted};

/// Does the verb `deploy`.
pub(crate) struct Deployer {
    pub(crate) journal: Journal,
    pub(crate) user_dir: PathBuf,
    pub(crate) node_red: Hand,
    pub(crate) tasks: Tasks,
}

/// What is to be done, once it is here.
pub(crate) enum Ready {
    /// Nothing is left to do.
    Ended(CommandOutcome),
    /// These flows are to be put in force.
    Set(FlowSet, PathBuf),
}

/// Before Node-RED is started: a switch that was cut short is undone, and the folder of a trial goes. Blocks.
pub(crate) fn settle(config: &Config) -> anyhow::Result<Option<Journal>> {
    let Some((_, user_dir)) = config.node_red.kept() else {
        return Ok(None);
    };
    let beside = config.spool.path.parent().unwrap_or(Path::new("."));
    let journal = Journal::open(beside).context("make the folder of flow sets beside the spool")?;
    let undone = journal
        .undo(&UserDir::new(user_dir))
        .context("put back the flows that a deploy had replaced when it was cut short")?;
    if let Some(set) = undone {
        tracing::warn!(%set, "a deploy was cut short: the flows of before are in force");
    }
    beside::clear(&journal.trial()).context("remove the folder of a trial")?;
    let swept = journal.sweep();
    swept.context("remove modules that are not in force")?;
    Ok(Some(journal))
}

/// The modules that come with flows, beside the spool.
pub(crate) fn modules(config: &Config) -> Modules {
    let beside = config.spool.path.parent().unwrap_or(Path::new("."));
    Modules::below(&journal::place(beside))
}

impl Deployer {
    /// Fetches what a command names; what runs is not touched.
    pub(crate) async fn fetch(&self, command: &Command, parcels: &mut Parcels) -> Ready {
        match order::read(&command.args) {
            Err(text) => Ready::Ended(CommandOutcome::failed(CommandFault::Invalid, &text)),
            Ok(Wanted::Look) => Ready::Ended(self.look().await),
            Ok(Wanted::Deploy(set, content)) => {
                let folder = self.journal.folder();
                match parcels.fetch(command, content, folder).await {
                    Ok(file) => Ready::Set(set, file),
                    Err(outcome) => Ready::Ended(outcome),
                }
            }
        }
    }

    /// Forgets what a command had fetched: a later one has come.
    pub(crate) fn abandon(&self) {
        // It is removed before the next parcel, too.
        let _ = clear(self.journal.folder(), None);
    }

    /// Puts flows in force, or leaves those of before.
    pub(crate) async fn deploy(&self, set: FlowSet, file: &Path) -> CommandOutcome {
        let outcome = match self.try_deploy(&set, file).await {
            Ok(detail) => CommandOutcome::done(&detail),
            Err((fault, detail)) => CommandOutcome::failed(fault, &format!("{set} {detail}")),
        };
        self.abandon();
        // Modules of a set that was not put in force.
        let journal = self.journal.clone();
        let _ = self.blocking(move || journal.sweep()).await;
        outcome
    }

    async fn try_deploy(
        &self,
        set: &FlowSet,
        file: &Path,
    ) -> Result<String, (CommandFault, String)> {
        let failed = |detail: String| (CommandFault::Failed, detail);
        let (in_force, flows) = self
            .unpack(set, file)
            .await
            .map_err(|error| (CommandFault::Invalid, format!("has no flows: {error}")))?;
        if self.runs(&in_force).await.map_err(failed)? {
            return Ok(format!("{set} runs already"));
        }
        if self.node_red.state().now().state == Phase::Stopped {
            let text = "is not put in force: Node-RED is stopped by hand, hint: spokegate-agent node-red start";
            return Err(failed(text.to_owned()));
        }
        let modules = in_force.modules.as_deref();
        self.try_beside(&flows, modules).await.map_err(|why| {
            failed(format!(
                "is not put in force, what ran goes on: in its trial {why}"
            ))
        })?;
        self.switch(&in_force, &flows).await
    }

    /// What would be in force, and the file of its flows.
    async fn unpack(&self, set: &FlowSet, file: &Path) -> Result<(InForce, PathBuf), String> {
        let (journal, set, file) = (self.journal.clone(), set.clone(), file.to_owned());
        let unpacked = self.blocking(move || {
            let Unpacked { flows, modules } = journal.modules().unpack(&file)?;
            let print = |name: &String| modules::fingerprint(&journal.modules().at(name));
            let in_force = InForce {
                set,
                fingerprint: fingerprint(File::open(&flows)?)?,
                modules_fingerprint: modules.as_ref().map(print).transpose()?,
                modules,
            };
            Ok((in_force, flows))
        });
        unpacked.await
    }

    /// Whether exactly this is in force.
    async fn runs(&self, wanted: &InForce) -> Result<bool, String> {
        let (journal, user_dir) = (self.journal.clone(), UserDir::new(&self.user_dir));
        let wanted = wanted.clone();
        let same = self.blocking(move || {
            let present = present(&user_dir, &journal).ok();
            Ok(journal.in_force().as_ref() == Some(&wanted)
                && present.is_some_and(|present| present.is(&wanted)))
        });
        same.await
    }

    async fn try_beside(&self, file: &Path, modules: Option<&str>) -> Result<(), String> {
        let modules = modules.map(|name| self.journal.modules().at(name));
        let folder = self.journal.trial();
        let (user_dir, made, file) = (
            UserDir::new(&self.user_dir),
            folder.clone(),
            file.to_owned(),
        );
        let prepared = self.blocking(move || {
            beside::prepare(&user_dir, &made, &std::fs::read(file)?)?;
            made.canonicalize()
        });
        let own = prepared
            .await
            .map_err(|error| format!("its folder cannot be made: {error}"))?;
        let tried = self.node_red.trial(&own, modules.as_deref()).await;
        // What is left of it goes before the next one.
        let _ = self.blocking(move || beside::clear(&folder)).await;
        tried
    }

    async fn switch(
        &self,
        in_force: &InForce,
        file: &Path,
    ) -> Result<String, (CommandFault, String)> {
        let set = &in_force.set;
        tracing::info!(%set, "flows are put in force");
        self.node_red.stop().await;
        let healthy = match self.put_in_force(in_force, file).await {
            Ok(()) => self.node_red.up().await,
            Err(error) => Err(format!("its files cannot be put in place: {error}")),
        };
        let why = match healthy {
            Ok(()) => {
                let (journal, noted) = (self.journal.clone(), in_force.clone());
                match self.blocking(move || journal.end(&noted)).await {
                    Ok(()) => return Ok(format!("{set} runs")),
                    Err(error) => format!("it cannot be noted: {error}"),
                }
            }
            Err(why) => why,
        };
        tracing::error!(%set, reason = why, "flows are not healthy, those of before are put back");
        Err((CommandFault::RolledBack, self.undo(&why).await))
    }

    async fn put_in_force(&self, new: &InForce, file: &Path) -> Result<(), String> {
        let (journal, user_dir) = (self.journal.clone(), UserDir::new(&self.user_dir));
        let (new, file) = (new.clone(), file.to_owned());
        let put = self.blocking(move || {
            let place = user_dir.place()?;
            journal.begin(&new.set, &user_dir, &place)?;
            journal.modules().put(new.modules.as_deref())?;
            user_dir.put(&place.flows, Some(&std::fs::read(file)?))
        });
        put.await
    }

    /// Puts the flows of before back; what came of that, in words.
    async fn undo(&self, why: &str) -> String {
        self.node_red.stop().await;
        let (journal, user_dir) = (self.journal.clone(), UserDir::new(&self.user_dir));
        let undone = self.blocking(move || journal.undo(&user_dir)).await;
        let up = self.node_red.up().await;
        match (undone, up) {
            (Ok(_), Ok(())) => format!("was not healthy, the flows of before run again: {why}"),
            (Ok(_), Err(now)) => {
                format!(
                    "was not healthy ({why}); the flows of before are back, and Node-RED: {now}"
                )
            }
            (Err(error), _) => format!(
                "was not healthy ({why}), and the flows of before cannot be put back: {error}, hint: the agent tries that again when it starts"
            ),
        }
    }

    /// What runs, compared with what was deployed.
    async fn look(&self) -> CommandOutcome {
        let (journal, user_dir) = (self.journal.clone(), UserDir::new(&self.user_dir));
        let looked = self.blocking(move || Ok((journal.in_force(), present(&user_dir, &journal)?)));
        match looked.await {
            Ok((in_force, present)) => CommandOutcome::done(&drift(in_force.as_ref(), &present)),
            Err(error) => {
                let text = format!("the flows that run cannot be read: {error}");
                CommandOutcome::failed(CommandFault::Failed, &text)
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        match self.tasks.blocking("flows", work).await {
            Some(done) => done.map_err(|error| error.to_string()),
            None => Err("the agent stops".to_owned()),
        }
    }
}

/// What is there now.
struct Present {
    /// What the flows come to; none where there are none.
    flows: Option<String>,
    /// What modules that came with flows come to.
    modules: Option<String>,
}

impl Present {
    fn is(&self, wanted: &InForce) -> bool {
        self.flows.as_ref() == Some(&wanted.fingerprint)
            && self.modules == wanted.modules_fingerprint
    }
}

/// Blocks.
fn present(user_dir: &UserDir, journal: &Journal) -> io::Result<Present> {
    let flows = user_dir.open(&user_dir.place()?.flows)?;
    let modules = journal.modules().in_force();
    Ok(Present {
        flows: flows.map(fingerprint).transpose()?,
        // What is gone comes to nothing.
        modules: modules.map(|folder| modules::fingerprint(&folder).unwrap_or_default()),
    })
}

/// How what runs stands to what was deployed last; pure.
fn drift(in_force: Option<&InForce>, present: &Present) -> String {
    match (in_force, &present.flows) {
        (None, None) => "nothing was deployed here, and there are no flows".to_owned(),
        (None, Some(_)) => "nothing was deployed here, and there are flows".to_owned(),
        (Some(was), _) if present.is(was) => format!("{} runs as it was deployed", was.set),
        (Some(was), Some(flows)) if *flows == was.fingerprint => {
            format!(
                "{} was deployed, and its modules changed here since",
                was.set
            )
        }
        (Some(was), _) => format!("{} was deployed, and changed here since", was.set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_told() {
        let was = |modules: Option<&str>| InForce {
            set: FlowSet {
                name: "office".parse().unwrap(),
                version: 3,
            },
            fingerprint: "aa".to_owned(),
            modules: modules.map(str::to_owned),
            modules_fingerprint: modules.map(str::to_owned),
        };
        let (alone, with) = (was(None), was(Some("m")));
        let changed = "office@3 was deployed, and changed here since";
        let modules = "office@3 was deployed, and its modules changed here since";
        let same = "office@3 runs as it was deployed";
        let none = "nothing was deployed here, and there are no flows";
        let own = "nothing was deployed here, and there are flows";
        for (in_force, flows, present, expected) in [
            (None, None, None, none),
            (None, Some("aa"), None, own),
            (Some(&alone), Some("aa"), None, same),
            (Some(&alone), Some("bb"), None, changed),
            (Some(&alone), None, None, changed),
            (Some(&alone), Some("aa"), Some("m"), modules),
            (Some(&with), Some("aa"), Some("m"), same),
            (Some(&with), Some("aa"), Some("n"), modules),
            (Some(&with), Some("aa"), None, modules),
            (Some(&with), Some("bb"), Some("m"), changed),
        ] {
            let present = Present {
                flows: flows.map(str::to_owned),
                modules: present.map(str::to_owned),
            };
            assert_eq!(drift(in_force, &present), expected);
        }
    }
}
