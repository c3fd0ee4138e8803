//! What a person sees when something went wrong: a sentence, a next step and a number to quote. Never an error chain.

use std::net::IpAddr;
use std::sync::Arc;

use super::layout::Page;
use super::session::{SignedIn, cookie_value};
use crate::auth::Site;
use crate::auth::session::Activity;
use crate::state::AppState;
use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use spokegate_contract::hex;

/// When a full queue is worth another try.
const FULL_RETRY_S: u16 = 60;

/// An error page.
#[derive(Debug)]
pub struct PageError {
    status: StatusCode,
    title: &'static str,
    sentence: String,
    hint: String,
    correlation: String,
    location: Option<String>,
    retry_after_s: Option<u16>,
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

    /// 503: as many runs wait for their turn as may.
    #[must_use]
    pub fn full() -> Self {
        Self {
            retry_after_s: Some(FULL_RETRY_S),
            ..Self::unavailable("Too many reports are waiting already.")
        }
    }

    /// 429: so many in a short time are not done; again after so long.
    #[must_use]
    pub fn too_often(sentence: impl Into<String>, seconds: u64) -> Self {
        let hint = "Wait a little, and try again.";
        Self {
            retry_after_s: Some(u16::try_from(seconds).unwrap_or(u16::MAX)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Too often", sentence, hint)
        }
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

    /// After how long it may be tried again, where that is known.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u16> {
        self.retry_after_s
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
            retry_after_s: None,
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
        let status = self.status;
        let mut answer = (status, body).into_response();
        if let Some(seconds) = self.retry_after_s {
            let headers = answer.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        answer.extensions_mut().insert(Bare(Arc::new(self)));
        answer
    }
}

/// An error page in an answer that has no site's frame yet.
#[derive(Clone)]
struct Bare(Arc<PageError>);

/// Where error pages are shown.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) state: AppState,
    pub(super) site: Site,
}

/// The middleware around every answer: an error page has the frame of its site, with the navigation of whoever is signed in.
pub(super) async fn framed(State(place): State<Place>, request: Request, next: Next) -> Response {
    let token = cookie_value(request.headers(), place.site.cookie()).unwrap_or_default();
    let address = super::guard::address(request.extensions());
    let answer = next.run(request).await;
    let mut answer = match unread(&answer) {
        Some(error) => error.into_response(),
        None => answer,
    };
    let Some(Bare(error)) = answer.extensions_mut().remove::<Bare>() else {
        return answer;
    };
    let page = place.page(error.title, &token, address).await;
    let html = ErrorPage {
        page,
        error: &error,
    }
    .render();
    match html {
        Ok(html) => {
            let (mut parts, _) = answer.into_parts();
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(html))
        }
        Err(_) => answer,
    }
}

/// The page for what an extractor refused: it answers a line of plain text, which no page of ours is.
fn unread(answer: &Response) -> Option<PageError> {
    let status = answer.status();
    let kind = answer.headers().get(header::CONTENT_TYPE)?;
    if !status.is_client_error() || !kind.as_bytes().starts_with(b"text/plain") {
        return None;
    }
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Some(PageError::too_large("That is more than this page takes."));
    }
    let sentence = "The address or the form holds something that cannot be read.";
    Some(PageError {
        status,
        ..PageError::bad_request(sentence)
    })
}

impl Place {
    async fn page(&self, title: &'static str, token: &str, address: IpAddr) -> Page {
        let Self { state, site } = self;
        // An error is told without a brand too, and without a session.
        let brand = state.store.brand().await.unwrap_or_default();
        match state
            .sessions
            .check(token, *site, Activity::Background)
            .await
        {
            Ok(session) => {
                let user = SignedIn::admitted(session, token, address);
                let manages = user.rights(state).manages_templates();
                Page::new(title, "", &user.managing(manages).branded(brand))
            }
            Err(_) => Page {
                site: Some(*site),
                brand,
                ..Page::bare(title)
            },
        }
    }
}

fn correlation() -> String {
    let mut bytes = [0_u8; 6];
    // Without randomness the page is shown all the same, with a number that is not unique.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(&bytes)
}
