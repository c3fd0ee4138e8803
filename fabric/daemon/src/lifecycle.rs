//! From the first line of `run` to the exit code.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Clock, Readiness, Shutdown, Tasks};

/// The service or one of its tasks failed.
pub const EXIT_FAILURE: u8 = 1;
/// A stop was asked for, but tasks had to be aborted (`EX_TEMPFAIL`).
pub const EXIT_CUT_SHORT: u8 = 75;
/// The configuration is at fault (`EX_CONFIG`).
pub const EXIT_CONFIG: u8 = 78;

/// How long tasks may take to finish after the first signal.
const DRAIN_GRACE: Duration = Duration::from_secs(20);

/// What every service is given: its tasks, its time and its readiness. Clones share all three.
#[derive(Clone, Debug)]
pub struct Context {
    /// Starts and stops tasks.
    pub tasks: Tasks,
    /// Tells the time.
    pub clock: Clock,
    /// Collects what the service waits for.
    pub readiness: Readiness,
}

impl Context {
    /// A context of its own with the system clock, for a process, a test or the demonstration.
    pub fn new() -> Self {
        Self {
            tasks: Tasks::new(),
            clock: Clock::system(),
            readiness: Readiness::new(),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The context of one server inside this process: tasks that can be stopped alone, readiness
    /// of its own, the same clock.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            tasks: self.tasks.child(),
            clock: self.clock.clone(),
            readiness: Readiness::new(),
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds a runtime, runs `body` in it until it returns, a task fails or a signal comes, stops
/// all tasks and gives the exit code: 0 stopped, 1 failed, 75 stopped but cut short.
///
/// The first SIGTERM or SIGINT cancels the soft token, upon which `body` should return; a second
/// one, or 20 seconds, aborts. An error is logged here, once.
pub fn run_until_signal<F, R>(name: &str, body: F) -> ExitCode
where
    F: FnOnce(Context) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(service = name, %error, "cannot start the runtime");
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let code = runtime.block_on(supervise(name, body));
    // A blocking call that does not return must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::from(code)
}

async fn supervise<F, R>(name: &str, body: F) -> u8
where
    F: FnOnce(Context) -> R,
    R: Future<Output = anyhow::Result<()>>,
{
    let context = Context::new();
    let tasks = context.tasks.clone();
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(service = name, %error, "cannot listen for signals");
            return EXIT_FAILURE;
        }
    };
    let body = body(context);
    tokio::pin!(body);
    let soft = tasks.soft();
    let early = tokio::select! {
        result = &mut body => Some(result),
        name_of_signal = signals.next() => {
            tracing::info!(service = name, signal = name_of_signal, "stopping");
            None
        }
        () = soft.cancelled() => None,
    };
    let drain = async {
        let result = match early {
            Some(result) => result,
            None => {
                soft.cancel();
                body.await
            }
        };
        (result, tasks.shutdown(DRAIN_GRACE).await)
    };
    let drained = tokio::select! {
        drained = tokio::time::timeout(DRAIN_GRACE + Duration::from_secs(5), drain) => drained.ok(),
        _ = signals.next() => None,
    };
    if drained.is_none() {
        tasks.abort().await;
    }
    conclude(name, drained, tasks.failure().is_some())
}

fn conclude(name: &str, drained: Option<(anyhow::Result<()>, Shutdown)>, task_failed: bool) -> u8 {
    match drained {
        Some((Err(error), _)) => {
            tracing::error!(service = name, error = format!("{error:#}"), "failed");
            EXIT_FAILURE
        }
        // The task's error was logged when it happened.
        _ if task_failed => EXIT_FAILURE,
        Some((Ok(()), Shutdown::Drained)) => {
            tracing::info!(service = name, "stopped");
            0
        }
        Some((Ok(()), Shutdown::Aborted)) | None => {
            tracing::warn!(service = name, "stopped before all work was done");
            EXIT_CUT_SHORT
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
