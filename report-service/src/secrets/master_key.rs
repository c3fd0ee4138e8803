//! Where the master keys come from: systemd's credential, or a file that only the service may read.

use std::path::{Path, PathBuf};

use spokegate_contract::hex;
use spokegate_daemon::{Secret, SecretSource};
use zeroize::Zeroizing;

use super::envelope::{KEY_BYTES, KeyBytes, MasterKey};

/// The credential's name in `$CREDENTIALS_DIRECTORY`.
pub(super) const CREDENTIAL: &str = "spokegate-master-key";
/// Most keys in a file: the one in force and those that a rotation is leaving.
const KEYS_MAX: usize = 8;

/// Master keys: the first wraps, all unwrap.
pub(super) struct MasterKeys(Vec<MasterKey>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum NoMasterKey {
    /// None is set up.
    #[error(
        "there is no master key: neither the credential \"{CREDENTIAL}\" nor secrets.master_key_file is set; hint: `spokegate-reports secret new-key` prints one for a file of mode 0400"
    )]
    NotSet,
    /// The file cannot be used.
    #[error("the master key cannot be read")]
    Unreadable(#[source] spokegate_daemon::SecretError),
    /// The file is where the database is.
    #[error("the master key {} lies in the folder of the database: whoever copies the one has the other; hint: keep it elsewhere", .0.display())]
    BesideStore(PathBuf),
    /// Not what a key looks like.
    #[error(
        "line {line} of the master key is not 64 hexadecimal digits; hint: `spokegate-reports secret new-key` prints one"
    )]
    Malformed {
        /// Counted from 1.
        line: usize,
    },
    /// Too many, or the same one twice.
    #[error(
        "the master key's file holds {0}; allowed: 1 to {KEYS_MAX} different keys, one a line, the one in force first"
    )]
    Keys(String),
}

impl MasterKeys {
    /// From the credential when systemd hands one over, else from the file.
    pub(super) fn load(file: Option<&Path>, store_url: &str) -> Result<Self, NoMasterKey> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|directory| PathBuf::from(directory).join(CREDENTIAL))
            .is_some_and(|path| path.exists());
        let source = match (credential, file) {
            (true, _) => SecretSource::file(format!("credential:{CREDENTIAL}")),
            (false, Some(file)) => {
                apart(file, store_url)?;
                SecretSource::file(file)
            }
            (false, None) => return Err(NoMasterKey::NotSet),
        };
        Self::parse(&source.resolve().map_err(NoMasterKey::Unreadable)?)
    }

    /// Keys one a line.
    pub(super) fn parse(text: &Secret) -> Result<Self, NoMasterKey> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (index, line) in text.expose().lines().enumerate() {
            let line_number = index + 1;
            if line.trim().is_empty() {
                continue;
            }
            let malformed = || NoMasterKey::Malformed { line: line_number };
            let bytes = hex::decode(line.trim()).map(Zeroizing::new);
            let bytes = bytes.ok_or_else(malformed)?;
            if bytes.len() != KEY_BYTES {
                return Err(malformed());
            }
            let mut key = KeyBytes::default();
            key.copy_from_slice(&bytes);
            let key = MasterKey::new(key);
            if keys.iter().any(|known| known.id() == key.id()) {
                return Err(NoMasterKey::Keys("the same key twice".to_owned()));
            }
            keys.push(key);
        }
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(NoMasterKey::Keys(format!("{} keys", keys.len())));
        }
        Ok(Self(keys))
    }

    /// The one in force.
    pub(super) fn current(&self) -> &MasterKey {
        self.0.first().expect("parse takes no empty list")
    }

    /// The one of an identity.
    pub(super) fn of(&self, id: &str) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.id() == id)
    }
}

/// The key and the database must not be copied together.
fn apart(file: &Path, store_url: &str) -> Result<(), NoMasterKey> {
    let database = store_url
        .strip_prefix("sqlite://")
        .or_else(|| store_url.strip_prefix("sqlite:"));
    let Some(database) = database.map(|path| path.split('?').next().unwrap_or_default()) else {
        return Ok(());
    };
    let folder = |path: &Path| {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.unwrap_or(Path::new("."));
        parent.canonicalize().unwrap_or_else(|_| parent.to_owned())
    };
    // A link elsewhere does not move the key away.
    let target = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    if folder(&target) == folder(Path::new(database)) {
        return Err(NoMasterKey::BesideStore(file.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[track_caller]
    fn check(text: &str, expected: Result<usize, &str>) {
        let parsed = MasterKeys::parse(&Secret::new(text));
        match (parsed, expected) {
            (Ok(keys), Ok(count)) => assert_eq!(keys.0.len(), count),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (parsed, expected) => panic!("{:?} for {expected:?}", parsed.map(|k| k.0.len())),
        }
    }

    #[test]
    fn a_file_holds_keys_one_a_line() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        check(&one, Ok(1));
        check(&format!("{one}\n\n{two}\n"), Ok(2));
        check("", Err("0 keys"));
        check(&one[1..], Err("line 1"));
        check(&format!("{one}\n{}", "x".repeat(64)), Err("line 2"));
        check(&format!("{one}00"), Err("line 1"));
        check(&format!("{one}\n{one}"), Err("twice"));
    }

    #[test]
    fn a_file_that_others_read_or_that_lies_beside_the_database_is_refused() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let url = format!("sqlite://{}/store.db?mode=rwc", here.path().display());
        let file = |folder: &Path, mode: u32| {
            let path = folder.join("key");
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, "ab".repeat(32)).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let load = |path: &Path| MasterKeys::load(Some(path), &url).map(|_| ());
        load(&file(there.path(), 0o400)).unwrap();
        load(&file(there.path(), 0o600)).unwrap();
        for mode in [0o440, 0o404, 0o644, 0o620] {
            let refused = load(&file(there.path(), mode));
            assert!(
                matches!(refused, Err(NoMasterKey::Unreadable(_))),
                "{mode:o}"
            );
        }
        let beside = file(here.path(), 0o400);
        assert!(matches!(load(&beside), Err(NoMasterKey::BesideStore(_))));
        // Neither does a link into that folder help.
        let link = there.path().join("link");
        std::os::unix::fs::symlink(&beside, &link).unwrap();
        assert!(matches!(load(&link), Err(NoMasterKey::BesideStore(_))));
        let none = MasterKeys::load(None, &url).map(|_| ());
        assert!(matches!(none, Err(NoMasterKey::NotSet)));
    }
}
