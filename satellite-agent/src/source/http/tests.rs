use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use serde_json::json;
use spokegate_contract::{FailureClass, cbor};
use spokegate_daemon::Tasks;
use spokegate_daemon::http::{HttpLimits, Server};

use super::*;

const JSON: (header::HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

/// Paths of the flows below, and what a person reads about each.
const FAULTS: [(&str, &str); 17] = [
    (
        "/html",
        "it answered with HTML instead of JSON; hint: the url must lead to an http-in node, not to a page",
    ),
    (
        "/html-typed-json",
        "it answered with HTML instead of JSON; hint: the url must lead to an http-in node, not to a page",
    ),
    (
        "/nothing-here",
        "there is no such flow (status 404); hint: deploy the flow, or correct the source's url",
    ),
    (
        "/token",
        "it refused the agent's token with status 401; hint: the flow and the source's token_file must hold the same token",
    ),
    (
        "/redirect",
        "it answered with a redirect (status 303), which is never followed; hint: correct the source's url",
    ),
    (
        "/broken",
        "it answered with status 500 Internal Server Error; hint: look at the flow's log",
    ),
    (
        "/starting",
        "it answered with status 503 Service Unavailable; hint: look at the flow's log",
    ),
    (
        "/text",
        "it answered with the type text/plain, not application/json; hint: send msg.payload as an object or set the header",
    ),
    (
        "/object",
        "the answer is no table: it is an object, not an array of rows",
    ),
    (
        "/numbers",
        "the answer is no table: row 1 is a number, not an object",
    ),
    ("/empty", "the answer is no table: it is empty"),
    (
        "/cut",
        "the answer is no table: it ends in the middle, after 1 whole rows",
    ),
    (
        "/syntax",
        "row 2 is not JSON: expected value at line 1 column 6",
    ),
    (
        "/huge-number",
        "row 1 cannot be sent: a number beyond ±9007199254740991 at /n",
    ),
    (
        "/abort",
        "the connection broke off in the middle of the answer; did Node-RED restart?",
    ),
    (
        "/slow",
        "it sent nothing for 1 s; hint: look for a node that never returns, or raise the source's timeout_ms",
    ),
    (
        "/stall",
        "it sent nothing for 1 s; hint: look for a node that never returns, or raise the source's timeout_ms",
    ),
];

#[tokio::test]
async fn every_fault_has_a_sentence() {
    let flows = Flows::start().await;
    for (path, sentence) in FAULTS {
        let expected = format!(
            "the local source {}{path} failed: {sentence}",
            flows.origin()
        );
        let failure = flows.ask(path, json!({}), Shape::Rows).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.detail),
            (FailureClass::SourceError, expected)
        );
    }
}

#[tokio::test]
async fn a_long_row_and_a_wrong_document_have_a_sentence_too() {
    let flows = Flows::start().await;
    for (path, shape, class, sentence) in [
        (
            "/long-row",
            Shape::Rows,
            FailureClass::SourceError,
            "the answer is no table: row 1 has more than 524288 bytes of JSON",
        ),
        (
            "/long-row",
            Shape::Document,
            FailureClass::TooLarge,
            "the answer is over-long: more than 524288 bytes of JSON; ask for less",
        ),
        (
            "/large-object",
            Shape::Document,
            FailureClass::TooLarge,
            "the document is over-long: 200070 bytes, at most 125952 can be sent",
        ),
        (
            "/two",
            Shape::Document,
            FailureClass::SourceError,
            "the answer is an array, not an object",
        ),
        (
            "/html-typed-json",
            Shape::Document,
            FailureClass::SourceError,
            "it answered with HTML instead of JSON; hint: the url must lead to an http-in node, not to a page",
        ),
        (
            "/cut-object",
            Shape::Document,
            FailureClass::SourceError,
            "the document is not JSON: EOF while parsing a value at line 1 column 5",
        ),
    ] {
        let expected = format!(
            "the local source {}{path} failed: {sentence}",
            flows.origin()
        );
        let failure = flows.ask(path, json!({}), shape).await.unwrap_err();
        assert_eq!((failure.class, failure.detail), (class, expected));
    }
}

#[tokio::test]
async fn nothing_listening_is_said_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let source = source(addr, "/two", Shape::Rows);
    let failure = collect(&source, &Map::new()).await.unwrap_err();
    assert_eq!(
        failure.detail,
        format!(
            "the local source http://{addr}/two failed: nothing answers there; is Node-RED running? \
             (Connection refused (os error 111))"
        )
    );
    assert_eq!(source.health().await, SourceHealth::Down);
}

#[tokio::test]
async fn rows_and_documents_come_out_encoded() {
    let flows = Flows::start().await;
    let rows = flows.ask("/two", json!({}), Shape::Rows).await.unwrap();
    assert_eq!(rows, [encode(&json!({"a": 1})), encode(&json!({"b": "ü"}))]);
    assert_eq!(
        flows.ask("/none", json!({}), Shape::Rows).await.unwrap(),
        Vec::<Vec<u8>>::new()
    );
    let document = flows
        .ask("/object", json!({}), Shape::Document)
        .await
        .unwrap();
    assert_eq!(document, [encode(&json!({"a": 1}))]);
    assert_eq!(
        source(flows.addr(), "/two", Shape::Rows).health().await,
        SourceHealth::Up
    );
}

#[tokio::test]
async fn token_and_parameters_arrive() {
    let flows = Flows::start().await;
    let rows = flows
        .ask(
            "/echo?fixed=1",
            json!({"kind": "a b", "limit": 5}),
            Shape::Rows,
        )
        .await
        .unwrap();
    let expected =
        json!({"authorization": "Bearer flow-token", "query": "fixed=1&kind=a+b&limit=5"});
    assert_eq!(rows, [encode(&expected)]);
}

