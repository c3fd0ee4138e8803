//! The users of the sanitizer's processes, and what of its rights the supervisor keeps.

use crate::config::{Separate, UsersConfig};
use anyhow::Context as _;
use spokegate_confine::privileges::{
    self, CAP_KILL, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, Ids, bound_capabilities, keep_capabilities,
};

/// What the supervisor needs for its whole life: it starts workers as another user, and ends those that stall.
const SUPERVISOR_CAPABILITIES: [(&str, u64); 4] = [
    ("CAP_SETUID", CAP_SETUID),
    ("CAP_SETGID", CAP_SETGID),
    ("CAP_SETPCAP", CAP_SETPCAP),
    ("CAP_KILL", CAP_KILL),
];

/// As whom each process runs; all as the supervisor itself when they are not separate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Users {
    pub ingest: Option<Ids>,
    pub worker: Option<Ids>,
    pub egress: Option<Ids>,
}

/// Why processes cannot be separated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsersError {
    /// No such user.
    #[error(
        "{key}: there is no user {name} on this host\n  hint: systemd-sysusers with the shipped spokegate-sanitizer.conf makes the users; users.separate = \"off\" does without"
    )]
    Unknown {
        /// The setting.
        key: &'static str,
        /// What it says.
        name: String,
    },
    /// The user database cannot be read.
    #[error("{key}: look up user {name}")]
    Lookup {
        /// The setting.
        key: &'static str,
        /// What it says.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Root is no user of a stage.
    #[error("{0}: is root\n  hint: name a user that has nothing else to do")]
    Root(&'static str),
    /// Two processes of one user could reach each other's memory and keys.
    #[error("{0} and {1}: are one user\n  hint: every process needs a user of its own")]
    Same(&'static str, &'static str),
    /// The supervisor may not start processes as others.
    #[error(
        "users.separate: this process may not start others as their users: it lacks {0}\n  hint: start it as root or by the shipped unit, or set users.separate = \"off\" and do without separate users"
    )]
    NoRight(String),
    /// A system call failed.
    #[error("give up rights")]
    System(#[from] std::io::Error),
}

impl Users {
    /// The users that a configuration names.
    ///
    /// # Errors
    /// When one is missing, is root, or does two processes' work.
    pub(crate) fn resolve(config: &UsersConfig) -> Result<Users, UsersError> {
        if config.separate == Separate::Off {
            return Ok(Users::default());
        }
        let ingest = resolve("users.ingest", &config.ingest)?;
        let worker = resolve("users.worker", &config.worker)?;
        let egress = resolve("users.egress", &config.egress)?;
        let own = supervisor(config)?;
        distinct(&[
            ("users.ingest", ingest),
            ("users.worker", worker),
            ("users.egress", egress),
            ("users.supervisor", own),
        ])?;
        Ok(Users {
            ingest: Some(ingest),
            worker: Some(worker),
            egress: Some(egress),
        })
    }
}

/// Makes this process what a supervisor may be: not root, with no capability but those that start and end processes of
/// other users. Before the first further thread.
///
/// # Errors
/// When users are missing or the process may not become this.
pub(crate) fn become_supervisor(config: &UsersConfig) -> anyhow::Result<()> {
    if config.separate == Separate::Off {
        return Ok(());
    }
    Users::resolve(config)?;
    let kept = SUPERVISOR_CAPABILITIES
        .iter()
        .fold(0, |set, (_, bit)| set | bit);
    may_separate()?;
    let steps = || -> std::io::Result<()> {
        bound_capabilities(kept)?;
        if privileges::effective_user() == 0 {
            privileges::carry_capabilities()?;
            let own =
                resolve("users.supervisor", &config.supervisor).map_err(std::io::Error::other)?;
            privileges::become_user(own)?;
        }
        keep_capabilities(kept)?;
        privileges::forbid_new_privileges()
    };
    steps().context("give up the rights that the supervisor does not need")
}

