//! One line of the second hop: `{"cursor":N,"record":{...},"seal":"<64 hex>"}`, exactly.

use spokegate_contract::record::check_canonical;

use crate::seal::SealKey;
use spokegate_contract::TenantId;

/// Longest line. A message of 124 KiB of CBOR grows by escapes at most sixfold, and most by far less.
pub(crate) const LINE_BYTES_MAX: usize = 1_048_576;

const HEAD: &[u8] = b"{\"cursor\":";
const MIDDLE: &[u8] = b",\"record\":";
const SEAL: &[u8] = b",\"seal\":\"";
const SEAL_DIGITS: usize = 64;
const TAIL: &[u8] = b"\"}";

/// Why a line is not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// Not of the fixed shape.
    #[error("the line is not cursor, record and seal")]
    Shape,
    /// Sealed with another key, or changed on the way.
    #[error("the seal is not of this record")]
    Seal,
    /// The record's bytes are not the one canonical form.
    #[error("the record is not canonical JSON")]
    NotCanonical,
    /// The record lacks or misnames something.
    #[error("the record is not understood: {0}")]
    Record(String),
    /// The record names a tenant that this service does not know.
    #[error("the record is of an unknown tenant")]
    ForeignTenant,
}

impl LineFault {
    /// A short name for counters and audit.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Shape => "line-shape",
            Self::Seal => "seal",
            Self::NotCanonical => "not-canonical",
            Self::Record(_) => "record",
            Self::ForeignTenant => "foreign-tenant",
        }
    }
}

/// A line taken apart; nothing in it has been checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Its place in the lane.
    pub(crate) cursor: u64,
    /// The record's bytes as they were sealed.
    pub(crate) record: &'a [u8],
    seal: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line apart by its fixed parts, without parsing the record.
    pub(crate) fn split(line: &'a [u8]) -> Result<Self, LineFault> {
        let rest = line.strip_prefix(HEAD).ok_or(LineFault::Shape)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = rest.split_at(digits);
        let rest = rest.strip_prefix(MIDDLE).ok_or(LineFault::Shape)?;
        let rest = rest.strip_suffix(TAIL).ok_or(LineFault::Shape)?;
        let at = rest
            .len()
            .checked_sub(SEAL_DIGITS)
            .ok_or(LineFault::Shape)?;
        let (rest, seal) = rest.split_at(at);
        let record = rest.strip_suffix(SEAL).ok_or(LineFault::Shape)?;
        let canonical = digits.len() == 1 || !digits.starts_with(b"0");
        let cursor = std::str::from_utf8(digits)
            .ok()
            .filter(|_| canonical)
            .and_then(|text| text.parse().ok());
        Ok(Self {
            cursor: cursor.ok_or(LineFault::Shape)?,
            record,
            seal,
        })
    }

    /// The line that has these parts.
    pub(crate) fn joined(&self) -> Vec<u8> {
        let cursor = self.cursor.to_string();
        [
            HEAD,
            cursor.as_bytes(),
            MIDDLE,
            self.record,
            SEAL,
            self.seal,
            TAIL,
        ]
        .concat()
    }

    /// Checks the seal, then the canonical form: nothing is looked into before its seal holds. Returns the tenant whose
    /// worker sealed it.
    pub(crate) fn verify(&self, key: &SealKey) -> Result<TenantId, LineFault> {
        let tenant = key.opens(self.record, self.seal).ok_or(LineFault::Seal)?;
        check_canonical(self.record).map_err(|_| LineFault::NotCanonical)?;
        Ok(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn line(cursor: &str, record: &str, seal: &str) -> String {
        format!("{{\"cursor\":{cursor},\"record\":{record},\"seal\":\"{seal}\"}}")
    }

    #[track_caller]
    fn check(line: &str, expected: Result<u64, LineFault>) {
        let opened = Line::split(line.as_bytes()).and_then(|line| {
            line.verify(&SealKey::new(&KEY))?;
            Ok(line.cursor)
        });
        assert_eq!(opened, expected, "{line}");
    }

    #[test]
    fn allowed_and_refused() {
        let key = SealKey::new(&KEY);
        let record = r#"{"a":1,"tenant":"acme"}"#;
        let seal = key.seal(record.as_bytes());
        check(&line("7", record, &seal), Ok(7));
        check(&line("0", record, &seal), Ok(0));
        for cursor in ["", "07", "-1", "1.0", "18446744073709551616", " 1"] {
            check(&line(cursor, record, &seal), Err(LineFault::Shape));
        }
        check(&line("7", record, &seal[1..]), Err(LineFault::Shape));
        check(
            &format!(" {}", line("7", record, &seal)),
            Err(LineFault::Shape),
        );
        check(
            &format!("{} ", line("7", record, &seal)),
            Err(LineFault::Shape),
        );
        check("", Err(LineFault::Shape));
        check(r#"{"cursor":1,"record":"#, Err(LineFault::Shape));
        check(
            &line("7", r#"{"a":2,"tenant":"acme"}"#, &seal),
            Err(LineFault::Seal),
        );
        check(&line("7", record, &"0".repeat(64)), Err(LineFault::Seal));
        check(
            &line("7", record, &seal.to_uppercase()),
            Err(LineFault::Seal),
        );
        let foreign = r#"{"a":1,"tenant":"globex"}"#;
        let seal_of = |tenant: &str| key.seal_as(&tenant.parse().unwrap(), foreign.as_bytes());
        check(&line("7", foreign, &seal_of("globex")), Ok(7));
        check(&line("7", foreign, &seal_of("acme")), Err(LineFault::Seal));
        check(
            &line("7", record, &SealKey::new(&[8; 32]).seal(record.as_bytes())),
            Err(LineFault::Seal),
        );
        for loose in [
            r#"{"b":"x","a":1,"tenant":"acme"}"#,
            r#"{"a": 1,"tenant":"acme"}"#,
            r#"{"a":1,"a":1,"tenant":"acme"}"#,
            r#"{"a":1.0,"tenant":"acme"}"#,
            r#"{"a":"\u0041","tenant":"acme"}"#,
            r#"{}x,"tenant":"acme"}"#,
        ] {
            check(
                &line("7", loose, &key.seal(loose.as_bytes())),
                Err(LineFault::NotCanonical),
            );
        }
    }
}
