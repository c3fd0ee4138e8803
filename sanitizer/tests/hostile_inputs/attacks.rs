//! The attacks by family; a family's good twins stand beside them.

mod cost;
mod csr;
mod envelope;
mod form;
mod letters;
mod numbers;
mod structure;

use super::cbor::{array, map, text};
use super::wire;
use super::worker::Work;
use bytes::Bytes;
use spokegate_contract::envelope::{Part, Push, Reply};
use spokegate_contract::{Envelope, RequestId};

/// The request that every answer belongs to.
pub(crate) const REQUEST: RequestId = RequestId::from_bytes([1; 16]);
/// Stands in values that are refused: no record may hold it.
pub(crate) const CANARY: &str = "tell-tale";
/// What the record of [`good`] holds.
pub(crate) const GOOD_ROWS: &str = r#""rows":[{"v":"good"}]"#;

/// What becomes of an input.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// Its value comes out as it went in.
    Accepted,
    /// It is refused: reason and rule.
    Refused(&'static str, String),
    /// A record of this kind comes out.
    Named(&'static str),
    /// Either is right, as long as what comes out is what went in.
    Harmless,
    /// It costs so much that the worker is ended and replaced.
    Stopped,
}

/// One input.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    /// Family and what it does.
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) payload: Vec<u8>,
    pub(crate) expected: Expected,
}

pub(crate) const ANY: Work = Work {
    channel: "reply",
    dataset: "any",
    version: 1,
};
pub(crate) const COSTLY: Work = Work {
    channel: "reply",
    dataset: "costly",
    version: 1,
};

/// A contract that grows exponentially, which `contract lint` refuses and only the CPU limit stops.
pub(crate) const UNRULY: Work = Work {
    channel: "reply",
    dataset: "unruly",
    version: 1,
};

pub(crate) fn form(rule: &str) -> Expected {
    Expected::Refused("form", rule.to_owned())
}

pub(crate) fn contract(keyword: &str) -> Expected {
    Expected::Refused("contract", format!("contract:{keyword}"))
}

/// A table of one row with one member.
pub(crate) fn row(name: &str, value: Vec<u8>) -> Vec<u8> {
    array(&[map(&[(text(name), value)])])
}

impl Attack {
    /// A whole payload.
    pub(crate) fn of(name: String, work: Work, payload: Vec<u8>, expected: Expected) -> Attack {
        Attack {
            name,
            work,
            payload,
            expected,
        }
    }

    /// A body in an envelope that is right.
    pub(crate) fn body_of(name: String, body: Vec<u8>, expected: Expected) -> Attack {
        Attack::of(name, ANY, wire::reply(body), expected)
    }

    /// A value in a row of the table that takes any.
    pub(crate) fn item(name: String, value: Vec<u8>, expected: Expected) -> Attack {
        Attack::body_of(name, row("v", value), expected)
    }

    /// A member of the table with the costly keywords.
    pub(crate) fn member(name: String, member: &str, value: Vec<u8>, expected: Expected) -> Attack {
        Attack::of(name, COSTLY, wire::reply(row(member, value)), expected)
    }

    /// The part of the name before the stroke.
    pub(crate) fn family(&self) -> &'static str {
        let family = self.name.split('/').next().unwrap();
        FAMILIES
            .into_iter()
            .find(|known| *known == family)
            .unwrap_or_else(|| panic!("{} is of no family", self.name))
    }

    /// The body that the envelope carries.
    pub(crate) fn body(&self) -> Option<Bytes> {
        let payload = Bytes::copy_from_slice(&self.payload);
        if self.work.is_reply() {
            match Reply::decode(&payload).ok()?.part {
                Part::Rows { body, .. } | Part::Document { body } => Some(body),
                Part::Failure(_) => None,
            }
        } else {
            Push::decode(&payload).ok().map(|push| push.body)
        }
    }
}

const FAMILIES: [&str; 26] = [
    "nesting",
    "length",
    "limit",
    "head",
    "indefinite",
    "key",
    "duplicate",
    "order",
    "float",
    "integer",
    "tag",
    "simple",
    "bytes",
    "character",
    "normal-form",
    "utf-8",
    "class",
    "escape",
    "truncated",
    "trailing",
    "amplification",
    "pattern",
    "choice",
    "envelope",
    "csr",
    "mutation",
];

/// The message that every lane answers.
pub(crate) fn good() -> Attack {
    Attack::item("good".to_owned(), text("good"), Expected::Accepted)
}

/// All of them.
pub(crate) fn all() -> Vec<Attack> {
    let mut all = Vec::new();
    for family in [
        structure::nesting,
        structure::lengths,
        structure::limits,
        structure::keys,
        structure::duplicates_and_order,
        form::heads,
        form::indefinite,
        form::tags_simples_and_bytes,
        form::cut_and_trailing,
        form::mutations,
        numbers::floats,
        numbers::integers,
        letters::characters,
        letters::normal_forms,
        letters::utf8,
        letters::classes,
        letters::escapes,
        cost::amplification,
        cost::patterns,
        cost::choices,
        cost::trees,
        envelope::replies,
        envelope::other_channels,
        csr::requests,
    ] {
        family(&mut all);
    }
    all
}
