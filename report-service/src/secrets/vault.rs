//! HashiCorp Vault or OpenBao: values out of a KV engine of version 2, read with a token or as an AppRole. Each secret is an
//! entry of the configured folder, its value the field `value`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::json;
use spokegate_daemon::{Clock, Secret, SecretSource};
use tokio::sync::Mutex;

use super::{SecretError, SecretName};
use crate::config::VaultConfig;
use crate::outbound::{Answer, Outbound};

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

pub(super) struct Vault {
    outbound: Outbound,
    config: VaultConfig,
    base: String,
    clock: Clock,
    kept: Mutex<Kept>,
}

/// What was read before.
#[derive(Default)]
struct Kept {
    token: Option<Token>,
    values: BTreeMap<SecretName, (u64, Secret)>,
}

#[derive(Clone)]
struct Token {
    text: Arc<Secret>,
    until_ms: u64,
}

/// A value of the KV engine.
#[derive(Deserialize)]
struct Entry {
    data: EntryData,
}

#[derive(Deserialize)]
struct EntryData {
    data: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Deserialize)]
struct LogIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Secret,
    lease_duration: u64,
}

impl Vault {
    pub(super) fn new(config: &VaultConfig, clock: Clock) -> anyhow::Result<Self> {
        let outbound = Outbound::new(config.ca.as_deref())
            .context("set up TLS for Vault (secrets.vault.ca)")?;
        let base = config.url.as_deref().unwrap_or_default();
        Ok(Self {
            outbound,
            base: base.trim_end_matches('/').to_owned(),
            config: config.clone(),
            clock,
            kept: Mutex::default(),
        })
    }

    /// A value, as read within the last `cache_s`.
    pub(super) async fn get(&self, name: &SecretName) -> Result<Secret, SecretError> {
        let mut kept = self.kept.lock().await;
        let now_ms = self.clock.monotonic_ms();
        kept.values.retain(|_, (until_ms, _)| *until_ms > now_ms);
        if let Some((_, value)) = kept.values.get(name) {
            return Ok(value.clone());
        }
        let value = self.read(name, &mut kept).await?;
        let until_ms = now_ms.saturating_add(self.config.cache_s.saturating_mul(1_000));
        kept.values.insert(name.clone(), (until_ms, value.clone()));
        Ok(value)
    }

