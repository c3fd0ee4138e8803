//! The API below `/api/v1` of both listeners: what the pages do, for programs. Every operation is declared with its
//! scope, its words and its types, and the description at `/api/v1/openapi.json` is made of those declarations.
//!
//! There are no cookies here, and so no forgery to guard against: a request is whose token it carries.

pub mod admin;
pub mod brands;
pub mod data;
pub mod endpoint;
pub mod flows;
mod gate;
pub mod history;
mod openapi;
pub mod problem;
pub mod reports;
pub mod reviews;
pub mod runs;
pub mod satellite_log;
pub mod schedules;
pub mod shapes;
pub mod templates;

pub use endpoint::{Call, Described, Given, Gives, Operation};
pub use openapi::document;
pub use problem::Problem;

pub(crate) use gate::{Gate, check};

use crate::auth::Site;
use crate::web::{Routes, Rule};
use axum::Json;

/// Where all of it is.
pub const ROOT: &str = "/api/v1";

/// Largest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// Every operation of a listener, and the description of all.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let site = routes.site();
    let describe = async || Json(document());
    let routes = routes.get("/api/v1/openapi.json", Rule::Anyone, describe);
    match site {
        Site::Forms => {
            let routes = reports::routes(routes);
            let routes = runs::routes(routes);
            let routes = history::routes(routes);
            let routes = data::routes(routes);
            let routes = schedules::routes(routes);
            let routes = reviews::routes(routes);
            templates::routes(routes)
        }
        Site::Admin => {
            let routes = brands::routes(admin::routes(routes));
            flows::routes(satellite_log::routes(routes))
        }
    }
}

/// True for addresses where problems are answered and no pages.
#[must_use]
pub fn is_below(path: &str) -> bool {
    path == ROOT || path.starts_with("/api/")
}

#[cfg(test)]
pub(crate) mod tests;
