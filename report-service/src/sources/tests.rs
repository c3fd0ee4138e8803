//! Sources of every kind, asked for tickets: real PostgreSQL, MariaDB, SQLite and files.

mod files;
mod service;
mod sql;
mod tls;

use super::*;
use crate::config::{DEFAULTS, SecretsConfig};
use crate::testing::schemas;
use spokegate_contract::Registry;
use spokegate_daemon::Clock;

/// Definitions and files in a folder of the test's own, with a store for secrets.
pub(super) struct Bed {
    pub(super) folder: tempfile::TempDir,
    pub(super) secrets: Secrets,
    pub(super) tasks: Tasks,
    contracts: Arc<Contracts>,
}

impl Bed {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sources", "files", "key", "store"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let url = format!("sqlite://{}/store/store.db", folder.path().display());
        let store = crate::store::Store::open(&url).await.unwrap();
        let key = folder.path().join("key/master");
        std::fs::write(&key, "ab".repeat(32)).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o400);
        std::fs::set_permissions(&key, private).unwrap();
        let defaults: toml::Table = DEFAULTS.parse().unwrap();
        let mut config: SecretsConfig = defaults["secrets"].clone().try_into().unwrap();
        config.master_key_file = Some(key);
        let secrets = Secrets::open(&config, &url, &store, &Clock::system()).unwrap();
        let registry = Registry::open(&schemas()).unwrap();
        Self {
            folder,
            secrets,
            tasks: Tasks::new(),
            contracts: Arc::new(Contracts::compile(&registry).unwrap()),
        }
    }

    pub(super) fn define(&self, name: &str, text: &str) {
        let text = format!("title = \"Tickets (PSA)\"\ndataset = \"tickets\"\n{text}");
        let path = self
            .folder
            .path()
            .join("sources")
            .join(format!("{name}.toml"));
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("files").join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn read(&self) -> Result<Sources, SourceFaults> {
        let place = |name: &str| self.folder.path().join(name);
        Sources::read(&place("sources"), &place("files"), &self.contracts)
    }

    pub(super) fn sources(&self) -> Sources {
        self.read().unwrap().with(Around {
            secrets: self.secrets.clone(),
            clock: Clock::system(),
            tasks: self.tasks.clone(),
        })
    }

    /// All rows of a source for `acme`, after the contract's check, or the first failure's words.
    pub(super) async fn rows(&self, name: &str, params: Value) -> Result<Vec<Value>, String> {
        let id: SourceId = name.parse().unwrap();
        let sources = self.sources();
        let asked = Asked {
            tenant: "acme".parse().unwrap(),
            tenant_title: "Acme".into(),
            params: params.as_object().unwrap().clone(),
            time_ms: 20_000,
        };
        let mut chunks = sources.fetch(&id, asked);
        let contract = self
            .contracts
            .versions(&"tickets".parse().unwrap())
            .next()
            .unwrap();
        let mut rows = Vec::new();
        while let Some(chunk) = chunks.recv().await {
            let chunk = chunk
                .map_err(|failure| format!("{}: {}", failure.class.as_str(), failure.detail))?;
            let checked = contract
                .rows(&chunk)
                .map_err(|fault| format!("contract: {fault}"))?;
            rows.extend(checked.into_iter().map(Value::Object));
        }
        let last = sources.last(&id).expect("it was asked");
        assert_eq!(last.fault, "");
        Ok(rows)
    }

    #[track_caller]
    pub(super) fn faults(&self, expected: &[&str]) {
        let faults = self.read().map(|_| ()).unwrap_err().to_string();
        for expected in expected {
            assert!(faults.contains(expected), "{faults} has no {expected:?}");
        }
    }
}

/// What every source gives for `acme`: one ticket.
pub(super) fn ticket(number: &str) -> Value {
    serde_json::json!({
        "number": number, "subject": "Printer's jammed", "state": "open", "priority": "high",
        "category": "Hardware", "requester": "A. Example", "opened_at": "2026-11-20T06:15:00Z",
        "changed_at": "2026-11-21T06:15:00Z",
    })
}

#[tokio::test]
async fn every_fault_of_every_definition_is_told() {
    let bed = Bed::new().await;
    bed.define("two", "[csv]\npath = \"a.csv\"\n[json]\npath = \"a.json\"");
    bed.define("none", "");
    bed.define("out", "[csv]\npath = \"../../etc/passwd\"");
    bed.define("root", "[json]\npath = \"/etc/passwd\"");
    bed.define(
        "writes",
        "[sqlite]\npath = \"a.db\"\nquery = \"DELETE FROM t\"",
    );
    bed.define(
        "stranger",
        "[sqlite]\npath = \"a.db\"\nquery = \"SELECT :nowhere\"",
    );
    bed.define("much", "[limits]\nrows = 0\n[csv]\npath = \"a.csv\"");
    bed.define("typo", "[csv]\npath = \"a.csv\"\ndelimeter = \";\"");
    bed.define("Upper", "[csv]\npath = \"a.csv\"");
    bed.define("open", "[postgresql]\nhost = \"h\"\ndatabase = \"d\"\nuser = \"u\"\npassword = \"hunter2\"\nquery = \"SELECT 1\"");
    bed.faults(&[
        "two.toml: has 2 places",
        "none.toml: has 0 places",
        "out.toml: csv.path",
        "root.toml: json.path",
        "writes.toml: sqlite.query: starts with \"DELETE\"",
        "stranger.toml: the parameter \"nowhere\"",
        "much.toml: limits.rows",
        "typo.toml: line",
        "Upper.toml: is no name",
        "open.toml: line",
        "secret:NAME",
    ]);
    let told = bed.read().map(|_| ()).unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn a_source_declares_the_secrets_that_it_uses() {
    let bed = Bed::new().await;
    bed.define("psa", "[postgresql]\nhost = \"db.example.net\"\ndatabase = \"d\"\nuser = \"u\"\npassword = \"secret:psa-db\"\nquery = \"SELECT 1\"");
    bed.sources();
    let users = bed.secrets.users();
    let users: Vec<&str> = users[&"psa-db".parse().unwrap()]
        .iter()
        .map(String::as_str)
        .collect();
    assert_eq!(users, ["source \"psa\""]);
    // It is not set: the source fails in words, and asks nobody.
    let said = bed.rows("psa", serde_json::json!({})).await.unwrap_err();
    assert!(said.contains("there is no secret \"psa-db\""), "{said}");
}
