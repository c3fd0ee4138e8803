//! Signing in and out: the same pages on both listeners.

mod texts;

pub(super) use self::texts::{local_path, sentence, status};
use self::texts::{notice, sentence_at};
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::second_factor;
use super::session::{SignedIn, Visitor, clear_cookie, set_cookie, sign_in_cookie};
use crate::auth::roles::NoRole;
use crate::auth::session::NoSession;
use crate::auth::sign_in::{Attempt, Refusal};
use crate::auth::{Site, csrf};
use crate::state::AppState;
use crate::store::audit::Decision;
use anyhow::Context as _;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_contract::hex;
use spokegate_daemon::Secret;

/// Where people sign in.
const SIGN_IN: &str = "/sign-in";

/// Sign-in for anyone; sign-out for whoever is signed in on this listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::Forms,
        Site::Admin => Rule::Admin,
    };
    routes
        .get(SIGN_IN, Rule::Anyone, show)
        .post(SIGN_IN, Rule::Anyone, submit)
        .post("/sign-out", rule, sign_out)
        .post("/sign-out-everywhere", rule, sign_out_everywhere)
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    page: Page,
    notice: Option<&'a str>,
    problem: Option<String>,
    name: &'a str,
    back: &'a str,
}

#[derive(Template)]
#[template(path = "no_access.html")]
struct NoAccessPage<'a> {
    page: Page,
    title: &'a str,
    other_site: bool,
}

#[derive(Default, Deserialize)]
struct SignInQuery {
    #[serde(default)]
    back: String,
    #[serde(default)]
    why: String,
}

#[derive(Deserialize)]
struct SignInForm {
    name: String,
    password: Secret,
    #[serde(default)]
    back: String,
}

/// The answer to a request without a session: the sign-in page, which leads back to where the person wanted to go.
pub(super) fn ask(why: &NoSession, parts: &Parts) -> Response {
    let wanted = parts
        .uri
        .path_and_query()
        .map_or("/", |wanted| wanted.as_str());
    let back = if parts.method == Method::GET {
        local_path(wanted)
    } else {
        "/"
    };
    let why = match why {
        NoSession::Unknown => "",
        NoSession::Idle => "idle",
        NoSession::TooOld => "age",
        NoSession::PersonGone | NoSession::RoleLost => "access",
        _ => "ended",
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if back != "/" {
        query.append_pair("back", back);
    }
    if !why.is_empty() {
        query.append_pair("why", why);
    }
    let query = query.finish();
    let address = if query.is_empty() {
        SIGN_IN.to_owned()
    } else {
        format!("{SIGN_IN}?{query}")
    };
    Redirect::to(&address).into_response()
}

async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(query): Query<SignInQuery>,
) -> Result<Response, PageError> {
    let notice = notice(&query.why);
    sign_in_page(&state, &visitor, StatusCode::OK, |page| LoginPage {
        page,
        notice,
        problem: None,
        name: "",
        back: local_path(&query.back),
    })
    .await
}

async fn submit(
    State(state): State<AppState>,
    visitor: Visitor,
    Form(form): Form<SignInForm>,
) -> Result<Response, PageError> {
    let site = visitor.site();
    let attempt = Attempt {
        site,
        name: &form.name,
        password: &form.password,
        address: visitor.address(),
    };
    let refusal = match state.sign_in.attempt(&attempt).await? {
        Ok(person) if state.second_factor.is_asked(site, &person) => {
            return second_factor::ask(&state, &visitor, &person, &form.back).await;
        }
        Ok(person) => {
            state.sessions.replace(visitor.session_token()).await?;
            let token = state
                .sessions
                .begin(site, &person, visitor.address(), visitor.agent())
                .await?;
            let mut response = Redirect::to(local_path(&form.back)).into_response();
            add_cookie(&mut response, &set_cookie(site.cookie(), token.expose()))?;
            add_cookie(&mut response, &clear_cookie(sign_in_cookie(site)))?;
            return Ok(response);
        }
        Err(refusal) => refusal,
    };
    if let Refusal::NoRole { title, why } = &refusal {
        let page = Page::visitor(&state, "No access", site, String::new()).await;
        let body = render(&NoAccessPage {
            page,
            title,
            other_site: *why == NoRole::OtherSiteOnly,
        })?;
        return Ok((StatusCode::FORBIDDEN, body).into_response());
    }
    sign_in_page(&state, &visitor, status(&refusal), |page| LoginPage {
        page,
        notice: None,
        problem: Some(sentence_at(&refusal, site)),
        name: &form.name,
        back: local_path(&form.back),
    })
    .await
}

async fn sign_out(State(state): State<AppState>, user: SignedIn) -> Result<Response, PageError> {
    user.audit(
        &state,
        "session.end",
        Decision::Allowed,
        "sign-out",
        user.session_id(),
    )
    .await?;
    state.sessions.end(user.session_id(), "sign-out").await?;
    signed_out(&user)
}

async fn sign_out_everywhere(
    State(state): State<AppState>,
    user: SignedIn,
) -> Result<Response, PageError> {
    user.audit(
        &state,
        "session.end-all",
        Decision::Allowed,
        "sign-out-everywhere",
        user.person_id(),
    )
    .await?;
    state
        .sessions
        .end_all(user.person_id(), "sign-out-everywhere")
        .await?;
    signed_out(&user)
}

fn signed_out(user: &SignedIn) -> Result<Response, PageError> {
    let mut response = Redirect::to("/sign-in?why=ended").into_response();
    add_cookie(&mut response, &clear_cookie(user.site().cookie()))?;
    Ok(response)
}

/// Renders the form. The secret in its cookie is kept, so that a second tab does not spoil the first; another site
/// cannot plant it, because browsers take a `__Host-` cookie from this host alone.
async fn sign_in_page<'a>(
    state: &AppState,
    visitor: &Visitor,
    status: StatusCode,
    content: impl FnOnce(Page) -> LoginPage<'a>,
) -> Result<Response, PageError> {
    let (csrf, cookie) = fresh_form(visitor)?;
    let page = Page::visitor(state, "Sign in", visitor.site(), csrf).await;
    let mut response = (status, render(&content(page))?).into_response();
    add_cookie(&mut response, &cookie)?;
    Ok(response)
}

/// The token for a form of somebody who has not signed in, and the cookie that must go with it.
pub(super) fn fresh_form(visitor: &Visitor) -> Result<(String, String), PageError> {
    let kept = visitor.sign_in_secret();
    let secret = if hex::decode_array::<32>(kept).is_some() {
        kept.to_owned()
    } else {
        fresh_secret()?
    };
    let cookie = set_cookie(sign_in_cookie(visitor.site()), &secret);
    Ok((csrf::token_for(&secret), cookie))
}

fn fresh_secret() -> anyhow::Result<String> {
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret).context("draw a form secret")?;
    Ok(hex::encode(&secret))
}

pub(super) fn add_cookie(response: &mut Response, cookie: &str) -> Result<(), PageError> {
    let value = HeaderValue::from_str(cookie).context("write a cookie")?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(())
}
