//! Why a body was refused: a rule and a place, never the value.

use spokegate_contract::limits::POINTER_BYTES_MAX;
use std::borrow::Cow;
use std::fmt;

/// The rule a body broke. The names are part of the quarantine records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The input ends inside an item, or declares more than is there.
    Truncated,
    /// Bytes follow the one item.
    TrailingBytes,
    /// A length or integer is not in its shortest form, or a reserved head is used.
    HeadForm,
    /// An indefinite length.
    Indefinite,
    /// A CBOR tag.
    Tag,
    /// A byte string.
    ByteString,
    /// A simple value other than false, true and null.
    Simple,
    /// A map key that is not text.
    KeyType,
    /// Map keys out of order.
    KeyOrder,
    /// The same key twice.
    DuplicateKey,
    /// A key that is too long.
    KeyLength,
    /// Text that is not UTF-8.
    Utf8,
    /// Text that is not in Unicode normalisation form C.
    NotNormalized,
    /// A character that no text class allows.
    Character,
    /// Text that is too long.
    StringLength,
    /// An integer past 2^53 - 1.
    NumberRange,
    /// A float that is not finite, has an integer value, or is not in its shortest form.
    FloatForm,
    /// Too deep.
    Depth,
    /// Too many values in all.
    Nodes,
    /// Too many entries in a map.
    MapEntries,
    /// Too many items in an array.
    ArrayItems,
    /// The whole is of another shape than the channel carries.
    Shape,
    /// The body is too long.
    Size,
    /// The input of a check is no JSON.
    Syntax,
    /// A keyword of the contract; holds its name.
    Contract(Cow<'static, str>),
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Rule::Truncated => "truncated",
            Rule::TrailingBytes => "trailing-bytes",
            Rule::HeadForm => "head-form",
            Rule::Indefinite => "indefinite-length",
            Rule::Tag => "tag",
            Rule::ByteString => "byte-string",
            Rule::Simple => "simple-value",
            Rule::KeyType => "key-type",
            Rule::KeyOrder => "key-order",
            Rule::DuplicateKey => "duplicate-key",
            Rule::KeyLength => "key-length",
            Rule::Utf8 => "utf-8",
            Rule::NotNormalized => "not-normalized",
            Rule::Character => "character",
            Rule::StringLength => "string-length",
            Rule::NumberRange => "number-range",
            Rule::FloatForm => "float-form",
            Rule::Depth => "depth",
            Rule::Nodes => "nodes",
            Rule::MapEntries => "map-entries",
            Rule::ArrayItems => "array-items",
            Rule::Shape => "shape",
            Rule::Size => "size",
            Rule::Syntax => "syntax",
            Rule::Contract(keyword) => return write!(formatter, "contract:{keyword}"),
        };
        formatter.write_str(name)
    }
}

/// A refused body: the rule it broke and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {rule}")]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// JSON pointer (RFC 6901) of the place, cut at 200 bytes.
    pub pointer: String,
}

impl Refusal {
    /// A refusal at the root.
    #[must_use]
    pub fn new(rule: Rule) -> Refusal {
        Refusal {
            rule,
            pointer: String::new(),
        }
    }

    /// The same refusal, seen from the container that holds the place under `key`.
    #[must_use]
    pub fn under_key(self, key: &str) -> Refusal {
        self.under(&key.replace('~', "~0").replace('/', "~1"))
    }

    /// The same refusal, seen from the array that holds the place at `index`.
    #[must_use]
    pub fn under_index(self, index: usize) -> Refusal {
        self.under(&index.to_string())
    }

    fn under(self, step: &str) -> Refusal {
        let mut pointer = format!("/{step}{}", self.pointer);
        let mut end = POINTER_BYTES_MAX.min(pointer.len());
        while !pointer.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        pointer.truncate(end);
        Refusal {
            rule: self.rule,
            pointer,
        }
    }
}
