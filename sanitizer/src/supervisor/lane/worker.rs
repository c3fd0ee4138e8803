//! A worker process as its lane sees it.

use super::LaneEvent;
use crate::link::{FromWorker, ToWorker};
use crate::setup::WorkerSetup;
use crate::supervisor::hub::Hub;
use crate::supervisor::process::{self, Pipe, Process};
use bytes::Bytes;
use spokegate_contract::TenantId;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A started worker. Dropping it ends it: code in it that is not ours would ignore the end of its pipe.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its number in the lane.
    pub(super) number: u64,
    /// Its process.
    pub(super) pid: u32,
    /// Where its work goes.
    pub(super) pipe: Pipe,
    /// Ends it at once.
    pub(super) kill: CancellationToken,
    /// Whether it was ended because it took too long.
    pub(super) stalled: bool,
    /// Whether it is confined and waiting for work.
    pub(super) ready: bool,
    /// Messages given to it.
    pub(super) handled: u64,
    /// When it was started.
    pub(super) born: Instant,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Starts a worker, which tells its lane what it says and when it ends.
pub(super) fn start(
    hub: &Arc<Hub>,
    tenant: &TenantId,
    number: u64,
    lane: mpsc::Sender<LaneEvent>,
) -> std::io::Result<Worker> {
    let (program, users) = (&hub.program, &hub.users);
    let (reader, writer) = std::io::pipe()?;
    let tasks = &hub.context.tasks;
    let bytes = process::pipe_bytes(hub.config.tenants.len());
    let user = users.worker;
    let process = Process::start(program, &["worker"], user, reader.into(), bytes, tasks)?;
    // Only now: when the key is written, the worker alone can read it.
    let from = (&*hub.config.seal.key_file, hub.config.worker.sandbox);
    let giver = process::derive(program, users.egress, tenant, from, writer)?;
    let kill = CancellationToken::new();
    let worker = Worker {
        number,
        pid: process.child.id().unwrap_or_default(),
        pipe: process.pipe.clone(),
        kill: kill.clone(),
        stalled: false,
        ready: false,
        handled: 0,
        born: Instant::now(),
    };
    let setup = WorkerSetup {
        tenant: Some(tenant.clone()),
        ..hub.config.worker_setup(hub.users)
    };
    let processes = (process, giver);
    let watch = watch(
        Arc::clone(hub),
        processes,
        setup,
        number,
        kill,
        lane.clone(),
    );
    tasks.spawn_watched(
        "worker",
        watch,
        |failure| tracing::error!(error = %failure, "a worker's watch ended badly"),
    );
    Ok(worker)
}

async fn watch(
    hub: Arc<Hub>,
    (mut process, giver): (Process, Child),
    setup: WorkerSetup,
    number: u64,
    kill: CancellationToken,
    lane: mpsc::Sender<LaneEvent>,
) {
    process.pipe.send(&ToWorker::Setup(setup), b"").await;
    drop(process.pipe);
    let soft = hub.context.tasks.soft();
    match process::key_given(giver).await {
        Ok(layers) => hub.confinement.reached("derive", layers),
        Err(reason) => {
            let unfit = LaneEvent::Said(number, FromWorker::Unfit(reason), Bytes::new());
            // The lane may have ended.
            let _ = lane.send(unfit).await;
            kill.cancel();
        }
    }
    let mut is_confined = false;
    loop {
        let frame = tokio::select! {
            frame = process.frames.next::<FromWorker>() => frame,
            () = kill.cancelled() => break,
            () = soft.cancelled() => break,
        };
        match frame {
            Ok(Some(frame)) => {
                // First it says that it is confined, or why not; from then on it answers and says nothing else.
                if matches!(frame.head, FromWorker::Answer(_)) != is_confined {
                    tracing::error!("a worker spoke out of turn and is ended");
                    break;
                }
                is_confined = true;
                if lane
                    .send(LaneEvent::Said(number, frame.head, frame.body))
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                tracing::error!(%error, "a worker wrote no frame");
                break;
            }
        }
    }
    // Whatever it is doing now, nobody listens to it any more.
    let _ = process.child.start_kill();
    let status = process.child.wait().await;
    // The lane may have ended.
    let _ = lane
        .send(LaneEvent::Gone(number, status.is_ok_and(ran_out_of_time)))
        .await;
}

/// The CPU timer of a worker ends it with this signal.
fn ran_out_of_time(status: ExitStatus) -> bool {
    status.signal() == Some(libc::SIGPROF)
}
