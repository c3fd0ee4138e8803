//! Tokens of the API: made once, shown once, kept as a hash, and worth at any time what their person or their lists are.

pub(crate) mod pace;

use super::Site;
use super::rights::{Reach, Rights};
use super::scope::Scope;
use super::session::{NoSession, Sessions};
use super::throttle::Bucket;
use crate::store::Store;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::tokens::{TokenKind, TokenRow};
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pace::Pace;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_daemon::{Clock, Secret};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// How every token begins, so that scanners of source code know one when they see it.
pub const PREFIX: &str = "sgt_";
/// A use is noted at most this often.
const USED_STEP_MS: u64 = 60_000;
/// Window in which requests of a token are counted.
const PACE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
/// Stands for all reports or all customers in a service token's lists.
pub const ALL: &str = "*";

/// The limits, from the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLimits {
    /// Longest life, in days.
    pub days_max: u64,
    /// Personal tokens of one person.
    pub per_person_max: usize,
    /// Requests of one token in a minute.
    pub requests_per_minute_max: u64,
    /// Requests with a token that is none, per address and window.
    pub failures_max: u64,
    /// Length of that window, milliseconds.
    pub failures_window_ms: u64,
}

/// Makes, checks and revokes tokens.
#[derive(Clone)]
pub struct Tokens {
    store: Store,
    sessions: Sessions,
    limits: TokenLimits,
    clock: Clock,
    requests: Arc<Pace>,
    failures: Arc<Pace>,
}

/// Who makes a token.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The stable id.
    pub person_id: &'a str,
    /// The sign-in name.
    pub name: &'a str,
    /// The name as people read it.
    pub title: &'a str,
    /// The configured groups.
    pub groups: &'a [String],
}

/// An order for a token; names, scopes and lists are checked.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose it is.
    pub kind: TokenKind,
    /// What it is called.
    pub name: String,
    /// What for.
    pub scopes: BTreeSet<Scope>,
    /// How long, in days.
    pub days: u64,
    /// Of a service token: ids of reports, or [`ALL`].
    pub reports: Vec<String>,
    /// The same for customers.
    pub tenants: Vec<String>,
}

/// Why a token does not let in.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    /// None was sent, or not as `Authorization: Bearer sgt_…`.
    #[error("no-token")]
    Missing,
    /// It was never a token here, or is one no longer.
    #[error("unknown-token")]
    Unknown,
    /// Too many requests with tokens that are none came from this address.
    #[error("too-many-unknown-tokens")]
    Throttled {
        /// Try again then.
        seconds: u64,
    },
    /// Too many requests came with this token.
    #[error("too-fast")]
    TooFast {
        /// Try again then.
        seconds: u64,
    },
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// It was revoked.
    #[error("revoked")]
    Revoked,
    /// It was made for other things.
    #[error("wrong-scope")]
    WrongScope,
    /// The directory has lost its person or their role; it is revoked now.
    #[error("person-lost: {0}")]
    PersonLost(NoSession),
    /// The directory has not confirmed its person for too long and does not answer now.
    #[error("unconfirmed")]
    Unconfirmed,
    /// The store failed.
    #[error("store-failed")]
    Store(#[from] sqlx::Error),
}

/// The pure rule: what a stored token is worth at `now_ms`, before the directory is asked.
///
/// # Errors
/// Why it is worth nothing.
pub fn judge(row: &TokenRow, scope: Scope, now_ms: u64) -> Result<(), TokenRefused> {
    if row.ended.is_some() {
        Err(TokenRefused::Revoked)
    } else if now_ms >= row.expires_at {
        Err(TokenRefused::Expired)
    } else if !row.scopes.iter().any(|word| word == scope.as_str()) {
        Err(TokenRefused::WrongScope)
    } else {
        Ok(())
    }
}

/// What a service token may do.
#[must_use]
pub fn service_rights(row: &TokenRow) -> Rights {
    let releases = row
        .scopes
        .iter()
        .any(|word| word == Scope::ReviewsRelease.as_str());
    Rights::of_service(reach(&row.reports), reach(&row.tenants), releases)
}

