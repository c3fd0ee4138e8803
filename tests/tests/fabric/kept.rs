//! A satellite of the fabric whose agent keeps a real Node-RED, by a clock that the test can move.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spokegate_agent::{Agent, Config, DEFAULTS};
use spokegate_daemon::config::Layered;
use spokegate_daemon::{Clock, Context, ManualClock};
use spokegate_demo::Fabric;
use spokegate_demo::http::PlainClient;

const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Kept {
    agent: Agent,
    pub(crate) clock: ManualClock,
    config: PathBuf,
    token: String,
    port: u16,
    folder: PathBuf,
}

impl Kept {
    /// Lets acme's agent begin anew with a Node-RED of its own, these flows, and these lines in its section, where `@PORT@` is
    /// Node-RED's port and `@TOKEN@` the file of its token.
    pub(crate) async fn start(fabric: &mut Fabric, flows: &Value, lines: &str) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let script = repository.join("deploy/node-red/node_modules/node-red/red.js");
        Self::start_on(fabric, (node(), script), flows, lines).await
    }

    /// The same with another Node.js and Node-RED.
    pub(crate) async fn start_on(
        fabric: &mut Fabric,
        (node, script): (PathBuf, PathBuf),
        flows: &Value,
        lines: &str,
    ) -> Self {
        let folder = fabric
            .folder()
            .canonicalize()
            .unwrap()
            .join("kept-node-red");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("flows.json"), flows.to_string()).unwrap();
        let port = spokegate_tests::free_port().port();
        let satellite = fabric.satellite("acme").unwrap();
        satellite.stop_agent().await;
        let config = satellite.config().to_owned();
        let mut text = std::fs::read_to_string(&config).unwrap();
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let modules = repository.join("deploy/node-red");
        let (push_url, push_token) = satellite.push_endpoint();
        let token = satellite.agent_token_file();
        let lines = lines.replace("@PORT@", &port.to_string());
        let lines = lines.replace("@TOKEN@", &token.display().to_string());
        write!(
            text,
            "\n[node_red]\ncommand = ['{}', '{}', '--settings', '{}']\nuser_dir = '{}'\nport = {port}\nstop_s_max = 2\n\
             probe_every_s = 1\ncrashes_max = 3\n{lines}\n[node_red.environment]\nSPOKEGATE_AGENT_TOKEN_FILE = '{}'\n\
             SPOKEGATE_PUSH_URL = '{push_url}'\nSPOKEGATE_PUSH_TOKEN_FILE = '{}'\n",
            node.display(),
            script.display(),
            modules.join("settings.js").display(),
            folder.display(),
            token.display(),
            push_token.display(),
        )
        .unwrap();
        std::fs::write(&config, text).unwrap();
        let token = std::fs::read_to_string(token).unwrap().trim().to_owned();
        let (clock, hand) = Clock::manual(Clock::system().now_ms());
        Self {
            agent: bind(&config, clock).await,
            clock: hand,
            config,
            token,
            port,
            folder,
        }
    }

    /// Node-RED's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the agent keeps what it notes.
    pub(crate) fn beside_spool(&self) -> PathBuf {
        let text = std::fs::read_to_string(&self.config).unwrap();
        let spool = text.split("[spool]").nth(1).unwrap();
        let spool = spool.split('"').nth(1).unwrap();
        Path::new(spool).parent().unwrap().to_owned()
    }

    /// The agent's configuration.
    pub(crate) fn config(&self) -> &Path {
        &self.config
    }

    /// Node-RED's port, and the token that opens its data endpoints.
    pub(crate) fn endpoint(&self) -> (u16, String) {
        (self.port, self.token.clone())
    }

    /// What a flow answers below the root of the data endpoints, once it does.
    pub(crate) async fn asked(&self, path: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(text) = self.ask(path).await {
                return text;
            }
            assert!(
                Instant::now() < end,
                "the flow does not answer: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The same now; none while it does not answer with 200.
    pub(crate) async fn ask(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/spokegate/{path}", self.port);
        let answer = PlainClient::new().get(&url, &self.token).await.ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status == 200).then_some(text)
    }

    /// A verb of the agent's program and its words, whatever its exit code.
    pub(crate) fn verb(&self, verb: &[&str]) -> String {
        let binary = spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), "spokegate-agent");
        let mut command = std::process::Command::new(binary);
        let output = command.args(verb).arg("--config").arg(&self.config);
        let output = output.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    }

    /// How Node-RED is, by the agent's own status.
    pub(crate) fn status(&self) -> Value {
        let status: Value =
            serde_json::from_str(&self.verb(&["status", "--json"])).unwrap_or_default();
        status["kept_node_red"].clone()
    }

    pub(crate) fn log(&self) -> String {
        self.verb(&["logs", "--tail", "1000"])
    }

    /// The agent begins anew, with Node-RED.
    pub(crate) async fn again(self) -> Self {
        self.agent.shutdown().await;
        let (clock, hand) = Clock::manual(Clock::system().now_ms());
        Self {
            agent: bind(&self.config, clock).await,
            clock: hand,
            ..self
        }
    }

    pub(crate) async fn stop(self) {
        self.agent.shutdown().await;
    }
}

async fn bind(config: &Path, clock: Clock) -> Agent {
    let layered = Layered::<Config>::new("AGENT", DEFAULTS).no_environment();
    let config = layered.file(config).load().unwrap();
    let context = Context::new().with_clock(clock);
    Agent::bind(config, &context).await.unwrap()
}

pub(crate) fn node() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join("node"))
        .find(|node| node.is_file())
        .unwrap()
}

/// Flows in which `/NAME` answers what a function makes; each is a name and its code.
pub(crate) fn flows(functions: &[(&str, &str)]) -> Value {
    let mut all = vec![json!({ "id": "tab", "type": "tab", "label": "kept" })];
    for (name, code) in functions {
        all.push(json!({ "id": format!("in-{name}"), "type": "http in", "z": "tab", "x": 1, "y": 1, "url": format!("/{name}"),
                         "method": "get", "wires": [[format!("do-{name}")]] }));
        all.push(json!({ "id": format!("do-{name}"), "type": "function", "z": "tab", "x": 1, "y": 1, "func": code,
                         "outputs": 1, "libs": [], "timeout": 0, "wires": [["out"]] }));
    }
    all.push(json!({ "id": "out", "type": "http response", "z": "tab", "x": 1, "y": 1, "headers": {}, "wires": [] }));
    json!(all)
}
