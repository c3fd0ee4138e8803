//! From a schema document to a judge.

use super::keyword::{TextKeyword, X_TEXT};
use super::quick::{self, Keywords};
use super::representation::Body;
use crate::body::{Node, Refusal, Rule, TextClass};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};
use spokegate_contract::compat::Widens;
use spokegate_contract::limits::STRING_BYTES_MAX;
use std::borrow::Cow;

/// Keywords whose value is one schema.
const SCHEMA_KEYWORDS: [&str; 11] = [
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST_KEYWORDS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a map of schemas.
const MAP_KEYWORDS: [&str; 4] = [
    "$defs",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// All other keywords that a contract may use. A misspelt keyword would otherwise be ignored.
const PLAIN_KEYWORDS: [&str; 37] = [
    "$anchor",
    "$comment",
    "$id",
    "$ref",
    "$schema",
    "$vocabulary",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
    "writeOnly",
    "$dynamicAnchor",
];

/// Why a contract cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// A keyword that JSON Schema 2020-12 and this product do not know.
    #[error("unknown keyword {keyword:?} at {pointer:?}")]
    UnknownKeyword {
        /// The keyword.
        keyword: String,
        /// Where.
        pointer: String,
    },
    /// `x-text` names no class.
    #[error("unknown text class at {0:?}, allowed: ident, line, block, cell, opaque-b64")]
    TextClass(String),
    /// A tenant's own contract that does not only narrow.
    #[error(transparent)]
    Widens(Box<Widens>),
    /// The schema compiler refuses it.
    #[error("{0}")]
    Schema(String),
}

/// A compiled schema.
#[derive(Debug)]
pub struct Contract {
    /// Decides alone what it accepts.
    quick: Option<quick::Rules>,
    /// Decides where there is no quick judge, and words every refusal.
    validator: Validator<Body>,
}

impl Contract {
    /// Compiles a schema that refers to nothing outside itself.
    ///
    /// Strings without `x-text` are lines, and strings without `maxLength` have at most 4096 characters.
    ///
    /// # Errors
    /// The first fault of the schema.
    pub fn compile(schema: &Value) -> Result<Contract, ContractError> {
        let mut schema = schema.clone();
        tighten(&mut schema, "")?;
        let validator = jsonschema::options_for::<Body>()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .offline()
            .with_keyword(X_TEXT, |_, value, _| {
                // `tighten` has looked at every class; what it does not reach falls back to the narrowest.
                let class = value
                    .as_str()
                    .and_then(TextClass::named)
                    .unwrap_or(TextClass::Ident);
                Ok(Box::new(TextKeyword(class)))
            })
            .build(&schema)
            .map_err(|error| ContractError::Schema(error.to_string()))?;
        let keywords = Keywords {
            formats: true,
            ours: true,
        };
        Ok(Contract::of(validator, quick::plan(&schema, keywords)))
    }

    pub(super) fn of(validator: Validator<Body>, quick: Option<quick::Rules>) -> Contract {
        Contract { quick, validator }
    }

    /// Judges one value.
    ///
    /// # Errors
    /// The first keyword that refuses it, and where.
    pub fn judge(&self, node: Node<'_>) -> Result<(), Refusal> {
        let holds = match &self.quick {
            Some(quick) => quick.hold(node),
            None => self.validator.is_valid(node),
        };
        if holds {
            return Ok(());
        }
        match self.validator.validate(node) {
            Err(error) => Err(refusal(&error)),
            // The two disagree: refuse.
            Ok(()) => Err(Refusal::new(Rule::Contract(Cow::Borrowed("disagreement")))),
        }
    }

    /// The verdicts of the quick judge, if this contract has one, and of the validator library. For tests of both: they
    /// are never to differ.
    #[must_use]
    pub fn verdicts(&self, node: Node<'_>) -> (Option<bool>, bool) {
        let quick = self.quick.as_ref().map(|quick| quick.hold(node));
        (quick, self.validator.is_valid(node))
    }
}

fn refusal(error: &jsonschema::ValidationError<'_>) -> Refusal {
    let keyword = error
        .schema_path()
        .as_str()
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let keyword = if keyword == X_TEXT {
        X_TEXT
    } else {
        error.kind().keyword()
    };
    let refusal = Refusal::new(Rule::Contract(Cow::Owned(keyword.to_owned())));
    let steps: Vec<&str> = error.instance_path().as_str().split('/').skip(1).collect();
    steps.into_iter().rev().fold(refusal, |refusal, step| {
        refusal.under_key(&step.replace("~1", "/").replace("~0", "~"))
    })
}

/// Refuses unknown keywords and writes the defaults of this product into every schema.
fn tighten(schema: &mut Value, pointer: &str) -> Result<(), ContractError> {
    let Value::Object(members) = schema else {
        return Ok(());
    };
    for (keyword, value) in members.iter_mut() {
        let place = format!("{pointer}/{keyword}");
        match keyword.as_str() {
            X_TEXT if value.as_str().and_then(TextClass::named).is_none() => {
                return Err(ContractError::TextClass(place));
            }
            name if SCHEMA_KEYWORDS.contains(&name) => tighten(value, &place)?,
            name if LIST_KEYWORDS.contains(&name) => {
                for (index, item) in value.as_array_mut().into_iter().flatten().enumerate() {
                    tighten(item, &format!("{place}/{index}"))?;
                }
            }
            name if MAP_KEYWORDS.contains(&name) => {
                for (key, item) in value.as_object_mut().into_iter().flatten() {
                    tighten(item, &format!("{place}/{key}"))?;
                }
            }
            name if name.starts_with("x-") || PLAIN_KEYWORDS.contains(&name) => {}
            name => {
                return Err(ContractError::UnknownKeyword {
                    keyword: name.to_owned(),
                    pointer: pointer.to_owned(),
                });
            }
        }
    }
    if may_be_string(members) {
        members.entry(X_TEXT).or_insert_with(|| Value::from("line"));
        members
            .entry("maxLength")
            .or_insert_with(|| Value::from(STRING_BYTES_MAX));
    }
    Ok(())
}

/// Whether the schema itself, and not one that it refers to, decides about strings.
fn may_be_string(members: &Map<String, Value>) -> bool {
    match members.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => !["$ref", "allOf", "anyOf", "const", "enum", "oneOf"]
            .iter()
            .any(|keyword| members.contains_key(*keyword)),
    }
}

#[cfg(test)]
mod tests;
