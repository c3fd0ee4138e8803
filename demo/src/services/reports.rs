//! The report service, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::config::Layered;
use spokegate_daemon::{Context, Tasks};
use spokegate_identity::{ServiceName, TlsFiles};
use spokegate_reports::config::DEFAULTS;
use spokegate_reports::{Config, ReportService};

use super::people::{ADMIN_GROUP, FORMS_GROUP};
use super::{AUDIT_PUBLIC_KEY, quoted};
use crate::authority::Authority;
use crate::directory::{BASE, SERVICE_DN};
use crate::state::State;
use crate::{Options, Service};

/// The file of the key that the service's secrets are sealed under.
const MASTER_KEY: &str = "master.key";
/// How long its background work may take to finish.
const GRACE: Duration = Duration::from_secs(5);

/// A running report service.
pub struct Running {
    service: ReportService,
    tasks: Tasks,
}

/// What the report service is put between.
pub(crate) struct Around<'a> {
    pub(crate) state: &'a State,
    pub(crate) authority: &'a Authority,
    pub(crate) directory: SocketAddr,
    pub(crate) sanitizers: &'a [SocketAddr],
}

pub(crate) async fn start(
    options: &Options,
    around: &Around<'_>,
    context: &Context,
) -> anyhow::Result<Running> {
    let forms = available(options.forms_port).await;
    let admin = available(options.admin_port).await;
    let inner = around
        .authority
        .inner_client(ServiceName::ReportService)
        .await?;
    let text = config_text(options, around, (forms, admin), &inner)?;
    let path = around.state.sub("reports")?.join("reports.toml");
    std::fs::write(&path, &text).with_context(|| format!("write {}", path.display()))?;
    let layered = Layered::<Config>::new("REPORTS", DEFAULTS)
        .no_environment()
        .file(&path);
    let config = options
        .settings_of(Service::Reports)
        .fold(layered, Layered::flag)
        .load()?;
    let context = context.child();
    let service = ReportService::bind(config, &context).await?;
    context.readiness.ready().await;
    Ok(Running {
        service,
        tasks: context.tasks,
    })
}

/// The wanted port on loopback, or any when it is taken.
async fn available(wanted: u16) -> SocketAddr {
    let wanted = SocketAddr::from(([127, 0, 0, 1], wanted));
    match tokio::net::TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    }
}

fn config_text(
    options: &Options,
    around: &Around<'_>,
    (forms, admin): (SocketAddr, SocketAddr),
    inner: &TlsFiles,
) -> anyhow::Result<String> {
    let web = around.authority.web("web")?;
    let audit_key = std::fs::read_to_string(around.state.path(AUDIT_PUBLIC_KEY))
        .context("read the public half of the audit key")?;
    let audit_key = format!("audit_key = \"{audit_key}\"");
    let tenants: String = options
        .tenants
        .iter()
        .map(|tenant| {
            format!(
                "\n[[tenant]]\nid = \"{}\"\ntitle = {}\n",
                tenant.id,
                toml::Value::String(tenant.title.clone())
            )
        })
        .collect();
    let desk = options.repository.join("demo/desk");
    around.state.secret(MASTER_KEY)?;
    Ok(format!(
        r#"
reports = {reports}
schemas = {schemas}
files = {files}
sources = {sources}
source_files = {source_files}

[forms]
listen = "{forms}"
[forms.tls]
certificate = {certificate}
key = {key}

[admin]
listen = "{admin}"
[admin.tls]
certificate = {certificate}
key = {key}

[directory]
urls = ["ldaps://localhost:{directory}"]
ca = {directory_ca}
base = "{BASE}"
bind_dn = "{SERVICE_DN}"
bind_password_file = {bind_password}

[roles]
forms_groups = ["{FORMS_GROUP}"]
admin_groups = ["{ADMIN_GROUP}"]

[[rights]]
groups = ["{FORMS_GROUP}"]
reports = ["*"]
tenants = ["*"]
release = true
release_own = true
manage_templates = true

[secrets]
master_key_file = {master_key}

[store]
url = "sqlite://{store}"
{sanitizers}{tenants}"#,
        reports = quoted(&reports_folder(options, around.state)?),
        sources = quoted(&desk.join("sources")),
        source_files = quoted(&desk.join("files")),
        master_key = quoted(&around.state.path(MASTER_KEY)),
        schemas = quoted(&options.repository.join("schemas")),
        files = quoted(&around.state.sub("reports/files")?),
        certificate = quoted(&web.certificate),
        key = quoted(&web.key),
        directory = around.directory.port(),
        directory_ca = quoted(&around.authority.web_ca()),
        bind_password = quoted(&around.state.path("directory.secret")),
        store = around.state.path("reports/reports.db").display(),
        sanitizers = super::sanitizers(around.sanitizers, around.state, inner, &audit_key),
    ))
}

/// The shipped reports and the demonstration's own in one folder.
fn reports_folder(options: &Options, state: &State) -> anyhow::Result<PathBuf> {
    let folder = state.sub("reports/folders")?;
    for from in ["report-service/reports", "demo/desk/reports"] {
        copy_folder(&options.repository.join(from), &folder)?;
    }
    Ok(folder)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    std::fs::create_dir_all(to).with_context(what)?;
    for entry in std::fs::read_dir(from).with_context(what)? {
        let entry = entry.with_context(what)?;
        let target = to.join(entry.file_name());
        if entry.file_type().with_context(what)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(what)?;
        }
    }
    Ok(())
}

impl Running {
    /// Where staff reach it.
    #[must_use]
    pub fn forms_addr(&self) -> SocketAddr {
        self.service.forms_addr()
    }

    /// Where administrators reach it.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.service.admin_addr()
    }

    /// The service itself.
    #[must_use]
    pub fn service(&self) -> &ReportService {
        &self.service
    }

    /// Stops it, with what it does in the background.
    pub async fn stop(&self) {
        self.service.shutdown().await;
        self.tasks.shutdown(GRACE).await;
    }
}
