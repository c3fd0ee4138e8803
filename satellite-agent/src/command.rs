//! What the centre orders: believed only with the fabric authority's signature, done once, answered until it is heard.

mod ledger;
mod restart;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome, CommandResult};
use spokegate_contract::{Address, Channel, Envelope, Topic, Verb};
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::{mpsc, oneshot};

use crate::credentials::Store;
use crate::deploy::{Deployer, Ready};
use crate::keeper::Hand;
use crate::parcel::Parcels;
use crate::secrets::{Kept, Secrets, obey};
use crate::update::{Step, Updater};
use crate::uplink::Uplink;
use ledger::{Ledger, Next};

/// Commands between the connection and us; the centre sends one at a time, and again.
pub(crate) const COMMANDS_MAX: usize = 4;
/// How long anything may take that a command starts.
const ACT_LIMIT: Duration = Duration::from_secs(120);

/// A command as it came; nothing of it is believed yet.
#[derive(Debug)]
pub(crate) struct Ordered {
    /// From the topic.
    pub(crate) verb: Verb,
    /// The order.
    pub(crate) command: Command,
}

/// Where to ask for what commands do.
pub(crate) struct Hands {
    /// Renews the certificate now, and says what came of it.
    pub(crate) renew: mpsc::Sender<oneshot::Sender<Result<String, String>>>,
    /// Restarts the Node-RED that is kept here, if one is.
    pub(crate) node_red: Option<Hand>,
}

/// Does what the centre orders, one after the other.
pub(crate) struct Commander {
    pub(crate) address: Address,
    pub(crate) store: Arc<Store>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) uplink: Uplink,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
    pub(crate) orders: mpsc::Receiver<Ordered>,
    pub(crate) hands: Hands,
    /// Fetches what comes with commands.
    pub(crate) parcels: Parcels,
    /// Puts flows in force; none where the agent keeps no Node-RED.
    pub(crate) deployer: Option<Deployer>,
    /// Takes other versions of the agent; none where nobody would start them.
    pub(crate) updater: Option<Updater>,
    /// Says that the trial of this version is over.
    pub(crate) over: mpsc::Receiver<()>,
}

/// What comes to the commander.
enum Event {
    Ordered(Ordered),
    /// The trial of this version is over.
    Over,
    /// There is a connection, and a result that nobody was told.
    Connected,
}

impl Commander {
    /// Runs until the soft token is cancelled.
    pub(crate) async fn run(mut self) {
        let soft = self.tasks.soft();
        let work = async {
            let mut ledger = match Ledger::open(self.store.files()) {
                Ok(ledger) => ledger,
                Err(error) => {
                    // What was done before is not known, so nothing is done that may be a repetition.
                    tracing::error!(%error, "commands of the centre are not done, hint: remove the file and restart the agent");
                    return;
                }
            };
            let mut untold = self.settle(&mut ledger);
            let mut before = None;
            while let Some(event) = self.next(before.take(), untold.is_some()).await {
                match event {
                    Event::Ordered(ordered) => before = self.take(&mut ledger, ordered).await,
                    Event::Over => untold = self.settle(&mut ledger),
                    Event::Connected => {
                        if let Some(result) = untold.take() {
                            self.tell(&result).await;
                        }
                    }
                }
            }
        };
        soft.run_until_cancelled_owned(work).await;
    }

    /// What comes next; none when nothing will.
    async fn next(&mut self, before: Option<Ordered>, untold: bool) -> Option<Event> {
        if let Some(ordered) = before {
            return Some(Event::Ordered(ordered));
        }
        tokio::select! {
            ordered = self.orders.recv() => ordered.map(Event::Ordered),
            Some(()) = self.over.recv() => Some(Event::Over),
            session = self.uplink.session(), if untold => session.map(|_| Event::Connected),
        }
    }

    /// Notes what became of another version, where the last command was about one: it ended while nobody could.
    fn settle(&self, ledger: &mut Ledger) -> Option<CommandResult> {
        let (id, number) = ledger.open_command()?;
        let outcome = self.updater.as_ref()?.ended(&id)?;
        self.end(ledger, Verb::Update, &outcome);
        Some(CommandResult {
            id,
            number,
            outcome,
        })
    }

