//! The spool's folder: records in files of about a megabyte, appended only; a file goes once all of its messages are gone.
//!
//! A removal writes one sector in place and unlinks, so that a full disk never stands in its way. Where each message lies is
//! held in memory, 24 bytes for each.

mod opening;
mod removal;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use spokegate_contract::DatasetId;

use super::aside::Aside;
use super::record::{RECORD_BYTES_MAX, Record};
use super::state::{State, StateFile};
use super::{Acked, Head, Kept, Marks, NewMessage, Receipt, SpoolError, SpoolOptions};

pub(super) const SEGMENT_BYTES: u64 = 1 << 20;
/// What a small message counts, for the disk and for the memory that it takes.
pub(super) const CHARGE_BYTES_MIN: u64 = 512;
/// `EIO`: the disk cannot read a sector.
const BAD_SECTOR: i32 = 5;

/// The folder, open; one process at a time.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    bytes_max: u64,
    aside: Aside,
    states: StateFile,
    state: State,
    segments: VecDeque<Segment>,
    /// The last segment, while more may be appended to it.
    tail: Option<File>,
    entries: VecDeque<Entry>,
    datasets: Vec<DatasetId>,
    /// Charged for all entries.
    bytes: u64,
    next_id: u64,
    /// The segment that was read last.
    reading: Option<(u64, File)>,
    /// Held until it is closed.
    lock: Option<File>,
}

#[derive(Debug)]
struct Segment {
    /// Its records' ids begin here; its name.
    first: u64,
    length: u64,
    /// Messages in it that are not gone.
    live: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    at: u32,
    bytes: u32,
    stored_at_s: u32,
    dataset: u16,
}

impl Entry {
    fn charge(self) -> u64 {
        charge(self.bytes.into())
    }
}

fn charge(bytes: u64) -> u64 {
    bytes.max(CHARGE_BYTES_MIN)
}

impl Log {
    /// Opens the folder, or makes it with a new epoch. Every record is read and its checksum compared.
    pub(super) fn open(options: &SpoolOptions, now_ms: u64) -> Result<Self, SpoolError> {
        opening::open(options, now_ms)
    }

    /// Keeps messages, all with one wait for the disk. Those that find no room are refused, each for itself.
    pub(super) fn append(
        &mut self,
        messages: Vec<NewMessage>,
        now_ms: u64,
    ) -> Vec<Result<Receipt, SpoolError>> {
        let mut records: Vec<_> = messages
            .into_iter()
            .map(|message| {
                let (id, stored_at_ms) = (0, now_ms);
                Record {
                    id,
                    stored_at_ms,
                    message,
                }
            })
            .collect();
        match self.commit(&mut records) {
            Ok(receipts) => receipts,
            // Some of them may still find room.
            Err(_) if records.len() > 1 => {
                let alone = |record| self.alone(record);
                records.iter_mut().map(alone).collect()
            }
            Err(error) => records
                .first()
                .map(|record| Err(self.refusal(error, record)))
                .into_iter()
                .collect(),
        }
    }

    fn alone(&mut self, record: &mut Record) -> Result<Receipt, SpoolError> {
        match self.commit(std::slice::from_mut(record)) {
            Ok(mut receipts) => receipts.pop().expect("one record has one receipt"),
            Err(error) => Err(self.refusal(error, record)),
        }
    }

