//! The API's client: one token from a file, TLS, and problems in words.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};
use spokegate_daemon::{EXIT_FAILURE, Secret};

/// How long an answer may take to begin: longer than the service lets a run's end be waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same where something is done: a file is taken in its turn, looked at and filled.
const WORK_TIMEOUT: Duration = Duration::from_secs(660);
/// Largest answer that is read whole.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The media type of Word files.
pub(super) const WORD: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const JSON: &str = "application/json";

/// What is sent: its media type, and its bytes.
type Sent<'a> = Option<(&'a str, Vec<u8>)>;

/// Where the service is, and who asks.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The service's address, such as https://reports.example.net
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// The file with the token, readable by its owner alone
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The roots that are trusted, PEM; the system's without
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A file with `server`, `token_file` and `ca`, for what no option gives [default: ~/.config/spokegate/reports.toml]
    #[arg(long, global = true, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    server: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Profile {
    fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let usual = std::env::home_dir().map(|home| home.join(".config/spokegate/reports.toml"));
        let path = match (named, usual) {
            (Some(named), _) => named.to_owned(),
            (None, Some(usual)) if usual.is_file() => usual,
            (None, _) => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("read {}", path.display()))
    }
}

/// Why there is no answer, or none that is wanted.
pub(super) enum Failure {
    /// The service says what is wrong: status and problem details.
    Problem(u16, Value),
    /// The service cannot be reached.
    Unreachable(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    /// What the program ends with.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Problem(401 | 403, _) => 3,
            Self::Problem(404, _) => 4,
            Self::Problem(429 | 503, _) | Self::Unreachable(_) => 5,
            Self::Problem(..) | Self::Other(_) => EXIT_FAILURE,
        }
    }

    /// What people or programs read.
    pub(super) fn told(&self, json: bool) -> String {
        match self {
            Self::Problem(_, problem) if json => format!("{problem:#}"),
            Self::Problem(_, problem) => {
                let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or("");
                let mut told = text("detail").to_owned();
                for fault in problem
                    .get("faults")
                    .and_then(Value::as_array)
                    .unwrap_or(&Vec::new())
                {
                    told += &format!("\n{}: {}", plain(&fault["where"]), plain(&fault["what"]));
                }
                for (name, word) in [("where", "where"), ("allowed", "allowed"), ("next", "hint")] {
                    if !text(name).is_empty() {
                        told += &format!("\n{word}: {}", text(name));
                    }
                }
                told
            }
            Self::Unreachable(why) => format!("the report service cannot be reached: {why}"),
            Self::Other(error) => format!("{error:#}"),
        }
    }
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A client with a token.
pub(super) struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    root: String,
    token: Secret,
}

impl Server {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let profile = Profile::read(self.profile.as_deref())?;
        let server = self.server.clone().or(profile.server);
        let server = server.context("no server is named, hint: give --server or a --profile")?;
        let token = self.token_file.clone().or(profile.token_file);
        let token = token.context(
            "no token is named, hint: make one on the page \"Your API tokens\", put it into a file of mode 0400 and give --token-file",
        )?;
        let ca = self.ca.clone().or(profile.ca);
        let root = server.trim_end_matches('/').to_owned();
        let uri: Uri = root
            .parse()
            .with_context(|| format!("read the address {root}"))?;
        if uri.scheme_str() != Some("https") || uri.host().is_none() || uri.path() != "/" {
            anyhow::bail!(
                "the address {root} is not usable; allowed is https:// with a name, and no path"
            );
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(ca.as_deref())?)
            .https_only()
            .enable_http1()
            .build();
        Ok(Client {
            http: Http::builder(TokioExecutor::new()).build(connector),
            root,
            token: Secret::read_file(&token)
                .with_context(|| format!("read the token in {}", token.display()))?,
        })
    }
}