    /// Does one command; a later one that came meanwhile and ended it.
    async fn take(&mut self, ledger: &mut Ledger, ordered: Ordered) -> Option<Ordered> {
        let Ordered { verb, command } = ordered;
        if !is_believed((&self.store, &self.address), verb, &command) {
            return None;
        }
        let (outcome, later) = match ledger.next(&command, self.clock.now_ms()) {
            Next::Answer(outcome) => (Some(outcome), None),
            Next::Do => self.carry_out(ledger, verb, &command).await,
        };
        if let Some(outcome) = outcome {
            let result = CommandResult {
                id: command.id,
                number: command.number,
                outcome,
            };
            self.tell(&result).await;
        }
        later
    }

    /// What came of it, if that is known yet.
    async fn carry_out(
        &mut self,
        ledger: &mut Ledger,
        verb: Verb,
        command: &Command,
    ) -> (Option<CommandOutcome>, Option<Ordered>) {
        if let Err(error) = ledger.begin(command) {
            tracing::error!(%error, "a command cannot be noted, and so is not done");
            let text = "the satellite cannot write its note of commands: is its disk full?";
            let outcome = CommandOutcome::failed(CommandFault::Failed, text);
            return (Some(outcome), None);
        }
        tracing::info!(
            verb = verb.as_str(),
            number = command.number,
            "a command of the centre is carried out"
        );
        let (outcome, later) = match verb {
            Verb::Update => self.update(command).await,
            Verb::Deploy => self.deploy(command).await,
            // Takes as long as Node-RED may take, and says itself when that is over.
            Verb::Restart => (
                Some(restart::obey(self.hands.node_red.as_ref(), &command.args).await),
                None,
            ),
            _ => (
                Some(self.act_in_time(verb, command.args.clone()).await),
                None,
            ),
        };
        if let Some(outcome) = &outcome {
            self.end(ledger, verb, outcome);
        }
        (outcome, later)
    }

    /// Notes a last word.
    fn end(&self, ledger: &mut Ledger, verb: Verb, outcome: &CommandOutcome) {
        let word = match outcome {
            CommandOutcome::Failed { fault, detail } => {
                tracing::warn!(
                    verb = verb.as_str(),
                    error = detail,
                    "a command was not done"
                );
                fault.as_str()
            }
            _ => "done",
        };
        metrics::counter!("spokegate_agent_commands_total", "outcome" => word).increment(1);
        if let Err(error) = ledger.end(outcome.clone()) {
            tracing::warn!(%error, "what came of a command cannot be noted; after a restart it would be done again");
        }
    }

    /// Fetches another version, as long as no later command comes.
    async fn update(&mut self, command: &Command) -> (Option<CommandOutcome>, Option<Ordered>) {
        let Some(updater) = &self.updater else {
            let text = "this agent was not started by `spokegate-agent launch`, so that nothing would start another version";
            let outcome = CommandOutcome::failed(CommandFault::Unsupported, text);
            return (Some(outcome), None);
        };
        let believes = (&*self.store, &self.address);
        let (step, later) = tokio::select! {
            step = updater.act(command, &mut self.parcels) => (Some(step), None),
            later = later(&mut self.orders, believes, command.number) => (None, later),
        };
        let outcome = match step {
            Some(Step::Ended(outcome)) => Some(outcome),
            Some(Step::Tried) => None,
            Some(Step::Staged) => {
                tracing::info!("another version lies ready, the agent ends so that it is started");
                self.tasks.soft().cancel();
                None
            }
            None => {
                updater.abandon();
                let text = "a later command came before it was fetched";
                Some(CommandOutcome::failed(CommandFault::Superseded, text))
            }
        };
        (outcome, later)
    }

