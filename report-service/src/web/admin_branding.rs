//! Name, address, colour and logo of pages and documents: set by administrators, for the service here and for a customer
//! below its page; fetched by everybody's pages.

mod customer;
mod form;

use askama::Template;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::{AdminUser, SignedIn};
use crate::branding::{Brand, BrandWords, Branding, Colour, Whose};
use crate::state::AppState;
use crate::store::audit::Decision;
pub(crate) use form::with_logo;
use form::{FORM_BYTES_MAX, Fields, Sample, read};

/// Its address holds its digest.
const KEEP: &str = "private, max-age=31536000, immutable";

/// `/branding`, the brands of customers, and the acts on them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let routes = routes
        .get("/branding", Rule::Admin, show)
        .get("/branding/sample.css", Rule::Admin, sample_sheet)
        .upload("/branding", Rule::Admin, |_| FORM_BYTES_MAX, set);
    customer::routes(routes)
}

/// What pages of either listener fetch, the sign-in page too: whoever sees that sees the brand.
#[must_use]
pub fn files(routes: Routes) -> Routes {
    routes
        .get("/branding/colour.css", Rule::Anyone, style_sheet)
        .get("/branding/logo", Rule::Anyone, logo)
}

#[derive(Template)]
#[template(path = "admin_branding.html")]
struct BrandingPage {
    page: Page,
    fields: Fields,
    fault: String,
    rows: Vec<Row>,
}

/// A customer with its own brand.
struct Row {
    id: String,
    title: String,
    /// Whether the configuration still names it.
    known: bool,
    brand: Brand,
}

impl Row {
    fn colour(&self) -> String {
        let colour = self.brand.colour.map(|colour| colour.to_string());
        colour.unwrap_or_default()
    }

    fn is_plain(&self) -> bool {
        self.brand == Brand::default()
    }
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let typed = BrandWords::from(user.brand());
    draw(&state, &user, typed, String::new()).await
}

async fn draw(
    state: &AppState,
    user: &AdminUser,
    typed: BrandWords,
    fault: String,
) -> Result<Response, PageError> {
    let sample = Sample::of(&typed.colour);
    let page = Page::new("Branding", "branding", user);
    let fields = Fields {
        csrf: page.csrf.clone(),
        typed,
        service: None,
        logo: (!user.brand().logo_sha256.is_empty())
            .then(|| format!("/branding/logo?v={}", user.brand().logo_sha256)),
        sample,
    };
    render(&BrandingPage {
        page,
        fields,
        fault,
        rows: rows(state).await?,
    })
}

/// Every customer, and those that the configuration does not name any more but that have a brand.
async fn rows(state: &AppState) -> Result<Vec<Row>, PageError> {
    let mut brands = state.store.brands().await?;
    let known = state.engine.tenants().iter().map(|tenant| {
        let own = brands.iter().position(|(id, _)| id == tenant.id.as_str());
        Row {
            id: tenant.id.to_string(),
            title: tenant.title.clone(),
            known: true,
            brand: own.map(|at| brands.remove(at).1).unwrap_or_default(),
        }
    });
    let mut rows: Vec<Row> = known.collect();
    rows.extend(brands.into_iter().map(|(id, brand)| Row {
        title: id.clone(),
        id,
        known: false,
        brand,
    }));
    Ok(rows)
}

async fn set(
    State(state): State<AppState>,
    user: AdminUser,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    match read(&state, Whose::Service, &headers, body).await? {
        Ok(branding) => {
            keep(&state, &user, Whose::Service, &branding).await?;
            Ok(Redirect::to("/branding").into_response())
        }
        Err((typed, fault)) => {
            refuse(&state, &user, Whose::Service).await?;
            let page = draw(&state, &user, typed, fault).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Sets somebody's brand, and records it first. A customer's own that says nothing is none.
///
/// # Errors
/// When the store cannot write.
pub(crate) async fn keep(
    state: &AppState,
    user: &SignedIn,
    whose: Whose<'_>,
    branding: &Branding,
) -> Result<(), PageError> {
    if let (Whose::Tenant(tenant), true) = (whose, branding.brand == Brand::default()) {
        return remove(state, user, tenant.as_str()).await.map(drop);
    }
    let brand = &branding.brand;
    let colour = brand.colour.map(|colour| colour.to_string());
    let subject = format!(
        "{}{:?} {:?} {} {}",
        subject_of(whose),
        brand.name,
        brand.address,
        colour.as_deref().unwrap_or("-"),
        brand.logo_sha256
    );
    user.audit(state, "branding.set", Decision::Allowed, "admin", &subject)
        .await?;
    let act = (state.clock.now_ms(), user.title());
    state.store.brand_set(whose, branding, act).await?;
    Ok(())
}

/// Removes a customer's own brand, and records it first; false when there is none.
///
/// # Errors
/// When the store cannot write.
pub(crate) async fn remove(
    state: &AppState,
    user: &SignedIn,
    tenant: &str,
) -> Result<bool, PageError> {
    let Ok(tenant) = tenant.parse() else {
        return Ok(false);
    };
    let whose = Whose::Tenant(&tenant);
    if state.store.brand_of(whose).await?.is_none() {
        return Ok(false);
    }
    let subject = subject_of(whose);
    let subject = subject.trim_end();
    user.audit(
        state,
        "branding.remove",
        Decision::Allowed,
        "admin",
        subject,
    )
    .await?;
    Ok(state.store.brand_remove(&tenant).await?)
}

/// Records that a brand was not taken.
///
/// # Errors
/// When the store cannot write.
pub(crate) async fn refuse(
    state: &AppState,
    user: &SignedIn,
    whose: Whose<'_>,
) -> Result<(), PageError> {
    let subject = subject_of(whose);
    let subject = subject.trim_end();
    user.audit(state, "branding.set", Decision::Denied, "refused", subject)
        .await
}

/// How records name a customer; the service's brand needs no name.
fn subject_of(whose: Whose<'_>) -> String {
    match whose {
        Whose::Service => String::new(),
        Whose::Tenant(tenant) => format!("{tenant} "),
    }
}

async fn style_sheet(State(state): State<AppState>) -> Result<Response, PageError> {
    let colour = state.store.brand().await?.colour;
    Ok(styled(&colour.map(Colour::style_sheet).unwrap_or_default()))
}

/// Which colour.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    colour: String,
}

/// How a colour looks; it says nothing that its address does not.
async fn sample_sheet(_user: AdminUser, Query(shown): Query<Shown>) -> Response {
    let colour = format!("#{}", shown.colour).parse::<Colour>();
    styled(&colour.map(Colour::sample_sheet).unwrap_or_default())
}

fn styled(style: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, KEEP),
    ];
    (headers, style.to_owned()).into_response()
}

async fn logo(State(state): State<AppState>) -> Result<Response, PageError> {
    let found = state.store.branding(Whose::Service).await?;
    picture(found)
}

/// The logo of a brand.
fn picture(found: Option<Branding>) -> Result<Response, PageError> {
    let logo = found.and_then(|found| found.logo);
    let logo = logo.ok_or_else(|| PageError::not_found("There is no logo."))?;
    let headers = [
        (header::CONTENT_TYPE, logo.media_type),
        (header::CACHE_CONTROL, KEEP.to_owned()),
    ];
    Ok((headers, logo.file.to_vec()).into_response())
}
