//! Starts, watches and ends runs.

mod again;
mod batches;
pub(super) mod keep;
mod life;
mod live;
mod older;
mod options;
mod preview;
mod queue;
mod recheck;
mod reviews;
mod steps;
mod work;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use spokegate_contract::TenantId;
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::{Notify, Semaphore, watch};

use super::proof::{self, Verdict};
use super::{
    DataPart, Formats, Origin, Progress, Review, RunFile, RunId, RunState, Tenant, date, file_stem,
};
use crate::artefacts::Artefacts;
use crate::library::Library;
use crate::pdf::Pdf;
use crate::relay::{Contracts, Relay};
use crate::render::{KeptTable, Renderer};
use crate::reports::{Catalogue, Report};
use crate::secrets::Secrets;
use crate::sources::Sources;
use crate::store::queue::Worker;
use crate::store::runs::RunRow;
use crate::store::{Store, StoreKind};
use live::Live;
pub use options::{CUSTOMERS_MAX, Choices, Listed};
pub use recheck::Why;
pub use reviews::{DECIDED, NotReplaced};

/// What the engine works with.
pub struct EngineParts {
    /// The way to the satellites.
    pub relay: Relay,
    /// The service's memory.
    pub store: Store,
    /// The MSP's own systems.
    pub sources: Sources,
    /// What seals older data.
    pub secrets: Secrets,
    /// What data must look like.
    pub contracts: Arc<Contracts>,
    /// What can be run.
    pub catalogue: Arc<Catalogue>,
    /// Every customer.
    pub tenants: Arc<Vec<Tenant>>,
    /// Fills templates.
    pub renderer: Renderer,
    /// Which template a run is filled with.
    pub library: Library,
    /// Makes PDFs, where LibreOffice is installed.
    pub pdf: Option<Pdf>,
    /// Where what is under way is written.
    pub files: PathBuf,
    /// Where documents are kept.
    pub artefacts: Artefacts,
    /// Runs at the same time; more wait.
    pub concurrent_max: usize,
    /// Runs of one person that may wait.
    pub queued_max: usize,
    /// How long a run stays with a worker that gives no sign of life, in milliseconds.
    pub lease_ms: u64,
    /// How long runs and their documents are kept.
    pub keep_ms: u64,
    /// How long the data of a run is kept beside its document; 0: not at all.
    pub data_keep_ms: u64,
    /// How long lines of satellites' Node-RED stay, in milliseconds.
    pub logs_keep_ms: u64,
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
    worker: Worker,
    slots: Arc<Semaphore>,
    /// Every run that has not ended, as far as it is known here.
    live: Mutex<HashMap<RunId, Live>>,
    /// There may be a run to take.
    wake: Notify,
    /// Whether this worker has the second hop.
    relayed: AtomicBool,
    lists: options::Lists,
    failures: preview::Failures,
    /// Held while an edited draft is recorded and put in place.
    edits: tokio::sync::Mutex<()>,
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
    /// Starts to take runs from the queue, takes back what a worker that is gone had, and clears away what is too old.
    ///
    /// # Errors
    /// When the store or the folder of documents cannot be used.
    pub async fn start(parts: EngineParts) -> anyhow::Result<Self> {
        keep::prepare(&parts.files, parts.store.kind())?;
        let worker = Worker {
            name: RunId::random()?.to_string(),
            lease_ms: parts.lease_ms,
        };
        let shared = Arc::new(Shared {
            worker,
            slots: Arc::new(Semaphore::new(parts.concurrent_max)),
            live: Mutex::default(),
            wake: Notify::new(),
            relayed: AtomicBool::new(false),
            lists: options::Lists::default(),
            failures: preview::Failures::default(),
            edits: tokio::sync::Mutex::default(),
            parts,
        });
        if shared.parts.store.kind() == StoreKind::Sqlite {
            // There is no other worker: whatever has one lost it.
            let now_ms = shared.parts.clock.now_ms();
            shared.reclaim_before(u64::MAX, now_ms).await?;
            shared.begin_relay();
        }
        for run in shared.parts.store.runs_open().await? {
            let live = Live::elsewhere(&run.owner_id);
            live.show(run.progress);
            shared.live().insert(run.id, live);
        }
        let tasks = &shared.parts.tasks;
        tasks.spawn("run queue", queue::take(Arc::clone(&shared)));
        tasks.spawn("run leases", queue::keep(Arc::clone(&shared)));
        tasks.spawn("run retention", keep::watch(Arc::clone(&shared)));
        Ok(Self { shared })
    }

    /// Every customer.
    pub fn tenants(&self) -> &[Tenant] {
        &self.shared.parts.tenants
    }

    /// What can be run.
    pub fn catalogue(&self) -> &Catalogue {
        &self.shared.parts.catalogue
    }

    /// The versions of the reports' templates.
    pub fn library(&self) -> &Library {
        &self.shared.parts.library
    }

