//! The `[node_red]` section: the Node-RED that the agent keeps, where it keeps one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

use crate::keeper::window::{Window, WindowError, local_zone, zone};

/// Arguments that are the keeper's: with another value the agent would watch another Node-RED than it started.
const OWN_ARGUMENTS: [&str; 6] = ["-p", "--port", "-u", "--userDir", "--safe", "-D"];
/// Variables that are the keeper's.
const OWN_VARIABLES: [&str; 8] = [
    "HOME",
    "NODE_RED_ENABLE_SAFE_MODE",
    "SPOKEGATE_KEPT_NODE_RED",
    "SPOKEGATE_NODE_RED_DATA",
    "SPOKEGATE_NODE_RED_HOST",
    "SPOKEGATE_NODE_RED_PORT",
    "SPOKEGATE_NODE_RED_TRIAL",
    "TMPDIR",
];
/// What the name of a secret ends with. Whoever may look at a process sees its environment.
const SECRET_ENDINGS: [&str; 5] = ["TOKEN", "PASSWORD", "SECRET", "KEY", "AUTHORIZATION"];

/// The `[node_red]` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct NodeRedConfig {
    /// Program and arguments; the agent keeps no Node-RED without them.
    pub command: Option<Vec<String>>,
    /// Its folder.
    pub user_dir: Option<PathBuf>,
    /// Its port on loopback.
    pub port: u16,
    /// Variables of the agent's environment that it gets.
    #[serde(default)]
    pub pass: Vec<String>,
    /// Further variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Whether it reaches less than the agent's user does.
    pub confine: bool,
    /// Files and folders that it may read besides.
    #[serde(default)]
    pub read: Vec<PathBuf>,
    /// Folders that it may write besides.
    #[serde(default)]
    pub write: Vec<PathBuf>,
    /// MiB of memory of all its processes.
    pub memory_mib_max: u64,
    /// Files and sockets that it may have open.
    pub open_files_max: u64,
    /// Seconds from a start to its first answer.
    pub start_s_max: u64,
    /// Seconds from SIGTERM to SIGKILL.
    pub stop_s_max: u64,
    /// Seconds between probes.
    pub probe_every_s: u64,
    /// Seconds that an answer may take.
    pub probe_s_max: u64,
    /// Misses in a row that are a hang.
    pub probe_misses_max: u32,
    /// Crashes within the window that lead to safe mode.
    pub crashes_max: usize,
    /// Seconds of the window.
    pub crash_window_s: u64,
    /// When it may be restarted by itself: `02:00-04:00` or `any`; never without it.
    pub restart_window: Option<String>,
    /// The window's time zone; the machine's without it.
    pub restart_zone: Option<String>,
    /// Bytes of its output on disk.
    pub log_bytes_max: u64,
    /// Whether the centre gets its output.
    pub log_to_centre: bool,
    /// Seconds between pushes of new lines.
    pub log_push_every_s: u64,
    /// Bytes of such a push.
    pub log_push_bytes_max: u64,
    /// Bytes of them within an hour.
    pub log_hour_bytes_max: u64,
}

impl NodeRedConfig {
    /// Command and folder, where the agent keeps a Node-RED.
    pub(crate) fn kept(&self) -> Option<(&[String], &Path)> {
        Some((self.command.as_deref()?, self.user_dir.as_deref()?))
    }

    /// When it may be restarted by itself; `None`: never.
    ///
    /// # Errors
    /// When window or zone are written wrongly: what is wrong, of which key.
    pub(crate) fn window(&self) -> Result<Option<Window>, (&'static str, WindowError)> {
        let zone = match &self.restart_zone {
            Some(name) => zone(name).map_err(|error| ("restart_zone", error))?,
            None => local_zone(),
        };
        let window = self.restart_window.as_deref();
        let window = window.map(|text| Window::parse(text, zone)).transpose();
        window.map_err(|error| ("restart_window", error))
    }
}

impl Section for NodeRedConfig {
    fn validate(&self, faults: &mut Faults) {
        let Some(command) = &self.command else {
            return;
        };
        self.validate_command(command, faults);
        let paths = [("read", &self.read), ("write", &self.write)];
        for (key, path) in paths
            .iter()
            .flat_map(|(key, paths)| paths.iter().map(move |path| (*key, path)))
        {
            if !path.is_absolute() {
                faults
                    .add(key, format!("{} is not absolute", path.display()))
                    .allowed("whole paths");
            }
        }
        for name in &self.pass {
            check_name(faults, "pass", name);
        }
        for name in self.environment.keys() {
            check_name(faults, "environment", name);
        }
        if let Err((key, error)) = self.window() {
            faults
                .add(key, error.to_string())
                .hint("write restart_window = \"02:00-04:00\" or \"any\", and restart_zone = \"Europe/Berlin\" or nothing");
        }
        faults.bounds("port", self.port, 1..=u16::MAX);
        faults.bounds("memory_mib_max", self.memory_mib_max, 64..=1_048_576);
        faults.bounds("open_files_max", self.open_files_max, 64..=1_048_576);
        faults.bounds("start_s_max", self.start_s_max, 1..=600);
        faults.bounds("stop_s_max", self.stop_s_max, 1..=15);
        faults.bounds("probe_every_s", self.probe_every_s, 1..=300);
        faults.bounds("probe_s_max", self.probe_s_max, 1..=60);
        faults.bounds("probe_misses_max", self.probe_misses_max, 1..=100);
        faults.bounds("crashes_max", self.crashes_max, 1..=100);
        faults.bounds("crash_window_s", self.crash_window_s, 1..=86_400);
        faults.bounds("log_bytes_max", self.log_bytes_max, 65_536..=1 << 30);
        faults.bounds("log_push_every_s", self.log_push_every_s, 5..=3_600);
        faults.bounds(
            "log_push_bytes_max",
            self.log_push_bytes_max,
            4_096..=98_304,
        );
        faults.bounds(
            "log_hour_bytes_max",
            self.log_hour_bytes_max,
            65_536..=1 << 30,
        );
    }
}

