//! Who may ask what: two services of the centre, by their certificates, and each its own.

use super::shared::Shared;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use spokegate_contract::record::Lane;
use spokegate_daemon::audit::Event;
use spokegate_daemon::http::PeerCertificate;
use spokegate_identity::{Principal, ServiceName};
use std::sync::Arc;

/// A service of the centre. Only [`identify`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Reads data and asks for it.
    Reports,
    /// Reads who asks for a certificate, and answers.
    Provisioner,
}

impl Caller {
    fn of(principal: &Principal) -> Option<Caller> {
        match principal {
            Principal::Service(ServiceName::ReportService) => Some(Caller::Reports),
            Principal::Service(ServiceName::Provisioner) => Some(Caller::Provisioner),
            Principal::Service(ServiceName::Sanitizer) | Principal::Satellite(_) => None,
        }
    }

    /// Whether this lane is the caller's.
    pub(super) fn may_read(self, lane: Lane) -> bool {
        let whose = match lane {
            Lane::Enrol | Lane::Result => Caller::Provisioner,
            Lane::Reply | Lane::Push | Lane::Status | Lane::Quarantine | Lane::Audit => {
                Caller::Reports
            }
        };
        self == whose
    }
}

/// Lets the two services through, and says to the rest which it is.
pub(super) async fn identify(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match request.extensions().get::<PeerCertificate>() {
        Some(certificate) => Principal::from_certificate(&certificate.0, &shared.trust_domain)
            .map_err(|error| error.reason())
            .and_then(|principal| Caller::of(&principal).ok_or("not-the-centre")),
        None => Err("no-certificate"),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(reason) => refuse(&shared, reason),
    }
}

/// For what is the report service's.
pub(super) async fn only_reports(
    state: State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    only(
        Caller::Reports,
        "not-the-report-service",
        state,
        request,
        next,
    )
    .await
}

/// For what is the provisioner's.
pub(super) async fn only_the_provisioner(
    state: State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    only(
        Caller::Provisioner,
        "not-the-provisioner",
        state,
        request,
        next,
    )
    .await
}

async fn only(
    whose: Caller,
    reason: &'static str,
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<Caller>() == Some(&whose) {
        next.run(request).await
    } else {
        refuse(&shared, reason)
    }
}

/// Refuses and audits; also for a lane that is not the caller's.
pub(super) fn refuse(shared: &Shared, reason: &'static str) -> Response {
    shared.count("refused_clients");
    Event::denied(reason).emit("a client of the second hop was refused");
    (StatusCode::FORBIDDEN, "this certificate may not ask here\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_one_reader_and_satellites_have_none() {
        let office = [Lane::Enrol, Lane::Result];
        for lane in Lane::ALL {
            let readers =
                [Caller::Reports, Caller::Provisioner].map(|caller| caller.may_read(lane));
            assert_eq!(
                readers,
                [!office.contains(&lane), office.contains(&lane)],
                "{lane:?}"
            );
        }
        let domain = "spokegate.local".parse().unwrap();
        for (path, expected) in [
            ("service/report-service", Some(Caller::Reports)),
            ("service/provisioner", Some(Caller::Provisioner)),
            ("service/sanitizer", None),
            ("tenant/acme/satellite/hq", None),
            ("tenant/acme/satellite/provisioner", None),
        ] {
            let id = format!("spiffe://spokegate.local/{path}");
            let principal = Principal::from_spiffe_id(&id, &domain).unwrap();
            assert_eq!(Caller::of(&principal), expected, "{path}");
        }
    }
}
