//! Keeps the ingest and the egress process running and passes on what they say.

use super::hub::Hub;
use super::lane::LaneEvent;
use super::process::{self, Process};
use super::window::Item;
use crate::link::{CallVerb, Frame, FromEgress, FromIngest, Outcome, ToEgress, ToIngest};
use serde::de::DeserializeOwned;
use spokegate_contract::record::NO_SESSION_STATUS;
use spokegate_contract::{FailureClass, TenantId};
use spokegate_daemon::{Backoff, Latch};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a process may take to end by itself once its pipe is closed.
const END_GRACE: Duration = Duration::from_secs(2);
/// A process that lived so long ended by chance, and the next one comes soon; after one that did not, the wait grows.
const LIVED: Duration = Duration::from_secs(10);
/// Shortest and longest wait before a process is started again.
const RESTART_MS: (u64, u64) = (100, 10_000);

/// The waits between the lives of a process.
struct Restarts {
    backoff: Backoff,
    born: Instant,
}

impl Restarts {
    fn new() -> Restarts {
        Restarts {
            backoff: Backoff::new(RESTART_MS.0, RESTART_MS.1),
            born: Instant::now(),
        }
    }

    /// A life begins.
    fn begin(&mut self) {
        self.born = Instant::now();
    }

    /// How long to wait after a life that ends now.
    fn delay(&mut self) -> Duration {
        self.delay_after(self.born.elapsed())
    }

    fn delay_after(&mut self, life: Duration) -> Duration {
        if life >= LIVED {
            self.backoff.reset();
        }
        self.backoff.next_delay()
    }
}

/// Runs the egress process until the stop; `first` learns where it listens, or is dropped when it does not start.
pub(super) async fn keep_egress(hub: Arc<Hub>, first: oneshot::Sender<SocketAddr>) {
    let latch = hub.context.readiness.latch("second hop");
    let mut first = Some(first);
    let mut restarts = Restarts::new();
    while let Some(process) = start(&hub, "egress").await {
        restarts.begin();
        let pipe = process.pipe.clone();
        pipe.send(
            &ToEgress::Setup(Box::new(hub.config.egress_setup(hub.users))),
            b"",
        )
        .await;
        hub.egress.set(Some(pipe));
        for lane in hub.lanes.values() {
            // A lane only ends with the whole.
            let _ = lane.events.send(LaneEvent::OutboxLost).await;
        }
        let mut listening = |addr: SocketAddr| {
            latch.set();
            if let Some(first) = first.take() {
                // The start may have been given up.
                let _ = first.send(addr);
            }
        };
        let mut process = process;
        while let Some(frame) = next(&hub, &mut process).await {
            from_egress(&hub, frame, &mut listening).await;
        }
        hub.egress.set(None);
        latch.unset();
        if !ended(&hub, "egress", process, first.is_some(), &mut restarts).await {
            return;
        }
    }
}

/// Runs the ingest process until the stop; `first` learns that it runs, or is dropped when it does not start.
pub(super) async fn keep_ingest(hub: Arc<Hub>, first: oneshot::Sender<()>) {
    let latch_of = |tenant: &TenantId| {
        (
            tenant.clone(),
            hub.context
                .readiness
                .latch(format!("broker session {tenant}")),
        )
    };
    let latches: BTreeMap<TenantId, Latch> = hub.lanes.keys().map(latch_of).collect();
    let mut first = Some(first);
    let mut restarts = Restarts::new();
    while let Some(mut process) = start(&hub, "ingest").await {
        restarts.begin();
        let pipe = process.pipe.clone();
        pipe.send(
            &ToIngest::Setup(Box::new(hub.config.ingest_setup(hub.users))),
            b"",
        )
        .await;
        hub.ingest.set(Some(pipe));
        if hub.config.share.leases {
            // Nothing is missing until there is a lease.
            latches.values().for_each(Latch::set);
        }
        while let Some(frame) = next(&hub, &mut process).await {
            if let Some(first) = first.take() {
                // The start may have been given up.
                let _ = first.send(());
            }
            from_ingest(&hub, frame, &latches).await;
        }
        hub.ingest.set(None);
        hub.egress.send(&ToEgress::RequestsLost, b"").await;
        for (tenant, latch) in &latches {
            latch.unset();
            session(&hub, tenant, false);
            lease(&hub, tenant, false);
        }
        if !ended(&hub, "ingest", process, first.is_some(), &mut restarts).await {
            return;
        }
    }
}

async fn from_egress(hub: &Hub, frame: Frame<FromEgress>, listening: &mut impl FnMut(SocketAddr)) {
    match frame.head {
        FromEgress::Confined(layers) => hub.confinement.reached("egress", layers),
        FromEgress::Listening(addr) => listening(addr),
        FromEgress::Call { call, verb } => {
            if !hub
                .ingest
                .send(&ToIngest::Call { call, verb }, &frame.body)
                .await
            {
                let detail = "the sanitizer has no session with the broker".to_owned();
                // The ingest process is being started again.
                let outcome = Outcome {
                    call,
                    status: no_session_status(verb),
                    class: Some(FailureClass::Offline),
                    detail,
                };
                hub.egress.send(&ToEgress::Outcome(outcome), b"").await;
            }
        }
        FromEgress::Freed { tenant, bytes } => {
            if let Some(lane) = hub.lanes.get(&tenant) {
                // A lane only ends with the whole.
                let _ = lane.events.send(LaneEvent::Freed(bytes)).await;
            }
        }
        FromEgress::Counters(counters) => publish(hub, counters),
    }
}

