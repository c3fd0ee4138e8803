//! A template that somebody uploads.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::managed::{self, NotDone, managed};
use super::refused;
use crate::library::NewTemplate;
use crate::state::AppState;
use crate::web::errors::PageError;
use crate::web::multipart;
use crate::web::session::SignedIn;

/// `POST /templates/{report}/upload`: the next version, with the faults that it has.
pub(super) async fn upload(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    let body = multipart::taken(body, state.config.templates.upload_bytes()).await?;
    let form = multipart::form(&headers, body, "template").await?;
    let note = match managed::note(form.text("note")) {
        Ok(note) => note,
        Err(fault) => return refused(&state, &user, report, NotDone::Refused(fault)).await,
    };
    let new = NewTemplate {
        file: form.file.as_ref().into(),
        file_name: form.file_name,
        note,
    };
    match managed::upload(&state, &user, &report, new).await {
        Ok(version) => {
            let place = format!("/templates/{}/{version}", report.id);
            Ok(Redirect::to(&place).into_response())
        }
        Err(why) => refused(&state, &user, report, why).await,
    }
}
