//! From a schema to its quick judge.

use super::super::keyword::X_TEXT;
use super::super::representation::Body;
use super::numbers::Bounds;
use super::pattern::PlainPattern;
use super::text::plainly;
use super::{ArrayRules, Choice, MapRules, More, Named, Plain, Rules, Scalar, kinds};
use crate::body::TextClass;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};
use spokegate_contract::limits::INTEGER_MAX;

/// Most schemas inside one schema, each counted as often as it is referred to.
const SCHEMAS_MAX: usize = 10_000;
/// The dialect that contracts are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Keywords that ask nothing of a value, or are read with others.
const SILENT: [&str; 11] = [
    "$comment",
    "$defs",
    "default",
    "deprecated",
    "description",
    "else",
    "examples",
    "readOnly",
    "then",
    "title",
    "writeOnly",
];

/// Keywords of maps, which are read together.
const OF_MAPS: [&str; 6] = [
    "additionalProperties",
    "maxProperties",
    "minProperties",
    "properties",
    "propertyNames",
    "required",
];

/// Which keywords are read.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Keywords {
    /// Whether formats are asserted.
    pub formats: bool,
    /// Whether this product's own are read, or none is in the schema.
    pub ours: bool,
}

/// The quick judge of a schema, if it knows every keyword in it.
pub(in super::super) fn plan(schema: &Value, keywords: Keywords) -> Option<Rules> {
    let mut planner = Planner {
        keywords,
        definitions: schema.get("$defs").and_then(Value::as_object),
        open: Vec::new(),
        left: SCHEMAS_MAX,
    };
    planner.root(schema)
}

struct Planner<'s> {
    keywords: Keywords,
    definitions: Option<&'s Map<String, Value>>,
    /// The references that are being followed.
    open: Vec<&'s str>,
    left: usize,
}

impl<'s> Planner<'s> {
    fn root(&mut self, schema: &'s Value) -> Option<Rules> {
        let Value::Object(members) = schema else {
            return self.rules(schema);
        };
        if members
            .get("$schema")
            .is_some_and(|dialect| dialect != DIALECT)
        {
            return None;
        }
        self.object(members, &["$id", "$schema"])
    }

    fn rules(&mut self, schema: &'s Value) -> Option<Rules> {
        match schema {
            Value::Bool(true) => Some(Rules::of(kinds::ALL)),
            Value::Bool(false) => Some(Rules::of(0)),
            Value::Object(members) => self.object(members, &[]),
            _ => None,
        }
    }

    fn list(&mut self, schemas: &'s Value) -> Option<Vec<Rules>> {
        let schemas = schemas.as_array()?;
        schemas.iter().map(|schema| self.rules(schema)).collect()
    }

    fn optional(&mut self, schema: Option<&'s Value>) -> Option<Option<Rules>> {
        match schema {
            Some(schema) => Some(Some(self.rules(schema)?)),
            None => Some(None),
        }
    }

    fn object(&mut self, members: &'s Map<String, Value>, known: &[&str]) -> Option<Rules> {
        self.left = self.left.checked_sub(1)?;
        let mut rules = Rules::of(kinds::ALL);
        for (keyword, value) in members {
            let keyword = keyword.as_str();
            let silent = SILENT.contains(&keyword) || known.contains(&keyword);
            let own = self.keywords.ours && keyword.starts_with("x-") && keyword != X_TEXT;
            if !(silent || own) {
                self.keyword(&mut rules, keyword, value, members)?;
            }
        }
        Some(rules)
    }

    fn keyword(
        &mut self,
        rules: &mut Rules,
        keyword: &str,
        value: &'s Value,
        beside: &'s Map<String, Value>,
    ) -> Option<()> {
        match keyword {
            "type" => rules.kinds = named_kinds(value)?,
            "minimum" => rules.number.min = value.as_f64()?,
            "maximum" => rules.number.max = value.as_f64()?,
            "exclusiveMinimum" => rules.number.above = value.as_f64()?,
            "exclusiveMaximum" => rules.number.below = value.as_f64()?,
            "minLength" => rules.text.length.min = count(value)?,
            "maxLength" => rules.text.length.max = count(value)?,
            X_TEXT if self.keywords.ours => {
                rules.text.class = Some(TextClass::named(value.as_str()?)?);
            }
            "items" => {
                let items = self.rules(value)?;
                rules.arrays().items = Some(items);
            }
            "minItems" => rules.arrays().count.min = count(value)?,
            "maxItems" => rules.arrays().count.max = count(value)?,
            of_maps if OF_MAPS.contains(&of_maps) => {
                if rules.map.is_none() {
                    rules.map = Some(Box::new(self.map(beside)?));
                }
            }
            "format" if !self.keywords.formats => {}
            _ => {
                let more = self.more(keyword, value, beside)?;
                rules.more.push(more);
            }
        }
        Some(())
    }

