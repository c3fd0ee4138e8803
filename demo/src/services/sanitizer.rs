//! The sanitizer: always its own program, since its supervisor starts its workers from that file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use spokegate_identity::TlsFiles;
use spokegate_identity::sealed::OpeningKey;
use spokegate_provisioner::AuditKey;

use super::{AUDIT_KEY, AUDIT_PUBLIC_KEY, SEAL_KEY, TRUST_DOMAIN, free_port, quoted};
use crate::authority::Authority;
use crate::child::Child;
use crate::http::PlainClient;
use crate::state::{State, write_secret};
use crate::{BrokerChoice, Options, Service};

/// What another broker needs, which has no session for each tenant and says nothing of who is connected.
const AT_OTHER: &str = "sessions = \"single\"\npresence = \"heartbeat\"\n";
const PROGRAM: &str = "spokegate-sanitizer";
/// A start that takes longer has failed.
const READY: Duration = Duration::from_secs(30);
/// How long it may take to finish when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
const PROBE_EVERY: Duration = Duration::from_millis(20);

/// A running sanitizer.
#[derive(Debug)]
pub struct Running {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    inner: SocketAddr,
    ops: SocketAddr,
}

/// Starts as many as are wanted; they have one seal key, and certificates of their own.
pub(crate) async fn start_all(
    options: &Options,
    state: &State,
    authority: &Authority,
    broker: SocketAddr,
) -> anyhow::Result<Vec<Running>> {
    state.secret(SEAL_KEY)?;
    audit_keys(state)?;
    quarantine_keys(state)?;
    let mut running = Vec::new();
    for number in 1..=options.sanitizers.max(1) {
        let name = match number {
            1 => "sanitizer".to_owned(),
            _ => format!("sanitizer-{number}"),
        };
        let started = start(&name, options, state, authority, broker).await;
        running.push(started.with_context(|| format!("start {name}"))?);
    }
    Ok(running)
}

async fn start(
    name: &str,
    options: &Options,
    state: &State,
    authority: &Authority,
    broker: SocketAddr,
) -> anyhow::Result<Running> {
    let program = find_program(options.sanitizer.as_deref())?;
    let folder = state.sub(name)?;
    let (inner, ops) = (free_port()?, free_port()?);
    let config = folder.join("sanitizer.toml");
    let tls = (
        authority.sanitizer(name).await?,
        authority.inner_server(name).await?,
    );
    let quarantine = state.sub(&format!("{name}/quarantine"))?;
    let text = config_text(options, (state, &quarantine), &tls, broker, (inner, ops));
    std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
    let mut arguments = vec![
        "run".to_owned(),
        "--config".to_owned(),
        config.to_string_lossy().into_owned(),
    ];
    for setting in options.settings_of(Service::Sanitizer) {
        arguments.extend(["--set".to_owned(), setting.to_owned()]);
    }
    let log = folder.join("sanitizer.log");
    let child = spawn(&program, &arguments, &log)?;
    let mut running = Running {
        child,
        program,
        arguments,
        log,
        inner,
        ops,
    };
    running.ready().await?;
    Ok(running)
}

fn spawn(program: &Path, arguments: &[String], log: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    Child::spawn(command, log)
}

/// What the sanitizers sign their audit with, and what the centre checks that with.
fn audit_keys(state: &State) -> anyhow::Result<()> {
    let key = AuditKey::generate().context("make the audit key")?;
    write_secret(&state.path(AUDIT_KEY), key.pem())?;
    write_secret(&state.path(AUDIT_PUBLIC_KEY), &key.public_key().to_string())
}

/// The pair that quarantine is sealed with: the public key is the sanitizers', and here, where all is one machine, the
/// private one lies beside it for `spokegate quarantine open`.
fn quarantine_keys(state: &State) -> anyhow::Result<()> {
    let (private, public) = (state.path("quarantine.key"), state.path("quarantine.pub"));
    if !public.exists() || !private.exists() {
        let key = OpeningKey::generate();
        write_secret(&private, &key.to_stored())?;
        std::fs::write(&public, format!("{}\n", key.recipient()))
            .with_context(|| format!("write {}", public.display()))?;
    }
    Ok(())
}

