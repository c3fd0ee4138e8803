//! Storage that speaks S3: whatever is asked of it is signed here, sent by the service itself, and tried again while it
//! may pass. No address with a signature leaves the service.

mod ask;
mod reading;
mod upload;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::Method;
use jiff::Timestamp;
use rusty_s3::actions::{ListObjectsV2, S3Action as _};
use rusty_s3::{Bucket, Credentials, UrlStyle};
use spokegate_daemon::Clock;
use url::Url;

use super::{ArtefactError, Opened};
use crate::config::S3Config;
use crate::outbound::Outbound;
use crate::secrets::{SecretRef, Secrets};
use ask::{Ask, text_of};
use reading::Reading;

/// How long a signature holds: the server's clock and ours need not agree to the second.
const SIGNED_FOR: Duration = Duration::from_secs(900);
/// Objects listed at a time.
const LISTED_MAX: usize = 1_000;

/// One bucket.
pub(super) struct S3 {
    outbound: Outbound,
    bucket: Bucket,
    prefix: String,
    place: String,
    access_key: SecretRef,
    secret_key: SecretRef,
    encryption: Vec<(&'static str, String)>,
    part_bytes: usize,
    time: Duration,
    secrets: Secrets,
    clock: Clock,
}

impl S3 {
    pub(super) fn new(config: &S3Config, secrets: &Secrets, clock: &Clock) -> anyhow::Result<Self> {
        let endpoint = Url::parse(&config.endpoint).context("read artefacts.s3.endpoint")?;
        let style = if config.path_style {
            UrlStyle::Path
        } else {
            UrlStyle::VirtualHost
        };
        let (name, region) = (config.bucket.clone(), config.region.clone());
        let bucket = Bucket::new(endpoint.clone(), style, name, region)
            .map_err(|error| anyhow::anyhow!("use artefacts.s3.endpoint: {error}"))?;
        let (Some(access_key), Some(secret_key)) =
            (config.access_key.clone(), config.secret_key.clone())
        else {
            anyhow::bail!("artefacts.s3.access_key and artefacts.s3.secret_key are not set");
        };
        for key in [&access_key, &secret_key] {
            secrets.declare(key.name(), "storage of documents");
        }
        let host = endpoint.host_str().unwrap_or_default();
        let port = endpoint
            .port()
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        Ok(Self {
            outbound: Outbound::new(config.ca.as_deref())?,
            bucket,
            prefix: config.prefix.clone(),
            place: format!("{host}{port}/{}", config.bucket),
            access_key,
            secret_key,
            encryption: config.encryption_headers(),
            part_bytes: config.part_bytes(),
            time: Duration::from_millis(config.timeout_ms),
            secrets: secrets.clone(),
            clock: clock.clone(),
        })
    }

    /// `host/bucket`, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Keeps a file: at once, or in parts where it is large; never more of it is in memory than one part.
    pub(super) async fn put(&self, name: &str, file: &Path) -> Result<(), ArtefactError> {
        let object = self.object(name);
        let mut file = tokio::fs::File::open(file).await?;
        let bytes = file.metadata().await?.len();
        if bytes > self.part_bytes as u64 {
            return self.upload(&object, &mut file, bytes).await;
        }
        let body = upload::piece(&mut file, self.part_bytes).await?;
        if body.len() as u64 != bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let mut action = self.bucket.put_object(Some(credentials), &object);
            for (header, value) in &self.encryption {
                action.headers_mut().insert(*header, value.as_str());
            }
            action.sign_with_time(SIGNED_FOR, at)
        };
        let ask = Ask {
            headers: &self.encryption,
            body,
            ..Ask::new(Method::PUT, &sign)
        };
        self.whole(&ask).await.map(drop)
    }

