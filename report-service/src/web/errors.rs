//! What a person sees when something went wrong: a sentence, a next step and a number to quote. Never an error chain.

use super::layout::Page;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use spokegate_contract::hex;

/// An error page.
#[derive(Debug)]
pub struct PageError {
    status: StatusCode,
    title: &'static str,
    sentence: String,
    hint: String,
    correlation: String,
    location: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    page: Page,
    error: &'a PageError,
}

impl PageError {
    /// 404: no such thing, or not for this person; the two look the same.
    #[must_use]
    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Not found",
            sentence,
            "Go back, or start again from the first page.",
        )
    }

    /// 403: the person is known and may not.
    #[must_use]
    pub fn forbidden(sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "No access", sentence, hint)
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(sentence: impl Into<String>) -> Self {
        let hint = "Go back, reload the page and try again.";
        Self::new(StatusCode::BAD_REQUEST, "That did not work", sentence, hint)
    }

    /// 413: more than is taken.
    #[must_use]
    pub fn too_large(sentence: impl Into<String>) -> Self {
        let hint = "Make it smaller, or ask your administrator to raise the limit.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", sentence, hint)
    }

    /// 503: a part that is needed does not answer.
    #[must_use]
    pub fn unavailable(sentence: impl Into<String>) -> Self {
        let hint = "Try again in a few minutes. If it lasts, tell your administrator.";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not available just now",
            sentence,
            hint,
        )
    }

    /// 303: something else comes first, at that address of ours.
    #[must_use]
    pub fn first(location: impl Into<String>) -> Self {
        let page = Self::new(
            StatusCode::SEE_OTHER,
            "One step before",
            "Something else comes first.",
            "",
        );
        Self {
            location: Some(location.into()),
            ..page
        }
    }

    /// 500: our fault. The chain goes to the log under the number that the page shows.
    #[must_use]
    pub fn internal(error: &anyhow::Error) -> Self {
        let page = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            "The service could not finish this request.",
            "Try again. If it happens again, give the number below to your administrator.",
        );
        tracing::error!(
            correlation = page.correlation,
            error = format!("{error:#}"),
            "a request failed"
        );
        page
    }

    /// The answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The page's heading.
    #[must_use]
    pub fn title(&self) -> &str {
        self.title
    }

    /// What happened.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// The number that joins the page to the log.
    #[must_use]
    pub fn correlation(&self) -> &str {
        &self.correlation
    }

    fn new(
        status: StatusCode,
        title: &'static str,
        sentence: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (sentence, hint) = (sentence.into(), hint.into());
        Self {
            status,
            title,
            sentence,
            hint,
            correlation: correlation(),
            location: None,
        }
    }
}

impl From<anyhow::Error> for PageError {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<sqlx::Error> for PageError {
    fn from(error: sqlx::Error) -> Self {
        Self::internal(&anyhow::Error::new(error).context("use the store"))
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if let Some(location) = &self.location {
            return Redirect::to(location).into_response();
        }
        tracing::debug!(
            correlation = self.correlation,
            status = self.status.as_u16(),
            "an error page was shown"
        );
        let body = ErrorPage {
            page: Page::bare(self.title),
            error: &self,
        }
        .render();
        // The template is compiled in; should it still fail, the sentence alone is shown.
        let body = body.map_or_else(
            |_| self.sentence.clone().into_response(),
            |html| Html(html).into_response(),
        );
        (self.status, body).into_response()
    }
}

fn correlation() -> String {
    let mut bytes = [0_u8; 6];
    // Without randomness the page is shown all the same, with a number that is not unique.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(&bytes)
}
