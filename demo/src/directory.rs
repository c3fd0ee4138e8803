//! A small LDAP directory of the demonstration's own: LDAPS, simple binds, searches. Real on the wire, and nothing more
//! than the report service's sign-in asks of a directory.

mod entry;
mod filter;
mod server;
mod session;

pub use entry::{Group, Person};

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};

use anyhow::Context as _;
use spokegate_daemon::{Context, Secret, Tasks};
use tokio_rustls::TlsAcceptor;

use entry::Tree;

/// The base of all entries.
pub const BASE: &str = "dc=msp,dc=demo";
/// The account that the report service searches with.
pub const SERVICE_DN: &str = "uid=svc-spokegate,ou=Services,dc=msp,dc=demo";

/// What is in the directory.
#[derive(Clone, Debug)]
pub struct Content {
    /// Those who may sign in.
    pub people: Vec<Person>,
    /// Their groups; a group may be in a group.
    pub groups: Vec<Group>,
    /// The password of [`SERVICE_DN`].
    pub service_password: Secret,
}

/// A running directory.
#[derive(Debug)]
pub struct Directory {
    addr: SocketAddr,
    tasks: Tasks,
    tree: Arc<RwLock<Tree>>,
}

impl Directory {
    /// Starts it on a free loopback port with this server certificate.
    ///
    /// # Errors
    /// When the certificate cannot be used or no port be had.
    pub async fn bind(
        content: &Content,
        certificate: &Path,
        key: &Path,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let tls = spokegate_identity::public_server_config(certificate, key)
            .context("set up the directory's TLS")?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("bind the directory")?;
        let addr = listener
            .local_addr()
            .context("read the directory's address")?;
        let tree = Arc::new(RwLock::new(Tree::new(content)));
        let tasks = context.tasks.child();
        let server = server::Server {
            listener,
            tls: TlsAcceptor::from(tls),
            tree: Arc::clone(&tree),
            tasks: tasks.clone(),
        };
        tasks.spawn("directory", server.serve());
        Ok(Self { addr, tasks, tree })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Puts a person into a group or takes them out, as an administrator of the directory would.
    pub fn set_membership(&self, person: &str, group: &str, member: bool) {
        self.tree
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .set_membership(person, group, member);
    }

    /// Stops it: connections end, new ones are refused.
    pub async fn stop(&self) {
        self.tasks.abort().await;
    }
}

#[cfg(test)]
mod tests;
