//! A satellite: the agent in a process of its own, flows that push to it, and cables on both sides.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use spokegate_contract::Address;
use spokegate_daemon::Tasks;
use tokio::net::TcpStream;

use crate::cable::Cable;
use crate::ledger::{DATASETS, Ledger, content};
use crate::support::{PUSH_TOKEN, World};

/// Longest wait for a process to be up, for a connection, for a push to be taken.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Between two pushes of a flow.
const PAUSE: Duration = Duration::from_millis(10);
/// After an agent that did not answer.
const AGAIN: Duration = Duration::from_millis(30);

pub(crate) struct Satellite {
    pub(crate) address: Address,
    config: PathBuf,
    log: PathBuf,
    agent: Mutex<Child>,
    to_broker: Cable,
    to_agent: Arc<Cable>,
    ledger: Arc<Mutex<Ledger>>,
    /// Pushes that were answered with 202.
    taken: Arc<AtomicU64>,
    /// How many those were at the last kill.
    taken_before: AtomicU64,
    is_over: Arc<AtomicBool>,
    flows: Tasks,
}

impl Satellite {
    pub(crate) async fn start(world: &World, address: &Address, tasks: &Tasks) -> Self {
        let name = format!("{}-{}", address.tenant, address.satellite);
        let folder = world.folder.path();
        let push = low_port();
        let broker = SocketAddr::from(([127, 0, 0, 1], world.broker_port));
        let to_broker = Cable::lay(broker, tasks).await;
        let to_agent = Arc::new(Cable::lay(push, tasks).await);
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, settings(folder, &name, to_broker.addr, push)).unwrap();
        let log = folder.join(format!("{name}.log"));
        let satellite = Self {
            address: address.clone(),
            agent: Mutex::new(spawn(&config, &log)),
            config,
            log,
            to_broker,
            to_agent,
            ledger: Arc::default(),
            taken: Arc::default(),
            taken_before: AtomicU64::new(0),
            is_over: Arc::default(),
            flows: tasks.child(),
        };
        for (lane, dataset) in DATASETS.into_iter().enumerate() {
            let flow = Flow {
                to_agent: satellite.to_agent.addr,
                dataset,
                lane,
                connection: None,
                ledger: Arc::clone(&satellite.ledger),
                taken: Arc::clone(&satellite.taken),
                is_over: Arc::clone(&satellite.is_over),
            };
            satellite.flows.spawn("flow", flow.run());
        }
        satellite
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Waits until a push was taken since the last kill.
    pub(crate) async fn goes_on(&self) {
        let before = self.taken_before.load(Ordering::SeqCst);
        self.until("a push is taken", || {
            self.taken.load(Ordering::SeqCst) > before
        })
        .await;
    }

