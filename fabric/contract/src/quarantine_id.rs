//! The id under which a refused message lies in quarantine.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hex;

/// Latest time that an id can carry: 13 digits.
const AT_MS_MAX: u64 = 9_999_999_999_999;
const AT_DIGITS: usize = 13;

/// When a refused message came and its number in the sanitizer: `<unix milliseconds, 13 digits>-<number, 16 lower-case
/// hexadecimal digits>`. Unique within a customer and a sanitizer; ids sort by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuarantineId {
    at_ms: u64,
    token: u64,
}

/// A text that is no quarantine id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a quarantine id has 13 digits, a hyphen and 16 lower-case hexadecimal digits")]
pub struct QuarantineIdError;

impl QuarantineId {
    /// The id of the message that came at a time under a number.
    pub fn new(at_ms: u64, token: u64) -> Self {
        Self {
            at_ms: at_ms.min(AT_MS_MAX),
            token,
        }
    }

    /// When the message came: unix time in milliseconds.
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }
}

impl FromStr for QuarantineId {
    type Err = QuarantineIdError;
    fn from_str(text: &str) -> Result<Self, QuarantineIdError> {
        let (at, token) = text.split_once('-').ok_or(QuarantineIdError)?;
        let decimal = at.len() == AT_DIGITS && at.bytes().all(|b| b.is_ascii_digit());
        let token = hex::decode_array(token).ok_or(QuarantineIdError)?;
        if !decimal {
            return Err(QuarantineIdError);
        }
        Ok(Self {
            at_ms: at.parse().map_err(|_| QuarantineIdError)?,
            token: u64::from_be_bytes(token),
        })
    }
}

impl TryFrom<String> for QuarantineId {
    type Error = QuarantineIdError;
    fn try_from(text: String) -> Result<Self, QuarantineIdError> {
        text.parse()
    }
}

impl From<QuarantineId> for String {
    fn from(id: QuarantineId) -> String {
        id.to_string()
    }
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:013}-{:016x}", self.at_ms, self.token)
    }
}

impl fmt::Debug for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_the_rest_is_refused() {
        let id = QuarantineId::new(1_800_000_000_000, 0xab);
        assert_eq!(id.to_string(), "1800000000000-00000000000000ab");
        assert_eq!(id.to_string().parse(), Ok(id));
        let far = QuarantineId::new(u64::MAX, u64::MAX);
        assert_eq!(far.to_string().parse(), Ok(far));
        for text in [
            "",
            "1800000000000",
            "180000000000-00000000000000ab",
            "+800000000000-00000000000000ab",
            "1800000000000-00000000000000AB",
            "1800000000000-0000000000000ab",
            "1800000000000-00000000000000ab-",
            "1800000000000_00000000000000ab",
            "../0000000000-00000000000000ab",
        ] {
            assert_eq!(
                text.parse::<QuarantineId>(),
                Err(QuarantineIdError),
                "{text:?}"
            );
        }
        assert!(QuarantineId::new(5, 9) < QuarantineId::new(6, 1));
    }
}
