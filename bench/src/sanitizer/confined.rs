//! A real worker process behind its pipes, fed as the supervisor feeds it, and the same frames without it.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use spokegate_sanitizer::Unconfined;

use super::load::Load;

/// Messages on their way at once, as in a lane.
const WINDOW: usize = 64;
/// Bytes on their way at once, as in a lane.
const WINDOW_BYTES: usize = 524_288;
/// What the pipes of a worker hold where there are not too many.
const PIPE_BYTES: usize = 262_144;
/// A tenant's seal key.
const KEY: [u8; 32] = [0x5a; 32];

/// One frame of the pipes: its length, the length of its head, head and body.
fn frame(head: &Value, body: &[u8]) -> Vec<u8> {
    let head = head.to_string();
    let lengths = [4 + head.len() + body.len(), head.len()];
    let mut out = Vec::with_capacity(8 + head.len() + body.len());
    for length in lengths {
        out.extend_from_slice(&(length as u32).to_be_bytes());
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
    out
}

fn work(load: &Load, token: u64) -> Vec<u8> {
    let head = json!({"work": {
        "token": token, "tenant": "acme", "satellite": "hq", "at_ms": 1_800_000_000_000_u64, "channel": "push",
        "dataset": "backup-jobs", "version": null, "id": null, "condemned": null,
    }});
    frame(&head, &load.push)
}

/// The heads of whole answers at the beginning of `bytes`, and how many bytes they took; all must have passed.
fn answers(bytes: &[u8]) -> anyhow::Result<(usize, usize)> {
    let (mut count, mut at) = (0, 0);
    let number = |at: usize| -> Option<usize> {
        let digits = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(digits) as usize)
    };
    while let (Some(length), Some(head)) = (number(at), number(at + 4)) {
        let Some(head) = bytes
            .get(at + 8..at + 8 + head)
            .filter(|_| at + 4 + length <= bytes.len())
        else {
            break;
        };
        let passed = head.windows(14).any(|part| part == b"\"refusal\":null");
        ensure!(passed, "refused: {}", String::from_utf8_lossy(head));
        at += 4 + length;
        count += 1;
    }
    Ok((count, at))
}

/// Messages that a window holds.
fn window(frame: &[u8]) -> usize {
    (WINDOW_BYTES / frame.len()).clamp(1, WINDOW)
}

/// A confined worker.
pub(super) struct Worker {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    rest: Vec<u8>,
}

impl Worker {
    pub(super) fn start(schemas: &Path) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("find our own program")?;
        let (reader, mut writer) = std::io::pipe().context("make the key's pipe")?;
        writer
            .write_all(key().as_bytes())
            .context("hand over the key")?;
        drop(writer);
        let mut child = Command::new(own.with_file_name("spokegate-sanitizer"))
            .arg("worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(reader)
            .spawn()
            .context("start spokegate-sanitizer; it is built beside this program")?;
        let input = child.stdin.take().context("the worker's input is piped")?;
        let output = child
            .stdout
            .take()
            .context("the worker's output is piped")?;
        // As the supervisor has them.
        for pipe in [input.as_fd(), output.as_fd()] {
            rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES).context("widen a pipe")?;
        }
        let mut worker = Self {
            child,
            input,
            output,
            rest: Vec::new(),
        };
        let setup = json!({"setup": {
            "schemas": schemas, "stage": {"sandbox": "require", "user": null, "foreign_keys": []},
            "memory_bytes_max": 268_435_456_u64, "cpu_ms_max": 1_000,
        }});
        worker.input.write_all(&frame(&setup, b""))?;
        let mut ready = vec![0; 65_536];
        let count = worker.output.read(&mut ready)?;
        let told = String::from_utf8_lossy(&ready[..count]).into_owned();
        ensure!(
            told.contains("seccomp"),
            "the worker is not confined: {told}"
        );
        Ok(worker)
    }

    /// Messages per second with a full window. Written from a thread of its own: worker and we would wait for each other
    /// otherwise, each with a full pipe.
    pub(super) fn rate(&mut self, load: &Load, length: Duration) -> anyhow::Result<f64> {
        let one = work(load, 1);
        let batch = window(&one).div_ceil(2);
        let frames = one.repeat(batch);
        let Self {
            child,
            input,
            output,
            rest,
        } = self;
        std::thread::scope(|scope| {
            let (more, wanted) = mpsc::channel::<()>();
            let writer = scope.spawn(move || {
                for () in wanted {
                    input.write_all(&frames)?;
                }
                std::io::Result::Ok(())
            });
            let (mut open, mut done) = (0, 0_usize);
            let begin = Instant::now();
            let mut buffer = vec![0; 1_048_576];
            let rate = loop {
                while begin.elapsed() < length && open < 2 * batch {
                    more.send(()).context("the writer ended")?;
                    open += batch;
                }
                if open == 0 {
                    break done as f64 / begin.elapsed().as_secs_f64();
                }
                let count = output.read(&mut buffer)?;
                if count == 0 {
                    bail!("the worker ended: {:?}", child.wait());
                }
                rest.extend_from_slice(&buffer[..count]);
                let (answered, taken) = answers(rest)?;
                rest.drain(..taken);
                open -= answered;
                done += answered;
            };
            drop(more);
            match writer.join() {
                Ok(Ok(())) => Ok(rate),
                Ok(Err(error)) => Err(error).context("write to the worker"),
                Err(_) => bail!("the writer broke off"),
            }
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It ends by itself when its input does; nobody waits for how.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same work without process, pipe or sandbox.
pub(super) struct Desk(Unconfined);

pub(super) fn unconfined(schemas: &Path) -> anyhow::Result<Desk> {
    Ok(Desk(Unconfined::open(schemas, &key())?))
}

impl Desk {
    pub(super) fn rate(&mut self, load: &Load, length: Duration) -> anyhow::Result<f64> {
        let one = work(load, 1);
        let batch = window(&one);
        let frames = one.repeat(batch);
        let (begin, mut done) = (Instant::now(), 0_usize);
        while begin.elapsed() < length {
            let (answered, _) = answers(&self.0.answer(&frames)?)?;
            ensure!(answered == batch, "an answer is missing");
            done += answered;
        }
        Ok(done as f64 / begin.elapsed().as_secs_f64())
    }
}

fn key() -> String {
    KEY.iter().map(|byte| format!("{byte:02x}")).collect()
}
