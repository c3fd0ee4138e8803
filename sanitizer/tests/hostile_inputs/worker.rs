//! A confined worker process, driven over its three descriptors as the supervisor drives it.

use super::{attacks, outside};
use serde_json::{Value, json};
use spokegate_contract::record::seal_label;
use spokegate_contract::{TenantId, hex};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_spokegate-sanitizer");
/// Longest wait for an answer: the supervisor's own limit, `worker.stall_ms_max`, and room for a loaded machine.
const WAIT: Duration = Duration::from_secs(20);
const MEMORY_BYTES_MAX: u64 = 268_435_456;

/// The limit behind the signal that ended a worker. Without memory the program aborts, which takes a system call that a
/// worker does not have.
pub(crate) fn limit_behind(signal: i32) -> Option<&'static str> {
    match signal {
        libc::SIGPROF => Some("the limit of CPU time"),
        libc::SIGABRT | libc::SIGSYS => Some("the limit of memory"),
        _ => None,
    }
}

/// What a message is said to be.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) channel: &'static str,
    pub(crate) dataset: &'static str,
    pub(crate) version: u16,
}

impl Work {
    pub(crate) fn is_reply(&self) -> bool {
        self.channel == "reply"
    }

    fn head(&self, token: u64) -> Value {
        let id = self.is_reply().then(|| attacks::REQUEST.to_string());
        let version = self.is_reply().then_some(self.version);
        json!({"work": {
            "token": token, "tenant": "acme", "satellite": "hq", "at_ms": 1_800_000_000_000_u64, "channel": self.channel,
            "dataset": self.dataset, "version": version, "id": id, "condemned": null,
        }})
    }
}

/// A worker's answer to one message.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Lane and bytes of each record.
    pub(crate) records: Vec<(String, Vec<u8>)>,
    /// Reason, rule and pointer.
    pub(crate) refusal: Option<(String, String, String)>,
}

impl Answer {
    /// For the printed line.
    pub(crate) fn verdict(&self) -> String {
        match &self.refusal {
            Some((reason, rule, _)) => format!("refused {reason}/{rule}"),
            None => {
                let bytes: usize = self.records.iter().map(|(_, record)| record.len()).sum();
                format!("accepted, {bytes} B out")
            }
        }
    }
}

