//! The report service as a process, with everything around it that it has a secret for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::CertificateDer;
use spokegate_demo::Child;
use spokegate_demo::http::PlainClient;
use spokegate_tests::free_port;

use super::listening::Refusing;
use super::people::browser::Browser;
use super::people::testbed::Testbed;
use spokegate_sources::servers::mariadb::MariaDb;

const READY: Duration = Duration::from_secs(120);

/// Where everything lies: `etc` holds what an operator writes, `data` what the service writes.
pub(crate) struct Scene {
    pub(crate) _ldap: Testbed,
    pub(crate) mail: Refusing,
    pub(crate) http: Refusing,
    pub(crate) service: Child,
    folder: tempfile::TempDir,
    _database: MariaDb,
    tls: Arc<rustls::ClientConfig>,
    listen: (SocketAddr, SocketAddr),
}

/// The values that are put in before the service starts.
pub(crate) struct Given<'a> {
    pub(crate) person: &'a str,
    pub(crate) bind: &'a str,
    pub(crate) database: &'a str,
    /// `secret:NAME` and what is put there.
    pub(crate) secrets: &'a [(&'a str, &'a str)],
}

impl Scene {
    pub(crate) async fn start(given: &Given<'_>) -> Option<Self> {
        let ldap = Testbed::openldap_with(given.person, given.bind)?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["etc/sources", "etc/files", "data/files", "data/store"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let etc = folder.path().join("etc");
        let tls = certificate(&etc);
        private(&etc.join("bind.secret"), given.bind);
        private(&etc.join("master.key"), &"5a".repeat(32));
        let database = database(given.database);
        let mail = Refusing::mail(&etc.join("web.crt"), &etc.join("web.key"));
        let http = Refusing::http();
        sources(&etc.join("sources"), &database.socket(), http.port);
        for (report, source) in [
            ("good", "psa"),
            ("refused", "psa-refused"),
            ("token", "web"),
        ] {
            report_of(&etc.join("reports").join(report), source);
        }
        let (listen, ops) = ((free_port(), free_port()), free_port());
        let text = config(folder.path(), &ldap, (listen, ops), mail.port);
        std::fs::write(etc.join("reports.toml"), text).unwrap();
        for (name, value) in given.secrets {
            let set = verb(folder.path(), &["secret", "set", name], value);
            assert!(set.status.success(), "{set:?}");
        }
        let mut command = program(folder.path(), &["run"]);
        command.env("SPOKEGATE_REPORTS__LOG__FILTER", "debug");
        let mut service = Child::spawn(command, &folder.path().join("log")).unwrap();
        ready(&mut service, ops).await;
        Some(Self {
            _ldap: ldap,
            mail,
            http,
            service,
            folder,
            _database: database,
            tls,
            listen,
        })
    }

    pub(crate) fn forms(&self) -> Browser {
        self.browser(self.listen.0)
    }

    pub(crate) fn admin(&self) -> Browser {
        self.browser(self.listen.1)
    }

    fn browser(&self, address: SocketAddr) -> Browser {
        Browser {
            address,
            tls: Arc::clone(&self.tls),
            cookies: BTreeMap::new(),
        }
    }

    /// What the service writes.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Everything that it logged.
    pub(crate) fn log(&self) -> Vec<u8> {
        std::fs::read(self.service.log()).unwrap()
    }

    /// Runs a verb of the service's program.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Output {
        verb(self.folder.path(), arguments, "")
    }

