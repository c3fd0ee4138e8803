//! Choices of a form's field that come from a customer's data: fetched like a need, kept for a short time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass, TenantId};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};

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
/// Lists that are fetched at the same time,
const FETCHES_MAX: usize = 8;
/// of them for one person, and of them from one customer.
const SHARE_MAX: usize = 2;
/// The longest wait for one's turn.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// What is said after that.
const BUSY: &str = "too many lists are being fetched; try again in a moment";
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
    /// The same by id.
    pub ids: Vec<TenantId>,
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
    fetches: Arc<Semaphore>,
    /// Of each person and each customer for whom there is a fetch.
    shares: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// Leave to fetch one list; dropping it lets the next one.
type Turn = [OwnedSemaphorePermit; 3];

impl Default for Lists {
    fn default() -> Self {
        Self {
            places: Mutex::default(),
            fetches: Arc::new(Semaphore::new(FETCHES_MAX)),
            shares: Mutex::default(),
        }
    }
}

impl Lists {
    /// Waits for one's turn, at most so long. Nobody has to wait for more than a share of one person, nor of one customer:
    /// what all have is taken last.
    async fn turn(&self, (owner_id, tenant): (&str, &Tenant), wait: Duration) -> Option<Turn> {
        let own = self.share(format!("person {owner_id}"));
        let theirs = self.share(format!("customer {}", tenant.id));
        let all = Arc::clone(&self.fetches);
        let taken = async {
            // No semaphore is ever closed.
            let own = own.acquire_owned().await.ok()?;
            let theirs = theirs.acquire_owned().await.ok()?;
            Some([own, theirs, all.acquire_owned().await.ok()?])
        };
        tokio::time::timeout(wait, taken).await.ok().flatten()
    }

    fn share(&self, key: String) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has a turn or waits for one holds its share.
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        let share = shares.entry(key);
        Arc::clone(share.or_insert_with(|| Arc::new(Semaphore::new(SHARE_MAX))))
    }

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
    /// is in the list, with whose it is. It is fetched for the person with this stable id.
    pub async fn choices(
        &self,
        owner_id: &str,
        (report, field): (&Report, &str),
        tenants: &[Tenant],
        filled: &Map<String, Value>,
    ) -> Choices {
        let asked = self
            .shared
            .choices(owner_id, (report, field), tenants, filled);
        asked.await
    }
}

impl Shared {
    pub(super) async fn choices(
        &self,
        owner_id: &str,
        (report, field): (&Report, &str),
        tenants: &[Tenant],
        filled: &Map<String, Value>,
    ) -> Choices {
        let Some(options) = report.options.get(field) else {
            return Choices::default();
        };
        let filled = report.settled(filled.clone(), self.today());
        let asked = tenants.iter().map(|tenant| {
            let key = format!("{}/{field}/{}", report.id, tenant.id);
            self.listed(options, (owner_id, key), tenant, &filled)
        });
        let came = futures_util::future::join_all(asked).await;
        let wanted = filters(options, &filled);
        let mut listed: BTreeMap<(String, String), Vec<&Tenant>> = BTreeMap::new();
        let (mut failures, mut older) = (Vec::new(), Vec::new());
        for (tenant, rows) in tenants.iter().zip(came) {
            match rows {
                Ok(rows) => {
                    let words = rows.older.as_ref();
                    older.extend(words.map(|words| format!("{}: {words}.", tenant.title)));
                    for row in rows.rows.iter().filter(|row| row.counts(&wanted)) {
                        let of = listed.entry((row.label.clone(), row.value.clone()));
                        of.or_default().push(tenant);
                    }
                }
                Err(failure) => failures.push(told(options, tenant, &failure)),
            }
        }
        let listed = listed.into_iter();
        let listed = listed.map(|((label, value), of)| Listed {
            value,
            label,
            ids: of.iter().map(|tenant| tenant.id.clone()).collect(),
            of: of.iter().map(|tenant| tenant.title.clone()).collect(),
        });
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
        (owner_id, key): (&str, String),
        tenant: &Tenant,
        filled: &Map<String, Value>,
    ) -> Result<Rows, Failure> {
        let params = options.need.params(filled);
        let key = format!("{key}/{}", Value::Object(params.clone()));
        let place = self.lists.place(key, self.parts.clock.now_ms());
        let busy = || Failure::new(FailureClass::Refused, BUSY);
        let wait = WAIT_MAX + Duration::from_millis(options.need.timeout_ms);
        let kept = tokio::time::timeout(wait, place.lock()).await;
        let mut kept = kept.map_err(|_| busy())?;
        if let Some(kept) = kept.as_ref()
            && self.parts.clock.now_ms() < kept.until_ms
        {
            return kept.rows.clone();
        }
        // Who has to wait for too long is told so; that says nothing about the list, and is not kept.
        let turn = self.lists.turn((owner_id, tenant), WAIT_MAX).await;
        let _turn = turn.ok_or_else(busy)?;
        let rows = self.fetch_list(options, (owner_id, tenant), params).await;
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
        (owner_id, tenant): (&str, &Tenant),
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
        let asker = (&fetcher, owner_id);
        let fetched = self.fetch(asker, &options.need, &job, &|_| {}).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_person_or_one_slow_customer_does_not_keep_the_lists_of_all() {
        let lists = Lists::default();
        let tenant = |id: &str| Tenant {
            id: id.parse().unwrap(),
            title: id.into(),
            locale: docx_jinja::Locale::default(),
        };
        let turn = async |owner: &str, id: &str| {
            let wait = Duration::from_millis(200);
            lists.turn((owner, &tenant(id)), wait).await
        };
        let first = [turn("alice", "acme").await, turn("alice", "globex").await];
        assert!(first.iter().all(Option::is_some));
        assert!(turn("alice", "initech").await.is_none(), "her share");
        let second = turn("bob", "acme").await;
        assert!(second.is_some(), "others go between");
        assert!(turn("carol", "acme").await.is_none(), "acme's share");
        assert!(turn("carol", "hooli").await.is_some());
        drop(first);
        assert!(turn("carol", "acme").await.is_some(), "there is room again");
        assert!(turn("alice", "initech").await.is_some());
    }
}
