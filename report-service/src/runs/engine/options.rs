//! Choices of a form's field that come from a customer's data: fetched like a need, kept for a short time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::super::failure::{Wanted, list_sentence, older_words};
use super::super::fetch::{Fetched, Fetcher};
use super::{Engine, Shared};
use crate::render::{Tray, Values};
use crate::reports::{Options, Report};
use crate::runs::Tenant;

/// Most customers whose choices one field shows together.
pub const CUSTOMERS_MAX: usize = 20;
/// Most values of one customer.
const VALUES_MAX: usize = 5_000;
/// Longest value or label, in characters; longer ones are left out.
const CHARS_MAX: usize = 200;
/// Lists that are fetched at the same time.
const FETCHES_MAX: usize = 8;
/// Lists that are kept; beyond, the oldest goes.
const KEPT_MAX: usize = 256;
/// A failure is told again for so long before the customer's segment is asked anew.
const FAILURE_KEEP_MS: u64 = 5_000;

/// One value that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
    /// The customers who have it, by name.
    pub of: Vec<String>,
}

/// What there is to choose for some customers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// What any of them has, in the order of what is read.
    pub listed: Vec<Listed>,
    /// A sentence for each customer whose list did not come,
    pub failures: Vec<String>,
    /// and for each whose list is of older data.
    pub older: Vec<String>,
}

/// What one customer has.
#[derive(Debug, PartialEq, Eq)]
struct List {
    rows: Vec<Row>,
    /// Where it is older data: how old, and why.
    older: Option<String>,
}

type Rows = Arc<List>;

/// Value, label, and the cells that filters look at.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    label: String,
    value: String,
    cells: Vec<String>,
}

struct Kept {
    until_ms: u64,
    rows: Result<Rows, Failure>,
}

/// One list; whoever comes while it is fetched waits for it.
type Place = Arc<AsyncMutex<Option<Kept>>>;

/// Lists by report, field, customer and parameters, each with when it was last asked for.
pub(super) struct Lists {
    places: Mutex<HashMap<String, (u64, Place)>>,
    fetches: Semaphore,
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            places: Mutex::default(),
            fetches: Semaphore::new(FETCHES_MAX),
        }
    }
}

impl Lists {
    fn place(&self, key: String, now_ms: u64) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= KEPT_MAX && !places.contains_key(&key) {
            let oldest = places.iter().min_by_key(|(_, (at_ms, _))| *at_ms);
            let oldest = oldest.map(|(key, _)| key.clone());
            oldest.map(|key| places.remove(&key));
        }
        let (asked_ms, place) = places.entry(key).or_default();
        *asked_ms = now_ms;
        Arc::clone(place)
    }
}

impl Engine {
    /// What a field that is filled from data can be for these customers, as the other fields stand. What any of them has
    /// is in the list, with whose it is.
    pub async fn choices(
        &self,
        report: &Report,
        field: &str,
        tenants: &[Tenant],
        filled: &Map<String, Value>,
    ) -> Choices {
        let Some(options) = report.options.get(field) else {
            return Choices::default();
        };
        let filled = report.settled(filled.clone(), self.today());
        let asked = tenants.iter().map(|tenant| {
            let key = format!("{}/{field}/{}", report.id, tenant.id);
            self.shared.listed(options, key, tenant, &filled)
        });
        let came = futures_util::future::join_all(asked).await;
        let wanted = filters(options, &filled);
        let mut listed: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let (mut failures, mut older) = (Vec::new(), Vec::new());
        for (tenant, rows) in tenants.iter().zip(came) {
            match rows {
                Ok(rows) => {
                    let words = rows.older.as_ref();
                    older.extend(words.map(|words| format!("{}: {words}.", tenant.title)));
                    for row in rows.rows.iter().filter(|row| row.counts(&wanted)) {
                        let of = listed.entry((row.label.clone(), row.value.clone()));
                        of.or_default().push(tenant.title.clone());
                    }
                }
                Err(failure) => failures.push(told(options, tenant, &failure)),
            }
        }
        let listed = listed.into_iter();
        let listed = listed.map(|((label, value), of)| Listed { value, label, of });
        Choices {
            listed: listed.collect(),
            failures,
            older,
        }
    }
}

impl Row {
    fn counts(&self, wanted: &[Option<String>]) -> bool {
        let mut pairs = self.cells.iter().zip(wanted);
        pairs.all(|(cell, wanted)| wanted.as_ref().is_none_or(|wanted| wanted == cell))
    }
}

/// What the filters look for; nothing where the field is empty.
fn filters(options: &Options, filled: &Map<String, Value>) -> Vec<Option<String>> {
    let wanted = |(_, field): &(String, String)| filled.get(field).and_then(plain);
    options.filter.iter().map(wanted).collect()
}

