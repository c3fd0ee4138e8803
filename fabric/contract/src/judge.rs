//! The verdict that a sanitizer's worker gives on a value, for those who write contracts and flows.
//!
//! The worker has code of its own, which reads a segment's bytes; a test of the sanitizer holds both to one verdict.

use jsonschema::{Keyword, PatternOptions, ValidationError};
use serde_json::{Map, Value};

use crate::dataset::Dataset;
use crate::limits::{
    ARRAY_ITEMS_MAX, DEPTH_MAX, INTEGER_MAX, KEY_BYTES_MAX, MAP_ENTRIES_MAX, NODES_MAX,
    STRING_BYTES_HARD_MAX, STRING_BYTES_MAX,
};
use crate::text::{self, TextClass, TextFault};
use crate::validate::Violation;

/// Longest pointer in a verdict, in bytes.
const POINTER_BYTES_MAX: usize = 200;
/// The keyword for text classes.
const X_TEXT: &str = "x-text";

/// A compiled schema that judges as a worker does: the form that every body has, then the contract.
pub struct Judge(jsonschema::Validator);

/// A schema that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema does not compile: {0}")]
pub struct JudgeError(String);

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

impl Judge {
    /// Compiles a schema that refers to nothing outside itself.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn new(schema: &Value) -> Result<Self, JudgeError> {
        let mut schema = schema.clone();
        give_classes(&mut schema);
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .offline()
            .with_keyword(X_TEXT, |_, value, _| {
                let class = value.as_str().and_then(TextClass::named);
                Ok(Box::new(TextKeyword(class.unwrap_or(TextClass::Ident))))
            })
            .build(&schema)
            .map(Self)
            .map_err(|error| JudgeError(error.masked().to_string()))
    }

    /// The parameters of a dataset.
    ///
    /// # Errors
    /// When they do not compile.
    pub fn params(dataset: &Dataset) -> Result<Self, JudgeError> {
        Self::new(&dataset.params_schema)
    }

    /// One row of a dataset, or its document.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn data(dataset: &Dataset) -> Result<Self, JudgeError> {
        Self::new(&dataset.data_schema)
    }

    /// Judges one value.
    ///
    /// # Errors
    /// The first rule that it breaks, by the name that quarantine has for it, and where; never the value.
    pub fn judge(&self, value: &Value) -> Result<(), Violation> {
        let mut nodes = 0;
        check_form(value, 1, &mut nodes).map_err(|(rule, steps)| violation(rule, &steps))?;
        let ordered = in_wire_order(value);
        self.0.validate(&ordered).map_err(|error| {
            let last = error.schema_path().as_str().rsplit('/').next();
            let keyword = match last {
                Some(X_TEXT) => X_TEXT,
                _ => error.kind().keyword(),
            };
            Violation {
                pointer: text::one_line(error.instance_path().as_str(), POINTER_BYTES_MAX),
                rule: format!("contract:{keyword}"),
            }
        })
    }
}

struct TextKeyword(TextClass);

impl<'i> Keyword<'i> for TextKeyword {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("text of another class"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        instance
            .as_str()
            .is_none_or(|text| self.0.allows(text, text.contains(['\n', '\t'])))
    }
}

/// Texts without a class are lines, and texts without a length have the usual one, as the worker has it.
fn give_classes(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                if !matches!(key.as_str(), "const" | "enum" | "default" | "examples") {
                    give_classes(value);
                }
            }
            let is_text = match members.get("type") {
                Some(Value::String(name)) => name == "string",
                Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
                _ => false,
            };
            if is_text {
                members.entry(X_TEXT).or_insert_with(|| "line".into());
                members
                    .entry("maxLength")
                    .or_insert_with(|| STRING_BYTES_MAX.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(give_classes),
        _ => {}
    }
}

/// A broken rule and the steps to it, innermost first.
type Fault = (&'static str, Vec<String>);

/// What holds for every body, whatever its contract: sizes, numbers, characters.
fn check_form(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), Fault> {
    let at = |step: String| {
        move |(rule, mut steps): Fault| {
            steps.push(step);
            (rule, steps)
        }
    };
    let broken = |rule| Err((rule, Vec::new()));
    *nodes = nodes.saturating_add(1);
    if *nodes > NODES_MAX {
        return broken("nodes");
    }
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) => {
            let whole = number.as_i64().map(i64::unsigned_abs);
            #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a float")]
            let most = INTEGER_MAX as f64;
            match (whole, number.as_f64()) {
                (Some(whole), _) if whole <= INTEGER_MAX => Ok(()),
                (None, Some(float)) if number.is_f64() && float.abs() <= most => Ok(()),
                _ => broken("number-range"),
            }
        }
        Value::String(text) => check_text(text).map_err(|rule| (rule, Vec::new())),
        Value::Array(_) | Value::Object(_) if depth > DEPTH_MAX => broken("depth"),
        Value::Array(items) if items.len() > ARRAY_ITEMS_MAX => broken("array-items"),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            check_form(item, depth.saturating_add(1), nodes).map_err(at(index.to_string()))
        }),
        Value::Object(members) if members.len() > MAP_ENTRIES_MAX => broken("map-entries"),
        Value::Object(members) => sorted(members).into_iter().try_for_each(|(key, value)| {
            *nodes = nodes.saturating_add(1);
            if key.len() > KEY_BYTES_MAX {
                return broken("key-length");
            }
            check_text(key).map_err(|rule| (rule, Vec::new()))?;
            // Names in canonical JSON hold no escapes.
            if key.contains(['\n', '\t', '"', '\\']) {
                return broken("character");
            }
            check_form(value, depth.saturating_add(1), nodes).map_err(at(key.clone()))
        }),
    }
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > STRING_BYTES_HARD_MAX {
        return Err("string-length");
    }
    match text::check(text) {
        Ok(_) => Ok(()),
        Err(TextFault::Character) => Err("character"),
        Err(TextFault::NotNormal) => Err("not-normalized"),
    }
}

/// Members in the order in which they travel: shorter keys first (RFC 8949 §4.2.1).
fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| (a.len(), a.as_bytes()).cmp(&(b.len(), b.as_bytes())));
    sorted
}

fn in_wire_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(in_wire_order).collect(),
        Value::Object(members) => sorted(members)
            .into_iter()
            .map(|(key, value)| (key.clone(), in_wire_order(value)))
            .collect::<Map<_, _>>()
            .into(),
        scalar => scalar.clone(),
    }
}

fn violation(rule: &str, steps: &[String]) -> Violation {
    let pointer: String = steps
        .iter()
        .rev()
        .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
        .collect();
    Violation {
        pointer: text::one_line(&pointer, POINTER_BYTES_MAX),
        rule: rule.to_owned(),
    }
}

#[cfg(test)]
mod tests;
