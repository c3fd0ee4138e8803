//! Starts the process that fills a template, waits for it, and puts its end into words.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use spokegate_confine::SandboxMode;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::order::{Answer, Span};
use super::{RenderFailure, Stopped};
use crate::config::RenderConfig;

/// What the process gets on the clock beyond its CPU time: the disk may be slow, the machine busy.
const GRACE_S: u64 = 30;
/// Longest answer.
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;
const MB: u64 = 1024 * 1024;

/// How the process is started.
#[derive(Debug)]
pub(super) struct Launch {
    program: PathBuf,
    sandbox: SandboxMode,
    memory_mb: u64,
    document_mb: u64,
    seconds: u64,
}

impl Launch {
    pub(super) fn new(config: &RenderConfig) -> anyhow::Result<Self> {
        Ok(Self {
            program: spokegate_confine::program::own("spokegate-reports")
                .context("find the program that fills templates")?,
            sandbox: config.sandbox,
            memory_mb: config.memory_mb.into(),
            document_mb: config.document_mb.into(),
            seconds: config.limit_s.into(),
        })
    }

    /// Has an order done; gives its answer. Dropping this ends the process.
    pub(super) async fn run(
        &self,
        tray: std::fs::File,
        order: Span,
        output: Stdio,
    ) -> Result<Answer, RenderFailure> {
        let unfit = |error: std::io::Error| RenderFailure::Worker(error.to_string());
        let spawned = self.command(order, tray, output).spawn();
        let mut child = spawned.map_err(|error| {
            let program = self.program.display();
            RenderFailure::Worker(format!("start {program}: {error}"))
        })?;
        let answer = child.stderr.take();
        let both = async { tokio::join!(child.wait(), told(answer)) };
        let limit = Duration::from_secs(self.seconds.saturating_add(GRACE_S));
        let Ok((status, told)) = tokio::time::timeout(limit, both).await else {
            child.kill().await.map_err(unfit)?;
            return Err(self.stopped(Stopped::Late));
        };
        let status = status.map_err(unfit)?;
        match serde_json::from_slice(&told) {
            Ok(answer) if status.success() => Ok(answer),
            _ => Err(self.stopped(how(status, &String::from_utf8_lossy(&told)))),
        }
    }

    pub(super) fn stopped(&self, how: Stopped) -> RenderFailure {
        RenderFailure::Stopped {
            how,
            memory_mb: self.memory_mb,
            document_mb: self.document_mb,
            seconds: self.seconds,
        }
    }

    fn command(&self, order: Span, tray: std::fs::File, output: Stdio) -> Command {
        let mut command = Command::new(&self.program);
        let number = |name: &str, value: u64| format!("--{name}={value}");
        command
            .arg("render-worker")
            .arg(format!("--sandbox={}", self.sandbox.as_str()))
            .arg(number("memory-bytes", self.memory_mb.saturating_mul(MB)))
            .arg(number(
                "document-bytes",
                self.document_mb.saturating_mul(MB),
            ))
            .arg(number("seconds", self.seconds))
            .arg(number("order-at", order.at))
            .arg(number("order-bytes", order.bytes))
            .env_clear()
            .stdin(tray)
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

async fn told(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(pipe) = pipe {
        // What cannot be read is no answer.
        let _ = pipe.take(ANSWER_BYTES_MAX).read_to_end(&mut text).await;
    }
    text
}

/// Why a process ended that gave no answer, by its signal and by the last words of its runtime.
fn how(status: ExitStatus, told: &str) -> Stopped {
    if told.contains("memory allocation of") {
        return Stopped::Memory;
    }
    match status.signal() {
        Some(libc::SIGPROF | libc::SIGXCPU) => Stopped::Late,
        Some(libc::SIGXFSZ) => Stopped::TooLarge,
        // The system had none left.
        Some(libc::SIGKILL) => Stopped::Memory,
        _ => Stopped::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let launch = Launch {
            program: "/nowhere/fills".into(),
            sandbox: SandboxMode::Require,
            memory_mb: 1,
            document_mb: 1,
            seconds: 1,
        };
        let tray = tempfile::tempfile().unwrap();
        let order = Span { at: 0, bytes: 0 };
        let run = async { Ok(launch.run(tray, order, Stdio::null()).await) };
        let failure = spokegate_daemon::cli::wait_for(run).unwrap().unwrap_err();
        let told = failure.to_string();
        assert!(
            told.contains("start /nowhere/fills: No such file"),
            "{told}"
        );
    }

    #[test]
    fn every_end_without_an_answer_has_its_name() {
        let check = |status: i32, told: &str, expected: Stopped| {
            assert_eq!(how(ExitStatus::from_raw(status), told), expected, "{told}");
        };
        let words = "memory allocation of 90000000 bytes failed\n";
        check(libc::SIGABRT, words, Stopped::Memory);
        check(libc::SIGSYS, words, Stopped::Memory);
        check(libc::SIGKILL, "", Stopped::Memory);
        check(libc::SIGPROF, "", Stopped::Late);
        check(libc::SIGXFSZ, "", Stopped::TooLarge);
        check(libc::SIGSYS, "", Stopped::Broken);
        check(libc::SIGSEGV, "", Stopped::Broken);
        check(101 << 8, "", Stopped::Broken);
        check(0, "{\"done\":", Stopped::Broken);
    }
}
