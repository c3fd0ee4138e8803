//! The library of templates: versions of each report's template that people uploaded, which one is active, and whether it
//! fits its report. Version 0 is the template in the report's folder.

mod brand;
mod files;
mod lint;
mod logo;
mod standing;
mod trial;
mod upload;

pub use standing::Standing;
pub(crate) use standing::watch;
pub use upload::{NewTemplate, Refused};

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spokegate_contract::{ReportId, TenantId};
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::Semaphore;

use crate::artefacts::{ArtefactError, Artefacts};
use crate::branding::{LOGO_NAME, RunBrand, SERVICE_LOGO_NAME};
use crate::config::TemplatesConfig;
use crate::pdf::Pdf;
use crate::render::{Renderer, Template};
use crate::reports::Report;
use crate::runs::Examples;
use crate::store::Store;
use files::FileFault;

/// What to do where the active version cannot be used.
const OTHER_VERSION: &str = "Whoever manages templates can make another version active.";
/// Looks at templates at the same time; more wait.
const LOOKS_MAX: usize = 2;

/// What the library works with.
pub struct LibraryParts {
    /// Who uploaded what.
    pub store: Store,
    /// Reads and fills templates.
    pub renderer: Renderer,
    /// Makes PDFs, where LibreOffice is installed.
    pub pdf: Option<Pdf>,
    /// Where uploaded templates are kept.
    pub artefacts: Artefacts,
    /// Where what is under way is written.
    pub files: PathBuf,
    /// What a template is tried with.
    pub examples: Examples,
    /// The bounds.
    pub config: TemplatesConfig,
    /// The time.
    pub clock: Clock,
    /// Work that waits for the disk.
    pub tasks: Tasks,
}

/// A handle to the library; cloning shares it.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
}

struct Shared {
    parts: LibraryParts,
    looks: Semaphore,
    /// Versions that were looked at, without and with each logo, and why they do not fit. Neither they nor the reports change while the service runs.
    fits: Mutex<Fits>,
}

/// Why versions do not fit, by report, version, and whether there are the logo and the service's logo.
type Fits = HashMap<(ReportId, u64, [bool; 2]), Option<String>>;

/// The template that runs of a report are filled with.
#[derive(Debug, Clone)]
pub struct Current {
    /// Its version; 0 is the report folder's.
    pub version: u64,
    /// The template with what belongs to it.
    pub template: Template,
    /// See [`Template::sha256`].
    pub sha256: String,
    /// The brand of its documents.
    pub brand: RunBrand,
}

/// Why a template cannot be had, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

impl Library {
    /// Over that folder and that store.
    #[must_use]
    pub fn new(parts: LibraryParts) -> Self {
        Self {
            shared: Arc::new(Shared {
                parts,
                looks: Semaphore::new(LOOKS_MAX),
                fits: Mutex::default(),
            }),
        }
    }

    /// What makes PDFs.
    pub(crate) fn pdf(&self) -> Option<&Pdf> {
        self.shared.parts.pdf.as_ref()
    }

    /// Whether a try-out can be a PDF.
    #[must_use]
    pub fn offers_pdf(&self) -> bool {
        self.shared.parts.pdf.is_some()
    }

    /// The template that a run of this report for these customers begins with now, and its brand.
    ///
    /// # Errors
    /// When the active one cannot be used: another one is never taken in its place.
    pub async fn current(
        &self,
        report: &Report,
        tenants: &[TenantId],
    ) -> Result<Current, Unusable> {
        let active = self.shared.parts.store.template_active(&report.id).await;
        let version = active.map_err(|error| {
            tracing::error!(%error, "the active template could not be looked up");
            let words =
                "The service could not look up which template is active. Tell your administrator.";
            Unusable(words.into())
        })?;
        let template = self.template_for(report, version, tenants).await;
        let (template, brand) = template.map_err(|unusable| match version {
            0 => unusable,
            _ => Unusable(format!("{unusable}\n{OTHER_VERSION}")),
        })?;
        if version > 0
            && let Some(misfit) = self.misfit(report, version, &template).await?
        {
            return Err(Unusable(format!(
                "The active template of this report, version {version}, no longer fits it: {misfit}\n{OTHER_VERSION}"
            )));
        }
        Ok(Current {
            version,
            sha256: template.sha256(),
            template,
            brand,
        })
    }

    /// A version of a report's template with what belongs to it, in the service's brand.
    ///
    /// # Errors
    /// When it is not there (any more), or its file is not what was uploaded.
    pub async fn template(&self, report: &Report, version: u64) -> Result<Template, Unusable> {
        let found = self.template_for(report, version, &[]).await?;
        Ok(found.0)
    }

    /// The same in the brand of a run for these customers.
    async fn template_for(
        &self,
        report: &Report,
        version: u64,
        tenants: &[TenantId],
    ) -> Result<(Template, RunBrand), Unusable> {
        let file = match version {
            0 => Arc::clone(&report.template.file),
            _ => self.file(report, version).await?,
        };
        let template = Template {
            file,
            ..report.template.clone()
        };
        self.branded(template, tenants).await
    }

    async fn file(&self, report: &Report, version: u64) -> Result<Arc<[u8]>, Unusable> {
        let named = |what: &str| Unusable(format!("Version {version} of the template {what}."));
        let row = self.shared.parts.store.template(&report.id, version).await;
        let row = row.map_err(|error| {
            tracing::error!(%error, "a template could not be looked up");
            named("could not be looked up")
        })?;
        let row = row.filter(|row| row.removed_at_ms == 0);
        let row = row.ok_or_else(|| named("is not there (any more)"))?;
        let read = self.shared.read(&row).await;
        read.map_err(|fault| {
            tracing::error!(report.id = %report.id, version, error = %fault, "a template cannot be used");
            match fault {
                FileFault::Changed { .. } => named(
                    "was changed where it is kept: its SHA-256 is not that of the file that was uploaded, so it is not used",
                ),
                FileFault::Unreadable(ArtefactError::Missing) => {
                    named("has lost its file: it is not kept any more")
                }
                FileFault::Unreadable(_) => named("cannot be read now"),
            }
        })
    }

    /// Why a version does not fit its report; looked at once.
    async fn misfit(
        &self,
        report: &Report,
        version: u64,
        template: &Template,
    ) -> Result<Option<String>, Unusable> {
        let logos = [LOGO_NAME, SERVICE_LOGO_NAME];
        let logos = logos.map(|name| template.pictures.contains_key(name));
        let key = (report.id.clone(), version, logos);
        if let Some(known) = self.shared.fits().get(&key) {
            return Ok(known.clone());
        }
        let found = self.lint(report, template.clone()).await;
        let misfit = found.map_err(|refused| match refused {
            Refused::File(words) => Unusable(words),
            other => {
                tracing::warn!(report.id = %report.id, version, error = %other, "a template could not be looked at");
                Unusable(format!(
                    "Version {version} of the template could not be looked at. Tell your administrator."
                ))
            }
        })?;
        let misfit = misfit.first_fault();
        self.shared.fits().insert(key, misfit.clone());
        Ok(misfit)
    }
}

impl Shared {
    fn fits(&self) -> MutexGuard<'_, Fits> {
        self.fits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was found out about a version that is gone.
    fn forget_fit(&self, report: &ReportId, version: u64) {
        self.fits()
            .retain(|(of, known, _), _| of != report || *known != version);
    }
}
