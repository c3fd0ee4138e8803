use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response as Answered};
use axum::routing::post;
use hyper::body::Frame;
use serde_json::json;
use spokegate_contract::{FailureClass, cbor};
use spokegate_daemon::Tasks;
use spokegate_daemon::http::{HttpLimits, Server};

use super::*;

const TOKEN: &str = "agent-token-of-some-length";

/// Datasets of the nodes below, and what the centre reads about each.
const FAULTS: [(&str, FailureClass, &str); 9] = [
    (
        "unknown-dataset",
        FailureClass::Refused,
        "no dataset request node answers for it; hint: deploy one with this dataset and version",
    ),
    (
        "too-many",
        FailureClass::Refused,
        "it is busy with other requests; ask again later",
    ),
    (
        "timeout",
        FailureClass::Timeout,
        "its flow did not answer in time; hint: let every path of the flow reach a dataset reply, or raise the source's timeout_ms",
    ),
    (
        "flow-error",
        FailureClass::SourceError,
        "its flow ended with an error; hint: look at the nodes' status and at Node-RED's log",
    ),
    (
        "of-another-day",
        FailureClass::SourceError,
        "its flow ended with an error; hint: look at the nodes' status and at Node-RED's log",
    ),
    (
        "late-error",
        FailureClass::SourceError,
        "its flow ended with an error; hint: look at the nodes' status and at Node-RED's log",
    ),
    (
        "late-timeout",
        FailureClass::Timeout,
        "its flow did not answer in time; hint: let every path of the flow reach a dataset reply, or raise the source's timeout_ms",
    ),
    (
        "no-palette",
        FailureClass::SourceError,
        "there is no Spokegate palette (status 404); hint: install node-red-contrib-spokegate there, or correct the source's url, which is Node-RED's httpNodeRoot",
    ),
    (
        "long-problem",
        FailureClass::SourceError,
        "it answered with status 500 Internal Server Error; hint: look at the flow's log",
    ),
];

#[tokio::test]
async fn the_parameters_go_as_json_and_rows_come_back() {
    let nodes = Nodes::start().await;
    let rows = nodes.ask("echo", json!({"kind": "server"})).await.unwrap();
    let asked = json!({
        "params": {"kind": "server"}, "token": format!("Bearer {TOKEN}"), "shape": "rows", "timeout": "700",
    });
    let mut expected = Vec::new();
    cbor::from_json(&asked, &mut expected).unwrap();
    assert_eq!(rows, [expected]);
}

#[tokio::test]
async fn every_problem_is_told_by_its_type_alone() {
    let nodes = Nodes::start().await;
    for (dataset, class, sentence) in FAULTS {
        let expected = format!(
            "the local source http://{}/root/spokegate/palette/v1/pull/{dataset}/2 failed: {sentence}",
            nodes.0.addr()
        );
        let failure = nodes.ask(dataset, json!({})).await.unwrap_err();
        assert_eq!((failure.class, failure.detail), (class, expected));
    }
}

struct Nodes(Server);

impl Nodes {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let path = "/root/spokegate/palette/v1/pull/{dataset}/2";
        let router = Router::new().route(path, post(pull));
        let tasks = Tasks::new();
        let limits = HttpLimits::default();
        Self(spokegate_daemon::http::serve(listener, router, limits, &tasks).unwrap())
    }

    async fn ask(&self, dataset: &str, params: Value) -> Result<Vec<Vec<u8>>, Failure> {
        let addr: SocketAddr = self.0.addr();
        let node = Node {
            dataset: dataset.parse().unwrap(),
            version: 2,
            shape: Shape::Rows,
            timeout: Duration::from_millis(700),
        };
        let root: Url = format!("http://{addr}/root/").parse().unwrap();
        let source =
            NodeRedSource::new(HttpClient::new(), root, &Secret::new(TOKEN), &node).unwrap();
        let params = params.as_object().unwrap().clone();
        let mut answer = source.ask(&params).await?;
        let mut rows = Vec::new();
        while let Some(batch) = answer.next().await? {
            rows.extend(batch.rows().map(<[u8]>::to_vec));
        }
        Ok(rows)
    }
}

async fn pull(Path(dataset): Path<String>, headers: HeaderMap, params: String) -> Answered {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    match dataset.as_str() {
        "echo" => axum::Json(json!([{
            "params": serde_json::from_str::<Value>(&params).unwrap(), "token": text("authorization"),
            "shape": text("spokegate-shape"), "timeout": text("spokegate-timeout-ms"),
        }]))
        .into_response(),
        "late-error" => late("flow-error"),
        "late-timeout" => late("timeout"),
        "no-palette" => StatusCode::NOT_FOUND.into_response(),
        "long-problem" => problem("timeout", &"x".repeat(PROBLEM_BYTES_MAX)),
        known => problem(known, "MAIL_PASSWORD is hunter2"),
    }
}

fn problem(kind: &str, detail: &str) -> Answered {
    let body = json!({"type": kind, "title": "It failed", "detail": detail}).to_string();
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::INTERNAL_SERVER_ERROR, kind, body).into_response()
}

/// A row, and then what went wrong.
fn late(kind: &'static str) -> Answered {
    let mut trailers = HeaderMap::new();
    trailers.insert("spokegate-problem", HeaderValue::from_static(kind));
    let frames = [
        Frame::data(Bytes::from_static(b"[{\"a\":1}")),
        Frame::trailers(trailers),
    ];
    let frames = frames.map(Ok::<_, std::convert::Infallible>);
    let body = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::TRAILER, "spokegate-problem"),
    ];
    (head, Body::new(body)).into_response()
}
