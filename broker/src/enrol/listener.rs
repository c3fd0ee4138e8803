//! The two requests of the HTTPS listener, from their first byte to the answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::routing::post;
use spokegate_contract::Envelope;
use spokegate_contract::RequestId;
use spokegate_contract::envelope::Enrol;
use spokegate_daemon::audit::Event;

use super::Desk;
use super::answer::{Absent, Outcome, Reason};
use super::meters::DoorMeters;
use super::request::{self, Asked, BODY_BYTES_MAX, Malformed};
use super::waiting::Outgoing;
use crate::rate::Admission;

type Read = fn(&[u8]) -> Result<Asked, Malformed>;

/// `POST /v1/enrol` and `POST /v1/renew`.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let asked = |read: Read| {
        post(
            move |State(desk): State<Arc<Desk>>, ConnectInfo(peer), body: Body| async move {
                serve(&desk, peer, body, read).await
            },
        )
    };
    Router::new()
        .route("/v1/enrol", asked(request::join))
        .route("/v1/renew", asked(request::renew))
        .fallback(|| async { (StatusCode::NOT_FOUND, [(header::CONNECTION, "close")]) })
        .with_state(desk)
}

async fn serve(desk: &Arc<Desk>, peer: SocketAddr, body: Body, read: Read) -> Outcome {
    let started_ms = desk.clock.monotonic_ms();
    let (id, outcome) = match desk.admit(peer) {
        Admission::Permitted => ask(desk, peer, body, read).await,
        Admission::Refused => (None, Outcome::TooMany),
        Admission::RefusedAgain => {
            DoorMeters::answered(Outcome::TooMany.reason());
            return Outcome::TooMany;
        }
    };
    let lasted_ms = desk.clock.monotonic_ms().saturating_sub(started_ms);
    tell(id, &outcome, lasted_ms);
    outcome
}

async fn ask(
    desk: &Arc<Desk>,
    peer: SocketAddr,
    body: Body,
    read: Read,
) -> (Option<RequestId>, Outcome) {
    let refused = |reason| (None, Outcome::NotAccepted(reason));
    let body = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) if is_too_large(&error) => return refused(Reason::TooLarge),
        Err(_) => return refused(Reason::Malformed),
    };
    let Ok(asked) = read(&body) else {
        return refused(Reason::Malformed);
    };
    let id = asked.id;
    (Some(id), wait(desk, peer, asked).await)
}

/// Hands a request in and waits for the centre's answer.
async fn wait(desk: &Arc<Desk>, peer: SocketAddr, asked: Asked) -> Outcome {
    let envelope = Enrol {
        id: asked.id,
        csr: asked.csr,
        request: asked.request,
        peer: Some(peer.ip().to_canonical().to_string()),
    };
    let outgoing = Outgoing {
        id: envelope.id,
        payload: envelope.encode().into(),
    };
    let Some(mut ticket) = desk.waiting.enter(&outgoing) else {
        return Outcome::Unavailable(Absent::Crowded);
    };
    let answered = async {
        if desk.outbox.send(outgoing).await.is_err() {
            return Outcome::Unavailable(Absent::Stopping);
        }
        let answer = ticket.answer().await;
        answer.unwrap_or(Outcome::Unavailable(Absent::Stopping))
    };
    let limit = Duration::from_secs(desk.config.wait_s);
    tokio::select! {
        answered = tokio::time::timeout(limit, answered) => {
            answered.unwrap_or(Outcome::Unavailable(Absent::Late))
        }
        () = desk.soft.cancelled() => Outcome::Unavailable(Absent::Stopping),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// Counts an answer, and writes it to the audit with its reason.
fn tell(id: Option<RequestId>, outcome: &Outcome, lasted_ms: u64) {
    let reason = outcome.reason();
    DoorMeters::answered(reason);
    let id = id.map(|id| id.to_string());
    let mut event = match outcome.is_allowed() {
        true => Event::allowed(reason),
        false => Event::denied(reason),
    };
    if let Some(id) = &id {
        event = event.message_id(id);
    }
    event.duration_ms(lasted_ms).emit("enrolment answered");
}
