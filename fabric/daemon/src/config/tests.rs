use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::logging::{LogConfig, LogFormat};
use crate::ops::OpsConfig;
use crate::{Secret, SecretSource};

const DEFAULTS: &str = r##"
# Who we are; a URI holds it = no upper case.
# trust_domain = "example.org" # required
tenants = []

[directory]
# base = "dc=example,dc=org"
# bind_password = "…"
# bind_password_file = "/etc/spokegate/bind"

# [[listener]]
# kind = "mtls" # required
# address = "0.0.0.0:8883" # required
# backlog = 16

[limits]
inflight = 64
ratio = 0.5
verbose = false

[limits.burst]
bytes = 1024

# Any label.
[labels]

[ops]
listen = "127.0.0.1:9401"

[log]
format = "text"
filter = "info"
"##;

#[derive(Debug, Deserialize)]
struct Config {
    trust_domain: String,
    tenants: Vec<String>,
    directory: Directory,
    #[serde(default)]
    listener: Vec<Listener>,
    limits: Limits,
    labels: BTreeMap<String, String>,
    ops: OpsConfig,
    log: LogConfig,
}

#[derive(Debug, Deserialize)]
struct Directory {
    base: Option<String>,
    bind_password: Option<Secret>,
    bind_password_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Listener {
    kind: Kind,
    address: SocketAddr,
    backlog: Option<u32>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Mtls,
    Open,
}

#[derive(Debug, Deserialize)]
struct Limits {
    inflight: u16,
    ratio: f64,
    verbose: bool,
    burst: Burst,
}

#[derive(Debug, Deserialize)]
struct Burst {
    bytes: u64,
}

impl Section for Config {
    fn validate(&self, faults: &mut Faults) {
        faults.within("limits", &self.limits);
        for (number, listener) in self.listener.iter().enumerate() {
            if listener.kind == Kind::Open && !listener.address.ip().is_loopback() {
                faults
                    .add(
                        &format!("listener[{number}].address"),
                        "is reachable from other machines without TLS",
                    )
                    .allowed("127.0.0.1 or ::1 for kind = \"open\"")
                    .hint("use kind = \"mtls\"");
            }
        }
        faults.within("ops", &self.ops);
        faults.within("log", &self.log);
    }
}

impl Section for Limits {
    fn validate(&self, faults: &mut Faults) {
        if let Some(fault) = faults.bounds("inflight", self.inflight, 1..=u16::MAX) {
            fault.hint("start with 64");
        }
    }
}

const GOOD: &str = "trust_domain = \"spokegate.local\"\n";

#[test]
fn defaults_file_environment_and_flags_win_in_this_order() {
    let layered = || {
        base().text(
            "broker.toml",
            "trust_domain = \"file\"\nlimits.inflight = 1\nlimits.ratio = 1\n",
        )
    };
    let config = layered().load().unwrap();
    assert_eq!(
        (
            config.trust_domain.as_str(),
            config.limits.inflight,
            config.limits.burst.bytes
        ),
        ("file", 1, 1024)
    );
    assert_eq!((config.limits.ratio, config.limits.verbose), (1.0, false));
    assert_eq!(
        (config.log.format, config.ops.listen.port()),
        (LogFormat::Text, 9401)
    );

    let variables = [
        ("SPOKEGATE_BROKER__TRUST_DOMAIN", "12345"),
        ("SPOKEGATE_BROKER__LIMITS__INFLIGHT", "2"),
        ("SPOKEGATE_BROKER__LIMITS__VERBOSE", "true"),
        ("SPOKEGATE_BROKER__TENANTS", "[\"acme\", \"globex\"]"),
        ("SPOKEGATE_BROKER__DIRECTORY__BIND_PASSWORD", "hunter2"),
        ("SPOKEGATE_SANITIZER__NONSENSE", "of another service"),
    ];
    let config = layered().environment(variables).load().unwrap();
    assert_eq!(
        (config.trust_domain.as_str(), config.limits.inflight),
        ("12345", 2)
    );
    assert!(config.limits.verbose);
    assert_eq!(config.tenants, ["acme", "globex"]);
    assert_eq!(config.directory.bind_password.unwrap().expose(), "hunter2");

    let config = layered()
        .environment(variables)
        .flag("limits.inflight=3")
        .load()
        .unwrap();
    assert_eq!(config.limits.inflight, 3);
}

#[test]
fn a_list_in_the_file_replaces_the_default_and_labels_take_any_key() {
    let text = format!(
        "{GOOD}[labels]\nsite = \"north\"\n[[listener]]\nkind = \"mtls\"\naddress = \"0.0.0.0:1\"\n[[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:2\"\nbacklog = 3\n"
    );
    let config = base().text("broker.toml", &text).load().unwrap();
    assert_eq!(config.labels["site"], "north");
    let seen: Vec<_> = config
        .listener
        .iter()
        .map(|l| (l.address.port(), l.backlog))
        .collect();
    assert_eq!(seen, [(1, None), (2, Some(3))]);
    assert!(
        base()
            .text("broker.toml", GOOD)
            .load()
            .unwrap()
            .listener
            .is_empty()
    );
}

#[test]
fn every_fault_is_told_in_one_run() {
    let text = r#"
tenants = "acme"
trust_domian = "spokegate.local"

[limits]
inflight = "many"
ration = 1
[limits.burst]
bytes = -1

[directory]
bind_password = 12

[[listener]]
kind = "tls"
address = "0.0.0.0:8883"
[[listener]]
kind = "open"
address = "0.0.0.0:1883"
backlog = []
[[listener]]
kind = "mtls"
adress = "0.0.0.0:8884"

[ops]
listen = "localhost"
[log]
filter = "loud=very"
[metrics]
port = 1
"#;
    let variables = [
        ("SPOKEGATE_BROKER_LIMITS_INFLIGHT", "1"),
        ("SPOKEGATE_BROKER__LIMITS__INFLIHGT", "1"),
        ("SPOKEGATE_BROKER__LIMITS__VERBOSE", "yes"),
    ];
    let flags = [
        "limits.ratio",
        "directory.bind_password=hunter2",
        "colour=red",
    ];
    let layered = flags.into_iter().fold(
        base().text("broker.toml", text).environment(variables),
        Layered::flag,
    );
    golden("faults.txt", &layered.load().unwrap_err().to_string());
}

#[test]
fn each_fault_has_its_sentence() {
    check(
        "limits.inflight = 64\n",
        "broker.toml: trust_domain: is required and not set\n  hint: for example trust_domain = \"example.org\"",
    );
    check(
        &format!("{GOOD}limits.inflight = 0\n"),
        "broker.toml:2: limits.inflight: is 0\n  allowed: 1 to 65535\n  hint: start with 64",
    );
    check(
        &format!("{GOOD}[[listener]]\nkind = \"open\"\naddress = \"10.0.0.1:1883\"\n"),
        "broker.toml:4: listener[0].address: is reachable from other machines without TLS\n  allowed: 127.0.0.1 or ::1 for kind = \"open\"\n  hint: use kind = \"mtls\"",
    );
    check(
        "trust_domain = \n",
        "broker.toml:1: is no TOML: string values must be quoted, expected literal string",
    );
}

#[test]
fn a_missing_file_and_a_fault_of_the_defaults_are_told() {
    let error = base().file("/nowhere/broker.toml").load().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("/nowhere/broker.toml: cannot read the file: No such file"),
        "{text}"
    );
    assert_eq!(error.faults().len(), 1);
    assert!(
        base()
            .load()
            .unwrap_err()
            .to_string()
            .contains("configuration: trust_domain: is required")
    );
}

