//! One tenant floods at its quota; what do the others notice?

use std::time::Duration;

use anyhow::Context as _;
use bytes::BytesMut;
use tokio::task::JoinSet;

use super::authority::Authority;
use super::client::{Client, Packet, puback, publish};
use super::round_trip::{pairs, percentile, trips};
use super::servers::{Server, Tenant, tenants};
use super::{Both, Effort, SIDES};
use crate::rows::Row;

/// Tenants that are measured.
const QUIET: usize = 20;
/// Their round trips a second, all together.
const PER_S: f64 = 400.0;
/// The flooding tenant's satellites.
const FLOODING: usize = 5;
/// Messages a second and identity: the default quota, which here is written down.
const QUOTAS: &str = "messages_per_s = 2000\n";
/// Messages a second that a flooding satellite offers, which is twice what the quota lets through.
const OFFERED_PER_S: u32 = 4_000;
/// Messages that it sends at once.
const BURST: u16 = 40;
/// Bytes of one.
const BYTES: usize = 1_024;
/// Rounds of stretches on one server: each kind comes first once.
const ROUNDS: usize = 3;
/// Until all are in and the flood stands, or the last one has ebbed away.
const RISE: Duration = Duration::from_millis(500);

/// What is at work beside the tenants that are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// Nothing.
    Nobody,
    /// The flood, at a second server of the same kind: the generator and a server share the machine all the same.
    FloodElsewhere,
    /// The flood, at the server that is measured.
    FloodHere,
}

const KINDS: [Beside; 3] = [Beside::Nobody, Beside::FloodElsewhere, Beside::FloodHere];

/// The others' 99th percentile with the flood, over that without, and over that with the same flood at another server: only
/// the last leaves out what the generator takes of a machine that it shares with the server. Stretches of all kinds lie
/// side by side on one server and take turns in coming first: what the machine does besides falls on all alike, and the
/// median over all of them forgets the stretches on which it fell alone.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<Vec<Row>> {
    let mut all = tenants(QUIET, 1);
    all.push(Tenant {
        name: "noisy".to_owned(),
        satellites: FLOODING,
    });
    let (mut calm, mut flooded) = (Both::default(), Both::default());
    let (mut to_calm, mut to_elsewhere) = (Both::default(), Both::default());
    for _ in 0..effort.runs {
        for kind in SIDES {
            let hall = Hall {
                here: Server::with_quotas(kind, authority, &all, QUOTAS).await?,
                elsewhere: Server::with_quotas(kind, authority, &all, QUOTAS).await?,
                authority,
                quiet: &all[..QUIET],
                length: effort.stretch,
            };
            for round in 0..ROUNDS {
                let mut p99 = [0.0; KINDS.len()];
                for turn in 0..KINDS.len() {
                    let at = (round + turn) % KINDS.len();
                    p99[at] = hall.stretch(KINDS[at]).await?;
                }
                let [nobody, elsewhere, here] = p99;
                calm.add(kind, nobody);
                flooded.add(kind, here);
                to_calm.add(kind, here / nobody);
                to_elsewhere.add(kind, here / elsewhere);
            }
        }
    }
    let name = "round trip of 20 tenants, p99";
    Ok(vec![
        calm.row(format!("{name}, alone"), "ms, less is better"),
        flooded.row(
            format!("{name}, beside a tenant that floods"),
            "ms, less is better",
        ),
        to_calm.row(
            format!("{name}, with the flood ÷ without"),
            "less is better",
        ),
        to_elsewhere.row(
            format!("{name}, with the flood ÷ with it at another server beside"),
            "less is better",
        ),
    ])
}

/// Two servers and who is measured at one of them.
struct Hall<'a> {
    here: Server,
    elsewhere: Server,
    authority: &'a Authority,
    quiet: &'a [Tenant],
    length: Duration,
}

impl Hall<'_> {
    /// The 99th percentile of one stretch; a flood must hold out to its end.
    async fn stretch(&self, beside: Beside) -> anyhow::Result<f64> {
        let mut flood = match beside {
            Beside::Nobody => JoinSet::new(),
            Beside::FloodElsewhere => flood(&self.elsewhere, self.authority).await?,
            Beside::FloodHere => flood(&self.here, self.authority).await?,
        };
        let pairs = pairs(&self.here, self.authority, self.quiet).await?;
        tokio::time::sleep(RISE).await;
        let times = trips(pairs, PER_S, self.length).await?;
        if let Some(ended) = flood.try_join_next() {
            ended.context("the flood broke off")??;
        }
        flood.shutdown().await;
        Ok(percentile(&times, 99))
    }
}

async fn flood(
    server: &Server,
    authority: &Authority,
) -> anyhow::Result<JoinSet<anyhow::Result<()>>> {
    let mut flood = JoinSet::new();
    let mut sanitizer = Client::connect(server.addr(), &authority.sanitizer("noisy")?).await?;
    sanitizer.subscribe("sg/1/noisy/+/up/#").await?;
    flood.spawn(take(sanitizer));
    for number in 0..FLOODING {
        let identity = authority.satellite("noisy", &format!("s{number}"))?;
        let client = Client::connect(server.addr(), &identity).await?;
        flood.spawn(pour(
            client,
            format!("sg/1/noisy/s{number}/up/push/devices"),
        ));
    }
    Ok(flood)
}

/// Offers messages at a fixed rate, however late they are taken.
async fn pour(mut client: Client, topic: String) -> anyhow::Result<()> {
    let mut burst = BytesMut::new();
    for id in 1..=BURST {
        burst.extend_from_slice(&publish(&topic, id, &[0x33; BYTES])?);
    }
    let mut ticks =
        tokio::time::interval(Duration::from_secs(1) / OFFERED_PER_S * u32::from(BURST));
    loop {
        ticks.tick().await;
        client.send(&burst).await?;
        let mut open = BURST;
        while open > 0 {
            open -= u16::from(client.next().await? == Packet::Puback);
        }
    }
}

async fn take(mut client: Client) -> anyhow::Result<()> {
    let mut answers = BytesMut::new();
    loop {
        client.fill().await?;
        while let Some(packet) = client.next_now()? {
            if let Packet::Publish(Some(id), _) = packet {
                answers.extend_from_slice(&puback(id));
            }
        }
        client.send(&answers).await?;
        answers.clear();
    }
}
