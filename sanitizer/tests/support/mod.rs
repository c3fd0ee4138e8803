//! A broker, the real program and the centre's side of the second hop.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

pub mod agent;
pub mod certificates;
pub mod mosquitto;
pub mod processes;
pub mod separate;

use agent::Agent;
use certificates::{Authority, Certificate};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use spokegate_broker::Broker;
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use spokegate_identity::sealed::OpeningKey;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_spokegate-sanitizer");
pub const SEAL_KEY: [u8; 32] = [0x5a; 32];

/// What a person has, and the sanitizer has not.
pub fn quarantine_key() -> OpeningKey {
    OpeningKey::from_stored(&"77".repeat(32)).unwrap()
}

/// A broker and a sanitizer for the tenants acme and globex, and for enrolment.
pub struct Fabric {
    pub folder: TempDir,
    pub fabric_ca: Authority,
    pub inner_ca: Authority,
    pub broker: Broker,
    pub sanitizer: Child,
    pub inner: SocketAddr,
}

pub fn schemas() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

impl Fabric {
    pub async fn start() -> Fabric {
        Fabric::start_with("").await
    }

    /// Starts with further `--set` arguments, separated by spaces.
    pub async fn start_with(settings: &str) -> Fabric {
        Fabric::start_behind("", settings).await
    }

    /// Starts behind a broker with further lines in its `[limits]`.
    pub async fn start_behind(limits: &str, settings: &str) -> Fabric {
        Fabric::start_in(tempfile::tempdir().unwrap(), limits, settings).await
    }

    /// Starts in a folder that may hold the program already.
    pub async fn start_in(folder: TempDir, limits: &str, settings: &str) -> Fabric {
        let (fabric_ca, inner_ca) = (Authority::new(), Authority::new());
        let broker = start_broker(&folder, &fabric_ca, limits).await;
        let tenants = ["acme", "globex"].map(str::to_owned);
        let authorities = (&fabric_ca, &inner_ca);
        let (sanitizer, inner) = start_sanitizer(
            &folder,
            authorities,
            &tenants,
            broker.addr().port(),
            settings,
        )
        .await;
        let fabric = Fabric {
            folder,
            fabric_ca,
            inner_ca,
            broker,
            sanitizer,
            inner,
        };
        if !settings.contains("share.leases=true") {
            fabric.centre().await.wait_for_sessions(3).await;
        }
        fabric
    }

    pub async fn centre(&self) -> Centre {
        let certificate = self.inner_ca.identity("service/report-service");
        Centre::connect(self.inner, &self.inner_ca, Some(&certificate))
            .await
            .unwrap()
    }

    /// The provisioner's side of the second hop.
    pub async fn provisioner(&self) -> Centre {
        let certificate = self.inner_ca.identity("service/provisioner");
        Centre::connect(self.inner, &self.inner_ca, Some(&certificate))
            .await
            .unwrap()
    }

    pub async fn agent(&self, tenant: &str, satellite: &str) -> Agent {
        let certificate = self
            .fabric_ca
            .identity(&format!("tenant/{tenant}/satellite/{satellite}"));
        Agent::connect(
            self.broker.addr(),
            self.fabric_ca.client(Some(&certificate)),
            tenant,
            satellite,
        )
        .await
    }

