//! What is done with a version: making it active, rolling back, removing it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::chosen::chosen;
use super::managed::{self, managed};
use super::{refused, version};
use crate::reports::Report;
use crate::state::AppState;
use crate::web::errors::PageError;
use crate::web::reports::picker::one;
use crate::web::session::SignedIn;

/// `POST /templates/{report}/{version}/activate`: runs that begin from now on use it.
pub(super) async fn activate(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    match chosen.activate(&state, &user).await {
        Ok(()) => Ok(to(&chosen.report)),
        Err(why) => version::refused(&state, &user, chosen, why).await,
    }
}

/// `POST /templates/{report}/roll-back` with the active version in `from`: the one before it becomes active.
pub(super) async fn roll_back(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let from = one(&pairs, "from").and_then(|from| from.parse().ok());
    match managed::roll_back(&state, &user, &report, from).await {
        Ok(()) => Ok(to(&report)),
        Err(why) => refused(&state, &user, report, why).await,
    }
}

/// `POST /templates/{report}/{version}/remove`: its file goes, what is known of it stays.
pub(super) async fn remove(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    match chosen.remove(&state, &user).await {
        Ok(()) => Ok(to(&chosen.report)),
        Err(why) => version::refused(&state, &user, chosen, why).await,
    }
}

fn to(report: &Report) -> Response {
    Redirect::to(&format!("/templates/{}", report.id)).into_response()
}
