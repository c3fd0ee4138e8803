//! A template that somebody uploads.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::{act, draw, managed};
use crate::library::{NewTemplate, Refused};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::web::errors::PageError;
use crate::web::multipart;
use crate::web::session::SignedIn;

/// Longest note on a version, in characters.
const NOTE_CHARS_MAX: usize = 500;

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
    let note = form.text("note").trim().to_owned();
    if note.chars().count() > NOTE_CHARS_MAX {
        let fault = format!("Write at most {NOTE_CHARS_MAX} characters about it.");
        let page = draw(&state, &user, report, fault).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let subject = format!("{} {}", report.id, hex::encode(&Sha256::digest(&form.file)));
    let audit = async |decision, reason| {
        user.audit(&state, "template.upload", decision, reason, &subject)
            .await
    };
    audit(Decision::Allowed, "received").await?;
    let new = NewTemplate {
        file: form.file.as_ref().into(),
        file_name: form.file_name,
        note,
    };
    let library = state.engine.library();
    let fault = match library.upload(&report, new, act(&state, &user)).await {
        Ok((version, _)) => {
            let place = format!("/templates/{}/{version}", report.id);
            return Ok(Redirect::to(&place).into_response());
        }
        Err(Refused::File(words)) => format!("This file is not taken: {words}"),
        Err(Refused::Full(most)) => format!(
            "This report has {most} versions already, and that is the most. Remove one that is not needed any more."
        ),
        Err(Refused::Store(error)) => return Err(error.into()),
        Err(error) => return Err(PageError::internal(&anyhow::Error::new(error))),
    };
    audit(Decision::Denied, "refused").await?;
    let page = draw(&state, &user, report, fault).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
