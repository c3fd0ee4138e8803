//! The socket beside the spool on which a running agent says how it is: connect, read JSON to the end. Its folder is the
//! agent's own, so that nobody else on the machine can ask.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_contract::Address;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::{AgentStatus, CertificateStatus, DatasetStatus, LinkState, SpoolStatus, health_word};
use crate::bindings::Bindings;
use crate::credentials::{Life, Store};
use crate::keeper::KeeperState;
use crate::spool::Spool;
use crate::status::health;

/// Its name in the spool's folder.
const SOCKET_NAME: &str = "agent.sock";
/// How long one who asks may take; there is one at a time.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long a running agent may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(15);
const STATUS_BYTES_MAX: u64 = 1 << 20;

/// What the answer is made of.
pub(crate) struct StatusSocket {
    pub(crate) address: Address,
    pub(crate) link: LinkState,
    pub(crate) store: Arc<Store>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) spool_bytes_max: u64,
    pub(crate) bindings: Arc<Bindings>,
    /// Where a Node-RED is kept.
    pub(crate) keeper: Option<KeeperState>,
    pub(crate) started_at_ms: u64,
    pub(crate) soft: CancellationToken,
}

fn place(spool: &Path) -> PathBuf {
    spool.with_file_name(SOCKET_NAME)
}

impl StatusSocket {
    /// Serves until the soft token is cancelled. An agent that cannot be asked works all the same.
    pub(crate) async fn run(self, spool: PathBuf) {
        let place = place(&spool);
        // The spool is this process's alone, so a socket that is there belongs to one that has ended.
        let _ = std::fs::remove_file(&place);
        let listener = match UnixListener::bind(&place) {
            Ok(listener) => listener,
            Err(error) => {
                return tracing::warn!(%error, socket = %place.display(), "`spokegate-agent status` will have no answer");
            }
        };
        while let Some(accepted) = self.soft.run_until_cancelled(listener.accept()).await {
            let Ok((stream, _)) = accepted else {
                // Too many open files; they get fewer.
                tokio::time::sleep(ANSWER_LIMIT).await;
                continue;
            };
            let _ = tokio::time::timeout(ANSWER_LIMIT, self.answer(stream)).await;
        }
        let _ = std::fs::remove_file(&place);
    }

    async fn answer(&self, mut stream: UnixStream) {
        let status = self.status().await;
        let text = serde_json::to_vec(&status).expect("numbers and text make JSON");
        // Whoever asked may be gone.
        let _ = stream.write_all(&text).await;
    }

    async fn status(&self) -> AgentStatus {
        let life = self.store.certificate().ok();
        let life = life.and_then(|certificate| Life::of(&certificate).ok());
        let spool = self.spool.marks().await.ok().map(|marks| SpoolStatus {
            messages: marks.messages,
            bytes: marks.bytes,
            bytes_max: self.spool_bytes_max,
        });
        let dataset =
            |(id, binding): (&spokegate_contract::DatasetId, &crate::bindings::Binding)| {
                DatasetStatus {
                    dataset: id.to_string(),
                    version: binding.version,
                    pulled: binding.source.is_some(),
                }
            };
        AgentStatus {
            version: crate::update::version().to_owned(),
            process: std::process::id(),
            started_at_ms: self.started_at_ms,
            tenant: self.address.tenant.to_string(),
            satellite: self.address.satellite.to_string(),
            link: self.link.now(),
            certificate: life.as_ref().map(CertificateStatus::of),
            spool,
            datasets: self.bindings.iter().map(dataset).collect(),
            kept_node_red: self.keeper.as_ref().map(KeeperState::now),
            node_red: health_word(health(&self.bindings).await).to_owned(),
        }
    }
}

/// Asks the agent that runs with this spool.
pub(crate) async fn ask(spool: &Path) -> anyhow::Result<AgentStatus> {
    let place = place(spool);
    let talk = async {
        let stream = UnixStream::connect(&place).await?;
        let mut text = Vec::new();
        stream.take(STATUS_BYTES_MAX).read_to_end(&mut text).await?;
        anyhow::Ok(serde_json::from_slice(&text)?)
    };
    let answered = tokio::time::timeout(ASK_LIMIT, talk).await;
    answered
        .context("it does not answer in time")
        .flatten()
        .with_context(|| format!("no running agent answers at {}", place.display()))
}
