//! Who is asking. These values can only be made by the guard; holding one is the permission.

use super::errors::PageError;
use crate::auth::rights::Rights;
use crate::auth::tokens;
use crate::auth::{Site, csrf};
use crate::branding::Brand;
use crate::reports::Report;
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::sessions::SessionRow;
use crate::store::tokens::{TokenKind, TokenRow};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

/// A signed-in person as the guard let them in, or whoever sent a token as the gate of the API did.
#[derive(Clone, Debug)]
pub struct SignedIn {
    session: SessionRow,
    csrf: String,
    address: IpAddr,
    alarm: Option<String>,
    manages_templates: bool,
    brand: Brand,
    token: Option<Arc<TokenRow>>,
    follows: Option<String>,
}

impl SignedIn {
    /// Only the guard calls this, after the check.
    pub(super) fn admitted(session: SessionRow, token: &str, address: IpAddr) -> Self {
        Self {
            session,
            csrf: csrf::token_for(token),
            address,
            alarm: None,
            manages_templates: false,
            brand: Brand::default(),
            token: None,
            follows: None,
        }
    }

    /// Only the gate of the API calls this, after the check. A program is the owner of what it does under its name, so
    /// that a new token of that name goes on with what the one before began.
    pub(crate) fn by_token(row: TokenRow, site: Site, address: IpAddr) -> Self {
        let (person_id, name, title) = match row.kind {
            TokenKind::Personal => (
                row.person_id.clone(),
                row.person_name.clone(),
                row.person_title.clone(),
            ),
            TokenKind::Service => {
                let name = format!("service:{}", row.name);
                (name.clone(), name, row.name.clone())
            }
        };
        let session = SessionRow {
            token_sha256: Vec::new(),
            id: row.id.clone(),
            site,
            person_id,
            person_name: name,
            person_title: title,
            groups: row.groups.clone(),
            created_at: row.created_at,
            seen_at: row.checked_at,
            checked_at: row.checked_at,
            idle_until: row.expires_at,
            absolute_until: row.expires_at,
            address: address.to_string(),
            agent: String::new(),
            ended: None,
        };
        Self {
            session,
            csrf: String::new(),
            address,
            alarm: None,
            manages_templates: false,
            brand: Brand::default(),
            token: Some(Arc::new(row)),
            follows: None,
        }
    }

    /// The same on a page that follows what happens, by the stream at that address.
    pub(super) fn following(self, follows: Option<String>) -> Self {
        Self { follows, ..self }
    }

    /// Where the page that is asked for is followed; `None` when it is not.
    #[must_use]
    pub fn follows(&self) -> Option<&str> {
        self.follows.as_deref()
    }

    /// The same with what every administrator must know at once.
    pub(super) fn alarmed(self, alarm: Option<String>) -> Self {
        Self { alarm, ..self }
    }

    /// The same, as somebody who may manage templates, or may not.
    pub(super) fn managing(self, manages_templates: bool) -> Self {
        Self {
            manages_templates,
            ..self
        }
    }

    /// The same, for pages of this brand.
    pub(super) fn branded(self, brand: Brand) -> Self {
        Self { brand, ..self }
    }

    /// The brand of the pages.
    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.brand
    }

    /// Whether they may put templates of any report in and out of use.
    #[must_use]
    pub fn manages_templates(&self) -> bool {
        self.manages_templates
    }

    /// What every administrator must know at once.
    #[must_use]
    pub fn alarm(&self) -> Option<&str> {
        self.alarm.as_deref()
    }

    /// The listener.
    #[must_use]
    pub fn site(&self) -> Site {
        self.session.site
    }

    /// The stable id: `<directory>:<entryUUID or objectGUID>`. Own runs, files and records by this.
    #[must_use]
    pub fn person_id(&self) -> &str {
        &self.session.person_id
    }

    /// The sign-in name, normalised.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.session.person_name
    }

    /// The name as people read it.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.session.person_title
    }

    /// The groups the person is in, out of those that the configuration and the reports name, spelt as there.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.session.groups
    }

    /// What the person may run, for whom. Everything that lists or takes a report or a customer asks here.
    #[must_use]
    pub fn rights(&self, state: &AppState) -> Rights {
        if let Some(token) = self.service_token() {
            return tokens::service_rights(token);
        }
        match self.site() {
            Site::Forms => Rights::of(&state.rights, self.groups()),
            Site::Admin => Rights::of_administrator(&state.rights),
        }
    }

    /// Whether they may start that report for any customer at all.
    #[must_use]
    pub fn may_run(&self, state: &AppState, report: &Report) -> bool {
        self.is_for(report) && self.rights(state).runs(&report.id)
    }

    /// Whether that report is for their groups. What limits a report to groups does not limit a program: an administrator
    /// named the report in its token.
    #[must_use]
    pub fn is_for(&self, report: &Report) -> bool {
        self.service_token().is_some() || report.is_for(self.groups())
    }

    fn service_token(&self) -> Option<&TokenRow> {
        let token = self.token.as_deref();
        token.filter(|token| token.kind == TokenKind::Service)
    }

    /// Unix milliseconds of the sign-in.
    #[must_use]
    pub fn since(&self) -> u64 {
        self.session.created_at
    }

    /// The session's public id.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.session.id
    }

    /// The token for this session's forms.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The peer's address in this request.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Records an act or a denial of this person.
    ///
    /// # Errors
    /// When it cannot be recorded; the act must then not be done.
    pub async fn audit(
        &self,
        state: &AppState,
        action: &str,
        decision: Decision,
        reason: &str,
        subject: &str,
    ) -> Result<(), PageError> {
        let address = self.address.to_string();
        let by_token = self.token.as_ref();
        let by_token = by_token.map(|token| format!("token {}: {reason}", token.id));
        let reason = by_token.as_deref().unwrap_or(reason);
        let at_ms = state.clock.now_ms();
        let event = AuditEvent {
            at_ms,
            actor: self.person_id(),
            name: self.name(),
            action,
            decision,
            reason,
            subject,
            address: &address,
        };
        state.store.audit(event).await?;
        Ok(())
    }

    /// The same person as the session stands now, with what every page must say; `None` when it is over or cannot be told.
    /// Does not count as activity.
    pub(super) async fn again(&self, state: &AppState) -> Option<Self> {
        let token = &self.session.token_sha256;
        let session = state.sessions.again(token, self.site()).await.ok()?;
        let alarm = super::guard::alarm(state, self.site()).await.ok()?;
        let brand = state.store.brand().await.ok()?;
        let again = Self {
            session,
            alarm,
            brand,
            ..self.clone()
        };
        let manages = again.rights(state).manages_templates();
        Some(again.managing(manages))
    }
}

