//! The peer: two Node-RED instances with docxtemplater, started by `peer/start.js`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::StatusCode;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Time for both instances to answer.
const READY: Duration = Duration::from_secs(90);

/// A connection that was idle for longer is not used again.
const IDLE: Duration = Duration::from_secs(2);

/// The running peer; ends when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    // Dropped, it closes its standard input, and that ends both instances.
    _process: Child,
    hub: String,
    hub_process: u32,
    http: Client<HttpConnector, Empty<Bytes>>,
}

impl Peer {
    /// Starts the peer from its folder.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut process = Command::new("node")
            .arg("start.js")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start node; hint: apt-get install nodejs npm")?;
        let output = process
            .stdout
            .take()
            .context("the peer's output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let line = tokio::time::timeout(READY, lines.next_line())
            .await
            .context("wait for the peer")??;
        let told: serde_json::Value =
            serde_json::from_str(&line.context("the peer ended before it was ready")?)
                .context("read the peer's line")?;
        let hub = told["hub"]
            .as_str()
            .context("the peer names its hub")?
            .to_owned();
        let hub_process = told["pids"][1]
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .context("the peer names its processes")?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        // Shorter than the five seconds after which Node.js closes an idle connection.
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self {
            _process: process,
            hub,
            hub_process,
            http,
        })
    }

    /// The process that makes documents and serves pages.
    pub(crate) fn hub_process(&self) -> u32 {
        self.hub_process
    }

    /// One report of `rows` rows; the document.
    pub(crate) async fn report(&self, rows: u32) -> anyhow::Result<Bytes> {
        let document = self.get(&format!("{}?limit={rows}", self.hub)).await?;
        ensure!(
            document.starts_with(b"PK"),
            "the peer's document is no package"
        );
        Ok(document)
    }

    /// The page with the form for a report.
    pub(crate) async fn form(&self) -> anyhow::Result<Bytes> {
        let page = self.get(&self.hub.replace("/report", "/form")).await?;
        ensure!(page.starts_with(b"<!doctype html>"), "the peer has no form");
        Ok(page)
    }

    async fn get(&self, url: &str) -> anyhow::Result<Bytes> {
        let url = url.parse().context("the hub's address")?;
        let answer = self.http.get(url).await.context("ask the peer")?;
        ensure!(
            answer.status() == StatusCode::OK,
            "the peer answered {}",
            answer.status()
        );
        let body = answer.into_body().collect().await;
        Ok(body.context("read the peer's answer")?.to_bytes())
    }
}
