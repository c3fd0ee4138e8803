//! One lane of records, what was answered to them, and the lists that came.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use ring::hmac;
use serde_json::Value;
use spokegate_contract::hex;
use spokegate_contract::record::{
    AdmissionBody, AdmissionsBody, BOOT_HEADER, CrlBody, Lane, PullBody, seal_label,
};
use spokegate_daemon::Tasks;
use spokegate_daemon::http::{HttpLimits, Server, tls_serve};
use spokegate_identity::TlsFiles;
use tokio::sync::Notify;

/// The key of the seals.
pub(crate) const SEAL: [u8; 32] = [7; 32];
/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Sanitizer {
    shared: Arc<Shared>,
    server: Server,
    pub(crate) tasks: Tasks,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Inside>,
    changed: Notify,
}

/// What the sanitizer knows.
#[derive(Default)]
pub(crate) struct Inside {
    /// Which start this is.
    pub(crate) boot: u64,
    last: u64,
    lines: Vec<(u64, String)>,
    /// Every answer that came, repeats too.
    pub(crate) admissions: Vec<AdmissionBody>,
    /// Every list that came.
    pub(crate) lists: Vec<Vec<u8>>,
    /// Answers are received and never acknowledged: the daemon waits.
    pub(crate) hold: bool,
    /// Answers cannot be taken now.
    pub(crate) refuse: bool,
    /// This tenant is not served: nothing with an answer for it is ever taken.
    pub(crate) unserved: Option<&'static str>,
}

impl Sanitizer {
    pub(crate) async fn start(files: &Path) -> Self {
        let tasks = Tasks::new();
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/v1/pull", post(pull))
            .route("/v1/admissions", post(admissions))
            .route("/v1/crl", put(crl))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = spokegate_identity::server_config(&TlsFiles::in_directory(files)).unwrap();
        let server = tls_serve(listener, tls, router, HttpLimits::default(), &tasks).unwrap();
        Self {
            shared,
            server,
            tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.server.addr())
    }

    /// Puts a record into the lane, sealed by the worker of its tenant.
    pub(crate) fn send(&self, record: &Value) {
        let record = canonical(record);
        let tenant = record["tenant"].as_str().unwrap().parse().unwrap();
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let worker = hmac::sign(&key(&SEAL), &seal_label(&tenant));
        let text = record.to_string();
        let seal = hmac::sign(&key(worker.as_ref()), text.as_bytes());
        self.send_sealed(&text, &hex::encode(seal.as_ref()));
    }

    pub(crate) fn send_sealed(&self, record: &str, seal: &str) {
        let mut inside = self.inside();
        inside.last += 1;
        let cursor = inside.last;
        let line = format!("{{\"cursor\":{cursor},\"record\":{record},\"seal\":\"{seal}\"}}\n");
        inside.lines.push((cursor, line));
        drop(inside);
        self.shared.changed.notify_waiters();
    }

    /// Changes what is known.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Inside)) {
        change(&mut self.inside());
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.shared.state.lock().unwrap()
    }

    /// Returns once every record is freed.
    pub(crate) async fn freed(&self) {
        self.wait(|inside| inside.lines.is_empty().then_some(()))
            .await;
    }

    /// Returns once the list that came last satisfies this.
    pub(crate) async fn newest(&self, wanted: impl Fn(&[u8]) -> bool) {
        self.wait(|inside| inside.lists.last().filter(|der| wanted(der)).map(drop))
            .await;
    }

    /// The answers to a request, once there are so many.
    pub(crate) async fn answers(&self, id: &str, count: usize) -> Vec<AdmissionBody> {
        self.wait(|inside| {
            let of = inside.admissions.iter();
            let of: Vec<_> = of
                .filter(|admission| admission.admission().unwrap().id.to_string() == id)
                .cloned()
                .collect();
            (of.len() >= count).then_some(of)
        })
        .await
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
        tokio::time::timeout(PATIENCE, look)
            .await
            .expect("what is waited for comes")
    }
}

impl Drop for Sanitizer {
    fn drop(&mut self) {
        self.tasks.hard().cancel();
    }
}

impl Shared {
    /// The boot and lines for a poll; none when it has to wait. A poll of another boot is answered at once.
    fn lines(&self, body: &PullBody) -> Option<(String, String)> {
        let mut inside = self.state.lock().unwrap();
        let before = inside.lines.len();
        if body.boot == boot(&inside) {
            inside.lines.retain(|(cursor, _)| *cursor > body.ack);
        }
        let most = usize::try_from(body.max).unwrap();
        let lines = inside.lines.iter().take(most);
        let text: String = lines.map(|(_, line)| line.as_str()).collect();
        let freed = inside.lines.len() < before;
        let boot = boot(&inside);
        drop(inside);
        if freed {
            self.changed.notify_waiters();
        }
        let answer = !text.is_empty() || body.boot != boot;
        answer.then_some((boot, text))
    }
}

fn boot(inside: &Inside) -> String {
    format!("{:032x}", inside.boot + 1)
}

async fn pull(State(shared): State<Arc<Shared>>, Json(body): Json<PullBody>) -> Response {
    if body.lane != Lane::Enrol {
        return StatusCode::FORBIDDEN.into_response();
    }
    let waited = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(lines) = shared.lines(&body) {
                return lines;
            }
            changed.await;
        }
    };
    let wait = Duration::from_millis(body.wait_ms.into());
    let Ok((boot, lines)) = tokio::time::timeout(wait, waited).await else {
        let boot = boot(&shared.state.lock().unwrap());
        return ([(BOOT_HEADER, boot)], String::new()).into_response();
    };
    ([(BOOT_HEADER, boot)], lines).into_response()
}

async fn admissions(
    State(shared): State<Arc<Shared>>,
    Json(body): Json<AdmissionsBody>,
) -> StatusCode {
    let hold = {
        let mut inside = shared.state.lock().unwrap();
        if inside.refuse {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let unserved = |admission: &AdmissionBody| {
            Some(admission.address().tenant.as_str()) == inside.unserved
        };
        if body.admissions.iter().any(unserved) {
            return StatusCode::NOT_FOUND;
        }
        inside.admissions.extend(body.admissions);
        inside.hold
    };
    shared.changed.notify_waiters();
    if hold {
        std::future::pending::<()>().await;
    }
    StatusCode::NO_CONTENT
}

async fn crl(State(shared): State<Arc<Shared>>, Json(body): Json<CrlBody>) -> StatusCode {
    let list = body.envelope().unwrap().der.to_vec();
    shared.state.lock().unwrap().lists.push(list);
    shared.changed.notify_waiters();
    StatusCode::NO_CONTENT
}

/// The members in the order of their names.
fn canonical(value: &Value) -> Value {
    let members = value.as_object().unwrap().clone();
    let sorted: BTreeMap<String, Value> = members.into_iter().collect();
    sorted.into_iter().collect()
}
