//! Other people's brokers, each a process in a folder of its own on loopback, with what `broker-config` renders.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use spokegate_demo::Child;
use spokegate_identity::TlsFiles;
use spokegate_provisioner::broker_config::{Cluster, File, Kind, Parties, Site, render};

/// A broker that takes longer to listen has failed.
const START: Duration = Duration::from_secs(90);

/// What a broker is started with.
pub(crate) struct Needs {
    pub(crate) trust_domain: String,
    pub(crate) tls: TlsFiles,
    pub(crate) parties: Parties,
    /// For the links of a cluster; see [`NodeTls`].
    pub(crate) nodes: NodeTls,
    /// Somebody beyond the rendering who receives everything: common name and URI of its certificate.
    pub(crate) observer: Option<(String, String)>,
    /// A change to the rendered files in their folder, before the broker reads them.
    pub(crate) hole: Option<fn(&Path)>,
}

/// Certificate, key and authority of nodes among each other.
pub(crate) type NodeTls = TlsFiles;

/// A running broker. Dropping it ends its processes and removes its folder.
pub(crate) struct Running {
    nodes: Vec<Node>,
    // After the processes that use it.
    _folder: tempfile::TempDir,
}

struct Node {
    addr: SocketAddr,
    child: Child,
    _helper: Option<Child>,
}

impl Running {
    /// Starts the broker; none, said loudly, where it is not installed.
    pub(crate) fn start(kind: Kind, needs: &Needs) -> Option<Self> {
        if !is_installed(kind) {
            return None;
        }
        let program = package(kind).0;
        let folder = tempfile::Builder::new()
            .prefix("spokegate-broker-")
            .tempdir()
            .unwrap();
        let mut nodes = match kind {
            Kind::Mosquitto => vec![mosquitto(program, folder.path(), needs)],
            Kind::Nats => nats(program, folder.path(), needs),
            _ => vec![rabbitmq(program, folder.path(), needs)],
        };
        for node in &mut nodes {
            node.listens();
        }
        Some(Self {
            nodes,
            _folder: folder,
        })
    }

    /// Where clients connect, node by node.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.addr).collect()
    }

    /// Ends one node at once, as a crash of its machine would.
    #[allow(dead_code, reason = "not every test that brings a broker kills one")]
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].child.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                eprintln!("--- {}\n{}", node.addr, node.child.last_words());
            }
        }
    }
}

/// Program and package.
fn package(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Mosquitto => ("/usr/sbin/mosquitto", "mosquitto"),
        Kind::Nats => ("/usr/sbin/nats-server", "nats-server"),
        Kind::Rabbitmq => ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server"),
        Kind::Emqx | Kind::Hivemq => panic!("{kind} is not in the test bed"),
    }
}

/// Whether it is there; loudly when not, and a failure where everything must be.
pub(crate) fn is_installed(kind: Kind) -> bool {
    let (program, package) = package(kind);
    let there = Path::new(program).exists();
    if !there {
        let reason = format!("{package} is not installed, run tests/testbed/install.sh");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
        eprintln!("SKIPPED: {reason}");
    }
    there
}

