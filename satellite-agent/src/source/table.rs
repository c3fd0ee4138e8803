//! Sources that give rows one by one: databases, and CSV files.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::limits::{DEADLINE_MS_MAX, PULL_ROWS_MAX};
use spokegate_contract::{Failure, FailureClass, Shape};
use spokegate_daemon::{BelowError, Clock, SecretSource, open_below};
use spokegate_sources::{
    CHUNKS_WAITING, Columns, CsvShape, Database, Given, Limits, Outlet, Query, csv_rows, late, read,
};
use tokio::sync::mpsc;

use super::http_fault::ANSWER_JSON_BYTES_MAX;
use super::reading::Reading;
use super::{Answer, Batch, Source};

/// What one answer may hold; the centre's own limits are checked where it is sent.
const LIMITS: Limits = Limits {
    rows: PULL_ROWS_MAX,
    bytes: ANSWER_JSON_BYTES_MAX,
    time_ms: DEADLINE_MS_MAX,
};

/// Rows of one database or CSV file for one dataset.
pub(crate) struct TableSource {
    pub(crate) origin: Origin,
    /// What the contract wants of the columns, as far as this machine knows it.
    pub(crate) columns: Columns,
    /// Longest wait for the next piece.
    pub(crate) timeout: Duration,
    pub(crate) clock: Clock,
}

/// Where the rows are.
#[derive(Clone)]
pub(crate) enum Origin {
    /// In a database.
    Database {
        database: Database,
        query: Query,
        /// Read anew each time: it may be rotated.
        password: Option<SecretSource>,
        /// For a SQLite file: the folder that is allowed, and the way below it.
        below: Option<(PathBuf, PathBuf)>,
    },
    /// In a CSV file below the folder.
    Csv {
        folder: PathBuf,
        path: PathBuf,
        shape: CsvShape,
    },
}

impl fmt::Debug for TableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableSource")
            .field("place", &self.origin.place())
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// For words about it.
    fn place(&self) -> String {
        match self {
            Self::Database { database, .. } => database.place(),
            Self::Csv { path, .. } => path.display().to_string(),
        }
    }

    /// Puts all rows into the outlet.
    async fn fetch(
        &self,
        params: &Map<String, Value>,
        columns: &Columns,
        clock: &Clock,
        outlet: &mut Outlet,
    ) -> Result<(), Failure> {
        match self {
            Self::Database {
                database,
                query,
                password,
                below,
            } => {
                if let Some((folder, path)) = below.clone() {
                    // Looked at as any file; SQLite then opens it by its name.
                    drop(apart(move || open_below(&folder, &path)).await?);
                }
                let resolve = |source: &SecretSource| {
                    let unread = |error: spokegate_daemon::SecretError| failed(&error.to_string());
                    source.resolve().map_err(unread)
                };
                let password = password.as_ref().map(resolve).transpose()?;
                let given = Given {
                    params,
                    columns,
                    time_ms: LIMITS.time_ms,
                };
                database
                    .fetch(query, password.as_ref(), given, clock, outlet)
                    .await
            }
            Self::Csv {
                folder,
                path,
                shape,
            } => {
                let (folder, path) = (folder.clone(), path.clone());
                let (shape, columns, mut own) = (shape.clone(), columns.clone(), outlet.taken());
                let (own, result) = apart(move || {
                    let file = open_below(&folder, &path)?;
                    let name = path.display().to_string();
                    let result = csv_rows(&shape, (file, &name), ("", &columns), &mut own);
                    Ok((own, result))
                })
                .await?;
                *outlet = own;
                result
            }
        }
    }

    /// A small question that shows whether there is anybody to answer.
    fn probe(&self) -> Option<Self> {
        match self.clone() {
            Self::Database {
                database,
                password,
                below,
                ..
            } => Some(Self::Database {
                query: read("SELECT 1", database.dialect()).ok()?,
                database,
                password,
                below,
            }),
            Self::Csv { .. } => None,
        }
    }
}

/// Work that waits for a disk, on a thread that may.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BelowError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| failed("the agent stops"))?;
    done.map_err(|error| failed(&error.to_string()))
}

fn failed(detail: &str) -> Failure {
    Failure::new(FailureClass::SourceError, detail)
}

impl TableSource {
    fn rows(&self, origin: Origin, params: &Map<String, Value>) -> TableAnswer {
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
        let (params, columns, clock) = (params.clone(), self.columns.clone(), self.clock.clone());
        let place = origin.place();
        let work = async move {
            let mut outlet = Outlet::new(sender, LIMITS);
            let result = origin.fetch(&params, &columns, &clock, &mut outlet).await;
            outlet.end(result).await;
        };
        TableAnswer {
            work: Some(work.boxed()),
            chunks,
            place,
            timeout: self.timeout,
            bytes: 0,
        }
    }
}

impl Source for TableSource {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let answer = self.rows(self.origin.clone(), params);
            Ok(Box::new(answer) as Box<dyn Answer>)
        }
        .boxed()
    }

    fn origin(&self) -> String {
        format!("table:{}", self.origin.place())
    }

    fn asks_node_red(&self) -> bool {
        false
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        async move {
            let answers = match (&self.origin, self.origin.probe()) {
                (_, Some(probe)) => {
                    let mut answer = self.rows(probe, &Map::new());
                    answer.advance().await.is_ok()
                }
                (Origin::Csv { folder, path, .. }, _) => {
                    let (folder, path) = (folder.clone(), path.clone());
                    let opened = apart(move || open_below(&folder, &path));
                    matches!(tokio::time::timeout(self.timeout, opened).await, Ok(Ok(_)))
                }
                (Origin::Database { .. }, None) => false,
            };
            if answers {
                SourceHealth::Up
            } else {
                SourceHealth::Down
            }
        }
        .boxed()
    }
}

/// Rows as they come. Dropping it ends the asking.
struct TableAnswer {
    /// What fills the channel, until it is done.
    work: Option<BoxFuture<'static, ()>>,
    chunks: mpsc::Receiver<Result<Bytes, Failure>>,
    place: String,
    timeout: Duration,
    bytes: u64,
}

impl TableAnswer {
    async fn advance(&mut self) -> Result<Option<Batch>, Failure> {
        loop {
            let piece = tokio::time::timeout(self.timeout, self.piece()).await;
            let Some(chunk) = piece.map_err(|_| late())? else {
                return Ok(None);
            };
            let chunk = chunk.map_err(|failure| self.named(failure))?;
            self.bytes += chunk.len() as u64;
            // Each chunk is an array of its own.
            let mut reading = Reading::new(Shape::Rows);
            let read = reading.take(&chunk, self.bytes);
            let read = read.and_then(|batch| reading.finish().map(|_| batch));
            let batch = read.map_err(|fault| fault.at(&self.place))?;
            if batch.len() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    /// The next chunk, while the work goes on.
    async fn piece(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            let Some(work) = &mut self.work else {
                return self.chunks.recv().await;
            };
            tokio::select! {
                biased;
                chunk = self.chunks.recv() => return chunk,
                () = work => self.work = None,
            }
        }
    }

    /// The failure with its place, where it has words that do not name it.
    fn named(&self, failure: Failure) -> Failure {
        if failure.detail.is_empty() || failure.detail.contains(&self.place) {
            return failure;
        }
        let detail = format!("the local source {}: {}", self.place, failure.detail);
        Failure::new(failure.class, &detail)
    }
}

impl Answer for TableAnswer {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        self.advance().boxed()
    }
}

#[cfg(test)]
mod tests;
