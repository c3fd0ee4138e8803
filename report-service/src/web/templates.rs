//! Templates of reports: their versions, new ones, and which one is active. The same pages on both listeners, for whoever
//! may manage templates.

mod act;
mod new;
mod version;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::downloads::disposition;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::library::Standing;
use crate::reports::Report;
use crate::runs::Format;
use crate::starter_template::plain_template;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::library::LibraryAct;

/// `/templates` and what is below it, for whoever is signed in on this listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::Forms,
        Site::Admin => Rule::Admin,
    };
    routes
        .page("/templates", rule, list)
        .page("/templates/{report}", rule, show)
        .get("/templates/{report}/starter", rule, starter)
        .upload(
            "/templates/{report}/upload",
            rule,
            |config| config.templates.upload_bytes(),
            new::upload,
        )
        .post("/templates/{report}/roll-back", rule, act::roll_back)
        .get("/templates/{report}/{version}", rule, version::show)
        .get(
            "/templates/{report}/{version}/download",
            rule,
            version::download,
        )
        .get(
            "/templates/{report}/{version}/marked",
            rule,
            version::marked,
        )
        .post("/templates/{report}/{version}/try", rule, version::try_out)
        .post(
            "/templates/{report}/{version}/activate",
            rule,
            act::activate,
        )
        .post("/templates/{report}/{version}/remove", rule, act::remove)
}

#[derive(Template)]
#[template(path = "templates.html")]
struct ListPage {
    page: Page,
    reports: Vec<(Arc<Report>, Standing)>,
}

#[derive(Template)]
#[template(path = "template_report.html")]
struct ReportPage {
    page: Page,
    report: Arc<Report>,
    standing: Standing,
    earlier: Option<u64>,
    upload_mb: u32,
    versions_max: u32,
    fault: String,
}

async fn list(State(state): State<AppState>, user: SignedIn) -> Result<Response, PageError> {
    if !user.rights(&state).manages_templates() {
        return Err(nothing());
    }
    let mut reports = Vec::new();
    for report in state.engine.catalogue().iter() {
        if may(&state, &user, report) {
            let standing = state.engine.library().standing(report).await?;
            reports.push((Arc::clone(report), standing));
        }
    }
    render(&ListPage {
        page: Page::new("Templates", "templates", &user),
        reports,
    })
}

async fn show(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    draw(&state, &user, report, String::new()).await
}

/// A report's page, with what kept an act from being done.
async fn draw(
    state: &AppState,
    user: &SignedIn,
    report: Arc<Report>,
    fault: String,
) -> Result<Response, PageError> {
    let standing = state.engine.library().standing(&report).await?;
    render(&ReportPage {
        page: Page::new(format!("Template: {}", report.title), "templates", user),
        earlier: standing.earlier(),
        upload_mb: state.config.templates.upload_mb,
        versions_max: state.config.templates.versions_max,
        standing,
        report,
        fault,
    })
}

async fn starter(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    let made = plain_template(&report.needs, state.engine.contracts());
    let made = made.map_err(|fault| {
        PageError::not_found(format!("There is no starter for this report: it {fault}."))
    })?;
    user.audit(
        &state,
        "template.starter",
        Decision::Allowed,
        "manages-templates",
        report.id.as_str(),
    )
    .await?;
    Ok(file(Format::Word, &format!("{}-starter", report.id), made))
}

fn nothing() -> PageError {
    PageError::not_found("There is no page at this address.")
}

fn may(state: &AppState, user: &SignedIn, report: &Report) -> bool {
    let is_for = user.site() == Site::Admin || report.is_for(user.groups());
    is_for && user.rights(state).manages_template_of(&report.id)
}

/// A report whose template this person may manage, or the same answer as for one that does not exist.
fn managed(state: &AppState, user: &SignedIn, id: &str) -> Result<Arc<Report>, PageError> {
    let report = id
        .parse()
        .ok()
        .and_then(|id| state.engine.catalogue().get(&id));
    let report = report.filter(|report| may(state, user, report));
    report.cloned().ok_or_else(nothing)
}

fn act<'a>(state: &AppState, user: &'a SignedIn) -> LibraryAct<'a> {
    LibraryAct {
        at_ms: state.clock.now_ms(),
        person_id: user.person_id(),
        person_title: user.title(),
    }
}

/// A file to keep.
fn file(format: Format, stem: &str, bytes: Vec<u8>) -> Response {
    let name = format!("{stem}.{}", format.ending());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    (headers, bytes).into_response()
}
