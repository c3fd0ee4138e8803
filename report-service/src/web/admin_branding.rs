//! Name, colour and logo of pages and documents: set by administrators, fetched by everybody's pages.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::errors::PageError;
use super::layout::{Page, render};
use super::multipart::{self, FileForm};
use super::routes::{Routes, Rule};
use super::session::{AdminUser, SignedIn};
use crate::auth::Site;
use crate::branding::{Brand, Colour, LOGO_BYTES_MAX, LOGO_PIXELS, Logo, NAME_CHARS_MAX};
use crate::library::Refused;
use crate::state::AppState;
use crate::store::audit::Decision;

/// Largest form, in bytes: the logo and what is around it.
const FORM_BYTES_MAX: usize = LOGO_BYTES_MAX + 64 * 1024;
/// Its address holds its digest.
const KEEP: &str = "private, max-age=31536000, immutable";

/// `/branding` and the act on it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/branding", Rule::Admin, show).upload(
        "/branding",
        Rule::Admin,
        |_| FORM_BYTES_MAX,
        set,
    )
}

/// What pages of either listener fetch.
#[must_use]
pub fn files(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::FormsBackground,
        Site::Admin => Rule::AdminBackground,
    };
    routes
        .get("/branding/colour.css", rule, style_sheet)
        .get("/branding/logo", rule, logo)
}

#[derive(Template)]
#[template(path = "admin_branding.html")]
struct BrandingPage {
    page: Page,
    name: String,
    colour: String,
    has_logo: bool,
    logo_kb: usize,
    pixels_max: u32,
    fault: String,
}

async fn show(user: AdminUser) -> Result<Response, PageError> {
    let brand = user.brand();
    let colour = brand.colour.map(|colour| colour.to_string());
    let typed = (brand.name.clone(), colour.unwrap_or_default());
    draw(&user, typed, String::new())
}

fn draw(
    user: &AdminUser,
    (name, colour): (String, String),
    fault: String,
) -> Result<Response, PageError> {
    render(&BrandingPage {
        page: Page::new("Branding", "branding", user),
        name,
        colour,
        has_logo: !user.brand().logo_sha256.is_empty(),
        logo_kb: LOGO_BYTES_MAX >> 10,
        pixels_max: *LOGO_PIXELS.end(),
        fault,
    })
}

async fn set(
    State(state): State<AppState>,
    user: AdminUser,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let body = multipart::whole(body, FORM_BYTES_MAX).await;
    let body = body.map_err(|()| PageError::bad_request("The form was cut off on the way."))?;
    let form = multipart::form_perhaps(&headers, body, "logo").await?;
    let (brand, logo) = match read(&state, &form).await? {
        Ok(read) => read,
        Err(fault) => {
            user.audit(&state, "branding.set", Decision::Denied, "refused", "")
                .await?;
            let typed = (form.text("name").to_owned(), form.text("colour").to_owned());
            let page = draw(&user, typed, fault)?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let colour = brand.colour.map(|colour| colour.to_string());
    let subject = format!(
        "{:?} {} {}",
        brand.name,
        colour.as_deref().unwrap_or("-"),
        brand.logo_sha256
    );
    user.audit(&state, "branding.set", Decision::Allowed, "admin", &subject)
        .await?;
    let act = (state.clock.now_ms(), user.title());
    state.store.brand_set(&brand, logo.as_ref(), act).await?;
    Ok(Redirect::to("/branding").into_response())
}

/// What a form says, or what is wrong with it.
async fn read(
    state: &AppState,
    form: &FileForm,
) -> Result<Result<(Brand, Option<Logo>), String>, PageError> {
    let name = form.text("name").trim().to_owned();
    if name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control) {
        let fault = format!("The name has at most {NAME_CHARS_MAX} characters on one line.");
        return Ok(Err(fault));
    }
    let colour = match form.text("colour").trim() {
        "" => Ok(None),
        text => text.parse().and_then(Colour::readable).map(Some),
    };
    let colour = match colour {
        Ok(colour) => colour,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    let logo = if form.text("no-logo") == "yes" {
        None
    } else if form.file.is_empty() {
        state.store.brand_logo().await?
    } else {
        match state.engine.library().logo(form.file.as_ref().into()).await {
            Ok(logo) => Some(logo),
            Err(Refused::File(words)) => return Ok(Err(words)),
            Err(error) => return Err(PageError::internal(&anyhow::Error::new(error))),
        }
    };
    let digest = |logo: &Logo| hex::encode(&Sha256::digest(&logo.file));
    let brand = Brand {
        name,
        colour,
        logo_sha256: logo.as_ref().map(digest).unwrap_or_default(),
    };
    Ok(Ok((brand, logo)))
}

async fn style_sheet(State(state): State<AppState>, _: SignedIn) -> Result<Response, PageError> {
    let colour = state.store.brand().await?.colour;
    let style = colour.map(Colour::style_sheet).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, KEEP),
    ];
    Ok((headers, style).into_response())
}

async fn logo(State(state): State<AppState>, _: SignedIn) -> Result<Response, PageError> {
    let logo = state.store.brand_logo().await?;
    let logo = logo.ok_or_else(|| PageError::not_found("There is no logo."))?;
    let headers = [
        (header::CONTENT_TYPE, logo.media_type),
        (header::CACHE_CONTROL, KEEP.to_owned()),
    ];
    Ok((headers, logo.file.to_vec()).into_response())
}
