//! A second Node-RED beside the one that is kept, for a moment: whether flows would run, before they are put in force.
//!
//! It has a folder of its own that the other cannot reach, a port of its own, and the same confinement. Its flows do run meanwhile;
//! `SPOKEGATE_NODE_RED_TRIAL` tells settings and flows that it is a trial.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use spokegate_daemon::{SecretSource, Tasks};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;

use super::book::{Book, Stream};
use super::child::{Recipe, Running, installed};
use super::lines::Splitter;
use super::owner::end_marked;
use crate::config::NodeRedConfig;
use crate::deploy::names;

/// Flows start after the first answer, and may end it: so long it has to stay up.
const STEADY: Duration = Duration::from_secs(5);
const PROBES: Duration = Duration::from_millis(250);
/// What it prints when flows do not start, because something that they need is not installed. That a module is gone which
/// flows do not need is another sentence, and no fault: modules go with the flows that brought them.
const MISSING: &str = "Waiting for missing types to be registered";
/// What stands before each thing's name.
const NAMED: &str = "]  - ";
/// Lines of its output that wait to be looked at.
const LINES_MAX: usize = 256;
/// The palette's listing of what is answered, below Node-RED's root for data.
const LISTING: &str = "spokegate/palette/v1/datasets";
const LISTING_BYTES_MAX: usize = 65_536;

/// A dataset that flows have to answer, because a source of the agent asks them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Expected {
    pub(super) dataset: String,
    pub(super) version: u16,
}

#[derive(Deserialize)]
struct Listing {
    datasets: Vec<Expected>,
}

/// Starts Node-RED for a trial.
pub(super) struct Trial {
    pub(super) config: Arc<NodeRedConfig>,
    pub(super) command: Vec<String>,
    /// The folder of the one that is kept, whose modules are used.
    pub(super) user_dir: PathBuf,
    pub(super) expected: Vec<Expected>,
    /// Node-RED's root for data, as the sources have it.
    pub(super) root: String,
    /// What opens the palette's addresses.
    pub(super) token: SecretSource,
    pub(super) book: Book,
    pub(super) tasks: Tasks,
    pub(super) client: Client<HttpConnector, Empty<Bytes>>,
}

impl Trial {
    /// Runs what is prepared in a folder for a moment; why it must not be put in force.
    pub(super) async fn run(&self, folder: &Path, modules: Option<&Path>) -> Result<(), String> {
        modules.map_or(Ok(()), |modules| self.are_new(modules))?;
        let port = free_port().map_err(|error| format!("no port for a trial: {error:#}"))?;
        self.tell("a trial begins beside it");
        let mut running = self
            .start(folder, port, modules)
            .map_err(|error| format!("the trial cannot be started: {error:#}"))?;
        let (lines, mut came) = mpsc::channel(LINES_MAX);
        let out = running.child.stdout.take();
        let err = running.child.stderr.take();
        let judged = {
            let reading = async { tokio::join!(read(out, &lines), read(err, &lines)) };
            let steady = self.until_steady(port);
            tokio::pin!(reading, steady);
            let mut is_read = false;
            let mut missing = Missing::default();
            loop {
                break tokio::select! {
                    biased;
                    Some(line) = came.recv() => {
                        self.book.add(Stream::Out, &format!("(trial) {line}"));
                        missing.note(&line);
                        continue;
                    }
                    _ = &mut reading, if !is_read => {
                        is_read = true;
                        continue;
                    }
                    status = running.child.wait() => Err(ended(status, &missing)),
                    steady = &mut steady => steady.and_then(|()| missing.judge()),
                };
            }
        };
        let patience = Duration::from_secs(self.config.stop_s_max);
        running.stop(patience).await;
        let mark = folder.to_owned();
        // What its flows started and left behind.
        let strays = move || end_marked(&mark, patience);
        self.tasks.blocking("trial strays", strays).await;
        self.tell(match &judged {
            Ok(()) => "the trial is over, and was good",
            Err(_) => "the trial is over, and was not good",
        });
        judged
    }

    /// Node-RED takes the first module of a name, and looks at those of the machine before these.
    fn are_new(&self, modules: &Path) -> Result<(), String> {
        let mut places = installed(&self.command);
        places.push(self.user_dir.clone());
        for name in names(modules) {
            let place = places
                .iter()
                .map(|place| place.join("node_modules").join(&name));
            if let Some(place) = place.into_iter().find(|place| place.exists()) {
                let place = place.display();
                return Err(format!(
                    "{name} would not be used, because Node-RED takes the one in {place}, hint: remove that, or import the flow set without it"
                ));
            }
        }
        Ok(())
    }

    fn start(&self, folder: &Path, port: u16, modules: Option<&Path>) -> anyhow::Result<Running> {
        let recipe = Recipe {
            config: &self.config,
            command: &self.command,
            folder,
            port,
            beside: Some(&self.user_dir),
            modules,
            safe: false,
        };
        recipe.start()
    }

    /// Whether the one that is kept answers now, and what it has to; why not.
    pub(super) async fn is_good(&self) -> Result<(), String> {
        let port = self.config.port;
        match self.answers(port).await {
            true => self.has_expected(port).await,
            false => Err("it does not answer over HTTP any more".to_owned()),
        }
    }

