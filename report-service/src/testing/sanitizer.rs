//! The server, and what it is made to send.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard};

use rcgen::SanType;
use ring::hmac;
use serde_json::{Value, json};
use spokegate_contract::record::{AckBody, Lane, seal_label};
use spokegate_daemon::Tasks;
use spokegate_daemon::http::{HttpLimits, Server, tls_serve};
use spokegate_identity::TlsFiles;
use spokegate_relay::{Endpoint, Link, SealKey};

use super::certificates::{Authority, spiffe};
use super::wire::{Inside, Shared, router};

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

pub(crate) struct Sanitizer {
    pub(super) shared: Arc<Shared>,
    server: Server,
    files: TlsFiles,
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
        let router = router(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = spokegate_identity::server_config(&server).unwrap();
        let server = tls_serve(listener, tls, router, HttpLimits::default(), tasks).unwrap();
        Self {
            shared,
            server,
            files,
        }
    }

    pub(crate) fn link(&self) -> Link {
        self.link_to(&format!("https://{}", self.server.addr()))
    }

    /// As if the sanitizer were at another address.
    pub(crate) fn link_to(&self, url: &str) -> Link {
        let endpoint = Endpoint {
            url: url.into(),
            server_name: Some("localhost".into()),
            tls: self.files.clone(),
        };
        Link::new(&endpoint, SealKey::new(&SEAL)).unwrap()
    }

    /// `[[sanitizer]]` for a configuration; writes the seal key beside the certificates.
    pub(crate) fn config(&self) -> String {
        let seal = self.files.key.with_file_name("seal.key");
        std::fs::write(&seal, spokegate_contract::hex::encode(&SEAL)).unwrap();
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
        self.send_sealed(lane, record, &seal(record));
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

    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.shared.state.lock().unwrap()
    }
}

/// The seal of the worker of the tenant that the record names.
fn seal(record: &str) -> String {
    let named: Value = serde_json::from_str(record).unwrap_or_default();
    let tenant = named["tenant"].as_str().unwrap_or("acme").parse().unwrap();
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    let tenant = hmac::sign(&key(&SEAL), &seal_label(&tenant));
    spokegate_contract::hex::encode(hmac::sign(&key(tenant.as_ref()), record.as_bytes()).as_ref())
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
