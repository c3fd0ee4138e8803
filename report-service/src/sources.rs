//! Central sources: the MSP's own databases, services and files, asked for reports beside what satellites supply. Their
//! rows satisfy a dataset's contract like any other.

mod definition;
mod files;
mod http;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value};
use spokegate_contract::{DatasetId, Failure, FailureClass, TenantId};
use spokegate_daemon::{Clock, Secret, Tasks};
use spokegate_sources::{CHUNKS_WAITING, Database, Given, Limits, Outlet};
use tokio::sync::mpsc;

use crate::relay::Contracts;
use crate::secrets::{SecretRef, Secrets};
use definition::{Origin, Source};

pub use definition::SourceId;

/// Largest JSON file, in bytes: it is read as a whole.
const JSON_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Every source of this service; cloning shares them.
#[derive(Clone)]
pub struct Sources {
    inner: Arc<Inner>,
}

struct Inner {
    sources: BTreeMap<SourceId, Arc<Source>>,
    files: PathBuf,
    results: Mutex<BTreeMap<SourceId, LastResult>>,
    around: Option<Around>,
}

/// What asking needs.
#[derive(Clone)]
pub struct Around {
    /// Passwords.
    pub secrets: Secrets,
    /// The time.
    pub clock: Clock,
    /// Starts what asks.
    pub tasks: Tasks,
}

/// What is known of a source without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// Its name.
    pub id: SourceId,
    /// Its name for people.
    pub title: String,
    /// Which kind it is.
    pub kind: &'static str,
    /// The contract that its rows satisfy.
    pub dataset: DatasetId,
    /// Of which version.
    pub version: u16,
    /// The secrets that it uses.
    pub secrets: Vec<SecretRef>,
}

/// How a source was asked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastResult {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// What went wrong, in words; empty when nothing did.
    pub fault: String,
}

/// For whom rows are fetched, and with which parameters.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The customer: the parameter `tenant`.
    pub tenant: TenantId,
    /// Its name: the parameter `tenant_title`.
    pub tenant_title: String,
    /// The dataset's parameters.
    pub params: Map<String, Value>,
    /// Milliseconds that whoever asks waits.
    pub time_ms: u64,
}

/// Everything that is wrong with the definitions, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFaults(pub Vec<String>);

impl fmt::Display for SourceFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sources have {} fault(s)", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for SourceFaults {}

