//! The local endpoint: `POST /v1/push/<dataset>`. It answers 202 once the message is on the disk.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;
use spokegate_contract::DatasetId;
use spokegate_daemon::Clock;
use spokegate_daemon::audit::Event;

use super::intake::{self, IntakeFault, PUSH_JSON_BYTES_MAX};
use crate::bindings::{Binding, Bindings, Missing, listed};
use crate::local::Guard;
use crate::spool::{NewMessage, Receipt, Spool, SpoolError};

/// What a request needs.
pub(crate) struct Endpoint {
    spool: Arc<Spool>,
    bindings: Arc<Bindings>,
    clock: Clock,
    guard: Guard,
}

impl Endpoint {
    pub(crate) fn new(
        spool: Arc<Spool>,
        bindings: Arc<Bindings>,
        clock: Clock,
        guard: Guard,
    ) -> Self {
        Self {
            spool,
            bindings,
            clock,
            guard,
        }
    }

    /// The endpoint's routes.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/v1/push/{dataset}", post(push))
            .fallback(|| async { Refusal::NoSuchPath })
            .method_not_allowed_fallback(|| async { Refusal::Method })
            .with_state(Arc::new(self))
    }

    fn find(&self, dataset: &str, query: &str) -> Result<(DatasetId, &Binding), Refusal> {
        let unknown = || {
            let known: Vec<&str> = self.bindings.datasets().map(DatasetId::as_str).collect();
            Refusal::Dataset {
                known: known.join(", "),
            }
        };
        let version = asked_version(query)?;
        let id: DatasetId = dataset.parse().map_err(|_| unknown())?;
        let binding = self
            .bindings
            .find(&id, version)
            .map_err(|missing| match missing {
                Missing::Dataset => unknown(),
                Missing::Version(bound) => Refusal::Version {
                    bound: listed(&bound),
                },
                Missing::Unsaid(bound) => Refusal::Unsaid {
                    bound: listed(&bound),
                },
            })?;
        if binding.pushable {
            Ok((id, binding))
        } else {
            let version = binding.version;
            Err(Refusal::PullOnly {
                dataset: id,
                version,
            })
        }
    }

    async fn take(
        &self,
        headers: &HeaderMap,
        (dataset, query): (&str, &str),
        body: Body,
    ) -> Result<Receipt, Refusal> {
        // First who asks, then for what: a stranger learns no dataset and makes us read nothing.
        if !self.guard.admits(headers) {
            Event::denied("push-token").emit("a push was refused");
            return Err(Refusal::Token);
        }
        let (dataset, binding) = self.find(dataset, query)?;
        let json = axum::body::to_bytes(body, PUSH_JSON_BYTES_MAX)
            .await
            .map_err(|_| Refusal::JsonTooLong)?;
        let body = intake::encode(&json, binding.shape).map_err(Refusal::Body)?;
        let captured_at_ms = self.clock.now_ms();
        let message = NewMessage {
            dataset,
            version: binding.version,
            shape: binding.shape,
            captured_at_ms,
            body,
        };
        self.spool.append(&message).await.map_err(Refusal::Spool)
    }
}

async fn push(
    State(endpoint): State<Arc<Endpoint>>,
    Path(dataset): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let asked = (dataset.as_str(), query.as_deref().unwrap_or_default());
    let taken = endpoint.take(&headers, asked, body).await;
    let outcome = taken.as_ref().err().map_or("stored", Refusal::class);
    metrics::counter!("spokegate_agent_pushes_total", "outcome" => outcome).increment(1);
    match taken {
        Ok(Receipt { epoch, sequence }) => {
            let receipt = json!({ "epoch": epoch, "sequence": sequence });
            (StatusCode::ACCEPTED, axum::Json(receipt)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// The version that a query names: nothing, or `version=N`.
fn asked_version(query: &str) -> Result<Option<u16>, Refusal> {
    if query.is_empty() {
        return Ok(None);
    }
    let version = query.strip_prefix("version=");
    let version = version.and_then(|text| text.parse().ok());
    version.map(Some).ok_or(Refusal::Query)
}

/// Why a request is refused, for whoever wrote the flow.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(
        "the token is missing or wrong; hint: send the header Authorization: Bearer <token> with the agent's push token"
    )]
    Token,
    #[error(
        "there is no such dataset here; allowed are: {known}; hint: add a [[source]] for it to the agent's configuration"
    )]
    Dataset { known: String },
    #[error(
        "the dataset is not bound in this version here; allowed are: {bound}; hint: name one of them as ?version=N, or add a [[source]] to the agent's configuration"
    )]
    Version { bound: String },
    #[error(
        "the dataset is bound in several versions here: {bound}; hint: name the one that you send, as ?version=N"
    )]
    Unsaid { bound: String },
    #[error(
        "the query is not understood; allowed is ?version=N, with the major version that you send"
    )]
    Query,
    #[error(
        "{dataset} v{version} is never pushed, the centre asks for it; hint: answer at the source's url in place of sending, or push a dataset whose contract has \"push\" among its kinds"
    )]
    PullOnly { dataset: DatasetId, version: u16 },
    #[error(
        "the body did not arrive whole or has more than {PUSH_JSON_BYTES_MAX} bytes of JSON; hint: push it in parts"
    )]
    JsonTooLong,
    #[error("{0}")]
    Body(IntakeFault),
    #[error("{0}")]
    Spool(SpoolError),
    #[error("there is nothing at this path; hint: POST to /v1/push/<dataset>")]
    NoSuchPath,
    #[error("this method is not served; hint: POST to /v1/push/<dataset>")]
    Method,
}

impl Refusal {
    fn class(&self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Dataset { .. }
            | Self::Version { .. }
            | Self::Unsaid { .. }
            | Self::Query
            | Self::PullOnly { .. }
            | Self::NoSuchPath
            | Self::Method => "refused",
            Self::JsonTooLong => "too-large",
            Self::Body(fault) if fault.is_too_large() => "too-large",
            Self::Body(_) => "invalid",
            Self::Spool(SpoolError::Full { .. }) => "spool-full",
            Self::Spool(SpoolError::DiskFull { .. }) => "disk-full",
            Self::Spool(_) => "storage",
        }
    }

    fn status(&self) -> StatusCode {
        match self.class() {
            "token" => StatusCode::UNAUTHORIZED,
            "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
            "invalid" => StatusCode::BAD_REQUEST,
            "spool-full" | "disk-full" | "storage" => StatusCode::INSUFFICIENT_STORAGE,
            _ => match self {
                Self::Method => StatusCode::METHOD_NOT_ALLOWED,
                Self::PullOnly { .. } => StatusCode::FORBIDDEN,
                Self::Unsaid { .. } | Self::Query => StatusCode::BAD_REQUEST,
                _ => StatusCode::NOT_FOUND,
            },
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Spool(full @ SpoolError::Full { .. }) => {
                format!(
                    "{full}; nothing was stored; hint: is the broker reachable? try again later"
                )
            }
            Self::Spool(full @ SpoolError::DiskFull { .. }) => {
                tracing::error!(error = %full, "a push could not be stored");
                format!(
                    "{full}; nothing was stored; hint: make room on that disk, then send it again"
                )
            }
            Self::Spool(error) => {
                tracing::error!(error = %error, source = ?std::error::Error::source(error), "a push could not be stored");
                "the message could not be stored; hint: look at the agent's log, then send it again"
                    .to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({ "error": { "class": self.class(), "detail": self.detail() } });
        (self.status(), axum::Json(error)).into_response()
    }
}

#[cfg(test)]
mod tests;