    /// Writes all records or none.
    fn commit(&mut self, records: &mut [Record]) -> io::Result<Vec<Result<Receipt, SpoolError>>> {
        let (mut buffer, mut entries, mut results) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = self.bytes;
        if self.lock.is_none() {
            return Err(io::Error::other("the spool is closed"));
        }
        self.make_tail()?;
        let length = self.segments.back().map_or(0, |segment| segment.length);
        for record in records {
            record.id = self.next_id + entries.len() as u64;
            let encoded = record.encode();
            if bytes + charge(encoded.len() as u64) > self.bytes_max {
                results.push(Err(self.full()));
                continue;
            }
            let entry = Entry {
                id: record.id,
                at: u32::try_from(length + buffer.len() as u64).expect("a segment is small"),
                bytes: u32::try_from(encoded.len()).expect("a record is small"),
                stored_at_s: u32::try_from(record.stored_at_ms / 1_000).unwrap_or(u32::MAX),
                dataset: self.number_of(&record.message.dataset),
            };
            bytes += entry.charge();
            let (epoch, sequence) = (self.state.epoch, record.id - self.state.base);
            results.push(Ok(Receipt { epoch, sequence }));
            buffer.extend_from_slice(&encoded);
            entries.push(entry);
        }
        self.write(&buffer, length)?;
        self.bytes = bytes;
        self.next_id += entries.len() as u64;
        if let Some(segment) = self.segments.back_mut() {
            segment.length += buffer.len() as u64;
            segment.live += entries.len() as u64;
        }
        self.entries.extend(entries);
        Ok(results)
    }

    fn make_tail(&mut self) -> io::Result<()> {
        let full = self
            .segments
            .back()
            .is_none_or(|segment| segment.length >= SEGMENT_BYTES);
        if self.tail.is_some() && !full {
            return Ok(());
        }
        // No record can have this name's id yet: what lies there is a failed beginning.
        let path = segment_path(&self.folder, self.next_id);
        let file = private().create(true).truncate(true).open(path)?;
        sync_folder(&self.folder)?;
        if self
            .segments
            .back()
            .is_some_and(|segment| segment.first == self.next_id)
        {
            self.segments.pop_back();
        }
        let first = self.next_id;
        self.segments.push_back(Segment {
            first,
            length: 0,
            live: 0,
        });
        self.tail = Some(file);
        Ok(())
    }

    /// On the disk when it answers; otherwise nothing of it is left in the file.
    fn write(&mut self, buffer: &[u8], at: u64) -> io::Result<()> {
        let Some(tail) = &self.tail else {
            return Ok(());
        };
        if buffer.is_empty() {
            return Ok(());
        }
        let written = tail
            .write_all_at(buffer, at)
            .and_then(|()| tail.sync_data());
        if written.is_err() && tail.set_len(at).is_err() {
            // What it holds now is unknown; another file begins.
            self.tail = None;
        }
        written
    }

    fn full(&self) -> SpoolError {
        SpoolError::Full {
            path: self.folder.display().to_string(),
            bytes: self.bytes,
            bytes_max: self.bytes_max,
        }
    }

    fn refusal(&self, error: io::Error, record: &Record) -> SpoolError {
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        if !kinds.contains(&error.kind()) {
            return SpoolError::Storage(error);
        }
        let free = rustix::fs::statvfs(&self.folder);
        SpoolError::DiskFull {
            path: self.folder.display().to_string(),
            needed: record.encode().len() as u64,
            free: free.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        }
    }

    fn number_of(&mut self, dataset: &DatasetId) -> u16 {
        let known = self.datasets.iter().position(|known| known == dataset);
        let number = known.unwrap_or_else(|| {
            self.datasets.push(dataset.clone());
            self.datasets.len() - 1
        });
        u16::try_from(number).expect("an agent has at most 64 datasets")
    }

    /// The messages after `id`, at most `count`, in order, without their bodies.
    pub(super) fn heads(&self, id: u64, count: usize) -> Vec<Head> {
        let start = self.entries.partition_point(|entry| entry.id <= id);
        let head = |entry: &Entry| Head {
            id: entry.id,
            dataset: entry.dataset,
            bytes: entry.bytes.into(),
        };
        self.entries.range(start..).take(count).map(head).collect()
    }

    /// One message, its checksum compared; none when it is gone. One that is damaged is kept aside and told.
    pub(super) fn read(&mut self, id: u64) -> Result<Option<Kept>, SpoolError> {
        let Ok(place) = self.entries.binary_search_by_key(&id, |entry| entry.id) else {
            return Ok(None);
        };
        let entry = self.entries[place];
        let mut bytes = vec![0; entry.bytes as usize];
        debug_assert!(bytes.len() <= RECORD_BYTES_MAX, "a record has a limit");
        let first = self.segment_of(id);
        match self
            .reader(first)
            .and_then(|file| file.read_exact_at(&mut bytes, entry.at.into()))
        {
            Ok(()) => {}
            Err(error) if is_damage(&error) => bytes.clear(),
            Err(error) => return Err(SpoolError::Storage(error)),
        }
        let found = Record::decode(&bytes).filter(|(record, _)| record.id == id);
        let Some((record, _)) = found else {
            self.strike(place, first, &bytes);
            return Ok(None);
        };
        let receipt = Receipt {
            epoch: self.state.epoch,
            sequence: id - self.state.base,
        };
        let message = record.message;
        Ok(Some(Kept {
            id,
            receipt,
            message,
        }))
    }

