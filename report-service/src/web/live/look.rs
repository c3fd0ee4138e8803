//! Draws a page in the background, for somebody whose session was looked at already.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, Uri};
use tower::ServiceExt as _;

use crate::web::session::SignedIn;

/// Largest page that is followed, in bytes.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The pages of one listener that can be followed, without their guards.
#[derive(Clone)]
pub struct Pages(Router);

/// What a page shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    title: String,
    content: String,
}

impl Pages {
    pub(in crate::web) fn new(router: Router) -> Self {
        Self(router)
    }

    /// What the page shows to that person now; `None` when there is none or it cannot be drawn.
    pub(super) async fn draw(&self, address: &Uri, user: &SignedIn) -> Option<Shown> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = address.clone();
        request.extensions_mut().insert(user.clone());
        // A router fails never: whatever goes wrong has its page.
        let answer = self.0.clone().oneshot(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = to_bytes(answer.into_body(), PAGE_BYTES_MAX).await.ok()?;
        Shown::cut(std::str::from_utf8(&body).ok()?)
    }
}

impl Shown {
    /// Title and content out of a whole page.
    fn cut(html: &str) -> Option<Self> {
        let (_, rest) = html.split_once("<title>")?;
        let (title, rest) = rest.split_once("</title>")?;
        let (_, rest) = rest.split_once("<main ")?;
        let (_, rest) = rest.split_once('>')?;
        let (content, _) = rest.rsplit_once("</main>")?;
        Some(Self {
            title: title.to_owned(),
            content: content.to_owned(),
        })
    }

    /// The page's title, in HTML.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What stands in `<main>`.
    pub(super) fn content(&self) -> &str {
        &self.content
    }
}

/// An address of our own, without a host.
pub(super) fn own(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_own = text.starts_with('/') && !text.starts_with("//");
    is_own.then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_content_are_cut_out_of_a_page() {
        let page = "<html><title>A &amp; B</title><body><main id=\"content\" class=\"x\">\n<p>1</p></main><p></p></body>";
        let shown = Shown::cut(page).unwrap();
        assert_eq!(
            (shown.title(), shown.content()),
            ("A &amp; B", "\n<p>1</p>")
        );
        for page in ["", "<title>x</title>", "<main id=\"x\"></main>", "{}"] {
            assert_eq!(Shown::cut(page), None, "{page}");
        }
    }

    #[test]
    fn addresses_are_our_own() {
        for (text, expected) in [
            ("/", true),
            ("/runs?state=done", true),
            ("", false),
            ("runs", false),
            ("//other.test/", false),
            ("https://other.test/", false),
            ("/a b", false),
        ] {
            assert_eq!(own(text).is_some(), expected, "{text:?}");
        }
    }
}
