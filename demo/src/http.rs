//! A plain HTTP client for loopback: probes and the built-in source's pushes.

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Larger answers are refused.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// HTTP without TLS, with a bearer token.
#[derive(Clone, Debug)]
pub struct PlainClient(Client<HttpConnector, Full<Bytes>>);

/// A status and a body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The whole body.
    pub body: Bytes,
}

impl PlainClient {
    /// A client with no connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Reads `url`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn get(&self, url: &str, token: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, url, token, Bytes::new()).await
    }

    /// Posts JSON to `url`.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_json(&self, url: &str, token: &str, body: Bytes) -> anyhow::Result<Answer> {
        self.send(Method::POST, url, token, body).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        token: &str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .context("make a request")?;
        let response = self
            .0
            .request(request)
            .await
            .with_context(|| format!("ask {url}"))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(|| format!("read {url}"))?
            .to_bytes();
        Ok(Answer { status, body })
    }
}

impl Default for PlainClient {
    fn default() -> Self {
        Self::new()
    }
}
