//! The supervisor: starts, watches and replaces the other processes, and carries frames between them unread.
//!
//! It never has a key: a worker's comes to it out of a process that runs as the egress user. It opens no network connection
//! and parses nothing that comes from a segment.

mod budget;
mod confinement;
mod hub;
mod keeper;
mod lane;
mod ledger;
pub(crate) mod process;
mod quarantine;
mod stats;
mod window;

use crate::config::SanitizerConfig;
use crate::link::{ToEgress, ToIngest};
use crate::sandbox::Users;
use anyhow::Context as _;
use hub::Hub;
use quarantine::Quarantine;
use spokegate_daemon::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long the processes may take until they are at work.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long tasks may take to end at a stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A running sanitizer: one egress process, one ingest process, workers for every tenant.
#[derive(Debug)]
pub struct Sanitizer {
    addr: SocketAddr,
    context: Context,
    hub: Arc<Hub>,
}

impl Sanitizer {
    /// Starts all processes and returns once the second hop listens and a confined worker stands ready for every tenant.
    ///
    /// # Errors
    /// When a process does not come up, for example because a layer of the confinement is missing.
    pub async fn bind(config: SanitizerConfig, context: &Context) -> anyhow::Result<Sanitizer> {
        let program = own_program().context("find the program spokegate-sanitizer")?;
        crate::contracts::check_folder(&config.schemas)?;
        let context = Context {
            readiness: context.readiness.clone(),
            ..context.child()
        };
        let users = Users::resolve(&config.users)?;
        let ledger = Arc::default();
        let tenants = config.lanes().len();
        let quarantine = Quarantine::open(&config.quarantine, tenants, &context, &ledger)?;
        let hub = Arc::new(Hub::new(
            program,
            config,
            users,
            context.clone(),
            (quarantine, ledger),
        ));
        let started = tokio::time::timeout(START_LIMIT, hub::start(&hub)).await;
        match started
            .context("the processes took too long to start")
            .and_then(|result| result)
        {
            Ok(addr) => Ok(Sanitizer { addr, context, hub }),
            Err(error) => {
                context.tasks.shutdown(STOP_GRACE).await;
                Err(error)
            }
        }
    }

    /// Where the second hop listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Has the TLS files of both hops read again; connections that stand go on.
    pub async fn reload(&self) {
        self.hub.ingest.send(&ToIngest::Reload, b"").await;
        self.hub.egress.send(&ToEgress::Reload, b"").await;
    }

    /// Stops all processes.
    pub async fn shutdown(&self) {
        self.context.tasks.shutdown(STOP_GRACE).await;
    }

    /// Returns when all has ended.
    pub async fn join(&self) {
        self.context.tasks.join().await;
    }
}

/// The program that is started again for every other process: this one, or the one beside this one when this is not it.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    spokegate_confine::program::own("spokegate-sanitizer")
}
