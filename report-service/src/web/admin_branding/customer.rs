//! The brand that one customer's documents have.

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::super::errors::PageError;
use super::super::layout::{Page, render};
use super::super::routes::{Routes, Rule};
use super::super::session::AdminUser;
use super::form::{FORM_BYTES_MAX, Fields, Sample, read};
use super::{keep, picture, refuse, remove};
use crate::branding::{BrandWords, Whose};
use crate::runs::Tenant;
use crate::state::AppState;

/// The page and the acts on it.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .get("/customers/{tenant}/brand", Rule::Admin, show)
        .get("/customers/{tenant}/brand/logo", Rule::Admin, logo)
        .upload(
            "/customers/{tenant}/brand",
            Rule::Admin,
            |_| FORM_BYTES_MAX,
            set,
        )
        .post("/customers/{tenant}/brand/remove", Rule::Admin, take_away)
}

#[derive(Template)]
#[template(path = "admin_customer_brand.html")]
struct BrandPage {
    page: Page,
    tenant: Tenant,
    fields: Fields,
    /// Whether there is one to remove.
    is_set: bool,
    fault: String,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let tenant = tenant(&state, &id)?;
    draw(&state, &user, tenant, None).await
}

/// The page; with what was typed and why it is refused, or with what is set.
async fn draw(
    state: &AppState,
    user: &AdminUser,
    tenant: &Tenant,
    refused: Option<(BrandWords, String)>,
) -> Result<Response, PageError> {
    let own = state.store.brand_of(Whose::Tenant(&tenant.id)).await?;
    let is_set = own.is_some();
    let own = own.unwrap_or_default();
    let (typed, fault) = refused.unwrap_or_else(|| (BrandWords::from(&own), String::new()));
    let service = BrandWords::from(user.brand());
    let sample = match typed.colour.trim() {
        "" => Sample::of(&service.colour),
        own => Sample::of(own),
    };
    let page = Page::new(format!("Brand of {}", tenant.title), "branding", user);
    let logo = (!own.logo_sha256.is_empty())
        .then(|| format!("/customers/{}/brand/logo?v={}", tenant.id, own.logo_sha256));
    render(&BrandPage {
        fields: Fields {
            csrf: page.csrf.clone(),
            typed,
            service: Some(service),
            logo,
            sample,
        },
        page,
        tenant: tenant.clone(),
        is_set,
        fault,
    })
}

async fn set(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let tenant = tenant(&state, &id)?;
    let whose = Whose::Tenant(&tenant.id);
    match read(&state, whose, &headers, body).await? {
        Ok(branding) => {
            keep(&state, &user, whose, &branding).await?;
            let page = format!("/customers/{}/brand", tenant.id);
            Ok(Redirect::to(&page).into_response())
        }
        Err(refused) => {
            refuse(&state, &user, whose).await?;
            let page = draw(&state, &user, tenant, Some(refused)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Also of a customer that the configuration does not name any more.
async fn take_away(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    if !remove(&state, &user, &id).await? {
        return Err(PageError::not_found(
            "This customer has no brand of its own.",
        ));
    }
    Ok(Redirect::to("/branding").into_response())
}

async fn logo(
    State(state): State<AppState>,
    _user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let tenant = tenant(&state, &id)?;
    picture(state.store.branding(Whose::Tenant(&tenant.id)).await?)
}

fn tenant<'a>(state: &'a AppState, id: &str) -> Result<&'a Tenant, PageError> {
    let mut tenants = state.engine.tenants().iter();
    let found = tenants.find(|tenant| tenant.id.as_str() == id);
    found.ok_or_else(|| PageError::not_found("There is no such customer."))
}
