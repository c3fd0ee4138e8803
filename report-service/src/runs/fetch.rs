//! Fetches one need for one customer: from pushes in the store, or by pulls.

mod gathered;
mod pull;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Map;
use spokegate_contract::{Failure, FailureClass, Shape};
use spokegate_daemon::{Clock, Tasks};

use self::gathered::Gathered;
use super::Tenant;
use super::bounds::Bounds;
use super::plan::{Asked, Source};
use crate::relay::{BodyFault, Contract, Relay};
use crate::render::{Chunk, Tray, Values};
use crate::sources::{SourceId, Sources};
use crate::store::Store;

/// Chunks smaller than this are parsed where they arrive; a thread's hand-over would take longer.
const INLINE_BYTES_MAX: usize = 16_384;

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
    /// When the oldest part of it was captured, in milliseconds since 1970; now for a pull, unless a satellite answered from
    /// memory.
    pub(super) captured_at_ms: u64,
    /// Whether a satellite had some of it in memory.
    pub(super) from_memory: bool,
    /// SHA-256 over the bodies.
    pub(super) digest: [u8; 32],
    /// Where it is older data: why there is no fresh one.
    pub(super) older: Option<FailureClass>,
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
