//! One lane of one sanitizer: poll, check, hand over, poll again.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use spokegate_contract::record::{Content, Data, Flat, Lane, Record};
use spokegate_daemon::Backoff;
use spokegate_daemon::audit::Event;

use super::client::Batch;
use super::intake::{self, Taken};
use super::line::{LINE_BYTES_MAX, Line, LineFault};
use super::waiting::{Chunk, Delivered};
use super::{BACKOFF_MS, SealKey, Shared};

/// Batches larger than this are checked on the blocking pool.
const INLINE_BYTES_MAX: usize = 131_072;

/// How far a lane has been taken over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Cursor {
    boot: String,
    last: u64,
}

/// Runs until the service stops.
pub(super) async fn drain(shared: Arc<Shared>, sanitizer: usize, lane: Lane) {
    let Some(link) = shared.links.get(sanitizer) else {
        return;
    };
    let stop = shared.around.tasks.soft();
    let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
    let mut cursor = Cursor::default();
    loop {
        // At first and after a failure the answer comes at once, so that another boot is seen without delay.
        let patient = !cursor.boot.is_empty() && backoff.attempts() == 0;
        let poll = link.client.poll(lane, &cursor.boot, cursor.last, patient);
        let Some(polled) = stop.run_until_cancelled(poll).await else {
            return;
        };
        link.note(polled.as_ref().map(|_| ()));
        let handled = match polled {
            Ok(batch) => take(&shared, sanitizer, lane, batch, &mut cursor).await,
            Err(error) => {
                if backoff.attempts() > 2 {
                    link.client.reload_certificates();
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

/// Takes a batch over. The cursor moves only when everything that must be stored is stored.
async fn take(
    shared: &Arc<Shared>,
    sanitizer: usize,
    lane: Lane,
    batch: Batch,
    cursor: &mut Cursor,
) -> anyhow::Result<()> {
    if batch.boot != cursor.boot {
        if !cursor.boot.is_empty() && lane == Lane::Reply {
            tracing::warn!(
                sanitizer,
                "the sanitizer started anew; pulls under way are asked again"
            );
            shared.waiting.forgotten_by(sanitizer);
        }
        *cursor = Cursor {
            boot: batch.boot,
            last: 0,
        };
    }
    let lines = batch.lines;
    let after = cursor.last;
    let checked = if lines.len() <= INLINE_BYTES_MAX {
        check(shared, sanitizer, lane, &lines, after)
    } else {
        let shared = Arc::clone(shared);
        let tasks = shared.around.tasks.clone();
        let work = move || check(&shared, sanitizer, lane, &lines, after);
        tasks
            .blocking("relay batch", work)
            .await
            .ok_or_else(|| anyhow::anyhow!("checking a batch failed"))?
    };
    intake::store(shared, sanitizer, checked.taken).await?;
    cursor.last = checked.last;
    anyhow::ensure!(
        !checked.broken,
        "the sanitizer's answer is not made of records"
    );
    Ok(())
}

/// What a batch held.
struct Checked {
    taken: Vec<Taken>,
    last: u64,
    /// A line was not even of the fixed shape; nothing after it was looked at.
    broken: bool,
}

fn check(shared: &Shared, sanitizer: usize, lane: Lane, batch: &Bytes, after: u64) -> Checked {
    let mut checked = Checked {
        taken: Vec::new(),
        last: after,
        broken: false,
    };
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
            metrics::counter!("spokegate_relay_lines_repeated_total", "lane" => lane.as_str())
                .increment(1);
            continue;
        }
        checked.last = line.cursor;
        if let Err(fault) = accept(shared, sanitizer, lane, batch, &line, &mut checked.taken) {
            metrics::counter!("spokegate_relay_lines_refused_total", "reason" => fault.reason())
                .increment(1);
            refused = Some((fault, line.cursor));
        }
    }
    // One event a batch: a flood of bad lines must not become a flood of events; the counter has them all.
    if let Some((fault, cursor)) = refused {
        let name = format!("sanitizer-{sanitizer}/{}/{cursor}", lane.as_str());
        Event::denied(fault.reason())
            .message_id(&name)
            .emit("a line of the sanitizer was refused");
    }
    checked
}

/// The record of a line: sealed for the tenant that it names, and that tenant known here.
fn read_record<'a>(
    shared: &Shared,
    key: &SealKey,
    line: &Line<'a>,
) -> Result<Record<'a>, LineFault> {
    let sealed_for = line.verify(key)?;
    let flat: Flat<'_> = serde_json::from_slice(line.record)
        .map_err(|error| LineFault::Record(error.to_string()))?;
    let record = Record::try_from(flat).map_err(|error| LineFault::Record(error.to_string()))?;
    if record.address.tenant != sealed_for {
        return Err(LineFault::Seal);
    }
    if !shared.around.tenants.contains(&record.address.tenant) {
        return Err(LineFault::ForeignTenant);
    }
    Ok(record)
}

fn accept(
    shared: &Shared,
    sanitizer: usize,
    lane: Lane,
    batch: &Bytes,
    line: &Line<'_>,
    taken: &mut Vec<Taken>,
) -> Result<(), LineFault> {
    let Some(link) = shared.links.get(sanitizer) else {
        return Ok(());
    };
    let record = read_record(shared, &link.key, line)?;
    if let (Lane::Status, Content::Presence { online: false }) = (lane, &record.content) {
        shared.waiting.gone(&record.address, record.at_ms);
    }
    let own = |text: &str| batch.slice_ref(text.as_bytes());
    let from = (sanitizer, &record.address);
    let delivered = match (lane, &record.content) {
        (
            Lane::Reply,
            Content::Reply {
                id,
                sequence,
                dataset,
                data,
                last,
            },
        ) => {
            let dataset = (&dataset.0, dataset.1);
            let chunk = Chunk {
                id: *id,
                sequence: *sequence,
                dataset,
                data,
                last: *last,
            };
            shared.waiting.chunk(from, &chunk, own)
        }
        (Lane::Reply, Content::Failed { id, failure }) => {
            shared.waiting.failure(from, *id, failure.clone())
        }
        (Lane::Push, Content::Push { data, .. }) => {
            let (Data::Rows(body) | Data::Document(body)) = data;
            let body = own(body.get());
            taken.push(Taken::push(&shared.around.contracts, record, body));
            return Ok(());
        }
        (
            Lane::Status,
            Content::Hello { .. } | Content::Status { .. } | Content::Presence { .. },
        )
        | (Lane::Quarantine, Content::Quarantine(_)) => {
            taken.extend(Taken::other(record));
            return Ok(());
        }
        _ => {
            return Err(LineFault::Record(format!(
                "not a record of the lane {}",
                lane.as_str()
            )));
        }
    };
    match delivered {
        Delivered::Yes => Ok(()),
        Delivered::Foreign => Err(LineFault::Record("an answer that was not asked for".into())),
        Delivered::Unknown | Delivered::Repeat => {
            metrics::counter!("spokegate_relay_replies_dropped_total").increment(1);
            Ok(())
        }
    }
}

/// The lines of a batch, without their ends.
fn lines(batch: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
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
