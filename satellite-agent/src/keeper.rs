//! The keeper: the one owner of the Node-RED process, where the configuration names one. It starts it, looks after it, starts
//! it anew and stops it. (The agent's own connection to the broker is looked after by [`crate::supervisor`].)

mod book;
mod child;
mod disk;
mod due;
mod hand;
mod life;
mod lines;
mod owner;
mod ring;
mod rules;
mod sample;
mod shipped;
mod socket;
mod state;
mod trial;
mod verbs;
pub(crate) mod window;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use spokegate_daemon::{Backoff, Clock, SecretSource, Tasks};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, NodeRedConfig, SourceKind};
use crate::deploy::{self, Modules};
use crate::secrets::Secrets;
use book::{Book, Stream, Writer};
pub(crate) use child::{Entry, apart};
#[cfg(test)]
pub(crate) use due::Cause;
use due::Due;
pub(crate) use due::RestartDue;
pub(crate) use hand::Hand;
use lines::Mask;
use owner::Owner;
use rules::Crashes;
pub(crate) use shipped::Lines;
use socket::KeeperSocket;
pub(crate) use state::{KeeperState, NodeRedStatus, Phase};
use trial::{Expected, Trial};
pub(crate) use verbs::{LogsArgs, NodeRedArgs};

/// Delays before it is started anew.
const DELAY_MS_MIN: u64 = 1_000;
const DELAY_MS_MAX: u64 = 60_000;
/// Orders that wait while another one is carried out; one more is refused.
const ORDERS_MAX: usize = 4;
/// Longer files are no secrets that a line could hold.
const SECRET_FILE_BYTES_MAX: u64 = 4_096;

/// What somebody wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Start,
    Stop,
    Restart,
}

/// An order, and who waits for it to be carried out.
type Asked = (Order, oneshot::Sender<()>);

/// How a life ended.
#[derive(Debug)]
enum End {
    /// The agent stops.
    Over,
    Asked(Asked),
    /// The restart that was due is to be now.
    Due,
    /// Nobody asked for it.
    Crash(String),
}

/// Keeps one Node-RED.
struct Keeper {
    config: Arc<NodeRedConfig>,
    command: Vec<String>,
    user_dir: PathBuf,
    owner: Option<Arc<Owner>>,
    state: KeeperState,
    book: Book,
    orders: mpsc::Receiver<Asked>,
    /// Who waits until it answers.
    waits: Mutex<Option<oneshot::Sender<()>>>,
    due: Due,
    /// What came with flows.
    modules: Modules,
    crashes: Crashes,
    backoff: Backoff,
    safe: bool,
    client: Client<HttpConnector, Empty<Bytes>>,
    clock: Clock,
    tasks: Tasks,
    soft: CancellationToken,
}

/// Where the output of a kept Node-RED goes.
pub(crate) struct Output {
    book: Book,
    writer: Writer,
}

impl Output {
    /// Opens it; `None` where the configuration names no Node-RED.
    pub(crate) fn open(config: &Config, kept: &Secrets, clock: &Clock) -> Option<Self> {
        config.node_red.kept()?;
        let beside = config.spool.path.parent().unwrap_or(Path::new("."));
        let log_bytes_max = config.node_red.log_bytes_max;
        let mask = Mask::new(secrets(config));
        let (book, writer) = Book::open(beside.to_owned(), log_bytes_max, mask, clock.clone());
        kept.all().values().for_each(|secret| book.learn(secret));
        Some(Self { book, writer })
    }

    /// Its lines, where the centre is to have them.
    pub(crate) fn lines(&self, config: &Config) -> Option<Lines> {
        let is_for_the_centre = config.node_red.log_to_centre;
        is_for_the_centre.then(|| Lines::new(self.book.clone()))
    }
}