impl Sources {
    /// Reads every `<id>.toml` of a folder; none when the folder is not there.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn read(folder: &Path, files: &Path, contracts: &Contracts) -> Result<Self, SourceFaults> {
        let (mut sources, mut faults) = (BTreeMap::new(), Vec::new());
        for path in definitions(folder).map_err(|fault| SourceFaults(vec![fault]))? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let id = path.file_stem().unwrap_or_default().to_string_lossy();
            let read = id
                .parse::<SourceId>()
                .map_err(|fault| vec![fault])
                .and_then(|id| definition::read(&id, &path, contracts));
            match read {
                Ok(source) => drop(sources.insert(source.id.clone(), Arc::new(source))),
                Err(found) => faults.extend(found.iter().map(|fault| format!("{name}: {fault}"))),
            }
        }
        if !faults.is_empty() {
            return Err(SourceFaults(faults));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                sources,
                files: files.to_owned(),
                results: Mutex::default(),
                around: None,
            }),
        })
    }

    /// No source at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            inner: Arc::new(Inner {
                sources: BTreeMap::new(),
                files: PathBuf::new(),
                results: Mutex::default(),
                around: None,
            }),
        }
    }

    /// The same, ready to be asked.
    #[must_use]
    pub fn with(self, around: Around) -> Self {
        for info in self.list() {
            for secret in &info.secrets {
                around
                    .secrets
                    .declare(secret.name(), format!("source \"{}\"", info.id));
            }
        }
        let inner = Inner {
            sources: self.inner.sources.clone(),
            files: self.inner.files.clone(),
            results: Mutex::default(),
            around: Some(around),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Every source, by name.
    #[must_use]
    pub fn list(&self) -> Vec<SourceInfo> {
        let sources = self.inner.sources.values();
        sources.map(|source| info(source)).collect()
    }

    /// One source.
    #[must_use]
    pub fn get(&self, id: &SourceId) -> Option<SourceInfo> {
        self.inner.sources.get(id).map(|source| info(source))
    }

    /// How a source was asked last, since the start.
    #[must_use]
    pub fn last(&self, id: &SourceId) -> Option<LastResult> {
        let results = self.inner.results.lock();
        results
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    /// Asks a source: JSON arrays of rows as they come, the last perhaps empty; or a failure, after which nothing comes.
    /// The contract is yet to be checked. Dropping the receiver ends the asking.
    #[must_use]
    pub fn fetch(&self, id: &SourceId, asked: Asked) -> mpsc::Receiver<Result<Bytes, Failure>> {
        let (chunks, receiver) = mpsc::channel(CHUNKS_WAITING);
        let found = self.inner.sources.get(id).cloned();
        let (Some(source), Some(around)) = (found, self.inner.around.clone()) else {
            let gone = Failure::new(FailureClass::Refused, "there is no such source");
            // The channel is new and empty.
            let _ = chunks.try_send(Err(gone));
            return receiver;
        };
        let (inner, tasks) = (Arc::clone(&self.inner), around.tasks.clone());
        tasks.spawn("source", async move {
            let limits = Limits {
                time_ms: source.limits.time_ms.min(asked.time_ms),
                ..source.limits
            };
            let nobody = chunks.clone();
            let mut outlet = Outlet::new(chunks, limits);
            let time = Duration::from_millis(limits.time_ms);
            let work = tokio::time::timeout(
                time,
                inner.rows(&source, &around, &asked, &mut outlet, limits),
            );
            let result = tokio::select! {
                result = work => result.unwrap_or_else(|_| Err(spokegate_sources::late())),
                () = nobody.closed() => return,
            };
            inner.note(&source.id, around.clock.now_ms(), &result);
            outlet.end(result).await;
        });
        receiver
    }
}

impl Inner {
    async fn rows(
        &self,
        source: &Arc<Source>,
        around: &Around,
        asked: &Asked,
        outlet: &mut Outlet,
        limits: Limits,
    ) -> Result<(), Failure> {
        let mut params = asked.params.clone();
        params.insert("tenant".into(), asked.tenant.as_str().into());
        params.insert("tenant_title".into(), asked.tenant_title.as_str().into());
        let given = Given {
            params: &params,
            columns: &source.columns,
            time_ms: limits.time_ms,
        };
        match &source.origin {
            Origin::Database(database, query, password) => {
                let database = self.placed(database)?;
                let password = self::password(around, password.as_ref()).await?;
                let password = password.as_ref();
                database
                    .fetch(query, password, given, &around.clock, outlet)
                    .await
            }
            Origin::Http(file, outbound) => {
                let (secrets, clock) = (&around.secrets, &around.clock);
                let http = http::Http {
                    file,
                    outbound,
                    secrets,
                    clock,
                };
                let given = (asked.tenant.as_str(), &source.columns, limits.time_ms);
                http.fetch(&params, given, outlet).await
            }
            Origin::Csv(csv) => {
                let file = files::open(&self.files, &csv.path)?;
                let name = csv.path.display().to_string();
                let (csv, source, tenant) = (csv.shape(), Arc::clone(source), asked.tenant.clone());
                let mut own = outlet.taken();
                let work = move || {
                    let given = (tenant.as_str(), &source.columns);
                    let result = spokegate_sources::csv_rows(&csv, (file, &name), given, &mut own);
                    (own, result)
                };
                let (own, result) = around
                    .tasks
                    .blocking("read a source", work)
                    .await
                    .ok_or_else(stopped)?;
                *outlet = own;
                result
            }
            Origin::Json(json) => {
                let file = files::open(&self.files, &json.path)?;
                let (shape, source, tenant) =
                    (json.shape(), Arc::clone(source), asked.tenant.clone());
                let work = move || {
                    let text = whole(file)?;
                    files::json_rows(&shape, &text, (tenant.as_str(), &source.columns))
                };
                let rows = around
                    .tasks
                    .blocking("read a source", work)
                    .await
                    .ok_or_else(stopped)?;
                for row in rows? {
                    outlet.row(row).await?;
                }
                Ok(())
            }
        }
    }

    /// A SQLite file below the folder: looked at as any file, and then opened by its name.
    fn placed(&self, database: &Database) -> Result<Database, Failure> {
        let Database::Sqlite(path) = database else {
            return Ok(database.clone());
        };
        drop(files::open(&self.files, path)?);
        Ok(Database::Sqlite(self.files.join(path)))
    }

    fn note(&self, id: &SourceId, at_ms: u64, result: &Result<(), Failure>) {
        let fault = result.as_ref().err().map(|failure| {
            let detail = Some(failure.detail.as_str()).filter(|detail| !detail.is_empty());
            detail.unwrap_or("it took too long").to_owned()
        });
        if let Some(fault) = &fault {
            tracing::warn!(source = %id, error = fault, "a source failed");
        }
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = fault.unwrap_or_default();
        results.insert(id.clone(), LastResult { at_ms, fault });
    }
}

fn stopped() -> Failure {
    Failure::new(FailureClass::SourceError, "the service stops")
}

fn whole(file: std::fs::File) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let read = file.take(JSON_BYTES_MAX + 1).read_to_end(&mut text);
    read.map_err(|error| Failure::new(FailureClass::SourceError, &error.to_string()))?;
    if text.len() as u64 > JSON_BYTES_MAX {
        let detail = format!("the file has more than {JSON_BYTES_MAX} bytes");
        return Err(Failure::new(FailureClass::TooLarge, &detail));
    }
    Ok(text)
}

async fn password(around: &Around, secret: Option<&SecretRef>) -> Result<Option<Secret>, Failure> {
    let Some(secret) = secret else {
        return Ok(None);
    };
    let found = around.secrets.get(secret.name()).await;
    found
        .map(Some)
        .map_err(|error| Failure::new(FailureClass::Refused, &error.to_string()))
}

fn info(source: &Source) -> SourceInfo {
    SourceInfo {
        id: source.id.clone(),
        title: source.title.clone(),
        kind: source.origin.kind(),
        dataset: source.dataset.clone(),
        version: source.version,
        secrets: source.origin.secrets(),
    }
}

/// The definitions of a folder, by name.
fn definitions(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |error: std::io::Error| format!("{}: cannot be read: {error}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
