//! Compiled schemas.

use std::fmt;

use jsonschema::PatternOptions;
use serde_json::Value;

use crate::dataset::Dataset;
use crate::text;

/// Longest pointer or rule in an error, in bytes.
const PLACE_BYTES_MAX: usize = 200;

/// A compiled schema: no remote references, linear-time patterns, formats checked, unknown formats refused.
pub struct Validator(jsonschema::Validator);

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

/// The first rule that a value breaks. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: breaks \"{rule}\"", if .pointer.is_empty() { "the whole" } else { .pointer })]
pub struct Violation {
    /// JSON Pointer (RFC 6901) to the value.
    pub pointer: String,
    /// The schema keyword, as a pointer into the schema.
    pub rule: String,
}

/// A schema that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema does not compile: {0}")]
pub struct SchemaError(String);

impl Validator {
    /// Compiles a schema of JSON Schema 2020-12.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .build(schema)
            .map(Self)
            .map_err(|error| SchemaError(error.masked().to_string()))
    }

    /// The parameters of a dataset.
    pub fn params(dataset: &Dataset) -> Result<Self, SchemaError> {
        Self::new(&dataset.params_schema)
    }

    /// One row of a dataset, or its document.
    pub fn data(dataset: &Dataset) -> Result<Self, SchemaError> {
        Self::new(&dataset.data_schema)
    }

    /// Whether a value satisfies the schema.
    pub fn check(&self, value: &Value) -> Result<(), Violation> {
        self.0.validate(value).map_err(|error| Violation {
            pointer: text::one_line(&error.instance_path().to_string(), PLACE_BYTES_MAX),
            rule: text::one_line(&error.schema_path().to_string(), PLACE_BYTES_MAX),
        })
    }

    /// Whether a value satisfies the schema, without the reason; faster.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_broken_rule_is_named_without_the_value() {
        let schema = json!({
            "type": "object", "additionalProperties": false,
            "properties": {"name": {"type": "string", "maxLength": 3}, "at": {"type": "string", "format": "date-time"}},
        });
        let validator = Validator::new(&schema).unwrap();
        assert_eq!(
            validator.check(&json!({"name": "abc", "at": "2026-01-01T00:00:00Z"})),
            Ok(())
        );
        let place = |value: &Value| validator.check(value).map_err(|v| (v.pointer, v.rule));
        let broken = |pointer: &str, rule: &str| Err((pointer.to_owned(), rule.to_owned()));
        assert_eq!(
            place(&json!({"name": "secret"})),
            broken("/name", "/properties/name/maxLength")
        );
        assert_eq!(
            place(&json!({"at": "yesterday"})),
            broken("/at", "/properties/at/format")
        );
        assert_eq!(place(&json!({"x": 1})), broken("", "/additionalProperties"));
    }

    #[test]
    fn a_schema_that_reaches_out_or_backtracks_does_not_compile() {
        for schema in [
            json!({"$ref": "https://schemas.example/x.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"pattern": "^(a)\\1$"}),
            json!({"format": "hostnam"}),
            json!({"type": "strin"}),
        ] {
            assert!(Validator::new(&schema).is_err(), "{schema}");
        }
        assert!(Validator::new(&json!({"format": "hostname", "pattern": "^a+$"})).is_ok());
    }
}
