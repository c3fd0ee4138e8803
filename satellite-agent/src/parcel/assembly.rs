//! The order of a parcel's parts: what is wanted, what may be written, what is refused; pure.

use std::collections::BTreeMap;

use bytes::Bytes;
use spokegate_contract::envelope::Parcel;
use spokegate_contract::limits::{PARCEL_PART_BYTES, PARCEL_PARTS_WANTED_MAX};

/// What of a parcel has come. It holds at most [`PARCEL_PARTS_WANTED_MAX`] parts in memory.
#[derive(Debug)]
pub(super) struct Assembly {
    digest: [u8; 32],
    bytes: u64,
    /// The first part that is not written.
    next: u32,
    /// Parts that came before one that is missing.
    ahead: BTreeMap<u32, Bytes>,
}

/// Why a part is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// It was not asked for, or came before: nothing is lost.
    #[error("it is not wanted")]
    Unwanted,
    /// The parcel is not as long as its command says.
    #[error("part {index} has {came} bytes where {due} are due")]
    Length {
        /// Its number.
        index: u32,
        /// How long it is.
        came: usize,
        /// How long it has to be.
        due: usize,
    },
}

impl Assembly {
    /// Nothing has come but the first `written` parts.
    pub(super) fn new(digest: [u8; 32], bytes: u64, written: u32) -> Self {
        let mut assembly = Self {
            digest,
            bytes,
            next: 0,
            ahead: BTreeMap::new(),
        };
        assembly.next = written.min(assembly.parts());
        assembly
    }

    /// How many parts there are in all.
    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.bytes.div_ceil(PARCEL_PART_BYTES as u64)).unwrap_or(u32::MAX)
    }

    /// How many were written.
    pub(super) fn written(&self) -> u32 {
        self.next
    }

    /// The first parts that are missing and have room, as many as stand together; none when all came.
    pub(super) fn wants(&self) -> Option<(u32, u32)> {
        let room = self.next.saturating_add(PARCEL_PARTS_WANTED_MAX);
        let end = self.ahead.keys().next().copied().unwrap_or(room);
        let end = end.min(room).min(self.parts());
        let count = end.saturating_sub(self.next);
        (count > 0).then_some((self.next, count))
    }

    /// Takes a part; what can be written now, in order.
    pub(super) fn take(&mut self, parcel: Parcel) -> Result<Vec<Bytes>, Refused> {
        let index = parcel.index;
        let room = self.next..self.next.saturating_add(PARCEL_PARTS_WANTED_MAX);
        let wanted = parcel.digest == self.digest && room.contains(&index);
        if !wanted || index >= self.parts() || self.ahead.contains_key(&index) {
            return Err(Refused::Unwanted);
        }
        let (came, due) = (parcel.body.len(), self.due(index));
        if came != due {
            return Err(Refused::Length { index, came, due });
        }
        self.ahead.insert(index, parcel.body);
        let mut ready = Vec::new();
        while let Some(body) = self.ahead.remove(&self.next) {
            ready.push(body);
            self.next = self.next.saturating_add(1);
        }
        Ok(ready)
    }

    /// How long a part has to be.
    fn due(&self, index: u32) -> usize {
        let before = u64::from(index).saturating_mul(PARCEL_PART_BYTES as u64);
        let rest = self.bytes.saturating_sub(before);
        usize::try_from(rest)
            .unwrap_or(usize::MAX)
            .min(PARCEL_PART_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: [u8; 32] = [7; 32];

    /// Each part is filled with its own number.
    fn part(index: u32, bytes: u64) -> Parcel {
        let due = Assembly::new(DIGEST, bytes, 0).due(index);
        Parcel {
            body: vec![index as u8; due].into(),
            index,
            digest: DIGEST,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is lost, doubled, late or out of order, each byte is written once and in its place, and asking again ends it.
        #[test]
        fn a_parcel_comes_together(
            parts in 1_u32..20, short in 1..=PARCEL_PART_BYTES as u64, begun in 0_u32..4,
            fates in prop::collection::vec((0_u8..4, any::<u32>()), 1..80),
        ) {
            let bytes = u64::from(parts - 1) * PARCEL_PART_BYTES as u64 + short;
            let begun = begun.min(parts - 1);
            let mut assembly = Assembly::new(DIGEST, bytes, begun);
            let (mut written, mut fates, mut late) = (Vec::new(), fates.into_iter(), Vec::new());
            while let Some((from, count)) = assembly.wants() {
                prop_assert!((1..=PARCEL_PARTS_WANTED_MAX).contains(&count) && from + count <= parts);
                let mut sent: Vec<u32> = Vec::new();
                for index in from..from + count {
                    match fates.next() {
                        Some((0, _)) => late.push(index),
                        Some((1, _)) => sent.extend([index, index]),
                        Some((2, other)) => sent.extend([index, other]),
                        Some((_, other)) => sent.insert(other as usize % (sent.len() + 1), index),
                        None => sent.push(index),
                    }
                }
                if sent.is_empty() { sent.append(&mut late); }
                for index in sent {
                    if let Ok(ready) = assembly.take(part(index, bytes)) { written.extend(ready); }
                    prop_assert!(assembly.ahead.len() < PARCEL_PARTS_WANTED_MAX as usize);
                }
            }
            prop_assert_eq!(written.iter().map(Bytes::len).sum::<usize>() as u64,
                bytes - u64::from(begun) * PARCEL_PART_BYTES as u64);
            let numbers: Vec<u8> = written.iter().map(|body| body[0]).collect();
            let expected: Vec<u8> = (begun..parts).map(|index| index as u8).collect();
            prop_assert_eq!(numbers, expected);
        }
    }

    #[test]
    fn what_is_not_of_this_parcel_or_not_as_long_as_announced_is_refused() {
        let bytes = PARCEL_PART_BYTES as u64 + 10;
        let mut assembly = Assembly::new(DIGEST, bytes, 0);
        let other = Parcel {
            digest: [8; 32],
            ..part(0, bytes)
        };
        assert_eq!(assembly.take(other), Err(Refused::Unwanted));
        assert_eq!(assembly.take(part(2, bytes)), Err(Refused::Unwanted));
        let check = |assembly: &mut Assembly, index, came, due| {
            let parcel = Parcel {
                body: vec![0; came].into(),
                ..part(index, bytes)
            };
            let refused = Refused::Length { index, came, due };
            assert_eq!(assembly.take(parcel), Err(refused));
        };
        check(&mut assembly, 1, 11, 10);
        check(&mut assembly, 1, 9, 10);
        check(&mut assembly, 0, 10, PARCEL_PART_BYTES);
        assert_eq!(assembly.wants(), Some((0, 2)));
        assert_eq!(assembly.take(part(1, bytes)), Ok(Vec::new()));
        assert_eq!(assembly.wants(), Some((0, 1)));
        assert_eq!(assembly.take(part(1, bytes)), Err(Refused::Unwanted));
        assert_eq!(assembly.take(part(0, bytes)).unwrap().len(), 2);
        assert_eq!((assembly.wants(), assembly.written()), (None, 2));
    }
}
