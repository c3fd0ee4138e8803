//! Why a local request is refused, for whoever wrote the flow.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::contracts::{CHECK_MEMORY_BYTES_MAX, CHECK_S_MAX};
use crate::push::intake::PUSH_JSON_BYTES_MAX;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LocalFault {
    #[error(
        "the token is missing or wrong; hint: send the header Authorization: Bearer <token> with the agent's push token"
    )]
    Token,
    #[error("{detail}; hint: GET /v1/datasets lists what there is")]
    Dataset { detail: String },
    #[error(
        "this machine has no contracts, so nothing can be checked here; hint: name their folder as `schemas` in the agent's configuration"
    )]
    NoContracts,
    #[error("the query is not understood; allowed is ?kind=pull or ?kind=push")]
    Query,
    #[error(
        "the body did not arrive whole or has more than {PUSH_JSON_BYTES_MAX} bytes of JSON; hint: check some of the rows"
    )]
    JsonTooLong,
    #[error("other checks are under way; hint: try again in a moment")]
    Busy,
    #[error(
        "the check needed more than {CHECK_S_MAX} s or {} MiB; hint: check fewer rows",
        CHECK_MEMORY_BYTES_MAX >> 20
    )]
    Costly,
    #[error("the contracts cannot be read; hint: look at the agent's log")]
    Contracts,
    #[error("the spool cannot be read; hint: look at the agent's log")]
    Spool,
    #[error(
        "the agent holds no secret of this name; hint: have the MSP set it with `spokegate secret set`, or start Node-RED with it in its environment"
    )]
    NoSecret,
}

impl LocalFault {
    fn class(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Token => ("token", StatusCode::UNAUTHORIZED),
            Self::Dataset { .. } => ("refused", StatusCode::NOT_FOUND),
            Self::NoContracts => ("no-contracts", StatusCode::NOT_FOUND),
            Self::Query => ("refused", StatusCode::BAD_REQUEST),
            Self::JsonTooLong | Self::Costly => ("too-large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::Contracts | Self::Spool => ("storage", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NoSecret => ("no-secret", StatusCode::NOT_FOUND),
        }
    }
}

impl IntoResponse for LocalFault {
    fn into_response(self) -> Response {
        let (class, status) = self.class();
        let error = json!({ "error": { "class": class, "detail": self.to_string() } });
        (status, axum::Json(error)).into_response()
    }
}
