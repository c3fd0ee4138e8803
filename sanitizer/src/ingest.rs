//! The ingest process: one MQTT session per tenant, and the checks that need no look into a body.

mod bucket;
mod calls;
mod counters;
mod handed;
mod heartbeats;
mod intake;
mod leases;
mod mqtt;
mod reach;
mod requests;
mod session;

use crate::link::{CallVerb, FromIngest, ToIngest};
use crate::sandbox::{self, Direction, Layers};
use crate::setup::{IngestSetup, SessionMode};
use crate::stdio;
use anyhow::{Context as _, bail};
use calls::Calls;
use counters::Counters;
use leases::Leases;
use mqtt::{Dial, Switchboard};
use rustls::ClientConfig;
use session::{Done, SessionEvent};
use spokegate_contract::TenantId;
use spokegate_daemon::{Context, Watched, run_until_signal};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Calls and acknowledgements that wait for a session; further calls are refused, acks repeat by themselves.
const SESSION_EVENTS: usize = 1024;
/// Messages that have left a lane and whose session has not heard of it. A lane has fewer (its window's backstop), so
/// none is lost.
const DONE_MESSAGES: usize = 4096;
/// Time between two reports of the counters.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the ingest process until its standard input ends.
#[must_use]
pub(crate) fn main() -> ExitCode {
    match begin() {
        Ok(Some((setup, layers))) => {
            run_until_signal("sanitizer-ingest", |context| run(context, setup, layers))
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the ingest process did not start"
            );
            ExitCode::FAILURE
        }
    }
}

/// Learns its part of the configuration and closes its confinement, which must come before the first further thread.
pub(crate) fn begin() -> anyhow::Result<Option<(IngestSetup, Layers)>> {
    let setup = match stdio::first_frame()? {
        Some(ToIngest::Setup(setup)) => *setup,
        Some(_) => bail!("the first frame is no set-up"),
        None => return Ok(None),
    };
    setup.log.init();
    let layers = sandbox::enter_stage(&setup.stage, &reach::of(&setup), Direction::Out)?;
    Ok(Some((setup, layers)))
}

async fn run(context: Context, setup: IngestSetup, layers: Layers) -> anyhow::Result<()> {
    let (mut input, out) =
        stdio::open(&context.tasks).context("open the pipes of the supervisor")?;
    out.send(&FromIngest::Confined(layers), b"").await;
    let counters = Arc::new(Counters::default());
    let (dial, tls) = dial(&setup, &context, &counters)?;
    let mut leases = Leases::new(&setup, context.clock.now_ms());
    let links = session::Links {
        context: context.clone(),
        out: out.clone(),
        counters: Arc::clone(&counters),
    };
    let (sessions, lanes) = start_sessions(&setup, &dial, &links, &leases);
    let calls = Calls::open(&setup.schemas)?;
    context.tasks.spawn(
        "counters",
        report(Arc::clone(&counters), out.clone(), context.clone()),
    );
    let soft = context.tasks.soft();
    while let Some(frame) = soft.run_until_cancelled(input.next::<ToIngest>()).await {
        let Some(frame) = frame? else { break };
        match frame.head {
            ToIngest::Setup(_) => bail!("a second set-up"),
            ToIngest::Reload => tls.ask(),
            ToIngest::Done {
                tenant,
                token,
                refused,
            } => {
                let done = Done { token, refused };
                let heard = lanes
                    .get(&tenant)
                    .is_some_and(|lane| lane.try_send(done).is_ok());
                if !heard {
                    tracing::error!(tenant.id = %tenant, "a session did not hear that its lane has room");
                }
            }
            ToIngest::Call {
                call,
                verb: CallVerb::Leases(holder),
            } => {
                let now_ms = context.clock.monotonic_ms();
                let (outcome, answer) = leases.call(call, holder, &frame.body, now_ms);
                out.try_send(&FromIngest::Outcome(outcome), &answer);
            }
            ToIngest::Call { call, verb } => {
                let now_ms = context.clock.now_ms();
                if let Some(outcome) = calls.take(call, verb, &frame.body, now_ms, &sessions) {
                    if outcome.class.is_some() && verb == CallVerb::Requests {
                        counters.add("requests_refused");
                    }
                    out.try_send(&FromIngest::Outcome(outcome), b"");
                }
            }
        }
    }
    Ok(())
}

/// How sessions get their connections, and the TLS files of these.
fn dial(
    setup: &IngestSetup,
    context: &Context,
    counters: &Arc<Counters>,
) -> anyhow::Result<(Dial, Arc<Watched<ClientConfig>>)> {
    let endpoint = mqtt::Endpoint::new(setup)?;
    let tls = Arc::clone(endpoint.tls());
    let watch = Arc::clone(&tls).watch("TLS of the first hop", context.clone());
    context.tasks.spawn("TLS files", watch);
    let dial = match setup.sessions {
        SessionMode::PerTenant => Dial::PerTenant(endpoint),
        SessionMode::Single => {
            let counters = Arc::clone(counters);
            Dial::Single(Switchboard::start(
                endpoint,
                context,
                counters,
                setup.leases,
            ))
        }
    };
    Ok((dial, tls))
}

fn start_sessions(
    setup: &IngestSetup,
    dial: &Dial,
    links: &session::Links,
    leases: &Leases,
) -> (Sessions, Lanes) {
    let (mut sessions, mut lanes) = (BTreeMap::new(), BTreeMap::new());
    for tenant in &setup.tenants {
        let (sender, receiver) = mpsc::channel(SESSION_EVENTS);
        let (done, when_done) = mpsc::channel(DONE_MESSAGES);
        let Some(lease) = leases.end_of(tenant) else {
            continue;
        };
        let session = session::Session::new(tenant.clone(), setup, dial.clone(), links.clone());
        let run = session.run(receiver, when_done, lease);
        links.context.tasks.spawn("session", run);
        sessions.insert(tenant.clone(), sender);
        lanes.insert(tenant.clone(), done);
    }
    (sessions, lanes)
}

/// The sessions by tenant.
type Sessions = BTreeMap<TenantId, mpsc::Sender<SessionEvent>>;

/// Where it is told, by tenant, that a message has left the lane.
type Lanes = BTreeMap<TenantId, mpsc::Sender<Done>>;

async fn report(counters: Arc<Counters>, out: stdio::Out, context: Context) {
    let soft = context.tasks.soft();
    let mut timer = tokio::time::interval(COUNTERS_INTERVAL);
    while soft.run_until_cancelled(timer.tick()).await.is_some() {
        out.send(&FromIngest::Counters(counters.snapshot()), b"")
            .await;
    }
}
