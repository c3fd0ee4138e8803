//! JSON for `check`: as serde_json reads it, but no name twice and no text that would have to be cleaned.

use crate::body::{Refusal, Rule};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use spokegate_contract::text::{self, TextFault};
use std::cell::RefCell;
use std::fmt;

/// Parses one JSON text.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    let found = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { found: &found }
        .deserialize(&mut deserializer)
        .map_err(|error| {
            let syntax = if error.is_eof() {
                Rule::Truncated
            } else {
                Rule::Syntax
            };
            found.take().unwrap_or_else(|| Refusal::new(syntax))
        })?;
    deserializer
        .end()
        .map_err(|_| Refusal::new(Rule::TrailingBytes))?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict<'f> {
    /// The refusal behind an error, with its place as far as it is known.
    found: &'f RefCell<Option<Refusal>>,
}

impl Strict<'_> {
    fn refuse<E: Error>(self, rule: Rule) -> E {
        *self.found.borrow_mut() = Some(Refusal::new(rule));
        E::custom("refused")
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        match text::check(text) {
            Ok(_) => Ok(()),
            Err(TextFault::Character) => Err(self.refuse(Rule::Character)),
            Err(TextFault::NotNormal) => Err(self.refuse(Rule::NotNormalized)),
        }
    }

    fn inside<E>(self, place: impl FnOnce(Refusal) -> Refusal) -> impl FnOnce(E) -> E {
        move |error| {
            let refusal = self.found.take();
            *self.found.borrow_mut() = refusal.map(place);
            error
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            let index = array.len();
            match items
                .next_element_seed(self)
                .map_err(self.inside(|refusal| refusal.under_index(index)))?
            {
                Some(item) => array.push(item),
                None => return Ok(Value::Array(array)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            self.text(&key)?;
            if object.contains_key(&key) {
                return Err(self.refuse(Rule::DuplicateKey));
            }
            let value = members
                .next_value_seed(self)
                .map_err(self.inside(|refusal| refusal.under_key(&key)))?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}
