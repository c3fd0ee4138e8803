//! Secrets out of a real OpenBao, which answers as HashiCorp Vault does.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use spokegate_daemon::{Clock, Secret};
use spokegate_reports::config::{DEFAULTS, SecretsBackend, SecretsConfig};
use spokegate_reports::secrets::{SecretError, SecretName, Secrets};
use spokegate_reports::store::Store;

const ROOT: &str = "root-token-of-this-test";

/// A server in development mode: unsealed, in memory, on loopback.
struct Bao {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bao {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .unwrap()
            .port();
        let child = Command::new(program())
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("OpenBao is missing; tests/testbed/install.sh brings it");
        let bao = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
            folder,
        };
        bao.wait();
        bao
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.runs(&["kv", "metadata", "put", "secret/ready"]) {
            assert!(Instant::now() < end, "OpenBao did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env("BAO_ADDR", &self.url)
            .env("BAO_TOKEN", ROOT)
            .env("HOME", self.folder.path());
        command
    }

    fn runs(&self, arguments: &[&str]) -> bool {
        let output = self.command(arguments).output().unwrap();
        output.status.success()
    }

    fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }

    fn config(&self) -> SecretsConfig {
        let defaults: toml::Table = DEFAULTS.parse().unwrap();
        let mut config: SecretsConfig = defaults["secrets"].clone().try_into().unwrap();
        config.backend = SecretsBackend::Vault;
        config.vault.url = Some(self.url.clone());
        config.vault.cache_s = 0;
        config
    }

    /// A policy for the folder, and a role that has it; its role id and secret id.
    fn role(&self) -> (String, PathBuf) {
        let policy = self.file(
            "policy",
            "path \"secret/data/spokegate/*\" { capabilities = [\"read\"] }",
        );
        self.say(&["policy", "write", "spokegate", policy.to_str().unwrap()]);
        self.say(&["auth", "enable", "approle"]);
        let role = "auth/approle/role/spokegate";
        self.say(&["write", role, "token_policies=spokegate", "token_ttl=1h"]);
        let id = self.say(&["read", "-field=role_id", &format!("{role}/role-id")]);
        let secret = self.say(&[
            "write",
            "-f",
            "-field=secret_id",
            &format!("{role}/secret-id"),
        ]);
        (id, self.file("secret-id", &secret))
    }
}

fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/openbao/program/bao")
}

async fn secrets(bao: &Bao, config: &SecretsConfig) -> Secrets {
    let url = format!("sqlite://{}/store.db", bao.folder.path().display());
    let store = Store::open(&url).await.unwrap();
    Secrets::open(config, &url, &store, &Clock::system()).unwrap()
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

#[tokio::test]
async fn values_are_read_with_a_token_and_failures_say_what_to_do() {
    let bao = Bao::start();
    bao.say(&["kv", "put", "secret/spokegate/psa", "value=hunter2"]);
    bao.say(&["kv", "put", "secret/spokegate/half", "password=hunter2"]);
    let mut config = bao.config();
    config.vault.token_file = Some(bao.file("token", ROOT));
    let store = secrets(&bao, &config).await;
    assert_eq!(store.get(&name("psa")).await.unwrap().expose(), "hunter2");
    bao.say(&["kv", "put", "secret/spokegate/psa", "value=changed"]);
    assert_eq!(store.get(&name("psa")).await.unwrap().expose(), "changed");

    let said = async |name: &SecretName| store.get(name).await.unwrap_err().to_string();
    assert!(
        said(&name("none"))
            .await
            .contains("has no entry secret/data/spokegate/none")
    );
    let half = said(&name("half")).await;
    assert!(
        half.contains("field \"value\"") && !half.contains("hunter2"),
        "{half}"
    );
    // What lies there is changed there.
    store.ask_elsewhere().await.unwrap().unwrap();
    let set = store.set(&name("psa"), &Secret::new("x"), "a").await;
    assert!(matches!(set, Err(SecretError::KeptElsewhere(_))));

    bao.file("token", "not-the-token");
    let refused = said(&name("psa")).await;
    assert!(
        refused.contains("403") && refused.contains("policy"),
        "{refused}"
    );
    let health = async || store.ask_elsewhere().await.unwrap().unwrap_err();
    let refused = health().await.to_string();
    assert!(refused.contains("does not take our token"), "{refused}");
    bao.say(&["operator", "seal"]);
    let sealed = health().await.to_string();
    assert!(sealed.contains("is sealed"), "{sealed}");
    drop(bao);
    let gone = health().await.to_string();
    assert!(gone.contains(" at http://127.0.0.1:"), "{gone}");
    let gone = said(&name("psa")).await;
    assert!(
        gone.contains("does not answer") || gone.contains("cannot be asked"),
        "{gone}"
    );
}

#[tokio::test]
async fn an_approle_signs_in_and_signs_in_again_when_its_token_was_taken_back() {
    let bao = Bao::start();
    bao.say(&["kv", "put", "secret/spokegate/psa", "value=hunter2"]);
    bao.say(&["kv", "put", "secret/elsewhere/psa", "value=other"]);
    let (role, secret_id) = bao.role();
    let mut config = bao.config();
    (config.vault.role_id, config.vault.secret_id_file) = (Some(role), Some(secret_id));
    let store = secrets(&bao, &config).await;
    assert_eq!(store.get(&name("psa")).await.unwrap().expose(), "hunter2");
    bao.say(&["token", "revoke", "-mode=path", "auth/approle"]);
    assert_eq!(store.get(&name("psa")).await.unwrap().expose(), "hunter2");

    // Its policy ends at its folder.
    config.vault.folder = "elsewhere".into();
    let elsewhere = secrets(&bao, &config).await;
    let refused = elsewhere.get(&name("psa")).await.unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");

    bao.file("secret-id", "not-the-secret-id");
    let stranger = secrets(&bao, &bao_role(&config)).await;
    let refused = stranger.get(&name("psa")).await.unwrap_err().to_string();
    assert!(refused.contains("does not let this role in"), "{refused}");
}

fn bao_role(config: &SecretsConfig) -> SecretsConfig {
    let mut config = config.clone();
    config.vault.folder = "spokegate".into();
    config
}

#[tokio::test]
async fn a_namespace_is_a_store_of_its_own() {
    let bao = Bao::start();
    bao.say(&["namespace", "create", "msp"]);
    bao.say(&[
        "secrets",
        "enable",
        "-namespace=msp",
        "-path=kv",
        "-version=2",
        "kv",
    ]);
    bao.say(&[
        "kv",
        "put",
        "-namespace=msp",
        "-mount=kv",
        "reports/psa",
        "value=inside",
    ]);
    let mut config = bao.config();
    config.vault.token_file = Some(bao.file("token", ROOT));
    (config.vault.mount, config.vault.folder) = ("kv".into(), "reports".into());
    assert!(
        secrets(&bao, &config)
            .await
            .get(&name("psa"))
            .await
            .is_err()
    );
    config.vault.namespace = Some("msp".into());
    let store = secrets(&bao, &config).await;
    assert_eq!(store.get(&name("psa")).await.unwrap().expose(), "inside");
}
