//! The keeper's part of the local API: a socket beside the spool, in a folder that is the agent's own. Who may stop Node-RED is
//! who may read that folder, and no flow with the push token.
//!
//! | route | what |
//! |---|---|
//! | `GET /v1/node-red` | how it is |
//! | `POST /v1/node-red/start`, `stop`, `restart` | answers once it is carried out |
//! | `GET /v1/node-red/logs?tail=N&follow=true` | the last N lines, and with `follow` those to come |

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::book::{Book, Viewer};
use super::{Asked, KeeperState, Order};

/// Viewers of lines at a time.
const VIEWERS_MAX: usize = 16;
/// Lines that one may ask for.
const TAIL_MAX: u64 = 100_000;
/// How long an order may take.
const ORDER_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct KeeperSocket {
    pub(super) place: PathBuf,
    pub(super) state: KeeperState,
    pub(super) book: Book,
    pub(super) orders: mpsc::Sender<Asked>,
    pub(super) soft: CancellationToken,
}

struct Routes {
    state: KeeperState,
    book: Book,
    orders: mpsc::Sender<Asked>,
    viewers: Arc<Semaphore>,
    soft: CancellationToken,
}

impl KeeperSocket {
    /// Serves until the soft token is cancelled. Node-RED is kept all the same where it cannot.
    pub(super) async fn run(self) {
        // The spool is this process's alone, so a socket that is there belongs to one that has ended.
        let _ = std::fs::remove_file(&self.place);
        let listener = match UnixListener::bind(&self.place) {
            Ok(listener) => listener,
            Err(error) => {
                return tracing::warn!(%error, socket = %self.place.display(), "`spokegate-agent logs` will have no answer");
            }
        };
        let soft = self.soft.clone();
        let routes = Routes {
            state: self.state,
            book: self.book,
            orders: self.orders,
            viewers: Arc::new(Semaphore::new(VIEWERS_MAX)),
            soft: soft.clone(),
        };
        let router = Router::new()
            .route("/v1/node-red", get(status))
            .route("/v1/node-red/logs", get(logs))
            .route("/v1/node-red/{order}", post(order))
            .with_state(Arc::new(routes));
        let serving = axum::serve(listener, router).into_future();
        let _ = soft.run_until_cancelled(serving).await;
        let _ = std::fs::remove_file(&self.place);
    }
}

async fn status(State(routes): State<Arc<Routes>>) -> Response {
    axum::Json(routes.state.now()).into_response()
}

async fn order(State(routes): State<Arc<Routes>>, Path(word): Path<String>) -> Response {
    let order = match word.as_str() {
        "start" => Order::Start,
        "stop" => Order::Stop,
        "restart" => Order::Restart,
        _ => return refused(StatusCode::NOT_FOUND, "allowed are start, stop and restart"),
    };
    let (done, carried_out) = oneshot::channel();
    if routes.orders.try_send((order, done)).is_err() {
        let busy = "other orders are under way; hint: try again in a moment";
        return refused(StatusCode::SERVICE_UNAVAILABLE, busy);
    }
    match tokio::time::timeout(ORDER_LIMIT, carried_out).await {
        Ok(Ok(())) => axum::Json(routes.state.now()).into_response(),
        Ok(Err(_)) => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "it ended before it answered, or the agent stops; hint: spokegate-agent logs",
        ),
        Err(_) => {
            let late = "it is not carried out yet; hint: spokegate-agent status";
            refused(StatusCode::GATEWAY_TIMEOUT, late)
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    tail: u64,
    #[serde(default)]
    follow: bool,
}

async fn logs(
    State(routes): State<Arc<Routes>>,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(wanted)) = wanted else {
        return refused(StatusCode::BAD_REQUEST, "allowed is ?tail=N&follow=true");
    };
    let Ok(place) = Arc::clone(&routes.viewers).try_acquire_owned() else {
        let many = format!("{VIEWERS_MAX} viewers are there already; hint: end one of them");
        return refused(StatusCode::SERVICE_UNAVAILABLE, &many);
    };
    let showing = Showing {
        viewer: routes.book.viewer(wanted.tail.min(TAIL_MAX)),
        follow: wanted.follow,
        soft: routes.soft.clone(),
        _place: place,
    };
    let texts = futures_util::stream::unfold(showing, |mut showing| async move {
        let text = showing.next().await?;
        Some((Ok::<_, std::convert::Infallible>(text), showing))
    });
    Body::from_stream(texts).into_response()
}

/// One viewer.
struct Showing {
    viewer: Viewer,
    follow: bool,
    soft: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Showing {
    async fn next(&mut self) -> Option<String> {
        match self.follow {
            false => self.viewer.read(),
            true => self.soft.run_until_cancelled(self.viewer.wait()).await?,
        }
    }
}

fn refused(status: StatusCode, detail: &str) -> Response {
    (status, axum::Json(json!({ "error": { "detail": detail } }))).into_response()
}