/// Starts to keep the Node-RED of a configuration; `None` where it names none.
pub(crate) fn keep(
    config: &Config,
    output: Option<Output>,
    clock: &Clock,
    tasks: &Tasks,
) -> anyhow::Result<Option<Hand>> {
    let (Some((command, user_dir)), Some(output)) = (config.node_red.kept(), output) else {
        return Ok(None);
    };
    apart(config)?;
    let Output { book, writer } = output;
    let (orders, asked) = mpsc::channel(ORDERS_MAX);
    let state = KeeperState::default();
    let settings = &config.node_red;
    let window = settings
        .window()
        .map_err(|(key, error)| anyhow::anyhow!("node_red.{key}: {error}"))?;
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http();
    let settings = Arc::new(settings.clone());
    let needed = needed(config);
    let hand = Hand {
        trial: Arc::new(Trial {
            config: Arc::clone(&settings),
            command: command.to_vec(),
            user_dir: user_dir.to_owned(),
            expected: needed.datasets,
            root: needed.root,
            token: needed.token,
            book: book.clone(),
            tasks: tasks.clone(),
            client: client.clone(),
        }),
        state: state.clone(),
        orders: orders.clone(),
        due: Due::new(window, clock.clone(), state.clone()),
        book: book.clone(),
        patience: Duration::from_secs(settings.start_s_max + settings.stop_s_max),
    };
    let socket = KeeperSocket {
        place: verbs::place(&config.spool.path),
        state: state.clone(),
        book: book.clone(),
        orders,
        soft: tasks.soft(),
    };
    tasks.spawn("node-red socket", socket.run());
    let keeper = Keeper {
        config: Arc::clone(&settings),
        command: command.to_vec(),
        user_dir: user_dir.to_owned(),
        owner: None,
        state,
        book,
        orders: asked,
        waits: Mutex::new(None),
        due: hand.due.clone(),
        modules: deploy::modules(config),
        crashes: Crashes::new(settings.crashes_max, settings.crash_window_s * 1_000),
        backoff: Backoff::new(DELAY_MS_MIN, DELAY_MS_MAX),
        safe: false,
        client,
        clock: clock.clone(),
        tasks: tasks.clone(),
        soft: tasks.soft(),
    };
    tasks.spawn("node-red", keeper.run(writer));
    Ok(Some(hand))
}

/// What its flows answer for the agent's sources.
struct Needed {
    datasets: Vec<Expected>,
    /// Below which address; one Node-RED has one.
    root: String,
    /// The token that opens it.
    token: SecretSource,
}

fn needed(config: &Config) -> Needed {
    let own = config.source.iter().filter_map(|source| {
        let url = source.local_url().ok()?;
        let is_own = source.kind == SourceKind::NodeRed
            && url.port_or_known_default() == Some(config.node_red.port);
        is_own.then_some((source, url))
    });
    let datasets = own.clone().map(|(source, _)| Expected {
        dataset: source.dataset.to_string(),
        version: source.version,
    });
    let first = own.clone().next();
    Needed {
        datasets: datasets.collect(),
        root: first
            .as_ref()
            .map_or_else(String::new, |(_, url)| url.path().to_owned()),
        token: first.map_or_else(
            || SecretSource::new(None, None),
            |(source, _)| source.token(),
        ),
    }
}

/// What must never stand in a line of its output.
fn secrets(config: &Config) -> Vec<String> {
    let tokens = config.source.iter().map(|source| source.token());
    let tokens = tokens.chain([config.push.token()]);
    let named = config.node_red.environment.values().filter_map(|value| {
        let file = Path::new(value).metadata().ok()?;
        (file.is_file() && file.len() <= SECRET_FILE_BYTES_MAX).then_some(())?;
        std::fs::read_to_string(value).ok()
    });
    tokens
        .filter(|token| !token.is_empty())
        // One that cannot be read is told where it is needed.
        .filter_map(|token| Some(token.resolve().ok()?.expose().to_owned()))
        .chain(named)
        .map(|text| text.trim().to_owned())
        .collect()
}

