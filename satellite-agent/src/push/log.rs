//! Pushes the log of the kept Node-RED: new lines now and then, bounded in bytes; what finds no room in time is counted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use spokegate_contract::limits::CHUNK_ROWS_MAX;
use spokegate_contract::{DatasetId, Shape, cbor};
use spokegate_daemon::Clock;
use tokio_util::sync::CancellationToken;

use crate::jitter;
use crate::keeper::Lines;
use crate::spool::{NewMessage, Spool};

/// The dataset.
pub(crate) const NODE_RED_LOG: &str = "node-red-log";
/// Its version.
pub(crate) const VERSION: u16 = 1;
const HOUR_MS: u64 = 3_600_000;
/// Pushes at a time; what is left goes the next time.
const PUSHES_MAX: usize = 8;

/// The dataset's id.
pub(crate) fn dataset() -> DatasetId {
    NODE_RED_LOG.parse().expect("it is an id")
}

pub(crate) struct LogPusher {
    pub(crate) lines: Lines,
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Clock,
    pub(crate) every: Duration,
    pub(crate) push_bytes_max: usize,
    pub(crate) budget: Budget,
    pub(crate) soft: CancellationToken,
}

/// Bytes that may go within an hour. Pure.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: u64,
    used: u64,
    since_ms: u64,
}

impl Budget {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            used: 0,
            since_ms: 0,
        }
    }

    /// Whether so many may go now; then they are counted.
    fn take(&mut self, bytes: u64, now_ms: u64) -> bool {
        if now_ms.abs_diff(self.since_ms) >= HOUR_MS {
            (self.used, self.since_ms) = (0, now_ms);
        }
        let used = self.used.saturating_add(bytes);
        let fits = used <= self.bytes_max;
        if fits {
            self.used = used;
        }
        fits
    }
}

impl LogPusher {
    /// Runs until the soft token is cancelled; then sends what there is.
    pub(crate) async fn run(mut self) {
        let soft = self.soft.clone();
        let (mut next, mut is_told) = (0, false);
        loop {
            let pause = self.every + jitter::up_to(self.every / 10);
            let goes_on = soft.run_until_cancelled(tokio::time::sleep(pause)).await;
            (next, is_told) = self.send(next, is_told).await;
            if goes_on.is_none() {
                return;
            }
        }
    }

    /// Sends what is new; where to go on, and whether a fault was told.
    async fn send(&mut self, mut next: u64, is_told: bool) -> (u64, bool) {
        for _ in 0..PUSHES_MAX {
            let shipment = self.lines.from(next, CHUNK_ROWS_MAX);
            let (body, count) = encode(&shipment.rows, self.push_bytes_max);
            if count == 0 {
                return (next.max(shipment.next), false);
            }
            if !self.budget.take(body.len() as u64, self.clock.now_ms()) {
                if !is_told {
                    tracing::warn!(
                        "Node-RED writes more than node_red.log_hour_bytes_max; the centre gets the rest later, or learns how many lines it lacks"
                    );
                }
                return (next, true);
            }
            let message = NewMessage {
                dataset: dataset(),
                version: VERSION,
                shape: Shape::Rows,
                captured_at_ms: self.clock.now_ms(),
                body,
            };
            if let Err(error) = self.spool.append(&message).await {
                if !is_told {
                    tracing::warn!(%error, "lines of Node-RED's log wait, the spool does not take them");
                }
                return (next, true);
            }
            let lost = shipment.lost;
            metrics::counter!("spokegate_agent_node_red_log_lines_total", "outcome" => "pushed")
                .increment(count as u64);
            metrics::counter!("spokegate_agent_node_red_log_lines_total", "outcome" => "lost")
                .increment(lost);
            next = match shipment.rows.get(count) {
                Some(row) => row["number"].as_u64().unwrap_or(shipment.next),
                None => shipment.next,
            };
        }
        (next, false)
    }
}

/// As many rows as fit, one at least; and how many they are.
fn encode(rows: &[Value], bytes_max: usize) -> (Bytes, usize) {
    let mut encoded = Vec::new();
    let mut count = 0;
    for row in rows {
        let before = encoded.len();
        if cbor::from_json(row, &mut encoded).is_err() || (count > 0 && encoded.len() > bytes_max) {
            encoded.truncate(before);
            break;
        }
        count += 1;
    }
    let mut body = Vec::with_capacity(encoded.len() + 3);
    cbor::Writer::new(&mut body).array(count);
    body.extend_from_slice(&encoded);
    (body.into(), count)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_hour_has_its_bytes() {
        let mut budget = Budget::new(100);
        assert!(budget.take(60, HOUR_MS));
        assert!(!budget.take(60, HOUR_MS + 1) && budget.take(40, HOUR_MS + 1));
        assert!(!budget.take(1, 2 * HOUR_MS - 1));
        assert!(budget.take(100, 2 * HOUR_MS));
        // A clock that was set back does not stop it for long.
        assert!(budget.take(100, 1));
    }

    #[test]
    fn a_push_has_what_fits_and_at_least_one_row() {
        let rows: Vec<Value> = (0..10)
            .map(|n| json!({ "n": n, "text": "x".repeat(50) }))
            .collect();
        let (body, count) = encode(&rows, 200);
        assert_eq!(count, 3);
        assert!(body.len() <= 200 + 1, "{}", body.len());
        assert_eq!(encode(&rows, 1).1, 1);
        assert_eq!(encode(&rows, 1 << 20).1, 10);
        let (empty, count) = encode(&[], 200);
        assert_eq!((empty.as_ref(), count), (&b"\x80"[..], 0));
    }
}
