//! The agent's local API: what flows on this machine may ask beside their pushes. Loopback, one token for all of it.

mod contracts;
mod fault;
mod guard;
mod verdict;
mod worker;

pub(crate) use guard::Guard;
pub(crate) use worker::ContractWorker;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use spokegate_contract::{Address, DatasetId, Kind};
use spokegate_daemon::audit::Event;

use self::contracts::Contracts;
use self::fault::LocalFault;
use crate::bindings::{Binding, Bindings};
use crate::push::intake::PUSH_JSON_BYTES_MAX;
use crate::secrets::Secrets;
use crate::spool::Spool;
use crate::uplink::Uplink;

/// What the routes need.
pub(crate) struct Local {
    guard: Guard,
    address: Address,
    bindings: Arc<Bindings>,
    spool: Arc<Spool>,
    secrets: Arc<Secrets>,
    uplink: Uplink,
    contracts: Option<Contracts>,
}

/// What a [`Local`] is made of.
pub(crate) struct LocalParts {
    pub(crate) guard: Guard,
    pub(crate) address: Address,
    pub(crate) bindings: Arc<Bindings>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) uplink: Uplink,
    pub(crate) schemas: Option<PathBuf>,
}

impl Local {
    pub(crate) fn new(parts: LocalParts) -> Self {
        let LocalParts {
            guard,
            address,
            bindings,
            spool,
            secrets,
            uplink,
            schemas,
        } = parts;
        Self {
            guard,
            address,
            bindings,
            spool,
            secrets,
            uplink,
            contracts: schemas.map(Contracts::new),
        }
    }

    /// Adds its routes to those of the push endpoint.
    pub(crate) fn beside(self, pushes: Router) -> Router {
        let routes = Router::new()
            .route("/v1/datasets", get(datasets))
            .route("/v1/check/{dataset}/{version}", post(check))
            .route("/v1/status", get(status))
            .route("/v1/secrets", get(secrets))
            .route("/v1/secrets/{name}", get(secret))
            .with_state(Arc::new(self));
        pushes.merge(routes)
    }

    /// First who asks, then for what.
    fn admit(&self, headers: &HeaderMap) -> Result<(), LocalFault> {
        if self.guard.admits(headers) {
            return Ok(());
        }
        Event::denied("push-token").emit("a local request was refused");
        Err(LocalFault::Token)
    }

    async fn datasets(&self, headers: &HeaderMap) -> Result<Value, LocalFault> {
        self.admit(headers)?;
        let listed = match &self.contracts {
            Some(contracts) => contracts.list().await?,
            None => Vec::new(),
        };
        let bare = self.bindings.iter().filter(|(id, binding)| {
            !listed
                .iter()
                .any(|known| known.is(id.as_str(), binding.version))
        });
        let bare: Vec<Value> = bare
            .map(|(id, binding)| without_contract(id, binding))
            .collect();
        let with_contract = listed.iter().map(|contract| {
            let mut entry = contract.to_json();
            let bound = self
                .bindings
                .iter()
                .find(|(id, binding)| contract.is(id.as_str(), binding.version));
            entry["bound"] = bound.is_some().into();
            entry["pulled"] = bound
                .is_some_and(|(_, binding)| binding.source.is_some())
                .into();
            entry
        });
        let datasets: Vec<Value> = with_contract.chain(bare).collect();
        Ok(json!({ "contracts": self.contracts.is_some(), "datasets": datasets }))
    }

    async fn check(
        &self,
        headers: &HeaderMap,
        (dataset, version): (&str, &str),
        query: &str,
        body: Body,
    ) -> Result<Value, LocalFault> {
        self.admit(headers)?;
        let kind = asked_kind(query)?;
        let contracts = self.contracts.as_ref().ok_or(LocalFault::NoContracts)?;
        let unknown = || LocalFault::Dataset {
            detail: format!("there is no contract {dataset:.64} v{version:.8} here"),
        };
        let dataset: DatasetId = dataset.parse().map_err(|_| unknown())?;
        let version: u16 = version.parse().map_err(|_| unknown())?;
        let json = axum::body::to_bytes(body, PUSH_JSON_BYTES_MAX)
            .await
            .map_err(|_| LocalFault::JsonTooLong)?;
        contracts.check(&dataset, version, kind, json).await
    }

    async fn status(&self, headers: &HeaderMap) -> Result<Value, LocalFault> {
        self.admit(headers)?;
        let marks = self.spool.marks().await.map_err(|error| {
            tracing::error!(%error, "the spool cannot be read");
            LocalFault::Spool
        })?;
        Ok(json!({
            "satellite": self.address.to_string(),
            "agent_version": crate::update::version(),
            "link": self.uplink.current().is_some(),
            "contracts": self.contracts.is_some(),
            "spool": {
                "messages": marks.messages,
                "bytes": marks.bytes,
                "last_sequence": marks.last_sequence,
                "acked_sequence": marks.acked_sequence,
            },
        }))
    }

    /// Every secret, for Node-RED as it starts.
    fn secrets(&self, headers: &HeaderMap) -> Result<Value, LocalFault> {
        self.admit(headers)?;
        let all = self.secrets.all();
        let all: serde_json::Map<String, Value> = all
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_str().into()))
            .collect();
        Ok(json!({ "secrets": all }))
    }

    fn secret(&self, headers: &HeaderMap, name: &str) -> Result<Value, LocalFault> {
        self.admit(headers)?;
        let name = name.parse().map_err(|_| LocalFault::NoSecret)?;
        let value = self.secrets.get(&name).ok_or(LocalFault::NoSecret)?;
        Ok(json!({ "name": name, "value": value.as_str() }))
    }
}

fn without_contract(id: &DatasetId, binding: &Binding) -> Value {
    let pulled = binding.source.is_some();
    let directions = [("pull", pulled), ("push", binding.pushable)];
    let directions: Vec<&str> = directions
        .iter()
        .filter_map(|(name, holds)| holds.then_some(*name))
        .collect();
    json!({
        "dataset": id, "version": binding.version, "title": id, "shape": binding.shape.as_str(),
        "directions": directions, "bound": true, "pulled": pulled,
    })
}

/// Which way the data are to go: nothing, `kind=pull` or `kind=push`.
fn asked_kind(query: &str) -> Result<Option<Kind>, LocalFault> {
    match query {
        "" => Ok(None),
        "kind=pull" => Ok(Some(Kind::Pull)),
        "kind=push" => Ok(Some(Kind::Push)),
        _ => Err(LocalFault::Query),
    }
}

fn respond(result: Result<Value, LocalFault>) -> Response {
    match result {
        Ok(value) => axum::Json(value).into_response(),
        Err(fault) => fault.into_response(),
    }
}

async fn datasets(State(local): State<Arc<Local>>, headers: HeaderMap) -> Response {
    respond(local.datasets(&headers).await)
}

async fn check(
    State(local): State<Arc<Local>>,
    Path((dataset, version)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let query = query.unwrap_or_default();
    respond(
        local
            .check(&headers, (&dataset, &version), &query, body)
            .await,
    )
}

async fn status(State(local): State<Arc<Local>>, headers: HeaderMap) -> Response {
    respond(local.status(&headers).await)
}

async fn secrets(State(local): State<Arc<Local>>, headers: HeaderMap) -> Response {
    respond(local.secrets(&headers))
}

async fn secret(
    State(local): State<Arc<Local>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(local.secret(&headers, &name))
}

#[cfg(test)]
mod tests;