/// What says to the centre that nobody can be reached just now: of a request, that another sanitizer may take it.
fn no_session_status(verb: CallVerb) -> u16 {
    match verb {
        CallVerb::Requests => NO_SESSION_STATUS,
        _ => 503,
    }
}

async fn from_ingest(hub: &Hub, frame: Frame<FromIngest>, latches: &BTreeMap<TenantId, Latch>) {
    match frame.head {
        FromIngest::Message(work) => {
            if let Some(lane) = hub.lanes.get(&work.tenant) {
                // A lane only ends with the whole.
                let _ = lane
                    .events
                    .send(LaneEvent::Work(Item {
                        work,
                        payload: frame.body,
                        suspect: false,
                    }))
                    .await;
            }
        }
        FromIngest::Confined(layers) => hub.confinement.reached("ingest", layers),
        FromIngest::Session { tenant, up } => {
            if let Some(latch) = latches.get(&tenant) {
                if up {
                    latch.set()
                } else {
                    latch.unset()
                }
                session(hub, &tenant, up);
            }
        }
        FromIngest::Lease { tenant, held } => {
            if let Some(latch) = latches.get(&tenant) {
                // A session that is leased is wanted, any other is not missed.
                if held {
                    latch.unset()
                } else {
                    latch.set()
                }
                lease(hub, &tenant, held);
            }
        }
        FromIngest::Outcome(outcome) => {
            hub.egress
                .send(&ToEgress::Outcome(outcome), &frame.body)
                .await;
        }
        FromIngest::Counters(counters) => publish(hub, counters),
    }
}

fn session(hub: &Hub, tenant: &TenantId, up: bool) {
    let lane = hub.lanes.get(tenant);
    if lane.is_some_and(|lane| lane.stats.session_up.swap(up, Ordering::Relaxed) != up) {
        let action = if up { "session.open" } else { "session.close" };
        hub.note(action, "", tenant.as_str());
    }
}

fn lease(hub: &Hub, tenant: &TenantId, held: bool) {
    if let Some(lane) = hub.lanes.get(tenant)
        && lane.stats.leased.swap(held, Ordering::Relaxed) != held
    {
        let action = if held { "lease.begin" } else { "lease.end" };
        hub.note(action, "", tenant.as_str());
    }
    let held = hub.lanes.values().map(|lane| &lane.stats.leased);
    let held = held.filter(|leased| leased.load(Ordering::Relaxed)).count();
    metrics::gauge!("spokegate_sanitizer_leases")
        .set(f64::from(u32::try_from(held).unwrap_or(u32::MAX)));
}

fn publish(hub: &Hub, counters: BTreeMap<String, u64>) {
    let mut shown = hub.counters.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, value) in counters {
        metrics::counter!(format!("spokegate_sanitizer_{name}_total")).absolute(value);
        shown.insert(name, value);
    }
}

async fn start(hub: &Hub, verb: &'static str) -> Option<Process> {
    let user = if verb == "egress" {
        hub.users.egress
    } else {
        hub.users.ingest
    };
    let tasks = &hub.context.tasks;
    let third = Stdio::inherit();
    let wide = process::pipe_bytes(1);
    match Process::start(&hub.program, &[verb], user, third, wide, tasks) {
        Ok(process) => Some(process),
        Err(error) => {
            tracing::error!(verb, %error, "cannot start a process");
            hub.context.tasks.soft().cancel();
            None
        }
    }
}

/// The next frame; nothing when the process has ended or the stop has come.
async fn next<H: DeserializeOwned>(hub: &Hub, process: &mut Process) -> Option<Frame<H>> {
    let soft = hub.context.tasks.soft();
    match soft.run_until_cancelled(process.frames.next::<H>()).await? {
        Ok(frame) => frame,
        Err(error) => {
            tracing::error!(%error, "a process wrote no frame");
            None
        }
    }
}

/// Buries a process; false when it is not to be started again.
async fn ended(
    hub: &Hub,
    verb: &'static str,
    process: Process,
    never_ran: bool,
    restarts: &mut Restarts,
) -> bool {
    let Process {
        mut child,
        pipe,
        frames,
    } = process;
    drop((pipe, frames));
    let status = match tokio::time::timeout(END_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => child.kill().await.and(child.wait().await),
    };
    if hub.context.tasks.soft().is_cancelled() || never_ran {
        return false;
    }
    let delay = restarts.delay();
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    hub.note("stage.end", &status, verb);
    tracing::error!(verb, status, "a process ended and is started again");
    hub.context
        .tasks
        .soft()
        .run_until_cancelled(tokio::time::sleep(delay))
        .await
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lives_are_followed_by_longer_waits_and_a_long_one_is_not() {
        let check = |restarts: &mut Restarts, life_ms: u64, most_ms: u64| {
            let delay = restarts.delay_after(Duration::from_millis(life_ms));
            let within = Duration::from_millis(most_ms / 2)..=Duration::from_millis(most_ms);
            assert!(within.contains(&delay), "{delay:?} is not in {within:?}");
        };
        let mut restarts = Restarts::new();
        for most_ms in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            check(&mut restarts, 9_999, most_ms);
        }
        check(&mut restarts, 10_000, 100);
        check(&mut restarts, 0, 200);
    }
}
