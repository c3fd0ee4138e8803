//! A sanitizer for tests: a real HTTPS server with client certificates that speaks the second hop's wire.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use serde_json::{Value, json};
use spokegate_contract::RequestId;
use spokegate_contract::record::{AckBody, BOOT_HEADER, Lane, PullBody, RequestBody};
use spokegate_daemon::Tasks;
use spokegate_daemon::http::{HttpLimits, Server, tls_serve};
use spokegate_identity::TlsFiles;
use tokio::sync::Notify;

use crate::relay::{Endpoint, SealKey};

const SEAL: [u8; 32] = [7; 32];

/// Whose certificate the server shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Sanitizer,
    ReportService,
    Satellite,
    OtherName,
    OtherCa,
}

pub(crate) fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas")
}

/// A row of the dataset `devices`.
pub(crate) fn device(hostname: &str) -> Value {
    json!({
        "hostname": hostname, "ip": "10.0.0.1", "kind": "server", "last_seen": "2026-11-20T06:15:00Z", "online": true,
        "os": "Debian", "os_version": "13", "owner": "IT",
    })
}

pub(crate) struct Sanitizer {
    shared: Arc<Shared>,
    server: Server,
    files: TlsFiles,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Inside>,
    changed: Notify,
}

#[derive(Default)]
struct Inside {
    boot: u64,
    lanes: BTreeMap<Lane, Queue>,
    requests: Vec<RequestBody>,
    acks: Vec<AckBody>,
    refusal: Option<(u16, Value)>,
    polls: u64,
    /// Lanes that have polled under the present boot.
    settled: BTreeSet<Lane>,
}

#[derive(Default)]
struct Queue {
    last: u64,
    acked: u64,
    lines: Vec<(u64, String)>,
    history: Vec<(u64, String)>,
    /// Given out at the next poll, whatever was acknowledged.
    again: Vec<(u64, String)>,
}

impl Sanitizer {
    pub(crate) async fn start(folder: &Path, identity: Identity, tasks: &Tasks) -> Self {
        let authority = Authority::new();
        let files = authority.issue(folder, "client", spiffe("service/report-service"));
        let named = |name: &str| SanType::DnsName(name.to_string().try_into().unwrap());
        let (authority, name) = match identity {
            Identity::Sanitizer => (authority, named("localhost")),
            Identity::ReportService => (authority, spiffe("service/report-service")),
            Identity::Satellite => (authority, spiffe("tenant/acme/satellite/hq")),
            Identity::OtherName => (authority, named("localhost.example")),
            Identity::OtherCa => (Authority::new(), named("localhost")),
        };
        let server = authority.issue(folder, "server", name);
        let server = TlsFiles {
            ca: files.ca.clone(),
            ..server
        };
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/v1/pull", post(pull))
            .route("/v1/requests", post(requests))
            .route("/v1/acks", post(acks))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = spokegate_identity::server_config(&server).unwrap();
        let server = tls_serve(listener, tls, router, HttpLimits::default(), tasks).unwrap();
        Self {
            shared,
            server,
            files,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            url: format!("https://{}", self.server.addr()),
            server_name: Some("localhost".into()),
            tls: self.files.clone(),
        }
    }

    pub(crate) fn seal_key(&self) -> SealKey {
        SealKey::new(&SEAL)
    }

    /// `[[sanitizer]]` for a configuration; writes the seal key beside the certificates.
    pub(crate) fn config(&self) -> String {
        let seal = self.files.key.with_file_name("seal.key");
        std::fs::write(&seal, crate::text::hex(&SEAL)).unwrap();
        let TlsFiles {
            certificate,
            key,
            ca,
        } = &self.files;
        format!(
            "[[sanitizer]]\nurl = \"https://{}\"\nserver_name = \"localhost\"\nseal_key_file = {seal:?}\n\
             tls = {{ certificate = {certificate:?}, key = {key:?}, ca = {ca:?} }}\n",
            self.server.addr()
        )
    }

