//! Configurations for other brokers, rendered from the rights that our own broker's policy gives.
//!
//! Pure: texts in, texts out. What a broker cannot enforce is part of the result, so that nobody moves without having
//! read it.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use spokegate_contract::{Address, TenantId};
use spokegate_identity::{TrustDomain, is_reserved_tenant};

mod command;
mod emqx;
mod hivemq;
mod limit;
mod mosquitto;
mod nats;
mod parties;
mod rabbitmq;

pub(crate) use command::Command;
pub use limit::Limit;
pub use parties::{Parties, PartiesError};

/// X.520 allows 64 characters in a common name; certificates with a longer one have none.
const COMMON_NAME_BYTES_MAX: usize = 64;
/// Connections beyond one for each party: those that are about to replace another, and operators.
const CONNECTIONS_SPARE: usize = 64;

/// Unacknowledged messages of one tenant in the sanitizer's session.
const INFLIGHT_PER_TENANT: usize = 256;
/// Packet ids have 16 bits; brokers take less than all of them.
const INFLIGHT_MAX: usize = 32_768;

/// A broker that can take our own one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    /// Eclipse Mosquitto 2.0.
    Mosquitto,
    /// RabbitMQ 3.10 with its MQTT plug-in.
    Rabbitmq,
    /// NATS 2.9 with JetStream, alone or as a cluster.
    Nats,
    /// EMQX 5; from its documentation.
    Emqx,
    /// HiveMQ 4 with the Enterprise Security Extension; from its documentation.
    Hivemq,
}

/// What the broker serves and where its files are.
#[derive(Clone, Debug)]
pub struct Site {
    /// In whose names the certificates are.
    pub trust_domain: TrustDomain,
    /// Who may come.
    pub parties: Parties,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// The broker's certificate, PEM, with intermediates if there are any.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The root of the clients' certificates.
    pub ca: PathBuf,
    /// The list of revoked certificates, PEM.
    pub crl: Option<PathBuf>,
    /// Where the rendered files will stand on the broker's machine.
    pub folder: PathBuf,
    /// Nodes of a NATS cluster; none for a server that is alone.
    pub cluster: Option<Cluster>,
}

/// Nodes of a NATS cluster and what they show each other.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Name and address for the other nodes, each.
    pub nodes: Vec<(String, String)>,
    /// The certificate for the links between nodes, for both sides of a connection.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The root of the nodes' certificates: another one than the clients'.
    pub ca: PathBuf,
}

/// One rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without folder.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// What was rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The files of one folder.
    pub files: Vec<File>,
    /// What this broker cannot enforce.
    pub limits: Vec<Limit>,
}

