//! Which spool this is and how far it has come: two slots of one small file, written in turn and in place, so that neither a
//! power loss nor a full disk takes both.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 8] = *b"SGSPOOL1";
/// A sector each.
const SLOT_BYTES: usize = 512;
const FIELDS: usize = 7;
const DIGEST_AT: usize = 8 + FIELDS * 8;

/// What a spool must know beyond its messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) epoch: u64,
    /// The id before the epoch's first message: sequence = id - base.
    pub(super) base: u64,
    /// Everything up to this id is gone.
    pub(super) gone: u64,
    /// The highest id that was known to be given when this was written.
    pub(super) last: u64,
    /// Messages that grew too old, since the spool was made.
    pub(super) expired: u64,
    /// Damaged pieces that were found, since the spool was made.
    pub(super) damaged: u64,
}

/// The file of the two slots.
#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    turn: u64,
}

impl StateFile {
    /// Takes an open file; answers what it holds, none when it is new or both slots are damaged.
    pub(super) fn open(file: File) -> io::Result<(Self, Option<State>)> {
        let mut bytes = [0; SLOT_BYTES * 2];
        let length = read_whole(&file, &mut bytes)?;
        if length < bytes.len() {
            // All of it now: later writes need no room.
            file.write_all_at(&bytes[length..], length as u64)?;
            file.sync_all()?;
        }
        let (first, second) = bytes.split_at(SLOT_BYTES);
        let newest = [decode(first), decode(second)]
            .into_iter()
            .flatten()
            .max_by_key(|(turn, _)| *turn);
        let turn = newest.map_or(0, |(turn, _)| turn);
        Ok((Self { file, turn }, newest.map(|(_, state)| state)))
    }

    /// Replaces the older slot.
    pub(super) fn write(&mut self, state: &State) -> io::Result<()> {
        self.turn += 1;
        let slot = encode(self.turn, state);
        self.file
            .write_all_at(&slot, self.turn % 2 * SLOT_BYTES as u64)
    }

    /// Waits until the disk has it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn read_whole(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match file.read_at(&mut bytes[length..], length as u64)? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}

fn encode(turn: u64, state: &State) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&MAGIC);
    let State {
        epoch,
        base,
        gone,
        last,
        expired,
        damaged,
    } = *state;
    let fields: [u64; FIELDS] = [turn, epoch, base, gone, last, expired, damaged];
    for (place, field) in slot[8..DIGEST_AT].chunks_exact_mut(8).zip(fields) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    let digest = Sha256::digest(&slot[..DIGEST_AT]);
    slot[DIGEST_AT..DIGEST_AT + 32].copy_from_slice(&digest);
    slot
}

fn decode(slot: &[u8]) -> Option<(u64, State)> {
    let (head, rest) = slot.split_at_checked(DIGEST_AT)?;
    let numbers = head.strip_prefix(&MAGIC)?;
    if rest.get(..32)? != Sha256::digest(head).as_slice() {
        return None;
    }
    let mut fields = numbers.chunks_exact(8).map(|bytes| {
        let bytes = bytes.try_into().expect("the pieces have eight bytes");
        u64::from_be_bytes(bytes)
    });
    let mut next = || fields.next();
    let turn = next()?;
    let state = State {
        epoch: next()?,
        base: next()?,
        gone: next()?,
        last: next()?,
        expired: next()?,
        damaged: next()?,
    };
    Some((turn, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(n: u64) -> State {
        State {
            epoch: n,
            base: 2,
            gone: 3,
            last: 4,
            expired: 5,
            damaged: 6,
        }
    }

    fn reopened(file: &File) -> Option<State> {
        StateFile::open(file.try_clone().unwrap()).unwrap().1
    }

    #[test]
    fn a_slot_that_is_torn_anywhere_leaves_the_one_before() {
        let file = tempfile::tempfile().unwrap();
        let (mut states, found) = StateFile::open(file.try_clone().unwrap()).unwrap();
        assert_eq!(found, None);
        states.write(&state(7)).unwrap();
        let older = encode(1, &state(7));
        states.write(&state(8)).unwrap();
        states.sync().unwrap();
        assert_eq!(reopened(&file), Some(state(8)));
        let newer = encode(2, &state(8));
        // Slot 0 has turn 2; before it was empty.
        for end in 0..DIGEST_AT + 32 {
            let mut torn = [0; SLOT_BYTES];
            torn[..end].copy_from_slice(&newer[..end]);
            file.write_all_at(&torn, 0).unwrap();
            assert_eq!(reopened(&file), Some(state(7)), "torn at {end}");
        }
        for bit in 0..(DIGEST_AT + 32) * 8 {
            let mut flipped = newer;
            flipped[bit / 8] ^= 1 << (bit % 8);
            file.write_all_at(&flipped, 0).unwrap();
            assert_eq!(reopened(&file), Some(state(7)), "bit {bit}");
        }
        file.write_all_at(&older[..20], SLOT_BYTES as u64).unwrap();
        file.write_all_at(&[0; 300], SLOT_BYTES as u64).unwrap();
        assert_eq!(reopened(&file), None, "both are damaged");
    }
}
