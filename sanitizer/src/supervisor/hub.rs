//! What all tasks of the supervisor share, and how they start.

use super::confinement::Confinement;
use super::keeper;
use super::lane::{self, LANE_EVENTS, LaneEvent};
use super::ledger::{self, Ledger};
use super::process::Pipe;
use super::quarantine::Quarantine;
use super::stats::LaneStats;
use crate::config::SanitizerConfig;
use crate::link::{RefusalHead, ToEgress, WorkHead};
use crate::sandbox::Users;
use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::{Value, json};
use spokegate_contract::TenantId;
use spokegate_daemon::Context;
use spokegate_daemon::audit::Event;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Time between two updates of `GET /v1/status`.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// The pipe to a process that may come and go.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<Option<Pipe>>);

impl Slot {
    pub(super) fn set(&self, pipe: Option<Pipe>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }

    pub(super) fn is_there(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// Sends a frame, if the process is there.
    pub(super) async fn send<H: Serialize>(&self, head: &H, body: &[u8]) -> bool {
        let pipe = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match pipe {
            Some(pipe) => {
                pipe.send(head, body).await;
                true
            }
            None => false,
        }
    }
}

/// A lane as the rest of the supervisor sees it.
#[derive(Debug)]
pub(super) struct LaneEnd {
    pub(super) events: mpsc::Sender<LaneEvent>,
    pub(super) stats: Arc<LaneStats>,
}

/// What all tasks share.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) program: PathBuf,
    pub(super) config: SanitizerConfig,
    pub(super) users: Users,
    pub(super) confinement: Confinement,
    pub(super) context: Context,
    pub(super) quarantine: Quarantine,
    pub(super) egress: Slot,
    pub(super) ingest: Slot,
    pub(super) lanes: BTreeMap<TenantId, LaneEnd>,
    pub(super) counters: Mutex<BTreeMap<String, u64>>,
    pub(super) ledger: Arc<Mutex<Ledger>>,
    receivers: Mutex<Vec<(TenantId, mpsc::Receiver<LaneEvent>)>>,
}

impl Hub {
    pub(super) fn new(
        program: PathBuf,
        config: SanitizerConfig,
        users: Users,
        context: Context,
        (quarantine, ledger): (Quarantine, Arc<Mutex<Ledger>>),
    ) -> Hub {
        let mut lanes = BTreeMap::new();
        let mut receivers = Vec::new();
        for tenant in &config.lanes() {
            let (events, receiver) = mpsc::channel(LANE_EVENTS);
            lanes.insert(
                tenant.clone(),
                LaneEnd {
                    events,
                    stats: Arc::default(),
                },
            );
            receivers.push((tenant.clone(), receiver));
        }
        Hub {
            program,
            config,
            users,
            confinement: Confinement::default(),
            context,
            quarantine,
            egress: Slot::default(),
            ingest: Slot::default(),
            lanes,
            counters: Mutex::default(),
            ledger,
            receivers: Mutex::new(receivers),
        }
    }

    /// Writes something down in the audit: what, as `noun.verb`, why, and upon what.
    pub(super) fn note(&self, action: &'static str, reason: &str, subject: &str) {
        let now_ms = self.context.clock.now_ms();
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note(now_ms, (action, reason, subject), 1);
    }

    /// Audits a refused message and, when it is one of the first, logs it: by rule and place and never by value.
    pub(super) fn tell_refused(
        &self,
        work: &WorkHead,
        refusal: &RefusalHead,
        size: usize,
        logged: bool,
    ) {
        let reason = format!("{} {}", refusal.reason.as_str(), refusal.rule);
        let subject = format!("{}/{}", work.tenant, work.satellite);
        self.note("message.refuse", &reason, &subject);
        if !logged {
            return;
        }
        let id = work.id.map(|id| id.to_string());
        let mut event = Event::denied(refusal.reason.as_str())
            .tenant(work.tenant.as_str())
            .satellite(work.satellite.as_str())
            .size_bytes(size as u64);
        if let Some(id) = &id {
            event = event.message_id(id);
        }
        event.emit("a message was refused");
        tracing::debug!(
            tenant.id = %work.tenant, satellite.id = %work.satellite, channel = work.channel, rule = refusal.rule,
            pointer = refusal.pointer, "a message was refused"
        );
    }

    fn status(&self) -> Value {
        let tenants: Vec<Value> = self
            .lanes
            .iter()
            .map(|(tenant, lane)| lane.stats.to_json(tenant))
            .collect();
        let counters = self
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        json!({
            "sandbox": self.config.worker.sandbox, "leases": self.config.share.leases, "separate_users": self.users != Users::default(),
            "stages": self.confinement.to_json(), "tenants": tenants, "counters": counters,
        })
    }
}

/// Starts everything; returns where the second hop listens, once it does and every lane has a confined worker.
pub(super) async fn start(hub: &Arc<Hub>) -> anyhow::Result<SocketAddr> {
    let tasks = &hub.context.tasks;
    let mut lanes_started = Vec::new();
    let receivers =
        std::mem::take(&mut *hub.receivers.lock().unwrap_or_else(PoisonError::into_inner));
    for (tenant, receiver) in receivers {
        let Some(end) = hub.lanes.get(&tenant) else {
            continue;
        };
        let (started, when_started) = oneshot::channel();
        let channel = (end.events.clone(), receiver);
        tasks.spawn(
            "lane",
            lane::run(
                Arc::clone(hub),
                tenant.clone(),
                Arc::clone(&end.stats),
                channel,
                started,
            ),
        );
        lanes_started.push((tenant, when_started));
    }
    for (tenant, when_started) in lanes_started {
        let started = when_started.await.context("the lane ended")?;
        started
            .map_err(|reason| anyhow!(reason))
            .with_context(|| format!("start a worker for tenant {tenant}"))?;
    }
    let (listening, when_listening) = oneshot::channel();
    tasks.spawn(
        "egress keeper",
        keeper::keep_egress(Arc::clone(hub), listening),
    );
    let addr = when_listening
        .await
        .context("the egress process did not start; see its log lines above")?;
    let (started, when_started) = oneshot::channel();
    tasks.spawn(
        "ingest keeper",
        keeper::keep_ingest(Arc::clone(hub), started),
    );
    when_started
        .await
        .context("the ingest process did not start; see its log lines above")?;
    tasks.spawn("status", tell_status(Arc::clone(hub)));
    tasks.spawn("audit", ledger::tell(Arc::clone(hub)));
    Ok(addr)
}

async fn tell_status(hub: Arc<Hub>) {
    let soft = hub.context.tasks.soft();
    let mut timer = tokio::time::interval(STATUS_INTERVAL);
    while soft.run_until_cancelled(timer.tick()).await.is_some() {
        let status = hub.status().to_string();
        hub.egress.send(&ToEgress::Status, status.as_bytes()).await;
    }
}
