//! The log of a satellite's Node-RED: what its agent pushed is in the store; while somebody looks, the newest lines are asked
//! for as well, once for however many look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spokegate_contract::{Address, DatasetId, Failure, FailureClass};
use tokio::sync::watch;

use crate::relay::{Contract, PullEvent, PullOrder};
use crate::runs::Bounds;
use crate::schedule::milliseconds;
use crate::state::AppState;
use crate::store::satellite_log::{LogFilter, LogLine, NewLines};

/// The dataset of the lines.
pub const DATASET: &str = "node-red-log";
const VERSION: u16 = 1;
/// Lines that a first look asks for; later ones ask for what is new.
const TAIL: u64 = 500;
/// Lines that a later look takes at most.
const TAIL_MAX: u64 = 10_000;
/// Between two pulls of a satellite, however many look.
const PAUSE_MS: u64 = 2_000;
/// How long a pull may take.
const PULL_MS: u64 = 15_000;
/// Satellites that are remembered; those asked longest ago are forgotten.
const SATELLITES_MAX: usize = 1_024;

/// The satellites whose log somebody looks at. Cloning shares it.
#[derive(Clone, Default)]
pub struct SatelliteLogs(Arc<Mutex<HashMap<Address, Asked>>>);

/// What is known of asking one.
struct Asked {
    /// When the last pull began, in milliseconds since 1970.
    began_ms: u64,
    /// What came of the last pull that ended; ends of later ones are heard here.
    state: watch::Sender<Fresh>,
}

/// How fresh the lines are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fresh {
    /// Whether the satellite is being asked.
    pub asking: bool,
    /// When it last answered, in milliseconds since 1970.
    pub answered_ms: Option<u64>,
    /// Why it did not the last time, in words.
    pub failure: Option<String>,
}

/// A row of the dataset.
#[derive(Deserialize)]
struct Row {
    number: u64,
    at: jiff::Timestamp,
    stream: String,
    line: String,
    lost: u64,
}

/// The lines of a body that satisfies the dataset's contract.
#[must_use]
pub fn lines(body: &[u8]) -> Vec<LogLine> {
    let rows: Vec<Row> = serde_json::from_slice(body).unwrap_or_default();
    let line = |row: Row| LogLine {
        number: row.number,
        at_ms: milliseconds(row.at),
        stream: row.stream,
        line: row.line,
        lost: row.lost,
    };
    rows.into_iter().map(line).collect()
}

impl SatelliteLogs {
    /// Has the satellite asked for what is new, unless it is being asked or was a moment ago.
    pub fn look(&self, state: &AppState, address: &Address) -> watch::Receiver<Fresh> {
        let now_ms = state.clock.now_ms();
        let mut all = self.all();
        if !all.contains_key(address) {
            make_room(&mut all);
        }
        let asked = all.entry(address.clone()).or_insert_with(|| Asked {
            began_ms: 0,
            state: watch::Sender::default(),
        });
        let heard = asked.state.subscribe();
        let is_soon = now_ms.saturating_sub(asked.began_ms) < PAUSE_MS;
        if asked.state.borrow().asking || is_soon {
            return heard;
        }
        asked.began_ms = now_ms;
        asked.state.send_modify(|fresh| fresh.asking = true);
        drop(all);
        self.begin(state.clone(), address.clone());
        heard
    }

    fn begin(&self, state: AppState, address: Address) {
        let (logs, lost) = (self.clone(), self.clone());
        let (tasks, of) = (state.tasks.clone(), address.clone());
        let work = async move {
            let pull = pull(&state, &address);
            let pulled = tokio::time::timeout(Duration::from_millis(PULL_MS), pull).await;
            let pulled = pulled.unwrap_or_else(|_| Err(Failure::new(FailureClass::Timeout, "")));
            let now_ms = state.clock.now_ms();
            logs.end(&address, |fresh| match pulled {
                Ok(()) => (fresh.answered_ms, fresh.failure) = (Some(now_ms), None),
                Err(failure) => fresh.failure = Some(words(&failure)),
            });
            state.store.stir();
        };
        tasks.spawn_watched("look at a log", work, move |failure| {
            tracing::error!(error = %failure.reason, "a satellite's log could not be asked for");
            let broken = "the centre could not read it".to_owned();
            lost.end(&of, |fresh| fresh.failure = Some(broken));
        });
    }

