//! The configuration: one struct per section of `defaults.toml`, which documents every key.

mod files;

use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;
use spokegate_contract::limits::PACKET_BYTES_MAX;
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_identity::TrustDomain;

use crate::cell::Sizes;
pub use files::{AdminConfig, BrokerTls, RevocationConfig};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Smallest queue: its window must let several of the largest packets through at once.
const QUEUE_BYTES_MIN: usize = 4 * PACKET_BYTES_MAX;

/// Longest drain: what runs after 20 seconds of stopping is aborted.
const DRAIN_MS_MAX: u64 = 15_000;

/// All of it.
#[derive(Clone, Debug, Deserialize)]
pub struct BrokerConfig {
    /// The name in all certificates of this installation.
    pub trust_domain: TrustDomain,
    /// The broker's TLS files.
    #[serde(default)]
    pub tls: BrokerTls,
    /// Which certificates are no longer good.
    #[serde(default)]
    pub revocation: RevocationConfig,
    /// The operator's socket.
    pub admin: AdminConfig,
    /// Where clients connect.
    pub listener: Vec<Listener>,
    /// The enrolment door.
    pub enrolment: EnrolmentConfig,
    /// What one client, one address, one tenant and all together may use.
    pub limits: BrokerLimits,
    /// The operator's listener.
    pub ops: OpsConfig,
    /// The log.
    pub log: LogConfig,
}

/// The `[enrolment]` section.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct EnrolmentConfig {
    /// Requests that wait for the centre's answer at once; further ones are told to come again.
    pub waiting_max: usize,
    /// Connections of one address, or of one IPv6 /64 network.
    pub connections_per_address_max: usize,
    /// Requests per second and address.
    pub requests_per_address_per_s: u64,
    /// How many of them may come at once.
    pub requests_per_address_burst: u64,
    /// Seconds for which a request waits for the centre's answer.
    pub wait_s: u64,
}

/// One `[[listener]]`.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Listener {
    /// What is spoken there.
    pub kind: ListenerKind,
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ListenerKind {
    /// Mutual TLS and the policy.
    Mtls,
    /// Plaintext and no identity, in a cell of its own; on loopback only, for conformance suites.
    Open,
    /// HTTPS without client certificates, where satellites that have none yet ask for one.
    Enrolment,
}

impl fmt::Display for ListenerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mtls => "mtls",
            Self::Open => "open",
            Self::Enrolment => "enrolment",
        })
    }
}

/// The `[limits]` section; `defaults.toml` says what each key does.
#[derive(Clone, Copy, Debug, Deserialize)]
#[expect(
    missing_docs,
    reason = "each key is documented in defaults.toml, which is also what people read"
)]
pub struct BrokerLimits {
    pub connections_max: usize,
    pub connections_per_tenant_max: usize,
    pub tenants_max: usize,
    pub connections_per_address_per_s: u64,
    pub connections_per_address_burst: u64,
    pub connections_per_principal_per_s: u64,
    pub connections_per_principal_burst: u64,
    pub pending_max: usize,
    pub handshake_ms: u64,
    pub messages_per_s: u64,
    pub bytes_per_s: u64,
    pub inflight: u16,
    pub write_ms: u64,
    pub keep_alive_s_max: u16,
    pub up_queue_bytes: usize,
    pub down_queue_bytes: usize,
    pub drain_ms: u64,
}

impl BrokerLimits {
    /// What a cell may hold.
    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            up_bytes: self.up_queue_bytes,
            down_bytes: self.down_queue_bytes,
            links: self.connections_per_tenant_max,
        }
    }
}

impl Section for BrokerConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.listener.is_empty() {
            faults
                .add("listener", "no listener")
                .allowed("at least one [[listener]]")
                .hint("add one of kind = \"mtls\"");
        }
        if self.listener.iter().any(|it| it.kind != ListenerKind::Open) {
            faults.within("tls", &self.tls);
        }
        for (index, listener) in self.listener.iter().enumerate() {
            if listener.kind == ListenerKind::Open && !listener.address.ip().is_loopback() {
                let what = format!(
                    "an open listener on {}, which others can reach",
                    listener.address
                );
                faults
                    .add(&format!("listener[{index}].address"), what)
                    .allowed("127.0.0.0/8 and ::1 for kind = \"open\"")
                    .hint("use kind = \"mtls\", or address = \"127.0.0.1:1883\"");
            }
        }
        faults.within("enrolment", &self.enrolment);
        faults.within("limits", &self.limits);
        faults.within("ops", &self.ops);
        faults.within("log", &self.log);
    }
}

impl Section for EnrolmentConfig {
    fn validate(&self, faults: &mut Faults) {
        let within = [
            ("waiting_max", self.waiting_max as u64, 1, 10_000),
            (
                "connections_per_address_max",
                self.connections_per_address_max as u64,
                1,
                10_000,
            ),
            (
                "requests_per_address_per_s",
                self.requests_per_address_per_s,
                1,
                10_000,
            ),
            (
                "requests_per_address_burst",
                self.requests_per_address_burst,
                1,
                100_000,
            ),
            // Agents wait for 45 s.
            ("wait_s", self.wait_s, 1, 30),
        ];
        for (key, value, least, most) in within {
            if let Some(fault) = faults.bounds(key, value, least..=most) {
                fault.hint("leave the key out for its default");
            }
        }
    }
}

impl Section for BrokerLimits {
    fn validate(&self, faults: &mut Faults) {
        let at_least = [
            ("connections_max", self.connections_max, 1),
            (
                "connections_per_tenant_max",
                self.connections_per_tenant_max,
                2,
            ),
            ("tenants_max", self.tenants_max, 1),
            ("pending_max", self.pending_max, 8),
            ("inflight", usize::from(self.inflight), 1),
            ("keep_alive_s_max", usize::from(self.keep_alive_s_max), 1),
            ("up_queue_bytes", self.up_queue_bytes, QUEUE_BYTES_MIN),
            ("down_queue_bytes", self.down_queue_bytes, QUEUE_BYTES_MIN),
        ];
        for (key, value, least) in at_least {
            if value < least {
                faults
                    .add(key, format!("{value} is too small"))
                    .allowed(format!("{least} or more"))
                    .hint("leave the key out for its default");
            }
        }
        if self.drain_ms > DRAIN_MS_MAX {
            faults
                .add("drain_ms", format!("{} ms are too long", self.drain_ms))
                .allowed(format!("at most {DRAIN_MS_MAX}"))
                .hint("a stop that takes longer is cut short");
        }
        let positive = [
            (
                "connections_per_address_per_s",
                self.connections_per_address_per_s,
            ),
            (
                "connections_per_address_burst",
                self.connections_per_address_burst,
            ),
            (
                "connections_per_principal_per_s",
                self.connections_per_principal_per_s,
            ),
            (
                "connections_per_principal_burst",
                self.connections_per_principal_burst,
            ),
            ("messages_per_s", self.messages_per_s),
            ("bytes_per_s", self.bytes_per_s),
            ("handshake_ms", self.handshake_ms),
            ("write_ms", self.write_ms),
        ];
        for (key, value) in positive {
            if value == 0 {
                faults
                    .add(key, "0 would let nobody through")
                    .allowed("1 or more")
                    .hint("leave the key out for its default");
            }
        }
    }
}

#[cfg(test)]
mod tests;
