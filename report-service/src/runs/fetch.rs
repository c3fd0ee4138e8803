//! Fetches one need for one customer: from pushes in the store, or by pulls.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use ring::digest::{Context, SHA256};
use serde_json::Map;
use spokegate_contract::limits::{PULL_BYTES_MAX, PULL_CHUNKS_MAX, PULL_ROWS_MAX};
use spokegate_contract::{Address, Failure, FailureClass, Shape};
use spokegate_daemon::{Clock, Tasks};

use super::Tenant;
use super::bounds::Bounds;
use super::plan::{Asked, Source};
use crate::relay::{BodyFault, Contract, PullEvent, PullOrder, PullStream, Relay};
use crate::render::{Chunk, Tray, Values};
use crate::sources::{SourceId, Sources};
use crate::store::Store;

/// Chunks smaller than this are parsed where they arrive; a thread's hand-over would take longer.
const INLINE_BYTES_MAX: usize = 16_384;
/// How often a pull is asked when the sanitizer starts anew or dies under it, within its deadline.
const ATTEMPTS_MAX: u32 = 8;
/// What the satellite gets less than the centre waits, so that its own word on a time-out can arrive.
const RETURN_MS: u64 = 500;

/// What fetching needs.
#[derive(Clone)]
pub(super) struct Fetcher {
    pub(super) relay: Relay,
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) sources: Sources,
    /// Where rows go.
    pub(super) tray: Arc<Tray>,
}

/// What to fetch.
pub(super) struct Job {
    /// The versions that the source may name, as they hold for the customer.
    pub(super) contracts: Vec<Arc<Contract>>,
    pub(super) source: Source,
    pub(super) params: Map<String, serde_json::Value>,
    pub(super) timeout_ms: u64,
    /// For whom.
    pub(super) tenant: Tenant,
}

/// What to fetch of one satellite.
struct Piece<'a> {
    contract: Arc<Contract>,
    params: &'a Map<String, serde_json::Value>,
    timeout_ms: u64,
}

impl Job {
    fn piece(&self, version: u16) -> Result<Piece<'_>, Failure> {
        let known = |contract: &&Arc<Contract>| contract.dataset.version == version;
        let contract = self.contracts.iter().find(known).cloned();
        let gone = || Failure::new(FailureClass::Refused, "its contract is gone");
        Ok(Piece {
            contract: contract.ok_or_else(gone)?,
            params: &self.params,
            timeout_ms: self.timeout_ms,
        })
    }
}

/// Data of one need for one customer.
pub(super) struct Fetched {
    /// A list of rows, or the document.
    pub(super) data: Values,
    /// How many rows; a document counts as one.
    pub(super) count: u64,
    /// When the oldest part of it was captured, in milliseconds since 1970; now for a pull.
    pub(super) captured_at_ms: u64,
    /// SHA-256 over the bodies.
    pub(super) digest: [u8; 32],
    /// Where it is older data: why there is no fresh one.
    pub(super) older: Option<FailureClass>,
}

/// Rows or a document while they come.
struct Gathered {
    chunks: Vec<Chunk>,
    rows: u64,
    document: Option<Map<String, serde_json::Value>>,
    digest: Context,
    bytes: u64,
    bodies: u32,
}

/// What was gathered before a pull that may have to be asked again.
struct Mark {
    parts: usize,
    rows: u64,
    digest: Context,
    bytes: u64,
    bodies: u32,
}

impl Gathered {
    fn mark(&self) -> Mark {
        Mark {
            parts: self.chunks.len(),
            rows: self.rows,
            digest: self.digest.clone(),
            bytes: self.bytes,
            bodies: self.bodies,
        }
    }

    /// Throws away what came since.
    fn back_to(&mut self, mark: &Mark) {
        self.chunks.truncate(mark.parts);
        self.digest = mark.digest.clone();
        (self.rows, self.bytes, self.bodies) = (mark.rows, mark.bytes, mark.bodies);
    }

    fn new() -> Self {
        Self {
            chunks: Vec::new(),
            rows: 0,
            document: None,
            digest: Context::new(&SHA256),
            bytes: 0,
            bodies: 0,
        }
    }

    /// Counts a body against the limits.
    fn note(&mut self, body: &[u8]) -> Result<(), Failure> {
        self.digest.update(body);
        self.bytes = self.bytes.saturating_add(body.len() as u64);
        self.bodies = self.bodies.saturating_add(1);
        // JSON is larger than the CBOR that the limit counts on the wire, never more than twice for real data.
        if self.bytes > PULL_BYTES_MAX.saturating_mul(2) || self.bodies > PULL_CHUNKS_MAX {
            return Err(Failure::new(
                FailureClass::TooLarge,
                &format!("more than {} MB", PULL_BYTES_MAX >> 20),
            ));
        }
        Ok(())
    }

