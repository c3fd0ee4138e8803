//! Secrets in a real store: what opens, what does not, and what a change of the master key changes.

use super::*;
use crate::store::StoreKind;
use crate::testing::TestStore;
use sqlx::Row as _;
use std::path::Path;

struct Bed {
    _server: Option<TestStore>,
    folder: tempfile::TempDir,
    url: String,
    store: Store,
    clock: Clock,
}

impl Bed {
    /// In SQLite and in PostgreSQL.
    async fn both() -> [Self; 2] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("database")).unwrap();
        let url = format!("sqlite://{}/database/store.db", folder.path().display());
        let server = TestStore::new(StoreKind::Postgres).await;
        let (clock, _) = Clock::manual(1_000_000);
        let file = Self {
            _server: None,
            folder,
            store: Store::open(&url).await.unwrap(),
            url,
            clock: clock.clone(),
        };
        let server = Self {
            folder: tempfile::tempdir().unwrap(),
            store: server.again().await,
            _server: Some(server),
            url: "postgres://server/database".into(),
            clock,
        };
        [file, server]
    }

    /// The secrets as a start with these master keys finds them.
    fn secrets(&self, keys: &[u8]) -> Secrets {
        let file = self.folder.path().join("key");
        let lines: Vec<String> = keys
            .iter()
            .map(|key| format!("{key:02x}").repeat(32))
            .collect();
        write_private(&file, &lines.join("\n"));
        self.with_file((!keys.is_empty()).then_some(file.as_path()))
    }

    fn with_file(&self, file: Option<&Path>) -> Secrets {
        let mut config = config();
        config.master_key_file = file.map(Path::to_owned);
        Secrets::open(&config, &self.url, &self.store, &self.clock).unwrap()
    }

    /// Every byte that the database keeps: its files, or what its tables hold.
    async fn bytes(&self) -> Vec<u8> {
        if self.store.kind() == StoreKind::Sqlite {
            let files = std::fs::read_dir(self.folder.path().join("database")).unwrap();
            let read =
                |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path());
            return files.flat_map(|file| read(file).unwrap()).collect();
        }
        let mut bytes = Vec::new();
        for table in ["secret", "secret_change", "sealing_key"] {
            let text = format!("SELECT CAST(t AS TEXT) AS line FROM {table} t");
            let rows = sqlx::query(sqlx::AssertSqlSafe(text))
                .fetch_all(self.store.pool())
                .await
                .unwrap();
            for row in rows {
                let line: String = row.get("line");
                bytes.extend_from_slice(line.as_bytes());
            }
        }
        bytes
    }
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn config() -> SecretsConfig {
    let defaults: toml::Table = crate::config::DEFAULTS.parse().unwrap();
    defaults["secrets"].clone().try_into().unwrap()
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn finds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

const CANARY: &str = "canary-5c1f-hunter2";

#[tokio::test]
async fn a_value_comes_back_and_is_nowhere_in_the_database() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        let psa = name("psa");
        assert_eq!(
            secrets
                .set(&psa, &Secret::new(CANARY), "alice")
                .await
                .unwrap(),
            1
        );
        assert_eq!(secrets.get(&psa).await.unwrap().expose(), CANARY);
        let sealed = secrets
            .seal("totp", "alice", CANARY.as_bytes())
            .await
            .unwrap();
        assert!(!finds(&sealed, CANARY.as_bytes()));
        let bytes = bed.bytes().await;
        assert!(finds(&bytes, b"alice"), "the right files were read");
        assert!(!finds(&bytes, CANARY.as_bytes()));
        // PostgreSQL shows bytes as hexadecimal digits.
        for master in [vec![1; 32], b"01".repeat(32)] {
            assert!(!finds(&bytes, &master), "nor is the master key");
        }
        let digits: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!finds(&bytes, digits.as_bytes()));
        let listed = secrets.list().await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].version, listed[0].changed_by.as_str()),
            (1, "alice")
        );
        assert_eq!(listed[0].used_at_ms, Some(1_000_000));
    }
}

#[tokio::test]
async fn a_new_value_wipes_the_old_and_numbers_go_on_after_a_removal() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        let psa = name("psa");
        for (value, version) in [("one", 1), ("two", 2)] {
            assert_eq!(
                secrets.set(&psa, &Secret::new(value), "a").await.unwrap(),
                version
            );
        }
        assert_eq!(secrets.get(&psa).await.unwrap().expose(), "two");
        secrets.remove(&psa, "a").await.unwrap();
        assert!(matches!(
            secrets.get(&psa).await,
            Err(SecretError::Unknown(_))
        ));
        assert!(matches!(
            secrets.remove(&psa, "a").await,
            Err(SecretError::Unknown(_))
        ));
        assert!(secrets.list().await.unwrap().is_empty());
        assert_eq!(
            secrets.set(&psa, &Secret::new("three"), "a").await.unwrap(),
            4
        );
    }
}

#[tokio::test]
async fn what_is_no_value_is_not_taken() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        for value in [String::new(), "x".repeat(VALUE_BYTES_MAX + 1)] {
            let set = secrets.set(&name("psa"), &Secret::new(value), "a").await;
            assert!(matches!(set, Err(SecretError::Value(_))));
        }
        let most = "x".repeat(VALUE_BYTES_MAX);
        secrets
            .set(&name("psa"), &Secret::new(most.as_str()), "a")
            .await
            .unwrap();
        assert_eq!(secrets.get(&name("psa")).await.unwrap().expose(), most);
    }
}

