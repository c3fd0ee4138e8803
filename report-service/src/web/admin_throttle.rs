//! Names and addresses held back after failed sign-ins, and letting them try again.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::Decision;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// Rows shown.
const SHOWN_MAX: u32 = 500;

/// `/throttle` and its act.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/throttle", Rule::Admin, show)
        .post("/throttle/clear", Rule::Admin, clear)
}

#[derive(Template)]
#[template(path = "admin_throttle.html")]
struct ThrottlePage {
    page: Page,
    rows: Vec<Row>,
    minutes: u64,
    cleared: bool,
}

struct Row {
    bucket: String,
    kind: &'static str,
    subject: String,
    title: String,
    failures: u64,
    most: u64,
    until: u64,
}

#[derive(Default, Deserialize)]
struct Cleared {
    #[serde(default)]
    cleared: bool,
}

#[derive(Deserialize)]
struct Clear {
    bucket: String,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<Cleared>,
) -> Result<Response, PageError> {
    let now = state.clock.now_ms();
    let mut rows = Vec::new();
    for row in state.store.throttle_list(now, SHOWN_MAX).await? {
        let (kind, subject) = row.bucket.split_once(':').unwrap_or(("", &row.bucket));
        let title = if matches!(kind, "person" | "code") {
            state.store.person_title(subject).await?.unwrap_or_default()
        } else {
            String::new()
        };
        rows.push(Row {
            kind: kind_words(kind),
            subject: subject.to_owned(),
            title,
            failures: row.failures,
            most: state.sign_in.failures_max(&row.bucket),
            until: row.window_end,
            bucket: row.bucket,
        });
    }
    render(&ThrottlePage {
        page: Page::new("Held back", "throttle", &user),
        rows,
        minutes: state.sign_in.window_minutes(),
        cleared: query.cleared,
    })
}

async fn clear(
    State(state): State<AppState>,
    user: AdminUser,
    Form(form): Form<Clear>,
) -> Result<Response, PageError> {
    user.audit(
        &state,
        "throttle.clear",
        Decision::Allowed,
        "by-administrator",
        &form.bucket,
    )
    .await?;
    if !state.store.throttle_clear(&form.bucket).await? {
        return Err(PageError::not_found(
            "Nothing is counted there any more: the time has passed.",
        ));
    }
    Ok(Redirect::to("/throttle?cleared=true").into_response())
}

fn kind_words(kind: &str) -> &'static str {
    match kind {
        "name" => "name typed",
        "person" => "person",
        "code" => "codes of a person",
        "address" => "address",
        _ => "other",
    }
}