/// The file as it would be written by hand: it stays in the folder for a curious reader.
fn config_text(
    options: &Options,
    (state, quarantine): (&State, &Path),
    (outer_tls, inner_tls): &(TlsFiles, TlsFiles),
    broker: SocketAddr,
    (inner, ops): (SocketAddr, SocketAddr),
) -> String {
    let tenants: Vec<_> = options
        .tenants
        .iter()
        .map(|tenant| format!("\"{}\"", tenant.id))
        .collect();
    let is_other = matches!(options.broker, BrokerChoice::External(_));
    format!(
        r#"trust_domain = "{TRUST_DOMAIN}"
tenants = [{tenants}]
enrolment = {enrolment}
schemas = {schemas}

[share]
leases = {leases}

[broker]
address = "{broker}"
server_name = "localhost"
{at_other}
[broker.tls]
certificate = {outer_certificate}
key = {outer_key}
ca = {outer_ca}

[inner]
listen = "{inner}"

[inner.tls]
certificate = {inner_certificate}
key = {inner_key}
ca = {inner_ca}

[seal]
key_file = {seal}

[audit]
key_file = {audit}

# One person's machine: all processes are theirs.
[users]
separate = "off"

[quarantine]
directory = {quarantine}
recipient_file = {quarantine_key}

[ops]
listen = "{ops}"
"#,
        tenants = tenants.join(", "),
        enrolment = !is_other,
        leases = options.sanitizers > 1,
        at_other = if is_other { AT_OTHER } else { "" },
        schemas = quoted(&options.repository.join("schemas")),
        outer_certificate = quoted(&outer_tls.certificate),
        outer_key = quoted(&outer_tls.key),
        outer_ca = quoted(&outer_tls.ca),
        inner_certificate = quoted(&inner_tls.certificate),
        inner_key = quoted(&inner_tls.key),
        inner_ca = quoted(&inner_tls.ca),
        seal = quoted(&state.path(SEAL_KEY)),
        audit = quoted(&state.path(AUDIT_KEY)),
        quarantine = quoted(quarantine),
        quarantine_key = quoted(&state.path("quarantine.pub")),
    )
}

/// The program beside our own, or above it where tests are built (`target/debug/deps`).
fn find_program(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find our own program")?;
    let beside = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(PROGRAM));
    let mut candidates = wanted.map(Path::to_owned).into_iter().chain(beside);
    candidates.find(|path| path.is_file()).with_context(|| {
        format!("{PROGRAM} is not beside {}\n  hint: cargo build -p spokegate-sanitizer, in the same profile", own.display())
    })
}

impl Running {
    /// Where the centre asks for records.
    #[must_use]
    pub fn inner_addr(&self) -> SocketAddr {
        self.inner
    }

    /// The process id of its supervisor.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it with all its workers at once, as a crash of its host would.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Starts it again with the same configuration, after [`Running::kill`] or [`Running::stop`].
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.child.kill();
        self.child = spawn(&self.program, &self.arguments, &self.log)?;
        self.ready().await
    }

    /// Asks it to finish, and ends it when it does not.
    pub async fn stop(&mut self) {
        if self.child.signal("TERM").is_ok() {
            let probes = GRACE.as_millis() / PROBE_EVERY.as_millis();
            for _ in 0..probes {
                if self.child.ended().is_some() {
                    break;
                }
                tokio::time::sleep(PROBE_EVERY).await;
            }
        }
        self.child.kill();
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (client, url) = (PlainClient::new(), format!("http://{}/readyz", self.ops));
        let probes = READY.as_millis() / PROBE_EVERY.as_millis();
        for _ in 0..probes {
            if client
                .get(&url, "")
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child.ended() {
                bail!(
                    "the sanitizer ended at its start ({status}): {}",
                    self.child.last_words()
                );
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
        bail!(
            "the sanitizer was not ready within {} s: {}",
            READY.as_secs(),
            self.child.last_words()
        )
    }
}
