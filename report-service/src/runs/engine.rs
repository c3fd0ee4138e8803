//! Starts, watches and ends runs.

pub(super) mod keep;
mod life;
mod steps;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use spokegate_contract::TenantId;
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::{
    DataPart, Format, Formats, Origin, Progress, Review, RunFile, RunId, RunState, Tenant, date,
    file_stem,
};
use crate::pdf::Pdf;
use crate::relay::{Contracts, Relay};
use crate::render::Renderer;
use crate::reports::{Catalogue, Report};
use crate::store::Store;
use crate::store::runs::RunRow;

/// What the engine works with.
pub struct EngineParts {
    /// The way to the satellites.
    pub relay: Relay,
    /// The service's memory.
    pub store: Store,
    /// What data must look like.
    pub contracts: Arc<Contracts>,
    /// What can be run.
    pub catalogue: Arc<Catalogue>,
    /// Every customer.
    pub tenants: Arc<Vec<Tenant>>,
    /// Fills templates.
    pub renderer: Renderer,
    /// Makes PDFs, where LibreOffice is installed.
    pub pdf: Option<Pdf>,
    /// Where documents are kept.
    pub files: PathBuf,
    /// Runs at the same time; more wait.
    pub concurrent_max: usize,
    /// Runs that may wait.
    pub queued_max: usize,
    /// How long runs and their documents are kept.
    pub keep_ms: u64,
    /// Where a day begins.
    pub zone: jiff::tz::TimeZone,
    /// The time.
    pub clock: Clock,
    /// Starts runs.
    pub tasks: Tasks,
}

/// An order for a run; report, customers and parameters are checked.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// What.
    pub report: Arc<Report>,
    /// For whom.
    pub tenants: Vec<TenantId>,
    /// As which kinds of file.
    pub formats: Formats,
    /// With which parameters.
    pub params: Map<String, Value>,
    /// By whom: the stable id,
    pub owner_id: String,
    /// and the name.
    pub owner_title: String,
    /// As a part of what.
    pub origin: Origin,
    /// Whether its document is a draft until somebody releases it.
    pub review: bool,
}

/// Why a run does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Too many wait already.
    #[error("too many reports are waiting")]
    Full,
    /// It could not be stored.
    #[error("the run could not be stored")]
    Store(#[from] sqlx::Error),
    /// There is no id for it.
    #[error(transparent)]
    Id(anyhow::Error),
}

/// A handle to the engine; cloning shares it.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    parts: EngineParts,
    slots: Arc<Semaphore>,
    live: Mutex<HashMap<RunId, Live>>,
}

/// A run that has not ended.
#[derive(Clone)]
struct Live {
    owner_id: String,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
}

/// How a run ended, before it is stored.
struct Ended {
    state: RunState,
    reason: String,
    data_sha256: String,
    files: Vec<RunFile>,
    data: Vec<DataPart>,
    data_kept: bool,
}

impl Ended {
    fn failed(reason: impl Into<String>) -> Self {
        Self {
            state: RunState::Failed,
            reason: reason.into(),
            data_sha256: String::new(),
            files: Vec::new(),
            data: Vec::new(),
            data_kept: false,
        }
    }

    fn cancelled() -> Self {
        Self {
            state: RunState::Cancelled,
            ..Self::failed("")
        }
    }
}

impl Engine {
    /// Marks what a restart interrupted, starts again what waited, and clears away what is too old.
    ///
    /// # Errors
    /// When the store or the folder of documents cannot be used.
    pub async fn start(parts: EngineParts) -> anyhow::Result<Self> {
        keep::prepare(&parts.files)?;
        let interrupted = parts.store.run_interrupted(parts.clock.now_ms()).await?;
        if interrupted > 0 {
            tracing::warn!(runs = interrupted, "runs were interrupted by a restart");
        }
        let waiting = parts.store.runs_queued().await?;
        let slots = Arc::new(Semaphore::new(parts.concurrent_max));
        let engine = Self {
            shared: Arc::new(Shared {
                parts,
                slots,
                live: Mutex::default(),
            }),
        };
        for row in waiting {
            engine.resume(row).await?;
        }
        let shared = Arc::clone(&engine.shared);
        engine
            .shared
            .parts
            .tasks
            .spawn("run retention", async move { keep::watch(shared).await });
        Ok(engine)
    }

    /// Every customer.
    pub fn tenants(&self) -> &[Tenant] {
        &self.shared.parts.tenants
    }

    /// What can be run.
    pub fn catalogue(&self) -> &Catalogue {
        &self.shared.parts.catalogue
    }

    /// The way to the satellites.
    pub fn relay(&self) -> &Relay {
        &self.shared.parts.relay
    }

