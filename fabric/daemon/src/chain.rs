//! Records chained by hash: whoever changes or removes one must change every later hash, and a copy of the last hash
//! gives that away.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Hash = [u8; 32];

/// What stands before the first record.
pub const START: Hash = [0; 32];

/// The hash of a record: SHA-256 over the hash before it, its number and its time in Unix milliseconds (both as 8 bytes,
/// highest first), and every field with its length before it.
#[must_use]
pub fn hash(previous: &[u8], sequence: u64, at_ms: u64, fields: &[&str]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    hasher.update(sequence.to_be_bytes());
    hasher.update(at_ms.to_be_bytes());
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

/// A record as the chain sees it.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Its number, from 1.
    pub sequence: u64,
    /// The hash before it, as it was stored.
    pub previous: &'a [u8],
    /// Its own, as it was stored.
    pub stored: &'a [u8],
    /// Its own, made anew of what it holds.
    pub hash: Hash,
}

/// What a walk over the whole chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainState {
    /// All records are as they were written. A cut-off tail cannot be seen from inside: compare the last hash with a copy.
    Intact {
        /// How many records there are.
        records: u64,
    },
    /// The record with this number was changed, or one before it was removed.
    BrokenAt {
        /// The first record that does not fit.
        sequence: u64,
    },
}

/// A record does not fit: it was changed, or one before it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The number that it bears.
    pub sequence: u64,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "record {} was changed, or one before it was removed",
            self.sequence
        )
    }
}

impl std::error::Error for Broken {}

/// A walk along a chain, record by record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    records: u64,
    last: Hash,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            records: 0,
            last: START,
        }
    }
}

impl Walk {
    /// Goes on after a record that is trusted.
    #[must_use]
    pub fn after(records: u64, last: Hash) -> Self {
        Self { records, last }
    }

    /// The next record.
    ///
    /// # Errors
    /// When it does not fit; the walk stays where it was.
    pub fn step(&mut self, link: &Link<'_>) -> Result<(), Broken> {
        let next = self.records.saturating_add(1);
        if link.sequence != next || link.previous != self.last || link.stored != link.hash {
            return Err(Broken {
                sequence: link.sequence,
            });
        }
        (self.records, self.last) = (next, link.hash);
        Ok(())
    }

    /// How many records fitted.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The hash of the last one.
    #[must_use]
    pub fn last(&self) -> &Hash {
        &self.last
    }
}

impl From<Broken> for ChainState {
    fn from(Broken { sequence }: Broken) -> Self {
        Self::BrokenAt { sequence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone)]
    struct Stored {
        sequence: u64,
        fields: [&'static str; 2],
        previous: Hash,
        hash: Hash,
    }

    fn chain() -> Vec<Stored> {
        let mut previous = START;
        let fields = [["a", "bc"], ["ab", "c"], ["", ""]];
        (1..)
            .zip(fields)
            .map(|(sequence, fields)| {
                let hash = hash(&previous, sequence, 1_000 + sequence, &fields);
                let stored = Stored {
                    sequence,
                    fields,
                    previous,
                    hash,
                };
                previous = hash;
                stored
            })
            .collect()
    }

    #[track_caller]
    fn check(records: &[Stored], expected: Result<u64, u64>) {
        let mut walk = Walk::default();
        let walked = records.iter().try_for_each(|it| {
            walk.step(&Link {
                sequence: it.sequence,
                previous: &it.previous,
                stored: &it.hash,
                hash: hash(&it.previous, it.sequence, 1_000 + it.sequence, &it.fields),
            })
        });
        let found = walked
            .map(|()| walk.records())
            .map_err(|broken| broken.sequence);
        assert_eq!(found, expected);
    }

    #[test]
    fn whole_and_broken() {
        let whole = chain();
        check(&whole, Ok(3));
        check(&[], Ok(0));
        // A cut-off tail fits.
        check(&whole[..2], Ok(2));
        check(&whole[1..], Err(2));
        check(&[whole[0].clone(), whole[2].clone()], Err(3));
        check(&[whole[1].clone(), whole[0].clone()], Err(2));
        check(&[whole[0].clone(), whole[0].clone()], Err(1));
        let mut moved = whole.clone();
        moved[0].fields = ["ab", "c"];
        check(&moved, Err(1));
        let mut rehashed = moved.clone();
        rehashed[0].hash = hash(&START, 1, 1_001, &rehashed[0].fields);
        check(&rehashed, Err(2));
    }

    #[test]
    fn a_walk_goes_on_where_another_stopped() {
        let records = chain();
        let mut walk = Walk::after(1, records[0].hash);
        let second = &records[1];
        let link = Link {
            sequence: 2,
            previous: &second.previous,
            stored: &second.hash,
            hash: second.hash,
        };
        assert_eq!(walk.step(&link), Ok(()));
        assert_eq!((walk.records(), walk.last()), (2, &second.hash));
        assert_eq!(walk.step(&link), Err(Broken { sequence: 2 }));
    }

    /// Trails that exist must stay readable.
    #[test]
    fn the_form_of_the_hash() {
        let hash = hash(&START, 1, 1_700_000_000_000, &["operator", "", "ü"]);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digits,
            "34baa744f71c6d1f73ef94394c156fbe7a344de2eba0c1ccfd80df4e884bbc1a"
        );
    }
}
