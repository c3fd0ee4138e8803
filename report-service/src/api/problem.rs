//! What a program reads when something went wrong: problem details (RFC 9457) that say what, where, what is allowed and
//! what to do next. Never an error chain.

use crate::auth::tokens::TokenRefused;
use crate::forms::FormFaults;
use crate::web::PageError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

/// The media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What to do about a thing that is not there.
const NEXT_MISSING: &str =
    "List what this token may see, and compare the id; what is not for the token looks the same.";
/// What to do about a request that is not possible.
const NEXT_REFUSED: &str = "Compare what was sent with the description at /api/v1/openapi.json.";

/// A problem, to be answered with.
#[derive(Clone, Debug)]
pub struct Problem(Box<Details>);

/// Problem details (RFC 9457).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Details {
    /// Which problem, as a name that stays: `urn:spokegate:problem:wrong-scope`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same in a few words.
    pub title: String,
    /// The answer's status.
    pub status: u16,
    /// What happened, in a sentence.
    pub detail: String,
    /// Where: the member of the body, the parameter of the address, or the header.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub place: String,
    /// What is allowed there.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub allowed: String,
    /// What to do next.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub next: String,
    /// The number that joins this answer to the service's log.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub number: String,
    /// Every fault of what was sent, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub faults: Vec<Fault>,
    #[serde(skip)]
    #[schemars(skip)]
    headers: Vec<(header::HeaderName, String)>,
}

/// One fault of what was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fault {
    /// The member of the body.
    #[serde(rename = "where")]
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl Problem {
    /// A problem of this status and name.
    #[must_use]
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: format!("urn:spokegate:problem:{kind}"),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            place: String::new(),
            allowed: String::new(),
            next: String::new(),
            number: String::new(),
            faults: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// 422: it was understood, and is not possible so.
    #[must_use]
    pub fn refused(place: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-possible", detail).at(place)
    }

    /// 409: not as things stand.
    #[must_use]
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "not-now", detail)
    }

    /// 404: no such thing, or not for this token; the two look the same.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail).next(NEXT_MISSING)
    }

    /// What a page says; where it says that something is not possible, with the member, what is allowed, and the next
    /// step.
    #[must_use]
    pub(crate) fn of_page(
        page: PageError,
        (place, allowed, next): (&str, impl Into<String>, &str),
    ) -> Self {
        let is_refused = page.status() == StatusCode::BAD_REQUEST;
        let problem = Self::from(page);
        if is_refused {
            return problem.at(place).allowed(allowed).next(next);
        }
        problem
    }

    /// With where it is.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        place.clone_into(&mut self.0.place);
        self
    }

    /// With what is allowed there.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<String>) -> Self {
        self.0.allowed = allowed.into();
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.0.next = next.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub(crate) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Every fault of a body, each with its member.
    #[must_use]
    pub fn faulty(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [one] => one.what.clone(),
            many => format!("{} things are wrong with what was sent.", many.len()),
        };
        let place = match faults.as_slice() {
            [one] => one.place.clone(),
            _ => "body".into(),
        };
        let mut problem = Self::refused(&place, detail);
        problem.0.faults = faults;
        problem
    }

    /// The faults of a form, with the names of its fields as the API has them.
    #[must_use]
    pub fn of_form(faults: &FormFaults, name: impl Fn(&str) -> String) -> Self {
        let fault = |(field, what): (&str, &str)| Fault {
            place: name(field),
            what: what.to_owned(),
        };
        Self::faulty(faults.iter().map(fault).collect())
    }

    fn unauthorized(kind: &str, detail: &str, next: &str) -> Self {
        let challenge = match kind {
            "no-token" => "Bearer realm=\"spokegate\"".to_owned(),
            _ => format!(
                "Bearer realm=\"spokegate\", error=\"invalid_token\", error_description=\"{kind}\""
            ),
        };
        Self::new(StatusCode::UNAUTHORIZED, kind, detail)
            .at("header Authorization")
            .allowed("Bearer and a token that begins with sgt_")
            .next(next)
            .header(header::WWW_AUTHENTICATE, challenge)
    }

    fn wait(kind: &str, detail: &str, seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, kind, detail)
            .next(format!("Try again in {seconds} s."))
            .header(header::RETRY_AFTER, seconds.to_string())
    }

    /// Why a token does not let in, for an operation that asks for this scope.
    #[must_use]
    pub(crate) fn of_token(refused: TokenRefused, scope: &str, has: &[String]) -> Self {
        const NEW: &str = "Make a new token on the page \"Your API tokens\", or ask an administrator for a service token.";
        match refused {
            TokenRefused::Missing => {
                Self::unauthorized("no-token", "This needs a token, and none was sent.", NEW)
            }
            TokenRefused::Unknown => {
                Self::unauthorized("unknown-token", "There is no such token.", NEW)
            }
            TokenRefused::Expired => Self::unauthorized("expired", "This token has expired.", NEW),
            TokenRefused::Revoked => Self::unauthorized("revoked", "This token was revoked.", NEW),
            TokenRefused::PersonLost(_) => Self::unauthorized(
                "person-lost",
                "The person of this token may no longer use the service, so the token was revoked.",
                "Ask your administrator.",
            ),
            TokenRefused::WrongScope => {
                let challenge = format!(
                    "Bearer realm=\"spokegate\", error=\"insufficient_scope\", scope=\"{scope}\""
                );
                let detail = format!("This needs the scope {scope}, which this token lacks.");
                Self::new(StatusCode::FORBIDDEN, "wrong-scope", detail)
                    .at("header Authorization")
                    .allowed(format!("scopes of this token: {}", has.join(", ")))
                    .next(format!("Make a token with the scope {scope}."))
                    .header(header::WWW_AUTHENTICATE, challenge)
            }
            TokenRefused::Throttled { seconds } => Self::wait(
                "too-many-unknown-tokens",
                "There is no such token, and too many such requests came from this address.",
                seconds,
            ),
            TokenRefused::TooFast { seconds } => Self::wait(
                "too-fast",
                "Too many requests came with this token.",
                seconds,
            ),
            TokenRefused::Unconfirmed => PageError::unavailable(
                "The company directory does not answer, so the person of this token cannot be confirmed.",
            )
            .into(),
            TokenRefused::Store(error) => PageError::from(error).into(),
        }
    }
}

impl From<PageError> for Problem {
    fn from(page: PageError) -> Self {
        let kind = match page.status() {
            StatusCode::TOO_MANY_REQUESTS => "too-fast",
            _ if page.retry_after_s().is_some() => "too-many-runs",
            StatusCode::NOT_FOUND => "not-found",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::BAD_REQUEST => "not-possible",
            StatusCode::PAYLOAD_TOO_LARGE => "too-large",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "internal",
        };
        // Hints of pages speak of buttons; where they help a program, they are kept.
        let next = match page.status() {
            StatusCode::NOT_FOUND => NEXT_MISSING,
            StatusCode::BAD_REQUEST => NEXT_REFUSED,
            _ => page.hint(),
        };
        let mut problem = Self::new(page.status(), kind, page.sentence()).next(next);
        if let Some(seconds) = page.retry_after_s() {
            problem = problem.header(header::RETRY_AFTER, seconds.to_string());
        }
        page.correlation().clone_into(&mut problem.0.number);
        problem
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        PageError::from(error).into()
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        PageError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.0.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = std::mem::take(&mut self.0.headers);
        let mut answer = (status, Json(self.0)).into_response();
        let kept = answer.headers_mut();
        kept.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                kept.insert(name, value);
            }
        }
        answer
    }
}
