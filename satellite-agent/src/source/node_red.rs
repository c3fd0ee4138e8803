//! The `node-red` source: a *dataset request* node of the palette in the local Node-RED.
//!
//! `POST <url>/spokegate/palette/v1/pull/<dataset>/<version>` with the agent's token and the parameters as JSON; the rows
//! come as they do from an `http` source. What goes wrong before them is a problem (RFC 9457), after their beginning a
//! trailer: its type is told to the centre, its detail, which may hold a customer's value, is not.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, TE};
use hyper::{Request, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::{DatasetId, Failure, Shape};
use spokegate_daemon::Secret;
use url::Url;

use super::http::{self, HttpAnswer, HttpClient, TokenError};
use super::http_fault::{FlowProblem, HttpFault};
use super::{Answer, Source};

/// The node's address below Node-RED's root for data.
const PULL: &str = "spokegate/palette/v1/pull";
/// The palette tells a silent flow by itself, and says so; only when it does not, the agent ends the wait.
const GRACE_MS: u64 = 2_000;
const PROBLEM_BYTES_MAX: usize = 4_096;

/// One node that supplies one dataset.
#[derive(Debug)]
pub(crate) struct NodeRedSource {
    client: HttpClient,
    url: Url,
    authorization: HeaderValue,
    timeout: Duration,
    shape: Shape,
}

/// Which node, and how long it may be silent.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) dataset: DatasetId,
    pub(crate) version: u16,
    pub(crate) shape: Shape,
    pub(crate) timeout: Duration,
}

/// The problem of an answer that is none.
#[derive(Deserialize)]
struct Problem {
    r#type: String,
    #[serde(default)]
    detail: String,
}

impl NodeRedSource {
    /// `root` is Node-RED's root for data, such as `http://127.0.0.1:1880/spokegate`.
    pub(crate) fn new(
        client: HttpClient,
        mut root: Url,
        token: &Secret,
        node: &Node,
    ) -> Result<Self, TokenError> {
        let below = root.path().trim_end_matches('/').to_owned();
        root.set_path(&format!("{below}/{PULL}/{}/{}", node.dataset, node.version));
        root.set_query(None);
        Ok(Self {
            client,
            url: root,
            authorization: http::bearer(token)?,
            timeout: node.timeout,
            shape: node.shape,
        })
    }

    async fn open(&self, params: &Map<String, Value>) -> Result<Response<Incoming>, HttpFault> {
        let body = Value::Object(params.clone()).to_string();
        let request = Request::post(self.url.as_str())
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(CONTENT_TYPE, "application/json")
            .header(TE, "trailers")
            .header("spokegate-shape", self.shape.as_str())
            .header("spokegate-timeout-ms", millis(self.timeout))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| HttpFault::Unreachable(error.to_string()))?;
        let answer = self.client.ask(request, self.patience()).await?;
        if answer.status().is_success() {
            http::check_head(&answer)?;
            return Ok(answer);
        }
        Err(self.problem(answer).await)
    }

    fn patience(&self) -> Duration {
        self.timeout + Duration::from_millis(GRACE_MS)
    }

    /// What an answer that is no success says.
    async fn problem(&self, answer: Response<Incoming>) -> HttpFault {
        let status = answer.status();
        let is_problem = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/problem+json"));
        if is_problem {
            let body = Limited::new(answer.into_body(), PROBLEM_BYTES_MAX).collect();
            if let Ok(Ok(body)) = tokio::time::timeout(self.timeout, body).await
                && let Ok(problem) = serde_json::from_slice::<Problem>(&body.to_bytes())
            {
                tracing::debug!(
                    kind = problem.r#type,
                    detail = problem.detail,
                    "a flow gave no answer"
                );
                return HttpFault::Flow(FlowProblem::named(&problem.r#type));
            }
        }
        match status.as_u16() {
            404 => HttpFault::NoPalette,
            401 | 403 => HttpFault::Token(status.as_u16()),
            300..=399 => HttpFault::Redirect(status.as_u16()),
            _ => HttpFault::Status(status),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Source for NodeRedSource {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let place = http::place(&self.url);
            let answer = self.open(params).await.map_err(|fault| fault.at(&place))?;
            let answer = HttpAnswer::new(answer, place, self.patience(), self.shape);
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

#[cfg(test)]
mod tests;