impl Node {
    fn listens(&mut self) {
        let end = Instant::now() + START;
        while std::net::TcpStream::connect(self.addr).is_err() {
            if let Some(status) = self.child.ended() {
                panic!("the broker ended ({status}): {}", self.child.last_words());
            }
            assert!(
                Instant::now() < end,
                "no broker: {}",
                self.child.last_words()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn site(needs: &Needs, folder: &Path, listen: SocketAddr, cluster: Option<Cluster>) -> Site {
    Site {
        trust_domain: needs.trust_domain.parse().unwrap(),
        parties: needs.parties.clone(),
        listen,
        certificate: needs.tls.certificate.clone(),
        key: needs.tls.key.clone(),
        ca: needs.tls.ca.clone(),
        crl: None,
        folder: folder.to_owned(),
        cluster,
    }
}

fn write(folder: &Path, files: &[File]) {
    std::fs::create_dir_all(folder).unwrap();
    for file in files {
        std::fs::write(folder.join(&file.name), &file.text).unwrap();
    }
}

fn change(path: PathBuf, change: impl FnOnce(String) -> String) {
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
}

fn mosquitto(program: &str, folder: &Path, needs: &Needs) -> Node {
    let addr = spokegate_tests::free_port();
    let rendered = render(Kind::Mosquitto, &site(needs, folder, addr, None)).unwrap();
    write(folder, &rendered.files);
    // As the user who runs the tests, who owns the keys.
    change(folder.join("mosquitto.conf"), |text| {
        format!("user {}\n{text}", user())
    });
    if let Some((name, _)) = &needs.observer {
        change(folder.join("spokegate.acl"), |text| {
            format!("{text}\nuser {name}\ntopic read #\ntopic read $SYS/#\n")
        });
    }
    if let Some(hole) = needs.hole {
        hole(folder);
    }
    let mut command = Command::new(program);
    command
        .arg("-v")
        .arg("-c")
        .arg(folder.join("mosquitto.conf"));
    Node {
        addr,
        child: Child::spawn(command, &folder.join("log")).unwrap(),
        _helper: None,
    }
}

fn nats(program: &str, folder: &Path, needs: &Needs) -> Vec<Node> {
    let links: Vec<SocketAddr> = (0..3).map(|_| spokegate_tests::free_port()).collect();
    let nodes: Vec<(String, String)> = links
        .iter()
        .enumerate()
        .map(|(index, link)| (format!("n{}", index + 1), link.to_string()))
        .collect();
    let start = |(name, _): &(String, String)| {
        let addr = spokegate_tests::free_port();
        let cluster = Cluster {
            nodes: nodes.clone(),
            certificate: needs.nodes.certificate.clone(),
            key: needs.nodes.key.clone(),
            ca: needs.nodes.ca.clone(),
        };
        let home = folder.join(name);
        let rendered = render(Kind::Nats, &site(needs, &home, addr, Some(cluster))).unwrap();
        write(&home, &rendered.files);
        if let Some((_, uri)) = &needs.observer {
            change(home.join("spokegate-rights.conf"), |text| {
                let all = format!("{{ user: \"{uri}\", permissions {{ subscribe: \">\" }} }}\n  ]");
                text.replacen("\n  ]\n}", &format!("\n    {all}\n}}"), 1)
            });
        }
        let file = home.join(format!("{name}.conf"));
        change(file.clone(), |text| {
            let text = text.replace("/var/lib/nats", &home.display().to_string());
            // Attacks open hundreds of sessions, and three copies of each one's position take a moment to agree; what
            // survives a lost node is tested with the copies.
            match needs.observer {
                Some(_) => text.replace("consumer_replicas: 3", "consumer_replicas: 1"),
                None => text,
            }
        });
        let mut command = Command::new(program);
        command.arg("--config").arg(file);
        Node {
            addr,
            child: Child::spawn(command, &home.join("log")).unwrap(),
            _helper: None,
        }
    };
    nodes.iter().map(start).collect()
}

fn rabbitmq(program: &str, folder: &Path, needs: &Needs) -> Node {
    let (addr, names, distribution) = (
        spokegate_tests::free_port(),
        spokegate_tests::free_port(),
        spokegate_tests::free_port(),
    );
    let rendered = render(Kind::Rabbitmq, &site(needs, folder, addr, None)).unwrap();
    write(folder, &rendered.files);
    if let Some((_, uri)) = &needs.observer {
        change(folder.join("definitions.json"), |text| {
            let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut add = |list: &str, entry: serde_json::Value| {
                all[list].as_array_mut().unwrap().push(entry);
            };
            add(
                "users",
                serde_json::json!({"name": uri, "password_hash": "", "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}),
            );
            add(
                "permissions",
                serde_json::json!({"user": uri, "vhost": "spokegate", "configure": ".*", "write": ".*", "read": ".*"}),
            );
            all.to_string()
        });
    }
    // Erlang's name server would outlive the node if the node started it.
    let mut epmd = Command::new("epmd");
    epmd.args(["-address", "127.0.0.1", "-port", &names.port().to_string()]);
    let epmd = Child::spawn(epmd, &folder.join("epmd.log")).unwrap();
    let at = |name: &str| folder.join(name);
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("ERL_EPMD_PORT", names.port().to_string())
        .env("RABBITMQ_NODENAME", "spokegate@localhost")
        .env("RABBITMQ_DIST_PORT", distribution.port().to_string())
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        )
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", at("generated"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
        .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
        .env("RABBITMQ_LOG_BASE", at("logs"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_PID_FILE", at("pid"));
    Node {
        addr,
        child: Child::spawn(command, &folder.join("log")).unwrap(),
        _helper: Some(epmd),
    }
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes an authority for the links of a cluster, and the certificate that its nodes share.
pub(crate) fn nodes(folder: &Path) -> NodeTls {
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    };
    std::fs::create_dir_all(folder).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let node = KeyPair::generate().unwrap();
    let mut params =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let certificate = params.signed_by(&node, &issuer).unwrap().pem();
    let files = TlsFiles::in_directory(folder);
    std::fs::write(&files.certificate, certificate).unwrap();
    std::fs::write(&files.key, node.serialize_pem()).unwrap();
    std::fs::write(&files.ca, root).unwrap();
    files
}
