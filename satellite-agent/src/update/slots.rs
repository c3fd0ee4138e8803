//! The two slots on disk, and the note of what stands in them.
//!
//! The note is one small JSON file, always replaced whole. It has two writers that never write at the same time: the
//! agent lays a version ready and says that it is healthy; the launcher counts its starts before it starts it, and ends
//! the trial once it has ended. What a slot holds is believed by its release's signature and digest, never by the note.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use spokegate_contract::RequestId;
use spokegate_identity::release::{ReleaseKeys, SignedRelease};

use crate::credentials::store::{StoreError, put_private, remove};
use crate::parcel::digest;

const NOTE: &str = "slots.json";
/// What the version that is tried says of its health.
const WORD: &str = "trial.txt";
const WORD_BYTES_MAX: usize = 512;
/// Its name in a slot's folder.
const PROGRAM: &str = "spokegate-agent";
const MODE: u32 = 0o700;

/// The folder of the slots.
#[derive(Debug, Clone)]
pub(crate) struct Slots(PathBuf);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Slot {
    A,
    B,
}

/// A slot and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Occupied {
    pub(super) slot: Slot,
    pub(super) release: SignedRelease,
}

/// A version that is not known to be healthy yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) occupied: Occupied,
    /// The command that brought it.
    pub(super) command: RequestId,
    /// How often it was started.
    pub(super) starts: u32,
}

/// What became of the last trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) command: RequestId,
    pub(super) healthy: bool,
    /// One line for people.
    pub(super) detail: String,
}

/// The note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// SHA-256 of the packaged program beside which this holds; another one begins anew.
    pub(super) packaged: String,
    /// What runs; none: the packaged program.
    pub(super) current: Option<Occupied>,
    /// What ran before.
    pub(super) previous: Option<Occupied>,
    pub(super) trial: Option<Trial>,
    pub(super) ended: Option<Ended>,
}

/// Why the slots cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotError {
    #[error("cannot use the slot {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the note {} is damaged: {source}", path.display())]
    Note {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error(transparent)]
    Write(#[from] StoreError),
    /// What lies there is not what a release key signed.
    #[error("{} is not the release that it is said to be: {why}", path.display())]
    Content { path: PathBuf, why: String },
}

/// A moment of [`Slots::stage`] after which the power may fail; tests stop there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Freed,
    Placed,
    Noted,
}

impl Slots {
    /// The slots below this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// The program in a slot.
    pub(super) fn program(&self, slot: Slot) -> PathBuf {
        let name = match slot {
            Slot::A => "a",
            Slot::B => "b",
        };
        self.0.join(name).join(PROGRAM)
    }

    /// The note; an empty one where there is none yet.
    pub(super) fn read(&self) -> Result<State, SlotError> {
        let path = self.0.join(NOTE);
        match std::fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|source| SlotError::Note { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(source) => Err(SlotError::Io { path, source }),
        }
    }

    /// Replaces the note.
    pub(super) fn write(&self, state: &State) -> Result<(), SlotError> {
        let text = serde_json::to_vec(state).expect("plain data is always written");
        Ok(put_private(&self.0.join(NOTE), &text)?)
    }

    /// Puts a whole parcel into the slot that nothing runs from, to be tried at the next start. Blocks.
    pub(super) fn stage(
        &self,
        file: &Path,
        release: SignedRelease,
        command: RequestId,
    ) -> Result<(), SlotError> {
        self.stage_by_steps(file, (release, command), |_| {})
    }

    pub(super) fn stage_by_steps(
        &self,
        file: &Path,
        (release, command): (SignedRelease, RequestId),
        mut after: impl FnMut(Moment),
    ) -> Result<(), SlotError> {
        let mut state = self.read()?;
        let slot = state.free();
        state.previous = None;
        state.ended = None;
        self.write(&state)?;
        after(Moment::Freed);
        let place = self.program(slot);
        place_file(file, &place).map_err(|source| SlotError::Io {
            path: place,
            source,
        })?;
        after(Moment::Placed);
        state.trial = Some(Trial {
            occupied: Occupied { slot, release },
            command,
            starts: 0,
        });
        remove(&self.0.join(WORD))?;
        self.write(&state)?;
        after(Moment::Noted);
        Ok(())
    }

