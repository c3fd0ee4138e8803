//! A thousand sessions at once, from TCP to CONNACK.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::authority::{Authority, Identity};
use super::client::Client;
use super::servers::{Server, Tenant, tenants};
use super::{Both, Effort, SIDES};
use crate::memory::cpu_ms;
use crate::rows::Row;

/// Tenants, and satellites of each.
const SHAPE: (usize, usize) = (40, 25);
/// Connections on their way at once: as many as Mosquitto lets wait to be accepted, beyond which the kernel drops them
/// and the client tries again after a second.
const AT_ONCE: usize = 100;

/// The rate of admission, and what each costs the server.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<[Row; 2]> {
    let tenants = tenants(SHAPE.0, SHAPE.1);
    let identities = identities(authority, &tenants)?;
    let (mut both, mut cost) = (Both::default(), Both::default());
    for _ in 0..effort.runs {
        for kind in SIDES {
            let server = Server::start(kind, authority, &tenants).await?;
            let (started, before) = (Instant::now(), cpu_ms(server.id()));
            let clients = all(&server, &identities, false).await?;
            both.add(kind, clients.len() as f64 / started.elapsed().as_secs_f64());
            cost.add(kind, (cpu_ms(server.id()) - before) / clients.len() as f64);
        }
    }
    let name = format!("admitting {} sessions at once", SHAPE.0 * SHAPE.1);
    let per_session = format!("{name}, processor time of each");
    Ok([
        both.row(name, "sessions per second, more is better"),
        cost.row(per_session, "ms, less is better"),
    ])
}

/// A satellite and the filter of what it is sent.
#[derive(Debug, Clone)]
pub(super) struct Satellite {
    identity: Identity,
    filter: String,
}

/// Certificates for all satellites.
pub(super) fn identities(
    authority: &Authority,
    tenants: &[Tenant],
) -> anyhow::Result<Vec<Satellite>> {
    let mut all = Vec::new();
    for tenant in tenants {
        for number in 0..tenant.satellites {
            let (name, satellite) = (&tenant.name, format!("s{number}"));
            all.push(Satellite {
                identity: authority.satellite(name, &satellite)?,
                filter: format!("sg/1/{name}/{satellite}/down/#"),
            });
        }
    }
    Ok(all)
}

/// Connects all of them, [`AT_ONCE`] at once; with `subscribed` they subscribe as well.
pub(super) async fn all(
    server: &Server,
    satellites: &[Satellite],
    subscribed: bool,
) -> anyhow::Result<Vec<Client>> {
    let (addr, mut entering) = (server.addr(), JoinSet::new());
    let on_their_way = Arc::new(Semaphore::new(AT_ONCE));
    for satellite in satellites.iter().cloned() {
        let on_their_way = Arc::clone(&on_their_way);
        entering.spawn(async move {
            let _turn = on_their_way.acquire().await.context("wait for a turn")?;
            let mut client = Client::connect(addr, &satellite.identity).await?;
            if subscribed {
                client.subscribe(&satellite.filter).await?;
            }
            anyhow::Ok(client)
        });
    }
    let mut clients = Vec::with_capacity(satellites.len());
    while let Some(client) = entering.join_next().await {
        clients.push(client.context("a client broke off")??);
    }
    Ok(clients)
}
