//! A broker, an agent, flows and a centre, all on loopback and with real certificates.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rumqttc::{
    AsyncClient, Event, Incoming, MqttOptions, NetworkOptions, QoS, TlsConfiguration, Transport,
};
use serde_json::{Value, json};
use spokegate_agent::{Agent, Config, DEFAULTS};
use spokegate_broker::{Broker, BrokerConfig};
use spokegate_contract::envelope::{Ack, CommandResult, Hello, PullRequest, Push, Reply, Status};
use spokegate_contract::limits::PACKET_BYTES_MAX;
use spokegate_contract::{Address, Channel, Envelope, RequestId, TenantId, Topic, cbor, filter};
use spokegate_daemon::config::Layered;
use spokegate_daemon::http::{HttpLimits, Server};
use spokegate_daemon::{Clock, Context, Tasks};
use spokegate_identity::{TlsFiles, client_config};
use tempfile::TempDir;
use tokio::sync::mpsc;

pub(crate) const PUSH_TOKEN: &str = "push-token-of-some-length";
const FLOW_TOKEN: &str = "flow-token-of-some-length";
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything but the agent.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) flows: Flows,
    pub(crate) broker_port: u16,
    broker: Option<Broker>,
    tasks: Tasks,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap(), &[]).await
    }

    /// With certificates for these satellites beside `hq`'s.
    pub(crate) async fn within(folder: TempDir, satellites: &[Address]) -> Self {
        issue_all(folder.path(), satellites);
        for (name, token) in [("push.token", PUSH_TOKEN), ("flow.token", FLOW_TOKEN)] {
            write_private(&folder.path().join(name), token);
        }
        let tasks = Tasks::new();
        let flows = Flows::start(&tasks).await;
        let mut world = Self {
            folder,
            flows,
            broker_port: 0,
            broker: None,
            tasks,
        };
        world.start_broker().await;
        world
    }

    /// Starts the broker where it was before, if it was.
    pub(crate) async fn start_broker(&mut self) {
        let text = format!(
            "[tls]\ncertificate = '{0}/broker.pem'\nkey = '{0}/broker.key'\nclient_ca = '{0}/ca.pem'\n\
             [[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:{1}\"\n",
            self.folder.path().display(),
            self.broker_port,
        );
        let config: BrokerConfig = Layered::new("broker", spokegate_broker::DEFAULTS)
            .text("broker.toml", &text)
            .no_environment()
            .load()
            .unwrap();
        let broker = Broker::bind(config, &Context::new()).await.unwrap();
        self.broker_port = broker.addr().port();
        self.broker = Some(broker);
    }

    pub(crate) async fn stop_broker(&mut self) {
        self.broker.take().unwrap().shutdown().await;
    }

    pub(crate) fn files(&self, name: &str) -> TlsFiles {
        files(self.folder.path(), name)
    }

    /// The agent's configuration file, with `extra` behind it.
    pub(crate) fn agent_toml(&self, extra: &str) -> String {
        let (folder, flows) = (self.folder.path().display(), self.flows.addr());
        let source = |dataset: &str, path: &str, more: &str| {
            format!(
                "[[source]]\ndataset = \"{dataset}\"\nkind = \"http\"\nurl = \"http://{flows}{path}\"\n\
                 token_file = '{folder}/flow.token'\n{more}\n"
            )
        };
        [
            format!("[broker]\naddress = \"127.0.0.1:{}\"\n", self.broker_port),
            format!("[tls]\ncertificate = '{folder}/hq.pem'\nkey = '{folder}/hq.key'\nca = '{folder}/ca.pem'\n"),
            format!("[spool]\npath = '{folder}/spool'\n"),
            format!("[push]\nlisten = \"127.0.0.1:0\"\ntoken_file = '{folder}/push.token'\n"),
            "[status]\nevery_s = 1\n".to_owned(),
            source("devices", "/data/devices", ""),
            source("summary", "/data/summary", "shape = \"document\""),
            source("endless", "/data/endless", ""),
            source("login-page", "/data/html", ""),
            "[[source]]\ndataset = \"alerts\"\nkind = \"push\"\n".to_owned(),
            extra.to_owned(),
        ]
        .concat()
    }

    pub(crate) fn agent_config(&self, extra: &str) -> Config {
        let layered = Layered::new("agent", DEFAULTS).text("agent.toml", &self.agent_toml(extra));
        layered.no_environment().load().unwrap()
    }

    /// An agent that is connected.
    pub(crate) async fn agent(&self) -> Agent {
        let context = Context::new();
        let agent = Agent::bind(self.agent_config(""), &context).await.unwrap();
        tokio::time::timeout(PATIENCE, context.readiness.ready())
            .await
            .expect("the agent connects");
        agent
    }

    pub(crate) async fn centre(&self) -> Centre {
        self.centre_of("acme").await
    }

    pub(crate) async fn centre_of(&self, tenant: &str) -> Centre {
        Centre::connect(self, tenant.parse().unwrap()).await
    }
}

