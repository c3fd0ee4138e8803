//! A request from each tenant's sanitizer session to its satellite, and the answer back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use super::authority::Authority;
use super::client::{Client, publish};
use super::servers::{Server, Tenant, tenants};
use super::{Both, Effort, SIDES};
use crate::rows::Row;

/// Bytes of requests and answers; presence messages are shorter.
pub(super) const BYTES: usize = 256;
/// At least so many round trips are behind a 99th percentile.
const TRIPS_MIN: f64 = 1_500.0;

/// Median and 99th percentile at two numbers of tenants.
pub(super) async fn measure(effort: &Effort, authority: &Authority) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (count, per_s) in [(50, 200.0), (200, 400.0)] {
        let tenants = tenants(count, 1);
        let (mut median, mut tail) = (Both::default(), Both::default());
        let length = effort
            .stretch
            .max(Duration::from_secs_f64(TRIPS_MIN / per_s));
        for _ in 0..effort.runs {
            for kind in SIDES {
                let server = Server::start(kind, authority, &tenants).await?;
                let pairs = pairs(&server, authority, &tenants).await?;
                let times = trips(pairs, per_s, length).await?;
                median.add(kind, percentile(&times, 50));
                tail.add(kind, percentile(&times, 99));
            }
        }
        let name = format!("round trip, {count} tenants, {per_s} per second");
        rows.push(median.row(format!("{name}, p50"), "ms, less is better"));
        rows.push(tail.row(format!("{name}, p99"), "ms, less is better"));
    }
    Ok(rows)
}

/// One tenant's two ends.
pub(super) struct Pair {
    sanitizer: Client,
    satellite: Client,
    tenant: String,
}

/// Connects both ends of each tenant.
pub(super) async fn pairs(
    server: &Server,
    authority: &Authority,
    tenants: &[Tenant],
) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for tenant in tenants {
        let name = &tenant.name;
        let mut sanitizer = Client::connect(server.addr(), &authority.sanitizer(name)?).await?;
        sanitizer.subscribe(&format!("sg/1/{name}/+/up/#")).await?;
        let identity = authority.satellite(name, "s0")?;
        let mut satellite = Client::connect(server.addr(), &identity).await?;
        satellite
            .subscribe(&format!("sg/1/{name}/s0/down/#"))
            .await?;
        pairs.push(Pair {
            sanitizer,
            satellite,
            tenant: name.clone(),
        });
    }
    Ok(pairs)
}

/// Round trips in milliseconds, sorted: `per_s` in all, spread evenly over the tenants.
pub(super) async fn trips(
    pairs: Vec<Pair>,
    per_s: f64,
    length: Duration,
) -> anyhow::Result<Vec<f64>> {
    let count = pairs.len() as f64;
    let pause = Duration::from_secs_f64(count / per_s);
    let mut satellites = JoinSet::new();
    let mut sanitizers = JoinSet::new();
    let started = Instant::now();
    for (number, pair) in pairs.into_iter().enumerate() {
        let tenant: Arc<str> = pair.tenant.into();
        satellites.spawn(answer(pair.satellite, Arc::clone(&tenant)));
        let first = started + Duration::from_secs_f64(number as f64 / per_s);
        sanitizers.spawn(ask(
            pair.sanitizer,
            tenant,
            (first, pause),
            started + length,
        ));
    }
    let mut times = Vec::new();
    while let Some(asked) = sanitizers.join_next().await {
        times.extend(asked.context("a sanitizer session broke off")??);
    }
    satellites.shutdown().await;
    times.sort_by(f64::total_cmp);
    Ok(times)
}

async fn ask(
    mut client: Client,
    tenant: Arc<str>,
    (mut next, pause): (Instant, Duration),
    end: Instant,
) -> anyhow::Result<Vec<f64>> {
    let topic = format!("sg/1/{tenant}/s0/down/pull/devices");
    let mut times = Vec::new();
    for id in 1.. {
        tokio::time::sleep_until(next.into()).await;
        if next >= end {
            break;
        }
        let request = publish(&topic, id, &[0x11; BYTES])?;
        let started = Instant::now();
        client.send(&request).await?;
        client.message(BYTES).await?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        next += pause;
    }
    Ok(times)
}

async fn answer(mut client: Client, tenant: Arc<str>) -> anyhow::Result<()> {
    let topic = format!("sg/1/{tenant}/s0/up/reply");
    let reply = publish(&topic, 1, &[0x22; BYTES])?;
    loop {
        client.message(BYTES).await?;
        client.send(&reply).await?;
    }
}

/// Of sorted numbers.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_sorted_numbers() {
        let hundred: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(
            (percentile(&hundred, 50), percentile(&hundred, 99)),
            (50.0, 99.0)
        );
        assert!(percentile(&[], 50).is_nan());
    }
}
