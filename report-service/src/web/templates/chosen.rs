//! One version in somebody's hands, for the pages and for the API alike: what there is to tell of it, its files, and what
//! is done with it.

use std::sync::Arc;

use axum::response::Response;

use super::managed::{self, MANAGES, NotDone, file, make_active, managed, nothing};
use crate::library::{Refused, Unusable};
use crate::render::TagFault;
use crate::reports::Report;
use crate::runs::Format;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::library::TemplateRow;
use crate::templates::Found;
use crate::web::errors::PageError;
use crate::web::session::SignedIn;

/// A version that this person may manage, in place.
pub(crate) struct Chosen {
    /// Whose template.
    pub(crate) report: Arc<Report>,
    /// Its number; 0 is the report folder's.
    pub(crate) version: u64,
    /// What is recorded of it; nothing for the report folder's.
    pub(crate) row: Option<TemplateRow>,
}

/// The version at an address, or the same answer as for one that does not exist.
///
/// # Errors
/// When there is none, or the store cannot read.
pub(crate) async fn chosen(
    state: &AppState,
    user: &SignedIn,
    (report, version): (&str, &str),
) -> Result<Chosen, PageError> {
    let report = managed(state, user, report)?;
    // Only as we write it ourselves.
    let number = version.parse::<u64>().ok();
    let version = number.filter(|number| number.to_string() == version);
    let version = version.ok_or_else(nothing)?;
    let row = match version {
        0 => None,
        _ => {
            let row = state.store.template(&report.id, version).await?;
            let row = row.filter(|row| row.removed_at_ms == 0);
            Some(row.ok_or_else(nothing)?)
        }
    };
    Ok(Chosen {
        report,
        version,
        row,
    })
}

impl Chosen {
    /// The report's id, the number and the digest, as records name a version.
    pub(super) fn name(&self) -> String {
        let sha256 = match &self.row {
            Some(row) => &row.sha256,
            None => &self.report.template_sha256,
        };
        format!("{} v{} {sha256}", self.report.id, self.version)
    }

    /// What a download of it is called.
    fn stem(&self, what: &str) -> String {
        format!("{}-v{}{what}", self.report.id, self.version)
    }

    async fn template(&self, state: &AppState) -> Result<crate::render::Template, NotDone> {
        let library = state.engine.library();
        let template = library.template(&self.report, self.version).await;
        template.map_err(NotDone::Unusable)
    }

    /// What there is to tell of it, or why its file cannot be used.
    ///
    /// # Errors
    /// When the service failed.
    pub(crate) async fn found(
        &self,
        state: &AppState,
    ) -> Result<Result<Found, Unusable>, PageError> {
        let library = state.engine.library();
        let template = match library.template(&self.report, self.version).await {
            Ok(template) => template,
            Err(unusable) => return Ok(Err(unusable)),
        };
        match library.lint(&self.report, template).await {
            Ok(found) => Ok(Ok(found)),
            Err(Refused::File(words)) => Ok(Err(Unusable(words))),
            Err(error) => Err(in_words(error)),
        }
    }

    /// The file as it was uploaded.
    ///
    /// # Errors
    /// When it cannot be used, or it cannot be recorded.
    pub(crate) async fn download(
        &self,
        state: &AppState,
        user: &SignedIn,
    ) -> Result<Response, NotDone> {
        let template = self.template(state).await?;
        self.noted(state, user, "template.download").await?;
        Ok(file(Format::Word, &self.stem(""), template.file.to_vec()))
    }

    /// A copy with a comment at each fault.
    ///
    /// # Errors
    /// When there is none to mark, the file cannot be used, or it cannot be recorded.
    pub(crate) async fn marked(
        &self,
        state: &AppState,
        user: &SignedIn,
    ) -> Result<Response, NotDone> {
        let found = self.found(state).await?.map_err(NotDone::Unusable)?;
        let faults: Vec<TagFault> = found.faults().map(TagFault::from).collect();
        if faults.is_empty() {
            let words = "This version has no faults that could be marked.";
            return Err(PageError::not_found(words).into());
        }
        self.noted(state, user, "template.download").await?;
        let template = self.template(state).await?;
        let marked = state.engine.library().marked(template, faults).await;
        let marked = marked.map_err(in_words)?;
        Ok(file(Format::Word, &self.stem("-marked"), marked))
    }

    /// A document of sample data.
    ///
    /// # Errors
    /// When there is none, the file cannot be used, or it cannot be recorded.
    pub(crate) async fn try_out(
        &self,
        state: &AppState,
        user: &SignedIn,
        format: Format,
    ) -> Result<Response, NotDone> {
        self.noted(state, user, "template.try").await?;
        let template = self.template(state).await?;
        let library = state.engine.library();
        match library.try_out(&self.report, template, format).await {
            Ok(made) => Ok(file(format, &self.stem("-sample"), made)),
            Err(Refused::File(words)) => {
                Err(NotDone::Refused(format!("There is no document: {words}")))
            }
            Err(error) => Err(in_words(error).into()),
        }
    }

    /// Makes it active: runs that begin from now on use it.
    ///
    /// # Errors
    /// When it has faults, its file cannot be used, or something failed.
    pub(crate) async fn activate(&self, state: &AppState, user: &SignedIn) -> Result<(), NotDone> {
        let (report, name) = (&self.report, self.name());
        let denied = async |reason| {
            user.audit(state, "template.activate", Decision::Denied, reason, &name)
                .await
        };
        match state.engine.library().misfit_of(report, self.version).await {
            Ok(None) => Ok(make_active(state, user, report, (self.version, &name)).await?),
            Ok(Some(misfit)) => {
                denied("faulty").await?;
                Err(NotDone::Refused(format!(
                    "It was not made active, because it has faults: {misfit}"
                )))
            }
            Err(unusable) => {
                denied("unusable").await?;
                Err(NotDone::Unusable(unusable))
            }
        }
    }

    /// Removes it: its file goes, what is known of it stays.
    ///
    /// # Errors
    /// When it is the report folder's or active, or something failed.
    pub(crate) async fn remove(&self, state: &AppState, user: &SignedIn) -> Result<(), NotDone> {
        managed::remove(state, user, &self.report, (self.version, &self.name())).await
    }

    async fn noted(
        &self,
        state: &AppState,
        user: &SignedIn,
        action: &str,
    ) -> Result<(), PageError> {
        let name = self.name();
        user.audit(state, action, Decision::Allowed, MANAGES, &name)
            .await
    }
}

fn in_words(refused: Refused) -> PageError {
    match refused {
        Refused::File(words) => PageError::unavailable(words),
        Refused::Store(error) => error.into(),
        other => PageError::internal(&anyhow::Error::new(other)),
    }
}