    /// Says that the version that is tried is healthy: it stays.
    pub(super) fn confirm(&self, detail: &str) -> Result<(), SlotError> {
        let mut state = self.read()?;
        state.confirm(detail);
        self.write(&state)
    }

    /// Whether this very program is the one that is tried.
    pub(super) fn tries(&self, program: &Path) -> bool {
        let trial = self.read().ok().and_then(|state| state.trial);
        trial.is_some_and(|trial| self.program(trial.occupied.slot) == program)
    }

    /// Leaves a word on why the version that is tried is not healthy yet.
    pub(super) fn say(&self, word: &str) {
        // Without it the reason is shorter.
        let _ = put_private(&self.0.join(WORD), word.as_bytes());
    }

    /// That word.
    pub(super) fn said(&self) -> Option<String> {
        let mut bytes = std::fs::read(self.0.join(WORD)).ok()?;
        bytes.truncate(WORD_BYTES_MAX);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The program in a slot, after it was found to be what a release key signed.
    pub(super) fn verified(
        &self,
        occupied: &Occupied,
        keys: &ReleaseKeys,
    ) -> Result<PathBuf, SlotError> {
        let path = self.program(occupied.slot);
        let found = match digest(&path) {
            Ok(found) => found,
            Err(source) => return Err(SlotError::Io { path, source }),
        };
        match occupied.release.verify(keys) {
            Ok(release) if release.digest == found => Ok(path),
            Ok(_) => Err(SlotError::Content {
                path,
                why: "its SHA-256 is another".to_owned(),
            }),
            Err(error) => Err(SlotError::Content {
                path,
                why: error.to_string(),
            }),
        }
    }
}

impl State {
    /// The slot that nothing runs from.
    fn free(&self) -> Slot {
        match self.current.as_ref().map(|current| current.slot) {
            Some(Slot::A) => Slot::B,
            Some(Slot::B) | None => Slot::A,
        }
    }

    /// The same beside this packaged program: another one was put there by somebody, and is what they want to run.
    pub(super) fn beside(self, packaged: &str) -> Self {
        if self.packaged == packaged || self == Self::default() {
            return Self {
                packaged: packaged.to_owned(),
                ..self
            };
        }
        let mut state = self;
        if state.trial.is_some() {
            state.roll_back("another version was installed on the machine");
        }
        Self {
            packaged: packaged.to_owned(),
            ended: state.ended,
            ..Self::default()
        }
    }

    fn confirm(&mut self, detail: &str) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        self.previous = self.current.replace(trial.occupied);
        self.ended = Some(Ended {
            command: trial.command,
            healthy: true,
            detail: detail.to_owned(),
        });
    }

    /// Ends the trial: what ran before runs again.
    pub(super) fn roll_back(&mut self, why: &str) {
        let Some(trial) = self.trial.take() else {
            return;
        };
        let version = trial.occupied.release.version();
        self.ended = Some(Ended {
            command: trial.command,
            healthy: false,
            detail: format!("{version} was taken back: {why}"),
        });
    }
}

/// Moves a file so that it is there whole or not at all.
fn place_file(file: &Path, place: &Path) -> io::Result<()> {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(MODE))?;
    std::fs::File::open(file)?.sync_all()?;
    let folder = place.parent().unwrap_or(place);
    std::fs::create_dir_all(folder)?;
    std::fs::rename(file, place)?;
    std::fs::File::open(folder)?.sync_all()?;
    // The slot's own folder may be new.
    folder
        .parent()
        .map_or(Ok(()), |above| std::fs::File::open(above)?.sync_all())
}

#[cfg(test)]
mod tests;
