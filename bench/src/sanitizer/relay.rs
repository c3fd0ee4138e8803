//! What the whole relay adds to one pull and to one push: agent, broker, sanitizer and the centre's client with TLS on each
//! hop, against the same source called directly and against a bare round trip over Mosquitto.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde::Deserialize;
use spokegate_contract::record::{AckBody, Content, Lane, Record, RequestBody, Watermark};
use spokegate_contract::{Address, RequestId, TenantId};
use spokegate_daemon::{Clock, Tasks};
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, Satellite, SourceChoice};
use spokegate_relay::{Intake, LineFault, Link, SanitizerConfig};
use tokio::sync::mpsc;

use super::{Effort, say};
use crate::broker::{mosquitto_round_trips, percentile};
use crate::figures::Samples;
use crate::rows::Row;

/// Whose data is asked for.
const TENANT: &str = "acme";
/// Rows of a pull, and of the direct call.
const ROWS: usize = 24;
/// Something that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// Records that wait to be looked at; one comes at a time.
const ARRIVED: usize = 64;
/// Each figure has at least so many measurements behind it.
const TRIPS_MIN: usize = 200;

/// Hands on what a lane brings: which pull ended, or how far the spool has come.
struct Listener {
    lane: Lane,
    arrived: mpsc::Sender<Arrived>,
}

#[derive(Debug)]
enum Arrived {
    Reply(RequestId),
    Push { epoch: u64, sequence: u64 },
}

impl Intake for Listener {
    type Taken = ();

    fn lane(&self) -> Lane {
        self.lane
    }

    fn take(
        &self,
        record: Record<'_>,
        _own: &dyn Fn(&str) -> Bytes,
        _taken: &mut Vec<()>,
    ) -> Result<(), LineFault> {
        let arrived = match record.content {
            Content::Reply { id, last: true, .. } => Arrived::Reply(id),
            Content::Push {
                epoch, sequence, ..
            } => Arrived::Push { epoch, sequence },
            _ => return Ok(()),
        };
        // The measurement may be over.
        let _ = self.arrived.try_send(arrived);
        Ok(())
    }

    async fn store(&self, _taken: Vec<()>) -> anyhow::Result<()> {
        Ok(())
    }
}

#[derive(Deserialize)]
struct Centre {
    sanitizer: Vec<SanitizerConfig>,
}

/// A fabric in whose centre this program stands.
struct Scene {
    fabric: Fabric,
    link: Arc<Link>,
    replies: mpsc::Receiver<Arrived>,
    pushes: mpsc::Receiver<Arrived>,
    tasks: Tasks,
    http: PlainClient,
}

/// The three ways, in turn.
pub(super) async fn measure(effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let mut scene = Scene::start().await?;
    let mut tails = [(); 4].map(|()| (Samples::default(), Samples::default()));
    for _ in 0..effort.runs {
        let length = effort.stretch;
        let mosquitto = mosquitto_round_trips(length).await?;
        let times = [
            scene.pulls(length).await?,
            scene.direct_calls(length).await?,
            mosquitto,
            scene.push_trips(length).await?,
        ];
        for ((median, tail), mut times) in tails.iter_mut().zip(times) {
            times.sort_by(f64::total_cmp);
            median.add_number(percentile(&times, 50));
            tail.add_number(percentile(&times, 99));
        }
    }
    scene.tasks.abort().await;
    scene.fabric.shutdown().await;
    let [pull, direct, mosquitto, push] = &tails;
    let unit = "ms, less is better";
    let mut rows = Vec::new();
    for (name, of) in [("p50", 0), ("p99", 1)] {
        let pick = |pair: &'_ (Samples, Samples)| {
            let (median, tail) = pair.clone();
            if of == 0 { median } else { tail }
        };
        let (pull, direct) = (pick(pull), pick(direct));
        let (mosquitto, push) = (pick(mosquitto), pick(push));
        let whole = format!("relay: pull of {ROWS} rows, {name}");
        rows.push(Row::pair(
            whole.clone(),
            (&pull, &direct),
            "the same source called directly",
            unit,
        ));
        rows.push(Row::pair(
            whole,
            (&pull, &mosquitto),
            "256 bytes to and fro over Mosquitto",
            unit,
        ));
        let whole =
            format!("relay: push of {ROWS} rows from the agent's disk to the centre, {name}");
        rows.push(Row::alone(whole, &push, unit));
    }
    rows.iter().for_each(say);
    Ok(rows)
}

