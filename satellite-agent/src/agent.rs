//! The agent as a value: bound, running, shut down.

mod prepare;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use spokegate_contract::envelope::Admission;
use spokegate_contract::{Address, filter};
use spokegate_daemon::http::{self, HttpLimits};
use spokegate_daemon::{Clock, Context, Latch, Tasks};
use spokegate_identity::Principal;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) use prepare::check_files;

use crate::bindings::Bindings;
use crate::config::Config;
use crate::credentials::Store;
use crate::enrol::asking::Renewal;
use crate::enrol::renewal::{ADMISSIONS_MAX, Renewer, Schedule as Schedules};
use crate::link::Dialer;
use crate::pull::Pulls;
use crate::push::endpoint::Endpoint;
use crate::push::schedule::Schedule;
use crate::push::sender::{ACKS_MAX, Sender};
use crate::spool::Spool;
use crate::status::Reporter;
use crate::supervisor::Supervisor;
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
        let bindings = prepare::bindings(&config)?;
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
            tasks,
            clock,
        };
        let push_addr = parts.serve_pushes(&config).await?;

        let (setter, uplink) = uplink();
        let (acks, acks_rx) = mpsc::channel(ACKS_MAX);
        let (admissions, admissions_rx) = mpsc::channel(ADMISSIONS_MAX);
        let supervisor = Supervisor {
            address: parts.address.clone(),
            dialer,
            uplink: setter,
            pulls: parts.pulls(config.pull.parallel_max, &uplink),
            acks,
            admissions,
            store: Arc::clone(&store),
            connected: context.readiness.latch("broker session"),
            clock: parts.clock.clone(),
            soft: parts.tasks.soft(),
        };
        parts.tasks.spawn("broker session", supervisor.run());
        parts.tasks.spawn(
            "push sender",
            parts
                .sender(acks_rx, config.spool.window_bytes, &uplink)
                .run(),
        );
        parts.tasks.spawn(
            "status",
            parts.reporter(config.status.every_s, &uplink).run(),
        );
        let valid = context.readiness.latch("certificate");
        let renewer = parts.renewer(&config, store, &uplink, admissions_rx, valid);
        parts.tasks.spawn("certificate", renewer.run());
        parts.start_schedules(&config)?;
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

/// What the agent's tasks share.
struct Parts {
    address: Address,
    bindings: Arc<Bindings>,
    spool: Arc<Spool>,
    tasks: Tasks,
    clock: Clock,
}

impl Parts {
    async fn serve_pushes(&self, config: &Config) -> anyhow::Result<Option<SocketAddr>> {
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
        let endpoint = Endpoint::new(
            Arc::clone(&self.spool),
            Arc::clone(&self.bindings),
            self.clock.clone(),
            &token,
        );
        let limits = HttpLimits {
            connections_max: PUSH_CONNECTIONS_MAX,
            connections_per_address: Some(usize::MAX), // all senders are on this machine
            ..HttpLimits::default()
        };
        let server = http::serve(listener, endpoint.router(), limits, &self.tasks)?;
        Ok(Some(server.addr()))
    }

    fn pulls(&self, parallel_max: usize, uplink: &Uplink) -> Pulls {
        let (clock, tasks) = (self.clock.clone(), self.tasks.clone());
        Pulls::new(
            self.address.clone(),
            Arc::clone(&self.bindings),
            parallel_max,
            uplink.clone(),
            clock,
            tasks,
        )
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

    fn reporter(&self, every_s: u64, uplink: &Uplink) -> Reporter {
        Reporter {
            address: self.address.clone(),
            bindings: Arc::clone(&self.bindings),
            spool: Arc::clone(&self.spool),
            uplink: uplink.clone(),
            clock: self.clock.clone(),
            every: Duration::from_secs(every_s),
            soft: self.tasks.soft(),
        }
    }

    fn renewer(
        &self,
        config: &Config,
        store: Arc<Store>,
        uplink: &Uplink,
        admissions: mpsc::Receiver<Admission>,
        valid: Latch,
    ) -> Renewer {
        Renewer {
            renewal: Renewal {
                store,
                trust_domain: config.trust_domain.clone(),
                address: self.address.clone(),
                door: config.enrolment.door.clone(),
                clock: self.clock.clone(),
            },
            enabled: config.enrolment.renew,
            uplink: uplink.clone(),
            admissions,
            tasks: self.tasks.clone(),
            valid,
            schedule: Schedules::default(),
            fresh: None,
        }
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
                spool: Arc::clone(&self.spool),
                clock: self.clock.clone(),
                soft: self.tasks.soft(),
            };
            self.tasks.spawn("schedule", schedule.run());
        }
        Ok(())
    }
}
