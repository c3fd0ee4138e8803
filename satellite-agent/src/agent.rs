//! The agent as a value: bound, running, shut down.

mod prepare;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use spokegate_contract::envelope::{Admission, Parcel};
use spokegate_contract::{Address, filter};
use spokegate_daemon::http::{self, HttpLimits};
use spokegate_daemon::{Clock, Context, Latch, Tasks};
use spokegate_identity::Principal;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

pub(crate) use prepare::check_files;

use crate::bindings::Bindings;
use crate::command::{COMMANDS_MAX, Commander, Hands, Ordered};
use crate::config::{Config, NodeRedConfig, PullConfig};
use crate::credentials::Store;
use crate::deploy::{self, Deployer};
use crate::enrol::asking::Renewal;
use crate::enrol::renewal::{ADMISSIONS_MAX, Asked, Renewer, Schedule as Schedules};
use crate::keeper::{self, Hand, Lines, Output};
use crate::link::Dialer;
use crate::local::{Guard, Local, LocalParts};
use crate::parcel::{PARTS_MAX, Parcels};
use crate::pull::Pulls;
use crate::push::endpoint::Endpoint;
use crate::push::log::{Budget, LogPusher};
use crate::push::schedule::Schedule;
use crate::push::sender::{ACKS_MAX, Sender};
use crate::secrets::Secrets;
use crate::spool::Spool;
use crate::status::Reporter;
use crate::status_verb::{LinkState, StatusSocket};
use crate::supervisor::Supervisor;
use crate::update::health::{Told, Watch};
use crate::update::{Updater, slots};
use crate::uplink::{Uplink, uplink};

/// Connections to the push endpoint at a time.
const PUSH_CONNECTIONS_MAX: usize = 64;
/// Shortest push token; shorter ones can be guessed.
const TOKEN_BYTES_MIN: usize = 16;
/// How long running answers may take at a shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A running agent. Dropping it leaves its tasks to the context it was bound in.
pub struct Agent {
    address: Address,
    push_addr: Option<SocketAddr>,
    spool: Arc<Spool>,
    tasks: Tasks,
}

impl Agent {
    /// Opens the spool, binds the push endpoint and starts dialling the broker. Returns before the broker answers:
    /// `context.readiness` has the latch `broker session` for that.
    pub async fn bind(config: Config, context: &Context) -> anyhow::Result<Self> {
        let store = prepare::store(&config)?;
        let address = prepare::address(&config)?;
        let principal = Principal::Satellite(address.clone());
        let (tasks, clock) = (context.tasks.child(), context.clock.clone());
        let secrets = Arc::new(Secrets::open(store.files())?);
        let output = Output::open(&config, &secrets, &clock);
        let log = output.as_ref().and_then(|output| output.lines(&config));
        let bindings = prepare::bindings(&config, &clock, log.clone())?;
        let spool = prepare::open_spool(&config, clock.clone()).await?;
        let filter = filter::satellite_down(&address).to_string();
        let dialer = Dialer::new(
            &config.broker,
            Arc::clone(&store),
            principal.client_id(),
            filter,
        )?;
        let parts = Parts {
            address,
            bindings,
            spool,
            secrets,
            tasks,
            clock,
        };
        let (setter, uplink) = uplink();
        let state = LinkState::default();
        let push_addr = parts.serve_local(&config, &uplink).await?;

        let (acks, acks_rx) = mpsc::channel(ACKS_MAX);
        let valid = context.readiness.latch("certificate");
        let (told, seen) = watch::channel(None);
        let over = parts.watch_trial(&config, &state, seen);
        let renewer = parts.renewer(&config, &store, &uplink, valid)?;
        let (deployer, node_red) = parts.keep_node_red(&config, output)?;
        let obeying = (renewer, over, deployer, node_red.clone());
        let heard = parts.obey(&config, obeying, &store, &uplink);
        let supervisor = Supervisor {
            address: parts.address.clone(),
            dialer,
            uplink: setter,
            pulls: parts.pulls(&config.pull, &uplink),
            acks,
            admissions: heard.admissions,
            commands: heard.commands,
            parts: heard.parts,
            store: Arc::clone(&store),
            connected: context.readiness.latch("broker session"),
            state: state.clone(),
            clock: parts.clock.clone(),
            soft: parts.tasks.soft(),
        };
        parts.tasks.spawn("broker session", supervisor.run());
        parts.speak(&config, (acks_rx, told, node_red.as_ref()), &uplink, &store);
        parts.answer_status(&config, (state, node_red), &store);
        parts.start_schedules(&config)?;
        parts.push_log(&config.node_red, log);
        let Parts {
            address,
            spool,
            tasks,
            ..
        } = parts;
        tracing::info!(tenant.id = %address.tenant, satellite.id = %address.satellite, "the agent runs");
        Ok(Self {
            address,
            push_addr,
            spool,
            tasks,
        })
    }