    /// Whether it answers, is unsealed and takes our token.
    pub(super) async fn check(&self) -> Result<(), SecretError> {
        let path = "sys/health";
        let answer = self.ask(Method::GET, path, None, None).await?;
        match answer.status.as_u16() {
            // The active one, or a standby that passes on what it is asked.
            200 | 429 | 473 => {}
            501 => return Err(SecretError::Vault("is not initialised".into())),
            503 => return Err(SecretError::Vault("is sealed; hint: unseal it".into())),
            _ => return Err(refused(path, answer.status)),
        }
        let path = "auth/token/lookup-self";
        let mut kept = self.kept.lock().await;
        let token = self.token(&mut kept).await?;
        let answer = self.ask(Method::GET, path, Some(&token), None).await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            StatusCode::FORBIDDEN => {
                // It was taken back; the next look signs in anew.
                kept.token = None;
                let why = "does not take our token; hint: look at token_file, or at the role";
                Err(SecretError::Vault(why.into()))
            }
            status => Err(refused(path, status)),
        }
    }

    async fn read(&self, name: &SecretName, kept: &mut Kept) -> Result<Secret, SecretError> {
        let path = format!("{}/data/{}/{name}", self.config.mount, self.config.folder);
        let token = self.token(kept).await?;
        let mut answer = self.ask(Method::GET, &path, Some(&token), None).await?;
        if answer.status == StatusCode::FORBIDDEN && self.config.role_id.is_some() {
            // The token was taken back, or Vault was restarted: sign in once more.
            kept.token = None;
            let token = self.token(kept).await?;
            answer = self.ask(Method::GET, &path, Some(&token), None).await?;
        }
        match answer.status {
            StatusCode::OK => value(name, &answer.body),
            StatusCode::NOT_FOUND => Err(SecretError::Vault(format!(
                "has no entry {path}; hint: put one there with a field \"value\""
            ))),
            status => Err(refused(&path, status)),
        }
    }

    async fn token(&self, kept: &mut Kept) -> Result<Arc<Secret>, SecretError> {
        let now_ms = self.clock.monotonic_ms();
        if let Some(token) = &kept.token
            && token.until_ms > now_ms
        {
            return Ok(Arc::clone(&token.text));
        }
        let token = match (&self.config.token_file, &self.config.role_id) {
            // Read anew each time: an agent beside us may renew it.
            (Some(file), _) => return read_file("token_file", file).map(Arc::new),
            (None, Some(role)) => self.log_in(role, now_ms).await?,
            (None, None) => {
                return Err(SecretError::Vault("is not set up (secrets.vault)".into()));
            }
        };
        let text = Arc::clone(&token.text);
        kept.token = Some(token);
        Ok(text)
    }

    async fn log_in(&self, role: &str, now_ms: u64) -> Result<Token, SecretError> {
        let file = self.config.secret_id_file.clone().unwrap_or_default();
        let secret_id = read_file("secret_id_file", &file)?;
        let path = format!("auth/{}/login", self.config.approle_mount);
        let body = json!({"role_id": role, "secret_id": secret_id.expose()}).to_string();
        let answer = self.ask(Method::POST, &path, None, Some(body)).await?;
        if answer.status != StatusCode::OK {
            let status = answer.status;
            return Err(SecretError::Vault(format!(
                "does not let this role in ({status}); hint: look at role_id and secret_id_file, and whether the secret id has ended"
            )));
        }
        let parsed: LogIn =
            serde_json::from_slice(&answer.body).map_err(|_| unreadable("to the log-in"))?;
        // A token is given up before it ends, so that no read meets its end.
        let life_ms = parsed.auth.lease_duration.saturating_mul(1_000) / 3 * 2;
        Ok(Token {
            text: Arc::new(parsed.auth.client_token),
            until_ms: now_ms.saturating_add(life_ms),
        })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<String>,
    ) -> Result<Answer, SecretError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/v1/{path}", self.base))
            .header("x-vault-request", "true");
        if let Some(namespace) = &self.config.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(token) = token {
            request = request.header("x-vault-token", token.expose());
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|_| SecretError::Vault("cannot be asked: the token is no text".into()))?;
        let time = Duration::from_millis(self.config.timeout_ms);
        let answer = self.outbound.send(request, time, ANSWER_BYTES_MAX).await;
        answer.map_err(|error| SecretError::Vault(format!("at {} {error}", self.base)))
    }
}

fn value(name: &SecretName, body: &[u8]) -> Result<Secret, SecretError> {
    let entry: Entry = serde_json::from_slice(body).map_err(|_| unreadable("to a read"))?;
    let fields = entry.data.data.unwrap_or_default();
    match fields.get("value").and_then(serde_json::Value::as_str) {
        Some(text) if !text.is_empty() => Ok(Secret::new(text)),
        _ => Err(SecretError::Vault(format!(
            "has an entry \"{name}\" without a text in its field \"value\""
        ))),
    }
}

fn refused(path: &str, status: StatusCode) -> SecretError {
    let why = match status {
        StatusCode::FORBIDDEN => "hint: the token's policy must allow \"read\" there",
        StatusCode::SERVICE_UNAVAILABLE => "it is sealed or starting; hint: unseal it",
        StatusCode::TOO_MANY_REQUESTS => "it is a standby or under too much load",
        _ => "hint: look at its log",
    };
    SecretError::Vault(format!("refuses {path} with {status}: {why}"))
}

fn unreadable(to: &str) -> SecretError {
    SecretError::Vault(format!(
        "answers {to} in a way that is not its own; hint: is secrets.vault.url the address of Vault, and the mount a KV engine of version 2?"
    ))
}

fn read_file(key: &str, file: &PathBuf) -> Result<Secret, SecretError> {
    let read = SecretSource::file(file).resolve();
    read.map_err(|error| {
        SecretError::Vault(format!(
            "cannot be asked: secrets.vault.{key}: {}",
            super::chain(&error)
        ))
    })
}
