//! The finished document.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::errors::PageError;
use super::routes::{Routes, Rule};
use super::runs::own;
use super::session::{FormsUser, SignedIn};
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart, Opened};
use crate::runs::{Format, RunId, RunState};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// `/runs/{run}/download`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/runs/{run}/download", Rule::Forms, download)
}

/// `?as=docx` or `?as=pdf`; without, the first of the run's files.
#[derive(Deserialize)]
struct Which {
    #[serde(rename = "as")]
    format: Option<Format>,
}

async fn download(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let (id, row) = own(&state, &user, &id).await?;
    document(&state, &user, (&id, &row), which.format).await
}

/// A document of a person's own run that may be given out, and a record of who got it.
///
/// # Errors
/// When there is none, it is not released, or it cannot be recorded.
pub(crate) async fn document(
    state: &AppState,
    user: &SignedIn,
    (id, row): (&RunId, &RunRow),
    format: Option<Format>,
) -> Result<Response, PageError> {
    if row.state != RunState::Done {
        return Err(PageError::not_found("This run has no document."));
    }
    if !row.review.is_out() {
        return Err(PageError::not_found(format!(
            "This document is not released: its review is {}.",
            row.review
        )));
    }
    let format = format.unwrap_or(row.formats.first());
    if !row.formats.has(format) {
        return Err(PageError::not_found(format!(
            "This run made no {}; it made a {}.",
            format.label(),
            row.formats.first().label()
        )));
    }
    let name = row.name_of(format);
    user.audit(
        state,
        "file.download",
        Decision::Allowed,
        "own-run",
        id.as_str(),
    )
    .await?;
    send(state, row, format, &name).await
}

/// One of a run's files under this name.
///
/// # Errors
/// When it is not kept, or is not the one that was recorded.
pub(crate) async fn send(
    state: &AppState,
    run: &RunRow,
    format: Format,
    name: &str,
) -> Result<Response, PageError> {
    let file = run.file(format);
    let file = file.ok_or_else(|| unavailable(ArtefactError::Missing))?;
    let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
    let opened = state.engine.artefacts().verified(&key, &file.sha256).await;
    let Opened { bytes, body } = opened.map_err(unavailable)?;
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_string()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// What is said when a document cannot be had.
pub(super) fn unavailable(error: ArtefactError) -> PageError {
    if let ArtefactError::Missing = error {
        return PageError::not_found("The document of this run is no longer kept.");
    }
    tracing::error!(%error, "a document cannot be read");
    if let ArtefactError::Changed(_) = error {
        return PageError::unavailable(
            "The document that is kept is not the one that was recorded, so it is not given out. Try again in a moment, or tell your administrator.",
        );
    }
    PageError::unavailable(
        "The place where documents are kept does not answer now. Try again later, or tell your administrator.",
    )
}

/// A header that no name can break out of: only plain ASCII letters, digits, `-`, `_` and `.` are left.
pub(crate) fn disposition(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().filter(|c| plain(*c)).collect();
    let name = if name.trim_matches('.').is_empty() {
        "report.docx".into()
    } else {
        name
    };
    format!("attachment; filename=\"{name}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        assert_eq!(
            disposition("Acme_Overview_2026-11-22.docx"),
            "attachment; filename=\"Acme_Overview_2026-11-22.docx\""
        );
        assert_eq!(
            disposition("a\"; filename=\"b.exe\r\nX: y"),
            "attachment; filename=\"afilenameb.exeXy\""
        );
        assert_eq!(disposition("日本"), "attachment; filename=\"report.docx\"");
        assert_eq!(disposition(".."), "attachment; filename=\"report.docx\"");
    }
}
