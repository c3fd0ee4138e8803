//! The pages: two listeners, one router each, built from tables in which every route names its rule.

use crate::api::{self, Problem};
use crate::auth::Site;
use crate::state::AppState;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

pub mod admin_audit;
pub mod admin_branding;
pub mod admin_customers;
pub mod admin_datasets;
pub mod admin_explain;
pub mod admin_flows;
pub mod admin_health;
pub mod admin_home;
pub mod admin_quarantine;
pub mod admin_runs;
pub mod admin_satellite_log;
pub mod admin_satellites;
pub mod admin_schedules;
pub mod admin_second_factors;
pub mod admin_secrets;
pub mod admin_sessions;
pub mod admin_sources;
pub mod admin_throttle;
pub mod admin_tokens;
pub mod assets;
pub mod batches;
pub mod break_glass;
pub mod confirm;
pub mod downloads;
pub mod errors;
pub mod guard;
pub mod layout;
pub mod live;
pub mod login;
pub(crate) mod multipart;
pub mod options;
mod params;
pub(crate) mod pieces;
pub mod previews;
pub mod reports;
pub mod reviews;
pub mod routes;
pub mod runs;
pub mod schedules;
pub mod second_factor;
pub mod security_headers;
pub mod session;
pub mod templates;
pub mod uploads;
pub mod your_sessions;
pub mod your_tokens;

pub use errors::PageError;
pub use layout::{Page, render};
pub use routes::{Routes, Rule};
pub use session::{AdminUser, FormsUser, Visitor};

/// Largest form body accepted, in bytes.
pub const FORM_BYTES_MAX: usize = 256 * 1024;

/// Every route of the forms listener.
#[must_use]
pub fn forms_routes() -> Routes {
    let routes = Routes::new(Site::Forms);
    let routes = assets::routes(routes);
    let routes = login::routes(routes);
    let routes = second_factor::routes(routes);
    let routes = confirm::routes(routes);
    let routes = your_sessions::routes(routes);
    let routes = your_tokens::routes(routes);
    let routes = reports::routes(routes);
    let routes = runs::routes(routes);
    let routes = batches::routes(routes);
    let routes = schedules::routes(routes);
    let routes = reviews::routes(routes);
    let routes = templates::routes(routes);
    let routes = admin_branding::files(routes);
    let routes = previews::routes(routes);
    let routes = options::routes(routes);
    let routes = live::routes(routes);
    let routes = downloads::routes(routes);
    crate::api::routes(routes)
}

/// Every route of the admin listener.
#[must_use]
pub fn admin_routes() -> Routes {
    let routes = Routes::new(Site::Admin);
    let routes = assets::routes(routes);
    let routes = login::routes(routes);
    let routes = second_factor::routes(routes);
    let routes = confirm::routes(routes);
    let routes = your_sessions::routes(routes);
    let routes = your_tokens::routes(routes);
    let routes = admin_home::routes(routes);
    let routes = admin_health::routes(routes);
    let routes = admin_sessions::routes(routes);
    let routes = admin_throttle::routes(routes);
    let routes = admin_second_factors::routes(routes);
    let routes = break_glass::routes(routes);
    let routes = admin_explain::routes(routes);
    let routes = admin_customers::routes(routes);
    let routes = admin_datasets::routes(routes);
    let routes = admin_runs::routes(routes);
    let routes = admin_schedules::routes(routes);
    let routes = admin_satellites::routes(routes);
    let routes = admin_satellite_log::routes(routes);
    let routes = admin_flows::routes(routes);
    let routes = admin_quarantine::routes(routes);
    let routes = templates::routes(routes);
    let routes = admin_branding::files(routes);
    let routes = admin_branding::routes(routes);
    let routes = admin_sources::routes(routes);
    let routes = admin_secrets::routes(routes);
    let routes = live::routes(routes);
    let routes = admin_tokens::routes(routes);
    let routes = admin_audit::routes(routes);
    crate::api::routes(routes)
}

/// The service of one listener: its routes, with what holds for every answer around them.
pub fn router(routes: Routes, state: AppState) -> Router {
    let place = errors::Place {
        state: state.clone(),
        site: routes.site(),
    };
    routes
        .into_router(state)
        .fallback(async |uri: Uri| match api::is_below(uri.path()) {
            true => Problem::not_found("There is no operation at this address.")
                .next("GET /api/v1/openapi.json lists all; those of administrators are on their own listener.")
                .into_response(),
            false => PageError::not_found("There is no page at this address.").into_response(),
        })
        .method_not_allowed_fallback(async |uri: Uri| {
            let sentence = "This address does not take that kind of request.";
            match api::is_below(uri.path()) {
                true => {
                    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", sentence).into_response()
                }
                false => PageError::not_found(sentence).into_response(),
            }
        })
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(place, errors::framed))
        .layer(axum::middleware::map_response(security_headers::add))
}

#[cfg(test)]
mod tests;
