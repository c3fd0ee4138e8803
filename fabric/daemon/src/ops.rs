//! The operator's listener: `/healthz`, `/readyz` and `/metrics`, the same in all services.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::config::{Faults, Section};
use crate::http::{self, HttpLimits};
use crate::{Context, Readiness, metrics};

const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The `[ops]` section.
#[derive(Clone, Debug, Deserialize)]
pub struct OpsConfig {
    /// Where health and metrics are served, in plain HTTP. Keep it on loopback or on a network
    /// that only the monitoring reaches.
    pub listen: SocketAddr,
}

impl OpsConfig {
    /// Loopback on a free port, for tests and the demonstration.
    pub fn ephemeral() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        }
    }

    /// Where a program on this machine reaches the listener.
    pub fn local_addr(&self) -> SocketAddr {
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.listen.port())
    }
}

impl Section for OpsConfig {
    fn validate(&self, _faults: &mut Faults) {}
}

/// Binds the operator's listener and serves it until the context's tasks stop.
pub async fn bind(config: &OpsConfig, context: &Context) -> anyhow::Result<http::Server> {
    let registry = metrics::install()?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "bind the operator's listener (ops.listen) to {}",
            config.listen
        )
    })?;
    let (soft, upkeep) = (context.tasks.soft(), registry.clone());
    context.tasks.spawn("metrics upkeep", async move {
        let mut timer = tokio::time::interval(UPKEEP_INTERVAL);
        while soft.run_until_cancelled(timer.tick()).await.is_some() {
            upkeep.upkeep();
        }
    });
    let limits = HttpLimits {
        connections_max: 64,
        ..HttpLimits::default()
    };
    http::serve(
        listener,
        router(context.readiness.clone(), registry),
        limits,
        &context.tasks,
    )
}

fn router(readiness: Readiness, registry: metrics::Registry) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(registry))
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    if readiness.is_ready() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let mut text = "not ready\n".to_owned();
    for name in readiness.waiting() {
        text.push_str(&format!("waiting for {name}\n"));
    }
    (StatusCode::SERVICE_UNAVAILABLE, text)
}

async fn render(State(registry): State<metrics::Registry>) -> impl IntoResponse {
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        registry.render(),
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn two_services_in_one_process_have_their_own_readiness_and_share_the_metrics() {
        let process = Context::new();
        let (one, two) = (process.child(), process.child());
        let config = OpsConfig::ephemeral();
        let (first, second) = (
            bind(&config, &one).await.unwrap(),
            bind(&config, &two).await.unwrap(),
        );
        let latch = one.readiness.latch("store");
        let waiting = two.readiness.latch("broker session");
        latch.set();
        ::metrics::counter!("spokegate_ops_test_total").increment(1);

        check(&first, "/healthz", "200", "ok\n").await;
        check(&first, "/readyz", "200", "ready\n").await;
        check(
            &second,
            "/readyz",
            "503",
            "not ready\nwaiting for broker session\n",
        )
        .await;
        waiting.set();
        check(&second, "/readyz", "200", "ready\n").await;
        check(&first, "/metrics", "200", "spokegate_ops_test_total 1").await;
        check(&second, "/metrics", "200", "spokegate_ops_test_total 1").await;
        check(&second, "/secret", "404", "").await;

        assert_eq!(
            one.tasks.shutdown(Duration::from_secs(5)).await,
            crate::Shutdown::Drained
        );
        assert!(TcpStream::connect(first.addr()).await.is_err());
        check(&second, "/healthz", "200", "ok\n").await;
        process.tasks.shutdown(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_taken_address_is_told_with_its_key() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = OpsConfig {
            listen: taken.local_addr().unwrap(),
        };
        let error = format!("{:#}", bind(&config, &Context::new()).await.unwrap_err());
        assert!(
            error.contains("(ops.listen)") && error.contains("in use"),
            "{error}"
        );
    }

    #[test]
    fn an_unspecified_address_is_asked_on_loopback() {
        let local = |listen: &str| {
            OpsConfig {
                listen: listen.parse().unwrap(),
            }
            .local_addr()
            .to_string()
        };
        assert_eq!(local("0.0.0.0:9401"), "127.0.0.1:9401");
        assert_eq!(local("[::]:9401"), "[::1]:9401");
        assert_eq!(local("10.0.0.1:9401"), "10.0.0.1:9401");
    }

    async fn check(server: &http::Server, path: &str, status: &str, body: &str) {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(body),
            "{path}: {answer}"
        );
    }
}
