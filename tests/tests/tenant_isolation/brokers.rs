//! The brokers that are attacked, each with its certificates.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use spokegate_broker::{BrokerConfig, DEFAULTS, ListenerKind};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use spokegate_identity::TlsFiles;
use spokegate_provisioner::broker_config::{Kind, Parties};

use super::cases::PARTIES;
use super::external::{Needs, Running};
use super::pki::{Pki, TRUST_DOMAIN};
use super::scene::Broker;

const TENANTS: [&str; 4] = ["acme", "acme2", "acm", "globex"];

/// Our own broker, in this process. Stopped when dropped.
pub(crate) struct Embedded {
    context: Context,
    broker: spokegate_broker::Broker,
}

impl Embedded {
    pub(crate) async fn start(pki: &Pki) -> (Self, Broker) {
        let tls = pki.broker();
        let text = format!(
            "trust_domain = \"{TRUST_DOMAIN}\"\n[tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\
             [[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n\
             [[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:0\"\n\
             [limits]\nconnections_per_address_per_s = 100000\nconnections_per_address_burst = 100000\n\
             connections_per_principal_per_s = 100000\nconnections_per_principal_burst = 100000\n",
            tls.certificate, tls.key, tls.ca
        );
        let config: BrokerConfig = Layered::new("broker", DEFAULTS)
            .no_environment()
            .text("broker.toml", &text)
            .load()
            .unwrap_or_else(|faults| panic!("{faults}"));
        let context = Context::new();
        let running = spokegate_broker::Broker::bind(config, &context)
            .await
            .unwrap();
        let broker = Broker {
            name: "embedded",
            kind: None,
            addr: running.addr(),
            observer: None,
            sanitizers: TENANTS
                .map(|tenant| (format!("sanitizer.{tenant}"), vec![tenant]))
                .into(),
            settle: Duration::from_millis(20),
        };
        let embedded = Self {
            context,
            broker: running,
        };
        (embedded, broker)
    }

    /// The listener without identity, which is for conformance suites.
    pub(crate) fn open_addr(&self) -> SocketAddr {
        self.broker.address_of(ListenerKind::Open).unwrap()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.context.tasks.soft().cancel();
        self.context.tasks.hard().cancel();
    }
}

/// Another broker; none where it is not installed. What was rendered for it may be changed.
pub(crate) fn external(
    kind: Kind,
    pki: &Pki,
    hole: Option<fn(&Path)>,
) -> Option<(Running, Broker)> {
    let observer = "spiffe://spokegate.local/service/observer";
    let parties = PARTIES.map(|(tenant, satellite)| {
        spokegate_contract::Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
    });
    let needs = Needs {
        trust_domain: TRUST_DOMAIN.to_owned(),
        tls: pki.broker(),
        parties: Parties::new(parties).unwrap(),
        nodes: nodes(pki),
        observer: Some(("observer".to_owned(), observer.to_owned())),
        hole,
    };
    let running = Running::start(kind, &needs)?;
    let addr: SocketAddr = running.addresses()[0];
    let (name, settle_ms) = match kind {
        Kind::Mosquitto => ("mosquitto", 30),
        Kind::Nats => ("nats", 60),
        _ => ("rabbitmq", 60),
    };
    let certificate = pki.forged("observer", &[observer], |_| {});
    let broker = Broker {
        name,
        kind: Some(kind),
        addr,
        observer: Some(("observer".to_owned(), certificate)),
        sanitizers: vec![("sanitizer".to_owned(), TENANTS.into())],
        settle: Duration::from_millis(settle_ms),
    };
    Some((running, broker))
}

/// Certificates for the links of a cluster, of an authority of their own.
fn nodes(pki: &Pki) -> TlsFiles {
    super::external::nodes(&pki.folder().join("nodes"))
}