    /// Says that a satellite is there, as its agent would.
    pub(crate) async fn hello(&self, tenant: &str) {
        let datasets = ["devices", "patch-status", "backup-jobs"]
            .map(|id| json!({"dataset": id, "version": 1}));
        let record = json!({
            "kind": "hello", "tenant": tenant, "satellite": "hq", "at": 1, "agent_version": "0.1.0", "epoch": 1,
            "last_sequence": 0, "acked_sequence": 0, "datasets": datasets,
        });
        self.send(Lane::Status, &record);
        self.taken_over(Lane::Status).await;
    }

    /// The record with its members in canonical order.
    pub(crate) fn canonical(&self, record: &Value) -> String {
        sorted(record).to_string()
    }

    pub(crate) fn send(&self, lane: Lane, record: &Value) {
        self.send_text(lane, &self.canonical(record));
    }

    pub(crate) fn send_text(&self, lane: Lane, record: &str) {
        self.send_sealed(lane, record, &self.seal_key().seal(record.as_bytes()));
    }

    pub(crate) fn send_sealed(&self, lane: Lane, record: &str, seal: &str) {
        let mut inside = self.inside();
        let queue = inside.lanes.entry(lane).or_default();
        queue.last += 1;
        let line = (
            queue.last,
            format!(
                "{{\"cursor\":{},\"record\":{record},\"seal\":\"{seal}\"}}\n",
                queue.last
            ),
        );
        queue.lines.push(line.clone());
        queue.history.push(line);
        drop(inside);
        self.shared.changed.notify_waiters();
    }

    /// Gives out everything that was ever sent in this boot once more.
    pub(crate) fn replay(&self, lane: Lane) {
        let mut inside = self.inside();
        let queue = inside.lanes.entry(lane).or_default();
        queue.again = queue.history.clone();
        drop(inside);
        self.shared.changed.notify_waiters();
    }

    /// Starts anew: nothing is known of what came before.
    pub(crate) fn reboot(&self) {
        let mut inside = self.inside();
        inside.boot += 1;
        inside.lanes.clear();
        inside.settled.clear();
        drop(inside);
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn refuse(&self, status: u16, class: &str, detail: &str) {
        self.inside().refusal =
            Some((status, json!({"error": {"class": class, "detail": detail}})));
    }

    pub(crate) fn accept(&self) {
        self.inside().refusal = None;
    }

    pub(crate) fn acks(&self) -> Vec<AckBody> {
        self.inside().acks.clone()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.inside().polls
    }

    /// The request of this number, once it is there.
    pub(crate) async fn request(&self, number: usize) -> RequestBody {
        self.wait(|inside| inside.requests.get(number).cloned())
            .await
    }

    /// The first acks that satisfy this, once they are there.
    pub(crate) async fn ack(&self, wanted: impl Fn(&AckBody) -> bool) -> AckBody {
        self.wait(|inside| inside.acks.iter().find(|acks| wanted(acks)).cloned())
            .await
    }

    /// Returns once everything that was sent on a lane is taken over.
    pub(crate) async fn taken_over(&self, lane: Lane) {
        self.wait(|inside| {
            inside
                .lanes
                .get(&lane)
                .is_some_and(|queue| queue.acked == queue.last)
                .then_some(())
        })
        .await;
    }

    /// Returns once so many pulls have been cancelled.
    pub(crate) async fn cancelled(&self, count: usize) {
        let cancelled = |inside: &Inside| {
            inside
                .acks
                .iter()
                .map(|acks| acks.cancel.len())
                .sum::<usize>()
        };
        self.wait(|inside| (cancelled(inside) >= count).then_some(()))
            .await;
    }

    /// Returns once a pull may run to so many chunks.
    pub(crate) async fn credit(&self, id: RequestId, chunks: u32) {
        let granted = |inside: &Inside| {
            let requested = inside
                .requests
                .iter()
                .filter(|request| request.id == id)
                .map(|request| request.credit);
            let more = inside
                .acks
                .iter()
                .flat_map(|acks| &acks.credit)
                .filter(|c| c.id == id)
                .map(|c| c.chunks);
            requested.chain(more).max().unwrap_or(0)
        };
        self.wait(|inside| (granted(inside) >= chunks).then_some(()))
            .await;
    }

    /// Returns once every lane has polled under the present boot.
    pub(crate) async fn settled(&self) {
        self.wait(|inside| (inside.settled.len() == Lane::ALL.len()).then_some(()))
            .await;
    }

    async fn wait<T>(&self, found: impl Fn(&Inside) -> Option<T>) -> T {
        let look = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = found(&self.inside()) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), look)
            .await
            .expect("what is waited for comes")
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.shared.state.lock().unwrap()
    }
}

