//! The requests of the second hop, as typed calls. Everything that comes back has a limit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use spokegate_contract::envelope::Validity;
use spokegate_contract::limits::VERSION_TEXT_BYTES_MAX;
use spokegate_contract::record::{
    AckBody, AdmissionsBody, BOOT_HEADER, CommandsBody, CrlBody, ErrorBody, Lane, LeasesAnswer,
    LeasesBody, NO_SESSION_STATUS, PullBody, RequestBody, VERSION_HEADER,
};
use spokegate_contract::text::one_line;
use spokegate_contract::{Failure, FailureClass, hex};
use spokegate_identity::{TlsError, TlsFiles};

use super::connector::{Connector, Made};
use super::line::LINE_BYTES_MAX;

/// Records per answer.
const RECORDS_MAX: u32 = 256;
/// Bytes per answer that are asked for; one line more may come.
const BATCH_BYTES_MAX: u64 = 4_194_304;
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = BATCH_BYTES_MAX as usize + LINE_BYTES_MAX;
/// Bytes of an answer that is no batch.
const SMALL_BYTES_MAX: usize = 65_536;
/// How long the sanitizer may hold a poll open.
const POLL_WAIT_MS: u32 = 20_000;
/// How long an answer may take beyond that.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the answer to leases may take: shorter than the leases.
const LEASES_TIMEOUT: Duration = Duration::from_secs(1);
/// Digits of a sanitizer's boot.
const BOOT_DIGITS: usize = 32;
/// Unused connections that are kept.
const IDLE_CONNECTIONS_MAX: usize = 8;
/// How long an unused connection is kept; shorter than any server's own limit.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// A connection is used for so long: a certificate that ended or was replaced is seen, and shown, soon after.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(300);

/// What a poll brought: lines, and the sanitizer's boot they belong to.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) boot: String,
    pub(crate) lines: Bytes,
    /// The sanitizer's version, if it says one.
    pub(crate) version: Option<String>,
}

/// Why a request was not accepted.
#[derive(Debug)]
pub enum RequestError {
    /// The sanitizer said no; another one would too, unless it does not know the tenant.
    Refused(Failure),
    /// The sanitizer has no session for the tenant now; another one may, or this one in a moment.
    NoSession(Failure),
    /// The sanitizer did not answer; another one may.
    Unreachable(anyhow::Error),
}

/// Why something was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The sanitizer said no, and would again.
    #[error("the sanitizer refused {path} with {status}: {detail}")]
    Refused {
        /// What was called.
        path: &'static str,
        /// The status of its answer, 4xx.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// The sanitizer did not answer, or cannot take it now.
    #[error(transparent)]
    Unreachable(#[from] anyhow::Error),
}

/// How a sanitizer is reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `https://host:port`.
    pub url: String,
    /// The name its certificate is checked for; the URL's host when unset.
    pub server_name: Option<String>,
    /// Our certificate and key, and the CA of the second hop.
    pub tls: TlsFiles,
}

/// A client of one sanitizer; a pool of keep-alive connections.
pub struct Client {
    base: String,
    http: HttpClient<Connector, Full<Bytes>>,
    tls: Arc<ArcSwap<rustls::ClientConfig>>,
    shown: Arc<ArcSwapOption<Validity>>,
    endpoint: Endpoint,
}

