//! One lane of one sanitizer: poll, check, hand over, poll again.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use spokegate_contract::record::{Flat, Lane, Record};
use spokegate_daemon::audit::Event;
use spokegate_daemon::{Backoff, Tasks};

use crate::client::Batch;
use crate::line::{LINE_BYTES_MAX, Line, LineFault};
use crate::link::{BACKOFF_MS, Link};
use crate::seal::SealKey;

/// Failures in a row after which our certificate may be what is wrong, and is read again.
const FAILURES_BEFORE_RELOAD: u32 = 2;
/// Batches larger than this are checked on the blocking pool.
const INLINE_BYTES_MAX: usize = 131_072;

/// What a service does with the records of one lane.
pub trait Intake: Send + Sync + 'static {
    /// A record in the form in which it waits to be stored.
    type Taken: Send + 'static;

    /// The lane that it reads.
    fn lane(&self) -> Lane;

    /// The sanitizer started anew: what it knew before is lost.
    fn restarted(&self) {}

    /// Takes one record whose line held. `own` turns text of the record into bytes that outlive the batch.
    ///
    /// # Errors
    /// When the record is not one of this lane, or of nobody whom the service knows; it is counted, audited, left out.
    fn take(
        &self,
        record: Record<'_>,
        own: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<Self::Taken>,
    ) -> Result<(), LineFault>;

    /// Stores what a batch held. Only then are its records freed at the sanitizer; after an error they come again.
    fn store(&self, taken: Vec<Self::Taken>) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// How far a lane has been taken over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cursor {
    boot: String,
    last: u64,
}

impl Link {
    /// Reads a lane until the service stops.
    pub async fn drain<I: Intake>(self: Arc<Self>, intake: Arc<I>, tasks: Tasks) {
        let stop = tasks.soft();
        let lane = intake.lane();
        let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
        let mut cursor = Cursor::default();
        loop {
            // At first and after a failure the answer comes at once, so that another boot is seen without delay.
            let patient = !cursor.boot.is_empty() && backoff.attempts() == 0;
            let poll = self.client().poll(lane, &cursor.boot, cursor.last, patient);
            let Some(polled) = stop.run_until_cancelled(poll).await else {
                return;
            };
            self.note(polled.as_ref().map(|_| ()));
            let handled = match polled {
                Ok(batch) => {
                    self.note_version(batch.version.as_deref());
                    take(&self, &intake, batch, &mut cursor, &tasks).await
                }
                Err(error) => {
                    if backoff.attempts() > FAILURES_BEFORE_RELOAD {
                        self.client().reload_certificates();
                    }
                    Err(error)
                }
            };
            match handled {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    tracing::debug!(
                        lane = lane.as_str(),
                        error = format!("{error:#}"),
                        "the lane waits before it goes on"
                    );
                    let waited = stop
                        .run_until_cancelled(tokio::time::sleep(backoff.next_delay()))
                        .await;
                    if waited.is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// Takes a batch over. The cursor moves only when everything that must be stored is stored.
async fn take<I: Intake>(
    link: &Arc<Link>,
    intake: &Arc<I>,
    batch: Batch,
    cursor: &mut Cursor,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    if batch.boot != cursor.boot {
        if !cursor.boot.is_empty() {
            intake.restarted();
        }
        *cursor = Cursor {
            boot: batch.boot,
            last: 0,
        };
    }
    let lines = batch.lines;
    let after = cursor.last;
    let checked = if lines.len() <= INLINE_BYTES_MAX {
        check(link, intake.as_ref(), &lines, after)
    } else {
        let (link, intake) = (Arc::clone(link), Arc::clone(intake));
        let work = move || check(&link, intake.as_ref(), &lines, after);
        tasks
            .blocking("relay batch", work)
            .await
            .ok_or_else(|| anyhow::anyhow!("checking a batch failed"))?
    };
    intake.store(checked.taken).await?;
    cursor.last = checked.last;
    anyhow::ensure!(
        !checked.broken,
        "the sanitizer's answer is not made of records"
    );
    Ok(())
}

/// What a batch held.
struct Checked<T> {
    taken: Vec<T>,
    last: u64,
    /// A line was not even of the fixed shape; nothing after it was looked at.
    broken: bool,
}

fn check<I: Intake>(link: &Link, intake: &I, batch: &Bytes, after: u64) -> Checked<I::Taken> {
    let lane = intake.lane().as_str();
    let mut checked = Checked {
        taken: Vec::new(),
        last: after,
        broken: false,
    };
    let own = |text: &str| batch.slice_ref(text.as_bytes());
    let mut refused: Option<(LineFault, u64)> = None;
    for range in lines(batch) {
        let line = match Line::split(&batch[range.clone()]) {
            Ok(line) if range.len() <= LINE_BYTES_MAX => line,
            Ok(_) | Err(_) => {
                checked.broken = true;
                refused = Some((LineFault::Shape, checked.last));
                break;
            }
        };
        // A cursor that was taken over already: a repeat, or a sanitizer that goes back.
        if line.cursor <= checked.last {
            metrics::counter!("spokegate_relay_lines_repeated_total", "lane" => lane).increment(1);
            continue;
        }
        checked.last = line.cursor;
        let accepted = read_record(link.key(), &line)
            .and_then(|record| intake.take(record, &own, &mut checked.taken));
        if let Err(fault) = accepted {
            metrics::counter!("spokegate_relay_lines_refused_total", "reason" => fault.reason())
                .increment(1);
            refused = Some((fault, line.cursor));
        }
    }
    // One event a batch: a flood of bad lines must not become a flood of events; the counter has them all.
    if let Some((fault, cursor)) = refused {
        Event::denied(fault.reason())
            .principal(link.url())
            .message_id(&format!("{lane}/{cursor}"))
            .emit("a line of the sanitizer was refused");
    }
    checked
}

/// The record of a line: sealed for the tenant that it names.
pub(crate) fn read_record<'a>(key: &SealKey, line: &Line<'a>) -> Result<Record<'a>, LineFault> {
    let sealed_for = line.verify(key)?;
    let flat: Flat<'_> = serde_json::from_slice(line.record)
        .map_err(|error| LineFault::Record(error.to_string()))?;
    let record = Record::try_from(flat).map_err(|error| LineFault::Record(error.to_string()))?;
    if record.address.tenant != sealed_for {
        return Err(LineFault::Seal);
    }
    Ok(record)
}

/// The lines of a batch, without their ends.
pub(crate) fn lines(batch: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= batch.len() {
            return None;
        }
        let end = memchr_newline(&batch[start..]).map_or(batch.len(), |at| start + at);
        let range = start..end;
        start = end + 1;
        Some(range)
    })
}

fn memchr_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}