    /// Stores a run and starts it.
    ///
    /// # Errors
    /// When too many wait, or the store does not take it.
    pub async fn order(&self, order: NewRun) -> Result<RunId, StartError> {
        let parts = &self.shared.parts;
        if self.shared.live().len() >= parts.concurrent_max.saturating_add(parts.queued_max) {
            return Err(StartError::Full);
        }
        let slot = Arc::clone(&self.shared.slots).try_acquire_owned().ok();
        let now_ms = parts.clock.now_ms();
        let params = order.report.settled(order.params, self.today());
        let order = NewRun { params, ..order };
        let file_name = self.file_name(&order, now_ms);
        let row = RunRow {
            id: RunId::random().map_err(StartError::Id)?,
            report: order.report.id.to_string(),
            title: order.report.title.clone(),
            owner_id: order.owner_id,
            owner_title: order.owner_title,
            file_name,
            tenants: order.tenants,
            params: order.params,
            state: if slot.is_some() {
                RunState::Running
            } else {
                RunState::Queued
            },
            reason: String::new(),
            created_at_ms: now_ms,
            finished_at_ms: None,
            template_sha256: order.report.template_sha256.clone(),
            data_sha256: String::new(),
            needs: Vec::new(),
            file_bytes: 0,
            formats: order.formats,
            files: Vec::new(),
            origin: order.origin,
            template_version: 0,
            data: Vec::new(),
            data_kept: false,
            review: if order.review {
                Review::Waiting
            } else {
                Review::None
            },
            reviewer: String::new(),
            review_reason: String::new(),
            reviewed_at_ms: 0,
            expires_at_ms: 0,
        };
        parts.store.run_insert(&row).await?;
        let id = row.id.clone();
        self.launch(row, order.report, slot);
        Ok(id)
    }

    /// A person's run as it changes; `None` when it has ended or is not theirs.
    pub fn watch(&self, owner_id: &str, id: &RunId) -> Option<watch::Receiver<Progress>> {
        let live = self.shared.live();
        live.get(id)
            .filter(|live| live.owner_id == owner_id)
            .map(|live| live.progress.subscribe())
    }

    /// Calls a person's run off; `false` when it has ended or is not theirs.
    pub fn cancel(&self, owner_id: &str, id: &RunId) -> bool {
        let live = self.shared.live();
        let found = live.get(id).filter(|live| live.owner_id == owner_id);
        found.map(|live| live.cancel.cancel()).is_some()
    }

    /// The day of now, where the service's people are.
    pub fn today(&self) -> jiff::civil::Date {
        let parts = &self.shared.parts;
        date(parts.clock.now_ms(), &parts.zone)
    }

    /// Where a run's document is, once it is done.
    pub fn file(&self, id: &RunId, format: Format) -> PathBuf {
        self.shared.file(id, format)
    }

    /// Whether a run can make a PDF.
    pub fn offers_pdf(&self) -> bool {
        self.shared.parts.pdf.is_some()
    }

    async fn resume(&self, row: RunRow) -> anyhow::Result<()> {
        let report = row
            .report
            .parse()
            .ok()
            .and_then(|id| self.catalogue().get(&id).cloned());
        if let Some(report) = report {
            self.launch(row, report, None);
            return Ok(());
        }
        let end = Ended::failed(format!("The report \"{}\" is no longer there.", row.title));
        self.shared.store_end(&row.id, &end, &[]).await?;
        Ok(())
    }

    fn launch(&self, row: RunRow, report: Arc<Report>, slot: Option<OwnedSemaphorePermit>) {
        let live = Live {
            owner_id: row.owner_id.clone(),
            progress: watch::Sender::new(Progress {
                state: row.state,
                ..Progress::queued()
            }),
            cancel: CancellationToken::new(),
        };
        self.shared.live().insert(row.id.clone(), live.clone());
        let tasks = self.shared.parts.tasks.clone();
        let (shared, id) = (Arc::clone(&self.shared), row.id.clone());
        let failed = Arc::clone(&self.shared);
        let run = async move {
            // None: the service stops and the run still waits; it starts after the restart.
            if let Some(end) = shared.run(&row, &report, &live, slot).await {
                shared.end(&row.id, end).await;
            }
        };
        self.shared.parts.tasks.spawn_watched("run", run, move |failure| {
            tracing::error!(message.id = %id, error = %failure.reason, "a run failed in a way that it should not");
            let end = Ended::failed("Something went wrong in the service while it made this report. Tell your administrator.");
            let recorded = async move { failed.end(&id, end).await };
            tasks.spawn_watched("run failed", recorded, |_| ());
        });
    }

    fn file_name(&self, order: &NewRun, now_ms: u64) -> String {
        let (report, tenants) = (&order.report, order.tenants.as_slice());
        let title = |id: &TenantId| {
            self.tenants()
                .iter()
                .find(|tenant| tenant.id == *id)
                .map(|t| t.title.as_str())
        };
        let of = match tenants {
            [one] => title(one).unwrap_or(one.as_str()).to_string(),
            many => format!("{} customers", many.len()),
        };
        let day = date(now_ms, &self.shared.parts.zone);
        let day = day.to_string();
        let name = report
            .file_name
            .strip_suffix(".docx")
            .unwrap_or(&report.file_name);
        let days = report.days(&order.params);
        let name = name
            .replace(
                "{period}",
                &days.map(|days| days.short()).unwrap_or_default(),
            )
            .replace("{title}", &report.title)
            .replace("{tenants}", &of)
            .replace("{date}", &day);
        format!(
            "{}.{}",
            file_stem(&name, 160),
            order.formats.first().ending()
        )
    }
}

#[cfg(test)]
mod tests;
