//! How soon a page is there while reports are being made.

use std::time::{Duration, Instant};

use anyhow::ensure;
use spokegate_demo::Fabric;
use spokegate_demo::client::{Browser, NewRun, RunState};

use super::process::ServiceProcess;
use super::{Effort, PEER, REPORT};
use crate::figures::Samples;
use crate::report::Peer;
use crate::rows::Row;

/// What people look at, in turn.
const PAGES: [&str; 3] = ["/", "/reports/device-list", "/runs"];

/// Times of single pages, by stretch.
#[derive(Default)]
struct Times {
    middle: Samples,
    slowest: Samples,
    reports: Samples,
}

impl Times {
    fn add(&mut self, pages: &Samples, reports_per_s: f64) {
        self.middle.add_number(pages.percentile(0.5));
        self.slowest.add_number(pages.percentile(0.99));
        self.reports.add_number(reports_per_s);
    }
}

/// Page views of many people while some reports are under way at any time, ours and the peer's in turn.
pub(super) async fn measure(
    service: &ServiceProcess,
    fabric: &Fabric,
    peer: &Peer,
    effort: &Effort,
) -> anyhow::Result<[Row; 3]> {
    let mut people = Vec::new();
    for _ in 0..effort.users + effort.reports {
        people.push(service.person(fabric).await?);
    }
    let (readers, makers) = people.split_at(effort.users);
    our_report(&mut makers[0].clone(), effort.rows).await?;
    let (mut ours, mut theirs) = (Times::default(), Times::default());
    for _ in 0..effort.stretches {
        let end = Instant::now() + effort.stretch;
        let views = all(readers
            .iter()
            .map(|reader| our_views(reader.clone(), end, effort.pause)));
        let reports = all(makers
            .iter()
            .map(|maker| our_reports(maker.clone(), end, effort.rows)));
        let (views, reports) = tokio::try_join!(views, reports)?;
        ours.add(&joined(views), rate(&reports, effort.stretch));

        let end = Instant::now() + effort.stretch;
        let views = all((0..effort.users).map(|_| peer_views(peer, end, effort.pause)));
        let reports = all((0..effort.reports).map(|_| peer_reports(peer, end, effort.rows)));
        let (views, reports) = tokio::try_join!(views, reports)?;
        theirs.add(&joined(views), rate(&reports, effort.stretch));
    }
    let what = format!(
        "{} people at pages, {} reports of {} rows under way",
        effort.users, effort.reports, effort.rows
    );
    let row = |figure: &str, pair: (&Samples, &Samples), unit: &str| {
        Row::pair(format!("{what}, {figure}"), pair, PEER, unit)
    };
    let less = "ms, less is better";
    Ok([
        row("page p50", (&ours.middle, &theirs.middle), less),
        row("page p99", (&ours.slowest, &theirs.slowest), less),
        row(
            "reports",
            (&ours.reports, &theirs.reports),
            "per second, more is better",
        ),
    ])
}

async fn all<T>(
    clients: impl Iterator<Item = impl Future<Output = anyhow::Result<T>>>,
) -> anyhow::Result<Vec<T>> {
    futures_util::future::try_join_all(clients).await
}

fn joined(parts: Vec<Samples>) -> Samples {
    parts
        .into_iter()
        .fold(Samples::default(), |mut whole, part| {
            whole.append(part);
            whole
        })
}

fn rate(counts: &[u32], stretch: Duration) -> f64 {
    f64::from(counts.iter().sum::<u32>()) / stretch.as_secs_f64()
}

async fn our_views(mut browser: Browser, end: Instant, pause: Duration) -> anyhow::Result<Samples> {
    let mut times = Samples::default();
    for path in PAGES.iter().cycle() {
        let begin = Instant::now();
        if begin >= end {
            break;
        }
        let page = browser.get(path).await?;
        times.add(begin.elapsed());
        ensure!(
            page.status() == 200 && page.path() == *path,
            "{path} answered {} at {}",
            page.status(),
            page.path()
        );
        tokio::time::sleep(pause).await;
    }
    Ok(times)
}

async fn peer_views(peer: &Peer, end: Instant, pause: Duration) -> anyhow::Result<Samples> {
    let mut times = Samples::default();
    while Instant::now() < end {
        let begin = Instant::now();
        peer.form().await?;
        times.add(begin.elapsed());
        tokio::time::sleep(pause).await;
    }
    Ok(times)
}

async fn our_reports(mut browser: Browser, end: Instant, rows: u32) -> anyhow::Result<u32> {
    let mut done = 0;
    while Instant::now() < end {
        our_report(&mut browser, rows).await?;
        done += 1;
    }
    Ok(done)
}

async fn our_report(browser: &mut Browser, rows: u32) -> anyhow::Result<()> {
    let order = NewRun {
        report: REPORT,
        tenants: &[&super::customer(1)],
        fields: &[("rows", &rows.to_string())],
    };
    let run = browser.order(&order).await?;
    let run = browser.await_end(&run).await?;
    ensure!(
        run.state == RunState::Done,
        "the run ended as {:?}: {}",
        run.state,
        run.reason
    );
    browser.download(&run.id).await?;
    Ok(())
}

async fn peer_reports(peer: &Peer, end: Instant, rows: u32) -> anyhow::Result<u32> {
    let mut done = 0;
    while Instant::now() < end {
        peer.report(rows).await?;
        done += 1;
    }
    Ok(done)
}