/// HTTP flows in the place of Node-RED's.
pub(crate) struct Flows {
    server: Server,
    pub(crate) open: Arc<AtomicU64>,
}

impl Flows {
    async fn start(tasks: &Tasks) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&open);
        let router = Router::new()
            .route("/data/devices", get(devices))
            .route(
                "/data/summary",
                get(|| async { axum::Json(json!({ "open": 3 })) }),
            )
            .route(
                "/data/html",
                get(|| async { axum::response::Html("<p>Please sign in") }),
            )
            .route(
                "/data/endless",
                get(move || async move { endless(counted) }),
            );
        let server =
            spokegate_daemon::http::serve(listener, router, HttpLimits::default(), tasks).unwrap();
        Self { server, open }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }
}

async fn devices(Query(query): Query<Vec<(String, String)>>) -> impl IntoResponse {
    let limit = query
        .iter()
        .find(|(key, _)| key == "limit")
        .map_or(3, |(_, value)| value.parse().unwrap());
    axum::Json((0..limit).map(device).collect::<Vec<_>>())
}

/// One row of the table.
pub(crate) fn device(n: u64) -> Value {
    json!({ "hostname": format!("host-{n}"), "kind": "server", "online": n.is_multiple_of(2), "slot": n })
}

/// Rows without end, slowly; counts how many such answers are open.
fn endless(open: Arc<AtomicU64>) -> impl IntoResponse {
    struct Counted(Arc<AtomicU64>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    open.fetch_add(1, Ordering::SeqCst);
    let rows = futures_util::stream::unfold((0, Counted(open)), |(n, counted)| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let text = format!(
            "{}{}",
            if n == 0 { '[' } else { ',' },
            json!({ "n": n, "pad": "x".repeat(1_000) })
        );
        Some((Ok::<_, std::io::Error>(text), (n + 1, counted)))
    });
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(rows),
    )
}

/// The other end of the fabric: the sanitizer's session into the tenant's cell.
pub(crate) struct Centre {
    client: AsyncClient,
    pub(crate) inbox: mpsc::Receiver<(Topic, Bytes)>,
    tasks: Tasks,
}

