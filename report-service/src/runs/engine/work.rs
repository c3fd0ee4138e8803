//! The work of one run: plan, fetch in parallel, decide, render.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass, TenantId};
use tokio::sync::watch;

use super::super::context::{self, About, Part};
use super::super::fetch::Job;
use super::super::plan::{self, Source};
use super::super::proof::whole;
use super::super::{DataPart, Format, Progress, RunFile, RunState, Tenant, file_digest};
use super::steps::{Planned, announce, data_parts, fetch_one, in_words, locale, note_end};
use super::{Ended, Live, Shared};
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart};
use crate::branding::RunBrand;
use crate::pdf::PdfFailure;
use crate::relay::Contract;
use crate::render::{RenderFailure, Template, Tray, Values};
use crate::reports::{Need, Report};
use crate::store::runs::RunRow;
use crate::store::satellites::Satellite;

/// Fetches of one run at the same time.
const FETCHES_MAX: usize = 16;

impl Shared {
    /// Plans, fetches and renders; dropping it cancels what is under way.
    pub(super) async fn work(&self, row: &RunRow, report: &Arc<Report>, live: &Live) -> Ended {
        let known = |id: &TenantId| {
            self.parts
                .tenants
                .iter()
                .find(|tenant| tenant.id == *id)
                .cloned()
        };
        let tenants: Option<Vec<Tenant>> = row.tenants.iter().map(known).collect();
        let Some(tenants) = tenants else {
            return Ended::failed(
                "One of the customers is no longer there. Start the report again.",
            );
        };
        let (template, brand) = match self.template(row, report).await {
            Ok(current) => current,
            Err(reason) => return Ended::failed(reason),
        };
        if row.origin.same_data {
            let filling = (template, &brand);
            return self.work_again(row, report, &tenants, filling, live).await;
        }
        if let Err(reason) = self.recheck(row, report).await {
            return Ended::failed(reason);
        }
        let planned = match self.plan(row, report, &tenants).await {
            Ok(planned) => planned,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a run could not be planned");
                return Ended::failed(
                    "The service could not look up what the satellites sent. Tell your administrator.",
                );
            }
        };
        let tray = match self.parts.renderer.tray() {
            Ok(tray) => tray,
            Err(error) => {
                tracing::error!(error = %error, "there is no place for a run's data");
                return Ended::failed(
                    "The service has no room for the data of this report. Tell your administrator.",
                );
            }
        };
        announce(&live.progress, report, &tenants, &planned);
        self.count();
        let gathered = self.gather(
            report,
            &tenants,
            planned,
            (&live.progress, &tray, &row.owner_id),
        );
        match gathered.await {
            Ok(parts) => {
                let filling = (template, &brand, tray);
                self.render(row, report, &tenants, parts, filling).await
            }
            Err(reasons) => Ended::failed(reasons.join("\n")),
        }
    }

    /// The template that is active now and the brand, recorded as the run's.
    async fn template(
        &self,
        row: &RunRow,
        report: &Report,
    ) -> Result<(Template, RunBrand), String> {
        let current = self.parts.library.current(report, &row.tenants).await;
        let current = current.map_err(|unusable| unusable.0)?;
        let digests = (current.sha256.as_str(), &*current.brand.sha256());
        let (store, worker) = (&self.parts.store, &self.worker.name);
        let recorded = store.run_template(&row.id, worker, current.version, digests);
        recorded.await.map_err(|error| {
            tracing::error!(message.id = %row.id, %error, "the template of a run could not be recorded");
            "The service could not record which template this report is made with. Tell your administrator.".to_owned()
        })?;
        Ok((current.template, current.brand))
    }

    async fn plan(
        &self,
        row: &RunRow,
        report: &Report,
        tenants: &[Tenant],
    ) -> anyhow::Result<Vec<Planned>> {
        let store = &self.parts.store;
        let satellites = if report.needs.is_empty() {
            Vec::new()
        } else {
            store.satellites().await?
        };
        let mut planned = Vec::with_capacity(report.needs.len() * tenants.len());
        for (tenant_index, tenant) in tenants.iter().enumerate() {
            for (need_index, need) in report.needs.iter().enumerate() {
                let params = need.params(&row.params);
                let job = self.job(need, tenant, &satellites, params).await?;
                planned.push(Planned {
                    need: need_index,
                    tenant: tenant_index,
                    job,
                });
            }
        }
        Ok(planned)
    }

    /// What one need of one customer is fetched from.
    pub(super) async fn job(
        &self,
        need: &Need,
        tenant: &Tenant,
        satellites: &[Satellite],
        params: Map<String, Value>,
    ) -> Result<Job, sqlx::Error> {
        let pushes = match need.max_age_ms {
            Some(_) => {
                let store = &self.parts.store;
                store.push_latest(&tenant.id, &need.dataset).await?
            }
            None => Vec::new(),
        };
        let (contracts, refused) = self.usable(need, tenant, &params);
        let versions = contracts.iter().map(|contract| contract.dataset.version);
        let versions: Vec<u16> = versions.collect();
        let source = match (refused, &need.source) {
            (Some(refused), _) => Source::Nowhere(refused),
            (None, Some(central)) => Source::Central(central.clone()),
            (None, None) => plan::source(
                need,
                &versions,
                tenant,
                satellites,
                &pushes,
                self.parts.clock.now_ms(),
            ),
        };
        Ok(Job {
            contracts,
            source,
            params,
            timeout_ms: need.timeout_ms,
            tenant: tenant.clone(),
        })
    }

    /// The versions of a need's contract that take the parameters, as they hold for the customer; why there is none.
    fn usable(
        &self,
        need: &Need,
        tenant: &Tenant,
        params: &Map<String, Value>,
    ) -> (Vec<Arc<Contract>>, Option<Failure>) {
        let known = need.versions.iter().filter_map(|version| {
            let contracts = &self.parts.contracts;
            contracts.of_tenant(&tenant.id, &need.dataset, *version)
        });
        let (mut usable, mut refused) = (Vec::new(), None);
        for contract in known {
            match contract.check_params(params) {
                Ok(()) => usable.push(Arc::clone(contract)),
                Err(violation) => {
                    let detail = format!("parameters: {violation}");
                    let refusal = || Failure::new(FailureClass::Refused, &detail);
                    refused = refused.or_else(|| Some(refusal()));
                }
            }
        }
        let refused = usable.is_empty().then(|| {
            let gone = || Failure::new(FailureClass::Refused, "its contract is gone");
            refused.unwrap_or_else(gone)
        });
        (usable, refused)
    }

    /// Fetches everything, or returns why a required part is missing: at once, with all reasons known by then.
    async fn gather(
        &self,
        report: &Report,
        tenants: &[Tenant],
        planned: Vec<Planned>,
        (progress, tray, owner_id): (&watch::Sender<Progress>, &Arc<Tray>, &str),
    ) -> Result<Vec<Part>, Vec<String>> {
        let fetcher = self.fetcher(tray);
        // What is known to fail is told first, so that a person reads every reason and not just the quickest.
        let mut waiting: Vec<(usize, &Planned)> = planned.iter().enumerate().collect();
        waiting.sort_by_key(|(_, planned)| !matches!(planned.job.source, Source::Nowhere(_)));
        let hopeless = waiting
            .iter()
            .filter(|(_, planned)| matches!(planned.job.source, Source::Nowhere(_)))
            .count();
        let mut waiting = waiting.into_iter();
        let mut under_way = FuturesUnordered::new();
        let (mut finished, mut reasons) = (Vec::with_capacity(planned.len()), Vec::new());
        let mut ended = 0;
        loop {
            while under_way.len() < FETCHES_MAX
                && let Some((index, planned)) = waiting.next()
            {
                let need = report.needs.get(planned.need);
                let fetch = fetch_one((self, &fetcher, owner_id), need, (index, planned), progress);
                under_way.push(fetch);
            }
            let Some((index, planned, result)) = under_way.next().await else {
                break;
            };
            ended += 1;
            let (Some(need), Some(tenant)) =
                (report.needs.get(planned.need), tenants.get(planned.tenant))
            else {
                continue;
            };
            let result = result.map_err(|failure| in_words(need, tenant, &failure));
            note_end(progress, index, need, &result);
            if let (Err(reason), true) = (&result, need.required) {
                reasons.push(reason.clone());
            }
            finished.push((
                index,
                Part {
                    need: planned.need,
                    tenant: planned.tenant,
                    result,
                },
            ));
            if !reasons.is_empty() && ended >= hopeless {
                return Err(reasons);
            }
        }
        finished.sort_by_key(|(index, _)| *index);
        Ok(finished.into_iter().map(|(_, part)| part).collect())
    }

    async fn render(
        &self,
        row: &RunRow,
        report: &Report,
        tenants: &[Tenant],
        parts: Vec<Part>,
        (template, brand, tray): (Template, &RunBrand, Arc<Tray>),
    ) -> Ended {
        let data = data_parts(report, tenants, &parts);
        let about = About {
            title: &report.title,
            generated_by: &row.owner_title,
            run_id: row.id.as_str(),
            now_ms: self.parts.clock.now_ms(),
            brand,
        };
        let params = report.shown_params(&row.params);
        let values = context::values(&about, params, tenants, &report.needs, parts);
        self.fill(row, tenants, template, (tray, values), data)
            .await
    }

    /// Fills the template, makes what files are wanted, and keeps what they were made of.
    pub(super) async fn fill(
        &self,
        row: &RunRow,
        tenants: &[Tenant],
        template: Template,
        (tray, values): (Arc<Tray>, Values),
        data: Vec<DataPart>,
    ) -> Ended {
        let output = self.draft(row, ArtefactPart::Document(Format::Word));
        let renderer = self.parts.renderer.in_locale(locale(tenants));
        let made = renderer.to_file(Arc::clone(&tray), template, values, &output);
        match made.await {
            Ok(_) => match self.finish(row, &output).await {
                Ok(files) => Ended {
                    state: RunState::Done,
                    reason: String::new(),
                    data_sha256: whole(&data),
                    files,
                    data,
                    data_kept: self.keep(row, tray).await,
                },
                Err(reason) => Ended::failed(reason),
            },
            Err(
                error @ (RenderFailure::Template(_)
                | RenderFailure::Values(_)
                | RenderFailure::Picture { .. }
                | RenderFailure::Stopped { .. }),
            ) => Ended::failed(format!(
                "The report's template could not be filled: {error}"
            )),
            Err(error) => {
                tracing::error!(error = %error, "a document could not be written");
                Ended::failed("The document could not be written. Tell your administrator.")
            }
        }
    }

    /// Keeps what the document was made of; a run is not lost over it.
    async fn keep(&self, row: &RunRow, tray: Arc<Tray>) -> bool {
        if self.parts.data_keep_ms == 0 {
            return false;
        }
        let key = ArtefactKey::new(&row.id, ArtefactPart::Data);
        let draft = self.parts.artefacts.draft(&key);
        let kept = self.parts.renderer.keep(tray, &draft).await;
        let kept = match kept.context("write it") {
            Ok(_) => self.put(&key, &draft).await.context("put it"),
            Err(error) => Err(error),
        };
        kept.inspect_err(|error| {
            let error = format!("{error:#}");
            tracing::error!(error, "the data of a run could not be kept");
        })
        .is_ok()
    }

    /// Makes a PDF of the document where one is wanted; tells what is kept.
    pub(super) async fn finish(
        &self,
        row: &RunRow,
        document: &Path,
    ) -> Result<Vec<RunFile>, String> {
        // It goes with this step, however that ends, where the PDF alone is kept, or it is kept elsewhere.
        let passing = !row.formats.has(Format::Word) || self.parts.artefacts.elsewhere().is_some();
        let _document = passing.then(|| Passing(document));
        let mut files = Vec::new();
        if row.formats.has(Format::Word) {
            files.push(self.kept(Format::Word, document).await?);
        }
        if row.formats.has(Format::Pdf) {
            let output = self.draft(row, ArtefactPart::Document(Format::Pdf));
            self.pdf(document, &output).await?;
            files.push(self.kept(Format::Pdf, &output).await?);
        }
        for file in &files {
            let part = ArtefactPart::Document(file.format);
            let (key, draft) = (ArtefactKey::new(&row.id, part), self.draft(row, part));
            self.put(&key, &draft).await.map_err(|error| {
                tracing::error!(message.id = %row.id, %error, "a document could not be kept");
                "The document could not be kept. Tell your administrator.".to_owned()
            })?;
        }
        Ok(files)
    }

    /// Where a new artefact of a run is written.
    pub(super) fn draft(&self, row: &RunRow, part: ArtefactPart) -> PathBuf {
        let key = ArtefactKey::new(&row.id, part);
        self.parts.artefacts.draft(&key)
    }

    /// Puts a draft; where that fails or is broken off, nothing of it is left here.
    async fn put(&self, key: &ArtefactKey, draft: &Path) -> Result<(), ArtefactError> {
        let moved = self.parts.artefacts.elsewhere().is_some();
        let _draft = moved.then(|| Passing(draft));
        self.parts.artefacts.put(key, draft).await
    }

    pub(super) async fn pdf(&self, document: &Path, output: &Path) -> Result<(), String> {
        let Some(pdf) = &self.parts.pdf else {
            return Err(
                "PDF is no longer offered here. Start the report again as a Word document.".into(),
            );
        };
        let made = pdf.make(document, output).await;
        made.map(drop).map_err(|failure| {
            if let PdfFailure::Late(_) = failure {
                return format!("The PDF could not be made: {failure}");
            }
            tracing::error!(error = %failure, "a PDF could not be made");
            "The PDF could not be made. Start the report again as a Word document, and tell your administrator.".into()
        })
    }

    /// Size and digest of a finished file.
    pub(super) async fn kept(&self, format: Format, path: &Path) -> Result<RunFile, String> {
        let path = path.to_owned();
        let digest = move || file_digest(&path);
        let digest = self.parts.tasks.blocking("digest a document", digest).await;
        match digest.unwrap_or_else(|| Err(std::io::ErrorKind::Other.into())) {
            Ok((bytes, sha256)) => Ok(RunFile {
                format,
                bytes,
                sha256,
                made: String::new(),
            }),
            Err(error) => {
                tracing::error!(%error, "a document could not be read again");
                Err("The document could not be written. Tell your administrator.".into())
            }
        }
    }
}

/// A file on the way to another one.
struct Passing<'p>(&'p Path);

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        // Whoever clears away old runs finds it otherwise.
        let _ = std::fs::remove_file(self.0);
    }
}
