//! Templates of reports: their versions, new ones, and which one is active. The same pages on both listeners, for whoever
//! may manage templates.

mod act;
pub(crate) mod chosen;
pub(crate) mod managed;
mod new;
pub(crate) mod version;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::library::Standing;
use crate::reports::Report;
use crate::state::AppState;
use managed::{NotDone, listed, managed, nothing};

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
    render(&ListPage {
        page: Page::new("Templates", "templates", &user),
        reports: listed(&state, &user).await?,
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

/// The page of a report for an act that was not done.
async fn refused(
    state: &AppState,
    user: &SignedIn,
    report: Arc<Report>,
    why: NotDone,
) -> Result<Response, PageError> {
    let fault = match why {
        NotDone::Refused(fault) => fault,
        NotDone::Unusable(unusable) => unusable.0,
        NotDone::Late(words) => return Err(PageError::bad_request(words)),
        NotDone::Failed(error) => return Err(error),
    };
    let page = draw(state, user, report, fault).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn starter(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    managed::starter(&state, &user, &report).await
}
