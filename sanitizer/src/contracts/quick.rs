//! The quick judge: the keywords of contracts, laid out once for bodies whose members stand in order.
//!
//! It decides what is most often asked: types, bounds, lengths, members. What has rules of its own (formats, patterns,
//! multiples) it asks of the validator library, one keyword at a time. A schema with a keyword that it does not know has
//! no quick judge at all; then the library judges alone.

mod numbers;
mod pattern;
mod plan;
mod text;

use super::representation::Body;
use crate::body::{Elements, Item, Members, Node};
use jsonschema::Validator;
use numbers::{Bounds, NumberRules};
use pattern::PlainPattern;
use text::TextRules;

pub(super) use plan::{Keywords, plan};

/// Bits of the types of values.
mod kinds {
    pub(super) const NULL: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const INTEGER: u8 = 4;
    /// A number that is no integer.
    pub(super) const FRACTION: u8 = 8;
    pub(super) const STRING: u8 = 16;
    pub(super) const ARRAY: u8 = 32;
    pub(super) const OBJECT: u8 = 64;
    pub(super) const ALL: u8 = 127;
}

/// What a schema asks of a value.
#[derive(Debug)]
pub(super) struct Rules {
    kinds: u8,
    text: TextRules,
    number: NumberRules,
    array: Option<Box<ArrayRules>>,
    map: Option<Box<MapRules>>,
    more: Vec<More>,
}

#[derive(Debug)]
struct ArrayRules {
    count: Bounds,
    items: Option<Rules>,
}

#[derive(Debug)]
struct MapRules {
    count: Bounds,
    /// In the order of a body's members.
    named: Vec<Named>,
    others: Option<Rules>,
    names: Option<Rules>,
}

/// A member that `properties` or `required` names.
#[derive(Debug)]
struct Named {
    name: Box<str>,
    required: bool,
    /// None when only `required` names it.
    rules: Option<Rules>,
}

/// What few schemas ask.
#[derive(Debug)]
enum More {
    OneOf(Vec<Scalar>),
    All(Vec<Rules>),
    Any(Vec<Rules>),
    One(Vec<Rules>),
    Not(Box<Rules>),
    If(Box<Choice>),
    /// One keyword, as the library reads it; texts that are plainly right need not be asked.
    Library(Option<Plain>, Box<Validator<Body>>),
}

/// What shows that a text is right. One that does not pass may still be right.
#[derive(Debug)]
enum Plain {
    Format(fn(&str) -> bool),
    Pattern(Box<PlainPattern>),
}

#[derive(Debug)]
struct Choice {
    condition: Rules,
    then: Option<Rules>,
    otherwise: Option<Rules>,
}

/// A value of `const` or `enum`.
#[derive(Debug)]
enum Scalar {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(Box<str>),
}

impl Rules {
    /// Whether a value holds to all of it.
    pub(super) fn hold(&self, node: Node<'_>) -> bool {
        let item = node.item();
        self.kinds & kind(&item) != 0
            && match item {
                Item::Null | Item::Bool(_) => true,
                Item::Integer(value) => self.number.hold_integer(value),
                Item::Float(value) => self.number.hold(value),
                Item::Text { text, traits } => self.text.hold(text, traits.breaks),
                Item::Array { .. } => match (&self.array, node.elements()) {
                    (Some(rules), Some(elements)) => rules.hold(elements),
                    _ => true,
                },
                Item::Map { .. } => match (&self.map, node.members()) {
                    (Some(rules), Some(members)) => rules.hold(members),
                    _ => true,
                },
            }
            && self.more.iter().all(|more| more.hold(node, &item))
    }
}

fn kind(item: &Item<'_>) -> u8 {
    match item {
        Item::Null => kinds::NULL,
        Item::Bool(_) => kinds::BOOLEAN,
        Item::Integer(_) => kinds::INTEGER,
        // The decoder takes no float with an integer's value.
        Item::Float(_) => kinds::FRACTION,
        Item::Text { .. } => kinds::STRING,
        Item::Array { .. } => kinds::ARRAY,
        Item::Map { .. } => kinds::OBJECT,
    }
}

impl ArrayRules {
    fn hold(&self, mut elements: Elements<'_>) -> bool {
        let items = self.items.as_ref();
        self.count.hold(elements.count_left())
            && items.is_none_or(|rules| elements.all(|element| rules.hold(element)))
    }
}

impl MapRules {
    /// Both lists stand in the order of bodies, so that one pass over both finds all.
    fn hold(&self, members: Members<'_>) -> bool {
        if !self.count.hold(members.count_left()) {
            return false;
        }
        let mut named = self.named.as_slice();
        for (name, value) in members {
            let rules = loop {
                match named.split_first() {
                    Some((next, after)) if *next.name == *name => {
                        named = after;
                        break next.rules.as_ref().or(self.others.as_ref());
                    }
                    Some((next, after)) if is_before(&next.name, name) => {
                        if next.required {
                            return false;
                        }
                        named = after;
                    }
                    _ => break self.others.as_ref(),
                }
            };
            if !rules.is_none_or(|rules| rules.hold(value)) {
                return false;
            }
            let names = self.names.as_ref();
            if !names.is_none_or(|rules| rules.hold(Node::Name(name))) {
                return false;
            }
        }
        !named.iter().any(|left| left.required)
    }
}

/// The order of a body's members: the shorter name first (RFC 8949 §4.2.1).
fn is_before(one: &str, other: &str) -> bool {
    (one.len(), one) < (other.len(), other)
}

impl More {
    fn hold(&self, node: Node<'_>, item: &Item<'_>) -> bool {
        match self {
            More::OneOf(values) => values.iter().any(|value| value.is(item)),
            More::All(rules) => rules.iter().all(|rules| rules.hold(node)),
            More::Any(rules) => rules.iter().any(|rules| rules.hold(node)),
            More::One(rules) => rules.iter().filter(|rules| rules.hold(node)).count() == 1,
            More::Not(rules) => !rules.hold(node),
            More::If(choice) => {
                let next = if choice.condition.hold(node) {
                    &choice.then
                } else {
                    &choice.otherwise
                };
                next.as_ref().is_none_or(|rules| rules.hold(node))
            }
            More::Library(plain, keyword) => {
                let plainly_right = match (plain, item) {
                    (Some(Plain::Format(right)), Item::Text { text, .. }) => right(text),
                    (Some(Plain::Pattern(pattern)), Item::Text { text, .. }) => pattern.takes(text),
                    _ => false,
                };
                plainly_right || keyword.is_valid(node)
            }
        }
    }
}

impl Scalar {
    #[expect(
        clippy::float_cmp,
        reason = "`const` and `enum` ask for the same number"
    )]
    fn is(&self, item: &Item<'_>) -> bool {
        match (self, item) {
            (Scalar::Null, Item::Null) => true,
            (Scalar::Boolean(one), Item::Bool(other)) => one == other,
            (Scalar::Integer(one), Item::Integer(other)) => one == other,
            (Scalar::Float(one), Item::Float(other)) => one == other,
            (Scalar::Text(one), Item::Text { text, .. }) => **one == **text,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
