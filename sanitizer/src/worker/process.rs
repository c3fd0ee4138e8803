//! The worker's loop: frames in on one pipe, answers out on the other.

use super::desk::Desk;
use crate::link::{FromWorker, ToWorker, encode_into, read_frame};
use crate::sandbox::{self, Layers};
use crate::seal::Key;
use crate::stdio;
use anyhow::{Context, bail};
use bytes::BytesMut;
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
    desk: Desk,
    cpu_ms_max: u64,
    room: Vec<u8>,
    input: BytesMut,
}

/// What a worker has once nothing else is left to it.
pub(crate) struct Confined {
    desk: Desk,
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
    let desk = Desk::open(&setup.schemas, setup.tenant.as_ref(), key)?;
    let layers = sandbox::enter(&setup)?;
    Ok(Some(Confined {
        desk,
        cpu_ms_max: setup.cpu_ms_max,
        layers,
    }))
}

fn start() -> anyhow::Result<Worker> {
    let Some(Confined {
        mut desk,
        cpu_ms_max,
        layers,
    }) = confine()?
    else {
        bail!("no set-up")
    };
    encode_into(&FromWorker::Ready(layers), b"", &mut desk.output);
    emit(&mut desk.output)?;
    Ok(Worker {
        desk,
        cpu_ms_max,
        room: vec![0; READ_BYTES],
        input: BytesMut::with_capacity(READ_BYTES),
    })
}

impl Worker {
    fn serve(&mut self) -> anyhow::Result<()> {
        loop {
            while let Some(frame) = read_frame::<ToWorker>(&mut self.input)? {
                let ToWorker::Work(work) = frame.head else {
                    bail!("a second set-up")
                };
                sandbox::arm_cpu_timer(self.cpu_ms_max);
                self.desk.answer(&work, &frame.body);
                if self.desk.output.len() >= ANSWER_BYTES {
                    emit(&mut self.desk.output)?;
                }
            }
            // Never waits to fill a batch: all that has come is answered before more is asked for.
            emit(&mut self.desk.output)?;
            if !fill(&mut self.room, &mut self.input)? {
                return Ok(());
            }
        }
    }
}

/// Reads what is there; false at the end.
fn fill(room: &mut [u8], input: &mut BytesMut) -> std::io::Result<bool> {
    let count = std::io::stdin().lock().read(room)?;
    input.extend_from_slice(room.get(..count).unwrap_or_default());
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