impl NodeRedConfig {
    fn validate_command(&self, command: &[String], faults: &mut Faults) {
        if !command
            .first()
            .is_some_and(|program| Path::new(program).is_absolute())
        {
            faults
                .add("command", "begins with no whole path of a program")
                .hint("write [\"/usr/bin/node\", \"/opt/node-red/node_modules/node-red/red.js\"]");
        }
        let own = command.iter().skip(1).find(|argument| {
            let name = argument.split('=').next().unwrap_or(argument);
            OWN_ARGUMENTS.contains(&name) || name == "--define"
        });
        if let Some(own) = own {
            faults
                .add("command", format!("has {own}, which the agent sets"))
                .hint("remove it; node_red.port and node_red.user_dir say where, and settings belong into the settings file");
        }
        if !self.user_dir.as_deref().is_some_and(Path::is_absolute) {
            faults
                .add(
                    "user_dir",
                    "is missing or not absolute, and node_red.command is set",
                )
                .hint("write \"/var/lib/spokegate-agent/node-red\"");
        }
    }
}

fn check_name(faults: &mut Faults, key: &str, name: &str) {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) {
        faults
            .add(key, format!("{name:?} is no name of a variable"))
            .allowed("letters, digits and _");
    } else if OWN_VARIABLES.contains(&name) {
        faults
            .add(key, format!("has {name}, which the agent sets"))
            .hint("remove it; node_red.port and node_red.user_dir say where");
    } else if SECRET_ENDINGS
        .iter()
        .any(|ending| name.to_ascii_uppercase().ends_with(ending))
    {
        faults
            .add(key, format!("{name} reads like a secret, which others on this machine could see"))
            .hint("put it into a file and name that: SPOKEGATE_AGENT_TOKEN_FILE = \"/etc/spokegate/agent/node-red.token\"");
    }
}

#[cfg(test)]
mod tests {
    use spokegate_daemon::config::Layered;

    use crate::config::{Config, DEFAULTS};

    const KEPT: &str = r#"
[broker]
address = "broker.example.net:8883"
[tls]
certificate = "c.pem"
key = "k.pem"
ca = "ca.pem"
[node_red]
command = ["/usr/bin/node-red", "--settings", "/opt/settings.js"]
user_dir = "/var/lib/spokegate-agent/node-red"
pass = ["TZ"]
[node_red.environment]
SPOKEGATE_AGENT_TOKEN_FILE = "/etc/spokegate/agent/node-red.token"
"#;

    #[track_caller]
    fn check(from: &str, to: &str, expected: Option<&str>) {
        assert!(KEPT.contains(from), "{from}");
        let text = KEPT.replace(from, to);
        let loaded = Layered::<Config>::new("agent", DEFAULTS)
            .no_environment()
            .text("agent.toml", &text)
            .load();
        match (loaded, expected) {
            (Ok(config), None) => assert!(config.node_red.kept().is_some()),
            (Err(faults), Some(part)) => assert!(faults.to_string().contains(part), "{faults}"),
            (other, expected) => panic!("{other:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn what_is_the_agents_own_or_a_secret_is_refused() {
        check("TZ", "LC_ALL", None);
        check(
            "TZ",
            "SPOKEGATE_NODE_RED_PORT",
            Some("which the agent sets"),
        );
        check("TZ", "FLOW_TOKEN", Some("reads like a secret"));
        check("TZ", "A B", Some("no name of a variable"));
        check("_TOKEN_FILE", "_TOKEN", Some("put it into a file"));
        check("--settings", "--title", None);
        check(
            "--settings",
            "--port",
            Some("has --port, which the agent sets"),
        );
        check("--settings", "--safe", Some("has --safe"));
        check("/usr/bin/node-red", "node-red", Some("no whole path"));
        check("/var/lib", "var/lib", Some("node_red.user_dir"));
        check("pass =", "pas =", Some("pas"));
        check("[node_red]", "[node_red]\nport = 0", Some("node_red.port"));
        let windowed = |text: &str| format!("[node_red]\n{text}");
        for (text, expected) in [
            ("restart_window = \"22:00-02:00\"", None),
            ("restart_window = \"any\"\nrestart_zone = \"UTC\"", None),
            ("restart_window = \"2-4\"", Some("node_red.restart_window")),
            (
                "restart_zone = \"Mars/Olympus\"",
                Some("node_red.restart_zone"),
            ),
        ] {
            check("[node_red]", &windowed(text), expected);
        }
        check(
            "[node_red]",
            "[node_red]\nread = [\"x\"]",
            Some("whole paths"),
        );
        check("[node_red]", "[node_red]\nread = [\"/x\"]", None);
    }

    #[test]
    fn without_a_command_nothing_is_kept() {
        let text = KEPT.split("[node_red]").next().unwrap();
        let config: Config = Layered::new("agent", DEFAULTS)
            .no_environment()
            .text("agent.toml", text)
            .load()
            .unwrap();
        assert!(config.node_red.kept().is_none());
    }
}