/// A plain value as text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn told(options: &Options, tenant: &Tenant, failure: &Failure) -> String {
    let wanted = Wanted {
        tenant: &tenant.title,
        dataset: &options.need.title,
        timeout_s: options.need.timeout_ms.div_ceil(1_000),
    };
    list_sentence(wanted, failure)
}

impl Shared {
    /// One customer's list: the kept one while it is young enough.
    async fn listed(
        &self,
        options: &Options,
        key: String,
        tenant: &Tenant,
        filled: &Map<String, Value>,
    ) -> Result<Rows, Failure> {
        let params = options.need.params(filled);
        let key = format!("{key}/{}", Value::Object(params.clone()));
        let place = self.lists.place(key, self.parts.clock.now_ms());
        let mut kept = place.lock().await;
        if let Some(kept) = kept.as_ref()
            && self.parts.clock.now_ms() < kept.until_ms
        {
            return kept.rows.clone();
        }
        // The semaphore is never closed; were it, one more would run.
        let _turn = self.lists.fetches.acquire().await.ok();
        let rows = self.fetch_list(options, tenant, params).await;
        let keep_ms = match rows {
            Ok(_) => options.keep_ms,
            Err(_) => FAILURE_KEEP_MS.min(options.keep_ms),
        };
        *kept = Some(Kept {
            until_ms: self.parts.clock.now_ms().saturating_add(keep_ms),
            rows: rows.clone(),
        });
        rows
    }

    async fn fetch_list(
        &self,
        options: &Options,
        tenant: &Tenant,
        params: Map<String, Value>,
    ) -> Result<Rows, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            tracing::error!(%error, "{what}");
            Failure::new(FailureClass::SourceError, "the centre could not look it up")
        };
        let satellites = self.parts.store.satellites().await;
        let satellites = satellites.map_err(|error| failed("satellites are not known", &error))?;
        let job = self.job(&options.need, tenant, &satellites, params).await;
        let job = job.map_err(|error| failed("a list could not be planned", &error))?;
        let tray = self.parts.renderer.tray();
        let tray = tray.map_err(|error| failed("there is no place for a list", &error))?;
        let fetcher = self.fetcher(&tray);
        let fetched = self.fetch(&fetcher, &options.need, &job, &|_| {}).await?;
        let made = options.clone();
        let work = move || rows(&made, &tray, &fetched);
        let rows = self.parts.tasks.blocking("read a list", work).await;
        rows.unwrap_or_else(|| Err(failed("a list could not be read", &"the task failed")))
    }

    /// What fetches, with a place for the rows.
    pub(super) fn fetcher(&self, tray: &Arc<Tray>) -> Fetcher {
        let parts = &self.parts;
        Fetcher {
            relay: parts.relay.clone(),
            store: parts.store.clone(),
            clock: parts.clock.clone(),
            tasks: parts.tasks.clone(),
            sources: parts.sources.clone(),
            tray: Arc::clone(tray),
        }
    }
}

/// What is to choose of the rows that came, each value once.
fn rows(options: &Options, tray: &Tray, fetched: &Fetched) -> Result<Rows, Failure> {
    let unreadable = || Failure::new(FailureClass::SourceError, "what came could not be read");
    let Values::Rows(chunks) = &fetched.data else {
        return Err(unreadable());
    };
    let mut found = BTreeMap::new();
    for chunk in chunks {
        let bytes = tray.piece(chunk.span).map_err(|_| unreadable())?;
        let rows: Vec<Value> = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
        for row in rows {
            let text = |pointer: &str| row.pointer(pointer).and_then(plain);
            let Some(value) = text(&options.value).filter(|value| fits(value)) else {
                continue;
            };
            let label = options.label.as_deref().and_then(text);
            let label = label.filter(|label| fits(label));
            let label = label.unwrap_or_else(|| value.clone());
            let filters = options.filter.iter();
            let cells = filters.map(|(pointer, _)| text(pointer).unwrap_or_default());
            let cells: Vec<String> = cells.collect();
            found.entry((value, cells)).or_insert(label);
            if found.len() > VALUES_MAX {
                let detail = format!("more than {VALUES_MAX} values");
                return Err(Failure::new(FailureClass::TooLarge, &detail));
            }
        }
    }
    let row = |((value, cells), label)| Row {
        label,
        value,
        cells,
    };
    let mut rows: Vec<Row> = found.into_iter().map(row).collect();
    rows.sort();
    let older = fetched.older;
    let older = older.map(|class| older_words(class, fetched.captured_at_ms));
    Ok(Arc::new(List { rows, older }))
}

fn fits(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= CHARS_MAX && !text.contains(char::is_control)
}