    /// Fetches flows, as long as no later command comes, and puts them in force.
    async fn deploy(&mut self, command: &Command) -> (Option<CommandOutcome>, Option<Ordered>) {
        let Some(deployer) = &self.deployer else {
            let text = "this agent keeps no Node-RED, hint: give it a [node_red] section";
            let outcome = CommandOutcome::failed(CommandFault::Unsupported, text);
            return (Some(outcome), None);
        };
        let believes = (&*self.store, &self.address);
        let ready = tokio::select! {
            ready = deployer.fetch(command, &mut self.parcels) => ready,
            later = later(&mut self.orders, believes, command.number) => {
                deployer.abandon();
                let text = "a later command came before it was fetched";
                return (Some(CommandOutcome::failed(CommandFault::Superseded, text)), later);
            }
        };
        let outcome = match ready {
            Ready::Ended(outcome) => outcome,
            Ready::Set(set, file) => deployer.deploy(set, &file).await,
        };
        (Some(outcome), None)
    }

    async fn act_in_time(&self, verb: Verb, args: Bytes) -> CommandOutcome {
        let acted = tokio::time::timeout(ACT_LIMIT, self.act(verb, args)).await;
        acted.unwrap_or_else(|_| {
            let limit_s = ACT_LIMIT.as_secs();
            CommandOutcome::failed(
                CommandFault::Failed,
                &format!("it was not done within {limit_s} s"),
            )
        })
    }

    async fn act(&self, verb: Verb, args: Bytes) -> CommandOutcome {
        match verb {
            Verb::Renew if args == NO_ARGS => self.renew().await,
            Verb::Renew => {
                CommandOutcome::failed(CommandFault::Invalid, "a renewal takes no arguments")
            }
            Verb::Secret => self.secret(args).await,
            Verb::Deploy | Verb::Restart | Verb::Update => CommandOutcome::failed(
                CommandFault::Unsupported,
                &format!("this agent does not {}", verb.as_str()),
            ),
        }
    }

    async fn secret(&self, args: Bytes) -> CommandOutcome {
        let (address, store, secrets) = (
            self.address.clone(),
            Arc::clone(&self.store),
            Arc::clone(&self.secrets),
        );
        let node_red = self.hands.node_red.clone();
        let obeyed = tokio::task::spawn_blocking(move || {
            let kept = Kept {
                address: &address,
                store: &store,
                secrets: &secrets,
                node_red: node_red.as_ref(),
            };
            obey(&kept, &args)
        });
        obeyed
            .await
            .unwrap_or_else(|_| CommandOutcome::failed(CommandFault::Failed, STOPS))
    }

    async fn renew(&self) -> CommandOutcome {
        let (sender, receiver) = oneshot::channel();
        let asked = self.hands.renew.send(sender).await;
        let told = match asked {
            Ok(()) => receiver.await.unwrap_or_else(|_| Err(STOPS.to_owned())),
            Err(_) => Err(STOPS.to_owned()),
        };
        match told {
            Ok(detail) => CommandOutcome::done(&detail),
            Err(detail) => CommandOutcome::failed(CommandFault::Failed, &detail),
        }
    }

    /// A result that is lost is asked for by the same command again.
    async fn tell(&self, result: &CommandResult) {
        let Some(session) = self.uplink.current() else {
            return;
        };
        let topic = Topic::new(self.address.clone(), Channel::Result).to_string();
        if let Err(error) = session.publish(&topic, result.encode()).await {
            tracing::debug!(%error, "a result is not told yet");
        }
    }
}

/// Whether the fabric's authority ordered it, of this satellite.
fn is_believed((store, address): (&Store, &Address), verb: Verb, command: &Command) -> bool {
    let verified = verify::verify(store, address, verb, command);
    if let Err(error) = &verified {
        metrics::counter!("spokegate_agent_commands_total", "outcome" => "not-believed")
            .increment(1);
        tracing::error!(
            verb = verb.as_str(),
            %error,
            "a command is not believed, and not done"
        );
    }
    verified.is_ok()
}

/// The first command that is believed and comes after this number; repetitions need no answer now.
async fn later(
    orders: &mut mpsc::Receiver<Ordered>,
    believes: (&Store, &Address),
    number: u64,
) -> Option<Ordered> {
    loop {
        match orders.recv().await {
            Some(next) if next.command.number <= number => {}
            Some(next) if is_believed(believes, next.verb, &next.command) => return Some(next),
            Some(_) => {}
            // There will be no further one.
            None => std::future::pending().await,
        }
    }
}

/// An empty CBOR map.
const NO_ARGS: &[u8] = &[0xa0];
const STOPS: &str = "the agent stops";
