//! The broker, in this process.

use std::net::SocketAddr;

use spokegate_broker::{Broker, BrokerConfig, DEFAULTS};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;

use super::{TRUST_DOMAIN, quoted};
use crate::authority::Authority;
use crate::{Options, Service};

/// A running broker.
pub struct Running {
    broker: Broker,
    addr: SocketAddr,
}

pub(crate) async fn start(
    options: &Options,
    authority: &Authority,
    context: &Context,
) -> anyhow::Result<Running> {
    let tls = authority.broker()?;
    let text = format!(
        r#"
trust_domain = "{TRUST_DOMAIN}"
[tls]
certificate = {}
key = {}
client_ca = {}
[[listener]]
kind = "mtls"
address = "127.0.0.1:0"
"#,
        quoted(&tls.certificate),
        quoted(&tls.key),
        quoted(&tls.ca),
    );
    let layered = Layered::<BrokerConfig>::new("BROKER", DEFAULTS)
        .no_environment()
        .text("demo", &text);
    let config = options
        .settings_of(Service::Broker)
        .fold(layered, Layered::flag)
        .load()?;
    let broker = Broker::bind(config, &context.child()).await?;
    let addr = broker.addr();
    Ok(Running { broker, addr })
}

impl Running {
    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The broker itself.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Stops it; sessions end.
    pub async fn stop(&self) {
        self.broker.shutdown().await;
    }
}