/// A list of ids as a reach; what is no id reaches nothing.
fn reach<T: Ord + std::str::FromStr>(ids: &[String]) -> Reach<T> {
    if ids.iter().any(|id| id == ALL) {
        return Reach::All;
    }
    Reach::Only(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// The hash of a text that has the form of a token.
fn digest(presented: &str) -> Option<Vec<u8>> {
    let body = presented.strip_prefix(PREFIX)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    (bytes.len() == 32).then(|| Sha256::digest(bytes).to_vec())
}

impl Tokens {
    /// Tokens under these rules.
    #[must_use]
    pub fn new(store: Store, sessions: Sessions, limits: TokenLimits, clock: Clock) -> Self {
        Self {
            store,
            sessions,
            limits,
            clock,
            requests: Arc::default(),
            failures: Arc::default(),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> TokenLimits {
        self.limits
    }

    /// Makes a token; the text is given out here and nowhere else.
    ///
    /// # Errors
    /// When the store or the machine's randomness fails.
    pub async fn make(
        &self,
        maker: Maker<'_>,
        order: &NewToken,
    ) -> anyhow::Result<(TokenRow, Secret)> {
        let mut token = [0_u8; 32];
        let mut id = [0_u8; 8];
        getrandom::fill(&mut token).context("draw a token")?;
        getrandom::fill(&mut id).context("draw a token's id")?;
        let now = self.clock.now_ms();
        let days = order.days.clamp(1, self.limits.days_max);
        let row = TokenRow {
            id: hex::encode(&id),
            token_sha256: Sha256::digest(token).to_vec(),
            kind: order.kind,
            name: order.name.clone(),
            person_id: maker.person_id.to_owned(),
            person_name: maker.name.to_owned(),
            person_title: maker.title.to_owned(),
            groups: match order.kind {
                TokenKind::Personal => maker.groups.to_vec(),
                TokenKind::Service => Vec::new(),
            },
            scopes: order.scopes.iter().map(ToString::to_string).collect(),
            reports: order.reports.clone(),
            tenants: order.tenants.clone(),
            created_at: now,
            expires_at: now.saturating_add(days.saturating_mul(DAY_MS)),
            checked_at: now,
            used_at: None,
            ended: None,
        };
        let stored = self.store.token_insert(&row).await;
        stored.context("store the token")?;
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(token));
        Ok((row, Secret::new(text)))
    }

    /// The token behind what a request presented, good for this scope now; the person was confirmed when that was due.
    ///
    /// # Errors
    /// Why not, with the token where there is one.
    pub async fn check(
        &self,
        presented: &str,
        scope: Scope,
        address: IpAddr,
    ) -> Result<TokenRow, (TokenRefused, Option<Box<TokenRow>>)> {
        let found = match digest(presented) {
            Some(hash) => self.store.token_by_hash(&hash).await,
            None => Ok(None),
        };
        let found = found.map_err(|error| (TokenRefused::Store(error), None))?;
        let Some(mut row) = found else {
            return Err((self.unknown(address), None));
        };
        match self.check_row(&mut row, scope).await {
            Ok(()) => Ok(row),
            Err(refused) => Err((refused, Some(Box::new(row)))),
        }
    }

    async fn check_row(&self, row: &mut TokenRow, scope: Scope) -> Result<(), TokenRefused> {
        let now = self.clock.now_ms();
        let most = self.limits.requests_per_minute_max;
        if let Err(seconds) = self.requests.take(&row.id, most, PACE_MS, now) {
            return Err(TokenRefused::TooFast { seconds });
        }
        judge(row, scope, now)?;
        if row.kind == TokenKind::Personal {
            self.confirm(row, scope.site(), now).await?;
        }
        if row
            .used_at
            .is_none_or(|used_at| now >= used_at.saturating_add(USED_STEP_MS))
        {
            self.store.token_used(&row.id, now).await?;
        }
        Ok(())
    }

    /// Asks the directory again when that is due; whoever is gone, locked or without the role loses the token.
    async fn confirm(&self, row: &mut TokenRow, site: Site, now: u64) -> Result<(), TokenRefused> {
        if !self.sessions.is_recheck_due(row.checked_at, now) {
            return Ok(());
        }
        let asked = self
            .sessions
            .ask_again(&row.person_id, site, row.checked_at);
        match asked.await {
            Ok(None) => Ok(()),
            Ok(Some(groups)) => {
                self.store.token_checked(&row.id, now, &groups).await?;
                row.groups = groups;
                Ok(())
            }
            Err(NoSession::Unconfirmed) => Err(TokenRefused::Unconfirmed),
            Err(NoSession::Store(error)) => Err(TokenRefused::Store(error)),
            Err(lost) => {
                let reason = lost.to_string();
                self.store.token_end(&row.id, now, &reason).await?;
                let event = AuditEvent {
                    at_ms: now,
                    actor: &row.person_id,
                    name: &row.person_name,
                    action: "token.revoke",
                    decision: Decision::Denied,
                    reason: &reason,
                    subject: &row.id,
                    address: "",
                };
                self.store.audit(event).await?;
                Err(TokenRefused::PersonLost(lost))
            }
        }
    }

    fn unknown(&self, address: IpAddr) -> TokenRefused {
        let (most, window_ms) = (self.limits.failures_max, self.limits.failures_window_ms);
        let (from, now) = (Bucket::address(address), self.clock.now_ms());
        match self.failures.take(from.key(), most, window_ms, now) {
            Ok(()) => TokenRefused::Unknown,
            Err(seconds) => TokenRefused::Throttled { seconds },
        }
    }
}

#[cfg(test)]
mod tests;