    /// The process that works for a tenant now.
    pub async fn worker_pid(&self, centre: &mut Centre, tenant: &str) -> u64 {
        for _ in 0..200 {
            let status = centre.status().await;
            let mut tenants = status["tenants"]
                .as_array()
                .cloned()
                .unwrap_or_default()
                .into_iter();
            let pid = tenants
                .find(|lane| lane["tenant"] == tenant)
                .and_then(|lane| lane["worker_pid"].as_u64());
            if let Some(pid) = pid.filter(|pid| *pid > 0) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no worker");
    }
}

async fn start_broker(folder: &TempDir, ca: &Authority, limits: &str) -> Broker {
    let tls = ca.write(&ca.server(), &folder.path().join("broker"));
    let text = format!(
        "trust_domain = \"spokegate.local\"\n[tls]\ncertificate = \"{0}/certificate.pem\"\nkey = \"{0}/key.pem\"\n\
         client_ca = \"{0}/ca.pem\"\n[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"\n[limits]\n{limits}\n",
        tls.display()
    );
    let config = Layered::new("broker", spokegate_broker::DEFAULTS)
        .text("test", &text)
        .no_environment()
        .load()
        .unwrap();
    Broker::bind(config, &Context::new()).await.unwrap()
}

/// Writes certificates and configuration, starts the real program, and returns once the second hop listens.
pub async fn start_sanitizer(
    folder: &TempDir,
    authorities: (&Authority, &Authority),
    tenants: &[String],
    broker_port: u16,
    settings: &str,
) -> (Child, SocketAddr) {
    let config = write_files(folder, authorities, tenants, broker_port);
    if settings.contains("users.separate=require") {
        separate::give_files(folder.path());
    }
    // A test that takes the program away puts one of its own into the folder.
    let own = folder.path().join("spokegate-sanitizer");
    let program = if own.exists() { own } else { PROGRAM.into() };
    let mut command = Command::new(program);
    command
        .args(["run", "--config"])
        .arg(config)
        .kill_on_drop(true)
        .stderr(Stdio::piped());
    for setting in settings.split_whitespace() {
        command.args(["--set", setting]);
    }
    let mut sanitizer = command.spawn().unwrap();
    let inner = tokio::time::timeout(Duration::from_secs(60), listening(&mut sanitizer))
        .await
        .expect("a start in time");
    (sanitizer, inner)
}

/// Writes certificates, keys and configuration; returns where the configuration stands.
pub fn write_files(
    folder: &TempDir,
    (fabric_ca, inner_ca): (&Authority, &Authority),
    tenants: &[String],
    broker_port: u16,
) -> PathBuf {
    let sanitizer_fabric = folder.path().join("sanitizer-fabric");
    fabric_ca.write(&fabric_ca.identity("service/sanitizer"), &sanitizer_fabric);
    inner_ca.write(&inner_ca.server(), &folder.path().join("sanitizer-inner"));
    std::fs::write(folder.path().join("seal.key"), "5a".repeat(32)).unwrap();
    let public = format!("{}\n", quarantine_key().recipient());
    std::fs::write(folder.path().join("quarantine.pub"), public).unwrap();
    config(folder, tenants, broker_port)
}

fn config(folder: &TempDir, tenants: &[String], broker_port: u16) -> PathBuf {
    let text = format!(
        "trust_domain = \"spokegate.local\"\ntenants = {tenants:?}\nschemas = \"{schemas}\"\n\
         [broker]\naddress = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"\n\
         [broker.tls]\ncertificate = \"{0}/sanitizer-fabric/certificate.pem\"\nkey = \"{0}/sanitizer-fabric/key.pem\"\nca = \"{0}/sanitizer-fabric/ca.pem\"\n\
         [inner]\nlisten = \"127.0.0.1:0\"\n\
         [inner.tls]\ncertificate = \"{0}/sanitizer-inner/certificate.pem\"\nkey = \"{0}/sanitizer-inner/key.pem\"\nca = \"{0}/sanitizer-inner/ca.pem\"\n\
         [seal]\nkey_file = \"{0}/seal.key\"\n[users]\nseparate = \"off\"\n\
         [quarantine]\ndirectory = \"{0}/quarantine\"\nrecipient_file = \"{0}/quarantine.pub\"\n\
         [ops]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n",
        folder.path().display(),
        schemas = schemas().display(),
        port = broker_port,
    );
    let path = folder.path().join("sanitizer.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Reads the log until the second hop listens, and goes on printing it.
async fn listening(sanitizer: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(sanitizer.stderr.take().unwrap()).lines();
    let mut log = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if event["message"] == "the second hop listens" {
            #[expect(
                clippy::disallowed_methods,
                reason = "keeps the pipe of the tested program empty"
            )]
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    println!("{line}");
                }
            });
            return event["address"].as_str().unwrap().parse().unwrap();
        }
        log.push_str(&line);
        log.push('\n');
    }
    panic!("the sanitizer did not start:\n{log}");
}

/// The centre's side of the second hop.
pub struct Centre {
    sender: SendRequest<Full<Bytes>>,
    pub boot: String,
    /// Highest cursor taken over, per lane.
    pub acked: std::collections::BTreeMap<String, u64>,
}

/// A sealed record as it came.
#[derive(Debug, Clone)]
pub struct Taken {
    pub text: String,
    pub seal: String,
    pub record: Value,
}