#[test]
fn no_fault_shows_a_secret() {
    let text = format!("{GOOD}[directory]\nbind_password = [\"hunter2\"]\n");
    let shown = base()
        .text("broker.toml", &text)
        .flag("directory.bind_password=hunter2")
        .load()
        .unwrap_err();
    assert!(!format!("{shown} {shown:?}").contains("hunter2"), "{shown}");
    assert_eq!(shown.faults().len(), 2);
    assert!(
        shown.to_string().contains("hint: set bind_password_file"),
        "{shown}"
    );
}

#[test]
fn a_secret_by_file_is_known_and_resolved() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bind");
    std::fs::write(&path, "hunter2\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!("{GOOD}[directory]\nbase = \"dc=x\"\nbind_password_file = {path:?}\n");
    let config = base().text("broker.toml", &text).load().unwrap();
    let source = SecretSource::new(
        config.directory.bind_password,
        config.directory.bind_password_file,
    );
    assert_eq!(source.resolve().unwrap().expose(), "hunter2");
    assert_eq!(config.directory.base.as_deref(), Some("dc=x"));
}

fn base() -> Layered<Config> {
    Layered::new("broker", DEFAULTS).no_environment()
}

/// The one fault of a file, as it is printed.
#[track_caller]
fn check(text: &str, expected: &str) {
    let faults = base().text("broker.toml", text).load().unwrap_err();
    let shown: Vec<String> = faults.faults().iter().map(ToString::to_string).collect();
    assert_eq!(shown, [expected]);
}

#[track_caller]
fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let actual = format!("{}\n", actual.trim_end());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        actual, expected,
        "if the new text is right: UPDATE_GOLDEN=1 cargo test -p spokegate-daemon"
    );
}