impl Keeper {
    /// Runs until the soft token is cancelled, and then until Node-RED has ended.
    async fn run(mut self, writer: Writer) {
        let (ended, tasks) = (CancellationToken::new(), self.tasks.clone());
        let writing = writer.run(tasks, ended.clone());
        let keeping = async {
            self.keep().await;
            ended.cancel();
        };
        tokio::join!(keeping, writing);
    }

    async fn keep(&mut self) {
        let mut wanted = true;
        loop {
            let end = match wanted {
                true => self.live().await,
                false => self.rest(None).await,
            };
            self.forget_process();
            let asked = match end {
                End::Over => return self.enter(Phase::Stopped),
                End::Asked(asked) => asked,
                End::Due => {
                    self.tell("it is restarted, for that is due and its window is open");
                    continue;
                }
                End::Crash(why) => match self.after_crash(why).await {
                    Some(End::Over) => return self.enter(Phase::Stopped),
                    Some(End::Asked(asked)) => asked,
                    _ => continue,
                },
            };
            wanted = self.obey(asked);
        }
    }

    /// Whether it is to run from now on.
    fn obey(&mut self, (order, done): Asked) -> bool {
        let (wanted, word) = match order {
            Order::Start | Order::Restart => (true, "it is started by hand"),
            Order::Stop => (false, "it is stopped by hand"),
        };
        self.tell(word);
        self.safe = false;
        self.state.change(|now| now.safe_mode = false);
        self.crashes.forget();
        self.backoff.reset();
        *self.waiting() = Some(done);
        if !wanted {
            self.enter(Phase::Stopped);
            self.answer();
        }
        wanted
    }

    /// Notes a crash and waits until it is time to start again; what came in between.
    async fn after_crash(&mut self, why: String) -> Option<End> {
        tracing::warn!(reason = why, "Node-RED ended, and nobody had asked for it");
        self.tell(&why);
        // Nobody can be told that it came up.
        self.waiting().take();
        let label = "spokegate_agent_node_red_restarts_total";
        metrics::counter!(label).increment(1);
        self.state.change(|now| {
            now.restarts += 1;
            now.last_end = Some(why);
        });
        if self.crashes.note(self.clock.monotonic_ms()) && !self.safe {
            self.safe = true;
            self.backoff.reset();
            self.state.change(|now| now.safe_mode = true);
            let (count, window_s) = (self.config.crashes_max, self.config.crash_window_s);
            tracing::error!(
                count,
                window_s,
                "Node-RED crashes again and again, it is started in safe mode: no flow runs; hint: mend the flow, then spokegate-agent node-red restart"
            );
            self.tell(&format!("{count} crashes within {window_s} s: from now on in safe mode, no flow runs; mend the flow, then: spokegate-agent node-red restart"));
        }
        metrics::gauge!("spokegate_agent_node_red_safe_mode").set(f64::from(u8::from(self.safe)));
        let delay = self.backoff.next_delay();
        self.enter(Phase::Waiting);
        match self.rest(Some(delay)).await {
            End::Crash(_) => None,
            end => Some(end),
        }
    }

    /// Waits for an order that means something now, or for so long.
    async fn rest(&mut self, delay: Option<Duration>) -> End {
        let over = async {
            match delay {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.soft.cancelled() => End::Over,
            asked = self.orders.recv() => asked.map_or(End::Over, End::Asked),
            () = over => End::Crash(String::new()),
        }
    }

    fn enter(&self, phase: Phase) {
        let now_ms = self.clock.now_ms();
        self.state
            .change(|now| (now.state, now.since_ms) = (phase, now_ms));
    }

    fn waiting(&self) -> MutexGuard<'_, Option<oneshot::Sender<()>>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What somebody waits for is done.
    fn answer(&self) {
        if let Some(done) = self.waiting().take() {
            // Who asked may be gone.
            let _ = done.send(());
        }
    }

    fn forget_process(&self) {
        self.state.change(|now| {
            (now.process, now.cpu_percent, now.memory_bytes) = (None, None, None);
        });
    }

    fn tell(&self, text: &str) {
        self.book.add(Stream::Agent, text);
    }
}
