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
/// Stretches of each kind on one server; an even number, so that each comes first as often.
const STRETCHES: usize = 6;
/// Until all are in and the flood stands, or the last one has ebbed away.
const RISE: Duration = Duration::from_millis(500);

/// The others' 99th percentile with the flood, over that without. Stretches with and without lie side by side on one
/// server, in turn one or the other first: what the machine does beside falls on both alike, and the median over all of
/// them forgets the stretches on which it fell alone.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<Vec<Row>> {
    let mut all = tenants(QUIET, 1);
    all.push(Tenant {
        name: "noisy".to_owned(),
        satellites: FLOODING,
    });
    let (mut calm, mut flooded) = (Both::default(), Both::default());
    let mut ratio = Both::default();
    for _ in 0..effort.runs {
        for kind in SIDES {
            let server = Server::with_quotas(kind, authority, &all, QUOTAS).await?;
            let hall = Hall {
                server,
                authority,
                quiet: &all[..QUIET],
                length: effort.stretch,
            };
            for number in 0..STRETCHES {
                let (before, during) = if number % 2 == 0 {
                    let before = hall.calm().await?;
                    (before, hall.flooded().await?)
                } else {
                    let during = hall.flooded().await?;
                    (hall.calm().await?, during)
                };
                calm.add(kind, before);
                flooded.add(kind, during);
                ratio.add(kind, during / before);
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
        ratio.row(
            format!("{name}, with the flood ÷ without"),
            "less is better",
        ),
    ])
}

/// One server and who is measured there.
struct Hall<'a> {
    server: Server,
    authority: &'a Authority,
    quiet: &'a [Tenant],
    length: Duration,
}

impl Hall<'_> {
    /// The 99th percentile of one stretch.
    async fn calm(&self) -> anyhow::Result<f64> {
        let pairs = pairs(&self.server, self.authority, self.quiet).await?;
        tokio::time::sleep(RISE).await;
        let times = trips(pairs, PER_S, self.length).await?;
        Ok(percentile(&times, 99))
    }

    /// The same beside the flood, which must hold out to the end.
    async fn flooded(&self) -> anyhow::Result<f64> {
        let mut flood = flood(&self.server, self.authority).await?;
        let p99 = self.calm().await?;
        if let Some(ended) = flood.try_join_next() {
            ended.context("the flood broke off")??;
        }
        flood.shutdown().await;
        Ok(p99)
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