fn tls(ca: Option<&Path>) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("read the certificates in {}", file.display()))?;
            for certificate in certificates {
                let added = roots.add(certificate);
                added.with_context(|| format!("trust {}", file.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl Client {
    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer((Method::GET, path), None).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let body = body.map(|json| (JSON, json.to_string().into_bytes()));
        self.answer((Method::POST, path), body).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Result<Value, Failure> {
        let body = (JSON, body.to_string().into_bytes());
        self.answer((Method::PUT, path), Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.answer((Method::DELETE, path), None).await
    }

    /// Sends a file of that media type.
    pub(super) async fn post_file(
        &self,
        path: &str,
        file: (&str, Vec<u8>),
    ) -> Result<Value, Failure> {
        self.answer((Method::POST, path), Some(file)).await
    }

    /// Sends a file of that media type in the place of another.
    pub(super) async fn put_file(
        &self,
        path: &str,
        file: (&str, Vec<u8>),
    ) -> Result<Value, Failure> {
        self.answer((Method::PUT, path), Some(file)).await
    }

    /// Writes an answer to a file that appears only when it is whole.
    pub(super) async fn save(&self, path: &str, output: &Path) -> Result<Value, Failure> {
        let answer = self.ask((Method::GET, path), None).await?;
        write(answer, output).await
    }

    /// The same of what is made for an order.
    pub(super) async fn save_made(
        &self,
        path: &str,
        order: Value,
        output: &Path,
    ) -> Result<Value, Failure> {
        let order = (JSON, order.to_string().into_bytes());
        let answer = self.ask((Method::POST, path), Some(order)).await?;
        write(answer, output).await
    }

    /// Hands an answer to standard output as it comes.
    pub(super) async fn stream(&self, path: &str) -> Result<Value, Failure> {
        let mut answer = self.ask((Method::GET, path), None).await?;
        while let Some(frame) = answer.body_mut().frame().await {
            let frame = frame.map_err(|error| Failure::Unreachable(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                let written = std::io::stdout().lock().write_all(&piece);
                written.context("write to standard output")?;
            }
        }
        Ok(Value::Null)
    }

    async fn answer(&self, asked: (Method, &str), body: Sent<'_>) -> Result<Value, Failure> {
        let answer = self.ask(asked, body).await?;
        let body = read(answer).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        let read = serde_json::from_slice(&body).context("read the service's answer");
        read.map_err(Failure::Other)
    }

    async fn ask(
        &self,
        (method, path): (Method, &str),
        body: Sent<'_>,
    ) -> Result<Response<Incoming>, Failure> {
        let takes_time = method != Method::GET;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.root))
            .header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.token.expose()),
            );
        let body = match body {
            Some((media, bytes)) => {
                request = request.header(header::CONTENT_TYPE, media);
                Bytes::from(bytes)
            }
            None => Bytes::new(),
        };
        let request = request.body(Full::new(body)).context("write the request")?;
        let most = if takes_time {
            WORK_TIMEOUT
        } else {
            ANSWER_TIMEOUT
        };
        let answer = tokio::time::timeout(most, self.http.request(request)).await;
        let answer = answer
            .map_err(|_| Failure::Unreachable("it does not answer".into()))?
            .map_err(|error| {
                let source = std::error::Error::source(&error);
                let why = source.map_or_else(|| error.to_string(), ToString::to_string);
                // Trying again does not make a certificate good.
                if why.contains("certificate") {
                    return Failure::Other(anyhow::anyhow!(
                        "the report service is not trusted: {why}\nhint: name its authority with --ca FILE"
                    ));
                }
                Failure::Unreachable(why)
            })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = read(answer).await?;
        let said = || json!({ "detail": format!("the service answers {status}") });
        let problem = serde_json::from_slice(&body).unwrap_or_else(|_| said());
        Err(Failure::Problem(status.as_u16(), problem))
    }
}

/// Writes an answer to a file that appears only when it is whole.
async fn write(mut answer: Response<Incoming>, output: &Path) -> Result<Value, Failure> {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = async {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let mut bytes = 0;
        while let Some(frame) = answer.body_mut().frame().await {
            if let Ok(piece) = frame?.into_data() {
                bytes += piece.len();
                file.write_all(&piece)?;
            }
        }
        file.persist(output)?;
        anyhow::Ok(bytes)
    };
    let bytes = written.await;
    let bytes = bytes.with_context(|| format!("write {}", output.display()))?;
    Ok(json!({ "file": output.display().to_string(), "bytes": bytes }))
}

async fn read(answer: Response<Incoming>) -> Result<Bytes, Failure> {
    let limited = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let whole = limited.collect().await;
    let whole = whole.map_err(|error| Failure::Unreachable(error.to_string()))?;
    Ok(whole.to_bytes())
}
