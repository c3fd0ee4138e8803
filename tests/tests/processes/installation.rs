//! All processes of an installation, and the way in.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spokegate_contract::{Address, TenantId};
use spokegate_daemon::{Context, Secret};
use spokegate_demo::client::Browser;
use spokegate_demo::directory::{Content, Directory, Group, Person};
use spokegate_identity::sealed::OpeningKey;
use spokegate_identity::{ServiceName, TlsFiles};
use spokegate_provisioner::Hop;

use super::authority::Certificates;
use super::config;
use super::process::Process;
use super::segment::{Segment, write_secret};
use super::users;
use spokegate_tests::free_port;

/// What there is.
pub(crate) struct Plan {
    /// The satellites; their tenants are the customers.
    pub(crate) satellites: Vec<Address>,
    /// How many sanitizers share the work.
    pub(crate) sanitizers: usize,
    /// How long a pull may take.
    pub(crate) pull_timeout_s: u64,
    /// What the flows rest after each part of a long answer.
    pub(crate) breath: Duration,
}

/// Everything, running. The directory and the customers' flows are in this process; what is Spokegate's is not.
pub(crate) struct Installation {
    pub(crate) broker: Process,
    pub(crate) sanitizers: Vec<Process>,
    pub(crate) centre: Process,
    segments: Vec<(Address, Segment)>,
    forms: SocketAddr,
    password: Secret,
    web_ca: String,
    _directory: Directory,
    _context: Context,
    // Last: the folder goes when nobody uses it any more.
    folder: Folder,
}

/// The folder, which stays for a look when a test fails.
struct Folder(Option<tempfile::TempDir>);

impl Folder {
    fn path(&self) -> &Path {
        self.0.as_ref().unwrap().path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.0.take().unwrap().keep();
            eprintln!("configurations, logs and stores: {}", kept.display());
        }
    }
}

impl Installation {
    /// Starts all of it, as an operator does: from the broker to the report service.
    pub(crate) async fn start(plan: &Plan) -> Self {
        let temporary = tempfile::Builder::new().prefix("spokegate-test-").tempdir();
        let folder = Folder(Some(temporary.unwrap()));
        let (path, context) = (folder.path(), Context::new());
        users::open(path);
        copy_folder(&repository().join("schemas"), &path.join("schemas"));
        let certificates = Certificates::create(&path.join("certificates")).await;
        let mut tenants: Vec<TenantId> = plan.satellites.iter().map(|a| a.tenant.clone()).collect();
        tenants.sort();
        tenants.dedup();

        let listen = free_port();
        let mut broker = broker(path, listen, &certificates).await;
        broker.spawn();
        broker.ready().await;
        let inner: Vec<_> = (0..plan.sanitizers).map(|_| free_port()).collect();
        let web = certificates.web("web");
        let between = Between {
            path,
            certificates: &certificates,
            tenants: &tenants,
            broker: listen,
            schemas: &path.join("schemas"),
            seal: &seals(path),
            web: &web,
        };
        let mut sanitizers = between.sanitizers(&inner).await;
        for sanitizer in &mut sanitizers {
            sanitizer.spawn();
            sanitizer.ready().await;
        }
        let mut segments = Vec::new();
        for address in &plan.satellites {
            let segment = Segment::prepare(
                address,
                path,
                (listen, plan.breath),
                &certificates,
                &context,
            )
            .await;
            segments.push((address.clone(), segment));
        }
        for (_, segment) in &mut segments {
            segment.agent.spawn();
        }
        let (directory, password) = directory(path, &certificates, &context).await;
        write_report(&path.join("reports"), plan.pull_timeout_s);
        let (mut centre, forms) = between.centre(&inner, directory.addr()).await;
        centre.spawn();
        centre.ready().await;
        for (_, segment) in &mut segments {
            segment.agent.ready().await;
        }
        let web_ca = std::fs::read_to_string(web.ca).unwrap();
        Self {
            broker,
            sanitizers,
            centre,
            segments,
            forms,
            password,
            web_ca,
            _directory: directory,
            _context: context,
            folder,
        }
    }

