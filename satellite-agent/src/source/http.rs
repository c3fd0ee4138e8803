//! The `http` source: an `http in` flow of the local Node-RED.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::{Failure, Shape};
use spokegate_daemon::Secret;
use url::Url;

use super::http_fault::{FlowProblem, HttpFault};
use super::reading::Reading;
use super::{Answer, Batch, Source, params};

/// Node closes a kept connection after 5 s; ours goes first, so that no request meets a closing one.
const IDLE_MS_MAX: u64 = 4_000;
const CONNECT_MS_MAX: u64 = 3_000;
const HEALTH_MS_MAX: u64 = 3_000;
/// Bytes read at once; the rows in them are encoded in one go.
const READ_BYTES_MAX: usize = 131_072;
/// The trailer with the type of a problem that came too late for the status.
const PROBLEM: &str = "spokegate-problem";

/// Connections to the sources, kept alive and shared by all of them.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient(Client<HttpConnector, Full<Bytes>>);

impl HttpClient {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(CONNECT_MS_MAX)));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS_MAX))
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ_BYTES_MAX)
            .build(connector);
        Self(client)
    }

    /// The head of an answer, if it comes within `timeout`.
    pub(super) async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Response<Incoming>, HttpFault> {
        tokio::time::timeout(timeout, self.0.request(request))
            .await
            .map_err(|_| silent(timeout))?
            .map_err(|error| match error.is_connect() {
                true => HttpFault::Unreachable(root_cause(&error)),
                false => HttpFault::Broken,
            })
    }

    /// Whether something lives at the origin of `url`.
    pub(super) async fn probe(&self, url: &Url) -> SourceHealth {
        let mut url = url.clone();
        url.set_path("/");
        url.set_query(None);
        let Ok(request) = Request::get(url.as_str()).body(Full::default()) else {
            return SourceHealth::Unknown;
        };
        let answer = tokio::time::timeout(
            Duration::from_millis(HEALTH_MS_MAX),
            self.0.request(request),
        )
        .await;
        match answer {
            // Node-RED says 503 until its flows run; any other status comes from something that lives.
            Ok(Ok(answer)) if answer.status() != StatusCode::SERVICE_UNAVAILABLE => {
                SourceHealth::Up
            }
            _ => SourceHealth::Down,
        }
    }
}

/// One flow that supplies one dataset.
#[derive(Debug)]
pub(crate) struct HttpSource {
    client: HttpClient,
    url: Url,
    authorization: HeaderValue,
    timeout: Duration,
    shape: Shape,
}

/// A token that cannot stand in a header.
#[derive(Debug, thiserror::Error)]
#[error("the token may hold visible ASCII characters only")]
pub(crate) struct TokenError;

impl HttpSource {
    pub(crate) fn new(
        client: HttpClient,
        url: Url,
        token: &Secret,
        timeout: Duration,
        shape: Shape,
    ) -> Result<Self, TokenError> {
        Ok(Self {
            client,
            url,
            authorization: bearer(token)?,
            timeout,
            shape,
        })
    }

    async fn open(&self, params: &Map<String, Value>) -> Result<Response<Incoming>, HttpFault> {
        let mut url = self.url.clone();
        params::append(&mut url, params);
        let request = Request::get(url.as_str())
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .body(Full::default())
            .map_err(|error| HttpFault::Unreachable(error.to_string()))?;
        let answer = self.client.ask(request, self.timeout).await?;
        check_head(&answer)?;
        Ok(answer)
    }
}

impl Source for HttpSource {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let answer = self
                .open(params)
                .await
                .map_err(|fault| fault.at(&place(&self.url)))?;
            let answer = HttpAnswer::new(answer, place(&self.url), self.timeout, self.shape);
            Ok(Box::new(answer) as Box<dyn Answer>)
        }
        .boxed()
    }

    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        self.client.probe(&self.url).boxed()
    }
}

/// The header that shows a token.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, TokenError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| TokenError)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What an address is called in a failure: nothing of its query.
pub(super) fn place(url: &Url) -> String {
    url.as_str()
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn silent(timeout: Duration) -> HttpFault {
    HttpFault::Silent {
        seconds: timeout.as_secs().max(1),
    }
}

/// Status and type decide before a byte of the body is looked at.
pub(super) fn check_head(answer: &Response<Incoming>) -> Result<(), HttpFault> {
    let status = answer.status();
    match status.as_u16() {
        200 => {}
        401 | 403 => return Err(HttpFault::Token(status.as_u16())),
        404 => return Err(HttpFault::NoFlow),
        300..=399 => return Err(HttpFault::Redirect(status.as_u16())),
        _ => return Err(HttpFault::Status(status)),
    }
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("nothing");
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match kind.as_str() {
        "application/json" => Ok(()),
        "text/html" | "application/xhtml+xml" => Err(HttpFault::Html),
        _ => Err(HttpFault::Type(kind.chars().take(60).collect())),
    }
}

/// A flow that fails after its first rows says so behind them.
fn check_trailers(frame: &Frame<Bytes>) -> Result<(), HttpFault> {
    let problem = frame
        .trailers_ref()
        .and_then(|trailers| trailers.get(PROBLEM))
        .and_then(|value| value.to_str().ok());
    match problem {
        Some(name) => Err(HttpFault::Flow(FlowProblem::named(name))),
        None => Ok(()),
    }
}

/// The innermost error in words, such as "Connection refused".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

pub(super) struct HttpAnswer {
    body: Incoming,
    place: String,
    timeout: Duration,
    reading: Reading,
    bytes: u64,
}

impl HttpAnswer {
    pub(super) fn new(
        answer: Response<Incoming>,
        place: String,
        timeout: Duration,
        shape: Shape,
    ) -> Self {
        Self {
            body: answer.into_body(),
            place,
            timeout,
            reading: Reading::new(shape),
            bytes: 0,
        }
    }

    async fn advance(&mut self) -> Result<Option<Batch>, HttpFault> {
        loop {
            let frame = tokio::time::timeout(self.timeout, self.body.frame())
                .await
                .map_err(|_| silent(self.timeout))?;
            let Some(frame) = frame else {
                return self.reading.finish();
            };
            let data = match frame.map_err(|_| HttpFault::Broken)?.into_data() {
                Ok(data) => data,
                Err(trailers) => {
                    check_trailers(&trailers)?;
                    continue;
                }
            };
            self.bytes += data.len() as u64;
            let batch = self.reading.take(&data, self.bytes)?;
            if batch.len() > 0 {
                return Ok(Some(batch));
            }
        }
    }
}

impl Answer for HttpAnswer {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        async move {
            let advanced = self.advance().await;
            advanced.map_err(|fault| fault.at(&self.place))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