impl Centre {
    async fn connect(world: &World, tenant: TenantId) -> Self {
        let id = format!("sanitizer.{tenant}");
        let mut options = MqttOptions::new(id, "127.0.0.1", world.broker_port);
        options
            .set_transport(Transport::Tls(TlsConfiguration::Rustls(
                client_config(&world.files("sanitizer")).unwrap(),
            )))
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX);
        let (client, mut event_loop) = AsyncClient::new(options, 1_000);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        let (outbox, inbox) = mpsc::channel(10_000);
        let (subscribed, ready) = tokio::sync::oneshot::channel();
        let (mut subscribed, subscriber) = (Some(subscribed), client.clone());
        let tasks = world.tasks.child();
        tasks.spawn("centre", async move {
            let filter = filter::tenant_up(&tenant).to_string();
            loop {
                match event_loop.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        subscriber.try_subscribe(&filter, QoS::AtLeastOnce).unwrap();
                    }
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        subscribed.take().map(|ready| ready.send(()));
                    }
                    Ok(Event::Incoming(Incoming::Publish(publish))) => {
                        let message = (Topic::parse(&publish.topic).unwrap(), publish.payload);
                        if outbox.try_send(message).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        tokio::time::timeout(PATIENCE, ready)
            .await
            .expect("the centre connects")
            .unwrap();
        Self {
            client,
            inbox,
            tasks,
        }
    }

    /// Sends to the satellite `hq`.
    pub(crate) async fn tell(&self, channel: Channel, payload: Vec<u8>) {
        self.tell_to(hq(), channel, payload).await;
    }

    pub(crate) async fn tell_to(&self, address: Address, channel: Channel, payload: Vec<u8>) {
        let topic = Topic::new(address, channel).to_string();
        self.client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await
            .unwrap();
    }

    /// Asks for a dataset; answers the request's id.
    pub(crate) async fn ask(&self, dataset: &str, params: Value, credit: u32) -> RequestId {
        let request = request(params, credit, 30_000);
        self.tell(Channel::Pull(dataset.parse().unwrap()), request.encode())
            .await;
        request.id
    }

    pub(crate) async fn ack(&self, ack: Ack) {
        self.tell(Channel::Ack, ack.encode()).await;
    }

    /// The next message for which `pick` has an answer; others are dropped.
    pub(crate) async fn next<T>(&mut self, mut pick: impl FnMut(&Topic, &Bytes) -> Option<T>) -> T {
        let found = async {
            loop {
                let (topic, payload) = self.inbox.recv().await.expect("the centre runs");
                if let Some(found) = pick(&topic, &payload) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("the message comes")
    }

    pub(crate) async fn reply(&mut self, id: RequestId) -> Reply {
        self.next(|topic, payload| {
            let reply = (topic.channel == Channel::Reply).then(|| Reply::decode(payload).unwrap());
            reply.filter(|reply| reply.id == id)
        })
        .await
    }

    pub(crate) async fn push(&mut self) -> Push {
        self.next(|topic, payload| {
            matches!(topic.channel, Channel::Push(_)).then(|| Push::decode(payload).unwrap())
        })
        .await
    }

    pub(crate) async fn result(&mut self) -> CommandResult {
        self.next(|topic, payload| {
            (topic.channel == Channel::Result).then(|| CommandResult::decode(payload).unwrap())
        })
        .await
    }

    pub(crate) async fn hello(&mut self) -> Hello {
        self.next(|topic, payload| {
            (topic.channel == Channel::Hello).then(|| Hello::decode(payload).unwrap())
        })
        .await
    }

    pub(crate) async fn status(&mut self) -> Status {
        self.next(|topic, payload| {
            (topic.channel == Channel::Status).then(|| Status::decode(payload).unwrap())
        })
        .await
    }

    /// Whatever comes within `wait` and is of this channel.
    pub(crate) async fn during(&mut self, wait: Duration, of: impl Fn(&Channel) -> bool) -> usize {
        let mut found = 0;
        let _ = tokio::time::timeout(wait, async {
            while let Some((topic, _)) = self.inbox.recv().await {
                found += usize::from(of(&topic.channel));
            }
        })
        .await;
        found
    }

    pub(crate) async fn leave(self) {
        self.tasks.abort().await;
    }
}

pub(crate) fn request(params: Value, credit: u32, budget_ms: u64) -> PullRequest {
    let mut encoded = Vec::new();
    cbor::from_json(&params, &mut encoded).unwrap();
    let deadline_ms = Clock::system().now_ms() + budget_ms;
    PullRequest {
        id: RequestId::random(),
        version: 1,
        params: encoded.into(),
        deadline_ms,
        credit,
    }
}

/// Posts to the push endpoint as a flow does; answers status and body.
pub(crate) async fn post(
    addr: SocketAddr,
    dataset: &str,
    body: &Value,
) -> Result<(u16, Value), String> {
    let request = Request::post(format!("http://{addr}/v1/push/{dataset}"))
        .header(header::AUTHORIZATION, format!("Bearer {PUSH_TOKEN}"))
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client
        .request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

pub(crate) fn hq() -> Address {
    Address::new("acme".parse().unwrap(), "hq".parse().unwrap())
}

fn files(folder: &Path, name: &str) -> TlsFiles {
    let path = |end: &str| -> PathBuf { folder.join(format!("{name}.{end}")) };
    TlsFiles {
        certificate: path("pem"),
        key: path("key"),
        ca: folder.join("ca.pem"),
    }
}

fn issue_all(folder: &Path, satellites: &[Address]) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
    write_private(&folder.join("ca.key"), &key.serialize_pem());
    let issuer = Issuer::new(params, key);
    let uri = |path: &str| {
        SanType::URI(
            format!("spiffe://spokegate.local/{path}")
                .try_into()
                .unwrap(),
        )
    };
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    issue(
        folder,
        "hq",
        vec![uri("tenant/acme/satellite/hq")],
        client.clone(),
        &issuer,
    );
    issue(
        folder,
        "sanitizer",
        vec![uri("service/sanitizer")],
        client,
        &issuer,
    );
    for Address { tenant, satellite } in satellites {
        let name = format!("{tenant}-{satellite}");
        let identity = uri(&format!("tenant/{tenant}/satellite/{satellite}"));
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        issue(folder, &name, vec![identity], client, &issuer);
    }
    let names = vec![
        SanType::IpAddress("127.0.0.1".parse().unwrap()),
        SanType::DnsName("broker.spokegate.local".try_into().unwrap()),
    ];
    issue(
        folder,
        "broker",
        names,
        ExtendedKeyUsagePurpose::ServerAuth,
        &issuer,
    );
}

fn issue(
    folder: &Path,
    name: &str,
    sans: Vec<SanType>,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = sans;
    params.extended_key_usages = vec![usage];
    let certificate = params.signed_by(&key, issuer).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    write_private(&folder.join(format!("{name}.key")), &key.serialize_pem());
}

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
