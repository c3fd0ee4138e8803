//! What the door says to the outside.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use spokegate_contract::{RequestId, hex};

/// The one refusal; whatever was wrong, these are the bytes.
const NOT_ACCEPTED: &str = "{\"error\":\"not accepted\"}\n";
/// When someone who was not served may try again.
pub(super) const RETRY_S: u32 = 5;

/// How a request ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The centre issued a certificate.
    Issued {
        id: RequestId,
        certificate: Bytes,
        roots: Bytes,
        signature: Bytes,
    },
    /// Somebody has to approve it first.
    Pending { retry_s: u32 },
    /// Refused, for a reason that stays inside.
    NotAccepted(Reason),
    /// The address asks too often.
    TooMany,
    /// Nobody can answer now.
    Unavailable(Absent),
}

/// Why a request is refused: for audit and metrics alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// No JSON of the request's form, or its body did not come in time.
    Malformed,
    /// More than 8 KiB.
    TooLarge,
    /// The centre said no; why is in its audit.
    Centre,
    /// The centre's answer cannot be passed on.
    Unspeakable,
}

/// Why nobody can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// As many requests wait as may.
    Crowded,
    /// No sanitizer listens.
    Sanitizer,
    /// The centre did not answer in time.
    Late,
    /// The broker stops.
    Stopping,
}

impl Outcome {
    /// One word for audit and metrics.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Issued { .. } => "issued",
            Self::Pending { .. } => "pending",
            Self::NotAccepted(Reason::Malformed) => "malformed",
            Self::NotAccepted(Reason::TooLarge) => "too-large",
            Self::NotAccepted(Reason::Centre) => "refused",
            Self::NotAccepted(Reason::Unspeakable) => "answer-unreadable",
            Self::TooMany => "address-rate",
            Self::Unavailable(Absent::Crowded) => "crowded",
            Self::Unavailable(Absent::Sanitizer) => "no-sanitizer",
            Self::Unavailable(Absent::Late) => "late",
            Self::Unavailable(Absent::Stopping) => "stopping",
        }
    }

    /// Whether something was granted or may yet be.
    pub(super) fn is_allowed(&self) -> bool {
        matches!(self, Self::Issued { .. } | Self::Pending { .. })
    }

    fn parts(&self) -> (StatusCode, String) {
        match self {
            Self::Issued {
                id,
                certificate,
                roots,
                signature,
            } => {
                let Ok(roots) = std::str::from_utf8(roots) else {
                    return Self::NotAccepted(Reason::Unspeakable).parts();
                };
                let body = json!({
                    "certificate": STANDARD.encode(certificate),
                    "roots": roots,
                    "signature": hex::encode(signature),
                    "id": id.to_string(),
                });
                (StatusCode::OK, format!("{body}\n"))
            }
            Self::Pending { retry_s } => {
                let body = json!({ "retry_s": retry_s });
                (StatusCode::ACCEPTED, format!("{body}\n"))
            }
            Self::NotAccepted(_) => (StatusCode::FORBIDDEN, NOT_ACCEPTED.to_owned()),
            Self::TooMany => later(StatusCode::TOO_MANY_REQUESTS, "too many requests"),
            Self::Unavailable(_) => later(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

fn later(status: StatusCode, error: &str) -> (StatusCode, String) {
    let body = json!({ "error": error, "retry_s": RETRY_S });
    (status, format!("{body}\n"))
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let (status, body) = self.parts();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // One request each: the place is for the next one.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_the_same_bytes() {
        for reason in [
            Reason::Malformed,
            Reason::TooLarge,
            Reason::Centre,
            Reason::Unspeakable,
        ] {
            let outcome = Outcome::NotAccepted(reason);
            assert_eq!(
                outcome.parts(),
                (
                    StatusCode::FORBIDDEN,
                    "{\"error\":\"not accepted\"}\n".to_owned()
                )
            );
            assert!(!outcome.is_allowed());
        }
    }

    #[test]
    fn answers_have_the_documented_form() {
        let check = |outcome: Outcome, status: u16, body: &str| {
            let (got, text) = outcome.parts();
            assert_eq!((got.as_u16(), text.trim_end()), (status, body));
        };
        let issued = |roots: &'static [u8]| Outcome::Issued {
            id: RequestId::from_bytes([1; 16]),
            certificate: Bytes::from_static(b"\x30\x00"),
            roots: Bytes::from_static(roots),
            signature: Bytes::from_static(b"\x0a\xff"),
        };
        let id = "01".repeat(16);
        check(
            issued(b"PEM\n"),
            200,
            &format!(
                "{{\"certificate\":\"MAA=\",\"roots\":\"PEM\\n\",\"signature\":\"0aff\",\"id\":\"{id}\"}}"
            ),
        );
        check(issued(b"\xff"), 403, "{\"error\":\"not accepted\"}");
        check(Outcome::Pending { retry_s: 10 }, 202, "{\"retry_s\":10}");
        let busy = "{\"error\":\"unavailable\",\"retry_s\":5}";
        for absent in [
            Absent::Crowded,
            Absent::Sanitizer,
            Absent::Late,
            Absent::Stopping,
        ] {
            check(Outcome::Unavailable(absent), 503, busy);
        }
        check(
            Outcome::TooMany,
            429,
            "{\"error\":\"too many requests\",\"retry_s\":5}",
        );
    }
}