    fn end(&self, address: &Address, change: impl FnOnce(&mut Fresh)) {
        if let Some(asked) = self.all().get(address) {
            asked.state.send_modify(|fresh| {
                fresh.asking = false;
                change(fresh);
            });
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Address, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the satellite that was asked longest ago, where there are too many.
fn make_room(all: &mut HashMap<Address, Asked>) {
    if all.len() < SATELLITES_MAX {
        return;
    }
    let idle = all.iter().filter(|(_, asked)| !asked.state.borrow().asking);
    let oldest = idle.min_by_key(|(_, asked)| asked.began_ms);
    if let Some(oldest) = oldest.map(|(address, _)| address.clone()) {
        all.remove(&oldest);
    }
}

fn words(failure: &Failure) -> String {
    match failure.detail.as_str() {
        "" => failure.class.as_str().to_owned(),
        detail => format!("{}: {detail}", failure.class.as_str()),
    }
}

/// Asks for the lines after the last one that is here, and keeps them.
async fn pull(state: &AppState, address: &Address) -> Result<(), Failure> {
    let invalid = |detail: &str| Failure::new(FailureClass::Invalid, detail);
    let dataset: DatasetId = DATASET.parse().map_err(|_| invalid("it is no id"))?;
    let contract = state
        .engine
        .contracts()
        .of_tenant(&address.tenant, &dataset, VERSION);
    let contract = contract.cloned().ok_or_else(|| {
        Failure::new(
            FailureClass::Refused,
            "this service has no contract of it: see schemas",
        )
    })?;
    let order = PullOrder {
        address: address.clone(),
        dataset,
        version: VERSION,
        params: params(state, address).await,
        deadline_ms: state.clock.now_ms().saturating_add(PULL_MS - 500),
    };
    let mut stream = state.engine.relay().pull(&order).await?;
    let mut bounds = Bounds::new(contract.dataset.limits);
    loop {
        let (body, last) = match stream.next().await {
            PullEvent::Rows { body, last, .. } => (body, last),
            PullEvent::Failure(failure) => return Err(failure),
            PullEvent::Document { .. } => return Err(invalid("it is no table")),
            PullEvent::Forgotten => {
                return Err(Failure::new(
                    FailureClass::Offline,
                    "the sanitizer began anew",
                ));
            }
        };
        bounds.bytes(body.len())?;
        let lines = judged(state, &contract, body).await?;
        bounds.rows(lines.len() as u64)?;
        let new = NewLines {
            lines,
            received_at_ms: state.clock.now_ms(),
            bytes_max: state.config.satellite_log.bytes_max,
        };
        let kept = state.store.satellite_log_note(address, &new).await;
        kept.map_err(|error| {
            tracing::error!(%error, "lines of a satellite cannot be stored");
            invalid("the centre cannot store it")
        })?;
        stream.taken();
        if last {
            return Ok(());
        }
    }
}

async fn params(state: &AppState, address: &Address) -> Map<String, Value> {
    let last = LogFilter {
        lines_max: 1,
        ..LogFilter::default()
    };
    let known = state.store.satellite_log(address, &last).await;
    let known = known
        .ok()
        .and_then(|lines| lines.first().map(|line| line.number));
    let params = match known {
        Some(number) => json!({ "tail": TAIL_MAX, "after": number }),
        None => json!({ "tail": TAIL }),
    };
    params.as_object().cloned().unwrap_or_default()
}

async fn judged(
    state: &AppState,
    contract: &Arc<Contract>,
    body: bytes::Bytes,
) -> Result<Vec<LogLine>, Failure> {
    let contract = Arc::clone(contract);
    let work = move || contract.count(&body).map(|_| lines(&body));
    let judged = state.tasks.blocking("judge a log", work).await;
    let judged = judged.ok_or_else(|| Failure::new(FailureClass::Invalid, "the service stops"))?;
    judged.map_err(|fault| Failure::new(FailureClass::Invalid, &fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines() {
        let body =
            br#"[{"number":7,"at":"2026-11-20T06:15:00Z","stream":"err","line":"x","lost":2}]"#;
        let expected = LogLine {
            number: 7,
            at_ms: 1_795_155_300_000,
            stream: "err".to_owned(),
            line: "x".to_owned(),
            lost: 2,
        };
        assert_eq!(lines(body), [expected]);
        assert!(lines(b"[]").is_empty());
    }

    #[test]
    fn those_asked_longest_ago_make_room() {
        let mut all = HashMap::new();
        for number in 0..SATELLITES_MAX as u64 {
            let address = Address::new(
                "acme".parse().unwrap(),
                format!("s{number}0").parse().unwrap(),
            );
            let asked = Asked {
                began_ms: 10 + number,
                state: watch::Sender::new(Fresh {
                    asking: number == 0,
                    ..Fresh::default()
                }),
            };
            all.insert(address, asked);
        }
        make_room(&mut all);
        assert_eq!(all.len(), SATELLITES_MAX - 1);
        assert!(
            !all.values().any(|asked| asked.began_ms == 11),
            "the oldest that is not being asked"
        );
        make_room(&mut all);
        assert_eq!(all.len(), SATELLITES_MAX - 1);
    }
}
