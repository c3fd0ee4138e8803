//! Files in forms: the token that comes with them, and one file out of the parts.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use futures_util::stream;
use multer::Multipart;

use super::errors::PageError;

/// Largest file with its form, in bytes.
pub(super) const UPLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Whether a body is one with files.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    boundary(headers).is_some()
}

/// The text of a field that stands first in its form.
pub(super) async fn first_text(headers: &HeaderMap, body: Bytes, name: &str) -> Option<String> {
    let mut parts = parts(headers, body)?;
    let part = parts.next_field().await.ok()??;
    if part.name() != Some(name) || part.file_name().is_some() {
        return None;
    }
    part.text().await.ok()
}

/// The file of a form.
///
/// # Errors
/// When there is none.
pub(super) async fn file(headers: &HeaderMap, body: Bytes, name: &str) -> Result<Bytes, PageError> {
    let broken = || PageError::bad_request("The file was cut off on the way.");
    let mut parts = parts(headers, body).ok_or_else(broken)?;
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        if part.name() == Some(name) && part.file_name().is_some() {
            let bytes = part.bytes().await.map_err(|_| broken())?;
            if bytes.is_empty() {
                break;
            }
            return Ok(bytes);
        }
    }
    Err(PageError::bad_request("Choose a file first."))
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

fn parts(headers: &HeaderMap, body: Bytes) -> Option<Multipart<'static>> {
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    Some(Multipart::new(whole, boundary(headers)?))
}
