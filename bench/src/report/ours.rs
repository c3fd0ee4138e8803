//! Spokegate as it is installed: broker, agent and sanitizer as processes of their own, real Node-RED, TLS on every hop.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use spokegate_demo::client::{Browser, NewRun, RunState};
use spokegate_demo::{Child, Fabric, Options, Service, SourceChoice};

/// The customer whose devices are listed.
const TENANT: &str = "acme";
/// The report that both sides make.
const REPORT: &str = "device-list";
/// Time for agent and sanitizer to find the broker again.
const RECONNECT: Duration = Duration::from_secs(30);

/// The running fabric.
pub(super) struct Ours {
    fabric: Fabric,
    agent: Child,
    broker: Child,
}

impl Ours {
    /// Starts everything; the binaries are those beside our own.
    pub(super) async fn start(repository: &Path) -> anyhow::Result<Self> {
        let mut options = Options::sample()?;
        options.tenants.truncate(1);
        options.source = SourceChoice::NodeRed;
        options.push_every_s = 3_600;
        options.settings.push((
            Service::Reports,
            format!("reports={}", repository.join("bench/reports").display()),
        ));
        let mut fabric = Fabric::start(options).await.context("start Spokegate")?;
        let broker = broker_process(&fabric).await?;
        let config = fabric
            .folder()
            .join(format!("satellites/{TENANT}/agent.toml"));
        fabric.satellite(TENANT)?.stop_agent().await;
        let agent = process("agent", &config, fabric.folder())?;
        let ours = Self {
            fabric,
            agent,
            broker,
        };
        ours.wait_for_first_report().await?;
        Ok(ours)
    }

    /// A person signed in.
    pub(super) async fn browser(&self) -> anyhow::Result<Browser> {
        let mut browser = self.fabric.browser()?;
        browser.sign_in("alice", self.fabric.password()).await?;
        Ok(browser)
    }

    async fn wait_for_first_report(&self) -> anyhow::Result<()> {
        let mut browser = self.browser().await?;
        let attempts = async {
            while report(&mut browser, 1).await.is_err() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(RECONNECT, attempts)
            .await
            .context("the fabric did not come together")
    }

    /// The agent, the broker, and every process of the sanitizer.
    pub(super) fn processes(&mut self) -> Processes {
        Processes {
            agent: self.agent.id(),
            broker: self.broker.id(),
            sanitizer: crate::memory::family(self.fabric.sanitizer().id()),
        }
    }

    /// Ends everything.
    pub(super) async fn stop(self) {
        drop(self.agent);
        self.fabric.shutdown().await;
        drop(self.broker);
    }
}

/// Process ids of what lies between Node-RED and the centre.
#[derive(Debug, Clone)]
pub(super) struct Processes {
    /// The satellite agent.
    pub(super) agent: u32,
    /// The broker.
    pub(super) broker: u32,
    /// Supervisor, ingest, workers, egress.
    pub(super) sanitizer: Vec<u32>,
}

/// One report of `rows` rows, from sending the form to the last byte of the document.
pub(super) async fn report(browser: &mut Browser, rows: u32) -> anyhow::Result<Bytes> {
    let rows = rows.to_string();
    let order = NewRun {
        report: REPORT,
        tenants: &[TENANT],
        fields: &[("rows", &rows)],
    };
    let run = browser.order(&order).await?;
    let run = browser.await_end(&run).await?;
    ensure!(
        run.state == RunState::Done,
        "the run ended as {:?}: {}",
        run.state,
        run.reason
    );
    let document = browser.download(&run.id).await?;
    ensure!(
        document.bytes.starts_with(b"PK"),
        "the document is no package"
    );
    Ok(document.bytes)
}

fn toml_path(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// The broker that the fabric started in this process, replaced by its binary on the same address.
async fn broker_process(fabric: &Fabric) -> anyhow::Result<Child> {
    let addr = fabric.broker_addr();
    fabric.broker().stop().await;
    let tls = fabric.certificates().join("broker");
    let file = |name: &str| toml_path(&tls.join(name));
    let config = fabric.folder().join("broker.toml");
    let text = format!(
        "trust_domain = \"spokegate.demo\"\n[tls]\ncertificate = {}\nkey = {}\nclient_ca = {}\n\
         [[listener]]\nkind = \"mtls\"\naddress = \"{addr}\"\n[ops]\nlisten = \"127.0.0.1:0\"\n",
        file("certificate.pem"),
        file("key.pem"),
        file("ca.pem"),
    );
    std::fs::write(&config, text).context("write the broker's configuration")?;
    process("broker", &config, fabric.folder())
}

fn process(service: &str, config: &Path, folder: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(binary(service)?);
    command
        .args(["run", "--config"])
        .arg(config)
        .args(["--set", "ops.listen=127.0.0.1:0"]);
    Child::spawn(command, &folder.join(format!("{service}.log")))
}

fn binary(service: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    Ok(own.with_file_name(format!("spokegate-{service}")))
}