impl Inside {
    fn boot(&self) -> String {
        format!("{:032x}", self.boot + 1)
    }

    fn take(&mut self, body: &PullBody) -> Option<Response> {
        let boot = self.boot();
        let queue = self.lanes.entry(body.lane).or_default();
        let same = body.boot == boot;
        if same {
            self.settled.insert(body.lane);
            queue.acked = body.ack;
            queue.lines.retain(|(cursor, _)| *cursor > body.ack);
        }
        if queue.lines.is_empty() && queue.again.is_empty() && body.wait_ms > 0 {
            return None;
        }
        let lines = std::mem::take(&mut queue.again)
            .into_iter()
            .chain(queue.lines.clone());
        let text: String = lines.map(|(_, line)| line).collect();
        Some(([(BOOT_HEADER, boot)], text).into_response())
    }
}

async fn pull(State(shared): State<Arc<Shared>>, Json(mut body): Json<PullBody>) -> Response {
    let boot = {
        let mut inside = shared.state.lock().unwrap();
        inside.polls += 1;
        inside.boot()
    };
    let waited = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(answer) = shared.look(&boot, &body) {
                return answer;
            }
            changed.await;
        }
    };
    let wait = Duration::from_millis(body.wait_ms.into());
    let answer = tokio::time::timeout(wait, waited).await;
    body.wait_ms = 0;
    let answer = answer.ok().or_else(|| shared.look(&boot, &body));
    shared.changed.notify_waiters();
    answer.unwrap_or_else(|| StatusCode::SERVICE_UNAVAILABLE.into_response())
}

impl Shared {
    /// What a poll gets, if anything; one of an earlier boot is cut off.
    fn look(&self, boot: &str, body: &PullBody) -> Option<Response> {
        let mut inside = self.state.lock().unwrap();
        if inside.boot() != boot {
            return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let before = (
            inside.settled.len(),
            inside.lanes.get(&body.lane).map(|queue| queue.acked),
        );
        let taken = inside.take(body);
        let after = (
            inside.settled.len(),
            inside.lanes.get(&body.lane).map(|queue| queue.acked),
        );
        drop(inside);
        if before != after {
            self.changed.notify_waiters();
        }
        taken
    }
}

async fn requests(State(shared): State<Arc<Shared>>, Json(body): Json<RequestBody>) -> Response {
    let mut inside = shared.state.lock().unwrap();
    if let Some((status, refusal)) = &inside.refusal {
        return (
            StatusCode::from_u16(*status).unwrap(),
            Json(refusal.clone()),
        )
            .into_response();
    }
    inside.requests.push(body);
    drop(inside);
    shared.changed.notify_waiters();
    StatusCode::ACCEPTED.into_response()
}

async fn acks(State(shared): State<Arc<Shared>>, Json(body): Json<AckBody>) -> StatusCode {
    shared.state.lock().unwrap().acks.push(body);
    shared.changed.notify_waiters();
    StatusCode::NO_CONTENT
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let ordered: BTreeMap<&String, Value> = entries
                .iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(
                ordered
                    .into_iter()
                    .map(|(key, value)| (key.clone(), value))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn spiffe(path: &str) -> SanType {
    SanType::URI(
        format!("spiffe://spokegate.local/{path}")
            .try_into()
            .unwrap(),
    )
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    fn issue(&self, folder: &Path, name: &str, identity: SanType) -> TlsFiles {
        use std::os::unix::fs::PermissionsExt as _;
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![identity];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = TlsFiles {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
            ca: folder.join(format!("{name}-ca.crt")),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&files.ca, &self.certificate).unwrap();
        files
    }
}
