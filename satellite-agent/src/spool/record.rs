//! How a message lies in a file, with its checksum; and how the good ones are found among what is damaged. Pure.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use spokegate_contract::limits::{CHUNK_BYTES_MAX, ID_BYTES_MAX};
use spokegate_contract::{DatasetId, Shape};

use super::NewMessage;

/// Where a record may begin; what looks like one by chance has no right checksum.
const MAGIC: [u8; 4] = *b"SGR1";
const DIGEST_BYTES: usize = 16;
/// Everything before the dataset's name: magic, body length, id, two times, version, shape, length of the name, checksum.
const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 2 + 1 + 1 + DIGEST_BYTES;
const DIGEST_AT: usize = HEAD_BYTES - DIGEST_BYTES;
/// Most bytes of one record.
pub(super) const RECORD_BYTES_MAX: usize = HEAD_BYTES + ID_BYTES_MAX + CHUNK_BYTES_MAX;
/// Fewest bytes of one record: as many as this could have been lost in a damaged piece.
pub(super) const RECORD_BYTES_MIN: usize = HEAD_BYTES;

/// A message as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) stored_at_ms: u64,
    pub(super) message: NewMessage,
}

impl Record {
    /// The bytes for the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (message, name) = (&self.message, self.message.dataset.as_str());
        let mut out = Vec::with_capacity(HEAD_BYTES + name.len() + message.body.len());
        out.extend_from_slice(&MAGIC);
        let length = u32::try_from(message.body.len()).expect("a body fits one packet");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.stored_at_ms.to_be_bytes());
        out.extend_from_slice(&message.captured_at_ms.to_be_bytes());
        out.extend_from_slice(&message.version.to_be_bytes());
        out.push(match message.shape {
            Shape::Rows => 1,
            Shape::Document => 2,
        });
        out.push(u8::try_from(name.len()).expect("a dataset's name has at most 40 bytes"));
        let digest = digest(&out, name.as_bytes(), &message.body);
        out.extend_from_slice(&digest);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&message.body);
        out
    }

    /// The record at the beginning of `bytes`, and its length; none when it is damaged or not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.get(..HEAD_BYTES)?;
        let mut fields = Fields(head.strip_prefix(&MAGIC)?);
        let body_bytes = usize::try_from(u32::from_be_bytes(fields.take()?)).ok()?;
        let id = u64::from_be_bytes(fields.take()?);
        let stored_at_ms = u64::from_be_bytes(fields.take()?);
        let captured_at_ms = u64::from_be_bytes(fields.take()?);
        let version = u16::from_be_bytes(fields.take()?);
        let [shape, name_bytes] = fields.take()?;
        let shape = match shape {
            1 => Shape::Rows,
            2 => Shape::Document,
            _ => return None,
        };
        let body_at = HEAD_BYTES + usize::from(name_bytes);
        let end = body_at.checked_add(body_bytes)?;
        let (name, body) = (bytes.get(HEAD_BYTES..body_at)?, bytes.get(body_at..end)?);
        if head[DIGEST_AT..] != digest(&head[..DIGEST_AT], name, body) {
            return None;
        }
        let message = NewMessage {
            dataset: std::str::from_utf8(name).ok()?.parse::<DatasetId>().ok()?,
            version,
            shape,
            captured_at_ms,
            body: Bytes::copy_from_slice(body),
        };
        let record = Self {
            id,
            stored_at_ms,
            message,
        };
        Some((record, end))
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

fn digest(head: &[u8], name: &[u8], body: &[u8]) -> [u8; DIGEST_BYTES] {
    let whole = Sha256::new()
        .chain_update(head)
        .chain_update(name)
        .chain_update(body)
        .finalize();
    *whole
        .first_chunk()
        .expect("SHA-256 has more bytes than are kept of it")
}

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A whole record from `at` on.
    Record {
        at: usize,
        bytes: usize,
        record: Record,
    },
    /// Bytes that are no record.
    Damaged { at: usize, bytes: usize },
}

/// The pieces of a file in order; together they are the whole file. Ids grow, so a record whose id does not belongs to what
/// is damaged.
pub(super) struct Pieces<'a> {
    file: &'a [u8],
    at: usize,
    id: u64,
}

impl<'a> Pieces<'a> {
    /// Of a file whose records have ids from `id_min` on.
    pub(super) fn new(file: &'a [u8], id_min: u64) -> Self {
        Self {
            file,
            at: 0,
            id: id_min,
        }
    }

    fn record(&self, at: usize) -> Option<(Record, usize)> {
        let found = Record::decode(self.file.get(at..)?);
        found.filter(|(record, _)| record.id >= self.id)
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let at = self.at;
        if at >= self.file.len() {
            return None;
        }
        if let Some((record, bytes)) = self.record(at) {
            self.at += bytes;
            self.id = record.id + 1;
            return Some(Piece::Record { at, bytes, record });
        }
        let starts = |next: &usize| self.file[*next..].starts_with(&MAGIC);
        let resumed = (at + 1..self.file.len())
            .filter(starts)
            .find(|next| self.record(*next).is_some());
        self.at = resumed.unwrap_or(self.file.len());
        let bytes = self.at - at;
        Some(Piece::Damaged { at, bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(id: u64, body: &[u8]) -> Record {
        let message = NewMessage {
            dataset: "backup-jobs".parse().unwrap(),
            version: 3,
            shape: Shape::Document,
            captured_at_ms: 7,
            body: Bytes::copy_from_slice(body),
        };
        Record {
            id,
            stored_at_ms: 9,
            message,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(id: u64, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let record = record(id, &body);
            let bytes = record.encode();
            prop_assert_eq!(Record::decode(&bytes), Some((record, bytes.len())));
            for end in 0..bytes.len() {
                prop_assert_eq!(Record::decode(&bytes[..end]), None);
            }
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(Record::decode(&flipped), None, "bit {}", bit);
            }
        }

        #[test]
        fn any_bytes_are_taken_apart_without_a_rest(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let covered: usize = Pieces::new(&bytes, 0).map(|piece| match piece {
                Piece::Record { bytes, .. } | Piece::Damaged { bytes, .. } => bytes,
            }).sum();
            prop_assert_eq!(covered, bytes.len());
        }
    }

    #[test]
    fn reading_goes_on_behind_what_is_damaged() {
        let (one, two, three) = (record(1, b"one"), record(2, b"SGR1"), record(3, b"three"));
        let mut file = [one.encode(), two.encode(), three.encode()].concat();
        let (first, second) = (one.encode().len(), two.encode().len());
        file[first + 20] ^= 1;
        let pieces: Vec<_> = Pieces::new(&file, 1).collect();
        let (at, bytes) = (first, second);
        assert_eq!(pieces[1], Piece::Damaged { at, bytes });
        let [
            Piece::Record { record: a, .. },
            _,
            Piece::Record { record: c, .. },
        ] = &pieces[..]
        else {
            unreachable!("{pieces:?}");
        };
        assert_eq!((a, c), (&one, &three));
    }

    #[test]
    fn an_id_that_was_before_is_damage() {
        let file = [record(2, b"").encode(), record(2, b"").encode()].concat();
        let pieces: Vec<_> = Pieces::new(&file, 1).collect();
        assert!(matches!(
            pieces[..],
            [Piece::Record { .. }, Piece::Damaged { .. }]
        ));
    }
}
