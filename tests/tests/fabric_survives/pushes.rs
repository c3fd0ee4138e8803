//! Pushes: what flows sent, what the agent promised, what the centre has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use spokegate_daemon::{Clock, Secret};
use spokegate_demo::http::PlainClient;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use crate::random::Random;

/// Pause between two pushes of a flow.
const PAUSE_MS: std::ops::Range<u64> = 30..200;
/// After an agent that did not answer.
const AGAIN: Duration = Duration::from_millis(100);

/// One push.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    /// Which satellite: its place in the plan.
    pub(crate) place: usize,
    /// The rows.
    content: Value,
    /// When its agent answered 202; none when it did not.
    pub(crate) accepted_at_ms: Option<u64>,
    /// When the centre stored it, each time.
    pub(crate) stored_at_ms: Vec<u64>,
}

/// All pushes by their names.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pushes: BTreeMap<String, Push>,
    /// What the centre has and nobody sent so.
    pub(crate) wrong: Vec<String>,
    last_seen: i64,
}

/// What became of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) accepted: usize,
    pub(crate) unanswered: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) wrong: usize,
}

impl Ledger {
    pub(crate) fn count(&self) -> Count {
        let all = || self.pushes.values();
        let is_accepted = |push: &&Push| push.accepted_at_ms.is_some();
        let is_lost = |push: &&Push| push.stored_at_ms.is_empty();
        Count {
            accepted: all().filter(is_accepted).count(),
            unanswered: all().filter(|push| !is_accepted(push)).count(),
            lost: all().filter(is_accepted).filter(is_lost).count(),
            doubled: all().filter(|push| push.stored_at_ms.len() > 1).count(),
            wrong: self.wrong.len(),
        }
    }

    /// When the centre stored the first of a satellite's pushes that its agent took after a moment.
    pub(crate) fn went_on_at_ms(&self, place: usize, after_ms: u64) -> Option<u64> {
        let later = self.pushes.values().filter(|push| {
            push.place == place && push.accepted_at_ms.is_some_and(|at_ms| at_ms >= after_ms)
        });
        later
            .flat_map(|push| push.stored_at_ms.iter().copied())
            .min()
    }

    /// Notes what the centre has stored: for which satellite, when, and the rows.
    fn stored(&mut self, place: Option<usize>, at_ms: u64, body: &[u8]) {
        let content: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = content[0]["job"].as_str().unwrap_or_default();
        match self.pushes.get_mut(name) {
            Some(push) if Some(push.place) == place && push.content == content => {
                push.stored_at_ms.push(at_ms);
            }
            found => self.wrong.push(format!("{place:?} {found:?} {content}")),
        }
    }
}

/// One satellite's flow that pushes.
pub(crate) struct Flow {
    pub(crate) place: usize,
    /// As it stands in host names.
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) token: Secret,
    pub(crate) random: Random,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
}

impl Flow {
    /// Pushes until it is told to stop. A push that the agent did not answer is not repeated: the next one is another.
    pub(crate) async fn run(mut self, stop: Arc<AtomicBool>) {
        let (client, clock) = (PlainClient::new(), Clock::system());
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let (name, content) = self.content(number);
            let body = Bytes::from(content.to_string());
            let push = Push {
                place: self.place,
                content,
                accepted_at_ms: None,
                stored_at_ms: Vec::new(),
            };
            self.ledger
                .lock()
                .unwrap()
                .pushes
                .insert(name.clone(), push);
            let answer = client.post_json(&self.url, self.token.expose(), body).await;
            if answer.is_ok_and(|answer| answer.status == 202) {
                let mut ledger = self.ledger.lock().unwrap();
                ledger.pushes.get_mut(&name).unwrap().accepted_at_ms = Some(clock.now_ms());
            } else {
                tokio::time::sleep(AGAIN).await;
            }
            let pause_ms = self.random.between(PAUSE_MS.start, PAUSE_MS.end);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    /// One to forty rows that nobody else sends.
    fn content(&mut self, number: u64) -> (String, Value) {
        let name = format!("push {number} of {}", self.name);
        let rows = if self.random.once_in(8) {
            self.random.between(2, 40)
        } else {
            1
        };
        let row = |index: u64| {
            json!({
                "job": if index == 0 { name.clone() } else { format!("row {index} of {name}") },
                "hostname": format!("{}-srv01", self.name),
                "last_run": "2026-11-20T02:41:07Z",
                "result": "success",
                "size_bytes": self.random.clone().next() >> 11,
                "duration_s": 1.5,
                "message": "x".repeat((index as usize * 37) % 300),
            })
        };
        let content = (0..rows).map(row).collect();
        self.random.next();
        (name, content)
    }
}

/// Reads what the centre's store took in, row by row, through a trigger of its own: the centre itself keeps only the
/// latest pushes of each dataset.
pub(crate) struct Observer {
    store: PathBuf,
    /// `(tenant, satellite)` by place.
    satellites: Vec<(String, String)>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Observer {
    pub(crate) async fn start(
        store: PathBuf,
        satellites: Vec<(String, String)>,
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        let mut connection = open(&store, false).await.unwrap();
        for statement in [
            "CREATE TABLE test_seen (id INTEGER PRIMARY KEY, tenant TEXT, satellite TEXT, at INTEGER, body BLOB)",
            "CREATE TRIGGER test_seen_push AFTER INSERT ON push BEGIN
                 INSERT INTO test_seen (tenant, satellite, at, body) VALUES (NEW.tenant, NEW.satellite,
                     CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), NEW.body);
             END",
        ] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        Self {
            store,
            satellites,
            ledger,
        }
    }

    /// Takes over what is new. A store that is just being opened is looked at the next time.
    pub(crate) async fn look(&self) {
        let after = self.ledger.lock().unwrap().last_seen;
        let Ok(rows) = self.rows(after).await else {
            return;
        };
        let mut ledger = self.ledger.lock().unwrap();
        for (id, tenant, satellite, at_ms, body) in rows {
            let own = |(t, s): &(String, String)| *t == tenant && *s == satellite;
            let place = self.satellites.iter().position(own);
            ledger.stored(place, at_ms.cast_unsigned(), &body);
            ledger.last_seen = id;
        }
    }

    async fn rows(&self, after: i64) -> sqlx::Result<Vec<(i64, String, String, i64, Vec<u8>)>> {
        let mut connection = open(&self.store, true).await?;
        let rows = sqlx::query(
            "SELECT id, tenant, satellite, at, body FROM test_seen WHERE id > ? ORDER BY id",
        )
        .bind(after)
        .fetch_all(&mut connection)
        .await;
        connection.close().await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
        };
        Ok(rows?.iter().map(read).collect())
    }

    /// Each run of the store: its state, and how long it took in milliseconds.
    pub(crate) async fn runs(&self) -> Vec<(String, Option<i64>)> {
        let mut connection = open(&self.store, true).await.unwrap();
        let rows = sqlx::query("SELECT state, finished_at - created_at FROM run")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

async fn open(store: &Path, read_only: bool) -> sqlx::Result<SqliteConnection> {
    sqlx::sqlite::SqliteConnectOptions::new()
        .filename(store)
        .read_only(read_only)
        .connect()
        .await
}
