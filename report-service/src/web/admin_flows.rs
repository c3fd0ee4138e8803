//! What the customers' Node-RED keep, in versions: flows and library, as they came from the segments.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use spokegate_contract::Address;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::{AdminUser, SignedIn};
use crate::flows::{Changes, Count};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::flows::FlowVersion;

/// `/flows` and what is below it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/flows", Rule::Admin, list)
        .page("/flows/{tenant}/{satellite}", Rule::Admin, show)
        .get(
            "/flows/{tenant}/{satellite}/{number}/download",
            Rule::Admin,
            download,
        )
}

#[derive(Template)]
#[template(path = "admin_flows.html")]
struct FlowsPage {
    page: Page,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "admin_flow_versions.html")]
struct VersionsPage {
    page: Page,
    title: String,
    address: Address,
    versions: Vec<FlowVersion>,
}

/// A satellite's newest version, and its customer's name; empty for one that the configuration no longer names.
struct Row {
    title: String,
    version: FlowVersion,
}

/// Which part of a version.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The flows alone, as Node-RED imports them.
    #[default]
    Flows,
    /// Flows, library, modules, and which nodes have credentials.
    All,
}

#[derive(Default, Deserialize)]
struct Which {
    #[serde(default)]
    part: Part,
}

async fn list(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let rights = user.rights(&state);
    let versions = state.store.flows_latest(None).await?;
    let own = versions
        .into_iter()
        .filter(|version| rights.sees(&version.address.tenant));
    let row = |version: FlowVersion| Row {
        title: title(&state, &version.address),
        version,
    };
    render(&FlowsPage {
        page: Page::new("Flows", "flows", &user),
        rows: own.map(row).collect(),
    })
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path((tenant, satellite)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let address = address(&state, &user, &tenant, &satellite)?;
    let versions = state.store.flow_versions(&address).await?;
    if versions.is_empty() {
        return Err(none());
    }
    render(&VersionsPage {
        page: Page::new(format!("Flows of {address}"), "flows", &user),
        title: title(&state, &address),
        address,
        versions,
    })
}

async fn download(
    State(state): State<AppState>,
    user: AdminUser,
    Path((tenant, satellite, number)): Path<(String, String, u64)>,
    Query(which): Query<Which>,
) -> Result<Response, PageError> {
    let address = address(&state, &user, &tenant, &satellite)?;
    file(&state, &user, (&address, number), which.part).await
}

/// A version as a file, and a record of who got it.
///
/// # Errors
/// When there is none, or it cannot be recorded.
pub(crate) async fn file(
    state: &AppState,
    user: &SignedIn,
    (address, number): (&Address, u64),
    part: Part,
) -> Result<Response, PageError> {
    let found = state.store.flow_snapshot(address, number).await?;
    let found = found.ok_or_else(none)?;
    let subject = format!("{address} {number}");
    user.audit(
        state,
        "flows.download",
        Decision::Allowed,
        "admin",
        &subject,
    )
    .await?;
    let content = match part {
        Part::Flows => serde_json::Value::Array(found.flows),
        Part::All => found.to_json(),
    };
    let name = format!(
        "{}-{}-flows-{number}.json",
        address.tenant, address.satellite
    );
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    Ok((headers, content.to_string()).into_response())
}

/// A satellite of a customer that they may see; any other looks like none.
pub(crate) fn address(
    state: &AppState,
    user: &SignedIn,
    tenant: &str,
    satellite: &str,
) -> Result<Address, PageError> {
    let found = tenant.parse().ok().zip(satellite.parse().ok());
    let found = found.map(|(tenant, satellite)| Address::new(tenant, satellite));
    found
        .filter(|address| user.rights(state).sees(&address.tenant))
        .ok_or_else(none)
}

fn none() -> PageError {
    PageError::not_found("There is no such version of flows.")
}

fn title(state: &AppState, address: &Address) -> String {
    let mut tenants = state.engine.tenants().iter();
    tenants
        .find(|tenant| tenant.id == address.tenant)
        .map(|tenant| tenant.title.clone())
        .unwrap_or_default()
}

/// What changed, in words: `2 nodes added, 1 tab changed`; called by the page.
fn words(changes: &Changes) -> String {
    let mut all = Vec::new();
    let mut say = |count: &Count, one: &str| {
        for (number, verb) in [
            (count.added, "added"),
            (count.removed, "removed"),
            (count.changed, "changed"),
        ] {
            match number {
                0 => {}
                1 => all.push(format!("1 {one} {verb}")),
                _ => all.push(format!("{number} {one}s {verb}")),
            }
        }
    };
    say(&changes.tabs, "tab");
    say(&changes.nodes, "node");
    match all.is_empty() {
        true => "no flow".into(),
        false => all.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_in_words() {
        let count = |added, removed, changed| Count {
            added,
            removed,
            changed,
        };
        for (tabs, nodes, expected) in [
            (count(0, 0, 0), count(0, 0, 0), "no flow"),
            (
                count(1, 0, 0),
                count(12, 0, 1),
                "1 tab added, 12 nodes added, 1 node changed",
            ),
            (
                count(0, 2, 3),
                count(0, 1, 0),
                "2 tabs removed, 3 tabs changed, 1 node removed",
            ),
        ] {
            assert_eq!(words(&Changes { tabs, nodes }), expected);
        }
    }
}
