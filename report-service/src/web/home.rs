//! The first page of the forms listener.

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::FormsUser;
use askama::Template;
use axum::response::Response;

/// `/`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/", Rule::Forms, show)
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    page: Page,
}

async fn show(user: FormsUser) -> Result<Response, PageError> {
    render(&HomePage { page: Page::new("Reports", "reports", &user) })
}
