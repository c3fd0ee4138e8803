//! The packaged agent as a process, with a file to read and a spool on the disk that holds this program.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use spokegate_demo::Child;
use tempfile::TempDir;

use super::{SATELLITE, TENANT};
use crate::broker::authority::{Authority, write_private};

/// What flows show.
pub(super) const PUSH_TOKEN: &str = "the-push-token-of-the-bench";

/// A running agent; ends when dropped.
pub(super) struct AgentProcess {
    child: Child,
    push_url: String,
    _folder: TempDir,
}

/// The program as packages have it.
pub(super) fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    let target = own.ancestors().nth(2).context("find the build's folder")?;
    let program = target.join("satellite/spokegate-agent");
    ensure!(
        program.exists(),
        "{} is not there; hint: cargo build --profile satellite -p spokegate-agent",
        program.display()
    );
    Ok(program)
}

impl AgentProcess {
    /// Starts it without waiting.
    pub(super) fn start(authority: &Authority, broker: SocketAddr) -> anyhow::Result<Self> {
        let program = program()?;
        // Not the folder for temporary files, which may be memory.
        let disk = program.parent().context("find the disk")?;
        let folder = TempDir::new_in(disk).context("make a folder for an agent")?;
        authority.write_satellite(TENANT, SATELLITE, folder.path())?;
        let rows = r#"[{"hostname":"acme-srv01","kind":"server","online":true}]"#;
        std::fs::write(folder.path().join("devices.json"), rows).context("write its file")?;
        write_private(&folder.path().join("push.token"), PUSH_TOKEN)?;
        let port = TcpListener::bind("127.0.0.1:0").context("find a free port")?;
        let push = port.local_addr().context("read a free port")?;
        let directory = folder.path().display();
        let text = format!(
            "[broker]\naddress = \"{broker}\"\nserver_name = \"localhost\"\n\
             [tls]\ncertificate = '{directory}/agent.pem'\nkey = '{directory}/agent.key'\nca = '{directory}/ca.pem'\n\
             [enrolment]\nrenew = false\n[spool]\npath = '{directory}/spool'\n\
             [push]\nlisten = \"{push}\"\ntoken_file = '{directory}/push.token'\n\
             [files]\ndirectory = '{directory}'\n\
             [ops]\nlisten = \"127.0.0.1:0\"\n[log]\nfilter = \"warn\"\n\
             [[source]]\ndataset = \"devices\"\nkind = \"file\"\npath = \"devices.json\"\nformat = \"json\"\n\
             [[source]]\ndataset = \"backup-jobs\"\nkind = \"push\"\n"
        );
        let config = folder.path().join("agent.toml");
        std::fs::write(&config, text).context("write its configuration")?;
        drop(port);
        let mut command = Command::new(program);
        command.args(["run", "--config"]).arg(config);
        let child = Child::spawn(command, &folder.path().join("log"))?;
        Ok(Self {
            child,
            push_url: format!("http://{push}/v1/push/backup-jobs"),
            _folder: folder,
        })
    }

    /// Its last words.
    pub(super) fn words(&self) -> String {
        self.child.last_words()
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where flows push.
    pub(super) fn push_url(&self) -> &str {
        &self.push_url
    }
}
