//! The suite `agent`: what a satellite's agent costs its machine. The program is the one that is packaged, against a broker
//! process and a centre of this program's own.

mod centre;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use futures_util::future::join_all;
use spokegate_daemon::cli::tell;
use spokegate_demo::http::PlainClient;

use crate::broker::authority::Authority;
use crate::broker::servers::{self, Kind, Server};
use crate::figures::Samples;
use crate::memory::{peak_mib, reset_peak, resident_kib};
use crate::rows::Row;
use centre::Centre;
use process::{AgentProcess, PUSH_TOKEN};

/// Whose satellite it is.
const TENANT: &str = "tenant-0";
const SATELLITE: &str = "s0";
/// Memory is read this long after the first pull was answered.
const REST: Duration = Duration::from_secs(10);
/// Flows that push all at once.
const FLOWS: [usize; 2] = [1, 32];
/// Pushes per second while memory is watched.
const STEADY_PER_S: u32 = 100;
const MIB: f64 = 1_048_576.0;
const LESS: &str = "less is better";

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    runs: usize,
    stretch: Duration,
    steady: Duration,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            runs: 5,
            stretch: Duration::from_secs(5),
            steady: Duration::from_secs(20),
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            runs: 1,
            stretch: Duration::from_secs(2),
            steady: Duration::from_secs(10),
        }
    }
}

#[derive(Default)]
struct Figures {
    start: Samples,
    idle: Samples,
    steady: Samples,
    rates: [Samples; FLOWS.len()],
}

/// Measures all figures.
pub async fn run(effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let mut size = Samples::default();
    let program = process::program()?;
    let bytes = program
        .metadata()
        .context("look at the agent's program")?
        .len();
    size.add_number(bytes as f64 / MIB);
    let mut figures = Figures::default();
    for run in 1..=effort.runs {
        tell(&format!("agent, run {run} of {}", effort.runs));
        figures.measure(effort).await?;
    }
    let seconds = effort.steady.as_secs();
    let mut rows = vec![
        Row::alone("agent, its program", &size, &format!("MiB, {LESS}")),
        Row::alone(
            "agent, start to first answered pull",
            &figures.start,
            &format!("ms, {LESS}"),
        ),
        Row::alone("agent, idle memory", &figures.idle, &format!("MiB, {LESS}")),
        Row::alone(
            format!("agent, peak memory in {seconds} s of {STEADY_PER_S} pushes per second"),
            &figures.steady,
            &format!("MiB, {LESS}"),
        ),
    ];
    for (flows, rate) in FLOWS.iter().zip(&figures.rates) {
        rows.push(Row::alone(
            format!("agent, pushes answered once they are on disk, {flows} at a time"),
            rate,
            "per second, more is better",
        ));
    }
    for row in &rows {
        tell(&format!("{}: {:.3} {}", row.name, row.ours, row.unit));
    }
    Ok(rows)
}

impl Figures {
    /// Everything once, with an agent of its own.
    async fn measure(&mut self, effort: &Effort) -> anyhow::Result<()> {
        let authority = Authority::new()?;
        let server = Server::start(Kind::Ours, &authority, &servers::tenants(1, 1)).await?;
        let mut centre = Centre::connect(&server, &authority).await?;
        let begin = Instant::now();
        let agent = AgentProcess::start(&authority, server.addr())?;
        let answered = centre.first_answer().await;
        answered.with_context(|| format!("the agent said: {}", agent.words()))?;
        self.start.add(begin.elapsed());

        centre.serve(tokio::time::sleep(REST)).await?;
        self.idle.add_number(resident_kib(agent.id()) / 1_024.0);

        reset_peak(agent.id());
        centre.serve(steady(&agent, effort.steady)).await??;
        self.steady.add_number(peak_mib(agent.id()));

        for (flows, rates) in FLOWS.into_iter().zip(&mut self.rates) {
            let taken = centre.serve(rush(&agent, flows, effort.stretch)).await?;
            rates.add_number(taken? as f64 / effort.stretch.as_secs_f64());
        }
        centre.drained().await
    }
}

/// Pushes at a fixed rate.
async fn steady(agent: &AgentProcess, length: Duration) -> anyhow::Result<()> {
    let client = PlainClient::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / STEADY_PER_S);
    let end = Instant::now() + length;
    while Instant::now() < end {
        ticks.tick().await;
        push(&client, agent).await?;
    }
    Ok(())
}

/// Pushes as fast as they are answered, for some time; answers how many.
async fn rush(agent: &AgentProcess, flows: usize, length: Duration) -> anyhow::Result<u64> {
    let taken = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + length;
    let flow = async || -> anyhow::Result<()> {
        let client = PlainClient::new();
        while Instant::now() < end {
            push(&client, agent).await?;
            taken.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    for ended in join_all((0..flows).map(|_| flow())).await {
        ended?;
    }
    Ok(taken.load(Ordering::Relaxed))
}

async fn push(client: &PlainClient, agent: &AgentProcess) -> anyhow::Result<()> {
    const ROW: &str = r#"[{"job":"nightly","hostname":"acme-srv01","last_run":"2026-11-20T02:41:07Z","result":"success","size_bytes":48318382080,"duration_s":1810.5,"message":"one of three volumes was skipped, because its snapshot was taken by another job"}]"#;
    let body = Bytes::from_static(ROW.as_bytes());
    let answer = client
        .post_json(agent.push_url(), PUSH_TOKEN, body)
        .await
        .context("push to the agent")?;
    ensure!(answer.status == 202, "the agent answered {}", answer.status);
    Ok(())
}
