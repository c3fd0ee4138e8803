//! The log of a satellite's Node-RED: its last lines, a search, and those to come.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use spokegate_contract::Address;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::satellite_log::{DATASET, Fresh};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::satellite_log::{LogFilter, LogLine};
use crate::store::satellites::Satellite;

/// Lines that a page shows unless it is told otherwise, and at most.
const TAIL: u32 = 200;
const TAIL_MAX: u32 = 5_000;
/// Bytes of what is searched.
const SEARCH_BYTES_MAX: usize = 200;

/// `/satellites/{tenant}/{satellite}/log`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/satellites/{tenant}/{satellite}/log", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_satellite_log.html")]
struct LogPage {
    page: Page,
    satellite: Satellite,
    title: String,
    supplied: bool,
    fresh: Fresh,
    tail: u32,
    search: String,
    lines: Vec<LogLine>,
}

#[derive(Default, Deserialize)]
struct LogQuery {
    #[serde(default)]
    tail: Option<u32>,
    #[serde(default)]
    q: String,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path((tenant, satellite)): Path<(String, String)>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let satellite = find(&state, &tenant, &satellite).await?;
    let satellite = satellite.ok_or_else(|| PageError::not_found("There is no such satellite."))?;
    let address = satellite.address.clone();
    // A page that is drawn again for whoever has it open comes without a browser's headers.
    if headers.contains_key(header::HOST) {
        let about = address.to_string();
        user.audit(&state, "satellite.log", Decision::Allowed, "admin", &about)
            .await?;
    }
    let supplied = satellite
        .datasets
        .iter()
        .any(|(dataset, _)| dataset.as_str() == DATASET);
    let fresh = match supplied && satellite.online {
        true => state.satellite_logs.look(&state, &address).borrow().clone(),
        false => Fresh::default(),
    };
    let tail = query.tail.unwrap_or(TAIL).clamp(1, TAIL_MAX);
    let mut search = query.q;
    search.truncate(search.floor_char_boundary(SEARCH_BYTES_MAX));
    let filter = LogFilter {
        after: None,
        text: search.trim().to_owned(),
        lines_max: tail,
    };
    let tenants = state.engine.tenants().iter();
    let mut titles = tenants.filter(|tenant| tenant.id == address.tenant);
    render(&LogPage {
        page: Page::new(format!("Log of {address}"), "satellites", &user),
        title: titles
            .next()
            .map_or_else(String::new, |tenant| tenant.title.clone()),
        lines: state.store.satellite_log(&address, &filter).await?,
        satellite,
        supplied,
        fresh,
        tail,
        search,
    })
}

/// The satellite of this address, if it was ever heard of.
pub(crate) async fn find(
    state: &AppState,
    tenant: &str,
    satellite: &str,
) -> Result<Option<Satellite>, sqlx::Error> {
    let (Ok(tenant), Ok(satellite)) = (tenant.parse(), satellite.parse()) else {
        return Ok(None);
    };
    let address = Address::new(tenant, satellite);
    let all = state.store.satellites().await?;
    Ok(all.into_iter().find(|one| one.address == address))
}
