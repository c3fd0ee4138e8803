//! The real report service on free ports, with a clock that the test moves.

use super::browser::Browser;
use super::testbed::Testbed;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use spokegate_daemon::config::Layered;
use spokegate_daemon::{Clock, Context, ManualClock, Secret};
use spokegate_reports::auth::Site;
use spokegate_reports::auth::sign_in::{Attempt, Refusal};
use spokegate_reports::config::DEFAULTS;
use spokegate_reports::directory::Person;
use spokegate_reports::store::audit::AuditRecord;
use spokegate_reports::{Config, ReportService};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The service, its clock and the way in.
pub(crate) struct Service {
    pub(crate) service: ReportService,
    pub(crate) clock: ManualClock,
    tls: Arc<rustls::ClientConfig>,
    context: Context,
    folder: tempfile::TempDir,
}

impl Service {
    /// Starts it against that directory.
    pub(crate) async fn start(testbed: &Testbed, urls: &[&str]) -> Self {
        Self::start_with(testbed, urls, &[]).await
    }

    /// The same with some keys set otherwise, as on the command line.
    pub(crate) async fn start_with(
        testbed: &Testbed,
        urls: &[&str],
        keys: &[(&str, String)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tls = certificates(folder.path());
        let text = config_text(folder.path(), testbed, urls);
        let layers = Layered::<Config>::new("reports", DEFAULTS)
            .no_environment()
            .text("test.toml", &text);
        let layers = keys.iter().fold(layers, |layers, (key, value)| {
            layers.flag(format!("{key}={value}"))
        });
        let config = layers.load().unwrap();
        // Now, so that certificates are valid; it stands still until the test moves it.
        let (clock, hand) = Clock::manual(Clock::system().now_ms());
        let context = Context::new().with_clock(clock);
        let service = ReportService::bind(config, &context).await.unwrap();
        Self {
            service,
            clock: hand,
            tls,
            context,
            folder,
        }
    }

    /// A fresh browser at the address for staff.
    pub(crate) fn forms(&self) -> Browser {
        Browser {
            address: self.service.forms_addr(),
            tls: Arc::clone(&self.tls),
            cookies: BTreeMap::new(),
        }
    }

    /// A fresh browser at the address for administrators.
    pub(crate) fn admin(&self) -> Browser {
        Browser {
            address: self.service.admin_addr(),
            tls: Arc::clone(&self.tls),
            cookies: BTreeMap::new(),
        }
    }

    /// A sign-in without a browser, each from an address of its own.
    pub(crate) async fn attempt(
        &self,
        site: Site,
        name: &str,
        password: &str,
    ) -> Result<Person, Refusal> {
        let sequence = self.last_audit().await.map_or(0, |record| record.sequence);
        let address = IpAddr::from([
            10,
            0,
            u8::try_from(sequence / 200).unwrap(),
            u8::try_from(sequence % 200).unwrap(),
        ]);
        let password = Secret::new(password);
        let attempt = Attempt {
            site,
            name,
            password: &password,
            address,
        };
        self.service
            .state()
            .sign_in
            .attempt(&attempt)
            .await
            .unwrap()
    }

    /// The newest audit record.
    pub(crate) async fn last_audit(&self) -> Option<AuditRecord> {
        self.service
            .state()
            .store
            .audit_page(None, 1)
            .await
            .unwrap()
            .pop()
    }

    /// The reason in the newest audit record.
    pub(crate) async fn last_reason(&self) -> String {
        self.last_audit().await.unwrap().reason
    }

    /// True once the service says that it is ready, within a few seconds.
    pub(crate) async fn becomes_ready(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(20), self.context.readiness.ready())
            .await
            .is_ok()
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        self.service.shutdown().await;
        self.context.tasks.shutdown(Duration::from_secs(5)).await;
    }
}

fn config_text(folder: &Path, testbed: &Testbed, urls: &[&str]) -> String {
    let starttls = urls.iter().any(|url| url.starts_with("ldap://"));
    std::fs::create_dir(folder.join("reports")).unwrap();
    let folder = folder.display();
    std::fs::write(format!("{folder}/bind.secret"), testbed.get("LDAP_BIND_PW")).unwrap();
    set_owner_only(&format!("{folder}/bind.secret"));
    let listener = |name: &str| {
        format!(
            "[{name}]\nlisten = \"127.0.0.1:0\"\n[{name}.tls]\ncertificate = \"{folder}/web.crt\"\nkey = \"{folder}/web.key\"\n"
        )
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .display()
        .to_string();
    format!(
        "schemas = \"{root}/schemas\"\nreports = \"{folder}/reports\"\nfiles = \"{folder}/files\"\n\
         {}{}[directory]\nurls = {urls:?}\nstarttls = {starttls}\nca = {:?}\nbase = {:?}\nbind_dn = {:?}\n\
         bind_password_file = \"{folder}/bind.secret\"\ntimeout_ms = 3000\n\
         [roles]\nforms_groups = [\"forms-users\", \"Reports, EMEA (Süd) #1\", \"prim-forms\"]\nadmin_groups = [\"fabric-admins\"]\n\
         [store]\nurl = \"sqlite://{folder}/reports.db\"\n[ops]\nlisten = \"127.0.0.1:0\"\n",
        listener("forms"),
        listener("admin"),
        testbed.get("LDAP_CA"),
        testbed.get("LDAP_BASE"),
        testbed.get("LDAP_BIND_DN"),
    )
}

/// Writes the listeners' certificate and returns TLS that trusts it and nothing else.
fn certificates(folder: &Path) -> Arc<rustls::ClientConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    std::fs::write(folder.join("web.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("web.key"), key.serialize_pem()).unwrap();
    set_owner_only(folder.join("web.key").to_str().unwrap());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(certificate.der().to_vec()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn set_owner_only(path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
