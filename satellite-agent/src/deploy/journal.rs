//! What a switch of flows leaves on disk, so that a loss of power or a kill at any moment ends in the flows of before or in
//! those that were found good.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder::{Place, UserDir, remove};
use super::modules::{IN_FORCE, Modules};
use super::order::FlowSet;
use crate::credentials::store::put_private;

/// The folder beside the spool.
const FOLDER: &str = "flows";
/// Which modules were in force before.
const MODULES_BEFORE: &str = "before-modules";

/// What was deployed last, and found good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InForce {
    pub(super) set: FlowSet,
    /// What its flows come to.
    pub(super) fingerprint: String,
    /// The folder of its modules, by name.
    #[serde(default)]
    pub(super) modules: Option<String>,
    /// What they come to.
    #[serde(default)]
    pub(super) modules_fingerprint: Option<String>,
}

/// A switch that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    set: FlowSet,
    place: Place,
}

/// The notes, and the files of before while a switch goes on.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
}

/// The folder of flow sets.
pub(super) fn place(beside: &Path) -> PathBuf {
    beside.join(FOLDER)
}

impl Journal {
    /// Beside the spool. Blocks.
    pub(super) fn open(beside: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = place(beside);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// Where parcels are put together, too.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The modules that came with flows.
    pub(super) fn modules(&self) -> Modules {
        Modules::below(&self.folder)
    }

    /// Where a trial has its folder: flows in force cannot reach it.
    pub(super) fn trial(&self) -> PathBuf {
        self.folder.join("trial")
    }

    /// What was deployed last. Blocks.
    pub(super) fn in_force(&self) -> Option<InForce> {
        serde_json::from_slice(&std::fs::read(self.path("in-force.json")).ok()?).ok()
    }

    /// Notes that a switch begins, and keeps what it replaces. Blocks.
    pub(super) fn begin(&self, set: &FlowSet, user_dir: &UserDir, place: &Place) -> io::Result<()> {
        self.keep("before.json", user_dir.read(&place.flows)?)?;
        self.keep(
            "before-credentials.json",
            user_dir.read(&place.credentials)?,
        )?;
        self.keep(MODULES_BEFORE, self.kept(IN_FORCE)?)?;
        let switch = Switch {
            set: set.clone(),
            place: place.clone(),
        };
        self.write("switch.json", &switch)
    }

    /// Notes that the switch was good. Blocks.
    pub(super) fn end(&self, in_force: &InForce) -> io::Result<()> {
        self.write("in-force.json", in_force)?;
        self.forget()?;
        self.sweep()
    }

    /// Removes modules that are not in force; none while a switch may still be undone. Blocks.
    pub(super) fn sweep(&self) -> io::Result<()> {
        match self.path("switch.json").exists() {
            true => Ok(()),
            false => self.modules().sweep(),
        }
    }

    /// Puts back what a switch replaced that has begun and not ended; which one. Blocks.
    pub(super) fn undo(&self, user_dir: &UserDir) -> io::Result<Option<FlowSet>> {
        let switch = match std::fs::read(self.path("switch.json")) {
            Ok(text) => serde_json::from_slice::<Switch>(&text).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Place { flows, credentials } = &switch.place;
        let (before, keys) = (
            self.kept("before.json")?,
            self.kept("before-credentials.json")?,
        );
        user_dir.put(flows, before.as_deref())?;
        user_dir.put(credentials, keys.as_deref())?;
        self.keep(IN_FORCE, self.kept(MODULES_BEFORE)?)?;
        self.forget()?;
        self.sweep()?;
        Ok(Some(switch.set))
    }

    /// First the note: without it the rest means nothing.
    fn forget(&self) -> io::Result<()> {
        let names = [
            "switch.json",
            "before.json",
            "before-credentials.json",
            MODULES_BEFORE,
        ];
        names.iter().try_for_each(|name| remove(&self.path(name)))
    }

    fn keep(&self, name: &str, bytes: Option<Vec<u8>>) -> io::Result<()> {
        match bytes {
            Some(bytes) => put_private(&self.path(name), &bytes).map_err(io::Error::other),
            None => remove(&self.path(name)),
        }
    }

    fn kept(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match std::fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, note: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(note)?;
        put_private(&self.path(name), &text).map_err(io::Error::other)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(version: u64) -> FlowSet {
        FlowSet {
            name: "office".parse().unwrap(),
            version,
        }
    }

    struct World {
        folder: tempfile::TempDir,
        user_dir: UserDir,
        place: Place,
        journal: Journal,
    }

    impl World {
        fn write(&self, path: &Path, text: &str) {
            self.user_dir.put(path, Some(text.as_bytes())).unwrap();
        }

        fn read(&self, path: &Path) -> Option<String> {
            let bytes = self.user_dir.read(path).unwrap()?;
            Some(String::from_utf8(bytes).unwrap())
        }
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let user_dir = UserDir::new(folder.path());
        let world = World {
            place: user_dir.place().unwrap(),
            journal: Journal::open(folder.path()).unwrap(),
            user_dir,
            folder,
        };
        world.write(&world.place.flows, "old");
        world.write(&world.place.credentials, "keys");
        world
    }

    #[test]
    fn a_switch_that_was_cut_short_is_undone_once() {
        let world = world();
        let (place, user_dir) = (&world.place, &world.user_dir);
        assert_eq!(world.journal.undo(user_dir).unwrap(), None);
        world.journal.begin(&set(2), user_dir, place).unwrap();
        world.write(&place.flows, "new");
        // Node-RED drops credentials of nodes that are gone.
        world.write(&place.credentials, "less");
        let again = Journal::open(world.folder.path()).unwrap();
        assert_eq!(again.undo(user_dir).unwrap(), Some(set(2)));
        assert_eq!(world.read(&place.flows).as_deref(), Some("old"));
        assert_eq!(world.read(&place.credentials).as_deref(), Some("keys"));
        assert_eq!(again.undo(user_dir).unwrap(), None);
        assert_eq!(again.in_force(), None);
    }

    #[test]
    fn one_that_was_good_stays() {
        let world = world();
        let (place, user_dir) = (&world.place, &world.user_dir);
        world.journal.begin(&set(2), user_dir, place).unwrap();
        world.write(&place.flows, "new");
        let in_force = InForce {
            set: set(2),
            fingerprint: "f".to_owned(),
            modules: None,
            modules_fingerprint: None,
        };
        world.journal.end(&in_force).unwrap();
        assert_eq!(world.journal.undo(user_dir).unwrap(), None);
        assert_eq!(world.journal.in_force(), Some(in_force));
        assert_eq!(world.read(&place.flows).as_deref(), Some("new"));
    }

    #[test]
    fn modules_go_and_come_back_with_their_flows() {
        let world = world();
        let (place, user_dir) = (&world.place, &world.user_dir);
        let (old, new) = ("aa".repeat(32), "bb".repeat(32));
        let modules = world.journal.modules();
        for name in [&old, &new] {
            std::fs::create_dir_all(modules.at(name)).unwrap();
        }
        for before in [None, Some(&old)] {
            modules.put(before.map(String::as_str)).unwrap();
            world.journal.begin(&set(2), user_dir, place).unwrap();
            modules.put(Some(&new)).unwrap();
            world.journal.sweep().unwrap();
            assert!(modules.at(&old).exists(), "the switch may be undone");
            world.journal.undo(user_dir).unwrap();
            assert_eq!(modules.in_force(), before.map(|name| modules.at(name)));
            assert!(!modules.at(&new).exists());
            std::fs::create_dir_all(modules.at(&old)).unwrap();
            std::fs::create_dir_all(modules.at(&new)).unwrap();
        }
        let in_force = InForce {
            set: set(2),
            fingerprint: "f".to_owned(),
            modules: Some(new.clone()),
            modules_fingerprint: None,
        };
        world.journal.begin(&set(2), user_dir, place).unwrap();
        modules.put(Some(&new)).unwrap();
        world.journal.end(&in_force).unwrap();
        assert_eq!(modules.in_force(), Some(modules.at(&new)));
        assert!(!modules.at(&old).exists());
    }

    #[test]
    fn where_there_were_no_flows_there_are_none_again() {
        let world = world();
        let (place, user_dir) = (&world.place, &world.user_dir);
        user_dir.put(&place.flows, None).unwrap();
        world.journal.begin(&set(1), user_dir, place).unwrap();
        world.write(&place.flows, "new");
        world.journal.undo(user_dir).unwrap();
        assert_eq!(world.read(&place.flows), None);
    }
}
