//! The server: everything bound and running, or an error.

mod files;

use crate::auth::Site;
use crate::auth::people::People;
use crate::config::{Config, DEFAULTS, ListenerTls};
use crate::health::{self, Health};
use crate::mail::TestLetters;
use crate::runs::{Engine, start_engine};
use crate::satellite_log::SatelliteLogs;
use crate::schedule;
use crate::secrets::{Secrets, Standing};
use crate::state::AppState;
use crate::store::Store;
use crate::web;
use crate::web::admin_datasets::Tries;
use crate::web::live::Places;
use crate::web::uploads::Uploading;
use anyhow::Context as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use spokegate_daemon::http::{HttpLimits, Server, tls_serve_reloading};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_daemon::{Clock, Context, Watched, cli};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// How long requests in flight may finish at a stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often ended sessions and past windows are removed, and denials of strangers are summed up.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How long ended sessions stay listed, in milliseconds.
const ENDED_KEPT_MS: u64 = 7 * 86_400_000;

/// The report service, running.
pub struct ReportService {
    forms: Server,
    admin: Server,
    state: AppState,
    /// Until it is let go, no other process serves the same SQLite file.
    held: Mutex<Option<std::fs::File>>,
}

impl ReportService {
    /// Opens the store and binds both listeners. The directory is asked in the background: while it is down the
    /// service runs, is not ready, and says so on its sign-in page.
    ///
    /// # Errors
    /// When the configuration cannot be put to work.
    pub async fn bind(config: Config, context: &Context) -> anyhow::Result<Self> {
        let held = Store::hold(&config.store.url()?)?;
        let store = config.store.open().await?;
        let secrets = Secrets::open(&config.secrets, &config.store.url, &store, &context.clock)?;
        store.keep_flow_versions(config.runs.flow_versions_max);
        let engine = start_engine(&config, (&store, &secrets), context).await?;
        let state = assemble(config, (store, secrets), engine, context)?;
        tell_standing(&state).await?;
        let forms = listen(&state, Site::Forms, context).await?;
        let admin = listen(&state, Site::Admin, context).await?;
        watch_directory(&state, context);
        sweep(&state, context);
        schedule::watch(&state);
        crate::mail::watch(&state);
        health::watch(&state);
        tracing::info!(forms = %forms.addr(), admin = %admin.addr(), "the report service listens");
        Ok(Self {
            forms,
            admin,
            state,
            held: Mutex::new(held),
        })
    }

    /// Where staff reach it.
    #[must_use]
    pub fn forms_addr(&self) -> SocketAddr {
        self.forms.addr()
    }

    /// Where administrators reach it.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// What the handlers share, for tests and for other parts of the same process.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Stops both listeners and closes the store.
    pub async fn shutdown(&self) {
        tokio::join!(self.forms.shutdown(GRACE), self.admin.shutdown(GRACE));
        self.state.store.close().await;
        drop(
            self.held
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    /// Returns when both listeners have ended.
    pub async fn join(&self) {
        tokio::join!(self.forms.join(), self.admin.join());
    }
}

fn assemble(
    config: Config,
    (store, secrets): (Store, Secrets),
    engine: Engine,
    context: &Context,
) -> anyhow::Result<AppState> {
    let report_groups = engine
        .catalogue()
        .iter()
        .flat_map(|report| report.groups.clone())
        .collect();
    let people = People::assemble(&config, &store, &secrets, report_groups, context)?;
    Ok(AppState {
        config: Arc::new(config),
        rights: people.rights,
        clock: context.clock.clone(),
        tasks: context.tasks.clone(),
        store,
        secrets,
        sessions: people.sessions,
        tokens: people.tokens,
        sign_in: people.sign_in,
        second_factor: people.second_factor,
        break_glass: people.break_glass,
        directory: people.directory,
        engine,
        health: Health::default(),
        places: Places::default(),
        uploading: Uploading::default(),
        test_letters: TestLetters::default(),
        satellite_logs: SatelliteLogs::default(),
        tries: Tries::default(),
    })
}

/// Says in the log and in the metrics whether secrets can be used.
async fn tell_standing(state: &AppState) -> anyhow::Result<()> {
    let (secrets, config) = (&state.secrets, &state.config);
    if let Some(password) = &config.mail.password {
        secrets.declare(password.name(), "mail");
    }
    let needed = config.secrets.master_key_file.is_some()
        || !config.second_factor.required_for.is_empty()
        || secrets.are_used().await.context("look at the secrets")?;
    let standing = secrets.standing().await.context("look at the secrets")?;
    let locked = match standing {
        Standing::Open => 0.0,
        // Who has no secret misses no key.
        Standing::Locked(_) if !needed => 0.0,
        Standing::Locked(reason) => {
            tracing::warn!(reason, "what needs a secret does not work");
            1.0
        }
    };
    metrics::gauge!("spokegate_reports_secrets_locked").set(locked);
    Ok(())
}

async fn listen(state: &AppState, site: Site, context: &Context) -> anyhow::Result<Server> {
    let config = state.config.listener(site);
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!(
            "bind the {} listener ({0}.listen) to {}",
            site.as_str(),
            config.listen
        )
    })?;
    let name = match site {
        Site::Forms => "TLS of the forms listener",
        Site::Admin => "TLS of the admin listener",
    };
    let files = vec![config.tls.certificate.clone(), config.tls.key.clone()];
    let from = config.tls.clone();
    let tls = Watched::load(files, move || server_tls(&from))
        .with_context(|| format!("set up {name}"))?;
    let watch = Arc::clone(&tls).watch(name, context.clone());
    context.tasks.spawn(name, watch);
    let routes = match site {
        Site::Forms => web::forms_routes(),
        Site::Admin => web::admin_routes(),
    };
    tls_serve_reloading(
        listener,
        Arc::new(move || tls.current()),
        web::router(routes, state.clone()),
        HttpLimits {
            connections_max: config.connections_max,
            connections_per_address: Some(config.connections_per_address),
            ..HttpLimits::default()
        },
        &context.tasks,
    )
}

