//! Runs before every handler: whose request is it, may they, and did they mean it.

use super::errors::PageError;
use super::routes::{Rule, Uploads};
use super::session::{SignedIn, Visitor, cookie_value};
use super::uploads::Turn;
use super::{FORM_BYTES_MAX, live, login, multipart};
use crate::auth::Site;
use crate::auth::csrf::{self, Forgery, Provenance};
use crate::auth::session::{Activity, NoSession};
use crate::auth::throttle::Bucket;
use crate::branding::Brand;
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The hidden form field, and the header that scripts use instead.
const TOKEN_FIELD: &str = "csrf";
const TOKEN_HEADER: &str = "x-csrf-token";

/// A form on its way in: the turn of one with files, the token, and the body.
type Begun = (Option<Turn>, Option<String>, Body);

/// What the guard of one route needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) state: AppState,
    pub(super) site: Site,
    pub(super) rule: Rule,
    pub(super) uploads: Uploads,
    /// Whether the page follows what happens.
    pub(super) live: bool,
}

/// The middleware around every handler.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.admit(request).await {
        // Whoever sends a file has its turn until the answer is made.
        Ok((request, _turn)) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl Guard {
    /// The request with a [`Visitor`] or a [`SignedIn`] in it, or the answer that refuses it.
    async fn admit(&self, request: Request) -> Result<(Request, Option<Turn>), Box<Response>> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::new(&parts, self.site, address(&parts.extensions));
        let acts = parts.method != Method::GET && parts.method != Method::HEAD;
        if acts
            && let Err(forgery) =
                csrf::check_origin(provenance(&parts.headers), &self.own_origin(&parts))
        {
            return Err(self.forged(forgery, &parts, &visitor).await);
        }
        let secret = match self.activity() {
            None => {
                let secret = visitor.sign_in_secret().to_owned();
                parts.extensions.insert(visitor.clone());
                secret
            }
            Some(activity) => {
                let token = cookie_value(&parts.headers, self.site.cookie()).unwrap_or_default();
                let session = self.state.sessions.check(&token, self.site, activity).await;
                let session = session.map_err(|why| self.no_session(&why, &parts))?;
                let signed_in = SignedIn::admitted(session, &token, visitor.address());
                let alarm = self.alarm(activity).await?;
                let manages = signed_in.rights(&self.state).manages_templates();
                let brand = self.brand(activity).await?;
                let follows = self.live.then(|| live::address_of(&parts.uri));
                let signed_in = signed_in.managing(manages).branded(brand).alarmed(alarm);
                parts.extensions.insert(signed_in.following(follows));
                token
            }
        };
        if !acts {
            return Ok((Request::from_parts(parts, body), None));
        }
        let (turn, given, body) = self.begun(&parts, body).await?;
        if let Err(forgery) = csrf::check_token(&secret, given.as_deref()) {
            multipart::drained(body).await;
            return Err(self.forged(forgery, &parts, &visitor).await);
        }
        Ok((Request::from_parts(parts, body), turn))
    }

    /// The token of an act and its body: of a form with files no more is read than that takes, once it is its turn.
    async fn begun(&self, parts: &Parts, body: Body) -> Result<Begun, Box<Response>> {
        Ok(match self.files_max(parts) {
            Some(bytes_max) => {
                let turn = match self.turn(parts, bytes_max).await {
                    Ok(turn) => turn,
                    Err(refusal) => {
                        multipart::drained(body).await;
                        return Err(refusal);
                    }
                };
                let (given, body) = if parts.headers.contains_key(TOKEN_HEADER) {
                    (given_token(&parts.headers, &Bytes::new()), body)
                } else {
                    multipart::first_of(&parts.headers, body, TOKEN_FIELD).await
                };
                (Some(turn), given, body)
            }
            None => {
                let body = multipart::whole(body, FORM_BYTES_MAX).await.map_err(|()| {
                    boxed(PageError::bad_request(
                        "The form is too large or was cut off on the way.",
                    ))
                })?;
                let given = given_token(&parts.headers, &body);
                (None, given, Body::from(body))
            }
        })
    }

    /// The most that the route takes of a form with files; `None` for other forms.
    fn files_max(&self, parts: &Parts) -> Option<usize> {
        match self.uploads {
            Uploads::UpTo(bytes_max) if multipart::is_multipart(&parts.headers) => {
                Some(bytes_max(&self.state.config))
            }
            _ => None,
        }
    }

    /// Leave to send a file: before anything of it is read.
    async fn turn(&self, parts: &Parts, bytes_max: usize) -> Result<Turn, Box<Response>> {
        let user = parts.extensions.get::<SignedIn>();
        let session = user.map(SignedIn::session_id).unwrap_or_default();
        let uploading = &self.state.uploading;
        let turn = uploading.admit(session, &parts.headers, bytes_max).await;
        turn.map_err(boxed)
    }

    /// Name, colour and logo of the pages.
    async fn brand(&self, activity: Activity) -> Result<Brand, Box<Response>> {
        if activity == Activity::Background {
            return Ok(Brand::default());
        }
        let brand = self.state.store.brand().await;
        brand.map_err(|error| boxed(error.into()))
    }

    /// What every page for administrators must say.
    async fn alarm(&self, activity: Activity) -> Result<Option<String>, Box<Response>> {
        if activity == Activity::Background {
            return Ok(None);
        }
        let alarm = alarm(&self.state, self.site).await;
        alarm.map_err(|error| boxed(error.into()))
    }

    fn activity(&self) -> Option<Activity> {
        match self.rule {
            // Operations of the API have a gate of their own and never come here.
            Rule::Anyone | Rule::Api(_) => None,
            Rule::Forms | Rule::Admin => Some(Activity::Person),
            Rule::FormsBackground | Rule::AdminBackground => Some(Activity::Background),
        }
    }

    /// Where our own pages live: as configured, else as the browser addressed us.
    fn own_origin(&self, parts: &Parts) -> String {
        let configured = self.state.config.listener(self.site).origin.as_str();
        if !configured.is_empty() {
            return configured.to_owned();
        }
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        format!("https://{host}")
    }

    fn no_session(&self, why: &NoSession, parts: &Parts) -> Box<Response> {
        match why {
            NoSession::Unconfirmed => boxed(PageError::unavailable(
                "The company directory does not answer, so your access cannot be confirmed.",
            )),
            NoSession::Store(_) => {
                boxed(PageError::unavailable("The service cannot read its store."))
            }
            _ if self.activity() == Some(Activity::Background) => boxed(PageError::forbidden(
                "You are no longer signed in.",
                "Sign in again.",
            )),
            _ => Box::new(login::ask(why, parts)),
        }
    }

    async fn forged(&self, forgery: Forgery, parts: &Parts, visitor: &Visitor) -> Box<Response> {
        let (reason, path) = (forgery.to_string(), parts.uri.path());
        let recorded = match self.forged_for(parts, visitor).await {
            Some(user) => {
                user.audit(
                    &self.state,
                    "request.forged",
                    Decision::Denied,
                    &reason,
                    path,
                )
                .await
            }
            None => self.forged_by_stranger(&reason, path, visitor).await,
        };
        if let Err(error) = recorded {
            return boxed(error);
        }
        boxed(PageError::forbidden(
            "This form did not come from a page that you opened here, or the page was open for too long.",
            "Open the page again and repeat what you did. Cookies must be allowed for this site.",
        ))
    }

    /// Whose session the request came with. Asked only here where the origin was wrong before the session was looked at.
    async fn forged_for(&self, parts: &Parts, visitor: &Visitor) -> Option<SignedIn> {
        if let Some(user) = parts.extensions.get::<SignedIn>() {
            return Some(user.clone());
        }
        let token = visitor.session_token();
        let sessions = &self.state.sessions;
        let session = sessions.check(token, self.site, Activity::Background).await;
        let session = session.ok()?;
        Some(SignedIn::admitted(session, token, visitor.address()))
    }

    async fn forged_by_stranger(
        &self,
        reason: &str,
        path: &str,
        visitor: &Visitor,
    ) -> Result<(), PageError> {
        let event = AuditEvent {
            at_ms: self.state.clock.now_ms(),
            actor: "unknown",
            name: "",
            action: "request.forged",
            decision: Decision::Denied,
            reason,
            subject: path,
            address: &visitor.address().to_string(),
        };
        let from = Bucket::address(visitor.address());
        self.state.store.audit_stranger(from.key(), event).await?;
        Ok(())
    }
}

/// What every page of that site must say.
pub(super) async fn alarm(state: &AppState, site: Site) -> Result<Option<String>, sqlx::Error> {
    if site != Site::Admin {
        return Ok(None);
    }
    let used = state.store.break_glass_alarm().await?;
    Ok(used.map(|used| {
        format!(
            "The emergency account \"{}\" was used on {} from {}. Was that you or somebody you know?",
            used.name,
            crate::text::when(used.at_ms),
            used.from
        )
    }))
}

fn provenance(headers: &HeaderMap) -> Provenance<'_> {
    // A header that is no text cannot be ours; an empty one never matches.
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    Provenance {
        origin: text("origin"),
        fetch_site: text("sec-fetch-site"),
    }
}

fn given_token(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    if let Some(token) = headers.get(TOKEN_HEADER) {
        return token.to_str().ok().map(str::to_owned);
    }
    url::form_urlencoded::parse(body)
        .find(|(name, _)| name == TOKEN_FIELD)
        .map(|(_, token)| token.into_owned())
}

/// The peer of a request.
pub(crate) fn address(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
        address.ip()
    })
}

fn boxed(error: PageError) -> Box<Response> {
    Box::new(error.into_response())
}