impl Scene {
    async fn start() -> anyhow::Result<Self> {
        let mut options = Options::sample()?;
        options.tenants.truncate(1);
        options.source = SourceChoice::BuiltIn;
        // Pushes are this program's.
        options.push_every_s = 86_400;
        let fabric = Fabric::start(options).await.context("start Spokegate")?;
        let config = fabric.folder().join("reports/reports.toml");
        let text = std::fs::read_to_string(&config)
            .with_context(|| format!("read {}", config.display()))?;
        let centre: Centre = toml::from_str(&text).context("read the centre's configuration")?;
        let sanitizer = centre.sanitizer.first().context("there is a sanitizer")?;
        fabric.reports().stop().await;
        let link = Arc::new(sanitizer.link()?);
        let tasks = Tasks::new();
        let listen = |lane: Lane| {
            let (arrived, receiver) = mpsc::channel(ARRIVED);
            let listener = Arc::new(Listener { lane, arrived });
            tasks.spawn("lane", Arc::clone(&link).drain(listener, tasks.clone()));
            receiver
        };
        let (replies, pushes) = (listen(Lane::Reply), listen(Lane::Push));
        Ok(Self {
            fabric,
            link,
            replies,
            pushes,
            tasks,
            http: PlainClient::new(),
        })
    }

    fn satellite(&self) -> anyhow::Result<&Satellite> {
        let mut satellites = self.fabric.satellites().iter();
        satellites.next().context("there is a satellite")
    }

    fn address() -> anyhow::Result<Address> {
        let tenant: TenantId = TENANT.parse().context("a tenant's id")?;
        Ok(Address::new(
            tenant,
            "hq".parse().context("a satellite's id")?,
        ))
    }

    /// Pulls one after the other, from the request to the last record.
    async fn pulls(&mut self, length: Duration) -> anyhow::Result<Vec<f64>> {
        let (address, begin) = (Self::address()?, Instant::now());
        let mut times = Vec::new();
        while begin.elapsed() < length || times.len() < TRIPS_MIN {
            let id = RequestId::random();
            let request = RequestBody {
                id,
                tenant: address.tenant.clone(),
                satellite: address.satellite.clone(),
                dataset: "devices".parse().context("a dataset's id")?,
                version: 1,
                params: serde_json::json!({}),
                deadline_ms: Clock::system().now_ms() + 60_000,
                credit: 8,
            };
            let start = Instant::now();
            let asked = self.link.client().request(&request).await;
            ensure!(asked.is_ok(), "the sanitizer took no request: {asked:?}");
            let arrived = next(&mut self.replies).await?;
            ensure!(
                matches!(arrived, Arrived::Reply(of) if of == id),
                "{arrived:?}"
            );
            times.push(milliseconds(start));
        }
        Ok(times)
    }

    /// The same answers from the source itself.
    async fn direct_calls(&self, length: Duration) -> anyhow::Result<Vec<f64>> {
        let satellite = self.satellite()?;
        let url = satellite.source_url("devices");
        let token = std::fs::read_to_string(satellite.agent_token_file())?;
        let begin = Instant::now();
        let mut times = Vec::new();
        while begin.elapsed() < length || times.len() < TRIPS_MIN {
            let start = Instant::now();
            let answer = self.http.get(&url, token.trim()).await?;
            ensure!(
                answer.status == 200,
                "the source answered {}",
                answer.status
            );
            times.push(milliseconds(start));
        }
        Ok(times)
    }

    /// Pushes one after the other, from the agent's 202 to the centre; the centre takes each over.
    async fn push_trips(&mut self, length: Duration) -> anyhow::Result<Vec<f64>> {
        let address = Self::address()?;
        let satellite = self.satellite()?;
        let source = satellite.source_url("backup-jobs?limit=24");
        let token = std::fs::read_to_string(satellite.agent_token_file())?;
        let body = self.http.get(&source, token.trim()).await?.body;
        let (url, token) = satellite.push_endpoint();
        let url = format!("{url}/backup-jobs");
        let token = std::fs::read_to_string(token)?;
        let begin = Instant::now();
        let mut times = Vec::new();
        // What the source itself has pushed at its start.
        while self.pushes.try_recv().is_ok() {}
        while begin.elapsed() < length || times.len() < TRIPS_MIN {
            let start = Instant::now();
            let taken = self
                .http
                .post_json(&url, token.trim(), body.clone())
                .await?;
            ensure!(taken.status == 202, "the agent answered {}", taken.status);
            let Arrived::Push { epoch, sequence } = next(&mut self.pushes).await? else {
                anyhow::bail!("no push arrived");
            };
            times.push(milliseconds(start));
            let watermark = Watermark {
                tenant: address.tenant.clone(),
                satellite: address.satellite.clone(),
                epoch,
                sequence,
            };
            let acks = AckBody {
                push: vec![watermark],
                ..AckBody::default()
            };
            self.link.client().acks(&acks).await?;
        }
        Ok(times)
    }
}

async fn next(arrived: &mut mpsc::Receiver<Arrived>) -> anyhow::Result<Arrived> {
    let next = tokio::time::timeout(PATIENCE, arrived.recv()).await;
    next.context("nothing arrived in time")?
        .context("the lane has ended")
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1_000.0
}