impl Centre {
    pub async fn connect(
        addr: SocketAddr,
        ca: &Authority,
        certificate: Option<&Certificate>,
    ) -> std::io::Result<Centre> {
        let stream = tokio::net::TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let connector = tokio_rustls::TlsConnector::from(ca.client(certificate));
        let stream = connector
            .connect("localhost".try_into().unwrap(), stream)
            .await?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "drives the test's own connection"
        )]
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Centre {
            sender,
            boot: String::new(),
            acked: Default::default(),
        })
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> std::io::Result<(u16, String, Bytes)> {
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .body(Full::from(body));
        self.sender.ready().await.map_err(std::io::Error::other)?;
        let answer = self
            .sender
            .send_request(request.unwrap())
            .await
            .map_err(std::io::Error::other)?;
        let boot = answer
            .headers()
            .get("spokegate-boot")
            .map(|boot| boot.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        Ok((status, boot.unwrap_or_default(), body))
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self
            .send("POST", path, body.to_string().into_bytes())
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn status(&mut self) -> Value {
        let (status, _, body) = self.send("GET", "/v1/status", Vec::new()).await.unwrap();
        assert_eq!(status, 200);
        serde_json::from_slice(&body).unwrap()
    }

    /// Waits until so many tenants have a session, and no tenant has none.
    pub async fn wait_for_sessions(&mut self, count: usize) {
        for _ in 0..600 {
            let status = self.status().await;
            let tenants = status["tenants"].as_array().cloned().unwrap_or_default();
            if tenants.len() == count && tenants.iter().all(|tenant| tenant["session"] == "up") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no broker sessions");
    }

    /// One pull of a lane; acknowledges what came before.
    pub async fn pull(&mut self, lane: &str, wait_ms: u64) -> Vec<Taken> {
        let ack = self.acked.get(lane).copied().unwrap_or_default();
        let asked = json!({"lane": lane, "boot": self.boot, "ack": ack, "max": 4096, "max_bytes": 4_194_304, "wait_ms": wait_ms});
        let (status, boot, body) = self
            .send("POST", "/v1/pull", asked.to_string().into_bytes())
            .await
            .unwrap();
        assert_eq!(status, 200, "{body:?}");
        if self.boot != boot {
            // A cursor of another run means nothing in this one.
            self.acked.remove(lane);
            self.boot = boot;
        }
        let mut taken = Vec::new();
        for line in std::str::from_utf8(&body).unwrap().lines() {
            let line: spokegate_contract::record::Line<'_> = serde_json::from_str(line).unwrap();
            self.acked.insert(lane.to_owned(), line.cursor);
            let text = line.record.get().to_owned();
            let record = serde_json::from_str(&text).unwrap();
            taken.push(Taken {
                text,
                seal: line.seal.to_owned(),
                record,
            });
        }
        taken
    }

    /// Pulls until a record satisfies `wanted`. A satellite that is slowed needs some twenty seconds until it is suspended.
    pub async fn wait_for(&mut self, lane: &str, wanted: impl Fn(&Value) -> bool) -> Taken {
        for _ in 0..90 {
            if let Some(found) = self
                .pull(lane, 1_000)
                .await
                .into_iter()
                .find(|taken| wanted(&taken.record))
            {
                return found;
            }
        }
        panic!("no such record on lane {lane}");
    }

    /// Asks a satellite for the devices.
    pub async fn ask(
        &mut self,
        id: &str,
        tenant: &str,
        satellite: &str,
        params: Value,
    ) -> (u16, Value) {
        let now_ms = spokegate_daemon::Clock::system().now_ms();
        let request = json!({
            "id": id, "tenant": tenant, "satellite": satellite, "dataset": "devices", "version": 1, "params": params,
            "deadline_ms": now_ms + 30_000, "credit": 8,
        });
        self.post("/v1/requests", &request).await
    }
}

/// A row that the shipped contract allows.
pub fn device(name: &str) -> Value {
    json!({
        "hostname": name, "kind": "server", "os": "Debian GNU/Linux", "os_version": "12.5", "ip": "10.0.0.7",
        "last_seen": "2026-01-05T10:00:00Z", "online": true, "owner": "Zoë",
    })
}

/// The id of the nth request of a test.
pub fn id(number: u8) -> String {
    format!("{number:032x}")
}

/// Checks seal and canonical form.
pub fn assert_sealed(taken: &Taken) {
    let master = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &SEAL_KEY);
    let tenant = taken.record["tenant"].as_str().unwrap().parse().unwrap();
    let label = spokegate_contract::record::seal_label(&tenant);
    let derived = ring::hmac::sign(&master, &label);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, derived.as_ref());
    let seal = ring::hmac::sign(&key, taken.text.as_bytes());
    assert_eq!(spokegate_contract::hex::encode(seal.as_ref()), taken.seal);
    spokegate_contract::record::check_canonical(taken.text.as_bytes()).unwrap();
}
