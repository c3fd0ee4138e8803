//! Versions of what the customers' Node-RED keep.

use super::endpoint::{Asked, Call, File, Found, Media, Operation, add};
use super::problem::Problem;
use super::shapes::at;
use crate::auth::scope::Scope;
use crate::flows::Count;
use crate::store::flows::FlowVersion;
use crate::web::Routes;
use crate::web::admin_flows::{Part, address, file};
use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `/flows` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary, details| Operation {
        id,
        summary,
        details,
        scope: Scope::AdminRead,
    };
    let routes = add(
        routes,
        (Method::GET, "/api/v1/flows"),
        about(
            "listFlows",
            "List the newest version of each satellite's flows, or all of one's",
            "With `tenant` and `satellite` all versions of that one, the newest first. A service token sees those of its customers.",
        ),
        list,
    );
    add(
        routes,
        (
            Method::GET,
            "/api/v1/flows/{tenant}/{satellite}/{number}/file",
        ),
        about(
            "getFlows",
            "Fetch a version of a satellite's flows",
            "As Node-RED imports it; with `part=all` the library, the modules and which nodes have credentials as well. Credentials are never among it.",
        ),
        fetch,
    )
}

/// Of whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlowsFilter {
    /// Of this customer alone.
    pub tenant: Option<String>,
    /// Of this satellite of it, and all versions.
    pub satellite: Option<String>,
}

/// Versions of flows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FlowsList {
    /// By satellite; of one satellite, the newest first.
    pub versions: Vec<FlowsShape>,
}

/// A version of a satellite's flows.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Flows")]
pub struct FlowsShape {
    /// `tenant/satellite`.
    pub address: String,
    /// Its number, from 1.
    pub number: u64,
    /// SHA-256 of what it holds.
    pub sha256: String,
    /// When the satellite's agent took it.
    pub taken_at: Option<String>,
    /// When it came in.
    pub received_at: Option<String>,
    /// Its size.
    pub size_bytes: u64,
    /// Tabs and subflows.
    pub tabs: u64,
    /// All other nodes.
    pub nodes: u64,
    /// Entries of the library.
    pub entries: u64,
    /// Nodes with credentials, which stay in the segment.
    pub credentialed: u64,
    /// Tabs and subflows against the version before.
    pub tabs_changes: CountShape,
    /// Other nodes against the version before.
    pub nodes_changes: CountShape,
}

/// How many.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FlowsCount")]
pub struct CountShape {
    /// That the version before does not have.
    pub added: u64,
    /// That only the version before has.
    pub removed: u64,
    /// That both have, and not alike.
    pub changed: u64,
}

impl From<Count> for CountShape {
    fn from(count: Count) -> Self {
        Self {
            added: count.added,
            removed: count.removed,
            changed: count.changed,
        }
    }
}

impl From<FlowVersion> for FlowsShape {
    fn from(version: FlowVersion) -> Self {
        Self {
            address: version.address.to_string(),
            number: version.number,
            sha256: version.snapshot,
            taken_at: at(version.taken_at_ms),
            received_at: at(version.received_at_ms),
            size_bytes: version.size_bytes,
            tabs: version.tabs,
            nodes: version.nodes,
            entries: version.entries,
            credentialed: version.credentialed,
            tabs_changes: version.changes.tabs.into(),
            nodes_changes: version.changes.nodes.into(),
        }
    }
}

async fn list(call: Call, Asked(asked): Asked<FlowsFilter>) -> Result<Found<FlowsList>, Problem> {
    let rights = call.user.rights(&call.state);
    let none = || Problem::not_found("There is no such customer.").at("tenant");
    let tenant = match &asked.tenant {
        Some(tenant) => {
            let tenant = tenant.parse().ok();
            Some(
                tenant
                    .filter(|tenant| rights.sees(tenant))
                    .ok_or_else(none)?,
            )
        }
        None => None,
    };
    let store = &call.state.store;
    let mut versions = match (&asked.tenant, &asked.satellite) {
        (Some(tenant), Some(satellite)) => {
            let address = address(&call.state, &call.user, tenant, satellite)?;
            store.flow_versions(&address).await?
        }
        (None, Some(_)) => {
            let detail = "A satellite is named with its customer.";
            return Err(Problem::refused("tenant", detail).next("Ask with ?tenant= as well."));
        }
        (_, None) => store.flows_latest(tenant.as_ref()).await?,
    };
    versions.retain(|version| rights.sees(&version.address.tenant));
    Ok(Found(FlowsList {
        versions: versions.into_iter().map(FlowsShape::from).collect(),
    }))
}

/// JSON as a file.
pub struct FlowsFile;

impl Media for FlowsFile {
    const TYPES: &'static [&'static str] = &["application/json"];
}

/// Which part of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FlowsPart {
    /// `flows` alone, or `all`.
    pub part: Part,
}

async fn fetch(call: Call, Asked(asked): Asked<FlowsPart>) -> Result<File<FlowsFile>, Problem> {
    let (tenant, satellite) = (call.param("tenant"), call.param("satellite"));
    let address = address(&call.state, &call.user, tenant, satellite)?;
    let none = || Problem::not_found("There is no such version of flows.");
    let number: u64 = call.param("number").parse().map_err(|_| none())?;
    let answer = file(&call.state, &call.user, (&address, number), asked.part).await?;
    Ok(File::of(answer))
}
