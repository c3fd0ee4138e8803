//! A child process and its two pipes.

use crate::link::{FrameReader, encode_into};
use crate::sandbox::{self, Ids, Layers};
use crate::setup::SandboxMode;
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use spokegate_contract::TenantId;
use spokegate_daemon::Tasks;
use std::io::PipeWriter;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

/// Frames that wait for a child to read. A sender waits when it is full; what makes frames is bounded by windows.
const PIPE_FRAMES: usize = 256;
/// How long it may take to derive a key.
const KEY_LIMIT: Duration = Duration::from_secs(10);
/// Frames written at once.
const WRITE_FRAMES: usize = 64;
/// What a pipe holds as the system makes it (pipe(7)).
pub(crate) const NARROW_BYTES: usize = 65_536;
/// What one holds that many or large messages go through: the largest with its head, and more of the small ones before
/// somebody must wake.
const WIDE_BYTES: usize = 262_144;
/// What all pipes of the workers may hold. A user without special rights is given 64 MiB (`fs.pipe-user-pages-soft`);
/// beyond that the system makes new pipes of 8 KiB.
const ALL_PIPES_BYTES: usize = 32 * 1024 * 1024;

/// What each of a worker's two pipes holds where there are so many lanes.
#[must_use]
pub(crate) fn pipe_bytes(lanes: usize) -> usize {
    let pipes = lanes.saturating_mul(2);
    // The system takes powers of two.
    [WIDE_BYTES, WIDE_BYTES / 2]
        .into_iter()
        .find(|bytes| pipes.saturating_mul(*bytes) <= ALL_PIPES_BYTES)
        .unwrap_or(NARROW_BYTES)
}

/// Has a pipe hold more. Where the system refuses, it is only slower.
fn widen(pipe: impl AsFd, bytes: usize) {
    if bytes > NARROW_BYTES && rustix::pipe::fcntl_setpipe_size(pipe, bytes).is_err() {
        tracing::debug!(bytes, "a pipe stays as the system made it");
    }
}

/// The writing end of a child's pipe.
#[derive(Debug, Clone)]
pub(crate) struct Pipe(mpsc::Sender<Bytes>);

impl Pipe {
    /// Sends a frame; does nothing when the child is gone.
    pub(crate) async fn send<H: Serialize>(&self, head: &H, body: &[u8]) {
        let mut frame = BytesMut::new();
        encode_into(head, body, &mut frame);
        // The reader of the child's other pipe sees its end.
        let _ = self.0.send(frame.freeze()).await;
    }
}

/// A started child.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) pipe: Pipe,
    pub(crate) frames: FrameReader<ChildStdout>,
}

impl Process {
    /// Starts this program again with arguments, as a user, with an empty environment, three descriptors and no capability;
    /// its pipes hold `pipe_bytes` each.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        user: Option<Ids>,
        third: Stdio,
        pipe_bytes: usize,
        tasks: &Tasks,
    ) -> std::io::Result<Process> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(third)
            .kill_on_drop(true);
        sandbox::start_as(command.as_std_mut(), user);
        let mut child = command.spawn()?;
        let missing = || std::io::Error::other("a child without its pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        widen(&input, pipe_bytes);
        widen(&output, pipe_bytes);
        let (sender, receiver) = mpsc::channel(PIPE_FRAMES);
        tasks.spawn_watched("pipe to a process", write_all(input, receiver), |failure| {
            tracing::warn!(error = %failure, "a pipe writer ended badly");
        });
        Ok(Process {
            child,
            pipe: Pipe(sender),
            frames: FrameReader::new(output),
        })
    }
}

/// Starts the process that writes a tenant's seal key into a pipe of which the reading end is the worker's already.
pub(crate) fn derive(
    program: &Path,
    user: Option<Ids>,
    tenant: &TenantId,
    (key_file, sandbox): (&Path, SandboxMode),
    pipe: PipeWriter,
) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(["derive", "--tenant", tenant.as_str(), "--key-file"])
        .arg(key_file)
        .args(["--sandbox", sandbox.as_str()])
        .args(user.map(|ids| format!("--user={}:{}", ids.uid, ids.gid)))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(pipe)
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    sandbox::start_as(command.as_std_mut(), user);
    command.spawn()
}

/// Waits until the worker's key has been written.
pub(crate) async fn key_given(giver: Child) -> Result<Layers, String> {
    let reason = match tokio::time::timeout(KEY_LIMIT, giver.wait_with_output()).await {
        Ok(Ok(output)) => match serde_json::from_slice(&output.stderr) {
            Ok(layers) if output.status.success() => return Ok(layers),
            _ => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("nothing within {} s", KEY_LIMIT.as_secs()),
    };
    Err(format!("derive the worker's seal key: {reason}"))
}

/// Writes what has gathered in one go, and never waits for more.
async fn write_all(mut pipe: ChildStdin, mut frames: mpsc::Receiver<Bytes>) {
    let mut batch = Vec::with_capacity(WRITE_FRAMES);
    let mut joined = Vec::new();
    while frames.recv_many(&mut batch, WRITE_FRAMES).await > 0 {
        let written = if let [only] = batch.as_slice() {
            pipe.write_all(only).await
        } else {
            joined.clear();
            batch
                .iter()
                .for_each(|frame| joined.extend_from_slice(frame));
            pipe.write_all(&joined).await
        };
        batch.clear();
        if written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_workers_have_wide_pipes_and_all_together_keep_within_their_share() {
        for (lanes, expected) in [
            (0, WIDE_BYTES),
            (1, WIDE_BYTES),
            (64, WIDE_BYTES),
            (65, WIDE_BYTES / 2),
            (128, WIDE_BYTES / 2),
            (129, NARROW_BYTES),
            (10_000, NARROW_BYTES),
        ] {
            assert_eq!(pipe_bytes(lanes), expected, "{lanes}");
        }
    }

    #[test]
    fn a_pipe_holds_what_it_is_given() {
        let (reader, _writer) = std::io::pipe().unwrap();
        widen(&reader, WIDE_BYTES);
        assert_eq!(
            rustix::pipe::fcntl_getpipe_size(&reader).unwrap(),
            WIDE_BYTES
        );
    }
}