    /// Who this agent is, as its certificate says.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Where flows push; `None` without a push token.
    pub fn push_addr(&self) -> Option<SocketAddr> {
        self.push_addr
    }

    /// Says goodbye to the broker, ends what runs and closes the spool. What the centre has not stored stays there.
    pub async fn shutdown(&self) {
        self.tasks.shutdown(SHUTDOWN_GRACE).await;
        self.spool.close().await;
    }

    /// Returns when the agent has stopped.
    pub async fn join(&self) {
        self.tasks.join().await;
        self.spool.close().await;
    }
}

/// Where the connection hands on what comes.
struct Heard {
    admissions: mpsc::Sender<Admission>,
    commands: mpsc::Sender<Ordered>,
    parts: mpsc::Sender<Parcel>,
}

/// The certificate's renewal, and how it is spoken to.
struct Renewing {
    renewer: Renewer,
    admissions: mpsc::Sender<Admission>,
    renew: mpsc::Sender<Asked>,
}

/// What the agent's tasks share.
struct Parts {
    address: Address,
    bindings: Arc<Bindings>,
    spool: Arc<Spool>,
    secrets: Arc<Secrets>,
    tasks: Tasks,
    clock: Clock,
}

impl Parts {
    /// The local API, pushes among it.
    async fn serve_local(
        &self,
        config: &Config,
        uplink: &Uplink,
    ) -> anyhow::Result<Option<SocketAddr>> {
        let source = config.push.token();
        if source.is_empty() {
            tracing::info!("no push.token_file, so nothing can be pushed");
            return Ok(None);
        }
        let token = source
            .resolve()
            .context("read the push token (push.token_file)")?;
        if token.expose().len() < TOKEN_BYTES_MIN {
            bail!(
                "the push token has fewer than {TOKEN_BYTES_MIN} characters; hint: openssl rand -hex 32"
            );
        }
        let listener = TcpListener::bind(config.push.listen)
            .await
            .with_context(|| {
                format!(
                    "bind the push endpoint (push.listen) to {}",
                    config.push.listen
                )
            })?;
        let guard = Guard::new(&token);
        let endpoint = Endpoint::new(
            Arc::clone(&self.spool),
            Arc::clone(&self.bindings),
            self.clock.clone(),
            guard.clone(),
        );
        let local = Local::new(LocalParts {
            guard,
            address: self.address.clone(),
            bindings: Arc::clone(&self.bindings),
            spool: Arc::clone(&self.spool),
            secrets: Arc::clone(&self.secrets),
            uplink: uplink.clone(),
            schemas: config.schemas.clone(),
        });
        let router = local.beside(endpoint.router());
        let limits = HttpLimits {
            connections_max: PUSH_CONNECTIONS_MAX,
            connections_per_address: Some(usize::MAX), // all senders are on this machine
            ..HttpLimits::default()
        };
        let server = http::serve(listener, router, limits, &self.tasks)?;
        Ok(Some(server.addr()))
    }

