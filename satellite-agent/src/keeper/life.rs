//! One life of the process: from its start, over probes and samples, to its end.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::book::Stream;
use super::child::{self, Recipe, Running};
use super::owner::Owner;
use super::rules::{Judged, Memory, Probes};
use super::sample::Sample;
use super::{End, Keeper, Order, Phase};

/// A life of this length was a good one; the next delay is a short one again.
const GOOD_MS_MIN: u64 = 60_000;
/// Between probes until the first answer.
const FIRST_PROBES: Duration = Duration::from_millis(250);

impl Keeper {
    /// One life, from the start to the end.
    pub(super) async fn live(&mut self) -> End {
        let mut running = match self.start().await {
            Ok(running) => running,
            Err(error) => return End::Crash(format!("it cannot be started: {error:#}")),
        };
        let started_ms = self.clock.monotonic_ms();
        let patience = Duration::from_secs(self.config.stop_s_max);
        let end = self.until_end(&mut running, started_ms).await;
        running.stop(patience).await;
        if self.clock.monotonic_ms().saturating_sub(started_ms) >= GOOD_MS_MIN {
            self.backoff.reset();
        }
        end
    }

    async fn until_end(&mut self, running: &mut Running, started_ms: u64) -> End {
        // Looking after it and taking orders go on at the same time.
        let mut orders = std::mem::replace(&mut self.orders, mpsc::channel(1).1);
        let end = {
            let watch = self.watch(running.id, started_ms);
            tokio::pin!(watch);
            loop {
                break tokio::select! {
                    () = self.soft.cancelled() => End::Over,
                    status = running.child.wait() => End::Crash(ended(status)),
                    why = &mut watch => End::Crash(why),
                    () = self.due.come(), if !self.safe => End::Due,
                    asked = orders.recv() => match asked {
                        None => End::Over,
                        // It runs.
                        Some((Order::Start, done)) if !self.safe => {
                            let _ = done.send(());
                            continue;
                        }
                        Some(asked) => End::Asked(asked),
                    },
                };
            }
        };
        self.orders = orders;
        end
    }

    async fn start(&mut self) -> anyhow::Result<Running> {
        self.enter(Phase::Starting);
        let patience = Duration::from_secs(self.config.stop_s_max);
        let (known, user_dir) = (self.owner.take(), self.user_dir.clone());
        let prepared = self.tasks.blocking("node-red strays", move || {
            let owner = known.map_or_else(|| Owner::of(&user_dir).map(Arc::new), Ok)?;
            let strays = owner.end_strays(patience);
            anyhow::Ok((owner, strays))
        });
        let prepared = prepared.await;
        let (owner, strays) =
            prepared.unwrap_or_else(|| Err(anyhow::anyhow!("the agent stops")))?;
        if strays > 0 {
            tracing::warn!(
                processes = strays,
                "what an earlier Node-RED had left running was ended"
            );
            self.tell(&format!("{strays} processes of an earlier life were ended"));
        }
        // What it asks for from now on is what is kept now.
        self.due.forget();
        let modules = self.modules.in_force();
        let recipe = Recipe {
            config: &self.config,
            command: &self.command,
            folder: owner.mark(),
            port: self.config.port,
            beside: None,
            modules: modules.as_deref(),
            safe: self.safe,
        };
        let mut running = recipe.start()?;
        self.owner = Some(owner);
        if let Some(pipe) = running.child.stdout.take() {
            self.listen(self.book.clone().take(Stream::Out, pipe));
        }
        if let Some(pipe) = running.child.stderr.take() {
            self.listen(self.book.clone().take(Stream::Err, pipe));
        }
        let version = child::version(&self.command);
        self.state.change(|now| {
            now.process = Some(running.id);
            now.port = self.config.port;
            now.version = version;
        });
        self.tell(if self.safe {
            "it is started, in safe mode"
        } else {
            "it is started"
        });
        Ok(running)
    }

    fn listen(&self, reading: impl Future<Output = ()> + Send + 'static) {
        let hard = self.tasks.hard();
        // Whoever holds the pipe's other end may outlive the agent's stop.
        let reading = async move { hard.run_until_cancelled(reading).await.unwrap_or(()) };
        self.tasks
            .spawn_watched("node-red output", reading, |failure| {
                tracing::error!(error = %failure.reason, "Node-RED's output is not read any more");
            });
    }

    /// Asks and measures it, until it has to be started anew; why.
    async fn watch(&self, process: u32, started_ms: u64) -> String {
        let settings = &self.config;
        let mut probes = Probes::new(
            self.clock.monotonic_ms(),
            settings.start_s_max * 1_000,
            settings.probe_misses_max,
        );
        let mut memory = Memory::new(settings.memory_mib_max << 20);
        let mut last = (Sample::default(), started_ms);
        let mut pause = FIRST_PROBES;
        loop {
            tokio::time::sleep(pause).await;
            let answered = self.probe().await;
            match probes.judge(answered, self.clock.monotonic_ms()) {
                Judged::Starting => continue,
                Judged::Came => {
                    self.enter(Phase::Running);
                    self.answer();
                    pause = Duration::from_secs(settings.probe_every_s);
                }
                Judged::Runs => {}
                Judged::Hung => return "it does not answer over HTTP any more".to_owned(),
            }
            let Some(sample) = self.measure(process, &mut last).await else {
                continue;
            };
            if memory.is_over(sample.memory_bytes) {
                let limit = settings.memory_mib_max;
                return format!("it needs more than {limit} MiB (node_red.memory_mib_max)");
            }
        }
    }

    async fn measure(&self, group: u32, last: &mut (Sample, u64)) -> Option<Sample> {
        let sampled = self
            .tasks
            .blocking("node-red sample", move || Sample::of_group(group));
        let (sample, at_ms) = (sampled.await?, self.clock.monotonic_ms());
        let percent = sample.cpu_percent_since(&last.0, at_ms.saturating_sub(last.1));
        *last = (sample, at_ms);
        metrics::gauge!("spokegate_agent_node_red_memory_bytes").set(sample.memory_bytes as f64);
        metrics::gauge!("spokegate_agent_node_red_cpu_percent").set(f64::from(percent));
        self.state.change(|now| {
            now.cpu_percent = Some(percent);
            now.memory_bytes = Some(sample.memory_bytes);
        });
        Some(sample)
    }

    /// Whether it says anything at all over HTTP: 401 and 404 come from a loop that turns, too.
    async fn probe(&self) -> bool {
        let uri = format!("http://127.0.0.1:{}/", self.config.port);
        let Ok(uri) = uri.parse() else { return false };
        let limit = Duration::from_secs(self.config.probe_s_max);
        let answer = tokio::time::timeout(limit, self.client.get(uri)).await;
        matches!(answer, Ok(Ok(_)))
    }
}

fn ended(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("it ended with {status}"),
        Err(error) => format!("it cannot be waited for: {error}"),
    }
}
