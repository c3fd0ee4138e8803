//! An object on its way here: where the connection breaks off, the rest is asked for, and only of the same object.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, ETAG};
use hyper::{Method, Response};
use jiff::Timestamp;
use rusty_s3::Credentials;
use rusty_s3::actions::S3Action as _;

use super::ask::{Ask, Patience};
use super::{S3, SIGNED_FOR};
use crate::artefacts::ArtefactError;

pub(super) struct Reading {
    s3: Arc<S3>,
    object: String,
    etag: String,
    next: u64,
    bytes: u64,
    body: Option<Incoming>,
    patience: Patience,
}

impl Reading {
    pub(super) async fn begin(s3: Arc<S3>, object: String) -> Result<Self, ArtefactError> {
        let response = s3.get(&object, &[]).await?;
        let header = |name| response.headers().get(name)?.to_str().ok();
        let bytes = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let bytes = bytes.ok_or_else(|| s3.unclear("says no size"))?;
        let etag = header(ETAG).unwrap_or_default().to_owned();
        Ok(Self {
            body: Some(response.into_body()),
            patience: Patience::new(),
            next: 0,
            s3,
            object,
            etag,
            bytes,
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.next >= self.bytes {
            return None;
        }
        Some(self.piece().await.map_err(io::Error::other))
    }

    async fn piece(&mut self) -> Result<Bytes, ArtefactError> {
        loop {
            let why = match &mut self.body {
                None => match self.rest().await {
                    Ok(()) => continue,
                    // It was asked often enough.
                    Err(error) => return Err(error),
                },
                Some(body) => match tokio::time::timeout(self.s3.time, body.frame()).await {
                    Ok(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => {
                            self.next += data.len() as u64;
                            self.patience.renew();
                            return Ok(data);
                        }
                        _ => continue,
                    },
                    Ok(Some(Err(error))) => self.s3.broken_off(format!("broke off: {error}")),
                    Ok(None) => self.s3.broken_off("broke off"),
                    Err(_) => self.s3.late(),
                },
            };
            self.body = None;
            self.patience.after(why).await?;
        }
    }

    async fn rest(&mut self) -> Result<(), ArtefactError> {
        if self.etag.is_empty() {
            return Err(self.s3.broken_off("broke off"));
        }
        let headers = [
            ("range", format!("bytes={}-", self.next)),
            ("if-match", self.etag.clone()),
        ];
        let response = self.s3.get(&self.object, &headers).await?;
        if response.status().as_u16() != 206 && self.next > 0 {
            return Err(self.s3.unclear("does not give parts of objects"));
        }
        // Not every storage minds the condition.
        let etag = response.headers().get(ETAG);
        if etag.and_then(|etag| etag.to_str().ok()) != Some(&self.etag) {
            return Err(self
                .s3
                .broken_off("broke off, and has another object there by now"));
        }
        self.body = Some(response.into_body());
        Ok(())
    }
}

impl S3 {
    async fn get(
        &self,
        object: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Response<Incoming>, ArtefactError> {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let action = self.bucket.get_object(Some(credentials), object);
            action.sign_with_time(SIGNED_FOR, at)
        };
        let ask = Ask {
            headers,
            ..Ask::new(Method::GET, &sign)
        };
        self.opened(&ask).await
    }
}
