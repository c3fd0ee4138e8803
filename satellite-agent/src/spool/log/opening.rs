//! Reads a spool's folder: which messages are whole, and what is wrong with the rest.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::super::aside::Aside;
use super::super::record::{Piece, Pieces, RECORD_BYTES_MIN, Record};
use super::super::state::{State, StateFile};
use super::super::{SpoolError, SpoolOptions, open_error};
use super::{Entry, Log, SEGMENT_BYTES, Segment, private, segment_path, sync_folder};

/// How long an opening agent waits for its predecessor to let go of the folder.
const BUSY_MS_MAX: u64 = 5_000;
const BUSY_MS: u64 = 50;

pub(super) fn open(options: &SpoolOptions, now_ms: u64) -> Result<Log, SpoolError> {
    let folder = &options.path;
    let told = |error: io::Error| open_error(folder, error);
    if folder.is_file() {
        return Err(told(io::Error::other(
            "it is a file, and a spool is a folder",
        )));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(told)?;
    let lock = lock(folder).map_err(told)?;
    let state = private()
        .create(true)
        .truncate(false)
        .open(folder.join("state"))
        .map_err(told)?;
    let (states, state) = StateFile::open(state).map_err(told)?;
    let names = segments(folder).map_err(told)?;
    let is_known = state.is_some();
    let first_known = names.first().copied().unwrap_or(1);
    let state = state.unwrap_or(State {
        epoch: now_ms,
        base: first_known.saturating_sub(1),
        gone: first_known.saturating_sub(1),
        ..State::default()
    });
    let mut log = Log {
        folder: folder.clone(),
        bytes_max: options.bytes_max,
        aside: Aside::within(folder),
        states,
        state,
        segments: VecDeque::new(),
        tail: None,
        entries: VecDeque::new(),
        datasets: Vec::new(),
        bytes: 0,
        next_id: state.gone.max(state.last) + 1,
        reading: None,
        lock: Some(lock),
    };
    if !is_known && !names.is_empty() {
        tracing::error!(folder = %folder.display(), "the spool's state file is damaged: all messages that are left are sent again, under a new epoch");
        log.state.damaged += 1;
    }
    read_all(&mut log, &names).map_err(told)?;
    log.settle(log.state.gone);
    log.states
        .write(&log.state)
        .and_then(|()| log.states.sync())
        .map_err(told)?;
    sync_folder(folder).map_err(told)?;
    Ok(log)
}

fn lock(folder: &Path) -> io::Result<File> {
    let file = private()
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))?;
    let mut waited_ms = 0;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if waited_ms < BUSY_MS_MAX => {
                std::thread::sleep(Duration::from_millis(BUSY_MS));
                waited_ms += BUSY_MS;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(io::Error::other("another agent uses it"));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The first ids of all segments, in order.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".log"));
        names.extend(
            first
                .and_then(|first| first.parse::<u64>().ok())
                .filter(|first| *first > 0),
        );
    }
    names.sort_unstable();
    Ok(names)
}

fn read_all(log: &mut Log, names: &[u64]) -> io::Result<()> {
    // The highest id of which it is known that it was given, whether or not its message is whole.
    let mut given = log.state.gone;
    for (index, first) in names.iter().copied().enumerate() {
        let next = names.get(index + 1).copied();
        // Deleting of what is gone may have been undone by a power loss.
        if next.is_some_and(|next| next - 1 <= log.state.gone) {
            std::fs::remove_file(segment_path(&log.folder, first))?;
            continue;
        }
        if first > given + 1 && given > log.state.gone {
            log.lose(given + 1, first - 1);
        }
        given = read_segment(log, first, next)?.max(given);
    }
    let last = log.entries.back().map_or(log.state.gone, |entry| entry.id);
    if last < log.state.last && given <= last {
        log.lose(last + 1, log.state.last);
    }
    if log.next_id > given + 1 {
        // Ids within a file have no gaps but damaged ones.
        log.tail = None;
    }
    log.next_id = log.next_id.max(given + 1);
    Ok(())
}

/// Answers the highest id that may have been in it.
fn read_segment(log: &mut Log, first: u64, next: Option<u64>) -> io::Result<u64> {
    let path = segment_path(&log.folder, first);
    let bytes = std::fs::read(&path)?;
    let mut segment = Segment {
        first,
        length: bytes.len() as u64,
        live: 0,
    };
    // What could not be taken back after a failed write may stand behind the ids that count.
    let is_beyond = |id: u64| next.is_some_and(|next| id >= next);
    let (mut last, mut damage) = (first - 1, None);
    for piece in Pieces::new(&bytes, first) {
        match piece {
            Piece::Record {
                at,
                bytes: length,
                record,
            } => {
                if is_beyond(record.id) {
                    break;
                }
                let expected = last + 1;
                if let Some((at, length)) = damage.take()
                    && record.id > log.state.gone + 1
                {
                    log.damaged(first, at, &bytes[at..at + length]);
                } else if record.id > expected && expected > log.state.gone {
                    log.lose(expected, record.id - 1);
                }
                last = record.id;
                if record.id > log.state.gone {
                    log.enter(at, length, &record);
                    segment.live += 1;
                }
            }
            Piece::Damaged { at, bytes } => damage = Some((at, bytes)),
        }
    }
    if let Some((at, length)) = damage
        && next.is_none_or(|next| next > last + 1)
    {
        log.damaged(first, at, &bytes[at..at + length]);
        // As many messages as this may have been sent already; their numbers must not come again.
        last = next.map_or(last + (length / RECORD_BYTES_MIN) as u64 + 1, |next| {
            next - 1
        });
    } else if next.is_none() && damage.is_none() && segment.length < SEGMENT_BYTES {
        log.tail = Some(private().open(&path)?);
    }
    log.segments.push_back(segment);
    Ok(last)
}

impl Log {
    fn enter(&mut self, at: usize, bytes: usize, record: &Record) {
        let entry = Entry {
            id: record.id,
            at: u32::try_from(at).unwrap_or(u32::MAX),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            stored_at_s: u32::try_from(record.stored_at_ms / 1_000).unwrap_or(u32::MAX),
            dataset: self.number_of(&record.message.dataset),
        };
        self.bytes += entry.charge();
        self.entries.push_back(entry);
    }

    fn damaged(&mut self, first: u64, at: usize, bytes: &[u8]) {
        if self.aside.keep(first, at as u64, bytes) {
            self.state.damaged += 1;
        }
    }

    fn lose(&mut self, from: u64, to: u64) {
        if self.aside.missing(from, to) {
            self.state.damaged += 1;
        }
    }
}
