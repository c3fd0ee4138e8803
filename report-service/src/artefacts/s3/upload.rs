//! A large file in parts, each of which is tried again by itself.

use std::io;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use rusty_s3::Credentials;
use rusty_s3::actions::{
    CompleteMultipartUpload, CompleteMultipartUploadResponse, CreateMultipartUpload, S3Action as _,
};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::ask::{Ask, code, text_of};
use super::{S3, SIGNED_FOR};
use crate::artefacts::ArtefactError;

/// Parts of one object, as S3 bounds them.
const PARTS_MAX: u64 = 10_000;

impl S3 {
    pub(super) async fn upload(
        &self,
        object: &str,
        file: &mut File,
        bytes: u64,
    ) -> Result<(), ArtefactError> {
        if bytes.div_ceil(self.part_bytes as u64) > PARTS_MAX {
            return Err(self.unclear(&format!(
                "takes at most {PARTS_MAX} parts of artefacts.s3.part_mb, and the file has more"
            )));
        }
        let id = self.begin(object).await?;
        let sent = match self.parts((object, &id), file, bytes).await {
            Ok(etags) => self.complete((object, &id), &etags, bytes).await,
            Err(error) => Err(error),
        };
        if sent.is_err() {
            self.abort(object, &id).await;
        }
        sent
    }

    async fn begin(&self, object: &str) -> Result<String, ArtefactError> {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let mut action = self
                .bucket
                .create_multipart_upload(Some(credentials), object);
            for (header, value) in &self.encryption {
                action.headers_mut().insert(*header, value.as_str());
            }
            action.sign_with_time(SIGNED_FOR, at)
        };
        let ask = Ask {
            headers: &self.encryption,
            ..Ask::new(Method::POST, &sign)
        };
        let answer = self.whole(&ask).await?;
        let begun = CreateMultipartUpload::parse_response(&text_of(&answer.body));
        let begun = begun.map_err(|_| self.unclear("does not begin an upload"))?;
        Ok(begun.upload_id().to_owned())
    }

    /// Sends every part; what each is known as.
    async fn parts(
        &self,
        (object, id): (&str, &str),
        file: &mut File,
        bytes: u64,
    ) -> Result<Vec<String>, ArtefactError> {
        let (mut etags, mut sent) = (Vec::new(), 0);
        while sent < bytes {
            let body = piece(file, self.part_bytes).await?;
            if body.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            sent += body.len() as u64;
            let number = u16::try_from(etags.len() + 1).unwrap_or(u16::MAX);
            let sign = |credentials: &Credentials, at: &Timestamp| {
                let action = self
                    .bucket
                    .upload_part(Some(credentials), object, number, id);
                action.sign_with_time(SIGNED_FOR, at)
            };
            let ask = Ask {
                body,
                ..Ask::new(Method::PUT, &sign)
            };
            let answer = self.whole(&ask).await?;
            let etag = answer.headers.get("etag");
            let etag = etag.and_then(|etag| etag.to_str().ok());
            etags.push(
                etag.ok_or_else(|| self.unclear("names no part"))?
                    .to_owned(),
            );
        }
        Ok(etags)
    }

    async fn complete(
        &self,
        (object, id): (&str, &str),
        etags: &[String],
        bytes: u64,
    ) -> Result<(), ArtefactError> {
        let body = CompleteMultipartUpload::new(
            &self.bucket,
            None,
            object,
            id,
            etags.iter().map(String::as_str),
        )
        .body();
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let etags = etags.iter().map(String::as_str);
            let action =
                self.bucket
                    .complete_multipart_upload(Some(credentials), object, id, etags);
            action.sign_with_time(SIGNED_FOR, at)
        };
        let ask = Ask {
            body: body.into(),
            ..Ask::new(Method::POST, &sign)
        };
        let refused = match self.whole(&ask).await {
            Ok(answer) => {
                // It may say that it failed in an answer that begins as a success.
                let text = text_of(&answer.body);
                match CompleteMultipartUploadResponse::parse(&text) {
                    Ok(_) => return Ok(()),
                    Err(_) => self.refusal(StatusCode::INTERNAL_SERVER_ERROR, code(&text)),
                }
            }
            Err(error) => error,
        };
        // An answer that was lost does not undo what was done: then there is no such upload any more, but the object.
        match &refused {
            ArtefactError::Refused { code, .. } if code == "NoSuchUpload" => {
                match self.size(object).await {
                    Ok(size) if size == bytes => Ok(()),
                    _ => Err(refused),
                }
            }
            _ => Err(refused),
        }
    }

    /// Parts that nobody completes cost room. What stays nevertheless goes by the bucket's own rule.
    async fn abort(&self, object: &str, id: &str) {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let action = self
                .bucket
                .abort_multipart_upload(Some(credentials), object, id);
            action.sign_with_time(SIGNED_FOR, at)
        };
        if let Err(error) = self.whole(&Ask::new(Method::DELETE, &sign)).await {
            tracing::warn!(%error, "parts of an upload that failed may be left in the bucket");
        }
    }
}

/// The next bytes of a file, as many as there are up to a limit.
pub(super) async fn piece(file: &mut File, most: usize) -> io::Result<Bytes> {
    let mut piece = Vec::new();
    file.take(most as u64).read_to_end(&mut piece).await?;
    Ok(piece.into())
}
