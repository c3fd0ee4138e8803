//! What is acknowledged or too old leaves the folder.

use super::super::{Expired, SpoolError};
use super::{Entry, Log, Segment, segment_path};

/// A last file of which nothing is needed any more goes when it is this large; a smaller one is appended to.
const EMPTY_BYTES_MAX: u64 = 1 << 16;
/// 2020-01-01. A machine without a battery clock stamps what it stores before it learns the time with 1970; such a
/// message is not old.
const CLOCK_MS_MIN: u64 = 1_577_836_800_000;

impl Log {
    pub(super) fn remove(&mut self, through: u64, mut each: impl FnMut(Entry)) {
        while let Some(entry) = self.entries.front().copied()
            && entry.id <= through
        {
            self.entries.pop_front();
            self.bytes = self.bytes.saturating_sub(entry.charge());
            self.release(entry.id);
            each(entry);
        }
        self.settle(through);
    }

    pub(super) fn release(&mut self, id: u64) {
        let after = self.segments.partition_point(|segment| segment.first <= id);
        if let Some(segment) = after
            .checked_sub(1)
            .and_then(|at| self.segments.get_mut(at))
        {
            segment.live = segment.live.saturating_sub(1);
        }
    }

    /// Everything up to `through` is gone, and what never comes behind it; empty files go.
    pub(super) fn settle(&mut self, through: u64) {
        let next = self.entries.front().map_or(self.next_id, |entry| entry.id);
        self.state.gone = self.state.gone.max(through).max(next - 1);
        self.state.last = self.next_id - 1;
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
        if !self.has_idle_file() {
            return;
        }
        // Only its files know which numbers were given. A file that is gone before the note is on the disk would let them be
        // given again, and what has them then would pass for something that the centre stored long ago.
        let noted = self.states.write(&self.state);
        if let Err(error) = noted.and_then(|()| self.states.sync()) {
            return tracing::warn!(%error, "how far the spool came cannot be noted; its files stay until it can");
        }
        while self.has_idle_file() {
            self.remove_first_file();
        }
        if self.segments.is_empty() {
            self.tail = None;
        }
    }

    /// Whether the first file is not needed any more.
    fn has_idle_file(&self) -> bool {
        let is_alone = self.segments.len() == 1;
        let is_idle = |segment: &Segment| {
            segment.live == 0 && (!is_alone || segment.length > EMPTY_BYTES_MAX)
        };
        self.segments.front().is_some_and(is_idle)
    }

    fn remove_first_file(&mut self) {
        let Some(segment) = self.segments.pop_front() else {
            return;
        };
        let path = segment_path(&self.folder, segment.first);
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(%error, path = %path.display(), "a file of the spool that is no longer needed cannot be removed");
        }
        // An open file would keep its room.
        let reading = self.reading.take();
        self.reading = reading.filter(|(first, _)| *first != segment.first);
    }

    /// Drops what was stored before a time, and whatever came before that.
    pub(in crate::spool) fn expire(
        &mut self,
        before_ms: u64,
    ) -> Result<Option<Expired>, SpoolError> {
        let old = |entry: &Entry| {
            let stored_ms = u64::from(entry.stored_at_s) * 1_000;
            (CLOCK_MS_MIN..before_ms).contains(&stored_ms)
        };
        // By place, not by age: a clock that was set back must not make a hole among younger messages.
        let Some(place) = self.entries.iter().rposition(old) else {
            return Ok(None);
        };
        let through = self.entries[place].id;
        let mut expired = Expired::default();
        let mut by_dataset = vec![0_u64; self.datasets.len()];
        self.remove(through, |entry| {
            expired.messages += 1;
            expired.bytes += u64::from(entry.bytes);
            by_dataset[usize::from(entry.dataset)] += 1;
        });
        let counted = self.datasets.iter().cloned().zip(by_dataset);
        expired.by_dataset = counted.filter(|(_, count)| *count > 0).collect();
        self.state.expired += expired.messages;
        self.states.write(&self.state)?;
        self.states.sync()?;
        Ok(Some(expired))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::super::super::state::StateFile;
    use super::super::super::tests::{Place, START_MS, message};
    use super::super::super::{Acked, NewMessage};
    use super::*;

    fn large() -> NewMessage {
        NewMessage {
            body: vec![7; 100_000].into(),
            ..message(1)
        }
    }

    fn append(log: &mut Log) -> u64 {
        let receipt = log.append(vec![large()], START_MS).pop().unwrap();
        receipt.unwrap().sequence
    }

    /// A process that is killed between the two leaves what a disk that takes no note leaves.
    #[test]
    fn a_file_stays_until_it_is_noted_that_its_numbers_were_given() {
        let place = Place::new();
        let path = place.options.path.join("state");
        let mut log = Log::open(&place.options, START_MS).unwrap();
        assert_eq!(append(&mut log), 1);
        let writable = File::options().read(true).write(true).open(&path).unwrap();
        log.states = StateFile::open(File::open(&path).unwrap()).unwrap().0;
        log.acknowledge(START_MS, 1, START_MS).unwrap_err();
        assert_eq!(place.files().len(), 1, "it may not go");
        drop(log);
        let mut log = Log::open(&place.options, START_MS).unwrap();
        assert_eq!(append(&mut log), 2, "number 1 was given");

        log.states = StateFile::open(File::open(&path).unwrap()).unwrap().0;
        log.acknowledge(START_MS, 2, START_MS).unwrap_err();
        log.states = StateFile::open(writable).unwrap().0;
        let acked = log.acknowledge(START_MS, 2, START_MS).unwrap();
        assert_eq!(acked, Acked::Through(2));
        assert_eq!(append(&mut log), 3);
        log.acknowledge(START_MS, 3, START_MS).unwrap();
        assert_eq!(place.files().len(), 0, "now it may");
        drop(log);
        let mut log = Log::open(&place.options, START_MS).unwrap();
        assert_eq!(append(&mut log), 4);
    }
}
