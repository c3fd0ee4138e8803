//! The operator's socket: who is connected, end sessions, drain. HTTP and JSON over a Unix socket that only its owner
//! may open; off unless configured.

mod client;
mod socket;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use spokegate_contract::{SatelliteId, TenantId};
use spokegate_daemon::Tasks;
use spokegate_daemon::audit::Event;

use crate::config::BrokerLimits;
use crate::policy::Session;
use crate::roster::{Dismissal, Guest, Roster, is_of};

pub(crate) use client::{Disconnect, Drain, Sessions, date};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 4_096;
/// How long sessions may take to leave after the last slice of a drain.
const LEAVE: Duration = Duration::from_secs(10);

/// What the socket serves from.
#[derive(Clone)]
pub(crate) struct Desk {
    roster: Arc<Roster>,
    tasks: Tasks,
    drain: Duration,
}

/// One line of `GET /v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// `satellite`, `sanitizer` or `open`.
    kind: String,
    tenant: Option<String>,
    satellite: Option<String>,
    principal: String,
    peer: String,
    since_ms: u64,
    /// Of the certificate: none on the open listener.
    serial: Option<String>,
    expires_ms: Option<u64>,
}

/// The answer to `GET /v1/sessions`.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    sessions: Vec<Line>,
}

/// The body of `POST /v1/disconnect`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    tenant: TenantId,
    #[serde(default)]
    satellite: Option<SatelliteId>,
}

/// The answer to `POST /v1/disconnect` and `POST /v1/drain`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    ended: usize,
    /// Sessions that did not leave in time.
    left: usize,
}

impl Desk {
    pub(crate) fn new(roster: Arc<Roster>, tasks: Tasks, limits: BrokerLimits) -> Self {
        Self {
            roster,
            tasks,
            drain: Duration::from_millis(limits.drain_ms),
        }
    }
}

/// Serves the socket at `path` until the broker stops.
pub(crate) fn bind(path: &Path, desk: Desk) -> anyhow::Result<()> {
    let socket = socket::bind(path)?;
    tracing::info!(path = %path.display(), "the admin socket listens");
    let tasks = desk.tasks.clone();
    let stopping = tasks.soft();
    let served = axum::serve(socket, router(desk)).with_graceful_shutdown(async move {
        stopping.cancelled().await;
    });
    let path = path.to_owned();
    tasks.spawn("admin socket", async move {
        let result = served.await;
        // Gone already when somebody cleaned up.
        let _ = std::fs::remove_file(path);
        result
    });
    Ok(())
}

fn router(desk: Desk) -> Router {
    Router::new()
        .route("/v1/sessions", get(sessions))
        .route("/v1/disconnect", post(disconnect))
        .route("/v1/drain", post(drain))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}

async fn sessions(State(desk): State<Desk>) -> Json<Listing> {
    let guests = desk.roster.guests();
    let sessions = guests.iter().map(|guest| Line::of(guest)).collect();
    Json(Listing { sessions })
}

async fn disconnect(State(desk): State<Desk>, whom: Result<Json<Whom>, JsonRejection>) -> Response {
    let Json(Whom { tenant, satellite }) = match whom {
        Ok(whom) => whom,
        Err(refused) => return (StatusCode::BAD_REQUEST, refused.body_text()).into_response(),
    };
    let ended = desk.roster.dismiss(Dismissal::Disconnected, |guest| {
        is_of(guest, &tenant, satellite.as_ref())
    });
    let mut event = Event::allowed("admin-socket").tenant(tenant.as_str());
    if let Some(satellite) = &satellite {
        event = event.satellite(satellite.as_str());
    }
    event.emit(&format!("an operator ended {ended} sessions"));
    Json(Done { ended, left: 0 }).into_response()
}

async fn drain(State(desk): State<Desk>) -> Json<Done> {
    let before = desk.roster.count();
    Event::allowed("admin-socket").emit("an operator drains the broker");
    desk.tasks.soft().cancel();
    // The answer says how many are left.
    let _ = tokio::time::timeout(desk.drain + LEAVE, desk.roster.at_most(0)).await;
    let left = desk.roster.count();
    Json(Done {
        ended: before.saturating_sub(left),
        left,
    })
}

impl Line {
    fn of(guest: &Guest) -> Self {
        let kind = match guest.session {
            Session::Satellite(_) => "satellite",
            Session::Sanitizer(_) => "sanitizer",
            Session::Open(_) => "open",
        };
        let presented = guest.presented.as_ref();
        Self {
            kind: kind.to_owned(),
            tenant: guest.session.tenant().map(ToString::to_string),
            satellite: guest.satellite().map(ToString::to_string),
            principal: guest.principal.clone(),
            peer: guest.peer.to_string(),
            since_ms: guest.since_ms,
            serial: presented.map(|presented| presented.serial().to_string()),
            expires_ms: presented.map(spokegate_identity::Presented::not_after_ms),
        }
    }
}