    /// The satellites.
    pub(crate) fn satellites(&self) -> impl Iterator<Item = &Address> {
        self.segments.iter().map(|(address, _)| address)
    }

    /// The agent of a satellite.
    pub(crate) fn agent(&mut self, place: usize) -> &mut Process {
        &mut self.segments[place].1.agent
    }

    /// Where the flows of a satellite push, and their token.
    pub(crate) fn push_endpoint(&self, place: usize) -> (&str, &Secret) {
        let segment = &self.segments[place].1;
        (&segment.push_url, &segment.push_token)
    }

    /// Every process.
    pub(crate) fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let agents = self.segments.iter_mut().map(|(_, s)| &mut s.agent);
        let others = [&mut self.broker, &mut self.centre].into_iter();
        others.chain(&mut self.sanitizers).chain(agents)
    }

    /// The browser of somebody who may use the forms, signed in.
    pub(crate) async fn browser(&self) -> Browser {
        let origin = format!("https://localhost:{}", self.forms.port());
        let mut browser = Browser::new(&origin, &self.web_ca).unwrap();
        browser.sign_in("alice", &self.password).await.unwrap();
        browser
    }

    /// The centre's store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("centre/reports.db")
    }
}

async fn broker(path: &Path, listen: SocketAddr, certificates: &Certificates) -> Process {
    let tls = certificates.server("broker", Hop::Fabric).await;
    let folder = path.join("broker");
    std::fs::create_dir_all(&folder).unwrap();
    let list = folder.join("crl.pem");
    certificates.export_list(&list).await;
    let text = config::broker(listen, &tls, &list);
    Process::new("broker", "broker", (path, "broker"), &text)
}

/// What the sanitizers and the centre have in common.
struct Between<'a> {
    path: &'a Path,
    certificates: &'a Certificates,
    tenants: &'a [TenantId],
    broker: SocketAddr,
    schemas: &'a Path,
    /// The seal key: the sanitizers' file and the centre's.
    seal: &'a (PathBuf, PathBuf),
    web: &'a TlsFiles,
}

impl Between<'_> {
    async fn sanitizers(&self, inner: &[SocketAddr]) -> Vec<Process> {
        let name = ServiceName::Sanitizer;
        let outer = self.certificates.service("sanitizer", name).await;
        let server = self
            .certificates
            .server("inner-sanitizer", Hop::Inner)
            .await;
        users::open(&self.path.join("certificates"));
        users::give(outer.key.parent().unwrap(), users::INGEST);
        users::give(server.key.parent().unwrap(), users::EGRESS);
        let one = |(number, listen): (usize, &SocketAddr)| {
            let place = format!("sanitizer-{number}");
            let quarantine = self.path.join(&place).join("quarantine");
            std::fs::create_dir_all(&quarantine).unwrap();
            users::give(&quarantine, users::SUPERVISOR);
            let public = OpeningKey::generate().recipient().to_string();
            std::fs::write(quarantine.with_extension("pub"), public).unwrap();
            let text = config::sanitizer(&config::Sanitizer {
                tenants: self.tenants,
                schemas: self.schemas,
                broker: self.broker,
                listen: *listen,
                outer: &outer,
                inner: &server,
                seal: &self.seal.0,
                quarantine: &quarantine,
                more: "",
            });
            {
                let name = format!("sanitizer {number}");
                Process::new(&name, "sanitizer", (self.path, &place), &text)
            }
        };
        inner.iter().enumerate().map(one).collect()
    }

    async fn centre(&self, inner: &[SocketAddr], directory: SocketAddr) -> (Process, SocketAddr) {
        let name = ServiceName::ReportService;
        let client: TlsFiles = self.certificates.service("inner-centre", name).await;
        let folder = self.path.join("centre");
        std::fs::create_dir_all(folder.join("files")).unwrap();
        let forms = free_port();
        let text = config::centre(&config::Centre {
            folder: &folder,
            reports: &self.path.join("reports"),
            tenants: self.tenants,
            schemas: self.schemas,
            web: self.web,
            listen: (forms, free_port()),
            directory,
            bind_password: &self.path.join("bind.secret"),
            sanitizers: inner,
            inner: &client,
            seal: &self.seal.1,
        });
        (
            Process::new("centre", "reports", (self.path, "centre"), &text),
            forms,
        )
    }
}