impl Client {
    pub(crate) fn new(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let url = &endpoint.url;
        let tls = tls(endpoint)
            .with_context(|| format!("read the certificates for the sanitizer {url}"))?;
        let tls = Arc::new(ArcSwap::new(tls));
        let shown = Arc::default();
        let connector = Connector::new(Arc::clone(&tls), Arc::clone(&shown));
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self {
            base: url.trim_end_matches('/').into(),
            http,
            tls,
            shown,
            endpoint: endpoint.clone(),
        })
    }

    /// Reads the certificate files again; a failure leaves the present ones in use.
    pub(crate) fn reload_certificates(&self) {
        match tls(&self.endpoint) {
            Ok(config) => self.tls.store(config),
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "the certificates for the sanitizer cannot be read, the present ones stay"
            ),
        }
    }

    /// Of the certificate that the sanitizer showed last; nothing before the first connection.
    pub(crate) fn shown(&self) -> Option<Validity> {
        self.shown.load().as_deref().copied()
    }

    /// Asks for records of a lane; `ack` frees what came before. `patient` waits for some, else it answers at once.
    pub(crate) async fn poll(
        &self,
        lane: Lane,
        boot: &str,
        ack: u64,
        patient: bool,
    ) -> anyhow::Result<Batch> {
        let body = PullBody {
            lane,
            boot: boot.into(),
            ack,
            max: RECORDS_MAX,
            max_bytes: BATCH_BYTES_MAX,
            wait_ms: if patient { POLL_WAIT_MS } else { 0 },
        };
        let wait = ANSWER_TIMEOUT + Duration::from_millis(POLL_WAIT_MS.into());
        let polled = tokio::time::timeout(wait, async {
            let response = self.post("/v1/pull", &body).await?;
            let status = response.status();
            anyhow::ensure!(
                status == StatusCode::OK,
                "the sanitizer answered a poll with {status}"
            );
            let boot = response
                .headers()
                .get(BOOT_HEADER)
                .and_then(|boot| boot.to_str().ok());
            let boot = boot
                .filter(|boot| hex::is_digits(boot, BOOT_DIGITS))
                .context("the sanitizer's answer names no boot")?
                .to_string();
            let version = response.headers().get(VERSION_HEADER);
            let version = version
                .and_then(|version| version.to_str().ok())
                .map(|version| one_line(version, VERSION_TEXT_BYTES_MAX));
            let lines = read(response, ANSWER_BYTES_MAX).await?;
            Ok(Batch {
                boot,
                lines,
                version,
            })
        });
        polled
            .await
            .context("the sanitizer did not answer a poll in time")?
    }

    /// Hands a pull over to the sanitizer.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub async fn request(&self, body: &RequestBody) -> Result<(), RequestError> {
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let response = self.post("/v1/requests", body).await?;
            let status = response.status();
            Ok::<_, anyhow::Error>((status, read(response, SMALL_BYTES_MAX).await?))
        });
        let (status, text) = match asked.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(RequestError::Unreachable(error)),
            Err(_) => {
                return Err(RequestError::Unreachable(anyhow::anyhow!(
                    "no answer to a request in time"
                )));
            }
        };
        if status == StatusCode::ACCEPTED {
            return Ok(());
        }
        Err(match serde_json::from_slice::<ErrorBody>(&text) {
            Ok(ErrorBody { error }) => {
                let failure = Failure::new(error.class, &error.detail);
                match status.as_u16() {
                    NO_SESSION_STATUS => RequestError::NoSession(failure),
                    _ => RequestError::Refused(failure),
                }
            }
            Err(_) if status.is_server_error() => RequestError::Unreachable(anyhow::anyhow!(
                "the sanitizer answered a request with {status}"
            )),
            Err(_) => {
                let detail = format!("the sanitizer answered {}", status.as_u16());
                RequestError::Refused(Failure::new(FailureClass::Refused, &detail))
            }
        })
    }

    /// Sends acks.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub async fn acks(&self, acks: &AckBody) -> Result<(), CallError> {
        self.tell(Method::POST, "/v1/acks", acks).await
    }

    /// Sends answers to requests for certificates; at most
    /// [`ADMISSIONS_MAX`](spokegate_contract::limits::ADMISSIONS_MAX) at once.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub async fn admissions(&self, admissions: &AdmissionsBody) -> Result<(), CallError> {
        self.tell(Method::POST, "/v1/admissions", admissions).await
    }

    /// Hands orders and parts of parcels over to the session of their one tenant; at most
    /// [`COMMANDS_MAX`](spokegate_contract::limits::COMMANDS_MAX) at once.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time; then another sanitizer may have the session, or this one later.
    pub async fn commands(&self, commands: &CommandsBody) -> Result<(), CallError> {
        self.tell(Method::POST, "/v1/commands", commands).await
    }

    /// Hands over the revocation list that the broker shall enforce.
    ///
    /// # Errors
    /// When it is refused, or nobody answers in time.
    pub async fn crl(&self, crl: &CrlBody) -> Result<(), CallError> {
        self.tell(Method::PUT, "/v1/crl", crl).await
    }

    /// Leases tenants; a lease must not wait long for its answer.
    pub(crate) async fn leases(&self, leases: &LeasesBody) -> Result<LeasesAnswer, CallError> {
        let path = "/v1/leases";
        let sent = tokio::time::timeout(LEASES_TIMEOUT, async {
            let response = self.post(path, leases).await?;
            let status = response.status();
            Ok::<_, anyhow::Error>((status, read(response, SMALL_BYTES_MAX).await?))
        });
        let (status, text) = sent
            .await
            .context("the leases were not answered in time")??;
        if status == StatusCode::OK {
            let answer = serde_json::from_slice(&text).context("read the answer to leases")?;
            return Ok(answer);
        }
        Err(refusal(path, status, &text))
    }

    /// Sends what needs no answer but that it was taken.
    async fn tell(
        &self,
        method: Method,
        path: &'static str,
        body: &impl Serialize,
    ) -> Result<(), CallError> {
        let sent = tokio::time::timeout(ANSWER_TIMEOUT, async {
            let response = self.send(method, path, body).await?;
            let status = response.status();
            Ok::<_, anyhow::Error>((status, read(response, SMALL_BYTES_MAX).await?))
        });
        let (status, text) = sent
            .await
            .with_context(|| format!("the sanitizer did not answer {path} in time"))??;
        if status.is_success() {
            return Ok(());
        }
        Err(refusal(path, status, &text))
    }

    async fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Response<Incoming>> {
        self.send(Method::POST, path, body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<Response<Incoming>> {
        let body = serde_json::to_vec(body).context("write a request")?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .context("make a request")?;
        let connection = capture_connection(&mut request);
        let answer = self
            .http
            .request(request)
            .await
            .with_context(|| format!("reach the sanitizer at {}", self.base));
        if let Some(used) = connection.connection_metadata().as_ref() {
            let mut about = hyper::http::Extensions::new();
            used.get_extras(&mut about);
            let made = about.get::<Made>();
            if made.is_some_and(|made| made.0.elapsed() > CONNECTION_AGE_MAX) {
                used.poison();
            }
        }
        answer
    }
}

/// What an answer that is no success means.
fn refusal(path: &'static str, status: StatusCode, text: &[u8]) -> CallError {
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if !status.is_client_error() || again.contains(&status) {
        let error = anyhow::anyhow!("the sanitizer answered {path} with {status}");
        return CallError::Unreachable(error);
    }
    let told = serde_json::from_slice::<ErrorBody>(text).map(|body| body.error.detail);
    let told = Failure::new(FailureClass::Refused, &told.unwrap_or_default());
    CallError::Refused {
        path,
        status: status.as_u16(),
        detail: told.detail,
    }
}

/// The certificates of both sides; the peer's bears the configured name, or else the one dialled.
fn tls(endpoint: &Endpoint) -> Result<Arc<rustls::ClientConfig>, TlsError> {
    let config = spokegate_identity::client_config(&endpoint.tls)?;
    match &endpoint.server_name {
        Some(name) => spokegate_identity::expecting(&config, &endpoint.tls, name),
        None => Ok(config),
    }
}

/// Reads a body up to a limit; without a copy when it came in one piece.
async fn read(response: Response<Incoming>, bytes_max: usize) -> anyhow::Result<Bytes> {
    let mut body = response.into_body();
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.context("read the sanitizer's answer")?.into_data() else {
            continue;
        };
        anyhow::ensure!(
            first.len() + joined.len() + data.len() <= bytes_max,
            "the sanitizer's answer is over {bytes_max} bytes"
        );
        if first.is_empty() && joined.is_empty() {
            first = data;
        } else {
            if joined.is_empty() {
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() {
        first
    } else {
        joined.freeze()
    })
}
