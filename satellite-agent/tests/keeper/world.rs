//! A folder with an agent's files and a Node-RED of either version.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_spokegate-agent");
const PATIENCE: Duration = Duration::from_secs(120);
/// What the agent shows to flows.
pub(crate) const TOKEN: &str = "flow-token-of-some-length";
const MARK: &str = "SPOKEGATE_KEPT_NODE_RED=";

#[derive(Clone, Copy)]
pub(crate) enum Version {
    Four,
    Five,
}

impl Version {
    pub(crate) fn major(self) -> &'static str {
        match self {
            Self::Four => "4.",
            Self::Five => "5.",
        }
    }

    fn folder(self) -> PathBuf {
        repository().join(match self {
            Self::Four => "deploy/node-red",
            Self::Five => "tests/node-red-5",
        })
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The Node.js for a version, where both are installed.
pub(crate) fn node(version: Version) -> Option<PathBuf> {
    let script = version.folder().join("node_modules/node-red/red.js");
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "x64",
    };
    let node = match version {
        Version::Four => {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path)
                .map(|folder| folder.join("node"))
                .find(|node| node.is_file())?
        }
        Version::Five => version
            .folder()
            .join(format!("node_modules/node-linux-{architecture}/bin/node")),
    };
    (script.is_file() && node.is_file()).then_some(node)
}

/// A loopback port that was free a moment ago, below those of outgoing connections and of tests of the whole product; none
/// twice in one process.
fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let random = RandomState::new().build_hasher().finish() % 10_000;
        let port = 10_000 + u16::try_from(random).unwrap();
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
    user_dir: PathBuf,
    config: PathBuf,
}

impl World {
    /// `None`, and a word, where that Node-RED is not installed.
    pub(crate) fn new(version: Version, flows: &Value) -> Option<Self> {
        let Some(node) = node(version) else {
            eprintln!(
                "SKIPPED: Node-RED {}x is not installed; hint: deploy/node-red/setup.sh deploy/node-red tests/node-red-5",
                version.major()
            );
            return None;
        };
        let world = Self::bare();
        world.write_flows(flows);
        let settings = repository().join("deploy/node-red/settings.js");
        let script = version.folder().join("node_modules/node-red/red.js");
        let section = format!(
            "[node_red]\ncommand = ['{}', '{}', '--settings', '{}']\nuser_dir = '{}'\nport = {}\n\
             stop_s_max = 2\nprobe_every_s = 1\nprobe_s_max = 2\nprobe_misses_max = 2\ncrashes_max = 3\n\
             [node_red.environment]\nSPOKEGATE_NODE_RED_EDITOR = 'on'\nSPOKEGATE_AGENT_TOKEN_FILE = '{}'\n",
            node.display(),
            script.display(),
            settings.display(),
            world.user_dir.display(),
            world.port,
            world.folder.path().join("flow.token").display(),
        );
        world.configure(&section);
        Some(world)
    }

    fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        issue(folder.path());
        write_private(&folder.path().join("flow.token"), TOKEN);
        Self {
            port: free_port(),
            user_dir: folder.path().canonicalize().unwrap().join("node-red"),
            config: folder.path().join("agent.toml"),
            folder,
        }
    }

    /// Another agent that is to keep a Node-RED in the same folder.
    pub(crate) fn beside(&self) -> Self {
        let mut other = Self::bare();
        other.user_dir.clone_from(&self.user_dir);
        let own = std::fs::read_to_string(&self.config).unwrap();
        let section = own.split_once("[node_red]").unwrap().1;
        let section = section.replace(
            &format!("port = {}", self.port),
            &format!("port = {}", other.port),
        );
        other.configure(&format!("[node_red]{section}"));
        other
    }

    pub(crate) fn without_section(&self) -> Self {
        let other = Self::bare();
        other.configure("");
        other
    }

    /// Nobody is the broker: what is kept here is kept all the same.
    fn configure(&self, section: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "[broker]\naddress = \"127.0.0.1:{}\"\n\
             [tls]\ncertificate = '{folder}/hq.pem'\nkey = '{folder}/hq.key'\nca = '{folder}/ca.pem'\n\
             [spool]\npath = '{folder}/spool'\n[ops]\nlisten = \"127.0.0.1:{}\"\n{section}",
            free_port(),
            free_port(),
        );
        std::fs::write(&self.config, text).unwrap();
    }

    pub(crate) fn write_flows(&self, flows: &Value) {
        std::fs::create_dir_all(&self.user_dir).unwrap();
        std::fs::write(self.user_dir.join("flows.json"), flows.to_string()).unwrap();
    }

    /// In the place of the repository's.
    pub(crate) fn write_settings(&self, text: &str) {
        let path = self.user_dir.join("settings.js");
        std::fs::write(&path, text).unwrap();
        let config = std::fs::read_to_string(&self.config).unwrap();
        let usual = repository().join("deploy/node-red/settings.js");
        let config = config.replace(&usual.display().to_string(), &path.display().to_string());
        std::fs::write(&self.config, config).unwrap();
    }

    pub(crate) fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(verb).arg("--config").arg(&self.config);
        command
    }

    pub(crate) fn start(&self) -> Agent {
        Agent(
            self.command(&["run"])
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    /// A verb's exit code, and all that it says.
    pub(crate) fn verb(&self, verb: &[&str]) -> (Option<i32>, String) {
        let output = self.command(verb).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.verb(&["status", "--json"]).1).unwrap_or_default()
    }

    /// How the kept Node-RED is, once it is so.
    #[track_caller]
    pub(crate) fn running(&self, so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let kept = self.status()["kept_node_red"].clone();
            if !kept.is_null() && so(&kept) {
                return kept;
            }
            assert!(Instant::now() < end, "{kept}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the flow answers.
    #[track_caller]
    pub(crate) fn hello(&self) {
        until("the flow answers", || {
            get(self.port, "/spokegate/hello", Some(TOKEN)).is_ok_and(|(status, _)| status == 200)
        });
    }

    pub(crate) fn log(&self) -> String {
        self.verb(&["logs", "--tail", "10000"]).1
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The processes that came from keeping Node-RED here.
    pub(crate) fn processes(&self) -> Vec<u64> {
        let mark = format!("{MARK}{}", self.user_dir.display());
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
        let marked = |id: &u64| {
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == mark.as_bytes())
        };
        ids.filter(marked).collect()
    }

    /// A process as one of its flows might leave it.
    pub(crate) fn stray(&self) -> Child {
        let (name, _) = MARK.split_once('=').unwrap();
        let mut command = Command::new("sleep");
        command
            .arg("600")
            .env(name, &self.user_dir)
            .spawn()
            .unwrap()
    }
}

/// Killed with the test.
pub(crate) struct Agent(Child);

impl Agent {
    pub(crate) fn id(&self) -> u64 {
        self.0.id().into()
    }

    /// Its exit code; none when a signal ended it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn pid(process: u64) -> Pid {
    Pid::from_raw(i32::try_from(process).unwrap()).unwrap()
}

pub(crate) fn signal(process: u64, signal: Signal) {
    kill_process(pid(process), signal).unwrap();
}

/// Whether it runs; one that nobody has waited for yet does not.
pub(crate) fn alive(process: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned());
    state.is_some_and(|state| !state.starts_with('Z'))
}

/// Status and body.
pub(crate) fn get(port: u16, path: &str, token: Option<&str>) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: localhost\r\n{token}\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    status
        .zip(body)
        .ok_or_else(|| std::io::Error::other(answer))
}

/// `/hello` says what header it saw in the log; `/read` answers what stands in a file, or 500.
pub(crate) fn flows() -> Value {
    let part = |id: &str, kind: &str, more: Value, wires: Value| {
        let mut part =
            json!({ "id": id, "type": kind, "z": "tab", "x": 1, "y": 1, "wires": wires });
        part.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        part
    };
    let door = |id: &str, url: &str, next: &str| {
        part(
            id,
            "http in",
            json!({ "url": url, "method": "get" }),
            json!([[next]]),
        )
    };
    let code = |id: &str, text: &str, next: &str| {
        let more = json!({ "func": text, "outputs": 1, "libs": [], "timeout": 0 });
        part(id, "function", more, json!([[next]]))
    };
    let file =
        json!({ "filename": "path", "filenameType": "msg", "format": "utf8", "sendError": false });
    json!([
        { "id": "tab", "type": "tab", "label": "kept" },
        door("hello", "/hello", "say"),
        code("say", "node.warn('it saw ' + msg.req.headers.authorization); msg.payload = 'hello'; return msg;", "out"),
        door("read", "/read", "name"),
        code("name", "msg.path = msg.req.query.path; return msg;", "file"),
        part("file", "file in", file, json!([["out"]])),
        part("fault", "catch", json!({ "scope": ["file"] }), json!([["code"]])),
        code("code", "msg.statusCode = 500; msg.payload = String(msg.error.message); return msg;", "out"),
        part("out", "http response", json!({ "headers": {} }), json!([])),
    ])
}

/// Ends Node-RED as soon as it runs.
pub(crate) fn crashing() -> Value {
    let mut all = flows();
    let more = json!([
        { "id": "once", "type": "inject", "z": "tab", "x": 1, "y": 1, "props": [], "repeat": "", "once": true, "onceDelay": "0.1", "wires": [["bad"]] },
        { "id": "bad", "type": "function", "z": "tab", "x": 1, "y": 1, "func": "Promise.reject(new Error('boom'));", "outputs": 1, "libs": [], "timeout": 0, "wires": [[]] },
    ]);
    all.as_array_mut()
        .unwrap()
        .extend(more.as_array().unwrap().clone());
    all
}

/// A root, and the satellite's certificate and key.
fn issue(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("ca.pem"), root.pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let uri = "spiffe://spokegate.local/tenant/acme/satellite/hq";
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("hq.pem"), certificate.pem()).unwrap();
    write_private(&folder.join("hq.key"), &key.serialize_pem());
}

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
