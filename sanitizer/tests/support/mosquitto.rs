//! Mosquitto with mutual TLS and no rules of its own: the least that a foreign broker may be.

use super::certificates::Authority;
use super::{Centre, start_sanitizer};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub struct Mosquitto {
    child: Child,
    program: &'static str,
    config: PathBuf,
    pub addr: SocketAddr,
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mosquitto {
    /// Starts on a free port; nothing when the machine has none, which is a failure where `CI` is set.
    pub async fn start(folder: &Path, ca: &Authority) -> Option<Mosquitto> {
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).is_file()) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "mosquitto is not installed"
            );
            println!("SKIPPED: mosquitto is not installed");
            return None;
        };
        let tls = ca.write(&ca.server(), &folder.join("mosquitto"));
        let addr = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let text = format!(
            "per_listener_settings false\nallow_anonymous true\nuser root\nlistener {port} 127.0.0.1\nmax_inflight_messages 0\n\
             max_queued_messages 0\nrequire_certificate true\ncafile {0}/ca.pem\ncertfile {0}/certificate.pem\nkeyfile {0}/key.pem\n\
             log_dest file {1}/mosquitto.log\nlog_type all\n",
            tls.display(),
            folder.display(),
            port = addr.port()
        );
        let config = folder.join("mosquitto.conf");
        std::fs::write(&config, text).unwrap();
        let mosquitto = Mosquitto {
            child: spawn(program, &config),
            program,
            config,
            addr,
        };
        mosquitto.listens().await;
        Some(mosquitto)
    }

    /// Kills it and starts another on the same port.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.program, &self.config);
        self.listens().await;
    }

    async fn listens(&self) {
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(self.addr).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("mosquitto does not listen");
    }
}

fn spawn(program: &str, config: &Path) -> Child {
    let mut command = Command::new(program);
    command.arg("-c").arg(config).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// A sanitizer with one connection to Mosquitto.
pub struct Behind {
    pub folder: TempDir,
    pub fabric_ca: Authority,
    pub inner_ca: Authority,
    pub mosquitto: Mosquitto,
    pub sanitizer: tokio::process::Child,
    pub inner: SocketAddr,
}

impl Behind {
    pub async fn start(tenants: &[String], settings: &str) -> Option<Behind> {
        let folder = tempfile::tempdir().unwrap();
        let (fabric_ca, inner_ca) = (Authority::new(), Authority::new());
        let mosquitto = Mosquitto::start(folder.path(), &fabric_ca).await?;
        let settings = format!("broker.sessions=single broker.presence=heartbeat {settings}");
        let authorities = (&fabric_ca, &inner_ca);
        let port = mosquitto.addr.port();
        let (sanitizer, inner) =
            start_sanitizer(&folder, authorities, tenants, port, &settings).await;
        Some(Behind {
            folder,
            fabric_ca,
            inner_ca,
            mosquitto,
            sanitizer,
            inner,
        })
    }

    pub async fn centre(&self, service: &str) -> Centre {
        let certificate = self.inner_ca.identity(&format!("service/{service}"));
        Centre::connect(self.inner, &self.inner_ca, Some(&certificate))
            .await
            .unwrap()
    }

    /// A client that calls itself so; this broker asks no further.
    pub async fn agent(&self, tenant: &str, satellite: &str) -> super::agent::Agent {
        let certificate = self
            .fabric_ca
            .identity(&format!("tenant/{tenant}/satellite/{satellite}"));
        let tls = self.fabric_ca.client(Some(&certificate));
        super::agent::Agent::connect(self.mosquitto.addr, tls, tenant, satellite).await
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("mosquitto.log")).unwrap()
    }
}
