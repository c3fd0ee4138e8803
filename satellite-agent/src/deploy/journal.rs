//! What a switch of flows leaves on disk, so that a loss of power or a kill at any moment ends in the flows of before or in
//! those that were found good.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::flows::{Place, put, remove};
use super::order::FlowSet;
use crate::credentials::store::put_private;

/// The folder beside the spool.
const FOLDER: &str = "flows";

/// What was deployed last, and found good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InForce {
    pub(super) set: FlowSet,
    /// What its flows come to.
    pub(super) fingerprint: String,
}

/// A switch that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    set: FlowSet,
    flows: PathBuf,
    credentials: PathBuf,
}

/// The notes, and the files of before while a switch goes on.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// Beside the spool. Blocks.
    pub(super) fn open(beside: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let folder = beside.join(FOLDER);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder })
    }

    /// Where parcels are put together, too.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was deployed last. Blocks.
    pub(super) fn in_force(&self) -> Option<InForce> {
        serde_json::from_slice(&std::fs::read(self.path("in-force.json")).ok()?).ok()
    }

    /// Notes that a switch begins, and keeps what it replaces. Blocks.
    pub(super) fn begin(&self, set: &FlowSet, place: &Place) -> io::Result<()> {
        put(&place.flows, &self.path("before.json"))?;
        put(&place.credentials, &self.path("before-credentials.json"))?;
        let switch = Switch {
            set: set.clone(),
            flows: place.flows.clone(),
            credentials: place.credentials.clone(),
        };
        self.write("switch.json", &switch)
    }

    /// Notes that the switch was good. Blocks.
    pub(super) fn end(&self, in_force: &InForce) -> io::Result<()> {
        self.write("in-force.json", in_force)?;
        self.forget()
    }

    /// Puts back what a switch replaced that has begun and not ended; which one. Blocks.
    pub(super) fn undo(&self) -> io::Result<Option<FlowSet>> {
        let switch = match std::fs::read(self.path("switch.json")) {
            Ok(text) => serde_json::from_slice::<Switch>(&text).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        put(&self.path("before.json"), &switch.flows)?;
        put(&self.path("before-credentials.json"), &switch.credentials)?;
        self.forget()?;
        Ok(Some(switch.set))
    }

    /// First the note: without it the rest means nothing.
    fn forget(&self) -> io::Result<()> {
        let names = ["switch.json", "before.json", "before-credentials.json"];
        names.iter().try_for_each(|name| remove(&self.path(name)))
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
        place: Place,
        journal: Journal,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(folder.path());
        let journal = Journal::open(folder.path()).unwrap();
        std::fs::write(&place.flows, "old").unwrap();
        std::fs::write(&place.credentials, "keys").unwrap();
        World {
            folder,
            place,
            journal,
        }
    }

    #[test]
    fn a_switch_that_was_cut_short_is_undone_once() {
        let world = world();
        assert_eq!(world.journal.undo().unwrap(), None);
        world.journal.begin(&set(2), &world.place).unwrap();
        std::fs::write(&world.place.flows, "new").unwrap();
        // Node-RED drops credentials of nodes that are gone.
        std::fs::write(&world.place.credentials, "less").unwrap();
        let again = Journal::open(world.folder.path()).unwrap();
        assert_eq!(again.undo().unwrap(), Some(set(2)));
        assert_eq!(std::fs::read(&world.place.flows).unwrap(), b"old");
        assert_eq!(std::fs::read(&world.place.credentials).unwrap(), b"keys");
        assert_eq!(again.undo().unwrap(), None);
        assert_eq!(again.in_force(), None);
    }

    #[test]
    fn one_that_was_good_stays() {
        let world = world();
        world.journal.begin(&set(2), &world.place).unwrap();
        std::fs::write(&world.place.flows, "new").unwrap();
        let in_force = InForce {
            set: set(2),
            fingerprint: "f".to_owned(),
        };
        world.journal.end(&in_force).unwrap();
        assert_eq!(world.journal.undo().unwrap(), None);
        assert_eq!(world.journal.in_force(), Some(in_force));
        assert_eq!(std::fs::read(&world.place.flows).unwrap(), b"new");
    }

    #[test]
    fn where_there_were_no_flows_there_are_none_again() {
        let world = world();
        std::fs::remove_file(&world.place.flows).unwrap();
        world.journal.begin(&set(1), &world.place).unwrap();
        std::fs::write(&world.place.flows, "new").unwrap();
        world.journal.undo().unwrap();
        assert!(!world.place.flows.exists());
    }
}