    fn add(&mut self, chunk: Chunk) -> Result<(), Failure> {
        self.rows = self.rows.saturating_add(chunk.rows);
        self.chunks.push(chunk);
        if self.rows > PULL_ROWS_MAX {
            return Err(Failure::new(
                FailureClass::TooLarge,
                &format!("more than {PULL_ROWS_MAX} rows"),
            ));
        }
        Ok(())
    }

    fn finish(self, captured_at_ms: u64) -> Fetched {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.digest.finish().as_ref());
        let (data, count) = match self.document {
            Some(document) => (Values::from(document), 1),
            None => (Values::Rows(self.chunks), self.rows),
        };
        Fetched {
            data,
            count,
            captured_at_ms,
            digest,
            older: None,
        }
    }
}

impl Fetcher {
    /// Fetches; `progress` hears of rows as they come.
    pub(super) async fn fetch(
        &self,
        job: &Job,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Fetched, Failure> {
        match &job.source {
            Source::Nowhere(failure) => Err(failure.clone()),
            Source::Pushes(pushes) => {
                let mut gathered = Gathered::new();
                let mut captured_at_ms = u64::MAX;
                for push in pushes {
                    let body = self
                        .store
                        .push_body(push.id)
                        .await
                        .map_err(|error| store_failed(&error))?;
                    let Some(body) = body else {
                        return Err(Failure::new(
                            FailureClass::SourceError,
                            "what was sent has just been replaced",
                        ));
                    };
                    captured_at_ms = captured_at_ms.min(push.captured_at_ms);
                    self.whole(&job.piece(push.version)?, &mut gathered, body)
                        .await?;
                    progress(gathered.rows);
                }
                Ok(gathered.finish(captured_at_ms))
            }
            Source::Central(id) => self.central(id, job, progress).await,
            Source::Pull(asked) => {
                let mut gathered = Gathered::new();
                let deadline_ms = self.clock.now_ms().saturating_add(job.timeout_ms);
                for Asked { address, version } in asked {
                    let piece = job.piece(*version)?;
                    gathered = self
                        .pull(&piece, address, deadline_ms, gathered, progress)
                        .await?;
                }
                Ok(gathered.finish(self.clock.now_ms()))
            }
        }
    }

    /// Bodies that came before, judged as if they came now.
    pub(super) async fn again(
        &self,
        job: &Job,
        version: u16,
        bodies: Vec<Bytes>,
        captured_at_ms: u64,
    ) -> Result<Fetched, Failure> {
        let piece = job.piece(version)?;
        let mut gathered = Gathered::new();
        for body in bodies {
            self.whole(&piece, &mut gathered, body).await?;
        }
        Ok(gathered.finish(captured_at_ms))
    }

    /// Rows of a central source, judged as those of a satellite.
    async fn central(
        &self,
        id: &SourceId,
        job: &Job,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Fetched, Failure> {
        let gone = || Failure::new(FailureClass::Refused, "its contract is gone");
        let contract = job.contracts.first().ok_or_else(gone)?;
        let asked = crate::sources::Asked {
            tenant: job.tenant.id.clone(),
            tenant_title: job.tenant.title.clone(),
            params: job.params.clone(),
            time_ms: job.timeout_ms,
        };
        let mut chunks = self.sources.fetch(id, asked);
        let mut gathered = Gathered::new();
        let mut bounds = Bounds::new(contract.dataset.limits);
        while let Some(body) = chunks.recv().await {
            let body = body?;
            bounds.bytes(body.len())?;
            gathered.note(&body)?;
            let chunk = self.rows(Arc::clone(contract), body).await?;
            bounds.rows(chunk.rows)?;
            gathered.add(chunk)?;
            progress(gathered.rows);
        }
        Ok(gathered.finish(self.clock.now_ms()))
    }

    /// One satellite's part, asked again when the sanitizer lost it.
    async fn pull(
        &self,
        job: &Piece<'_>,
        address: &Address,
        deadline_ms: u64,
        gathered: Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Gathered, Failure> {
        let began = tokio::time::Instant::now();
        let order = PullOrder {
            address: address.clone(),
            dataset: job.contract.dataset.id.clone(),
            version: job.contract.dataset.version,
            params: job.params.clone(),
            deadline_ms: deadline_ms.saturating_sub(RETURN_MS.min(job.timeout_ms / 2)),
        };
        let left = deadline_ms.saturating_sub(self.clock.now_ms());
        let work = self.attempts(job, &order, gathered, progress);
        let pulled = match tokio::time::timeout(std::time::Duration::from_millis(left), work).await
        {
            Ok(pulled) => pulled,
            Err(_) => Err(Failure::new(
                FailureClass::Timeout,
                &format!("satellite {}", address.satellite),
            )),
        };
        let outcome = pulled
            .as_ref()
            .map_or_else(|failure| failure.class.as_str(), |_| "ok");
        let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
        metrics::histogram!("spokegate_reports_pull_duration_ms", "outcome" => outcome)
            .record(took_ms);
        pulled
    }

    async fn attempts(
        &self,
        job: &Piece<'_>,
        order: &PullOrder,
        mut gathered: Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Gathered, Failure> {
        let before = gathered.mark();
        for _ in 0..ATTEMPTS_MAX {
            gathered.back_to(&before);
            let mut stream = self.relay.pull(order).await?;
            if self
                .drain(job, &mut stream, &mut gathered, progress)
                .await?
            {
                return Ok(gathered);
            }
        }
        Err(Failure::new(
            FailureClass::Offline,
            "the sanitizer keeps starting anew",
        ))
    }

    /// Takes every chunk; `false` when the sanitizer lost the pull.
    async fn drain(
        &self,
        job: &Piece<'_>,
        stream: &mut PullStream,
        gathered: &mut Gathered,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<bool, Failure> {
        let mut parsing = FuturesOrdered::new();
        let mut bounds = Bounds::new(job.contract.dataset.limits);
        let mut ended = false;
        while !ended || !parsing.is_empty() {
            tokio::select! {
                biased;
                Some(rows) = parsing.next() => {
                    let chunk: Chunk = rows?;
                    bounds.rows(chunk.rows)?;
                    gathered.add(chunk)?;
                    stream.taken();
                    progress(gathered.rows);
                }
                event = stream.next(), if !ended => match event {
                    PullEvent::Rows { body, last } => {
                        ended = last;
                        bounds.bytes(body.len())?;
                        gathered.note(&body)?;
                        parsing.push_back(self.rows(Arc::clone(&job.contract), body));
                    }
                    PullEvent::Document { body } => {
                        self.whole(job, gathered, body).await?;
                        return Ok(true);
                    }
                    PullEvent::Failure(failure) => return Err(failure),
                    PullEvent::Forgotten => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    /// A body that came in one piece.
    async fn whole(
        &self,
        job: &Piece<'_>,
        gathered: &mut Gathered,
        body: Bytes,
    ) -> Result<(), Failure> {
        let mut bounds = Bounds::new(job.contract.dataset.limits);
        bounds.bytes(body.len())?;
        gathered.note(&body)?;
        match job.contract.dataset.shape {
            Shape::Rows => {
                let chunk = self.rows(Arc::clone(&job.contract), body).await?;
                bounds.rows(chunk.rows)?;
                gathered.add(chunk)
            }
            Shape::Document => {
                let document = job
                    .contract
                    .document(&body)
                    .map_err(|fault| invalid(&fault))?;
                gathered.document = Some(document);
                Ok(())
            }
        }
    }

    /// Checks a chunk and puts it by, several at a time when they are large.
    async fn rows(&self, contract: Arc<Contract>, body: Bytes) -> Result<Chunk, Failure> {
        let small = body.len() <= INLINE_BYTES_MAX;
        let tray = Arc::clone(&self.tray);
        let work = move || {
            let rows = contract.rows(&body).map_err(|fault| invalid(&fault))?;
            let chunk = tray.append_rows(&body, rows.len());
            chunk.map_err(|error| tray_failed(&error))
        };
        if small {
            return work();
        }
        let parsed = self.tasks.blocking("parse rows", work).await;
        parsed.unwrap_or_else(|| {
            Err(Failure::new(
                FailureClass::Invalid,
                "the rows could not be read",
            ))
        })
    }
}

fn invalid(fault: &BodyFault) -> Failure {
    Failure::new(FailureClass::Invalid, &fault.to_string())
}

fn tray_failed(error: &std::io::Error) -> Failure {
    tracing::error!(error = %error, "rows could not be put by");
    Failure::new(
        FailureClass::SourceError,
        "the centre's disk did not take the rows",
    )
}

fn store_failed(error: &sqlx::Error) -> Failure {
    tracing::error!(error = %error, "a push could not be read from the store");
    Failure::new(
        FailureClass::SourceError,
        "the centre's store could not be read",
    )
}