    fn pulls(&self, config: &PullConfig, uplink: &Uplink) -> Pulls {
        let (clock, tasks) = (self.clock.clone(), self.tasks.clone());
        Pulls::new(
            self.address.clone(),
            Arc::clone(&self.bindings),
            config,
            uplink.clone(),
            clock,
            tasks,
        )
    }

    /// Starts what the satellite says unasked: pushes, hello and status.
    fn speak(
        &self,
        config: &Config,
        (acks, told, node_red): (
            mpsc::Receiver<(u64, u64)>,
            watch::Sender<Told>,
            Option<&Hand>,
        ),
        uplink: &Uplink,
        store: &Arc<Store>,
    ) {
        let sender = self.sender(acks, config.spool.window_bytes, uplink);
        self.tasks.spawn("push sender", sender.run());
        let mut reporter = self.reporter(config.status.every_s, uplink, Arc::clone(store), told);
        reporter.node_red = node_red.map(Hand::state);
        self.tasks.spawn("status", reporter.run());
    }

    fn sender(
        &self,
        acks: mpsc::Receiver<(u64, u64)>,
        window_bytes: u64,
        uplink: &Uplink,
    ) -> Sender {
        Sender {
            address: self.address.clone(),
            spool: Arc::clone(&self.spool),
            uplink: uplink.clone(),
            acks,
            window_bytes,
            soft: self.tasks.soft(),
        }
    }

    fn reporter(
        &self,
        every_s: u64,
        uplink: &Uplink,
        store: Arc<Store>,
        told: watch::Sender<Told>,
    ) -> Reporter {
        Reporter {
            address: self.address.clone(),
            bindings: Arc::clone(&self.bindings),
            spool: Arc::clone(&self.spool),
            uplink: uplink.clone(),
            store,
            node_red: None,
            clock: self.clock.clone(),
            every: Duration::from_secs(every_s),
            told,
            soft: self.tasks.soft(),
        }
    }

    /// Watches this version where it is on trial; says when that is over.
    fn watch_trial(
        &self,
        config: &Config,
        link: &LinkState,
        told: watch::Receiver<Told>,
    ) -> mpsc::Receiver<()> {
        let (over, ended) = mpsc::channel(1);
        if let Some((slots, _)) = slots(&config.update).filter(|(slots, _)| Watch::is_due(slots)) {
            let watch = Watch {
                slots,
                link: link.clone(),
                told,
                over,
                soft: self.tasks.soft(),
            };
            self.tasks.spawn("trial", watch.run());
        }
        ended
    }

    fn answer_status(
        &self,
        config: &Config,
        (link, node_red): (LinkState, Option<Hand>),
        store: &Arc<Store>,
    ) {
        let socket = StatusSocket {
            address: self.address.clone(),
            link,
            store: Arc::clone(store),
            spool: Arc::clone(&self.spool),
            spool_bytes_max: config.spool.bytes_max,
            bindings: Arc::clone(&self.bindings),
            keeper: node_red.as_ref().map(Hand::state),
            started_at_ms: self.clock.now_ms(),
            soft: self.tasks.soft(),
        };
        let serving = socket.run(config.spool.path.clone());
        self.tasks.spawn("status socket", serving);
    }

    /// Starts to keep Node-RED where the configuration names one; what puts flows in force, and what gives it orders.
    fn keep_node_red(
        &self,
        config: &Config,
        output: Option<Output>,
    ) -> anyhow::Result<(Option<Deployer>, Option<Hand>)> {
        // What an end in the middle of a deploy left is settled before Node-RED starts.
        let journal = deploy::settle(config)?;
        let node_red = keeper::keep(config, output, &self.clock, &self.tasks)?;
        let kept = config.node_red.kept().zip(journal).zip(node_red.clone());
        let deployer = kept.map(|(((_, user_dir), journal), node_red)| Deployer {
            journal,
            user_dir: user_dir.to_owned(),
            node_red,
            tasks: self.tasks.clone(),
        });
        Ok((deployer, node_red))
    }

