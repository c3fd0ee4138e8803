//! Many satellites publish with QoS 1 as fast as they are acknowledged; a sanitizer session per tenant takes it all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use tokio::task::JoinSet;

use super::authority::Authority;
use super::client::{Client, Packet, puback, publish};
use super::servers::{Server, Tenant, tenants};
use super::{Both, Effort, SIDES};
use crate::memory::cpu_ms;
use crate::rows::Row;

/// Messages of a publisher that are not acknowledged.
const WINDOW: u16 = 20;
/// Satellites of one tenant.
const PER_TENANT: usize = 5;
/// Longest wait for what is under way after the last message was sent.
const DRAIN: Duration = Duration::from_secs(60);

/// Rates at two sizes of message and two numbers of publishers.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (bytes, size) in [(256, "256 B"), (16_384, "16 KiB")] {
        for publishers in [50, 200] {
            let tenants = tenants(publishers / PER_TENANT, PER_TENANT);
            let (mut both, mut cost) = (Both::default(), Both::default());
            for _ in 0..effort.runs {
                for kind in SIDES {
                    let server = Server::start(kind, authority, &tenants).await?;
                    let done = stretch(&server, authority, &tenants, (bytes, effort.stretch));
                    let done = done.await.with_context(|| format!("{kind:?}"))?;
                    both.add(kind, done.per_s);
                    cost.add(kind, done.cpu_us);
                }
            }
            let name = format!("fan-in, QoS 1, {size}, {publishers} publishers");
            let per_message = format!("{name}, processor time of each");
            rows.push(both.row(name, "messages per second, more is better"));
            rows.push(cost.row(per_message, "µs, less is better"));
        }
    }
    Ok(rows)
}

/// What publishers and subscribers of one stretch share.
#[derive(Debug, Default)]
struct Tally {
    stop: AtomicBool,
    published: AtomicU64,
    delivered: AtomicU64,
}

/// What one stretch came to.
struct Done {
    per_s: f64,
    /// The server's, per message.
    cpu_us: f64,
}

/// Messages delivered per second, from the first one sent to the last one delivered; all must be.
async fn stretch(
    server: &Server,
    authority: &Authority,
    tenants: &[Tenant],
    (bytes, length): (usize, Duration),
) -> anyhow::Result<Done> {
    let tally = Arc::new(Tally::default());
    let mut subscribers = JoinSet::new();
    let mut publishers = JoinSet::new();
    let mut ready = Vec::new();
    for tenant in tenants {
        let name = &tenant.name;
        let mut sanitizer = Client::connect(server.addr(), &authority.sanitizer(name)?).await?;
        sanitizer.subscribe(&format!("sg/1/{name}/+/up/#")).await?;
        subscribers.spawn(subscriber(sanitizer, bytes, Arc::clone(&tally)));
        for number in 0..tenant.satellites {
            let identity = authority.satellite(name, &format!("s{number}"))?;
            let client = Client::connect(server.addr(), &identity).await?;
            ready.push((client, format!("sg/1/{name}/s{number}/up/push/devices")));
        }
    }
    let (started, before_ms) = (Instant::now(), cpu_ms(server.id()));
    for (client, topic) in ready {
        publishers.spawn(publisher(client, topic, bytes, Arc::clone(&tally)));
    }
    tokio::time::sleep(length).await;
    tally.stop.store(true, Ordering::Relaxed);
    while let Some(publisher) = publishers.join_next().await {
        publisher.context("a publisher broke off")??;
    }
    let published = tally.published.load(Ordering::SeqCst);
    let drained = async {
        while tally.delivered.load(Ordering::SeqCst) < published {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DRAIN, drained)
        .await
        .with_context(|| format!("{:?}", tally))
        .context("not all messages were delivered")?;
    let elapsed = started.elapsed();
    subscribers.shutdown().await;
    ensure!(published > 0, "nothing was published");
    let published = published as f64;
    Ok(Done {
        per_s: published / elapsed.as_secs_f64(),
        cpu_us: (cpu_ms(server.id()) - before_ms) * 1_000.0 / published,
    })
}

async fn publisher(
    mut client: Client,
    topic: String,
    bytes: usize,
    tally: Arc<Tally>,
) -> anyhow::Result<()> {
    let payload = vec![0x5a; bytes];
    let mut window = Vec::new();
    for id in 1..=WINDOW {
        window.extend_from_slice(&publish(&topic, id, &payload)?);
    }
    let packet = window.len() / usize::from(WINDOW);
    // Twice, so that any run of packets that may be sent lies in one piece.
    window.extend_from_within(..);
    let (mut sent, mut acknowledged) = (0_u64, 0_u64);
    loop {
        let stop = tally.stop.load(Ordering::Relaxed);
        if stop && acknowledged == sent {
            tally.published.fetch_add(sent, Ordering::SeqCst);
            return Ok(());
        }
        let room = u64::from(WINDOW) - (sent - acknowledged);
        if room > 0 && !stop {
            let from = usize::try_from(sent % u64::from(WINDOW))? * packet;
            let to = from + usize::try_from(room)? * packet;
            client.send(&window[from..to]).await?;
            sent += room;
        }
        client.fill().await?;
        while let Some(answer) = client.next_now()? {
            acknowledged += u64::from(answer == Packet::Puback);
        }
    }
}

async fn subscriber(mut client: Client, bytes: usize, tally: Arc<Tally>) -> anyhow::Result<()> {
    let mut answers = BytesMut::new();
    loop {
        client.fill().await?;
        let mut delivered = 0;
        while let Some(packet) = client.next_now()? {
            if let Packet::Publish(id, payload) = packet {
                delivered += u64::from(payload.len() == bytes);
                answers.extend_from_slice(&puback(id.unwrap_or_default()));
            }
        }
        client.send(&answers).await?;
        answers.clear();
        tally.delivered.fetch_add(delivered, Ordering::SeqCst);
    }
}