    pub(crate) fn backup(&self) -> (PathBuf, Output) {
        let file = self.folder.path().join("backup");
        let made = self.verb(&["backup", "--output", file.to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        (file, made)
    }
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(spokegate_tests::binary(
        env!("CARGO_TARGET_TMPDIR"),
        "spokegate-reports",
    ));
    command
        .args(arguments)
        .arg("--config")
        .arg(folder.join("etc/reports.toml"))
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

fn verb(folder: &Path, arguments: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    let mut child = program(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

async fn ready(service: &mut Child, ops: SocketAddr) {
    let (client, url) = (PlainClient::new(), format!("http://{ops}/readyz"));
    let end = Instant::now() + READY;
    while !client.get(&url, "").await.is_ok_and(|a| a.status == 200) {
        assert!(service.ended().is_none(), "{}", service.last_words());
        assert!(Instant::now() < end, "{}", service.last_words());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn config(
    folder: &Path,
    ldap: &Testbed,
    ((forms, admin), ops): ((SocketAddr, SocketAddr), SocketAddr),
    mail: u16,
) -> String {
    let (etc, data) = (folder.join("etc"), folder.join("data"));
    let (etc, data) = (etc.display(), data.display());
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let tls = format!("certificate = \"{etc}/web.crt\"\nkey = \"{etc}/web.key\"\n");
    format!(
        "schemas = {schemas:?}\nreports = \"{etc}/reports\"\nsources = \"{etc}/sources\"\nsource_files = \"{etc}/files\"\n\
         files = \"{data}/files\"\n[forms]\nlisten = \"{forms}\"\n[forms.tls]\n{tls}[admin]\nlisten = \"{admin}\"\n[admin.tls]\n{tls}\
         [directory]\nurls = [{:?}]\nca = {:?}\nbase = {:?}\nbind_dn = {:?}\nbind_password_file = \"{etc}/bind.secret\"\n\
         [roles]\nforms_groups = [\"forms-users\"]\nadmin_groups = [\"fabric-admins\"]\n\
         [second_factor]\nrequired_for = [\"admin\"]\n[[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n\
         [secrets]\nmaster_key_file = \"{etc}/master.key\"\n\
         [mail]\nserver = \"localhost\"\nport = {mail}\ntls = \"tls\"\nca = \"{etc}/web.crt\"\nuser = \"reports\"\npassword = \"secret:mail\"\n\
         from = \"reports@example.net\"\nallowed_domains = [\"example.net\"]\n\
         [store]\nurl = \"sqlite://{data}/store/reports.db\"\n[ops]\nlisten = \"{ops}\"\n",
        ldap.get("LDAPS_URL"),
        ldap.get("LDAP_CA"),
        ldap.get("LDAP_BASE"),
        ldap.get("LDAP_BIND_DN"),
    )
}

/// A help desk's database with one ticket, read with that password.
fn database(password: &str) -> MariaDb {
    let database = MariaDb::start();
    database.run(&format!(
        "CREATE DATABASE psa CHARACTER SET utf8mb4; CREATE USER reader IDENTIFIED BY '{password}'; \
         GRANT SELECT ON psa.* TO reader; CREATE TABLE psa.tickets AS SELECT 'T-1' AS number, 'Printer' AS subject, \
         'open' AS state, 'high' AS priority, 'Hardware' AS category, 'A. Example' AS requester, \
         '2026-11-20T06:15:00Z' AS opened_at, '2026-11-21T06:15:00Z' AS changed_at"
    ));
    database
}

fn sources(folder: &Path, socket: &Path, port: u16) {
    let head = "title = \"Tickets\"\ndataset = \"tickets\"\n";
    let define = |name: &str, text: String| {
        std::fs::write(folder.join(format!("{name}.toml")), format!("{head}{text}")).unwrap();
    };
    let mysql = |secret: &str| {
        format!(
            "[mysql]\nhost = {socket:?}\ndatabase = \"psa\"\nuser = \"reader\"\npassword = \"secret:{secret}\"\n\
             query = \"SELECT number, subject, state, priority, category, requester, opened_at, changed_at FROM tickets\"\n"
        )
    };
    define("psa", mysql("psa"));
    define("psa-refused", mysql("psa-refused"));
    define(
        "web",
        format!(
            "[http]\nurl = \"http://127.0.0.1:{port}/tickets\"\nheaders = {{ Authorization = \"Bearer secret:web\" }}\n"
        ),
    );
}

/// A report without a template, of one source.
fn report_of(folder: &Path, source: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let files = [
        (
            "report.toml",
            format!("title = \"Tickets\"\n[[need]]\nsource = \"{source}\"\n"),
        ),
        ("sample.json", sample(&source.replace('-', "_"))),
        (
            "params.schema.json",
            r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tickets", "type": "object",
                "additionalProperties": false, "properties": {}}"#
                .to_owned(),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn sample(name: &str) -> String {
    let data = serde_json::json!({
        "state": "ok", "reason": null, "captured_at": "2026-11-22T06:00:00Z", "count": 1,
        "rows": [{
            "number": "T-1", "subject": "Printer", "state": "open", "priority": "high", "category": "Hardware",
            "requester": "A. Example", "opened_at": "2026-11-20T06:15:00Z", "changed_at": "2026-11-21T06:15:00Z",
        }],
    });
    serde_json::json!({
        "report": {
            "title": "Tickets", "generated_at": "2026-11-22T06:02:41Z", "generated_by": "Alice Example",
            "run_id": "r-000128",
        },
        "params": {}, "missing": [], "tenants": [{ "id": "acme", "title": "Acme", name: data }],
    })
    .to_string()
}

fn certificate(folder: &Path) -> Arc<rustls::ClientConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("web.crt"), certificate.pem()).unwrap();
    private(&folder.join("web.key"), &key.serialize_pem());
    let mut roots = rustls::RootCertStore::empty();
    let der = CertificateDer::from(certificate.der().to_vec());
    roots.add(der).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o400)).unwrap();
}
