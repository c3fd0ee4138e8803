//! The two sides as processes: `spokegate-broker` beside our own program, and Debian's Mosquitto, both with mutual TLS,
//! an access list and the same limits on what is in flight.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use spokegate_demo::Child;
use tempfile::TempDir;

use super::authority::Authority;

/// Time for a server to listen.
const START: Duration = Duration::from_secs(20);

/// Above what the generator can make, so that the quotas are counted and never reached.
const QUOTAS: &str = "messages_per_s = 4000000\nbytes_per_s = 8589934592\n";

/// Which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `spokegate-broker`.
    Ours,
    /// Mosquitto.
    Peer,
}

/// A tenant and how many satellites it has.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its name.
    pub(crate) name: String,
    /// Its satellites, `s0` and on.
    pub(crate) satellites: usize,
}

/// So many tenants with so many satellites each.
pub(crate) fn tenants(count: usize, satellites: usize) -> Vec<Tenant> {
    let tenant = |number| Tenant {
        name: format!("tenant-{number}"),
        satellites,
    };
    (0..count).map(tenant).collect()
}

/// A running server; ends when dropped.
pub(crate) struct Server {
    child: Child,
    addr: SocketAddr,
    _folder: TempDir,
}

impl Server {
    /// Starts one that knows these tenants.
    pub(crate) async fn start(
        kind: Kind,
        authority: &Authority,
        tenants: &[Tenant],
    ) -> anyhow::Result<Self> {
        Self::with_quotas(kind, authority, tenants, QUOTAS).await
    }

    /// The same with other quotas, which Mosquitto has none of.
    pub(crate) async fn with_quotas(
        kind: Kind,
        authority: &Authority,
        tenants: &[Tenant],
        quotas: &str,
    ) -> anyhow::Result<Self> {
        let folder = TempDir::new().context("make a folder for a server")?;
        authority.write_server(folder.path())?;
        let addr = free_address()?;
        let command = match kind {
            Kind::Ours => ours(&folder, addr, quotas)?,
            Kind::Peer => peer(&folder, addr, tenants)?,
        };
        let child = Child::spawn(command, &folder.path().join("log"))?;
        let mut server = Self {
            child,
            addr,
            _folder: folder,
        };
        server.wait().await?;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    async fn wait(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START && self.child.ended().is_none() {
            if tokio::net::TcpStream::connect(self.addr).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("a server did not come up: {}", self.child.last_words())
    }
}

fn ours(folder: &TempDir, addr: SocketAddr, quotas: &str) -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("find our own program")?;
    let directory = folder.path().display();
    let config = folder.path().join("broker.toml");
    let text = format!(
        "[tls]\ncertificate = \"{directory}/certificate.pem\"\nkey = \"{directory}/key.pem\"\n\
         client_ca = \"{directory}/ca.pem\"\n[[listener]]\nkind = \"mtls\"\naddress = \"{addr}\"\n\
         [limits]\nconnections_per_address_per_s = 100000\nconnections_per_address_burst = 100000\n\
         pending_max = 8192\nhandshake_ms = 60000\n{quotas}\
         [ops]\nlisten = \"127.0.0.1:0\"\n"
    );
    std::fs::write(&config, text).context("write the broker's configuration")?;
    let mut command = Command::new(own.with_file_name("spokegate-broker"));
    command.args(["run", "--config"]).arg(config);
    Ok(command)
}

fn peer(folder: &TempDir, addr: SocketAddr, tenants: &[Tenant]) -> anyhow::Result<Command> {
    let directory = folder.path().display();
    std::fs::write(folder.path().join("acl"), access_list(tenants))
        .context("write the access list")?;
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let text = format!(
        "user {user}\nper_listener_settings false\nallow_anonymous false\nacl_file {directory}/acl\n\
         listener {} 127.0.0.1\ncafile {directory}/ca.pem\ncertfile {directory}/certificate.pem\n\
         keyfile {directory}/key.pem\nrequire_certificate true\nuse_identity_as_username true\n\
         use_username_as_clientid true\nset_tcp_nodelay true\nmax_inflight_messages 100\n\
         max_queued_messages 0\nmax_packet_size 131072\npersistence false\nlog_type error\n",
        addr.port()
    );
    let config = folder.path().join("mosquitto.conf");
    std::fs::write(&config, text).context("write Mosquitto's configuration")?;
    let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .context("Mosquitto is not there; hint: apt-get install mosquitto")?;
    let mut command = Command::new(program);
    command.arg("-c").arg(config);
    Ok(command)
}

/// Each satellite its own topics, each sanitizer session those of its tenant.
fn access_list(tenants: &[Tenant]) -> String {
    let mut list = String::new();
    for tenant in tenants {
        let name = &tenant.name;
        let _ = write!(
            list,
            "user sanitizer.{name}\ntopic read sg/1/{name}/+/up/#\ntopic write sg/1/{name}/+/down/#\n"
        );
        for number in 0..tenant.satellites {
            let _ = write!(
                list,
                "user {name}.s{number}\ntopic write sg/1/{name}/s{number}/up/#\ntopic read sg/1/{name}/s{number}/down/#\n"
            );
        }
    }
    list
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    socket.local_addr().context("ask for a free port's address")
}
