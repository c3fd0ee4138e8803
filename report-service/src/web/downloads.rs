//! The finished document.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio_util::io::ReaderStream;

use super::errors::PageError;
use super::routes::{Routes, Rule};
use super::runs::own;
use super::session::FormsUser;
use crate::runs::{Format, RunState};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// Bytes read from the disk at a time.
const BUFFER_BYTES: usize = 65_536;

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
    if row.state != RunState::Done {
        return Err(PageError::not_found("This run has no document."));
    }
    if !row.review.is_out() {
        return Err(PageError::not_found(format!(
            "This document is not released: its review is {}.",
            row.review
        )));
    }
    let format = which.format.unwrap_or(row.formats.first());
    let name = row.name_of(format);
    user.audit(
        &state,
        "file.download",
        Decision::Allowed,
        "own-run",
        id.as_str(),
    )
    .await?;
    send(&state, &row, format, &name).await
}

/// One of a run's files under this name.
///
/// # Errors
/// When it is not kept.
pub(super) async fn send(
    state: &AppState,
    run: &RunRow,
    format: Format,
    name: &str,
) -> Result<Response, PageError> {
    let missing = || PageError::not_found("The document of this run is no longer kept.");
    run.file(format).ok_or_else(missing)?;
    let file = tokio::fs::File::open(state.engine.file(&run.id, format)).await;
    let file = file.map_err(|_| missing())?;
    let bytes = file.metadata().await.map_err(|_| missing())?.len();
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_string()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    let body = Body::from_stream(ReaderStream::with_capacity(file, BUFFER_BYTES));
    Ok((headers, body).into_response())
}

/// A header that no name can break out of: only plain ASCII letters, digits, `-`, `_` and `.` are left.
pub(super) fn disposition(name: &str) -> String {
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