#[tokio::test]
async fn a_large_table_streams_in_many_batches() {
    let flows = Flows::start().await;
    let source = source(flows.addr(), "/many", Shape::Rows);
    let params = Map::new();
    let mut answer = source.ask(&params).await.unwrap();
    let (mut batches, mut rows, mut most) = (0, 0, 0);
    while let Some(batch) = answer.next().await.unwrap() {
        batches += 1;
        rows += batch.len();
        most = most.max(batch.rows().map(<[u8]>::len).sum());
    }
    assert_eq!(rows, 20_000);
    assert!(batches > 5, "{batches}");
    assert!(most <= READ_BYTES_MAX * 4, "a batch of {most} bytes");
}

#[test]
fn a_token_that_no_header_can_hold_is_refused() {
    let url: Url = "http://127.0.0.1:1/".parse().unwrap();
    let new = |token: &str| {
        HttpSource::new(
            HttpClient::new(),
            url.clone(),
            &Secret::new(token),
            Duration::from_secs(1),
            Shape::Rows,
        )
    };
    assert!(new("good-token").is_ok());
    assert!(new("bad\ntoken").is_err());
    assert!(!format!("{:?}", new("good-token").unwrap()).contains("good-token"));
}

/// A real HTTP server in the place of Node-RED.
struct Flows {
    server: Server,
    _tasks: Tasks,
}

impl Flows {
    async fn start() -> Self {
        let tasks = Tasks::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server =
            spokegate_daemon::http::serve(listener, router(), HttpLimits::default(), &tasks)
                .unwrap();
        Self {
            server,
            _tasks: tasks,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    fn origin(&self) -> String {
        format!("http://{}", self.addr())
    }

    async fn ask(&self, path: &str, params: Value, shape: Shape) -> Result<Vec<Vec<u8>>, Failure> {
        let Value::Object(params) = params else {
            unreachable!("parameters are an object")
        };
        collect(&source(self.addr(), path, shape), &params).await
    }
}

fn source(addr: SocketAddr, path: &str, shape: Shape) -> HttpSource {
    let url = format!("http://{addr}{path}").parse().unwrap();
    HttpSource::new(
        HttpClient::new(),
        url,
        &Secret::new("flow-token"),
        Duration::from_secs(1),
        shape,
    )
    .unwrap()
}

async fn collect(
    source: &HttpSource,
    params: &Map<String, Value>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut answer = source.ask(params).await?;
    let mut rows = Vec::new();
    while let Some(batch) = answer.next().await? {
        rows.extend(batch.rows().map(<[u8]>::to_vec));
    }
    Ok(rows)
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::from_json(value, &mut out).unwrap();
    out
}

fn router() -> Router {
    let fixed = |text: &'static str| get(move || async move { ([JSON], text) });
    Router::new()
        .route("/", get(|| async { "Node-RED" }))
        .route("/two", fixed(r#"[{"a":1},{"b":"ü"}]"#))
        .route("/none", fixed("[]"))
        .route("/object", fixed(r#"{"a":1}"#))
        .route("/numbers", fixed("[1,2]"))
        .route("/empty", fixed(""))
        .route("/cut", fixed(r#"[{"a":1},{"b""#))
        .route("/cut-object", fixed(r#"{"a":"#))
        .route("/syntax", fixed(r#"[{"a":1},{"b":}]"#))
        .route("/huge-number", fixed(r#"[{"n":9007199254740993}]"#))
        .route("/html-typed-json", fixed("<!DOCTYPE html><p>no"))
        .route("/html", get(|| async { axum::response::Html("<p>Login") }))
        .route("/text", get(|| async { "[]" }))
        .route("/token", get(|| async { StatusCode::UNAUTHORIZED }))
        .route(
            "/broken",
            get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .route(
            "/starting",
            get(|| async { StatusCode::SERVICE_UNAVAILABLE }),
        )
        .route("/redirect", get(|| async { Redirect::to("/two") }))
        .route(
            "/slow",
            get(|| async { tokio::time::sleep(Duration::from_secs(60)).await }),
        )
        .route("/stall", get(|| async { ([JSON], endless(false)) }))
        .route("/abort", get(|| async { ([JSON], endless(true)) }))
        .route(
            "/long-row",
            get(|| async { ([JSON], format!("[{{\"a\":\"{}\"}}]", "x".repeat(600_000))) }),
        )
        .route("/large-object", get(large_object))
        .route("/many", get(many))
        .route("/echo", get(echo))
}

/// A first row, then an error or silence.
fn endless(abort: bool) -> Body {
    let first =
        futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"[{\"a\":1},"))]);
    let rest = futures_util::stream::once(async move {
        tokio::time::sleep(Duration::from_millis(if abort { 50 } else { 60_000 })).await;
        Err(std::io::Error::other("gone"))
    });
    Body::from_stream(futures_util::StreamExt::chain(first, rest))
}

async fn large_object() -> impl IntoResponse {
    let texts: Vec<String> = (0..4).map(|_| "x".repeat(50_000)).collect();
    (
        [JSON],
        json!({ "texts": texts, "padding": "y".repeat(40) }).to_string(),
    )
}

async fn many() -> impl IntoResponse {
    let rows: Vec<Value> = (0..20_000)
        .map(|n| json!({"hostname": format!("host-{n}"), "online": n % 2 == 0}))
        .collect();
    ([JSON], Value::from(rows).to_string())
}

async fn echo(headers: HeaderMap, uri: Uri) -> impl IntoResponse {
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    (
        [JSON],
        json!([{ "authorization": authorization, "query": uri.query() }]).to_string(),
    )
}