    fn more(
        &mut self,
        keyword: &str,
        value: &'s Value,
        beside: &'s Map<String, Value>,
    ) -> Option<More> {
        Some(match keyword {
            "$ref" => More::All(vec![self.reference(value.as_str()?)?]),
            "allOf" => More::All(self.list(value)?),
            "anyOf" => More::Any(self.list(value)?),
            "oneOf" => More::One(self.list(value)?),
            "not" => More::Not(Box::new(self.rules(value)?)),
            "if" => More::If(Box::new(Choice {
                condition: self.rules(value)?,
                then: self.optional(beside.get("then"))?,
                otherwise: self.optional(beside.get("else"))?,
            })),
            "const" | "enum" => {
                let values = match value.as_array() {
                    Some(values) if keyword == "enum" => values.as_slice(),
                    _ => std::slice::from_ref(value),
                };
                match values.iter().map(scalar).collect() {
                    Some(scalars) => More::OneOf(scalars),
                    None => library(keyword, value)?,
                }
            }
            "dependentRequired" | "format" | "multipleOf" | "pattern" | "uniqueItems" => {
                library(keyword, value)?
            }
            _ => return None,
        })
    }

    /// A definition of the schema itself. One that leads back to itself has no end here.
    fn reference(&mut self, reference: &'s str) -> Option<Rules> {
        let name = reference.strip_prefix("#/$defs/")?;
        if name.contains(['/', '~', '%']) || self.open.contains(&name) {
            return None;
        }
        let definition = self.definitions?.get(name)?;
        self.open.push(name);
        let rules = self.rules(definition)?;
        self.open.pop();
        Some(rules)
    }

    fn map(&mut self, members: &'s Map<String, Value>) -> Option<MapRules> {
        let mut named = Vec::new();
        if let Some(properties) = members.get("properties") {
            for (name, schema) in properties.as_object()? {
                named.push(Named {
                    name: name.as_str().into(),
                    required: false,
                    rules: Some(self.rules(schema)?),
                });
            }
        }
        if let Some(required) = members.get("required") {
            for name in required.as_array()? {
                require(&mut named, name.as_str()?);
            }
        }
        named.sort_by(|one, other| {
            (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name))
        });
        let bound =
            |keyword: &str, without: usize| members.get(keyword).map_or(Some(without), count);
        Some(MapRules {
            count: Bounds {
                min: bound("minProperties", 0)?,
                max: bound("maxProperties", usize::MAX)?,
            },
            named,
            others: self.optional(members.get("additionalProperties"))?,
            names: self.optional(members.get("propertyNames"))?,
        })
    }
}

impl Rules {
    fn of(kinds: u8) -> Rules {
        Rules {
            kinds,
            text: super::TextRules::default(),
            number: super::NumberRules::default(),
            array: None,
            map: None,
            more: Vec::new(),
        }
    }

    fn arrays(&mut self) -> &mut ArrayRules {
        self.array.get_or_insert_with(|| {
            Box::new(ArrayRules {
                count: Bounds::default(),
                items: None,
            })
        })
    }
}

fn require(named: &mut Vec<Named>, name: &str) {
    match named.iter_mut().find(|known| *known.name == *name) {
        Some(known) => known.required = true,
        None => named.push(Named {
            name: name.into(),
            required: true,
            rules: None,
        }),
    }
}

/// One keyword as the library reads it, and what need not be asked.
fn library(keyword: &str, value: &Value) -> Option<More> {
    let schema = Value::Object(Map::from_iter([(keyword.to_owned(), value.clone())]));
    let validator: Validator<Body> = jsonschema::options_for::<Body>()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .offline()
        .build(&schema)
        .ok()?;
    let plain = match (keyword, value.as_str()) {
        ("format", Some(format)) => plainly(format).map(Plain::Format),
        ("pattern", Some(pattern)) => {
            PlainPattern::of(pattern).map(|plain| Plain::Pattern(Box::new(plain)))
        }
        _ => None,
    };
    Some(More::Library(plain, Box::new(validator)))
}

fn named_kinds(value: &Value) -> Option<u8> {
    match value {
        Value::String(name) => named_kind(name),
        Value::Array(names) => names
            .iter()
            .try_fold(0, |kinds, name| Some(kinds | named_kind(name.as_str()?)?)),
        _ => None,
    }
}

fn named_kind(name: &str) -> Option<u8> {
    match name {
        "null" => Some(kinds::NULL),
        "boolean" => Some(kinds::BOOLEAN),
        "integer" => Some(kinds::INTEGER),
        "number" => Some(kinds::INTEGER | kinds::FRACTION),
        "string" => Some(kinds::STRING),
        "array" => Some(kinds::ARRAY),
        "object" => Some(kinds::OBJECT),
        _ => None,
    }
}

/// A count of a schema. One that is written as a float is left to the library.
fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

/// A value that bodies can hold as it is; all others are left to the library.
fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(value) => Some(Scalar::Boolean(*value)),
        Value::String(text) => Some(Scalar::Text(text.as_str().into())),
        Value::Number(number) => match number.as_i64() {
            Some(value) if value.unsigned_abs() <= INTEGER_MAX => Some(Scalar::Integer(value)),
            Some(_) => None,
            None => number
                .as_f64()
                .filter(|value| value.fract() != 0.0)
                .map(Scalar::Float),
        },
        Value::Array(_) | Value::Object(_) => None,
    }
}
