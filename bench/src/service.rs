//! The suite `service`: the report service as people meet it, against Node-RED serving forms and documents, and against
//! the directory's own answer to a bind.

mod batch;
mod directory;
mod pages;
mod process;
mod sign_in;
mod standing;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_demo::{Fabric, Options, SourceChoice, Tenant};

use crate::report::Peer;
use crate::rows::Row;
use process::ServiceProcess;

/// Who the peer is where documents are made.
const PEER: &str = "Node-RED + docxtemplater";
/// What both sides make.
const REPORT: &str = "device-list";

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Effort {
    /// People who look at pages at the same time.
    pub users: usize,
    /// How long a person looks at a page before the next.
    pub pause: Duration,
    /// Reports that are being made meanwhile.
    pub reports: usize,
    /// Rows of each of these.
    pub rows: u32,
    /// Length of one stretch of page views.
    pub stretch: Duration,
    /// Stretches of each side.
    pub stretches: usize,
    /// Customers of a batch, each with a Node-RED of its own.
    pub customers: usize,
    /// Batches of each side.
    pub batches: usize,
    /// People who sign in at once.
    pub people: usize,
    /// How often they all do.
    pub storms: usize,
    /// How often the service is started.
    pub starts: usize,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            users: 64,
            pause: Duration::from_millis(500),
            reports: 8,
            rows: 1_000,
            stretch: Duration::from_secs(10),
            stretches: 3,
            customers: 10,
            batches: 5,
            people: 100,
            storms: 3,
            starts: 5,
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            stretch: Duration::from_secs(3),
            stretches: 1,
            customers: 4,
            batches: 1,
            storms: 1,
            starts: 1,
            ..Self::full()
        }
    }
}

/// Measures everything, or the figures named, and returns the rows.
pub async fn run(
    repository: &Path,
    effort: &Effort,
    figures: &[String],
) -> anyhow::Result<Vec<Row>> {
    let wanted = |name: &str| figures.is_empty() || figures.iter().any(|figure| figure == name);
    let mut rows = Vec::new();
    if wanted("standing") || wanted("pages") || wanted("batch") {
        let fabric = fabric(repository, effort).await?;
        let peer = Peer::start(&repository.join("bench/peer"))
            .await
            .context("start the peer")?;
        fabric.reports().stop().await;
        if wanted("standing") {
            rows.extend(standing::measure(&fabric, repository, effort).await?);
        }
        let service = ServiceProcess::start(&fabric, &[]).await?;
        if wanted("pages") {
            rows.extend(pages::measure(&service, &fabric, &peer, effort).await?);
        }
        if wanted("batch") {
            rows.push(batch::measure(&service, &fabric, &peer, effort).await?);
        }
        drop(service);
        fabric.shutdown().await;
    }
    if wanted("sign-in") {
        rows.extend(sign_in::measure(repository, effort).await?);
    }
    Ok(rows)
}

/// Everything but the report service's own process: a Node-RED for each customer, and the bench's report.
async fn fabric(repository: &Path, effort: &Effort) -> anyhow::Result<Fabric> {
    let mut options = Options::sample()?;
    options.tenants = (1..=effort.customers)
        .map(|number| Tenant::new(&customer(number), &format!("Customer {number}")))
        .collect::<Result<_, _>>()?;
    options.source = SourceChoice::NodeRed;
    options.push_every_s = 3_600;
    options.settings.push((
        spokegate_demo::Service::Reports,
        format!("reports={}", reports_folder(repository)),
    ));
    Fabric::start(options).await.context("start Spokegate")
}

fn reports_folder(repository: &Path) -> String {
    repository.join("bench/reports").display().to_string()
}

fn customer(number: usize) -> String {
    format!("customer-{number}")
}