/// One frame.
pub(crate) fn frame(head: &str, body: &[u8]) -> Vec<u8> {
    let lengths = [4 + head.len() + body.len(), head.len()];
    let mut out = Vec::new();
    for length in lengths {
        out.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
    out
}

/// A lane with one worker.
pub(crate) struct Lane {
    schemas: PathBuf,
    child: Child,
    frames: mpsc::Receiver<(Value, Vec<u8>)>,
    token: u64,
    fresh_kib: u64,
    last_cpu_us: u64,
    key: ring::hmac::Key,
}

impl Lane {
    /// Starts a worker and waits until it is confined.
    pub(crate) fn start(schemas: &Path) -> Lane {
        let tenant: TenantId = "acme".parse().unwrap();
        let master = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[0x5a; 32]);
        let key = ring::hmac::sign(&master, &seal_label(&tenant));
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer
            .write_all(hex::encode(key.as_ref()).as_bytes())
            .unwrap();
        drop(writer);
        let mut child = Command::new(PROGRAM)
            .arg("worker")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(reader)
            .spawn()
            .unwrap();
        let frames = listen(child.stdout.take().unwrap());
        let mut lane = Lane {
            schemas: schemas.to_owned(),
            child,
            frames,
            token: 0,
            fresh_kib: 0,
            last_cpu_us: 0,
            key: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_ref()),
        };
        let setup = json!({"setup": {
            "schemas": schemas, "stage": {"sandbox": "require", "user": null, "foreign_keys": []},
            "memory_bytes_max": MEMORY_BYTES_MAX, "cpu_ms_max": super::CPU_MS_MAX,
        }});
        lane.write(&frame(&setup.to_string(), b"")).unwrap();
        let (ready, _) = lane
            .frames
            .recv_timeout(WAIT)
            .expect("a worker that is ready");
        let layers = ready["ready"]["held"]
            .as_array()
            .unwrap_or_else(|| panic!("{ready}"));
        assert!(layers.iter().any(|layer| layer == "seccomp"), "{layers:?}");
        lane.good_message_passes().unwrap();
        lane.fresh_kib = outside::resident_kib(lane.pid());
        lane
    }

    /// Another worker in place of the one that has ended.
    pub(crate) fn replace(&mut self) {
        *self = Lane::start(&self.schemas.clone());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn fresh_kib(&self) -> u64 {
        self.fresh_kib
    }

    pub(crate) fn reset_peak(&self) {
        outside::reset_peak(self.pid());
    }

    /// Peak memory since the reset, over what a fresh worker has.
    pub(crate) fn growth_kib(&self) -> u64 {
        outside::peak_kib(self.pid()).saturating_sub(self.fresh_kib)
    }

    pub(crate) fn cpu_us_of_last(&self) -> u64 {
        self.last_cpu_us
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let pipe = self.child.stdin.as_mut().unwrap();
        pipe.write_all(bytes).and_then(|()| pipe.flush())
    }

    /// Sends one message and takes its answer, whose seals must hold.
    pub(crate) fn judge(&mut self, work: &Work, payload: &[u8]) -> Result<Answer, String> {
        self.token += 1;
        let before_us = outside::cpu_us(self.pid());
        self.write(&frame(&work.head(self.token).to_string(), payload))
            .map_err(|error| format!("the worker is gone: {error}"))?;
        let (head, body) = self
            .frames
            .recv_timeout(WAIT)
            .map_err(|error| format!("no answer: {error}"))?;
        self.last_cpu_us = outside::cpu_us(self.pid()).saturating_sub(before_us);
        let head = &head["answer"];
        if head["token"] != self.token {
            return Err(format!("an answer out of turn: {head}"));
        }
        let mut rest = body.as_slice();
        let mut records = Vec::new();
        for record in head["records"].as_array().unwrap() {
            let length = usize::try_from(record["length"].as_u64().unwrap()).unwrap();
            let (bytes, after) = rest.split_at(length);
            let seal = ring::hmac::sign(&self.key, bytes);
            if record["seal"] != hex::encode(seal.as_ref()) {
                return Err("a record without its seal".to_owned());
            }
            records.push((record["lane"].as_str().unwrap().to_owned(), bytes.to_vec()));
            rest = after;
        }
        let text = |name: &str| {
            head["refusal"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let refusal = head["refusal"]
            .is_object()
            .then(|| (text("reason"), text("rule"), text("pointer")));
        Ok(Answer { records, refusal })
    }

    /// The next good message of the lane is answered as the first one was.
    pub(crate) fn good_message_passes(&mut self) -> Result<(), String> {
        let good = attacks::good();
        let answer = self.judge(&good.work, &good.payload)?;
        match answer.records.as_slice() {
            [(lane, record)]
                if lane == "reply"
                    && String::from_utf8_lossy(record).contains(attacks::GOOD_ROWS) =>
            {
                Ok(())
            }
            _ => Err(format!("the next good message: {}", answer.verdict())),
        }
    }

    /// The signal that has ended the worker, if one has.
    pub(crate) fn end_signal(&mut self) -> Option<i32> {
        self.child.wait().ok().and_then(|status| status.signal())
    }

    /// Writes bytes, closes the pipe and waits for the worker's end, in which it must say nothing.
    pub(crate) fn send_raw_and_wait(&mut self, bytes: &[u8]) -> Result<String, String> {
        // A worker that has had enough closes the pipe before all is written.
        let _ = self.write(bytes);
        drop(self.child.stdin.take());
        let (mut peak_kib, mut cpu_us) = (0, 0);
        for _ in 0..WAIT.as_millis() {
            peak_kib = peak_kib.max(outside::peak_kib(self.pid()));
            cpu_us = cpu_us.max(outside::cpu_us(self.pid()));
            match self.frames.recv_timeout(Duration::from_millis(1)) {
                Ok((head, _)) => return Err(format!("an answer to no message: {head}")),
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => {}
            }
            let status = self.child.wait().map_err(|error| error.to_string())?;
            return match status.code() {
                Some(0 | 1) => Ok(format!(
                    "worker ended, {} B in, peak +{} KiB, {cpu_us} us since its start",
                    bytes.len(),
                    peak_kib.saturating_sub(self.fresh_kib)
                )),
                _ => Err(format!("ended with {status}")),
            };
        }
        Err("it waits for more".to_owned())
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads frames until the pipe ends.
fn listen(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<(Value, Vec<u8>)> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((head, body)) = next(&mut pipe) {
            if sender.send((head, body)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn next(pipe: &mut impl Read) -> std::io::Result<(Value, Vec<u8>)> {
    let mut lengths = [0; 8];
    pipe.read_exact(&mut lengths)?;
    let [length, head_length] = [0, 4].map(|at: usize| {
        let bytes: [u8; 4] = lengths[at..at + 4].try_into().unwrap();
        u32::from_be_bytes(bytes) as usize
    });
    let mut head = vec![0; length - 4];
    pipe.read_exact(&mut head)?;
    let body = head.split_off(head_length);
    Ok((serde_json::from_slice(&head)?, body))
}