#[tokio::test]
async fn a_row_that_was_moved_or_put_back_does_not_open() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        let (psa, crm) = (name("psa"), name("crm"));
        secrets.set(&psa, &Secret::new("old"), "a").await.unwrap();
        let old = bed.store.secret_sealed("psa").await.unwrap().unwrap();
        secrets.set(&psa, &Secret::new("new"), "a").await.unwrap();
        secrets.set(&crm, &Secret::new("crm"), "a").await.unwrap();
        let put = async |name: &str, wrapped: &[u8], sealed: &[u8]| {
            sqlx::query("UPDATE secret SET wrapped = $2, sealed = $3 WHERE name = $1")
                .bind(name.to_owned())
                .bind(wrapped.to_vec())
                .bind(sealed.to_vec())
                .execute(bed.store.turn().await.unwrap().pool())
                .await
                .unwrap();
        };
        // The old value in the place of the new one, and one secret in the place of another.
        put("psa", &old.wrapped, &old.sealed).await;
        assert!(matches!(
            secrets.get(&psa).await,
            Err(SecretError::Spoilt(_))
        ));
        put("crm", &old.wrapped, &old.sealed).await;
        assert!(matches!(
            secrets.get(&crm).await,
            Err(SecretError::Spoilt(_))
        ));
    }
}

#[tokio::test]
async fn without_its_master_key_everything_is_locked_and_says_so() {
    for bed in Bed::both().await {
        let psa = name("psa");
        let open = bed.secrets(&[1]);
        assert_eq!(open.standing().await.unwrap(), Standing::Open);
        assert!(!open.are_used().await.unwrap(), "nobody needs one yet");
        open.set(&psa, &Secret::new(CANARY), "a").await.unwrap();

        let locked = bed.secrets(&[]);
        let Standing::Locked(reason) = locked.standing().await.unwrap() else {
            panic!("it is locked");
        };
        assert!(reason.contains("secrets.master_key_file"), "{reason}");
        for refused in [
            locked.get(&psa).await.map(|_| ()),
            locked.set(&psa, &Secret::new("x"), "a").await.map(|_| ()),
            locked.seal("totp", "a", b"x").await.map(|_| ()),
            locked.rewrap().await.map(|_| ()),
        ] {
            assert!(
                matches!(refused, Err(SecretError::Locked(_))),
                "{refused:?}"
            );
        }
        assert!(locked.are_used().await.unwrap());
        // Names may be read and values wiped without the key.
        assert_eq!(locked.list().await.unwrap().len(), 1);

        let other = bed.secrets(&[2]);
        assert!(matches!(
            other.get(&psa).await,
            Err(SecretError::OtherKey { .. })
        ));
        assert!(matches!(
            other.standing().await.unwrap(),
            Standing::Locked(_)
        ));
    }
}

#[tokio::test]
async fn a_new_master_key_wraps_keys_anew_and_touches_no_sealed_text() {
    for bed in Bed::both().await {
        let psa = name("psa");
        let first = bed.secrets(&[1]);
        first.set(&psa, &Secret::new("one"), "a").await.unwrap();
        let sealed = first.seal("totp", "alice", b"seed").await.unwrap();
        let before = bed.store.secret_sealed("psa").await.unwrap().unwrap();

        // Both keys: everything opens before and after.
        let both = bed.secrets(&[2, 1]);
        assert_eq!(both.get(&psa).await.unwrap().expose(), "one");
        let done = both.rewrap().await.unwrap();
        assert_eq!((done.changed, done.kept), (2, 0));
        let again = both.rewrap().await.unwrap();
        assert_eq!((again.changed, again.kept), (0, 2));

        let after = bed.store.secret_sealed("psa").await.unwrap().unwrap();
        assert_eq!(after.sealed, before.sealed);
        assert_ne!(after.wrapped, before.wrapped);
        let second = bed.secrets(&[2]);
        assert_eq!(second.get(&psa).await.unwrap().expose(), "one");
        let seed = second.unseal("totp", "alice", &sealed).await.unwrap();
        assert_eq!(seed.as_slice(), b"seed");
        // The old key alone opens nothing any more.
        assert!(bed.secrets(&[1]).get(&psa).await.is_err());
    }
}

#[tokio::test]
async fn what_is_sealed_for_one_opens_for_nobody_else() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        let sealed = secrets.seal("totp", "alice", b"seed").await.unwrap();
        secrets.seal("mail", "alice", b"x").await.unwrap();
        assert_eq!(
            secrets
                .unseal("totp", "alice", &sealed)
                .await
                .unwrap()
                .as_slice(),
            b"seed"
        );
        for (purpose, about) in [("totp", "bob"), ("mail", "alice"), ("none", "alice")] {
            let opened = secrets.unseal(purpose, about, &sealed).await;
            assert!(
                matches!(opened, Err(SecretError::Spoilt(_))),
                "{purpose} {about}"
            );
        }
    }
}

#[tokio::test]
async fn who_uses_what_is_known() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        secrets.declare(&name("psa"), "source \"contacts\"");
        secrets.declare(&name("psa"), "source \"contracts\"");
        let users = secrets.users();
        assert_eq!(users[&name("psa")].len(), 2);
    }
}

#[tokio::test]
async fn the_change_is_recorded_by_name_and_never_by_value() {
    for bed in Bed::both().await {
        let secrets = bed.secrets(&[1]);
        secrets
            .set(&name("psa"), &Secret::new("one"), "alice")
            .await
            .unwrap();
        secrets.remove(&name("psa"), "bob").await.unwrap();
        let rows = sqlx::query("SELECT act, changed_by FROM secret_change ORDER BY version")
            .fetch_all(bed.store.pool())
            .await
            .unwrap();
        let acts: Vec<(String, String)> = rows
            .iter()
            .map(|row| (row.get("act"), row.get("changed_by")))
            .collect();
        let expected = [("set", "alice"), ("removed", "bob")];
        assert_eq!(
            acts,
            expected.map(|(act, by)| (act.to_owned(), by.to_owned()))
        );
    }
}
