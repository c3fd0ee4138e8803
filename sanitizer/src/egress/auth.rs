//! Who may ask: the centre's certificate, and no other.

use super::shared::Shared;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use spokegate_daemon::audit::Event;
use spokegate_daemon::http::PeerCertificate;
use spokegate_identity::{Principal, ServiceName};
use std::sync::Arc;

/// Lets the report service through.
pub(super) async fn only_the_centre(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let principal = match request.extensions().get::<PeerCertificate>() {
        Some(certificate) => Principal::from_certificate(&certificate.0, &shared.trust_domain)
            .map_err(|error| error.reason()),
        None => Err("no-certificate"),
    };
    let reason = match principal {
        Ok(Principal::Service(ServiceName::ReportService)) => return next.run(request).await,
        Ok(_) => "not-the-centre",
        Err(reason) => reason,
    };
    shared.count("refused_clients");
    Event::denied(reason).emit("a client of the second hop was refused");
    (StatusCode::FORBIDDEN, "this certificate may not ask here\n").into_response()
}
