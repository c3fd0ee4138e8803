//! One sanitizer.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use spokegate_contract::envelope::Validity;
use spokegate_identity::PublicKey;
use tokio::time::Instant;

use crate::client::{Client, Endpoint};
use crate::seal::SealKey;

/// First and longest wait after a failure, in milliseconds.
pub const BACKOFF_MS: (u64, u64) = (50, 5_000);

/// One sanitizer: how it is reached, what its seals are checked with, and whether it answers.
pub struct Link {
    url: String,
    client: Client,
    key: SealKey,
    audit_key: Option<PublicKey>,
    heard: Mutex<Heard>,
}

/// Whether its last answer to a poll was one, since when not, and the version that it named.
#[derive(Debug, Default)]
struct Heard {
    up: bool,
    lost: Option<Instant>,
    version: Option<String>,
}

impl Link {
    /// Reads the certificates. The sanitizer needs not be up yet.
    ///
    /// # Errors
    /// When a certificate file or name is not usable.
    pub fn new(endpoint: &Endpoint, key: SealKey) -> anyhow::Result<Self> {
        Ok(Self {
            url: endpoint.url.clone(),
            client: Client::new(endpoint)?,
            key,
            audit_key: None,
            heard: Mutex::default(),
        })
    }

    /// Says what the ends of its audit are signed with.
    #[must_use]
    pub fn with_audit_key(self, audit_key: Option<PublicKey>) -> Self {
        Self { audit_key, ..self }
    }

    /// What the ends of its audit are signed with.
    pub fn audit_key(&self) -> Option<&PublicKey> {
        self.audit_key.as_ref()
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its requests.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether its last answer to a poll was one.
    pub fn is_up(&self) -> bool {
        self.heard().up
    }

    /// The version that it named last; nothing before, and of one that names none.
    pub fn version(&self) -> Option<String> {
        self.heard().version.clone()
    }

    /// Of the certificate that it showed at the last connection; that is at most minutes old while it answers.
    pub fn certificate(&self) -> Option<Validity> {
        self.client.shown()
    }

    /// Whether it answers, or did until so long ago at most: then it may only be starting anew.
    pub fn answered_within(&self, time: Duration) -> bool {
        let heard = self.heard();
        heard.up || heard.lost.is_some_and(|lost| lost.elapsed() < time)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key(&self) -> &SealKey {
        &self.key
    }

    /// Notes the version that an answer named.
    pub(crate) fn note_version(&self, version: Option<&str>) {
        let mut heard = self.heard();
        if heard.version.as_deref() != version {
            heard.version = version.map(str::to_owned);
        }
    }

    /// Notes whether the sanitizer answered; says so when that changed.
    pub(crate) fn note(&self, answered: Result<(), &anyhow::Error>) {
        let up = answered.is_ok();
        {
            let mut heard = self.heard();
            if std::mem::replace(&mut heard.up, up) == up {
                return;
            }
            heard.lost = (!up).then(Instant::now);
        }
        match answered {
            Ok(()) => tracing::info!(sanitizer = self.url, "the sanitizer answers"),
            Err(error) => tracing::warn!(
                sanitizer = self.url,
                error = format!("{error:#}"),
                "the sanitizer does not answer"
            ),
        }
        metrics::gauge!("spokegate_relay_sanitizer_up", "sanitizer" => self.url.clone())
            .set(if up { 1.0 } else { 0.0 });
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
