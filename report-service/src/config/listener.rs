//! `[forms]` and `[admin]`: an HTTPS listener each.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use std::net::SocketAddr;
use std::path::PathBuf;

/// One HTTPS listener.
#[derive(Clone, Debug, Deserialize)]
pub struct ListenerConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The address that browsers use, `https://host[:port]`; empty when it is the one they ask for.
    #[serde(default)]
    pub origin: String,
    /// Connections with a request in flight; as many more may wait or idle.
    pub connections_max: usize,
    /// Connections of both kinds from one address.
    pub connections_per_address: usize,
    /// Its certificate.
    pub tls: ListenerTls,
}

/// What a listener shows to browsers. People have no client certificates.
#[derive(Clone, Debug, Deserialize)]
pub struct ListenerTls {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

impl Section for ListenerConfig {
    fn validate(&self, faults: &mut Faults) {
        faults.bounds("connections_max", self.connections_max, 16..=10_000);
        faults.bounds(
            "connections_per_address",
            self.connections_per_address,
            6..=10_000,
        );
        if self.origin.is_empty() {
            return;
        }
        let is_origin = url::Url::parse(&self.origin).is_ok_and(|url| {
            url.scheme() == "https" && url.origin().ascii_serialization() == self.origin
        });
        if !is_origin {
            faults
                .add("origin", format!("is {:?}", self.origin))
                .allowed(
                    "https://host or https://host:port, without a path and without the usual port",
                )
                .hint("copy the address from the browser up to the first single slash");
        }
    }
}
