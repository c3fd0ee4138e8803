//! Node-RED of either version with the tenant's settings and the palette's examples; killed with us.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spokegate_demo::http::PlainClient;

const PATIENCE: Duration = Duration::from_secs(120);
const EXAMPLES: [&str; 3] = ["answer a dataset", "rows in parts", "push on a timer"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Four,
    Five,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Four => "4",
            Self::Five => "5",
        }
    }

    /// The folder whose `node_modules` has it.
    pub(crate) fn folder(self) -> PathBuf {
        repository().join(match self {
            Self::Four => "deploy/node-red",
            Self::Five => "tests/node-red-5",
        })
    }

    /// The Node.js that runs it: for 5 the one of its lock file.
    pub(crate) fn node(self) -> PathBuf {
        let architecture = match std::env::consts::ARCH {
            "aarch64" => "arm64",
            _ => "x64",
        };
        match self {
            Self::Four => PathBuf::from("node"),
            Self::Five => self
                .folder()
                .join(format!("node_modules/node-linux-{architecture}/bin/node")),
        }
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

pub(crate) struct NodeRed {
    child: Child,
    folder: tempfile::TempDir,
    version: Version,
    port: u16,
    agent_token: PathBuf,
    agent: Option<(String, PathBuf)>,
}

impl Drop for NodeRed {
    fn drop(&mut self) {
        self.kill();
    }
}

impl NodeRed {
    /// With the palette's examples, beside an agent.
    pub(crate) fn start(
        version: Version,
        port: u16,
        agent_token: &Path,
        push_url: &str,
        push_token: &Path,
    ) -> Self {
        let agent = Some((push_url.to_owned(), push_token.to_owned()));
        Self::start_with(version, port, agent_token, agent, Some(&examples()))
    }

    /// In a new folder, with these flows in it.
    pub(crate) fn start_with(
        version: Version,
        port: u16,
        agent_token: &Path,
        agent: Option<(String, PathBuf)>,
        flows: Option<&Value>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(flows) = flows {
            std::fs::write(folder.path().join("flows.json"), flows.to_string()).unwrap();
        }
        let child = spawn(version, port, folder.path(), agent_token, agent.as_ref());
        Self {
            child,
            folder,
            version,
            port,
            agent_token: agent_token.to_owned(),
            agent,
        }
    }

    /// Ends it with signal 9.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it anew in its folder, after [`NodeRed::kill`].
    pub(crate) fn again(&mut self) {
        self.child = spawn(
            self.version,
            self.port,
            self.folder.path(),
            &self.agent_token,
            self.agent.as_ref(),
        );
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where it writes, its log too.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a flow of ours answers below the root of the data endpoints; none while it does not answer with 200.
    pub(crate) async fn asked(&self, path: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/spokegate/{path}", self.port);
        let answer = PlainClient::new().get(&url, &self.token()).await.ok()?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status == 200).then_some(text)
    }

    pub(crate) fn editor(&self) -> String {
        format!("http://127.0.0.1:{}/editor/", self.port)
    }

    /// Waits until nodes answer these datasets.
    pub(crate) async fn answers(&self, datasets: &[&str]) {
        let url = format!(
            "http://127.0.0.1:{}/spokegate/spokegate/palette/v1/datasets",
            self.port
        );
        let (client, end) = (PlainClient::new(), Instant::now() + PATIENCE);
        loop {
            if let Ok(answer) = client.get(&url, &self.token()).await {
                let told = String::from_utf8_lossy(&answer.body).into_owned();
                let all = datasets
                    .iter()
                    .all(|dataset| told.contains(&format!("\"{dataset}\"")));
                if answer.status == 200 && all {
                    return;
                }
            }
            assert!(Instant::now() < end, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Puts these flows in the place of all.
    pub(crate) async fn deploy(&self, flows: Value) {
        let url = format!("{}flows", self.editor());
        let answer = PlainClient::new()
            .post_json(&url, "", flows.to_string().into())
            .await
            .unwrap();
        assert_eq!(answer.status, 204, "{}", self.log());
    }

    /// What the flows of [`failing`] tell, once it is as `wanted`.
    pub(crate) async fn told(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let url = format!("http://127.0.0.1:{}/spokegate/told", self.port);
        let (client, end) = (PlainClient::new(), Instant::now() + PATIENCE);
        loop {
            if let Ok(answer) = client.get(&url, &self.token()).await
                && let Ok(told) = serde_json::from_slice::<Value>(&answer.body)
                && wanted(&told)
            {
                return told;
            }
            assert!(Instant::now() < end, "{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("node-red.log")).unwrap()
    }

    fn token(&self) -> String {
        let token = std::fs::read_to_string(&self.agent_token).unwrap();
        token.trim().to_owned()
    }
}

fn spawn(
    version: Version,
    port: u16,
    folder: &Path,
    agent_token: &Path,
    agent: Option<&(String, PathBuf)>,
) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("node-red.log"))
        .unwrap();
    let mut command = Command::new(version.node());
    command
        .arg(version.folder().join("node_modules/node-red/red.js"))
        .arg("--settings")
        .arg(repository().join("deploy/node-red/settings.js"))
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("HOME", folder)
        .env("SPOKEGATE_NODE_RED_DATA", folder)
        .env("SPOKEGATE_NODE_RED_PORT", port.to_string())
        .env("SPOKEGATE_NODE_RED_EDITOR", "on")
        .env("SPOKEGATE_AGENT_TOKEN_FILE", agent_token)
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    if let Some((push_url, push_token)) = agent {
        command
            .env("SPOKEGATE_PUSH_URL", push_url)
            .env("SPOKEGATE_PUSH_TOKEN_FILE", push_token);
    }
    command.spawn().unwrap()
}

/// A flow without nodes.
pub(crate) fn empty() -> Value {
    json!([{ "id": "empty", "type": "tab", "label": "empty" }])
}

/// A node in the tab `tab`.
pub(crate) fn node(id: &str, kind: &str, more: Value, wires: Value) -> Value {
    let mut node = json!({ "id": id, "type": kind, "z": "tab", "x": 1, "y": 1, "wires": wires });
    let members = more.as_object().unwrap().clone();
    node.as_object_mut().unwrap().extend(members);
    node
}

/// A function node with one output.
pub(crate) fn code(id: &str, text: &str, wires: Value) -> Value {
    let more = json!({ "func": text, "outputs": 1, "libs": [], "timeout": 0 });
    node(id, "function", more, wires)
}

/// Requests that nobody answers, and a push that its contract refuses. `/told` has what came of them.
pub(crate) fn failing() -> Value {
    let asked = |id: &str, dataset: &str, wires: Value| {
        let more = json!({ "dataset": dataset, "version": "1", "agent": "" });
        node(id, "spokegate-dataset-request", more, wires)
    };
    let push = json!({ "dataset": "backup-jobs", "version": "1", "check": true, "batchRows": "1", "agent": "" });
    let once = json!({ "props": [], "repeat": "", "once": true, "onceDelay": "0.1" });
    let told = "msg.payload = { asked: global.get('asked'), error: global.get('error'), faults: global.get('faults') }; return msg;";
    json!([
        { "id": "tab", "type": "tab", "label": "failing" },
        asked("devices", "devices", json!([["asked"], []])),
        asked("patches", "patch-status", json!([[], []])),
        code("asked", "global.set('asked', (global.get('asked') || 0) + 1);", json!([[]])),
        node("once", "inject", once, json!([["bad"]])),
        code("bad", "msg.payload = [{ job: 'Nightly' }]; return msg;", json!([["push"]])),
        node("push", "spokegate-push", push, json!([[], ["refused"]])),
        code("refused", "global.set('error', msg.error); global.set('faults', msg.faults);", json!([[]])),
        node("in", "http in", json!({ "url": "/told", "method": "get" }), json!([["told"]])),
        code("told", told, json!([["out"]])),
        node("out", "http response", json!({ "headers": {} }), json!([])),
    ])
}

/// All examples, as the editor imports them.
fn examples() -> Value {
    let read = |name: &&str| {
        let path = repository().join(format!("deploy/node-red/palette/examples/{name}.json"));
        let text = std::fs::read_to_string(path).unwrap();
        match serde_json::from_str(&text).unwrap() {
            Value::Array(nodes) => nodes,
            other => panic!("{name} is no flow: {other}"),
        }
    };
    EXAMPLES.iter().flat_map(read).collect()
}
