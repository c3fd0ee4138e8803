//! The promise: a table of any length flows chunk by chunk. From a thousand rows to a million no process on the way needs
//! more memory: not the agent, not the broker, none of the sanitizer's, not whoever takes the rows in the centre.
//!
//! The report service is stopped, and the test stands in its place with its certificate and its configuration, so that what
//! it reads of the second hop is all that there is. `ROWS=100000` makes the long table another length.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use spokegate_contract::record::{AckBody, Content, Data, GrantCredit, Lane, Record, RequestBody};
use spokegate_contract::{Address, RequestId};
use spokegate_daemon::Tasks;
use spokegate_relay::{Intake, LineFault, Link, SanitizerConfig};

#[expect(dead_code, unused_imports, reason = "shared with other tests")]
mod processes;

use processes::{Installation, Plan};

/// Rows of the short table.
const SHORT: u64 = 1_000;
/// Chunks that may be on their way.
const CREDIT: u32 = 8;
/// What a process may need more for the long table than for the short one. The window of a lane, the broker's queue and
/// the chunks under credit, with allocators that give back late; a table that gathered anywhere would take hundreds of MiB.
const GROWTH_KIB: u64 = 24 * 1_024;

/// Takes the rows of one pull and grants credit for more.
struct Rows {
    pull: RequestId,
    taken: AtomicU64,
    chunks: AtomicU32,
    is_whole: AtomicU32,
}

impl Intake for Rows {
    type Taken = ();

    fn lane(&self) -> Lane {
        Lane::Reply
    }

    fn take(
        &self,
        record: Record<'_>,
        _own: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<()>,
    ) -> Result<(), LineFault> {
        match record.content {
            Content::Reply {
                id,
                sequence,
                data: Data::Rows(rows),
                last,
                ..
            } if id == self.pull => {
                let chunk = self.chunks.fetch_add(1, Ordering::SeqCst);
                assert_eq!(sequence, u64::from(chunk), "a chunk out of turn");
                let rows: Vec<Hostname<'_>> = serde_json::from_str(rows.get()).unwrap();
                let first = self.taken.fetch_add(rows.len() as u64, Ordering::SeqCst);
                let expected = format!("acme-hq-{first:05}");
                assert_eq!(
                    rows.first().map_or(expected.as_str(), |row| row.hostname),
                    expected
                );
                self.is_whole.fetch_or(u32::from(last), Ordering::SeqCst);
                taken.push(());
                Ok(())
            }
            // Of the pull before: its lane was closed before it could say that it had this.
            Content::Reply { id, .. } if id != self.pull => {
                taken.push(());
                Ok(())
            }
            other => panic!("{:.200}", format!("{other:?}")),
        }
    }

    async fn store(&self, _taken: Vec<()>) -> anyhow::Result<()> {
        Ok(())
    }
}

#[derive(Deserialize)]
struct Hostname<'a> {
    hostname: &'a str,
    #[serde(flatten, borrow)]
    _rest: BTreeMap<&'a str, IgnoredAny>,
}

#[derive(Deserialize)]
struct Centre {
    sanitizer: Vec<SanitizerConfig>,
}

/// Pulls a table of so many rows to its end; gives the time that took.
async fn pull(link: &Arc<Link>, address: &Address, rows: u64, tasks: &Tasks) -> Duration {
    let intake = Arc::new(Rows {
        pull: RequestId::random(),
        taken: AtomicU64::new(0),
        chunks: AtomicU32::new(0),
        is_whole: AtomicU32::new(0),
    });
    let own = tasks.child();
    own.spawn(
        "lane",
        Arc::clone(link).drain(Arc::clone(&intake), own.clone()),
    );
    let now_ms = spokegate_daemon::Clock::system().now_ms();
    let request = RequestBody {
        id: intake.pull,
        tenant: address.tenant.clone(),
        satellite: address.satellite.clone(),
        dataset: "devices".parse().unwrap(),
        version: 1,
        params: serde_json::json!({ "limit": rows }),
        deadline_ms: now_ms + 590_000,
        credit: CREDIT,
    };
    let begin = Instant::now();
    link.client().request(&request).await.unwrap();
    let mut granted = CREDIT;
    while intake.is_whole.load(Ordering::SeqCst) == 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(600),
            "{} rows came",
            intake.taken.load(Ordering::SeqCst)
        );
        let chunks = intake.chunks.load(Ordering::SeqCst) + CREDIT;
        if chunks > granted {
            granted = chunks;
            let credit = GrantCredit {
                tenant: address.tenant.clone(),
                satellite: address.satellite.clone(),
                id: intake.pull,
                chunks,
            };
            let acks = AckBody {
                credit: vec![credit],
                ..AckBody::default()
            };
            link.client().acks(&acks).await.unwrap();
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert_eq!(intake.taken.load(Ordering::SeqCst), rows);
    own.shutdown(Duration::from_secs(5)).await;
    begin.elapsed()
}

/// Highest resident memory of each process since the last look, in KiB.
fn peaks(installation: &mut Installation) -> BTreeMap<String, u64> {
    let mut peaks = BTreeMap::new();
    let mut add = |name: String, id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        let highest: &mut u64 = peaks.entry(name).or_default();
        *highest = kib.max(*highest);
        // 5: forget the peak.
        std::fs::write(format!("/proc/{id}/clear_refs"), "5").unwrap();
    };
    for process in installation.processes() {
        let Some(id) = process.id() else { continue };
        add(process.name().to_owned(), id);
        for verb in ["ingest", "worker", "egress"] {
            for id in process.children(verb) {
                add(format!("sanitizer's {verb}"), id);
            }
        }
    }
    add("whoever takes the rows".to_owned(), std::process::id());
    peaks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_take_no_more_memory_than_a_thousand() {
    let long = std::env::var("ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let address: Address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let plan = Plan {
        satellites: vec![address.clone()],
        sanitizers: 1,
        pull_timeout_s: 600,
        breath: Duration::ZERO,
    };
    let mut installation = Installation::start(&plan).await;
    installation.centre.kill();
    let config = installation.store().with_file_name("reports.toml");
    let centre: Centre = toml::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
    let link = Arc::new(centre.sanitizer[0].link().unwrap());
    let tasks = Tasks::new();

    // The first pull warms everything up.
    pull(&link, &address, SHORT, &tasks).await;
    peaks(&mut installation);
    let short_took = pull(&link, &address, SHORT, &tasks).await;
    let short = peaks(&mut installation);
    let long_took = pull(&link, &address, long, &tasks).await;
    let after = peaks(&mut installation);
    println!("{SHORT} rows in {short_took:.2?}, {long} rows in {long_took:.2?}; highest memory:");
    for (name, kib) in &after {
        let before = short.get(name).copied().unwrap_or_default();
        println!("  {name}: {} MiB, then {} MiB", before / 1_024, kib / 1_024);
        assert!(
            *kib <= before + GROWTH_KIB,
            "{name} grew from {before} KiB to {kib} KiB"
        );
    }
    println!(
        "streaming: {long} rows, {} processes, none grew by more than {} MiB",
        after.len(),
        GROWTH_KIB / 1_024
    );
}