    /// Starts the certificate's renewal and what does the centre's commands; where to hand on what comes for them.
    fn obey(
        &self,
        config: &Config,
        (renewing, over, deployer, node_red): (
            Renewing,
            mpsc::Receiver<()>,
            Option<Deployer>,
            Option<Hand>,
        ),
        store: &Arc<Store>,
        uplink: &Uplink,
    ) -> Heard {
        self.tasks.spawn("certificate", renewing.renewer.run());
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let (parts, parts_rx) = mpsc::channel(PARTS_MAX);
        let parcels = Parcels {
            address: self.address.clone(),
            parts: parts_rx,
            uplink: uplink.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
        };
        let updater = slots(&config.update).map(|(slots, keys)| Updater {
            slots,
            keys,
            tasks: self.tasks.clone(),
        });
        let commander = Commander {
            address: self.address.clone(),
            store: Arc::clone(store),
            secrets: Arc::clone(&self.secrets),
            uplink: uplink.clone(),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
            orders,
            hands: Hands {
                renew: renewing.renew,
                node_red,
            },
            parcels,
            deployer,
            updater,
            over,
        };
        self.tasks.spawn("commands", commander.run());
        Heard {
            admissions: renewing.admissions,
            commands,
            parts,
        }
    }

    fn renewer(
        &self,
        config: &Config,
        store: &Arc<Store>,
        uplink: &Uplink,
        valid: Latch,
    ) -> anyhow::Result<Renewing> {
        let (admissions, came) = mpsc::channel(ADMISSIONS_MAX);
        let (renew, asked) = mpsc::channel(1);
        let renewer = Renewer {
            renewal: Renewal {
                store: Arc::clone(store),
                trust_domain: config.trust_domain.clone(),
                address: self.address.clone(),
                door: config.enrolment.door.clone(),
                proxy: config.broker.proxy()?,
                clock: self.clock.clone(),
            },
            enabled: config.enrolment.renew,
            uplink: uplink.clone(),
            admissions: came,
            asked,
            tasks: self.tasks.clone(),
            valid,
            schedule: Schedules::default(),
            fresh: None,
        };
        Ok(Renewing {
            renewer,
            admissions,
            renew,
        })
    }

    /// Pushes the log of the kept Node-RED, where there is one and the centre is to have it.
    fn push_log(&self, config: &NodeRedConfig, lines: Option<Lines>) {
        let Some(lines) = lines else { return };
        let pusher = LogPusher {
            lines,
            spool: Arc::clone(&self.spool),
            clock: self.clock.clone(),
            every: Duration::from_secs(config.log_push_every_s),
            push_bytes_max: usize::try_from(config.log_push_bytes_max).unwrap_or(usize::MAX),
            budget: Budget::new(config.log_hour_bytes_max),
            soft: self.tasks.soft(),
        };
        self.tasks.spawn("node-red log pusher", pusher.run());
    }

    fn start_schedules(&self, config: &Config) -> anyhow::Result<()> {
        for entry in &config.schedule {
            let binding = self.bindings.find(&entry.dataset, entry.version).ok();
            let Some((binding, source)) =
                binding.and_then(|b| b.source.clone().map(|source| (b.clone(), source)))
            else {
                bail!(
                    "the schedule of {} has no source that can be asked",
                    entry.dataset
                );
            };
            let schedule = Schedule {
                dataset: entry.dataset.clone(),
                binding,
                source,
                every: Duration::from_secs(entry.every_s),
                jitter: Duration::from_secs(entry.jitter_s()),
                spool: Arc::clone(&self.spool),
                clock: self.clock.clone(),
                soft: self.tasks.soft(),
            };
            self.tasks.spawn("schedule", schedule.run());
        }
        Ok(())
    }
}
