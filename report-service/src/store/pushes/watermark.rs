//! Which sequence numbers of an epoch are disposed of; pure.

use std::collections::BTreeSet;

/// Most numbers kept above a gap. A push past them is not stored and not acknowledged, so its satellite sends it again.
pub(super) const ABOVE_MAX: usize = 4_096;

/// What a sequence number is to a watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Not seen before: dispose of it now.
    New,
    /// Disposed of before: drop it.
    Repeat,
    /// Too far above a gap: leave it to be sent again.
    TooFar,
}

/// The numbers from 1 on that need no further sending, as one contiguous run and what lies above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Watermark {
    contiguous: u64,
    above: BTreeSet<u64>,
}

impl Watermark {
    /// A watermark as it was stored.
    pub(super) fn new(contiguous: u64, above: impl IntoIterator<Item = u64>) -> Self {
        let mut watermark = Self {
            contiguous,
            above: above
                .into_iter()
                .filter(|sequence| *sequence > contiguous)
                .collect(),
        };
        watermark.close();
        watermark
    }

    /// Every number up to this one is disposed of.
    pub(super) fn contiguous(&self) -> u64 {
        self.contiguous
    }

    /// Numbers above the first gap.
    pub(super) fn above(&self) -> impl Iterator<Item = u64> + '_ {
        self.above.iter().copied()
    }

    /// Whether a number lies above the first gap.
    pub(super) fn is_above(&self, sequence: u64) -> bool {
        self.above.contains(&sequence)
    }

    /// Takes a number in; only `New` changes anything.
    pub(super) fn take(&mut self, sequence: u64) -> Seen {
        if sequence <= self.contiguous || self.above.contains(&sequence) {
            return Seen::Repeat;
        }
        if sequence != self.contiguous + 1 && self.above.len() >= ABOVE_MAX {
            return Seen::TooFar;
        }
        self.above.insert(sequence);
        self.close();
        Seen::New
    }

    /// The satellite no longer holds anything up to here: there is nothing to wait for.
    pub(super) fn advance(&mut self, sequence: u64) {
        if sequence > self.contiguous {
            self.contiguous = sequence;
            self.above.retain(|above| *above > sequence);
            self.close();
        }
    }

    fn close(&mut self) {
        while self.above.remove(&(self.contiguous + 1)) {
            self.contiguous += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_watermark_is_the_longest_prefix_seen(
            sequences in prop::collection::vec(1_u64..60, 0..200),
            split in 0_usize..200,
        ) {
            let mut watermark = Watermark::default();
            let mut seen = BTreeSet::new();
            for (index, sequence) in sequences.iter().enumerate() {
                if index == split {
                    // A restart: what was stored gives the same state again.
                    let again = Watermark::new(watermark.contiguous(), watermark.above().collect::<Vec<_>>());
                    prop_assert_eq!(&again, &watermark);
                    watermark = again;
                }
                let expected = if seen.insert(*sequence) { Seen::New } else { Seen::Repeat };
                prop_assert_eq!(watermark.take(*sequence), expected);
                let prefix = (1..).take_while(|n| seen.contains(n)).last().unwrap_or(0);
                prop_assert_eq!(watermark.contiguous(), prefix);
                prop_assert!(watermark.above().all(|n| n > prefix + 1 && seen.contains(&n)));
            }
        }

        #[test]
        fn advancing_never_goes_back(start in 0_u64..20, to in 0_u64..40, above in prop::collection::btree_set(1_u64..40, 0..10)) {
            let mut watermark = Watermark::new(start, above.clone());
            let before = watermark.contiguous();
            watermark.advance(to);
            prop_assert!(watermark.contiguous() >= before.max(to));
            prop_assert!(!watermark.above().any(|n| n <= watermark.contiguous() + 1));
        }
    }

    #[test]
    fn a_gap_holds_back_and_memory_is_bounded() {
        let mut watermark = Watermark::default();
        for sequence in 2..2 + ABOVE_MAX as u64 {
            assert_eq!(watermark.take(sequence), Seen::New);
        }
        assert_eq!(watermark.contiguous(), 0);
        assert_eq!(watermark.take(9_999_999), Seen::TooFar);
        assert_eq!(
            watermark.take(1),
            Seen::New,
            "the number that closes the gap is always taken"
        );
        assert_eq!(watermark.contiguous(), 1 + ABOVE_MAX as u64);
        assert_eq!(watermark.take(9_999_999), Seen::New);
    }
}
