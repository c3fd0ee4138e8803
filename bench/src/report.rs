//! The suite `report`: whole reports, against two Node-REDs with docxtemplater.

mod ours;
mod peer;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use spokegate_demo::client::Browser;

use crate::figures::Samples;
use crate::memory::{peak_mib, reset_peak};
use crate::rows::Row;
use ours::Ours;
pub(crate) use peer::Peer;

/// Who the peer is.
const PEER: &str = "Node-RED + docxtemplater";

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Sizes of the single reports.
    pub rows: Vec<u32>,
    /// Sizes of the reports under load.
    pub rate_rows: Vec<u32>,
    /// Clients at once under load.
    pub clients: usize,
    /// Length of one stretch under load.
    pub stretch: Duration,
    /// Stretches of each side.
    pub stretches: usize,
    /// Sizes of the pulls whose memory is watched.
    pub pull_rows: Vec<u32>,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            rows: vec![10, 1_000, 10_000, 100_000],
            rate_rows: vec![10, 1_000, 10_000],
            clients: 8,
            stretch: Duration::from_secs(8),
            stretches: 3,
            pull_rows: vec![10, 1_000, 10_000, 100_000],
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        let full = Self::full();
        Self {
            stretch: Duration::from_secs(2),
            stretches: 1,
            ..full
        }
    }
}

/// Measures everything and returns the rows.
pub async fn run(repository: &Path, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let peer = Peer::start(&repository.join("bench/peer"))
        .await
        .context("start the peer")?;
    let mut ours = Ours::start(repository).await?;
    let mut rows = Vec::new();
    for count in &effort.rows {
        let pair = latency(&ours, &peer, *count).await?;
        let name = format!("whole report of {count} rows, one client");
        rows.push(pair.row(name, "ms, less is better"));
    }
    for count in &effort.rate_rows {
        let pair = rate(&ours, &peer, *count, effort).await?;
        let name = format!("reports of {count} rows, {} clients", effort.clients);
        rows.push(pair.row(name, "per second, more is better"));
    }
    for count in &effort.pull_rows {
        rows.extend(pull(&mut ours, *count).await?);
    }
    ours.stop().await;
    Ok(rows)
}

/// Ours and the peer's samples of one figure.
#[derive(Debug, Default)]
struct Pair {
    ours: Samples,
    peer: Samples,
}

impl Pair {
    fn row(&self, name: String, unit: &str) -> Row {
        Row::pair(name, (&self.ours, &self.peer), PEER, unit)
    }
}

/// More repeats for what is quick.
fn repeats(rows: u32) -> usize {
    match rows {
        0..=1_000 => 25,
        1_001..=10_000 => 9,
        _ => 5,
    }
}

async fn latency(ours: &Ours, peer: &Peer, rows: u32) -> anyhow::Result<Pair> {
    let mut browser = ours.browser().await?;
    let mut pair = Pair::default();
    ours::report(&mut browser, rows).await?;
    peer.report(rows).await?;
    for _ in 0..repeats(rows) {
        let start = Instant::now();
        ours::report(&mut browser, rows).await?;
        pair.ours.add(start.elapsed());
        let start = Instant::now();
        peer.report(rows).await?;
        pair.peer.add(start.elapsed());
    }
    Ok(pair)
}

async fn rate(ours: &Ours, peer: &Peer, rows: u32, effort: &Effort) -> anyhow::Result<Pair> {
    let mut pair = Pair::default();
    let mut browsers = Vec::new();
    for _ in 0..effort.clients {
        browsers.push(ours.browser().await?);
    }
    for _ in 0..effort.stretches {
        add_rate(
            &mut pair.ours,
            our_stretch(&mut browsers, rows, effort.stretch),
        )
        .await?;
        add_rate(&mut pair.peer, peer_stretch(peer, rows, effort)).await?;
    }
    Ok(pair)
}

async fn add_rate(
    samples: &mut Samples,
    stretch: impl Future<Output = anyhow::Result<usize>>,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let done = u32::try_from(stretch.await?)?;
    samples.add_number(f64::from(done) / start.elapsed().as_secs_f64());
    Ok(())
}

async fn our_stretch(
    browsers: &mut [Browser],
    rows: u32,
    stretch: Duration,
) -> anyhow::Result<usize> {
    let end = Instant::now() + stretch;
    let client = |browser: &mut Browser| {
        let mut browser = browser.clone();
        async move {
            let mut done = 0;
            while Instant::now() < end {
                ours::report(&mut browser, rows).await?;
                done += 1;
            }
            anyhow::Ok(done)
        }
    };
    sum(browsers.iter_mut().map(client)).await
}

async fn peer_stretch(peer: &Peer, rows: u32, effort: &Effort) -> anyhow::Result<usize> {
    let end = Instant::now() + effort.stretch;
    let client = |_| async move {
        let mut done = 0;
        while Instant::now() < end {
            peer.report(rows).await?;
            done += 1;
        }
        anyhow::Ok(done)
    };
    sum((0..effort.clients).map(client)).await
}

/// Runs all clients at once on this task; each waits for the network nearly all the time.
async fn sum(
    clients: impl Iterator<Item = impl Future<Output = anyhow::Result<usize>>>,
) -> anyhow::Result<usize> {
    let counts = futures_util::future::try_join_all(clients).await?;
    Ok(counts.into_iter().sum())
}

/// The pulls behind reports: how long each took by the service's own clock, and what the processes on the way held.
async fn pull(ours: &mut Ours, rows: u32) -> anyhow::Result<[Row; 4]> {
    let mut browser = ours.browser().await?;
    let processes = ours.processes();
    let all = || {
        processes
            .sanitizer
            .iter()
            .chain([&processes.agent, &processes.broker])
    };
    all().for_each(|process| reset_peak(*process));
    let mut time = Samples::default();
    for _ in 0..repeats(rows) {
        let before = pull_clock()?;
        ours::report(&mut browser, rows).await?;
        time.add_number(pull_clock()? - before);
    }
    let largest = processes.sanitizer.iter().map(|process| peak_mib(*process));
    let memory = |of: &str, mib: f64| {
        let mut peak = Samples::default();
        peak.add_number(mib);
        let name = format!("peak memory during pulls of {rows} rows, {of}");
        Row::alone(name, &peak, "MiB, less is better")
    };
    Ok([
        Row::alone(format!("pull of {rows} rows"), &time, "ms, less is better"),
        memory("agent", peak_mib(processes.agent)),
        memory("broker", peak_mib(processes.broker)),
        memory("largest sanitizer process", largest.fold(0.0, f64::max)),
    ])
}

/// Milliseconds that the report service has spent in pulls so far.
fn pull_clock() -> anyhow::Result<f64> {
    let metrics = spokegate_daemon::metrics::install()?.render();
    let sum = metrics
        .lines()
        .filter(|line| line.starts_with("spokegate_reports_pull_duration_ms_sum"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    Ok(sum)
}
