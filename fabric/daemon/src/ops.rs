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