/// Whether processes can be started as other users.
fn may_separate() -> Result<(), UsersError> {
    let held = privileges::capabilities()?.permitted;
    let missing: Vec<&str> = SUPERVISOR_CAPABILITIES
        .iter()
        .filter(|(_, bit)| held & bit == 0)
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(UsersError::NoRight(missing.join(", ")))
    }
}

/// As whom the supervisor runs: root becomes the configured user, everybody else stays who they are.
fn supervisor(config: &UsersConfig) -> Result<Ids, UsersError> {
    match privileges::effective_user() {
        0 => resolve("users.supervisor", &config.supervisor),
        uid => Ok(Ids { uid, gid: uid }),
    }
}

fn resolve(key: &'static str, name: &str) -> Result<Ids, UsersError> {
    let number = name.bytes().all(|digit| digit.is_ascii_digit());
    let ids = match name.parse::<u32>() {
        Ok(id) if number => Some(Ids { uid: id, gid: id }),
        _ => privileges::lookup(name).map_err(|source| UsersError::Lookup {
            key,
            name: name.to_owned(),
            source,
        })?,
    };
    ids.ok_or_else(|| UsersError::Unknown {
        key,
        name: name.to_owned(),
    })
}

fn distinct(users: &[(&'static str, Ids)]) -> Result<(), UsersError> {
    let mut seen: Vec<(&'static str, Ids)> = Vec::new();
    for (key, ids) in users {
        if ids.uid == 0 || ids.gid == 0 {
            return Err(UsersError::Root(key));
        }
        if let Some((other, _)) = seen.iter().find(|(_, other)| other.uid == ids.uid) {
            return Err(UsersError::Same(other, key));
        }
        seen.push((key, *ids));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_process_needs_a_user_of_its_own_that_is_not_root() {
        let check = |uids: [u32; 3], expected: &str| {
            let ids = |uid| Ids { uid, gid: uid };
            let [one, two, three] = uids;
            let result = distinct(&[("one", ids(one)), ("two", ids(two)), ("three", ids(three))]);
            let told = result.map_or_else(|error| error.to_string(), |()| "good".to_owned());
            assert!(told.starts_with(expected), "{uids:?}: {told}");
        };
        check([11, 12, 13], "good");
        check([11, 12, 11], "one and three: are one user");
        check([11, 12, 12], "two and three: are one user");
        check([11, 0, 12], "two: is root");
    }

    #[test]
    fn names_and_numbers_are_found_and_strangers_are_told_by_setting() {
        let number = resolve("users.ingest", "61001").unwrap();
        assert_eq!(
            number,
            Ids {
                uid: 61_001,
                gid: 61_001
            }
        );
        assert_eq!(resolve("users.ingest", "root").unwrap().uid, 0);
        let told = resolve("users.worker", "no-such-user-here")
            .unwrap_err()
            .to_string();
        assert!(
            told.starts_with("users.worker: there is no user no-such-user-here"),
            "{told}"
        );
        assert!(told.contains("hint:"), "{told}");
        assert!(resolve("users.worker", "+5").is_err());
        assert!(resolve("users.worker", "").is_err());
    }

    #[test]
    fn one_user_for_all_is_only_had_by_asking() {
        let mut config = UsersConfig {
            separate: Separate::Off,
            supervisor: "no-such-user-here".to_owned(),
            ingest: "61001".to_owned(),
            worker: "61002".to_owned(),
            egress: "61003".to_owned(),
        };
        assert_eq!(Users::resolve(&config).unwrap(), Users::default());
        config.separate = Separate::Require;
        config.supervisor = "61004".to_owned();
        let users = Users::resolve(&config).unwrap();
        assert_eq!(users.egress.map(|ids| ids.uid), Some(61_003));
        config.egress = "61001".to_owned();
        assert!(Users::resolve(&config).is_err());
    }
}
