//! The contracts on this machine, read by a process of a moment: they take no memory between two questions.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spokegate_contract::{DatasetId, Kind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::fault::LocalFault;
use super::verdict::Verdict;

/// Processes at a time; further questions wait.
const WORKERS_MAX: usize = 2;
/// How long a question may wait for its turn.
const TURN_S_MAX: u64 = 10;
/// How long the process may take by the clock; its CPU time has the same limit.
pub(super) const CHECK_S_MAX: u64 = 10;
/// Memory of the process on top of the program's own: two of them fit beside the agent into what its unit grants.
pub(super) const CHECK_MEMORY_BYTES_MAX: u64 = 41_943_040;
/// Longest answer of the process.
const ANSWER_BYTES_MAX: u64 = 4_194_304;
/// Bytes of its last words that reach the log.
const WORDS_BYTES_MAX: u64 = 2_048;
const PROGRAM: &str = "spokegate-agent";

/// What the process answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// Every contract.
    Datasets(Vec<Listed>),
    /// What a contract says of some data.
    Verdict(Verdict),
    /// There is no such contract; in words.
    Unknown(String),
}

/// One contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Listed {
    pub(super) dataset: String,
    pub(super) version: u16,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) shape: String,
    pub(super) directions: Vec<String>,
    pub(super) status: String,
    pub(super) schema: Value,
    pub(super) params_schema: Value,
}

impl Listed {
    pub(super) fn is(&self, dataset: &str, version: u16) -> bool {
        self.dataset == dataset && self.version == version
    }

    pub(super) fn to_json(&self) -> Value {
        json!(self)
    }
}

/// The folder that `schemas` names.
pub(super) struct Contracts {
    schemas: PathBuf,
    turns: Semaphore,
}

impl Contracts {
    pub(super) fn new(schemas: PathBuf) -> Self {
        Self {
            schemas,
            turns: Semaphore::new(WORKERS_MAX),
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<Listed>, LocalFault> {
        match self.ask(&[], Bytes::new()).await? {
            Answer::Datasets(listed) => Ok(listed),
            _ => Err(LocalFault::Contracts),
        }
    }

    pub(super) async fn check(
        &self,
        dataset: &DatasetId,
        version: u16,
        kind: Option<Kind>,
        json: Bytes,
    ) -> Result<Value, LocalFault> {
        let kind = kind.map(|kind| match kind {
            Kind::Pull => "--kind=pull",
            Kind::Push => "--kind=push",
        });
        let mut arguments = vec![
            format!("--dataset={dataset}"),
            format!("--version={version}"),
        ];
        arguments.extend(kind.map(str::to_owned));
        match self.ask(&arguments, json).await? {
            Answer::Verdict(verdict) => Ok(json!(verdict)),
            Answer::Unknown(detail) => Err(LocalFault::Dataset { detail }),
            Answer::Datasets(_) => Err(LocalFault::Contracts),
        }
    }

    async fn ask(&self, arguments: &[String], input: Bytes) -> Result<Answer, LocalFault> {
        let turn = Duration::from_secs(TURN_S_MAX);
        let _turn = tokio::time::timeout(turn, self.turns.acquire())
            .await
            .map_err(|_| LocalFault::Busy)?
            .map_err(|_| LocalFault::Busy)?;
        let broken = |what: String| {
            tracing::error!(error = what, "the contracts could not be asked");
            LocalFault::Contracts
        };
        let program = spokegate_confine::program::own(PROGRAM)
            .map_err(|error| broken(format!("{error:#}")))?;
        let child = Command::new(program)
            .arg("contract-worker")
            .arg("--schemas")
            .arg(&self.schemas)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken(error.to_string()))?;
        let limit = Duration::from_secs(CHECK_S_MAX);
        let ended = tokio::time::timeout(limit, hear(child, input)).await;
        let heard = ended
            .map_err(|_| LocalFault::Costly)?
            .map_err(|error| broken(error.to_string()))?;
        match serde_json::from_slice(&heard.answer) {
            Ok(answer) if heard.good => Ok(answer),
            _ if heard.stopped => Err(LocalFault::Costly),
            _ => Err(broken(String::from_utf8_lossy(&heard.words).into_owned())),
        }
    }
}

/// What came of a process.
struct Heard {
    answer: Vec<u8>,
    words: Vec<u8>,
    good: bool,
    /// A limit ended it: CPU time by a signal, memory by the runtime's words.
    stopped: bool,
}

async fn hear(mut child: Child, input: Bytes) -> std::io::Result<Heard> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut pipe) = stdin {
            // A worker that ends before it has read all says why.
            let _ = pipe.write_all(&input).await;
        }
    };
    let (mut answer, mut words) = (Vec::new(), Vec::new());
    let read = async {
        if let Some(pipe) = stdout {
            pipe.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let listen = async {
        if let Some(pipe) = stderr {
            let _ = pipe.take(WORDS_BYTES_MAX).read_to_end(&mut words).await;
        }
    };
    let ((), read, ()) = tokio::join!(feed, read, listen);
    read?;
    let status = child.wait().await?;
    let stopped =
        status.code().is_none() || String::from_utf8_lossy(&words).contains("memory allocation of");
    Ok(Heard {
        answer,
        words,
        good: status.success(),
        stopped,
    })
}