    fn segment_of(&self, id: u64) -> u64 {
        let after = self.segments.partition_point(|segment| segment.first <= id);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        segment.map_or(0, |segment| segment.first)
    }

    fn reader(&mut self, first: u64) -> io::Result<&File> {
        if self
            .reading
            .as_ref()
            .is_none_or(|(known, _)| *known != first)
        {
            let file = File::open(segment_path(&self.folder, first))?;
            self.reading = Some((first, file));
        }
        Ok(&self.reading.as_ref().expect("it was just set").1)
    }

    /// Takes a message out that cannot be read any more.
    fn strike(&mut self, place: usize, first: u64, bytes: &[u8]) {
        if let Some(entry) = self.entries.remove(place) {
            self.aside.keep(first, entry.at.into(), bytes);
            self.bytes = self.bytes.saturating_sub(entry.charge());
            self.release(entry.id);
            self.state.damaged += 1;
            self.settle(self.state.gone);
            // Only the count would be lost.
            let _ = self.states.write(&self.state);
        }
    }

    /// Takes the centre's word that all of `epoch` up to `sequence` is stored.
    pub(super) fn acknowledge(
        &mut self,
        epoch: u64,
        sequence: u64,
        now_ms: u64,
    ) -> Result<Acked, SpoolError> {
        if epoch != self.state.epoch {
            return Ok(Acked::Foreign);
        }
        let through = self.state.base.saturating_add(sequence);
        if through >= self.next_id {
            self.new_epoch(now_ms)?;
            return Ok(Acked::RolledBack);
        }
        // The centre repeats its acks; one that is no news must not cost a write.
        if through > self.state.gone {
            self.remove(through, |_| {});
            // Not waited for: what a power loss makes of it is sent again, and known to the centre by its number.
            self.states.write(&self.state)?;
        }
        Ok(Acked::Through(through))
    }

    /// Numbers what is left anew, under an epoch above every earlier one.
    fn new_epoch(&mut self, now_ms: u64) -> Result<(), SpoolError> {
        let next = self.entries.front().map_or(self.next_id, |entry| entry.id);
        self.state.epoch = now_ms.max(self.state.epoch + 1);
        self.state.base = next - 1;
        self.state.gone = next - 1;
        self.state.last = self.next_id - 1;
        self.states.write(&self.state)?;
        self.states.sync()?;
        Ok(())
    }

    pub(super) fn marks(&self) -> Marks {
        let State {
            epoch, base, gone, ..
        } = self.state;
        let oldest = self
            .entries
            .front()
            .map(|entry| u64::from(entry.stored_at_s) * 1_000);
        Marks {
            epoch,
            last_sequence: self.next_id - 1 - base,
            acked_sequence: gone.saturating_sub(base),
            messages: self.entries.len() as u64,
            bytes: self.bytes,
            oldest_ms: oldest,
            expired: self.state.expired,
            damaged: self.state.damaged,
        }
    }

    /// Lets go of the folder; nothing is kept from then on.
    pub(super) fn close(&mut self) {
        if self.lock.is_none() {
            return;
        }
        self.state.last = self.next_id - 1;
        let closed = self
            .states
            .write(&self.state)
            .and_then(|()| self.states.sync());
        if let Err(error) = closed {
            tracing::warn!(%error, "the spool was not closed in order; what it holds is complete");
        }
        self.tail = None;
        self.lock = None;
    }
}

fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
        || error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(BAD_SECTOR)
}

pub(super) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.log"))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// So that the names in it outlast a power loss.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
