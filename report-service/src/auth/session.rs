//! Sessions live on the server. The browser holds a random token, the store its hash, the directory the last word.

mod verdict;

pub use verdict::{NoSession, Verdict, judge};

use super::Site;
use super::break_glass::BreakGlass;
use super::roles::{NoRole, Roles};
use crate::directory::{Directory, Person, PersonId, Standing};
use crate::store::Store;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::sessions::SessionRow;
use crate::text::escaped;
use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_daemon::{Clock, Secret};
use std::net::IpAddr;
use std::sync::Arc;

/// Activity is written at most this often, so that reading pages costs no disk write each.
const SEEN_STEP_MS: u64 = 30_000;
/// Longest browser name kept, in bytes.
const AGENT_BYTES_MAX: usize = 200;

/// The limits, from the configuration; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Inactivity that ends a forms session.
    pub idle_ms: u64,
    /// Inactivity that ends an admin session.
    pub admin_idle_ms: u64,
    /// The age at which any session ends.
    pub absolute_ms: u64,
    /// How often the directory must confirm the person and the role.
    pub recheck_ms: u64,
    /// How long a forms session may go on while the directory does not answer; an admin session may not.
    pub stale_ms: u64,
    /// Sessions of one person on one listener; the oldest end first.
    pub per_person_max: u32,
}

/// Whether a request shows that a person is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Somebody clicked.
    Person,
    /// A page asked by itself.
    Background,
}

/// Begins, checks and ends sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    directory: Arc<Directory>,
    roles: Arc<Roles>,
    break_glass: BreakGlass,
    limits: SessionLimits,
    clock: Clock,
}

