//! What sessions cost that do nothing: memory each, and all of an installation's together.

use std::time::{Duration, Instant};

use spokegate_daemon::cli::tell;

use super::admission::{all, identities};
use super::authority::Authority;
use super::servers::{Kind, Server, tenants};
use super::{Both, Effort, SIDES};
use crate::figures::Samples;
use crate::memory::{cpu_ms, open_files, resident_kib};
use crate::rows::Row;

/// Tenants, and satellites of each, in the figure of one session's memory.
const SHAPE: (usize, usize) = (60, 25);
/// Satellites of one tenant in the figure of a whole installation.
const PER_TENANT: usize = 5;
/// Until the server has settled.
const SETTLE: Duration = Duration::from_secs(2);
/// How long an idle server's processor time is watched.
const WATCH: Duration = Duration::from_secs(10);

/// Resident memory per idle session with one subscription.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<Row> {
    let tenants = tenants(SHAPE.0, SHAPE.1);
    let satellites = identities(authority, &tenants)?;
    let mut both = Both::default();
    for _ in 0..effort.runs {
        for kind in SIDES {
            let server = Server::start(kind, authority, &tenants).await?;
            let before = resident_kib(server.id());
            let clients = all(&server, &satellites, true).await?;
            tokio::time::sleep(SETTLE).await;
            let more = resident_kib(server.id()) - before;
            both.add(kind, more * 1.024 / clients.len() as f64);
        }
    }
    let name = format!("memory per idle session, {} sessions", SHAPE.0 * SHAPE.1);
    Ok(both.row(name, "KB, less is better"))
}

/// A whole installation's satellites on one broker.
pub(super) async fn whole(effort: &Effort, authority: &Authority) -> anyhow::Result<Vec<Row>> {
    let tenants = tenants(effort.satellites / PER_TENANT, PER_TENANT);
    let satellites = identities(authority, &tenants)?;
    let (mut memory, mut files) = (Samples::default(), Samples::default());
    let (mut time, mut processor) = (Samples::default(), Samples::default());
    let server = Server::start(Kind::Ours, authority, &tenants).await?;
    let started = Instant::now();
    let clients = all(&server, &satellites, true).await?;
    time.add_number(started.elapsed().as_secs_f64());
    tokio::time::sleep(SETTLE).await;
    let before = cpu_ms(server.id());
    tokio::time::sleep(WATCH).await;
    processor.add_number((cpu_ms(server.id()) - before) / WATCH.as_secs_f64() / 10.0);
    memory.add_number(resident_kib(server.id()) / 1_024.0);
    files.add_number(open_files(server.id()) as f64);
    let name = format!("{} satellites of {} tenants", clients.len(), tenants.len());
    tell(&name);
    Ok(vec![
        Row::alone(
            format!("{name}, until all are in"),
            &time,
            "s, less is better",
        ),
        Row::alone(
            format!("{name}, resident memory"),
            &memory,
            "MiB, less is better",
        ),
        Row::alone(format!("{name}, open files"), &files, "descriptors"),
        Row::alone(
            format!("{name}, processor while idle"),
            &processor,
            "% of one core, less is better",
        ),
    ])
}
