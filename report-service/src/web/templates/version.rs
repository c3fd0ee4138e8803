//! One version of a template: what it reads, what is wrong with it, and what it makes of sample data.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use docx_jinja::TagError;

use super::chosen::{Chosen, chosen};
use super::managed::NotDone;
use crate::reports::Report;
use crate::runs::Format;
use crate::state::AppState;
use crate::store::library::TemplateRow;
use crate::templates::Found;
use crate::web::errors::PageError;
use crate::web::layout::{Page, render};
use crate::web::reports::picker::one;
use crate::web::session::SignedIn;

/// Values that a page lists at most.
pub(crate) const VALUES_MAX: usize = 300;

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

/// The same for an act that was not done. Of a file that cannot be used the page says so itself, and what can be done.
pub(super) async fn refused(
    state: &AppState,
    user: &SignedIn,
    chosen: Chosen,
    why: NotDone,
) -> Result<Response, PageError> {
    let fault = match why {
        NotDone::Refused(fault) => fault,
        NotDone::Unusable(unusable) => {
            tracing::debug!(
                template = chosen.name(),
                reason = unusable.0,
                "a template cannot be used"
            );
            String::new()
        }
        NotDone::Late(words) => return Err(PageError::bad_request(words)),
        NotDone::Failed(error) => return Err(error),
    };
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
    match chosen.download(&state, &user).await {
        Ok(file) => Ok(file),
        Err(why) => refused(&state, &user, chosen, why).await,
    }
}

/// `GET /templates/{report}/{version}/marked`: a copy with a comment at each fault.
pub(super) async fn marked(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    match chosen.marked(&state, &user).await {
        Ok(file) => Ok(file),
        Err(why) => refused(&state, &user, chosen, why).await,
    }
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
    let format = match one(&pairs, "as") {
        Some("pdf") if state.engine.library().offers_pdf() => Format::Pdf,
        Some("docx") => Format::Word,
        _ => return Err(PageError::bad_request("Choose a kind of file.")),
    };
    match chosen.try_out(&state, &user, format).await {
        Ok(file) => Ok(file),
        Err(why) => refused(&state, &user, chosen, why).await,
    }
}

/// Where a fault stands, as people say it.
fn place(fault: &TagError) -> String {
    match fault.paragraph {
        Some(number) => format!("{}, paragraph {number}", fault.part),
        None => fault.part.clone(),
    }
}