impl Sessions {
    /// Sessions under these rules.
    #[must_use]
    pub fn new(
        store: Store,
        directory: Arc<Directory>,
        roles: Arc<Roles>,
        break_glass: BreakGlass,
        limits: SessionLimits,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            directory,
            roles,
            break_glass,
            limits,
            clock,
        }
    }

    /// Begins a session for somebody whom [`super::sign_in::SignIn`] has let in, and returns the cookie's token.
    ///
    /// # Errors
    /// When the store or the machine's randomness fails.
    pub async fn begin(
        &self,
        site: Site,
        person: &Person,
        address: IpAddr,
        agent: &str,
    ) -> anyhow::Result<Secret> {
        let mut token = [0_u8; 32];
        let mut id = [0_u8; 8];
        getrandom::fill(&mut token).context("draw a session token")?;
        getrandom::fill(&mut id).context("draw a session id")?;
        let now = self.clock.now_ms();
        let row = SessionRow {
            token_sha256: Sha256::digest(token).to_vec(),
            id: hex::encode(&id),
            site,
            person_id: person.id.as_str().to_owned(),
            person_name: person.name.clone(),
            person_title: person.title.clone(),
            groups: person.groups.clone(),
            created_at: now,
            seen_at: now,
            checked_at: now,
            idle_until: now.saturating_add(self.idle_ms(site)),
            absolute_until: now.saturating_add(self.limits.absolute_ms),
            address: address.to_string(),
            agent: escaped(agent, AGENT_BYTES_MAX),
            ended: None,
        };
        self.store
            .session_insert(&row)
            .await
            .context("store the session")?;
        let (person_id, keep) = (row.person_id.as_str(), self.limits.per_person_max);
        self.store
            .session_end_surplus(person_id, site, keep, now)
            .await
            .context("end surplus sessions")?;
        Ok(Secret::new(hex::encode(&token)))
    }

    /// The live session behind a cookie, confirmed by the directory when that is due.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn check(
        &self,
        token: &str,
        site: Site,
        activity: Activity,
    ) -> Result<SessionRow, NoSession> {
        let token: [u8; 32] = hex::decode_array(token).ok_or(NoSession::Unknown)?;
        let row = self
            .store
            .session_by_token(&Sha256::digest(token))
            .await?
            .ok_or(NoSession::Unknown)?;
        self.check_row(row, site, activity).await
    }

    /// Ends the session behind a cookie, if there is one: its browser has signed in anew.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn replace(&self, token: &str) -> Result<(), sqlx::Error> {
        let Some(token) = hex::decode_array::<32>(token) else {
            return Ok(());
        };
        if let Some(row) = self.store.session_by_token(&Sha256::digest(token)).await? {
            self.end(&row.id, "signed-in-anew").await?;
        }
        Ok(())
    }

    /// The live session with this hash; asks the directory when that is due. Does not count as activity.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn again(&self, token_sha256: &[u8], site: Site) -> Result<SessionRow, NoSession> {
        let row = self.store.session_by_token(token_sha256).await?;
        let row = row.ok_or(NoSession::Unknown)?;
        self.check_row(row, site, Activity::Background).await
    }

    /// Ends one session by its public id; false when there was none to end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end(&self, id: &str, reason: &str) -> Result<bool, sqlx::Error> {
        self.store
            .session_end(id, self.clock.now_ms(), reason)
            .await
    }

    /// Ends all sessions of a person on both listeners; returns how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end_all(&self, person_id: &str, reason: &str) -> Result<u64, sqlx::Error> {
        self.store
            .session_end_all(person_id, self.clock.now_ms(), reason)
            .await
    }

    /// Whether the directory is to be asked again about somebody whom it confirmed at that time.
    #[must_use]
    pub fn is_recheck_due(&self, checked_at_ms: u64, now_ms: u64) -> bool {
        now_ms >= checked_at_ms.saturating_add(self.limits.recheck_ms)
    }

    /// Asks the directory about somebody whom it confirmed before: their groups now; `None` when it does not answer and
    /// that is borne for a while, as it is on the forms listener.
    ///
    /// # Errors
    /// The person is gone, the role is lost, or nobody knows.
    pub async fn ask_again(
        &self,
        person_id: &str,
        site: Site,
        checked_at_ms: u64,
    ) -> Result<Option<Vec<String>>, NoSession> {
        let person_id = PersonId::stored(person_id);
        match self.directory.look_again(&person_id).await {
            Ok(Standing::Good { groups }) => match self.roles.decide(site, &groups) {
                Ok(()) => Ok(Some(groups)),
                Err(NoRole::None | NoRole::OtherSiteOnly) => Err(NoSession::RoleLost),
            },
            Ok(Standing::Gone | Standing::Closed) => Err(NoSession::PersonGone),
            Err(_unavailable) => {
                let stale_ms = match site {
                    Site::Admin => 0,
                    Site::Forms => self.limits.stale_ms,
                };
                let until = checked_at_ms
                    .saturating_add(self.limits.recheck_ms)
                    .saturating_add(stale_ms);
                if self.clock.now_ms() < until {
                    Ok(None)
                } else {
                    Err(NoSession::Unconfirmed)
                }
            }
        }
    }

    async fn check_row(
        &self,
        mut row: SessionRow,
        site: Site,
        activity: Activity,
    ) -> Result<SessionRow, NoSession> {
        let now = self.clock.now_ms();
        match judge(&row, site, now, &self.limits) {
            Verdict::Live => {}
            Verdict::Recheck => self.confirm(&mut row, now).await?,
            Verdict::Idle => return Err(NoSession::Idle),
            Verdict::TooOld => return Err(NoSession::TooOld),
            Verdict::Ended => return Err(NoSession::Ended),
            Verdict::OtherSite => return Err(NoSession::Unknown),
        }
        if activity == Activity::Person && now >= row.seen_at.saturating_add(SEEN_STEP_MS) {
            row.seen_at = now;
            row.idle_until = now.saturating_add(self.idle_ms(site));
            self.store
                .session_seen(&row.token_sha256, now, row.idle_until)
                .await?;
        }
        Ok(row)
    }

    /// Asks the directory again. An answer decides; no answer is borne for a while on the forms listener.
    async fn confirm(&self, row: &mut SessionRow, now: u64) -> Result<(), NoSession> {
        if BreakGlass::account_of(&row.person_id).is_some() {
            return self.confirm_local(row, now).await;
        }
        let asked = self.ask_again(&row.person_id, row.site, row.checked_at);
        match asked.await {
            Ok(Some(groups)) => {
                self.store
                    .session_checked(&row.token_sha256, now, &groups)
                    .await?;
                row.groups = groups;
                row.checked_at = now;
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(lost @ (NoSession::RoleLost | NoSession::PersonGone)) => {
                self.lose(row, now, lost).await
            }
            Err(unconfirmed) => Err(unconfirmed),
        }
    }

    /// The break-glass account goes on for as long as it is needed: until a directory server answers again.
    async fn confirm_local(&self, row: &mut SessionRow, now: u64) -> Result<(), NoSession> {
        if !self.break_glass.is_always() && self.directory.check().await.is_ok() {
            return self.lose(row, now, NoSession::DirectoryBack).await;
        }
        self.store
            .session_checked(&row.token_sha256, now, &row.groups)
            .await?;
        row.checked_at = now;
        Ok(())
    }

    async fn lose(&self, row: &SessionRow, now: u64, lost: NoSession) -> Result<(), NoSession> {
        let reason = lost.to_string();
        self.store.session_end(&row.id, now, &reason).await?;
        self.store
            .audit(AuditEvent {
                at_ms: now,
                actor: &row.person_id,
                name: &row.person_name,
                action: "session.end",
                decision: Decision::Denied,
                reason: &reason,
                subject: &row.id,
                address: "",
            })
            .await?;
        Err(lost)
    }

    fn idle_ms(&self, site: Site) -> u64 {
        match site {
            Site::Forms => self.limits.idle_ms,
            Site::Admin => self.limits.admin_idle_ms,
        }
    }
}

#[cfg(test)]
mod tests;
