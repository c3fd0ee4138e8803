//! `spokegate-agent logs` and `spokegate-agent node-red`: asked of the running agent, on the keeper's socket.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use spokegate_daemon::EXIT_FAILURE;
use spokegate_daemon::cli::{ConfigArgs, tell, wait_for};
use tokio::net::UnixStream;

use super::NodeRedStatus;
use super::disk::tail;
use crate::config::Config;
use crate::service::AgentService;

/// Its name beside the spool.
const SOCKET_NAME: &str = "node-red.sock";
const ANSWER_BYTES_MAX: usize = 1 << 16;

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// How many of the last lines to show
    #[arg(long, value_name = "N", default_value_t = 100)]
    tail: u64,
    /// Goes on with the lines to come, until it is interrupted
    #[arg(long)]
    follow: bool,
}

/// Arguments of `node-red`.
#[derive(Debug, Args)]
pub struct NodeRedArgs {
    /// What to do; start and restart leave safe mode
    #[arg(value_enum)]
    order: OrderWord,
}

/// An order in words.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderWord {
    Start,
    Stop,
    Restart,
}

pub(super) fn place(spool: &Path) -> PathBuf {
    spool.with_file_name(SOCKET_NAME)
}

impl LogsArgs {
    /// Runs it to its exit code.
    pub(crate) fn run(&self, files: &ConfigArgs) -> ExitCode {
        end(kept(files).map(|config| wait_for(self.act(&config))))
    }

    async fn act(&self, config: &Config) -> anyhow::Result<()> {
        let place = place(&config.spool.path);
        let uri = format!(
            "/v1/node-red/logs?tail={}&follow={}",
            self.tail, self.follow
        );
        let stream = match UnixStream::connect(&place).await {
            Ok(stream) => stream,
            Err(error) if self.follow => {
                return Err(error).with_context(|| unanswered(&place));
            }
            Err(_) => return self.show_disk(config),
        };
        talk(
            stream,
            Method::GET,
            &uri,
            async |answer: Response<Incoming>| {
                let mut body = good(answer).await?.into_body();
                while let Some(frame) = body.frame().await {
                    if let Ok(text) = frame.context("read on")?.into_data() {
                        show(&text)?;
                    }
                }
                Ok(())
            },
        )
        .await
    }

    /// What an agent that does not run has left.
    fn show_disk(&self, config: &Config) -> anyhow::Result<()> {
        tell("no agent runs; this is what the last one wrote");
        let beside = config.spool.path.parent().unwrap_or(Path::new("."));
        let lines = tail(beside, config.node_red.log_bytes_max);
        let wanted = usize::try_from(self.tail).unwrap_or(usize::MAX);
        let skipped = lines.len().saturating_sub(wanted);
        lines
            .iter()
            .skip(skipped)
            .try_for_each(|line| show(format!("{line}\n").as_bytes()))
    }
}

impl NodeRedArgs {
    /// Runs it to its exit code.
    pub(crate) fn run(&self, files: &ConfigArgs) -> ExitCode {
        end(kept(files).map(|config| wait_for(self.act(&config))))
    }

    async fn act(&self, config: &Config) -> anyhow::Result<()> {
        let place = place(&config.spool.path);
        let word = match self.order {
            OrderWord::Start => "start",
            OrderWord::Stop => "stop",
            OrderWord::Restart => "restart",
        };
        let stream = UnixStream::connect(&place)
            .await
            .with_context(|| unanswered(&place))?;
        let uri = format!("/v1/node-red/{word}");
        talk(
            stream,
            Method::POST,
            &uri,
            async |answer: Response<Incoming>| {
                let text = whole(good(answer).await?).await?;
                let status: NodeRedStatus =
                    serde_json::from_slice(&text).context("read the agent's answer")?;
                show(format!("Node-RED {}\n", status.text()).as_bytes())
            },
        )
        .await
    }
}

/// The configuration, where it has a Node-RED to keep.
fn kept(files: &ConfigArgs) -> Result<Config, ExitCode> {
    let config = files.load_or_tell::<AgentService>()?;
    if config.node_red.kept().is_none() {
        tell(
            "this agent keeps no Node-RED\n  hint: set node_red.command and node_red.user_dir, or ask whoever starts Node-RED here: journalctl -u node-red",
        );
        return Err(ExitCode::from(EXIT_FAILURE));
    }
    Ok(config)
}

fn end(done: Result<anyhow::Result<()>, ExitCode>) -> ExitCode {
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            tell(&format!("{error:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
        Err(code) => code,
    }
}

fn unanswered(place: &Path) -> String {
    format!(
        "no running agent answers at {}; hint: systemctl status spokegate-agent",
        place.display()
    )
}

/// One question.
async fn talk(
    stream: UnixStream,
    method: Method,
    uri: &str,
    hear: impl AsyncFnOnce(Response<Incoming>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .context("talk to the agent")?;
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "agent")
        .body(Empty::<Bytes>::new())
        .context("ask the agent")?;
    let work = async {
        let answer = sender
            .send_request(request)
            .await
            .context("ask the agent")?;
        hear(answer).await
    };
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => done,
        // It has ended; what came before may not all be read.
        _ = connection => work.await,
    }
}

/// An answer that is no refusal.
async fn good(answer: Response<Incoming>) -> anyhow::Result<Response<Incoming>> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let text = whole(answer).await?;
    let told: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    match told
        .pointer("/error/detail")
        .and_then(serde_json::Value::as_str)
    {
        Some(detail) => bail!("{detail}"),
        None => bail!("the agent refuses without a reason"),
    }
}

async fn whole(answer: Response<Incoming>) -> anyhow::Result<Bytes> {
    let body = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let collected = body.collect().await;
    let collected =
        collected.map_err(|error| anyhow::anyhow!("read the agent's answer: {error}"))?;
    Ok(collected.to_bytes())
}

fn show(text: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.context("write to standard output"),
    }
}
