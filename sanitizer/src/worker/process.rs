//! The worker's loop: frames in on one pipe, answers out on the other.

use super::judge::{Bench, Judged};
use crate::body::BodyLimits;
use crate::contracts::Library;
use crate::link::{
    AnswerHead, FromWorker, RecordHead, ToWorker, WorkHead, encode_into, read_frame,
};
use crate::sandbox::{self, Layers};
use crate::seal::Key;
use crate::setup::WorkerSetup;
use crate::stdio;
use anyhow::{Context, anyhow, bail};
use bytes::{Bytes, BytesMut};
use spokegate_contract::Registry;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Answers are written out at the latest when this many bytes have gathered.
const ANSWER_BYTES: usize = 128 * 1024;
/// Bytes asked of the pipe at once.
const READ_BYTES: usize = 256 * 1024;
/// Runs the worker: standard input brings work, standard output takes answers, standard error is a pipe with the
/// seal key of its tenant, closed before the first message is read.
#[must_use]
pub(crate) fn main() -> ExitCode {
    // A panic ends the process; its text could hold a customer's value.
    std::panic::set_hook(Box::new(|_| {}));
    match start() {
        Ok(mut worker) => match worker.serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let mut out = BytesMut::new();
            encode_into(&FromWorker::Unfit(format!("{error:#}")), b"", &mut out);
            // Nobody is left to tell when this fails too.
            let _ = emit(&mut out);
            ExitCode::FAILURE
        }
    }
}

struct Worker {
    bench: Bench,
    key: Key,
    cpu_ms_max: u64,
    input: BytesMut,
    output: BytesMut,
}

/// What a worker has once nothing else is left to it.
pub(crate) struct Confined {
    bench: Bench,
    key: Key,
    cpu_ms_max: u64,
    /// What holds.
    pub layers: Layers,
}

/// Takes the key and the set-up, reads the contracts, and closes the confinement. Nothing when the supervisor has gone.
///
/// # Errors
/// When one of these is missing.
pub(crate) fn confine() -> anyhow::Result<Option<Confined>> {
    let key_pipe = std::io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .context("take the seal key's pipe")?;
    let key = Key::read(std::fs::File::from(key_pipe))?;
    let setup = match stdio::first_frame()? {
        Some(ToWorker::Setup(setup)) => setup,
        Some(_) => bail!("work before the set-up"),
        None => return Ok(None),
    };
    let bench = bench(&setup)?;
    let layers = sandbox::enter(&setup)?;
    Ok(Some(Confined {
        bench,
        key,
        cpu_ms_max: setup.cpu_ms_max,
        layers,
    }))
}

fn start() -> anyhow::Result<Worker> {
    let Some(Confined {
        bench,
        key,
        cpu_ms_max,
        layers,
    }) = confine()?
    else {
        bail!("no set-up")
    };
    let mut output = BytesMut::with_capacity(ANSWER_BYTES);
    encode_into(&FromWorker::Ready(layers), b"", &mut output);
    emit(&mut output)?;
    Ok(Worker {
        bench,
        key,
        cpu_ms_max,
        input: BytesMut::with_capacity(READ_BYTES),
        output,
    })
}

fn bench(setup: &WorkerSetup) -> anyhow::Result<Bench> {
    let registry = Registry::open(&setup.schemas)
        .with_context(|| format!("open the schema folder {}", setup.schemas.display()))?;
    let library = match &setup.tenant {
        Some(tenant) => Library::of_tenant(&registry, tenant),
        None => Library::compile(&registry),
    }
    .map_err(|(dataset, error)| anyhow!("compile the contract of dataset {dataset}: {error}"))?;
    Ok(Bench {
        library,
        limits: BodyLimits::default(),
    })
}

impl Worker {
    fn serve(&mut self) -> anyhow::Result<()> {
        loop {
            while let Some(frame) = read_frame::<ToWorker>(&mut self.input)? {
                let ToWorker::Work(work) = frame.head else {
                    bail!("a second set-up")
                };
                self.answer(&work, &frame.body);
                if self.output.len() >= ANSWER_BYTES {
                    emit(&mut self.output)?;
                }
            }
            // Never waits to fill a batch: all that has come is answered before more is asked for.
            emit(&mut self.output)?;
            if !fill(&mut self.input)? {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, work: &WorkHead, payload: &Bytes) {
        sandbox::arm_cpu_timer(self.cpu_ms_max);
        #[cfg(feature = "backdoor")]
        if super::backdoor::betray(work, payload, &self.bench, &self.key, &mut self.output) {
            return;
        }
        let Judged { records, refusal } = self.bench.judge(work, payload);
        let heads = records.iter().map(|(lane, record)| RecordHead {
            lane: *lane,
            length: u32::try_from(record.len()).unwrap_or(u32::MAX),
            seal: self.key.seal(record),
        });
        let head = AnswerHead {
            token: work.token,
            records: heads.collect(),
            refusal,
        };
        let body = match records.as_slice() {
            [(_, only)] => only.as_slice(),
            _ => &records
                .iter()
                .flat_map(|(_, record)| record.iter().copied())
                .collect::<Vec<u8>>(),
        };
        encode_into(&FromWorker::Answer(head), body, &mut self.output);
    }
}

/// Reads what is there; false at the end.
fn fill(input: &mut BytesMut) -> std::io::Result<bool> {
    let before = input.len();
    input.resize(before.saturating_add(READ_BYTES), 0);
    let room = input.get_mut(before..).unwrap_or_default();
    let count = std::io::stdin().lock().read(room)?;
    input.truncate(before.saturating_add(count));
    Ok(count > 0)
}

fn emit(output: &mut BytesMut) -> std::io::Result<()> {
    if output.is_empty() {
        return Ok(());
    }
    let mut pipe = std::io::stdout().lock();
    pipe.write_all(output)?;
    output.clear();
    pipe.flush()
}