    /// Until it has answered for a while, and answers what it has to.
    async fn until_steady(&self, port: u16) -> Result<(), String> {
        let limit = Duration::from_secs(self.config.start_s_max);
        let first = async {
            while !self.answers(port).await {
                tokio::time::sleep(PROBES).await;
            }
        };
        let came = tokio::time::timeout(limit, first).await;
        came.map_err(|_| {
            let limit_s = self.config.start_s_max;
            format!("it does not answer within {limit_s} s (node_red.start_s_max)")
        })?;
        tokio::time::sleep(STEADY).await;
        if !self.answers(port).await {
            return Err("it does not answer over HTTP any more".to_owned());
        }
        self.has_expected(port).await
    }

    async fn answers(&self, port: u16) -> bool {
        let Ok(uri) = format!("http://127.0.0.1:{port}/").parse() else {
            return false;
        };
        let limit = Duration::from_secs(self.config.probe_s_max);
        let answer = tokio::time::timeout(limit, self.client.get(uri)).await;
        matches!(answer, Ok(Ok(_)))
    }

    async fn has_expected(&self, port: u16) -> Result<(), String> {
        if self.expected.is_empty() {
            return Ok(());
        }
        let limit = Duration::from_secs(self.config.probe_s_max);
        let listed = tokio::time::timeout(limit, self.listing(port)).await;
        let listed = listed.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
        let there = listed
            .map_err(|error| format!("it does not say which datasets it answers: {error:#}"))?;
        let gone: Vec<String> = self
            .expected
            .iter()
            .filter(|expected| !there.contains(expected))
            .map(|expected| format!("{} v{}", expected.dataset, expected.version))
            .collect();
        if gone.is_empty() {
            return Ok(());
        }
        Err(format!(
            "no dataset request node answers {}, which a [[source]] of this agent asks for",
            gone.join(", ")
        ))
    }

    async fn listing(&self, port: u16) -> anyhow::Result<Vec<Expected>> {
        let token = self.token.resolve()?;
        let root = self.root.trim_end_matches('/');
        let request = Request::get(format!("http://127.0.0.1:{port}{root}/{LISTING}"))
            .header(AUTHORIZATION, format!("Bearer {}", token.expose()))
            .body(Empty::new())?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "it answers {status}");
        let body = Limited::new(answer.into_body(), LISTING_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        let listing: Listing = serde_json::from_slice(&body.to_bytes())?;
        Ok(listing.datasets)
    }

    fn tell(&self, text: &str) {
        self.book.add(Stream::Agent, text);
    }
}

/// What is not installed, as the lines say.
#[derive(Debug, Default)]
struct Missing {
    names: Vec<String>,
    listing: bool,
}

impl Missing {
    /// Names follow the sentence, each in a line of its own: `… [info]  - name`.
    fn note(&mut self, line: &str) {
        const NAMES_MAX: usize = 8;
        if line.contains(MISSING) {
            self.listing = true;
            return;
        }
        match line.split_once(NAMED) {
            Some((_, name)) if self.listing && self.names.len() < NAMES_MAX => {
                self.names.push(name.trim().to_owned());
            }
            _ => {}
        }
    }

    fn judge(&self) -> Result<(), String> {
        match self.listing {
            false => Ok(()),
            true => Err(format!(
                "its flows do not start, for this is not installed: {}",
                self.names.join(", ")
            )),
        }
    }
}

fn ended(status: std::io::Result<std::process::ExitStatus>, missing: &Missing) -> String {
    let why = match status {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it cannot be waited for: {error}"),
    };
    match missing.judge() {
        Ok(()) => why,
        Err(missing) => format!("{why}; {missing}"),
    }
}

/// Hands a stream's lines on; what finds no room is lost, for the stream must not stand.
async fn read(pipe: Option<impl AsyncRead + Unpin>, lines: &mpsc::Sender<String>) {
    let Some(mut pipe) = pipe else { return };
    let (mut splitter, mut buffer) = (Splitter::default(), vec![0; 8_192]);
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        for line in splitter.feed(buffer.get(..length).unwrap_or_default()) {
            let _ = lines.try_send(line);
        }
    }
}

/// A port of loopback that nobody uses at the moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let place = listener.and_then(|listener| listener.local_addr());
    Ok(place.context("bind to loopback")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: Option<&str>) {
        let mut missing = Missing::default();
        for line in lines {
            missing.note(line);
        }
        match (missing.judge(), expected) {
            (Ok(()), None) => {}
            (Err(told), Some(words)) => assert!(told.ends_with(words), "{told}"),
            (judged, expected) => panic!("{judged:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_is_not_installed_is_named() {
        let warns = "23 Nov 09:00:00 - [info] Waiting for missing types to be registered:";
        check(&["23 Nov 09:00:00 - [info] Started flows"], None);
        check(
            &[
                warns,
                "23 Nov 09:00:00 - [info]  - s7 in",
                "23 Nov 09:00:00 - [info] Server now running",
            ],
            Some("installed: s7 in"),
        );
        check(
            &[
                warns,
                "23 Nov 09:00:00 - [info]  - a",
                "23 Nov 09:00:00 - [info]  - b (provided by npm module c)",
            ],
            Some("installed: a, b (provided by npm module c)"),
        );
        let gone = "23 Nov 09:00:00 - [info] Missing node modules:";
        check(&[gone, "23 Nov 09:00:00 - [info]  - x (1.0.0): x"], None);
        // A flow's own word about something else.
        check(&["23 Nov 09:00:00 - [warn] [function:x] a - b"], None);
    }
}