    /// The MSP's own systems.
    pub fn sources(&self) -> &Sources {
        &self.shared.parts.sources
    }

    /// What data must look like.
    pub fn contracts(&self) -> &Contracts {
        &self.shared.parts.contracts
    }

    /// The way to the satellites.
    pub fn relay(&self) -> &Relay {
        &self.shared.parts.relay
    }

    /// Stores a run; a worker with room takes it.
    ///
    /// # Errors
    /// When too many wait, or the store does not take it.
    pub async fn order(&self, order: NewRun) -> Result<RunId, StartError> {
        let parts = &self.shared.parts;
        let is_part = !order.origin.batch.is_empty();
        if !is_part && self.shared.is_full(&order.owner_id) {
            return Err(StartError::Full);
        }
        let now_ms = parts.clock.now_ms();
        let params = order.report.settled(order.params, self.today());
        let order = NewRun { params, ..order };
        let file_name = self.file_name(&order, now_ms);
        let id = RunId::random().map_err(StartError::Id)?;
        let row = RunRow {
            report: order.report.id.to_string(),
            title: order.report.title.clone(),
            owner_id: order.owner_id,
            owner_title: order.owner_title,
            file_name,
            tenants: order.tenants,
            params: order.params,
            formats: order.formats,
            origin: order.origin,
            review: if order.review || order.report.review {
                Review::Waiting
            } else {
                Review::None
            },
            expires_at_ms: match order.report.keep_days {
                0 => 0,
                days => now_ms.saturating_add(u64::from(days) * 86_400_000),
            },
            relayed: !order.report.needs.is_empty(),
            // Which template it is made with is settled when its work begins.
            ..RunRow::queued(id, now_ms)
        };
        parts.store.run_insert(&row).await?;
        // It may have been taken meanwhile.
        let waits = || Live::elsewhere(&row.owner_id);
        self.shared
            .live()
            .entry(row.id.clone())
            .or_insert_with(waits);
        // At once where there is room, so that whoever ordered it finds it under way.
        if let Err(error) = self.shared.take_all().await {
            tracing::warn!(%error, "no run can be taken from the queue");
        }
        Ok(row.id)
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
        let Some(found) = live.get(id).filter(|live| live.owner_id == owner_id) else {
            return false;
        };
        if found.here {
            found.cancel.cancel();
            return true;
        }
        let (shared, id, owner_id) = (Arc::clone(&self.shared), id.clone(), owner_id.to_owned());
        let call_off = async move { shared.call_off(&owner_id, &id).await };
        let tasks = &self.shared.parts.tasks;
        tasks.spawn_watched("call off a run", call_off, |failure| {
            tracing::error!(error = %failure.reason, "a run could not be called off");
        });
        true
    }

    /// The day of now, where the service's people are.
    pub fn today(&self) -> jiff::civil::Date {
        self.shared.today()
    }

    /// Where documents are kept.
    pub fn artefacts(&self) -> &Artefacts {
        &self.shared.parts.artefacts
    }

    /// Checks a finished run against what was kept of it.
    pub async fn verify(&self, run: &RunRow) -> Verdict {
        let parts = &self.shared.parts;
        let kept_in = (parts.files.as_path(), &parts.artefacts);
        proof::verify(run, &parts.store, kept_in, &parts.renderer).await
    }

    /// One part of the data that was kept of a run; `None` when it is not kept, or is not what came.
    pub async fn data(&self, run: &RunRow, part: &DataPart) -> Option<KeptTable> {
        let parts = &self.shared.parts;
        proof::table(run, part, &parts.artefacts, &parts.renderer, &parts.tasks).await
    }

    /// Every part of the data that is kept of a run, where it is what came; `None` where nothing is kept.
    pub(crate) async fn all_data(
        &self,
        run: &RunRow,
    ) -> Option<Vec<(DataPart, Option<KeptTable>)>> {
        let parts = &self.shared.parts;
        proof::tables(run, &parts.artefacts, &parts.renderer, &parts.tasks).await
    }

    /// When the data that is kept of a run goes, and when the run itself does.
    pub fn kept_until(&self, run: &RunRow) -> (u64, u64) {
        let parts = &self.shared.parts;
        let ended = run.finished_at_ms.unwrap_or(run.created_at_ms);
        let run_ms = match run.expires_at_ms {
            0 => ended.saturating_add(parts.keep_ms),
            own => own,
        };
        (ended.saturating_add(parts.data_keep_ms).min(run_ms), run_ms)
    }

    /// Whether older data is kept for needs that may fall back on it.
    pub async fn keeps_older(&self) -> bool {
        self.shared.keeps_older().await
    }

    /// What makes PDFs, where LibreOffice is installed.
    pub(crate) fn pdf(&self) -> Option<&Pdf> {
        self.shared.parts.pdf.as_ref()
    }

    /// Whether a run can make a PDF.
    pub fn offers_pdf(&self) -> bool {
        self.shared.parts.pdf.is_some()
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
