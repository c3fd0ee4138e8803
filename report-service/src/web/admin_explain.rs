//! "Explain this sign-in": why somebody can or cannot sign in.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::directory::Explanation;
use crate::state::AppState;
use crate::store::audit::Decision;
use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

/// `/explain-sign-in`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get("/explain-sign-in", Rule::Admin, ask)
        .post("/explain-sign-in", Rule::Admin, explain)
}

#[derive(Template)]
#[template(path = "admin_explain.html")]
struct ExplainPage {
    page: Page,
    name: String,
    told: Option<Explanation>,
}

#[derive(Deserialize)]
struct Asked {
    name: String,
}

async fn ask(user: AdminUser) -> Result<Response, PageError> {
    show(&user, String::new(), None)
}

async fn explain(
    State(state): State<AppState>,
    user: AdminUser,
    Form(form): Form<Asked>,
) -> Result<Response, PageError> {
    user.audit(
        &state,
        "sign-in.explain",
        Decision::Allowed,
        "by-administrator",
        &form.name,
    )
    .await?;
    let told = state.sign_in.explain(&form.name, &state.rights).await?;
    show(&user, form.name, Some(told))
}

fn show(user: &AdminUser, name: String, told: Option<Explanation>) -> Result<Response, PageError> {
    render(&ExplainPage {
        page: Page::new("Explain a sign-in", "explain", user),
        name,
        told,
    })
}
