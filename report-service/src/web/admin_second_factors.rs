//! Who has a second factor, and forgetting one whose phone is lost.

use super::confirm;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::second_factor::FactorRow;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

/// People shown.
const SHOWN_MAX: u32 = 500;

/// `/second-factors` and its act.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/second-factors", Rule::Admin, show).post(
        "/second-factors/reset",
        Rule::Admin,
        reset,
    )
}

#[derive(Template)]
#[template(path = "admin_second_factors.html")]
struct FactorsPage {
    page: Page,
    rows: Vec<(FactorRow, u64)>,
    required_for: String,
    done: bool,
}

#[derive(Default, Deserialize)]
struct Done {
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Reset {
    person: String,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<Done>,
) -> Result<Response, PageError> {
    let mut rows = Vec::new();
    for row in state.store.factors(SHOWN_MAX).await? {
        let left = state.store.recovery_left(&row.person_id).await?;
        rows.push((row, left));
    }
    render(&FactorsPage {
        page: Page::new("Second factors", "second-factors", &user),
        rows,
        required_for: state.config.second_factor.required_for.join(" and "),
        done: query.done,
    })
}

async fn reset(
    State(state): State<AppState>,
    user: AdminUser,
    Form(form): Form<Reset>,
) -> Result<Response, PageError> {
    confirm::required(&user, &state, "/second-factors").await?;
    user.audit(
        &state,
        "second-factor.reset",
        Decision::Allowed,
        "by-administrator",
        &form.person,
    )
    .await?;
    if !state.second_factor.reset(&form.person).await? {
        return Err(PageError::not_found(
            "This person has no second factor any more.",
        ));
    }
    state
        .sessions
        .end_all(&form.person, "second-factor-reset")
        .await?;
    Ok(Redirect::to("/second-factors?done=true").into_response())
}