/// The same seal key for both ends, each with a file of its own.
fn seals(path: &Path) -> (PathBuf, PathBuf) {
    let (sanitizers, centre) = (path.join("seal.key"), path.join("centre-seal.key"));
    write_secret(&centre);
    std::fs::copy(&centre, &sanitizers).unwrap();
    users::give(&sanitizers, users::EGRESS);
    (sanitizers, centre)
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Copies a folder with all that is in it.
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).unwrap();
        }
    }
}

async fn directory(
    path: &Path,
    certificates: &Certificates,
    context: &Context,
) -> (Directory, Secret) {
    let password = write_secret(&path.join("alice.secret"));
    let alice = Person {
        uid: "alice".to_owned(),
        name: "Alice Moreau".to_owned(),
        password: password.clone(),
    };
    let forms = Group {
        name: "forms-users".to_owned(),
        people: vec!["alice".to_owned()],
        groups: Vec::new(),
    };
    let content = Content {
        people: vec![alice],
        groups: vec![forms],
        service_password: write_secret(&path.join("bind.secret")),
    };
    let tls = certificates.web("directory");
    let directory = Directory::bind(&content, &tls.certificate, &tls.key, context).await;
    (directory.unwrap(), password)
}

/// A report that prints every row of `devices`, with the limit that its form asks for.
fn write_report(folder: &Path, pull_timeout_s: u64) {
    let folder = folder.join("every-row");
    std::fs::create_dir_all(&folder).unwrap();
    let report = format!(
        "title = \"Every row\"\n[[need]]\ndataset = \"devices\"\nmode = \"pull\"\ntimeout_s = {pull_timeout_s}\n\
         params = {{ limit = \"$limit\" }}\n"
    );
    let params = serde_json::json!({
        "title": "Every row", "type": "object", "additionalProperties": false, "required": ["limit"],
        "properties": {"limit": {"title": "Rows", "type": "integer", "minimum": 1, "maximum": 1_000_000}},
    });
    let sample = serde_json::json!({ "tenants": [] });
    std::fs::write(folder.join("report.toml"), report).unwrap();
    std::fs::write(folder.join("params.schema.json"), params.to_string()).unwrap();
    std::fs::write(folder.join("sample.json"), sample.to_string()).unwrap();
    let paragraph = |text: &str| format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>");
    let body: String = [
        "{%p for tenant in tenants %}",
        "{%p for row in tenant.devices.rows %}",
        "{{ row.hostname }} {{ row.os_version }} {{ row.ip }} {{ row.online }} {{ row.owner }}",
        "{%p endfor %}",
        "{%p endfor %}",
    ]
    .map(paragraph)
    .concat();
    let main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument";
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="{main}"/></Types>"#
            ),
        ),
        (
            "_rels/.rels",
            format!(
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{kind}" Target="word/document.xml"/></Relationships>"#
            ),
        ),
        (
            "word/document.xml",
            format!(
                r#"<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"#
            ),
        ),
    ];
    let mut package =
        zip::ZipWriter::new(std::fs::File::create(folder.join("template.docx")).unwrap());
    for (name, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        package.start_file(name, options).unwrap();
        package.write_all(text.as_bytes()).unwrap();
    }
    package.finish().unwrap();
}