/// Why nothing was rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A broker that goes by the common name cannot know this satellite.
    #[error(
        "{kind} knows a client by its certificate's common name, and {client_id:?} is longer than {COMMON_NAME_BYTES_MAX} characters and has none\n  hint: shorter ids, or rabbitmq or nats, which go by the certificate's URI"
    )]
    NameTooLong {
        /// Which broker.
        kind: Kind,
        /// The name that does not fit.
        client_id: String,
    },
    /// A path that would break out of a quoted text.
    #[error("the path {0:?} cannot stand in a configuration; allowed are letters, digits and /._-")]
    Path(PathBuf),
    /// Nodes are for NATS only.
    #[error("{0} takes no nodes\n  hint: leave --node out")]
    NoCluster(Kind),
    /// A cluster's name or address.
    #[error(
        "{0:?} is no node, allowed is NAME=HOST:PORT with a name of letters, digits and '-', each once"
    )]
    Node(String),
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Mosquitto,
        Self::Rabbitmq,
        Self::Nats,
        Self::Emqx,
        Self::Hivemq,
    ];

    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::Rabbitmq => "rabbitmq",
            Self::Nats => "nats",
            Self::Emqx => "emqx",
            Self::Hivemq => "hivemq",
        }
    }

    /// Whether the broker knows its clients by the common name rather than by the URI.
    fn goes_by_common_name(self) -> bool {
        matches!(self, Self::Mosquitto | Self::Emqx | Self::Hivemq)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Renders the configuration of a broker.
pub fn render(kind: Kind, site: &Site) -> Result<Rendered, RenderError> {
    site.check(kind)?;
    let files = match kind {
        Kind::Mosquitto => mosquitto::render(site),
        Kind::Rabbitmq => rabbitmq::render(site),
        Kind::Nats => nats::render(site),
        Kind::Emqx => emqx::render(site),
        Kind::Hivemq => hivemq::render(site),
    };
    let limits = Limit::of(kind);
    Ok(Rendered { files, limits })
}

impl Site {
    fn check(&self, kind: Kind) -> Result<(), RenderError> {
        let cluster = self.cluster.iter();
        let links = cluster.flat_map(|cluster| [&cluster.certificate, &cluster.key, &cluster.ca]);
        let own = [&self.certificate, &self.key, &self.ca, &self.folder];
        for path in own.into_iter().chain(&self.crl).chain(links) {
            if !is_plain(path) {
                return Err(RenderError::Path(path.clone()));
            }
        }
        match &self.cluster {
            Some(_) if kind != Kind::Nats => return Err(RenderError::NoCluster(kind)),
            Some(cluster) => cluster.check()?,
            None => {}
        }
        let mut long = self.addresses().map(|address| client_id(&address));
        match long.find(|id| kind.goes_by_common_name() && id.len() > COMMON_NAME_BYTES_MAX) {
            Some(client_id) => Err(RenderError::NameTooLong { kind, client_id }),
            None => Ok(()),
        }
    }

    /// Every satellite.
    fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.parties.addresses()
    }

    /// Most connections that can be rightful.
    fn connections_max(&self) -> usize {
        self.addresses()
            .count()
            .saturating_mul(2)
            .saturating_add(CONNECTIONS_SPARE)
    }

    /// Messages to one client without an acknowledgement: the sanitizer's one session holds those of every tenant, and
    /// the slowest tenant's must not use up the room of the others.
    fn inflight(&self) -> usize {
        let tenants = self.parties.tenants().count();
        tenants
            .saturating_mul(INFLIGHT_PER_TENANT)
            .min(INFLIGHT_MAX)
    }

    /// A rendered file's place on the broker's machine.
    fn place(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A satellite's identity as its certificate has it.
    fn spiffe_id(&self, address: &Address) -> String {
        spokegate_identity::Principal::Satellite(address.clone()).spiffe_id(&self.trust_domain)
    }

    /// The sanitizer's identity as its certificate has it.
    fn sanitizer_id(&self) -> String {
        spokegate_identity::Principal::Service(SANITIZER).spiffe_id(&self.trust_domain)
    }
}

const SANITIZER: spokegate_identity::ServiceName = spokegate_identity::ServiceName::Sanitizer;

/// A satellite's client id, which is its certificate's common name.
fn client_id(address: &Address) -> String {
    spokegate_identity::Principal::Satellite(address.clone()).client_id()
}

impl Cluster {
    fn check(&self) -> Result<(), RenderError> {
        let plain = |text: &str, more: &[char]| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || more.contains(&c))
        };
        let bad = |(name, address): &&(String, String)| {
            !plain(name, &[]) || !plain(address, &['.', ':', '[', ']']) || !address.contains(':')
        };
        let mut names = BTreeSet::new();
        let again = |node: &&(String, String)| bad(node) || !names.insert(node.0.clone());
        match self.nodes.iter().find(again) {
            Some((name, address)) => Err(RenderError::Node(format!("{name}={address}"))),
            None => Ok(()),
        }
    }
}

/// Quotes, spaces and line breaks mean different things to five brokers; none of them is needed in a path.
fn is_plain(path: &std::path::Path) -> bool {
    let text = path.to_str().unwrap_or_default();
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'))
}

/// True for a tenant id that no customer may have.
fn is_reserved(tenant: &TenantId) -> bool {
    is_reserved_tenant(tenant)
}

#[cfg(test)]
mod tests;
