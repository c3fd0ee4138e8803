//! The second hop's three addresses, and what stands behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;
use spokegate_contract::record::{AckBody, BOOT_HEADER, Lane, PullBody, RequestBody};
use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Shared {
    pub(super) state: Mutex<Inside>,
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct Inside {
    pub(super) boot: u64,
    pub(super) lanes: BTreeMap<Lane, Queue>,
    pub(super) requests: Vec<RequestBody>,
    pub(super) acks: Vec<AckBody>,
    pub(super) refusal: Option<(u16, Value)>,
    pub(super) polls: u64,
    /// Lanes that have polled under the present boot.
    pub(super) settled: BTreeSet<Lane>,
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) last: u64,
    pub(super) acked: u64,
    pub(super) lines: Vec<(u64, String)>,
    pub(super) history: Vec<(u64, String)>,
    /// Given out at the next poll, whatever was acknowledged.
    pub(super) again: Vec<(u64, String)>,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/pull", post(pull))
        .route("/v1/requests", post(requests))
        .route("/v1/acks", post(acks))
        .with_state(shared)
}

impl Inside {
    fn boot(&self) -> String {
        format!("{:032x}", self.boot + 1)
    }

    fn take(&mut self, body: &PullBody) -> Option<Response> {
        let boot = self.boot();
        let queue = self.lanes.entry(body.lane).or_default();
        let same = body.boot == boot;
        if same {
            self.settled.insert(body.lane);
            queue.acked = body.ack;
            queue.lines.retain(|(cursor, _)| *cursor > body.ack);
        }
        if queue.lines.is_empty() && queue.again.is_empty() && body.wait_ms > 0 {
            return None;
        }
        let lines = std::mem::take(&mut queue.again)
            .into_iter()
            .chain(queue.lines.clone());
        let text: String = lines.map(|(_, line)| line).collect();
        Some(([(BOOT_HEADER, boot)], text).into_response())
    }
}

async fn pull(State(shared): State<Arc<Shared>>, Json(mut body): Json<PullBody>) -> Response {
    let boot = {
        let mut inside = shared.state.lock().unwrap();
        inside.polls += 1;
        inside.boot()
    };
    let waited = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = shared.look(&boot, &body) {
                return answer;
            }
            changed.await;
        }
    };
    let wait = Duration::from_millis(body.wait_ms.into());
    let answer = tokio::time::timeout(wait, waited).await;
    body.wait_ms = 0;
    let answer = answer.ok().or_else(|| shared.look(&boot, &body));
    shared.changed.notify_waiters();
    answer.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

impl Shared {
    /// What a poll gets, if anything; one of an earlier boot is cut off.
    fn look(&self, boot: &str, body: &PullBody) -> Option<Response> {
        let mut inside = self.state.lock().unwrap();
        if inside.boot() != boot {
            return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let before = (
            inside.settled.len(),
            inside.lanes.get(&body.lane).map(|queue| queue.acked),
        );
        let taken = inside.take(body);
        let after = (
            inside.settled.len(),
            inside.lanes.get(&body.lane).map(|queue| queue.acked),
        );
        drop(inside);
        if before != after {
            self.changed.notify_waiters();
        }
        taken
    }
}

async fn requests(State(shared): State<Arc<Shared>>, Json(body): Json<RequestBody>) -> Response {
    let mut inside = shared.state.lock().unwrap();
    if let Some((status, refusal)) = &inside.refusal {
        return (
            StatusCode::from_u16(*status).unwrap(),
            Json(refusal.clone()),
        )
            .into_response();
    }
    inside.requests.push(body);
    drop(inside);
    shared.changed.notify_waiters();
    StatusCode::ACCEPTED.into_response()
}

async fn acks(State(shared): State<Arc<Shared>>, Json(body): Json<AckBody>) -> StatusCode {
    shared.state.lock().unwrap().acks.push(body);
    shared.changed.notify_waiters();
    StatusCode::NO_CONTENT
}
