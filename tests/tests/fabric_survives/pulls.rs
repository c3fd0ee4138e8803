//! Pulls: reports ordered through the real pages, whose documents hold every row that came.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spokegate_demo::client::{Browser, NewRun, Run, RunState};

use crate::processes::Source;
use crate::random::Random;

/// How long a person looks for a run's end.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// The words of each class of failure, as people read them.
const CLASSES: [(&str, &str); 6] = [
    ("is not connected", "offline"),
    ("did not arrive within", "timeout"),
    ("was refused", "refused"),
    ("breaks its contract", "invalid"),
    ("could not supply", "source-error"),
    ("is larger than one report", "too-large"),
];

/// How pulls ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The document holds exactly the rows that the flows answered with.
    pub(crate) right: usize,
    /// The centre was not there to take the order.
    pub(crate) not_ordered: usize,
    /// A reason of a known class.
    pub(crate) failed: BTreeMap<&'static str, usize>,
    /// The same with the detail that people read.
    pub(crate) details: BTreeMap<String, usize>,
    /// Anything else.
    pub(crate) wrong: Vec<String>,
}

/// Somebody who orders one report after another.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    /// The customers with the names of their satellites as they stand in host names, in their order.
    pub(crate) customers: Arc<Vec<(String, Vec<String>)>>,
    pub(crate) random: Random,
    pub(crate) tally: Arc<Mutex<Tally>>,
}

impl Person {
    /// Orders until told to stop; the last one is seen to its end.
    pub(crate) async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            let customer = self.random.between(0, self.customers.len() as u64) as usize;
            // Most answers fit one message, some need a dozen.
            let limit = if self.random.once_in(4) {
                self.random.between(1_200, 4_000)
            } else {
                self.random.between(1, 300)
            };
            self.pull(customer, u32::try_from(limit).unwrap()).await;
            tokio::time::sleep(Duration::from_millis(self.random.between(50, 400))).await;
        }
    }

    /// One report of one customer; true when its document is right.
    pub(crate) async fn pull(&mut self, customer: usize, limit: u32) -> bool {
        let customers = Arc::clone(&self.customers);
        let (tenant, satellites) = &customers[customer];
        let limit_text = limit.to_string();
        let order = NewRun {
            report: "every-row",
            tenants: &[tenant],
            fields: &[("limit", &limit_text)],
        };
        let Ok(id) = self.browser.order(&order).await else {
            self.tally.lock().unwrap().not_ordered += 1;
            return false;
        };
        let found = match self.end(&id).await {
            None => Err(format!("run {id} of {tenant} has no end")),
            Some(run) if run.state == RunState::Done => match self.document(&id).await {
                Some(text) => compare(&text, satellites, limit).map(|()| None),
                None => Err(format!("run {id} has no document")),
            },
            Some(run) => class(&run).map(Some),
        };
        let mut tally = self.tally.lock().unwrap();
        let is_right = found == Ok(None);
        match found {
            Ok(None) => tally.right += 1,
            Ok(Some((class, detail))) => {
                *tally.failed.entry(class).or_default() += 1;
                *tally.details.entry(detail).or_default() += 1;
            }
            Err(fault) => tally.wrong.push(fault),
        }
        is_right
    }

    /// Looks until the run has ended, also while the centre is away.
    async fn end(&mut self, id: &str) -> Option<Run> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Ok(run) = self.browser.run(id).await
                && !matches!(run.state, RunState::Queued | RunState::Running)
            {
                return Some(run);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    /// The text of a run's document, line by line.
    async fn document(&mut self, id: &str) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Ok(document) = self.browser.download(id).await {
                let bytes = std::io::Cursor::new(document.bytes.to_vec());
                let mut package = zip::ZipArchive::new(bytes).unwrap();
                let part = package.by_name("word/document.xml").unwrap();
                return Some(std::io::read_to_string(part).unwrap());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }
}

/// Why a run failed: the class, and the class with the detail.
fn class(run: &Run) -> Result<(&'static str, String), String> {
    let found = CLASSES.iter().find(|(words, _)| run.reason.contains(words));
    let (_, class) = found.ok_or_else(|| format!("no class of failure: {run:?}"))?;
    let detail = run.reason.split(['(', ')']).nth(1).unwrap_or_default();
    let about = detail.split(" for tenant ").next().unwrap_or_default();
    Ok((class, format!("{class}: {about}")))
}

/// The document holds each row of each satellite once, in order, and nothing else.
fn compare<'a>(xml: &str, satellites: &'a [String], limit: u32) -> Result<(), String> {
    let texts = xml.split("<w:t").skip(1).map(|rest| {
        let (_, text) = rest.split_once('>').unwrap();
        text.split("</w:t>").next().unwrap()
    });
    let rows = |name: &'a String| (0..limit).map(move |index| Source::line(name, limit, index));
    let mut expected = satellites.iter().flat_map(rows);
    for (place, text) in texts.enumerate() {
        let row = expected.next();
        if row.as_deref() != Some(text) {
            return Err(format!("row {place}: {text:?} instead of {row:?}"));
        }
    }
    match expected.next() {
        None => Ok(()),
        Some(row) => Err(format!("it ends before {row:?}")),
    }
}
