//! Brands: the service's and customers' own, with their logos.

use super::endpoint::{
    Call, Done, File, Found, Media, Nothing, Operation, Sent, SentFile, Takes, add,
};
use super::problem::Problem;
use crate::auth::scope::Scope;
use crate::branding::{Brand, BrandWords, Branding, LOGO_BYTES_MAX, Logo, RunBrand, Whose};
use crate::library::Refused;
use crate::web::Routes;
use crate::web::admin_branding::{keep, refuse, remove, with_logo};
use crate::web::errors::PageError;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spokegate_contract::TenantId;

const SERVICE: &str = "/api/v1/brand";
const SERVICE_LOGO: &str = "/api/v1/brand/logo";
const TENANT: &str = "/api/v1/tenants/{tenant}/brand";
const TENANT_LOGO: &str = "/api/v1/tenants/{tenant}/brand/logo";
const A_FILE: &str = "A PNG or JPEG file as the body.";
const KEEPS_LOGO: &str = "What is left out is empty; the logo stays.";

/// `/brand`, `/tenants/{tenant}/brand` and their logos.
pub(super) fn routes(routes: Routes) -> Routes {
    of_tenants(of_service(routes))
}

fn about(id: &'static str, summary: &'static str, details: &'static str) -> Operation {
    Operation {
        id,
        summary,
        details,
        scope: Scope::AdminRead,
    }
}

fn changes(id: &'static str, summary: &'static str, details: &'static str) -> Operation {
    Operation {
        scope: Scope::BrandWrite,
        ..about(id, summary, details)
    }
}

fn of_service(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, SERVICE),
        about("getBrand", "See the brand of the service", ""),
        async |call: Call, _: Nothing| Ok(Found(Shape::from(call.state.store.brand().await?))),
    );
    let routes = add(
        routes,
        (Method::PUT, SERVICE),
        changes("setBrand", "Set the brand of the service", KEEPS_LOGO),
        set,
    );
    let routes = add(
        routes,
        (Method::GET, SERVICE_LOGO),
        about("getBrandLogo", "Fetch the logo of the service", ""),
        logo,
    );
    let routes = add(
        routes,
        (Method::PUT, SERVICE_LOGO),
        changes("setBrandLogo", "Set the logo of the service", A_FILE),
        set_logo,
    );
    add(
        routes,
        (Method::DELETE, SERVICE_LOGO),
        changes("removeBrandLogo", "Remove the logo of the service", ""),
        remove_logo,
    )
}

fn of_tenants(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, TENANT),
        about(
            "getTenantBrand",
            "See the brand of a customer's documents",
            "Its own, and what comes of it and the service's.",
        ),
        of_tenant,
    );
    let routes = add(
        routes,
        (Method::PUT, TENANT),
        changes("setTenantBrand", "Set a customer's own brand", KEEPS_LOGO),
        set,
    );
    let routes = add(
        routes,
        (Method::DELETE, TENANT),
        changes(
            "removeTenantBrand",
            "Remove a customer's own brand",
            "Its logo goes, too.",
        ),
        remove_tenant,
    );
    let routes = add(
        routes,
        (Method::GET, TENANT_LOGO),
        about("getTenantLogo", "Fetch a customer's own logo", ""),
        logo,
    );
    let routes = add(
        routes,
        (Method::PUT, TENANT_LOGO),
        changes("setTenantLogo", "Set a customer's own logo", A_FILE),
        set_logo,
    );
    add(
        routes,
        (Method::DELETE, TENANT_LOGO),
        changes("removeTenantLogo", "Remove a customer's own logo", ""),
        remove_logo,
    )
}

/// A brand.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Brand")]
pub struct Shape {
    /// What the service or the customer is called; empty where not set.
    pub name: String,
    /// The postal address in lines; empty where not set.
    pub address: String,
    /// `#` and six hexadecimal digits; empty where not set.
    pub colour: String,
    /// SHA-256 of the logo in hexadecimal; empty without one.
    pub logo_sha256: String,
}

impl From<Brand> for Shape {
    fn from(brand: Brand) -> Self {
        let words = BrandWords::from(&brand);
        Self {
            name: words.name,
            address: words.address,
            colour: words.colour,
            logo_sha256: brand.logo_sha256,
        }
    }
}

/// The brand of a customer's documents.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TenantBrand {
    /// Its own; nothing without one.
    pub own: Option<Shape>,
    /// What its documents show: its own, with the service's where that is empty.
    pub shown: Shape,
}

/// What a brand is to be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BrandOrder {
    /// At most 60 characters on one line.
    pub name: String,
    /// At most 300 characters on 8 lines.
    pub address: String,
    /// `#` and six hexadecimal digits, with a contrast that text needs (WCAG 2.2 AA).
    pub colour: String,
}

