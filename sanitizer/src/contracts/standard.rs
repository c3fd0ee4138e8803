//! Schemas as the standard alone reads them.

use super::compile::{Contract, ContractError};
use super::quick::{self, Keywords};
use super::representation::Body;
use jsonschema::{PatternOptions, Registry, Uri};
use serde_json::Value;
use std::collections::BTreeMap;

impl Contract {
    /// Compiles a schema by JSON Schema 2020-12 and nothing else: no bounds of this product, no text classes, unknown
    /// keywords ignored. Worker and `check` never do this; it lets the official test suite drive the same validator over
    /// the same tree. References lead into `documents`, by address, and nowhere else. With `formats` they are asserted;
    /// without it only where the schema's own vocabulary says so.
    ///
    /// # Errors
    /// The first fault of the schema.
    pub fn by_the_standard(
        schema: &Value,
        documents: &BTreeMap<String, Value>,
        formats: bool,
    ) -> Result<Contract, ContractError> {
        let fault = |error: &dyn std::fmt::Display| ContractError::Schema(error.to_string());
        let registry = Registry::new()
            .retriever(Nowhere)
            .extend(documents)
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| fault(&error))?;
        let mut options = jsonschema::options_for::<Body>()
            .with_pattern_options(PatternOptions::regex())
            .with_registry(&registry)
            .offline();
        if formats {
            options = options.should_validate_formats(true);
        }
        let validator = options
            .build(schema)
            .map_err(|error| fault(&error.masked()))?;
        let keywords = Keywords {
            formats,
            ours: false,
        };
        Ok(Contract::of(validator, quick::plan(schema, keywords)))
    }
}

/// Fetches nothing.
struct Nowhere;

impl jsonschema::Retrieve for Nowhere {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is not at hand").into())
    }
}
