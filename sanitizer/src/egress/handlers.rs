//! The requests of the second hop.

use super::auth::{self, Caller};
use super::shared::Shared;
use crate::link::{CallVerb, Holder, Outcome};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use spokegate_contract::record::{
    BOOT_HEADER, ErrorBody, ErrorDetail, NO_SESSION_STATUS, PullBody, VERSION_HEADER,
};
use spokegate_contract::{FailureClass, TenantId};
use std::sync::Arc;
use std::time::Duration;

/// Largest request body.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Largest body of admissions: as many as a call may have, with certificates and roots at their limits.
const ADMISSIONS_BYTES_MAX: usize = 1_536 * 1024;
/// Largest body of commands: as many parts of parcels as a call may have, as base64.
const COMMANDS_BYTES_MAX: usize = 1_280 * 1024;
/// Longest poll.
const WAIT_MS_MAX: u32 = 25_000;
/// Most records of one answer.
const RECORDS_MAX: u32 = 4_096;
/// Most bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How long a call may take inside.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// Quarantine records of one answer when no limit is given.
const QUARANTINE_LIMIT: usize = 100;

/// All routes, by whose they are; which lanes a pull may read is its own question.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let reports = Router::new()
        .route("/v1/requests", post(requests))
        .route("/v1/acks", post(acks))
        .route("/v1/quarantine", get(quarantine))
        .route("/v1/status", get(status))
        .route_layer(from_fn_with_state(Arc::clone(&shared), auth::only_reports));
    let provisioner = Router::new()
        .route(
            "/v1/admissions",
            post(admissions).layer(DefaultBodyLimit::max(ADMISSIONS_BYTES_MAX)),
        )
        .route(
            "/v1/commands",
            post(commands).layer(DefaultBodyLimit::max(COMMANDS_BYTES_MAX)),
        )
        .route("/v1/crl", put(crl))
        .route_layer(from_fn_with_state(
            Arc::clone(&shared),
            auth::only_the_provisioner,
        ));
    Router::new()
        .route("/v1/pull", post(pull))
        .route("/v1/leases", post(leases))
        .merge(reports)
        .merge(provisioner)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&shared), auth::identify))
        .with_state(shared)
}

async fn pull(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let mut asked: PullBody = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => {
            return refuse(
                400,
                FailureClass::Refused,
                format!("the pull is malformed: {error}"),
            );
        }
    };
    if !caller.may_read(asked.lane) {
        return auth::refuse(&shared, "foreign-lane");
    }
    if asked.max == 0 || asked.wait_ms > WAIT_MS_MAX {
        let detail = format!("max is 1 or more and wait_ms at most {WAIT_MS_MAX}");
        return refuse(400, FailureClass::Refused, detail);
    }
    asked.max = asked.max.min(RECORDS_MAX);
    asked.max_bytes = asked.max_bytes.min(ANSWER_BYTES_MAX);
    let wait = Duration::from_millis(u64::from(asked.wait_ms));
    let lines = tokio::time::timeout(wait, shared.pull(&asked))
        .await
        .unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (
            HeaderName::from_static(BOOT_HEADER),
            shared.boot_of(asked.lane),
        ),
        (
            HeaderName::from_static(VERSION_HEADER),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
    ];
    (headers, Body::from(lines)).into_response()
}

/// Both services lease, each what is its own.
async fn leases(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response {
    let holder = match caller {
        Caller::Reports => Holder::Reports,
        Caller::Provisioner => Holder::Provisioner,
    };
    call(&shared, CallVerb::Leases(holder), &body).await
}

async fn requests(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    call(&shared, CallVerb::Requests, &body).await
}

async fn acks(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    call(&shared, CallVerb::Acks, &body).await
}

async fn admissions(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    call(&shared, CallVerb::Admissions, &body).await
}

async fn commands(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    call(&shared, CallVerb::Commands, &body).await
}

async fn crl(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    call(&shared, CallVerb::Crl, &body).await
}

async fn call(shared: &Shared, verb: CallVerb, body: &[u8]) -> Response {
    let Some((call, outcome)) = shared.call(verb, body) else {
        return refuse(
            503,
            FailureClass::Refused,
            "too many calls wait; try again".to_owned(),
        );
    };
    match tokio::time::timeout(CALL_LIMIT, outcome).await {
        Ok(Ok((
            Outcome {
                status,
                class: None,
                ..
            },
            answer,
        ))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            if answer.is_empty() {
                return status.into_response();
            }
            let headers = [(header::CONTENT_TYPE, "application/json")];
            (status, headers, answer).into_response()
        }
        Ok(Ok((
            Outcome {
                status,
                class: Some(class),
                detail,
                ..
            },
            _,
        ))) => refuse(status, class, detail),
        _ => {
            shared.give_up(call);
            // Another sanitizer may take a request, or this one in a moment.
            let status = match verb {
                CallVerb::Requests => NO_SESSION_STATUS,
                _ => 503,
            };
            refuse(
                status,
                FailureClass::Offline,
                "the sanitizer's first hop does not answer".to_owned(),
            )
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuarantineQuery {
    tenant: Option<String>,
    limit: Option<usize>,
}

async fn quarantine(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<QuarantineQuery>,
) -> Response {
    let tenant = match query
        .tenant
        .filter(|tenant| !tenant.is_empty())
        .map(TenantId::try_from)
        .transpose()
    {
        Ok(tenant) => tenant,
        Err(error) => return refuse(400, FailureClass::Refused, format!("tenant: {error}")),
    };
    let records = shared.refused(tenant.as_ref(), query.limit.unwrap_or(QUARANTINE_LIMIT));
    let mut body = b"{\"quarantine\":[".to_vec();
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(record);
    }
    body.extend_from_slice(b"]}");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let (inside, depths) = shared.status();
    let mut status: Value = serde_json::from_slice(&inside).unwrap_or_else(|_| json!({}));
    if let Some(members) = status.as_object_mut() {
        members.insert("boot".to_owned(), json!(shared.boot));
        members.insert("lanes".to_owned(), json!(depths));
    }
    (
        [(header::CONTENT_TYPE, "application/json")],
        status.to_string(),
    )
        .into_response()
}

fn refuse(status: u16, class: FailureClass, detail: String) -> Response {
    let body = ErrorBody {
        error: ErrorDetail { class, detail },
    };
    let text = serde_json::to_string(&body).expect("plain data is always written");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