    /// Ends the agent like a power cut, and starts it again.
    pub(crate) async fn kill(&self, restart: Duration) {
        {
            let mut agent = self.agent.lock().unwrap();
            assert_eq!(agent.try_wait().unwrap(), None, "{}", self.words());
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
        self.note_kill();
        tokio::time::sleep(restart).await;
        *self.agent.lock().unwrap() = spawn(&self.config, &self.log);
    }

    /// Cuts the flows off from the agent.
    pub(crate) async fn cut_flows(&self) {
        self.until("a flow is connected", || self.to_agent.is_used())
            .await;
        self.to_agent.cut();
        self.note_kill();
    }

    /// Cuts the agent off from the broker.
    pub(crate) async fn cut_link(&self) {
        self.until("the agent is connected", || self.to_broker.is_used())
            .await;
        self.to_broker.cut();
        self.note_kill();
    }

    fn note_kill(&self) {
        let taken = self.taken.load(Ordering::SeqCst);
        self.taken_before.store(taken, Ordering::SeqCst);
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "{what}, never: {}", self.words());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets each flow finish its last push.
    pub(crate) async fn end_flows(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.until("the last push is taken", || self.flows.running() == 0)
            .await;
    }

    /// Stops the agent as a service manager does.
    pub(crate) async fn end(&self) {
        let id = i32::try_from(self.agent.lock().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        let ended = || self.agent.lock().unwrap().try_wait().unwrap();
        self.until("the agent stops", || ended().is_some()).await;
        assert_eq!(ended().unwrap().code(), Some(0), "{}", self.words());
        let log = std::fs::read_to_string(&self.log).unwrap();
        assert!(!log.contains("panicked"), "{}", self.words());
    }

    /// The agent's last words.
    pub(crate) fn words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Satellite {
    fn drop(&mut self) {
        if let Ok(agent) = self.agent.get_mut() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// A port that nobody takes while the agent is down: below those of outgoing connections, and below those of tests of the whole
/// product, which run at the same time.
fn low_port() -> SocketAddr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let from = 10_000 + u64::from(std::process::id() % 8_000);
    loop {
        let port = u16::try_from(from + NEXT.fetch_add(1, Ordering::SeqCst)).unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

fn settings(folder: &Path, name: &str, broker: SocketAddr, push: SocketAddr) -> String {
    let folder = folder.display();
    let sources =
        DATASETS.map(|dataset| format!("[[source]]\ndataset = \"{dataset}\"\nkind = \"push\"\n"));
    format!(
        "[broker]\naddress = \"{broker}\"\n\
         [tls]\ncertificate = '{folder}/{name}.pem'\nkey = '{folder}/{name}.key'\nca = '{folder}/ca.pem'\n\
         [enrolment]\nrenew = false\n[spool]\npath = '{folder}/{name}.spool'\n\
         [push]\nlisten = \"{push}\"\ntoken_file = '{folder}/push.token'\n\
         [status]\nevery_s = 1\n[ops]\nlisten = \"127.0.0.1:0\"\n{}",
        sources.concat()
    )
}

fn spawn(config: &Path, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_spokegate-agent"))
        .args(["run", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A flow that pushes numbers in order, each until it is taken.
struct Flow {
    to_agent: SocketAddr,
    dataset: &'static str,
    lane: usize,
    ledger: Arc<Mutex<Ledger>>,
    taken: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    /// Kept from push to push.
    connection: Option<Connection>,
}

struct Connection {
    requests: SendRequest<Full<Bytes>>,
    /// Moves the bytes.
    engine: http1::Connection<TokioIo<TcpStream>, Full<Bytes>>,
}

impl Flow {
    async fn run(mut self) {
        let mut number = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            number += 1;
            let receipt = self.push(&content(number)).await;
            let part = |name: &str| receipt[name].as_u64().unwrap();
            let id = (part("epoch"), part("sequence"));
            self.ledger.lock().unwrap().promise(id, self.lane, number);
            self.taken.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends the rows until they are taken.
    async fn push(&mut self, rows: &Value) -> Value {
        loop {
            match self.post(rows).await {
                Some((202, receipt)) => return receipt,
                Some(other) => panic!("{other:?}"),
                None => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    /// The whole answer, or none.
    async fn post(&mut self, rows: &Value) -> Option<(u16, Value)> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let request = Request::post(format!("/v1/push/{}", self.dataset))
            .header(header::HOST, self.to_agent.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {PUSH_TOKEN}"))
            .body(Full::new(Bytes::from(rows.to_string())))
            .unwrap();
        let requests = &mut connection.requests;
        let exchange = async {
            requests.ready().await.ok()?;
            let response = requests.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.ok()?.to_bytes();
            Some((status, serde_json::from_slice(&body).ok()?))
        };
        let answer = tokio::select! {
            answer = exchange => answer,
            _ = &mut connection.engine => None,
        };
        self.connection = answer.is_some().then_some(connection);
        answer
    }

    async fn connect(&self) -> Option<Connection> {
        let stream = TcpStream::connect(self.to_agent).await.ok()?;
        let (requests, engine) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        Some(Connection { requests, engine })
    }
}
