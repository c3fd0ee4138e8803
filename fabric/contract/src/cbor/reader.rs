//! Reads deterministic CBOR heads, refusing every other form.

use bytes::Bytes;

use super::{major, simple};

/// Why bytes are not the expected deterministic CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The input ends inside an item.
    #[error("the input ends inside an item")]
    Short,
    /// Another type than the one that belongs here.
    #[error("an item of another type than expected")]
    Type,
    /// A length or integer that is not in its shortest form, or an indefinite length.
    #[error("a head that is not in its shortest form")]
    Form,
    /// A number or length beyond its limit.
    #[error("a number or length beyond its limit")]
    Limit,
    /// Keys out of order or twice.
    #[error("keys out of order or twice")]
    KeyOrder,
    /// A key that is not part of this envelope.
    #[error("an unknown key")]
    UnknownKey,
    /// A key that must be there is not.
    #[error("a missing key")]
    MissingKey,
    /// A text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    Utf8,
    /// Bytes after the item.
    #[error("bytes after the end")]
    Trailing,
    /// A value outside what its key allows.
    #[error("a value that is not allowed here")]
    Value,
}

/// A cursor over shared bytes; byte strings are handed out without a copy.
#[derive(Debug)]
pub struct Reader {
    input: Bytes,
}

impl Reader {
    /// A reader at the start of `input`.
    pub fn new(input: Bytes) -> Self {
        Self { input }
    }

    fn take(&mut self, length: usize) -> Result<Bytes, ReadError> {
        if self.input.len() < length {
            return Err(ReadError::Short);
        }
        Ok(self.input.split_to(length))
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(bytes.as_ref()).map_err(|_| ReadError::Short)
    }

    fn head(&mut self, expected: u8) -> Result<u64, ReadError> {
        let [lead] = self.number::<1>()?;
        if lead >> 5 != expected {
            return Err(ReadError::Type);
        }
        let (value, least) = match lead & 0x1f {
            small @ 0..=23 => return Ok(u64::from(small)),
            24 => (u64::from(u8::from_be_bytes(self.number()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.number()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.number()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.number()?), 0x1_0000_0000),
            _ => return Err(ReadError::Form),
        };
        if value < least {
            Err(ReadError::Form)
        } else {
            Ok(value)
        }
    }

    fn length(&mut self, expected: u8, most: usize) -> Result<usize, ReadError> {
        let length = usize::try_from(self.head(expected)?).map_err(|_| ReadError::Limit)?;
        if length > most {
            Err(ReadError::Limit)
        } else {
            Ok(length)
        }
    }

    /// An unsigned integer of at most `most`.
    pub fn unsigned(&mut self, most: u64) -> Result<u64, ReadError> {
        let value = self.head(major::UNSIGNED)?;
        if value > most {
            Err(ReadError::Limit)
        } else {
            Ok(value)
        }
    }

    /// A text of at most `most` bytes.
    pub fn text(&mut self, most: usize) -> Result<String, ReadError> {
        let length = self.length(major::TEXT, most)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| ReadError::Utf8)
    }

    /// A byte string of at most `most` bytes, shared with the input.
    pub fn bytes(&mut self, most: usize) -> Result<Bytes, ReadError> {
        let length = self.length(major::BYTES, most)?;
        self.take(length)
    }

    /// The length of an array of at most `most` items, which follow.
    pub fn array(&mut self, most: usize) -> Result<usize, ReadError> {
        self.length(major::ARRAY, most)
    }

    /// A boolean.
    pub fn bool(&mut self) -> Result<bool, ReadError> {
        match self.number::<1>()? {
            [simple::TRUE] => Ok(true),
            [simple::FALSE] => Ok(false),
            _ => Err(ReadError::Type),
        }
    }

    /// A map whose keys are asked for one by one, in the order of the wire.
    pub fn map(&mut self, most: usize) -> Result<MapReader<'_>, ReadError> {
        let left = self.length(major::MAP, most)?;
        Ok(MapReader {
            reader: self,
            left,
            pending: None,
            previous: None,
        })
    }

    /// Ends the reading; anything left is refused.
    pub fn finish(self) -> Result<(), ReadError> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(ReadError::Trailing)
        }
    }
}

/// A map being read.
#[derive(Debug)]
pub struct MapReader<'a> {
    reader: &'a mut Reader,
    left: usize,
    pending: Option<String>,
    previous: Option<String>,
}

/// Longest key of an envelope.
const ENVELOPE_KEY_BYTES_MAX: usize = 16;

impl MapReader<'_> {
    fn peek(&mut self) -> Result<Option<&str>, ReadError> {
        if self.pending.is_none() && self.left > 0 {
            let key = self
                .reader
                .text(ENVELOPE_KEY_BYTES_MAX)
                .map_err(|error| match error {
                    ReadError::Limit => ReadError::UnknownKey,
                    other => other,
                })?;
            if let Some(previous) = &self.previous
                && (previous.len(), previous.as_bytes()) >= (key.len(), key.as_bytes())
            {
                return Err(ReadError::KeyOrder);
            }
            self.left = self.left.saturating_sub(1);
            self.pending = Some(key);
        }
        Ok(self.pending.as_deref())
    }

    /// The reader at the value of `key`, if that is the next key. Ask for keys in the order of the wire.
    pub fn optional(&mut self, key: &str) -> Result<Option<&mut Reader>, ReadError> {
        if self.peek()? != Some(key) {
            return Ok(None);
        }
        self.previous = self.pending.take();
        Ok(Some(self.reader))
    }

    /// The reader at the value of `key`, which must be the next key.
    pub fn required(&mut self, key: &str) -> Result<&mut Reader, ReadError> {
        let found = self.peek()?.map(str::to_owned);
        match found {
            Some(found) if found == key => {
                self.previous = self.pending.take();
                Ok(self.reader)
            }
            _ => Err(ReadError::MissingKey),
        }
    }

    /// Ends the map; a key that nobody asked for is refused.
    pub fn finish(mut self) -> Result<(), ReadError> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(ReadError::UnknownKey),
        }
    }
}