/// A logo.
#[derive(Debug)]
pub struct LogoFile;

impl Media for LogoFile {
    const TYPES: &'static [&'static str] = &["image/png", "image/jpeg"];
}

impl Takes for LogoFile {
    const BYTES_MAX: usize = LOGO_BYTES_MAX;
}

async fn of_tenant(call: Call, _: Nothing) -> Result<Found<TenantBrand>, Problem> {
    let tenant = tenant(&call)?.ok_or_else(no_tenant)?;
    let own = call.state.store.brand_of(Whose::Tenant(&tenant)).await?;
    let service = call.state.store.brand().await?;
    Ok(Found(TenantBrand {
        own: own.clone().map(Shape::from),
        shown: RunBrand::of(own, service).shown.into(),
    }))
}

async fn set(call: Call, Sent(order): Sent<BrandOrder>) -> Result<Done, Problem> {
    let tenant = changed(&call)?;
    let whose = whose(tenant.as_ref());
    let words = BrandWords {
        name: order.name,
        address: order.address,
        colour: order.colour,
    };
    match words.read() {
        Ok(brand) => {
            let logo = present(&call, whose).await?.logo;
            keep(&call.state, &call.user, whose, &with_logo(brand, logo)).await?;
            Ok(Done)
        }
        Err(fault) => {
            refuse(&call.state, &call.user, whose).await?;
            Err(Problem::refused(fault.place, fault.words))
        }
    }
}

async fn remove_tenant(call: Call, _: Nothing) -> Result<Done, Problem> {
    let tenant = tenant(&call)?.ok_or_else(no_tenant)?;
    let is_gone = remove(&call.state, &call.user, tenant.as_str()).await?;
    let none = || Problem::not_found("This customer has no brand of its own.");
    is_gone.then_some(Done).ok_or_else(none)
}

async fn logo(call: Call, _: Nothing) -> Result<File<LogoFile>, Problem> {
    let tenant = tenant(&call)?;
    let logo = present(&call, whose(tenant.as_ref())).await?.logo;
    let logo = logo.ok_or_else(|| Problem::not_found("There is no logo."))?;
    let kind = [(header::CONTENT_TYPE, logo.media_type)];
    Ok(File::of((kind, logo.file.to_vec()).into_response()))
}

async fn set_logo(call: Call, sent: SentFile<LogoFile>) -> Result<Done, Problem> {
    let tenant = changed(&call)?;
    let whose = whose(tenant.as_ref());
    let library = call.state.engine.library();
    match library.logo(sent.bytes.as_ref().into()).await {
        Ok(logo) => change_logo(&call, whose, Some(logo)).await,
        Err(Refused::File(words)) => {
            refuse(&call.state, &call.user, whose).await?;
            Err(Problem::refused("body", words))
        }
        Err(error) => Err(PageError::internal(&anyhow::Error::new(error)).into()),
    }
}

async fn remove_logo(call: Call, _: Nothing) -> Result<Done, Problem> {
    let tenant = changed(&call)?;
    change_logo(&call, whose(tenant.as_ref()), None).await
}

async fn change_logo(call: &Call, whose: Whose<'_>, logo: Option<Logo>) -> Result<Done, Problem> {
    let brand = present(call, whose).await?.brand;
    keep(&call.state, &call.user, whose, &with_logo(brand, logo)).await?;
    Ok(Done)
}

async fn present(call: &Call, whose: Whose<'_>) -> Result<Branding, Problem> {
    let found = call.state.store.branding(whose).await?;
    Ok(found.unwrap_or_default())
}

/// The customer in the address; nothing where the address is the service's.
fn tenant(call: &Call) -> Result<Option<TenantId>, Problem> {
    let id = match call.param("tenant") {
        "" => return Ok(None),
        id => id,
    };
    let mut tenants = call.state.engine.tenants().iter();
    let found = tenants.find(|tenant| tenant.id.as_str() == id);
    let rights = call.user.rights(&call.state);
    let found = found.filter(|tenant| rights.sees(&tenant.id));
    let found = found.map(|tenant| Some(tenant.id.clone()));
    found.ok_or_else(no_tenant)
}

/// Whose brand is changed: one customer's, or the service's, which is for whoever may see every customer.
fn changed(call: &Call) -> Result<Option<TenantId>, Problem> {
    let tenant = tenant(call)?;
    let rights = call.user.rights(&call.state);
    let mut all = call.state.engine.tenants().iter();
    if tenant.is_none() && !all.all(|tenant| rights.sees(&tenant.id)) {
        let detail = "The service's brand is that of every customer, and this token is for some.";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(tenant)
}

fn no_tenant() -> Problem {
    Problem::not_found("There is no such customer.")
}

fn whose(tenant: Option<&TenantId>) -> Whose<'_> {
    tenant.map_or(Whose::Service, Whose::Tenant)
}