/// TLS for browsers: our certificate, none of theirs.
fn server_tls(files: &ListenerTls) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let (certificate, key) = (&files.certificate, &files.key);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("read the certificate {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("read the key {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("use the certificate {}", certificate.display()))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

/// Asks the directory until it answers once; until then the service is not ready.
fn watch_directory(state: &AppState, context: &Context) {
    let latch = context.readiness.latch("directory");
    let (directory, soft) = (Arc::clone(&state.directory), context.tasks.soft());
    context.tasks.spawn("directory check", async move {
        let mut backoff = spokegate_daemon::Backoff::new(1_000, 60_000);
        loop {
            match directory.check().await {
                Ok(()) => break latch.set(),
                Err(error) => tracing::warn!(%error, "the directory cannot be used yet"),
            }
            let pause = tokio::time::sleep(backoff.next_delay());
            if soft.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
        // The latch stays set as long as it is held.
        soft.cancelled().await;
    });
}

/// Removes what is over and done with.
fn sweep(state: &AppState, context: &Context) {
    let (store, clock, soft): (Store, Clock, _) = (
        state.store.clone(),
        state.clock.clone(),
        context.tasks.soft(),
    );
    context.tasks.spawn("sweep", async move {
        let mut timer = tokio::time::interval(SWEEP_INTERVAL);
        while soft.run_until_cancelled(timer.tick()).await.is_some() {
            let now = clock.now_ms();
            let swept = store
                .sessions_sweep(now.saturating_sub(ENDED_KEPT_MS))
                .await;
            let swept = swept.and(store.throttle_sweep(now).await);
            let swept = swept.and(store.halves_sweep(now).await);
            let tokens = store.tokens_sweep(now.saturating_sub(ENDED_KEPT_MS));
            let swept = swept.and(tokens.await.map(|_| ()));
            let entries = store.password_entries_sweep(now.saturating_sub(ENDED_KEPT_MS));
            let swept = swept.and(entries.await);
            if let Err(error) = swept.and(store.audit_strangers_ended(Some(now)).await) {
                tracing::warn!(%error, "cannot remove what is over");
            }
        }
    });
}

/// The binary `spokegate-reports`.
pub struct Service;

/// Subcommands beside those that all services have.
#[derive(Debug, clap::Subcommand)]
pub enum Extra {
    /// Walks the audit trail and recomputes every hash; exit 0 or 1
    VerifyAudit,
    /// Makes a finished run's document again from what was kept, and compares; exit 0 or 1
    VerifyRun {
        /// The run's id, 32 hexadecimal digits
        run: crate::runs::RunId,
    },
    /// Writes the store and its documents to one file, while the service runs
    Backup(crate::backup::BackupTo),
    /// Fills an empty store of either kind, and the folder of documents, from such a file
    Restore(crate::backup::RestoreFrom),
    /// Takes the store's schema to a step, up or down, while no process serves it
    Migrate(crate::backup::MigrateTo),
    /// Writes what a sanitizer wrote down of itself, one record a line, for `spokegate audit verify`
    ExportAudit(crate::verify::Export),
    /// Lists what satellites supply, as they last said
    Datasets {
        /// As JSON, for `spokegate contract diff --announced`
        #[arg(long)]
        json: bool,
    },
    /// Lists every route of both listeners with who may use it, one a line: site, method, address, rule
    Routes,
    /// Makes a one-time link that sets up the local administrator for when the directory is gone
    BreakGlass {
        /// The account's name
        #[arg(long, default_value = "emergency")]
        name: String,
    },
    /// Tells why somebody can or cannot sign in, without their password
    ExplainSignIn {
        /// The name as the person types it
        name: String,
    },
    /// Fills a Word template with values from a JSON file; needs no service
    Render(crate::render::Files),
    /// Makes a PDF of a Word document with LibreOffice; needs no service
    Pdf(crate::pdf::Files),
    /// Makes one PDF for the service, which starts it
    #[command(hide = true)]
    PdfWorker(crate::pdf::worker::Arguments),
    /// Fills one template for the service, which starts it
    #[command(hide = true)]
    RenderWorker(crate::render::worker::Arguments),
    /// Takes a Word template with docxtemplater's tags over, and says what is left to do; exit 0 or 1
    ImportTemplate(crate::import_template::Files),
    /// Makes a Word template that shows everything of one or more datasets, to start from
    StarterTemplate(crate::starter_template::Files),
    /// Passwords that sources, mail and storage name as `secret:NAME`
    #[command(subcommand)]
    Secret(crate::secrets::verbs::SecretVerb),
    /// Tells what a Word template reads and what is wrong with it; exit 0, or 1 when it has faults
    CheckTemplate(crate::templates::CheckTemplate),
}

impl cli::Service for Service {
    const NAME: &'static str = "reports";
    const ABOUT: &'static str =
        "Spokegate's report service: people sign in, choose a report and download it";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = Config;
    type Extra = Extra;

    fn log(config: &Config) -> &LogConfig {
        &config.log
    }

    fn ops(config: &Config) -> &OpsConfig {
        &config.ops
    }

    fn check(config: &Config) -> Vec<String> {
        let mut problems = files::check(config);
        problems.extend(crate::reports::check(config));
        problems
    }

    async fn run(config: Config, context: Context) -> anyhow::Result<()> {
        let service = ReportService::bind(config, &context).await?;
        context.tasks.soft().cancelled().await;
        service.shutdown().await;
        Ok(())
    }

    fn extra(extra: Extra, files: &cli::ConfigArgs) -> ExitCode {
        match extra {
            Extra::Secret(verb) => crate::secrets::verbs::verb(&verb, files),
            Extra::Datasets { json } => crate::supplied::datasets(files, json),
            Extra::Routes => crate::web::routes::verb(),
            Extra::Backup(to) => crate::backup::backup(&to, files),
            Extra::Restore(from) => crate::backup::restore(&from, files),
            Extra::Migrate(to) => crate::backup::migrate(&to, files),
            Extra::BreakGlass { name } => crate::break_glass::verb(&name, files),
            Extra::ExplainSignIn { name } => crate::explain_sign_in::verb(&name, files),
            Extra::VerifyAudit => crate::verify::audit(files),
            Extra::VerifyRun { run } => crate::verify::run(&run, files),
            Extra::ExportAudit(export) => crate::verify::export(&export, files),
            Extra::Pdf(files) => crate::pdf::verb(&files),
            Extra::PdfWorker(arguments) => crate::pdf::worker::verb(&arguments),
            Extra::Render(files) => crate::render::verb(&files),
            Extra::RenderWorker(arguments) => crate::render::worker::verb(&arguments),
            Extra::ImportTemplate(files) => crate::import_template::verb(&files),
            Extra::StarterTemplate(arguments) => crate::starter_template::verb(&arguments, files),
            Extra::CheckTemplate(check) => crate::templates::check(&check, files),
        }
    }
}
