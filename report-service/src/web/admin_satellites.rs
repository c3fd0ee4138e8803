//! Satellites and sanitizers, as last heard of.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use spokegate_contract::TenantId;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::relay::LinkState;
use crate::state::AppState;
use crate::store::satellites::Satellite;

/// `/satellites`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/satellites", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_satellites.html")]
struct SatellitesPage {
    page: Page,
    links: Vec<LinkState>,
    satellites: Vec<Satellite>,
    silent: Vec<String>,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let satellites = state.store.satellites().await?;
    let heard = |id: &TenantId| {
        satellites
            .iter()
            .any(|satellite| satellite.address.tenant == *id)
    };
    let tenants = state.engine.tenants().iter();
    let silent = tenants
        .filter(|tenant| !heard(&tenant.id))
        .map(|tenant| tenant.title.clone())
        .collect();
    let page = Page::new("Satellites", "satellites", &user);
    render(&SatellitesPage {
        page,
        links: state.engine.relay().links(),
        satellites,
        silent,
    })
}

/// `devices v1, backup-jobs v1`; called by the page.
fn datasets(satellite: &Satellite) -> String {
    let names: Vec<String> = satellite
        .datasets
        .iter()
        .map(|(id, version)| format!("{id} v{version}"))
        .collect();
    names.join(", ")
}