/// A person with the forms role, on the forms listener.
#[derive(Clone, Debug)]
pub struct FormsUser(SignedIn);

/// A person with the admin role, on the admin listener.
#[derive(Clone, Debug)]
pub struct AdminUser(SignedIn);

impl Deref for FormsUser {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl Deref for AdminUser {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, PageError> {
        let signed_in = parts.extensions.get::<SignedIn>().cloned();
        signed_in.ok_or_else(|| PageError::forbidden("You are not signed in.", "Sign in first."))
    }
}

impl<S: Sync> FromRequestParts<S> for FormsUser {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        on_site(parts, state, Site::Forms).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for AdminUser {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        on_site(parts, state, Site::Admin).await.map(Self)
    }
}

async fn on_site<S: Sync>(parts: &mut Parts, state: &S, site: Site) -> Result<SignedIn, PageError> {
    let signed_in = SignedIn::from_request_parts(parts, state).await?;
    if signed_in.site() == site {
        Ok(signed_in)
    } else {
        Err(PageError::forbidden(
            "This page belongs to the other site.",
            "Sign in there.",
        ))
    }
}

/// Somebody who may not have signed in: what the sign-in pages know about them.
#[derive(Clone, Debug)]
pub struct Visitor {
    site: Site,
    address: IpAddr,
    agent: String,
    sign_in_secret: String,
    session_token: String,
    half_token: String,
}

impl Visitor {
    pub(super) fn new(parts: &Parts, site: Site, address: IpAddr) -> Self {
        let agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default();
        let sign_in_secret = cookie_value(&parts.headers, sign_in_cookie(site)).unwrap_or_default();
        let session_token = cookie_value(&parts.headers, site.cookie()).unwrap_or_default();
        Self {
            site,
            address,
            agent: agent.to_owned(),
            sign_in_secret,
            session_token,
            half_token: cookie_value(&parts.headers, site.half_cookie()).unwrap_or_default(),
        }
    }

    /// The listener.
    #[must_use]
    pub fn site(&self) -> Site {
        self.site
    }

    /// The peer's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The browser's name for itself, as sent.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The session cookie, which may be nobody's.
    #[must_use]
    pub fn session_token(&self) -> &str {
        &self.session_token
    }

    /// The cookie of a sign-in that waits for its code, which may be nobody's.
    #[must_use]
    pub fn half_token(&self) -> &str {
        &self.half_token
    }

    /// The secret in the sign-in cookie, from which the sign-in form's token is derived; empty without one.
    #[must_use]
    pub fn sign_in_secret(&self) -> &str {
        &self.sign_in_secret
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, PageError> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        visitor.ok_or_else(|| {
            PageError::bad_request("This page is for people who have not signed in.")
        })
    }
}

/// The cookie that guards the sign-in form before there is a session.
#[must_use]
pub fn sign_in_cookie(site: Site) -> &'static str {
    match site {
        Site::Forms => "__Host-spokegate-forms-sign-in",
        Site::Admin => "__Host-spokegate-admin-sign-in",
    }
}

/// The value of a cookie; `None` when it is absent or given twice, which a browser never does with `__Host-`.
#[must_use]
pub fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned());
    let first = values.next();
    if values.next().is_some() { None } else { first }
}

/// A `Set-Cookie` value: `__Host-` rules, not readable by scripts, not sent from other sites' forms.
#[must_use]
pub fn set_cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// A `Set-Cookie` value that removes the cookie.
#[must_use]
pub fn clear_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}
