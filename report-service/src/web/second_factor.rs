//! The code after the password, and setting the app up the first time.

use super::errors::PageError;
use super::layout::{Page, render};
use super::login::{add_cookie, local_path};
use super::routes::{Routes, Rule};
use super::session::{Visitor, clear_cookie, set_cookie, sign_in_cookie};
use crate::auth::second_factor::{Challenge, CodeRefused, Half};
use crate::auth::{csrf, totp};
use crate::directory::Person;
use crate::state::AppState;
use anyhow::Context as _;
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use qrcode::types::Color;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;

/// Where the code is typed.
const CODE: &str = "/second-factor";
/// Light modules around a QR code (ISO/IEC 18004 §5.3.8).
const QUIET_MODULES: usize = 4;

/// `/second-factor` for somebody whose password was right.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .get(CODE, Rule::Anyone, show)
        .post(CODE, Rule::Anyone, submit)
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct CodePage<'a> {
    page: Page,
    back: &'a str,
    problem: Option<&'static str>,
    enrol: Option<Enrolment>,
}

/// What the app needs to know.
struct Enrolment {
    size: usize,
    path: String,
    secret: String,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryPage<'a> {
    page: Page,
    back: &'a str,
    codes: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
    #[serde(default)]
    back: String,
}

/// The answer to a right password where a code is asked for too.
pub(super) async fn ask(
    state: &AppState,
    visitor: &Visitor,
    person: &Person,
    back: &str,
) -> Result<Response, PageError> {
    let site = visitor.site();
    let token = match state.second_factor.begin(site, person).await {
        Ok(token) => token,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "a second factor cannot be set up"
            );
            return Err(PageError::unavailable(
                "A second factor is asked for here and cannot be set up just now.",
            ));
        }
    };
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("back", local_path(back))
        .finish();
    let mut response = Redirect::to(&format!("{CODE}?{query}")).into_response();
    add_cookie(
        &mut response,
        &set_cookie(site.half_cookie(), token.expose()),
    )?;
    Ok(response)
}

async fn show(
    State(state): State<AppState>,
    visitor: Visitor,
    Query(query): Query<Back>,
) -> Result<Response, PageError> {
    let Some(half) = waiting(&state, &visitor).await? else {
        return Ok(Redirect::to("/sign-in").into_response());
    };
    page(&state, &visitor, &half, &query.back, None).await
}

async fn submit(
    State(state): State<AppState>,
    visitor: Visitor,
    Form(form): Form<CodeForm>,
) -> Result<Response, PageError> {
    let Some(half) = waiting(&state, &visitor).await? else {
        return Ok(Redirect::to("/sign-in?why=ended").into_response());
    };
    let site = visitor.site();
    let checked = state
        .second_factor
        .check(&half, &form.code, visitor.address())
        .await?;
    let passed = match checked {
        Ok(passed) => passed,
        Err(CodeRefused::Wrong) => {
            let problem = "That is not the code of now. Wait for the next one and type it here.";
            let page = page(&state, &visitor, &half, &form.back, Some(problem)).await?;
            return Ok((StatusCode::UNAUTHORIZED, page).into_response());
        }
        Err(CodeRefused::TooMany) => {
            let mut response = Redirect::to("/sign-in?why=codes").into_response();
            add_cookie(&mut response, &clear_cookie(site.half_cookie()))?;
            return Ok(response);
        }
    };
    state.sessions.replace(visitor.session_token()).await?;
    let token = state
        .sessions
        .begin(site, &passed.person, visitor.address(), visitor.agent())
        .await?;
    let back = local_path(&form.back);
    let mut response = if passed.recovery_codes.is_empty() {
        Redirect::to(back).into_response()
    } else {
        render(&RecoveryPage {
            page: Page::visitor(&state, "Recovery codes", site, String::new()).await,
            back,
            codes: passed.recovery_codes,
        })?
    };
    add_cookie(&mut response, &set_cookie(site.cookie(), token.expose()))?;
    add_cookie(&mut response, &clear_cookie(site.half_cookie()))?;
    add_cookie(&mut response, &clear_cookie(sign_in_cookie(site)))?;
    Ok(response)
}

async fn waiting(state: &AppState, visitor: &Visitor) -> Result<Option<Half>, PageError> {
    let half = state
        .second_factor
        .waiting(visitor.half_token(), visitor.site())
        .await?;
    Ok(half)
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    half: &Half,
    back: &str,
    problem: Option<&'static str>,
) -> Result<Response, PageError> {
    let enrol = match state.second_factor.challenge(half).await? {
        Challenge::Code => None,
        Challenge::Enrol(secret) => Some(enrolment(&secret, &half.person.name)?),
    };
    let title = if enrol.is_some() {
        "Set up the second factor"
    } else {
        "Enter your code"
    };
    render(&CodePage {
        page: Page::visitor(
            state,
            title,
            visitor.site(),
            csrf::token_for(visitor.sign_in_secret()),
        )
        .await,
        back: local_path(back),
        problem,
        enrol,
    })
}

/// The QR code as one path of squares, which needs neither script nor style.
fn enrolment(secret: &[u8], name: &str) -> anyhow::Result<Enrolment> {
    let code = QrCode::with_error_correction_level(totp::uri(secret, name), EcLevel::M)
        .context("draw a QR code")?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + QUIET_MODULES, index / width + QUIET_MODULES);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    let text = totp::base32(secret);
    let groups: Vec<&str> = text
        .as_bytes()
        .chunks(4)
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    Ok(Enrolment {
        size: width + 2 * QUIET_MODULES,
        path,
        secret: groups.join(" "),
    })
}
