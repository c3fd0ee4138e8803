//! The source for machines without Node.js: the same contract as the Node-RED flows, with rows of its own making.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Path as PathParameter, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get};
use bytes::Bytes;
use serde::Deserialize;
use spokegate_daemon::{Context, Secret, Tasks};
use subtle::ConstantTimeEq as _;

use crate::http::PlainClient;

mod rows;

/// After a push that the agent did not take.
const PUSH_AGAIN: Duration = Duration::from_secs(2);

/// A running source.
#[derive(Debug)]
pub(crate) struct BuiltIn {
    tasks: Tasks,
}

/// What one tenant's source needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Setup<'a> {
    /// Whose it is: rows hang on it.
    pub(crate) tenant: &'a str,
    /// Where to listen, on loopback.
    pub(crate) addr: SocketAddr,
    /// The file with the token that the agent shows.
    pub(crate) agent_token: &'a Path,
    /// The agent's push endpoint.
    pub(crate) push_url: &'a str,
    /// The file with the token to show there.
    pub(crate) push_token: &'a Path,
    /// How often backup jobs are pushed.
    pub(crate) push_every: Duration,
}

struct Source {
    tenant: String,
    started_ms: u64,
    token: Secret,
}

#[derive(Deserialize)]
struct Parameters {
    kind: Option<String>,
    only_missing: Option<bool>,
    limit: Option<u32>,
}

impl BuiltIn {
    /// Starts it.
    ///
    /// # Errors
    /// When the port or a token cannot be had.
    pub(crate) async fn start(setup: Setup<'_>, context: &Context) -> anyhow::Result<Self> {
        let token = Secret::read_file(setup.agent_token).context("read the agent's token")?;
        let push_token = Secret::read_file(setup.push_token).context("read the push token")?;
        let source = Arc::new(Source {
            tenant: setup.tenant.to_owned(),
            started_ms: context.clock.now_ms(),
            token,
        });
        let listener = tokio::net::TcpListener::bind(setup.addr)
            .await
            .context("bind the built-in source")?;
        let tasks = context.tasks.child();
        let stop = tasks.soft();
        let router = Router::new()
            .route("/spokegate/{dataset}", get(answer))
            .with_state(Arc::clone(&source));
        tasks.spawn("built-in source", async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move { stop.cancelled().await })
                .await
        });
        let (url, stop) = (format!("{}/backup-jobs", setup.push_url), tasks.soft());
        let every = setup.push_every;
        tasks.spawn("built-in pushes", async move {
            let _ = stop
                .run_until_cancelled(push(source, url, push_token, every))
                .await;
        });
        Ok(Self { tasks })
    }

    /// Stops it.
    pub(crate) async fn stop(&self) {
        self.tasks.abort().await;
    }
}

async fn answer(
    State(source): State<Arc<Source>>,
    PathParameter(dataset): PathParameter<String>,
    headers: HeaderMap,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if !source.admits(&headers) {
        return (
            StatusCode::UNAUTHORIZED,
            "for this segment's satellite agent only\n",
        )
            .into_response();
    }
    let Ok(Query(parameters)) = parameters else {
        return (
            StatusCode::BAD_REQUEST,
            "a parameter is not what the contract says\n",
        )
            .into_response();
    };
    match source.rows(&dataset, &parameters) {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        None => (StatusCode::NOT_FOUND, "no such dataset\n").into_response(),
    }
}

impl Source {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| bool::from(given.ct_eq(self.token.expose().as_bytes())))
    }

    fn rows(&self, dataset: &str, parameters: &Parameters) -> Option<String> {
        let rows = rows::Rows {
            tenant: &self.tenant,
            now_ms: self.started_ms,
            limit: parameters.limit,
        };
        match dataset {
            "devices" => Some(rows.devices(parameters.kind.as_deref())),
            "patch-status" => Some(rows.patch_status(parameters.only_missing.unwrap_or(false))),
            "backup-jobs" => Some(rows.backup_jobs()),
            _ => None,
        }
    }
}

async fn push(source: Arc<Source>, url: String, token: Secret, every: Duration) {
    let client = PlainClient::new();
    loop {
        let none = Parameters {
            kind: None,
            only_missing: None,
            limit: None,
        };
        let body = source.rows("backup-jobs", &none).unwrap_or_default();
        let taken = client
            .post_json(&url, token.expose(), Bytes::from(body))
            .await;
        let taken = taken.is_ok_and(|answer| answer.status == 202);
        tokio::time::sleep(if taken { every } else { PUSH_AGAIN }).await;
    }
}

#[cfg(test)]
mod tests;