    pub(super) async fn open(self: &Arc<Self>, name: String) -> Result<Opened, ArtefactError> {
        let reading = Reading::begin(Arc::clone(self), self.object(&name)).await?;
        let bytes = reading.bytes();
        let body = stream::unfold(reading, |mut reading| async move {
            let piece = reading.next().await?;
            Some((piece, reading))
        });
        // After an error there is nothing more.
        let body = body.scan(false, |over, piece| {
            let last = std::mem::replace(over, piece.is_err());
            std::future::ready((!last).then_some(piece))
        });
        Ok(Opened {
            bytes,
            body: body.boxed(),
        })
    }

    pub(super) async fn exists(&self, name: &str) -> Result<bool, ArtefactError> {
        match self.size(&self.object(name)).await {
            Ok(_) => Ok(true),
            Err(ArtefactError::Missing) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn size(&self, object: &str) -> Result<u64, ArtefactError> {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let action = self.bucket.head_object(Some(credentials), object);
            action.sign_with_time(SIGNED_FOR, at)
        };
        let answer = self.whole(&Ask::new(Method::HEAD, &sign)).await?;
        let length = answer.headers.get("content-length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        length.ok_or_else(|| self.unclear("says no size"))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), ArtefactError> {
        self.remove(&self.object(name)).await
    }

    async fn remove(&self, object: &str) -> Result<(), ArtefactError> {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let action = self.bucket.delete_object(Some(credentials), object);
            action.sign_with_time(SIGNED_FOR, at)
        };
        match self.whole(&Ask::new(Method::DELETE, &sign)).await {
            Ok(_) | Err(ArtefactError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Removes all objects whose names begin so.
    pub(super) async fn delete_all(&self, prefix: &str) -> Result<(), ArtefactError> {
        let prefix = self.object(prefix);
        loop {
            // What is deleted is not listed any more.
            let listed = self.list(&prefix, LISTED_MAX, None).await?;
            for object in &listed {
                self.remove(object).await?;
            }
            if listed.len() < LISTED_MAX {
                return Ok(());
            }
        }
    }

    /// A list of one says all that can be wrong, in words that an answer without a body does not have.
    pub(super) async fn check(&self) -> Result<(), ArtefactError> {
        self.list(&self.prefix, 1, None).await.map(drop)
    }

    /// The next objects after a name, without the prefix of all; empty after the last.
    pub(super) async fn names(&self, after: Option<&str>) -> Result<Vec<String>, ArtefactError> {
        let after = after.map(|name| self.object(name));
        let listed = self
            .list(&self.prefix, LISTED_MAX, after.as_deref())
            .await?;
        let within = |object: String| object.strip_prefix(&self.prefix).map(str::to_owned);
        Ok(listed.into_iter().filter_map(within).collect())
    }

    async fn list(
        &self,
        prefix: &str,
        most: usize,
        after: Option<&str>,
    ) -> Result<Vec<String>, ArtefactError> {
        let sign = |credentials: &Credentials, at: &Timestamp| {
            let mut action = ListObjectsV2::new(&self.bucket, Some(credentials));
            action.with_prefix(prefix);
            action.with_max_keys(most);
            if let Some(after) = after {
                action.with_start_after(after);
            }
            action.sign_with_time(SIGNED_FOR, at)
        };
        let answer = self.whole(&Ask::new(Method::GET, &sign)).await?;
        let listed = ListObjectsV2::parse_response(&text_of(&answer.body));
        let listed = listed.map_err(|_| self.unclear("answers with no list"))?;
        let names = listed.contents.into_iter().map(|object| object.key);
        Ok(names.filter(|name| name.starts_with(prefix)).collect())
    }

    fn object(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn unclear(&self, why: &str) -> ArtefactError {
        ArtefactError::Refused {
            place: self.place.clone(),
            why: format!("it {why}; hint: see that artefacts.s3.endpoint is an S3 service"),
            code: String::new(),
            passing: false,
        }
    }

    fn broken_off(&self, why: impl Into<String>) -> ArtefactError {
        ArtefactError::Unreachable {
            place: self.place.clone(),
            why: why.into(),
        }
    }
}

/// A body of nothing.
const NOTHING: Bytes = Bytes::new();
