//! The egress process: checks seals and serves the second hop. It never filters.

mod auth;
mod handlers;
mod origin;
mod outbox;
mod shared;
mod shown;
mod trail;

use crate::link::{Frame, FromEgress, ToEgress};
use crate::sandbox::{self, Direction, Layers, Reach};
use crate::seal::MasterKey;
use crate::setup::EgressSetup;
use crate::stdio;
use anyhow::{Context as _, bail};
use rustls::ServerConfig;
use shared::{Audit, Keys, Shared};
use spokegate_contract::{Address, TenantId};
use spokegate_daemon::http::{self, HttpLimits};
use spokegate_daemon::{Context, Watched, run_until_signal};
use spokegate_identity::TrustDomain;
use std::fs::File;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use trail::Trail;

pub(crate) use trail::key as audit_key;

/// Connections of the centre; one per lane and some for calls.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait between two requests on a connection; above the longest poll.
const IDLE_MS: u64 = 60_000;
/// Time between two reports of the counters.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs the egress process until its standard input ends.
#[must_use]
pub(crate) fn main() -> ExitCode {
    match begin() {
        Ok(Some(begun)) => run_until_signal("sanitizer-egress", |context| run(context, begun)),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the egress process did not start"
            );
            ExitCode::FAILURE
        }
    }
}

/// What there is before the runtime: the part of the configuration, the seal keys, the confinement.
pub(crate) struct Begun {
    setup: EgressSetup,
    keys: Keys,
    audit: Audit,
    listener: std::net::TcpListener,
    /// What holds.
    pub layers: Layers,
}

/// Reads the keys and closes the confinement, which must come before the first further thread.
pub(crate) fn begin() -> anyhow::Result<Option<Begun>> {
    let setup = match stdio::first_frame()? {
        Some(ToEgress::Setup(setup)) => *setup,
        Some(_) => bail!("the first frame is no set-up"),
        None => return Ok(None),
    };
    setup.log.init();
    let (keys, audit) = keys(&setup)?;
    let listener = std::net::TcpListener::bind(setup.listen)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .with_context(|| format!("bind the second hop (inner.listen) to {}", setup.listen))?;
    // Seal and audit key are not read again; the TLS files are, and may be other files by then. No further socket is made.
    let reach = Reach {
        read: sandbox::folders_of(&setup.tls),
        ..Reach::default()
    };
    let layers = sandbox::enter_stage(&setup.stage, &reach, Direction::In)?;
    Ok(Some(Begun {
        setup,
        keys,
        audit,
        listener,
        layers,
    }))
}

async fn run(context: Context, begun: Begun) -> anyhow::Result<()> {
    let Begun {
        setup,
        keys,
        audit,
        listener,
        layers,
    } = begun;
    let (mut input, out) =
        stdio::open(&context.tasks).context("open the pipes of the supervisor")?;
    out.send(&FromEgress::Confined(layers), b"").await;
    let trust_domain: TrustDomain = setup.trust_domain.clone().try_into()?;
    let shared = Arc::new(Shared::new(keys, audit, trust_domain, out.clone()));
    shared.begin_audit(context.clock.now_ms());
    let listener = TcpListener::from_std(listener).context("listen on the second hop")?;
    let files = setup.tls.files();
    let load = move || Ok(spokegate_identity::server_config(&files)?);
    let tls = Watched::load(setup.tls.files().paths(), load)
        .context("make the TLS configuration of the second hop (inner.tls)")?;
    let watch = Arc::clone(&tls).watch("TLS of the second hop", context.clone());
    context.tasks.spawn("TLS files", watch);
    let source = Arc::clone(&tls);
    let limits = HttpLimits {
        connections_max: CONNECTIONS_MAX,
        connections_per_address: Some(usize::MAX), // one client, with a certificate
        header_ms: IDLE_MS,
        ..HttpLimits::default()
    };
    let server = http::tls_serve_reloading(
        listener,
        Arc::new(move || source.current()),
        handlers::router(Arc::clone(&shared)),
        limits,
        &context.tasks,
    )?;
    out.send(&FromEgress::Listening(server.addr()), b"").await;
    context
        .tasks
        .spawn("counters", report(Arc::clone(&shared), context.clone()));
    let soft = context.tasks.soft();
    while let Some(frame) = soft.run_until_cancelled(input.next::<ToEgress>()).await {
        // Nothing below waits: what the supervisor sends is always taken.
        let Some(frame) = frame? else {
            break;
        };
        obey(&shared, &tls, frame)?;
    }
    Ok(())
}

fn obey(
    shared: &Shared,
    tls: &Watched<ServerConfig>,
    Frame { head, body }: Frame<ToEgress>,
) -> anyhow::Result<()> {
    match head {
        ToEgress::Record { origin, record } => shared.take(&origin, &record, body),
        ToEgress::Outcome(outcome) => shared.conclude(outcome, body),
        ToEgress::Status => shared.set_status(body),
        ToEgress::Audit(note) => shared.audit(&note),
        ToEgress::RequestsLost => shared.forget_requests(),
        ToEgress::Reload => tls.ask(),
        ToEgress::Setup(_) => bail!("a second set-up"),
    }
    Ok(())
}

/// The seal key of each tenant, and the audit with what seals and signs it.
fn keys(setup: &EgressSetup) -> anyhow::Result<(Keys, Audit)> {
    let path = &setup.seal_key_file;
    let file = File::open(path).with_context(|| format!("open the seal key {}", path.display()))?;
    let master = MasterKey::read(file)?;
    let key = |tenant: &TenantId| (tenant.clone(), master.tenant(tenant));
    let trail = Trail::new(trail::key(setup.audit_key_file.as_deref())?);
    let audit = Audit::new(trail, master.tenant(&Address::egress().tenant));
    Ok((setup.tenants.iter().map(key).collect(), audit))
}

async fn report(shared: Arc<Shared>, context: Context) {
    let soft = context.tasks.soft();
    let mut timer = tokio::time::interval(COUNTERS_INTERVAL);
    while soft.run_until_cancelled(timer.tick()).await.is_some() {
        shared.report();
        shared.sign_audit(context.clock.now_ms());
    }
}
