//! A document for each of several customers, ordered at once.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use spokegate_demo::Fabric;
use spokegate_demo::client::Browser;

use super::process::ServiceProcess;
use super::{Effort, PEER, REPORT};
use crate::figures::Samples;
use crate::report::Peer;
use crate::rows::Row;

/// Rows of each document.
const ROWS: u32 = 1_000;
/// How often we look whether a batch is over.
const LOOK: Duration = Duration::from_millis(20);
/// A batch that takes longer is given up.
const BATCH: Duration = Duration::from_secs(120);

/// Batches of both sides in turn: ours from the form to the last byte of the archive, the peer's until the last document
/// is there.
pub(super) async fn measure(
    service: &ServiceProcess,
    fabric: &Fabric,
    peer: &Peer,
    effort: &Effort,
) -> anyhow::Result<Row> {
    let mut browser = service.person(fabric).await?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    batch(&mut browser, effort.customers).await?;
    let documents = f64::from(u32::try_from(effort.customers)?);
    for _ in 0..effort.batches {
        let begin = Instant::now();
        batch(&mut browser, effort.customers).await?;
        ours.add_number(documents / begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        let reports = (0..effort.customers).map(|_| peer.report(ROWS));
        futures_util::future::try_join_all(reports).await?;
        theirs.add_number(documents / begin.elapsed().as_secs_f64());
    }
    Ok(Row::pair(
        format!("batch of {} customers, {ROWS} rows each", effort.customers),
        (&ours, &theirs),
        PEER,
        "documents per second, more is better",
    ))
}

async fn batch(browser: &mut Browser, customers: usize) -> anyhow::Result<()> {
    let path = format!("/reports/{REPORT}");
    let form = browser.get(&path).await?;
    let rows = ROWS.to_string();
    let customers: Vec<String> = (1..=customers).map(super::customer).collect();
    let mut fields = vec![("as-many", "each"), ("rows", rows.as_str())];
    fields.extend(customers.iter().map(|id| ("for-tenant", id.as_str())));
    let page = browser.submit(&form, &path, &fields).await?;
    let place = page.path().to_owned();
    ensure!(
        place.starts_with("/batches/"),
        "no batch came of it: {}",
        page.text()
    );
    let archive = format!("{place}/download");
    let begin = Instant::now();
    let over = loop {
        let page = browser.get(&place).await?;
        if page.links().contains(&archive) {
            break page;
        }
        ensure!(begin.elapsed() < BATCH, "the batch takes too long");
        tokio::time::sleep(LOOK).await;
    };
    let all = format!("{} done", customers.len());
    ensure!(
        over.text().contains(&all),
        "not all are done: {}",
        over.text()
    );
    let zip = browser.get(&archive).await.context("the archive")?;
    ensure!(zip.bytes().starts_with(b"PK"), "the archive is none");
    Ok(())
}
