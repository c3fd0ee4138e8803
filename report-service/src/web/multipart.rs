//! Files in forms: the token that comes with them, and one file out of the parts.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use futures_util::{StreamExt as _, stream};
use multer::Multipart;

use super::errors::PageError;

/// Largest edited draft with its form, in bytes.
pub(crate) const UPLOAD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What is read past a limit, so that a browser that is still sending sees the answer, in bytes.
const EXCESS_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What may stand before the end of a form's first field, in bytes.
const FIRST_BYTES_MAX: usize = 16 * 1024;
/// The longest that the first field may take,
const FIRST_TIME_MAX: Duration = Duration::from_secs(30);
/// and the whole form.
const TIME_MAX: Duration = Duration::from_secs(600);

/// A form with one file in it.
#[derive(Debug)]
pub(super) struct FileForm {
    /// The file.
    pub(super) file: Bytes,
    /// What the browser calls it.
    pub(super) file_name: String,
    texts: BTreeMap<String, String>,
}

impl FileForm {
    /// The text of a field; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}

/// A body that has at most so many bytes. What passes the limit is read and thrown away.
///
/// # Errors
/// When it is larger, or broke off.
pub(super) async fn whole(body: Body, bytes_max: usize) -> Result<Bytes, ()> {
    let mut pieces = body.into_data_stream();
    let (mut taken, mut length) = (BytesMut::new(), 0_usize);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(drop)?;
        length = length.saturating_add(piece.len());
        if length <= bytes_max {
            taken.extend_from_slice(&piece);
        } else {
            taken = BytesMut::new();
        }
        if length > bytes_max.saturating_add(EXCESS_BYTES_MAX) {
            break;
        }
    }
    if length > bytes_max {
        return Err(());
    }
    Ok(taken.freeze())
}

/// The whole of a form with a file, which has at most so many bytes. It is read here for the first time, once whoever
/// sends it is known to be one who may.
///
/// # Errors
/// When it is larger, broke off, or takes too long.
pub(crate) async fn taken(body: Body, bytes_max: usize) -> Result<Bytes, PageError> {
    match tokio::time::timeout(TIME_MAX, whole(body, bytes_max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(())) => Err(too_large(bytes_max)),
        Err(_) => Err(PageError::bad_request(format!(
            "The file did not arrive within {} minutes.",
            TIME_MAX.as_secs() / 60
        ))),
    }
}

/// What is said of a file that is larger than the limit.
pub(super) fn too_large(bytes_max: usize) -> PageError {
    PageError::too_large(format!(
        "The file is larger than {}, which is the most that is taken here, or it was cut off on the way.",
        match bytes_max >> 20 {
            0 => format!("{} KB", bytes_max >> 10),
            mb => format!("{mb} MB"),
        }
    ))
}

/// Reads and throws away what a browser is still sending, so that it sees the answer.
pub(crate) async fn drained(body: Body) {
    let _ = tokio::time::timeout(FIRST_TIME_MAX, whole(body, 0)).await;
}

/// The text of a field that stands first in its form, and the body as it was: no more of it is read than that takes.
pub(super) async fn first_of(
    headers: &HeaderMap,
    body: Body,
    name: &str,
) -> (Option<String>, Body) {
    let mut rest = body.into_data_stream();
    let (mut pieces, mut read) = (Vec::new(), Vec::new());
    let first = async {
        while let Some(Ok(piece)) = rest.next().await {
            let room = FIRST_BYTES_MAX.saturating_sub(read.len());
            read.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            pieces.push(Ok(piece));
            let text = first_text(headers, Bytes::copy_from_slice(&read), name).await;
            if text.is_some() || read.len() >= FIRST_BYTES_MAX {
                return text;
            }
        }
        None
    };
    let text = tokio::time::timeout(FIRST_TIME_MAX, first).await;
    let body = Body::from_stream(stream::iter(pieces).chain(rest));
    (text.ok().flatten(), body)
}

/// Whether a body is one with files.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    boundary(headers).is_some()
}

/// The text of a field that stands first in its form.
async fn first_text(headers: &HeaderMap, body: Bytes, name: &str) -> Option<String> {
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
    Ok(form(headers, body, name).await?.file)
}

/// A form with a file under this name, and the texts beside it.
///
/// # Errors
/// When there is no file.
pub(super) async fn form(
    headers: &HeaderMap,
    body: Bytes,
    name: &str,
) -> Result<FileForm, PageError> {
    let form = form_perhaps(headers, body, name).await?;
    if form.file.is_empty() {
        return Err(PageError::bad_request("Choose a file first."));
    }
    Ok(form)
}

/// The same, where the file may be left out: then it has no bytes.
///
/// # Errors
/// When the form is not whole.
pub(super) async fn form_perhaps(
    headers: &HeaderMap,
    body: Bytes,
    name: &str,
) -> Result<FileForm, PageError> {
    let broken = || PageError::bad_request("The file was cut off on the way.");
    let mut parts = parts(headers, body).ok_or_else(broken)?;
    let mut form = FileForm {
        file: Bytes::new(),
        file_name: String::new(),
        texts: BTreeMap::new(),
    };
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let part_name = part.name().unwrap_or_default().to_owned();
        match part.file_name().map(str::to_owned) {
            Some(file_name) if part_name == name && form.file.is_empty() => {
                form.file = part.bytes().await.map_err(|_| broken())?;
                form.file_name = file_name;
            }
            Some(_) => {}
            None => {
                let text = part.text().await.map_err(|_| broken())?;
                form.texts.insert(part_name, text);
            }
        }
    }
    Ok(form)
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    multer::parse_boundary(kind).ok()
}

fn parts(headers: &HeaderMap, body: Bytes) -> Option<Multipart<'static>> {
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    Some(Multipart::new(whole, boundary(headers)?))
}
