//! Many at once: idle sockets, and everybody coming back at the same moment.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Authority, Certificate, Client, Connect, TestBroker};
use crate::{Bystander, unharmed};

const IDLE: usize = 10_000;
/// Descriptors beyond the sockets: the test's own, and the broker's.
const SPARE: u64 = 1_000;

/// Held by a test that needs so many descriptors; two of them at once need more than some systems allow.
static CROWD: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The built broker in a process of its own, so that both ends of so many sockets find room.
struct Process {
    child: Child,
    addr: SocketAddr,
    authority: Authority,
    _files: TempDir,
}

impl Process {
    fn start(limits: &str) -> Self {
        let (authority, files) = (Authority::new("fabric"), TempDir::new().unwrap());
        authority.server().write(files.path());
        let (at, file) = (files.path().display(), files.path().join("broker.toml"));
        let text = format!(
            "[tls]\ncertificate = \"{at}/certificate.pem\"\nkey = \"{at}/key.pem\"\nclient_ca = \"{at}/ca.pem\"\n\
             [[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"\n\
             [limits]\n{limits}\n[log]\nformat = \"json\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_spokegate-broker"))
            .args(["run", "--config"])
            .arg(&file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let addr = std::iter::from_fn(|| {
            let mut line = String::new();
            (log.read_line(&mut line).unwrap() > 0).then_some(line)
        });
        let mut addr = addr.filter_map(|line| {
            let line = line.contains("\"listening\"").then_some(line)?;
            let (_, address) = line.split_once("\"address\":\"")?;
            address.split('"').next()?.parse().ok()
        });
        let addr = addr.next().expect("the broker says where it listens");
        // Somebody must read on, or the broker waits for room in the pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self {
            child,
            addr,
            authority,
            _files: files,
        }
    }

    /// A satellite that connects, and how long that and a ping took.
    async fn served(&self, certificate: &Certificate, id: &str) -> (Client, Duration) {
        let started = Instant::now();
        let config = self.authority.client(Some(certificate));
        let mut client = Client::dial(self.addr, config).await.unwrap();
        assert_eq!(client.connect(&Connect::new(id)).await, Some(0));
        assert!(client.ping().await);
        (client, started.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Room for as many sockets, here and in what is started from here.
fn raise_file_limit() {
    let needed = IDLE as u64 + SPARE;
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.unwrap_or(u64::MAX).min(2 * needed);
    assert!(
        raised >= needed,
        "{needed} open files are needed; the hard limit is {limit:?}"
    );
    let raised = Rlimit {
        current: Some(raised.max(limit.current.unwrap_or(u64::MAX))),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// Opens sockets from many addresses, each below its own rate.
async fn idle(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut sockets = Vec::with_capacity(count);
    for n in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        let from = Ipv4Addr::new(127, 0, 1, (n % 200) as u8 + 1);
        socket.bind((from, 0).into()).unwrap();
        sockets.push(socket.connect(addr).await.unwrap());
    }
    sockets
}

/// How many of them the broker has not closed.
fn open(sockets: &[TcpStream]) -> usize {
    let blocked = |socket: &&TcpStream| {
        let read = socket.try_read(&mut [0]);
        matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    sockets.iter().filter(blocked).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_sockets_do_not_slow_a_client_down() {
    let _alone = CROWD.lock().await;
    raise_file_limit();
    // All are kept: neither rate nor crowd limit helps the broker here.
    let broker = Process::start("pending_max = 20000\nhandshake_ms = 60000");
    let certificate = broker.authority.satellite("acme", "hq");
    let (_, alone) = broker.served(&certificate, "acme.hq").await;
    let sockets = idle(broker.addr, IDLE).await;
    let (mut client, crowded) = broker.served(&certificate, "acme.hq").await;
    let mut trips: Vec<_> = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        assert!(client.ping().await);
        trips.push(started.elapsed());
    }
    trips.sort_unstable();
    assert_eq!(
        open(&sockets),
        IDLE,
        "some were closed, so this shows nothing"
    );
    println!(
        "{IDLE} idle sockets: connect in {crowded:?} ({alone:?} before them), ping median {:?}, longest {:?}",
        trips[100], trips[199]
    );
    assert!(crowded < Duration::from_secs(2), "{crowded:?}");
    assert!(trips[100] < Duration::from_millis(50), "{:?}", trips[100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_sockets_push_only_one_another_out() {
    let _alone = CROWD.lock().await;
    raise_file_limit();
    let broker = Process::start("pending_max = 500\nhandshake_ms = 60000");
    let certificate = broker.authority.satellite("acme", "hq");
    let (mut before, _) = broker.served(&certificate, "acme.hq").await;
    let sockets = idle(broker.addr, IDLE).await;
    let branch = broker.authority.satellite("acme", "branch");
    let (_after, crowded) = broker.served(&branch, "acme.branch").await;
    assert!(
        before.ping().await,
        "a session gave way to sockets that say nothing"
    );
    assert!(crowded < Duration::from_secs(2), "{crowded:?}");
    let deadline = Instant::now() + Duration::from_secs(10);
    while open(&sockets) > 500 {
        assert!(Instant::now() < deadline, "{} are open", open(&sockets));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const TENANTS: usize = 4;
const PER_TENANT: usize = 75;

/// All satellites of all tenants, connected and subscribed.
async fn everybody(
    broker: &Arc<TestBroker>,
    certificates: &Arc<Vec<(String, String, Certificate)>>,
) -> Vec<Client> {
    let arrivals: Vec<_> = (0..certificates.len())
        .map(|n| {
            let (broker, certificates) = (Arc::clone(broker), Arc::clone(certificates));
            tokio::spawn(async move {
                let (tenant, name, certificate) = &certificates[n];
                let mut client = broker.dial(certificate).await;
                let connect = Connect::new(&format!("{tenant}.{name}"));
                assert_eq!(client.connect(&connect).await, Some(0), "{tenant}.{name}");
                client
                    .subscribe(&format!("sg/1/{tenant}/{name}/down/#"))
                    .await;
                client
            })
        })
        .collect();
    let mut clients = Vec::new();
    for arrival in arrivals {
        clients.push(arrival.await.unwrap());
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn hundreds_that_reconnect_at_once_again_and_again_are_all_served() {
    let broker =
        TestBroker::with("connections_per_address_burst = 100000\ndown_queue_bytes = 524288").await;
    let broker = Arc::new(broker);
    let mut bystander = Bystander::enter(&broker).await;
    let certificates = (0..TENANTS * PER_TENANT).map(|n| {
        let (tenant, name) = (format!("t{}", n % TENANTS), format!("s{n}"));
        let certificate = broker.authority.satellite(&tenant, &name);
        (tenant, name, certificate)
    });
    let certificates = Arc::new(certificates.collect::<Vec<_>>());
    let mut clients = Vec::new();
    for round in 0..4 {
        // In even rounds the old connections break first; in odd ones the new ones take over.
        if round % 2 == 0 {
            clients.clear();
        }
        let started = Instant::now();
        let (arrived, longest) = bystander.during(everybody(&broker, &certificates)).await;
        let lasted = started.elapsed();
        clients = arrived;
        for client in &mut clients {
            assert!(client.ping().await);
        }
        println!(
            "{} sessions back in {lasted:?}, a bystander's longest trip {longest:?}",
            clients.len()
        );
        assert!(lasted < Duration::from_secs(30), "{lasted:?}");
        assert!(longest < Duration::from_secs(5), "{longest:?}");
    }
    unharmed(&broker).await;
}
