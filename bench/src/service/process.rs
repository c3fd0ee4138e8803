//! The report service as a process of its own, in the place of the demonstration's.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use spokegate_demo::client::Browser;
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Child, Fabric};

/// Time to become ready.
const READY: Duration = Duration::from_secs(60);
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(2);

/// The running process; ends when dropped.
pub(super) struct ServiceProcess {
    child: Child,
    forms: String,
    ca_pem: String,
    /// From the start of the program to the first answer that it is ready.
    pub(super) ready_after: Duration,
}

impl ServiceProcess {
    /// Starts it on the demonstration's configuration, with further settings, and waits until it is ready.
    pub(super) async fn start(fabric: &Fabric, settings: &[String]) -> anyhow::Result<Self> {
        let (forms, admin, ops) = (free_port()?, free_port()?, free_port()?);
        let program = std::env::current_exe()
            .context("find our own program")?
            .with_file_name("spokegate-reports");
        let mut command = Command::new(program);
        command
            .args(["run", "--config"])
            .arg(fabric.folder().join("reports/reports.toml"));
        let own = [
            format!("reports={}", super::reports_folder(repository())),
            format!("forms.listen=127.0.0.1:{forms}"),
            format!("admin.listen=127.0.0.1:{admin}"),
            format!("ops.listen=127.0.0.1:{ops}"),
            // All people come from this machine, and most of them are one person.
            "session.per_person_max=1000".to_owned(),
            "throttle.address_failures_max=1000".to_owned(),
            "log.filter=warn".to_owned(),
        ];
        for setting in own.iter().chain(settings) {
            command.args(["--set", setting]);
        }
        let log = fabric.folder().join("reports-process.log");
        let begin = Instant::now();
        let mut child = Child::spawn(command, &log)?;
        let http = PlainClient::new();
        let url = format!("http://127.0.0.1:{ops}/readyz");
        while !matches!(http.get(&url, "").await, Ok(answer) if answer.status == 200) {
            if child.ended().is_some() || begin.elapsed() > READY {
                bail!("the report service is not ready: {}", child.last_words());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(Self {
            child,
            forms: format!("https://localhost:{forms}"),
            ca_pem: fabric.ca_pem().to_owned(),
            ready_after: begin.elapsed(),
        })
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A browser at the forms, not signed in.
    pub(super) fn browser(&self) -> anyhow::Result<Browser> {
        Browser::new(&self.forms, &self.ca_pem)
    }

    /// Somebody who has signed in.
    pub(super) async fn person(&self, fabric: &Fabric) -> anyhow::Result<Browser> {
        let mut browser = self.browser()?;
        browser.sign_in("alice", fabric.password()).await?;
        Ok(browser)
    }
}

/// The repository that we were built from.
pub(super) fn repository() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
    Ok(listener.local_addr().context("read a free port")?.port())
}
