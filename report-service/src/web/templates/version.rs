//! One version of a template: what it reads, what is wrong with it, and what it makes of sample data.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use docx_jinja::TagError;

use super::{file, managed, nothing};
use crate::library::{Refused, Unusable};
use crate::render::TagFault;
use crate::reports::Report;
use crate::runs::Format;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::library::TemplateRow;
use crate::templates::Found;
use crate::web::errors::PageError;
use crate::web::layout::{Page, render};
use crate::web::reports::picker::one;
use crate::web::session::SignedIn;

/// Values that a page lists at most.
const VALUES_MAX: usize = 300;

#[derive(Template)]
#[template(path = "template_version.html")]
struct VersionPage {
    page: Page,
    report: Arc<Report>,
    version: u64,
    /// Nothing for the report folder's.
    row: Option<TemplateRow>,
    active: bool,
    offers_pdf: bool,
    /// What was found out about it; nothing where its file cannot be used.
    found: Option<Found>,
    /// Why its file cannot be used.
    unusable: String,
    values: Vec<String>,
    fault: String,
}

/// A version that this person may manage, in place.
pub(super) struct Chosen {
    pub(super) report: Arc<Report>,
    pub(super) version: u64,
    pub(super) row: Option<TemplateRow>,
}

/// The version at an address, or the same answer as for one that does not exist.
pub(super) async fn chosen(
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
    /// The report's id and the number, as records name a version.
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

    async fn template(&self, state: &AppState) -> Result<crate::render::Template, Unusable> {
        let library = state.engine.library();
        library.template(&self.report, self.version).await
    }

    /// What there is to tell of it, or why its file cannot be used.
    async fn found(&self, state: &AppState) -> Result<Result<Found, Unusable>, PageError> {
        let template = match self.template(state).await {
            Ok(template) => template,
            Err(unusable) => return Ok(Err(unusable)),
        };
        match state.engine.library().lint(&self.report, template).await {
            Ok(found) => Ok(Ok(found)),
            Err(Refused::File(words)) => Ok(Err(Unusable(words))),
            Err(error) => Err(in_words(error)),
        }
    }
}

/// `GET /templates/{report}/{version}`.
pub(super) async fn show(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    draw(&state, &user, chosen, String::new()).await
}

/// A version's page, with what kept an act from being done.
pub(super) async fn draw(
    state: &AppState,
    user: &SignedIn,
    chosen: Chosen,
    fault: String,
) -> Result<Response, PageError> {
    let (found, unusable) = match chosen.found(state).await? {
        Ok(found) => (Some(found), String::new()),
        Err(unusable) => (None, unusable.0),
    };
    let active = state.store.template_active(&chosen.report.id).await?;
    let variables = found.iter().flat_map(|found| &found.inspected.variables);
    let values = variables.take(VALUES_MAX);
    let title = format!("{}, version {}", chosen.report.title, chosen.version);
    render(&VersionPage {
        page: Page::new(title, "templates", user),
        active: active == chosen.version,
        report: chosen.report,
        version: chosen.version,
        row: chosen.row,
        offers_pdf: state.engine.library().offers_pdf(),
        values: values.map(|value| value.path.clone()).collect(),
        found,
        unusable,
        fault,
    })
}

/// The same for an act that was not done.
pub(super) async fn refused(
    state: &AppState,
    user: &SignedIn,
    chosen: Chosen,
    fault: String,
) -> Result<Response, PageError> {
    let page = draw(state, user, chosen, fault).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `GET /templates/{report}/{version}/download`: the file as it was uploaded.
pub(super) async fn download(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    let template = match chosen.template(&state).await {
        Ok(template) => template,
        Err(unusable) => return lost(&state, &user, chosen, unusable).await,
    };
    noted(&state, &user, "template.download", &chosen).await?;
    Ok(file(Format::Word, &chosen.stem(""), template.file.to_vec()))
}

/// `GET /templates/{report}/{version}/marked`: a copy with a comment at each fault.
pub(super) async fn marked(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    let faults: Vec<TagFault> = match chosen.found(&state).await? {
        Ok(found) => found.faults().map(TagFault::from).collect(),
        Err(unusable) => return lost(&state, &user, chosen, unusable).await,
    };
    if faults.is_empty() {
        return Err(PageError::not_found(
            "This version has no faults that could be marked.",
        ));
    }
    noted(&state, &user, "template.download", &chosen).await?;
    let template = match chosen.template(&state).await {
        Ok(template) => template,
        Err(unusable) => return lost(&state, &user, chosen, unusable).await,
    };
    let marked = state.engine.library().marked(template, faults).await;
    let marked = marked.map_err(in_words)?;
    Ok(file(Format::Word, &chosen.stem("-marked"), marked))
}

/// `POST /templates/{report}/{version}/try` with `as` = `docx` or `pdf`: a document of sample data.
pub(super) async fn try_out(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
    body: String,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let library = state.engine.library();
    let format = match one(&pairs, "as") {
        Some("pdf") if library.offers_pdf() => Format::Pdf,
        Some("docx") => Format::Word,
        _ => return Err(PageError::bad_request("Choose a kind of file.")),
    };
    noted(&state, &user, "template.try", &chosen).await?;
    let template = match chosen.template(&state).await {
        Ok(template) => template,
        Err(unusable) => return lost(&state, &user, chosen, unusable).await,
    };
    match library.try_out(&chosen.report, template, format).await {
        Ok(made) => Ok(file(format, &chosen.stem("-sample"), made)),
        Err(Refused::File(words)) => {
            let fault = format!("There is no document: {words}");
            refused(&state, &user, chosen, fault).await
        }
        Err(error) => Err(in_words(error)),
    }
}

async fn noted(
    state: &AppState,
    user: &SignedIn,
    action: &str,
    chosen: &Chosen,
) -> Result<(), PageError> {
    let name = chosen.name();
    user.audit(state, action, Decision::Allowed, "manages-templates", &name)
        .await
}

/// The page of a version whose file cannot be used; it says so, and what can be done.
pub(super) async fn lost(
    state: &AppState,
    user: &SignedIn,
    chosen: Chosen,
    unusable: Unusable,
) -> Result<Response, PageError> {
    tracing::debug!(
        template = chosen.name(),
        reason = unusable.0,
        "a template cannot be used"
    );
    refused(state, user, chosen, String::new()).await
}

fn in_words(refused: Refused) -> PageError {
    match refused {
        Refused::File(words) => PageError::unavailable(words),
        Refused::Store(error) => error.into(),
        other => PageError::internal(&anyhow::Error::new(other)),
    }
}

/// Where a fault stands, as people say it.
fn place(fault: &TagError) -> String {
    match fault.paragraph {
        Some(number) => format!("{}, paragraph {number}", fault.part),
        None => fault.part.clone(),
    }
}
