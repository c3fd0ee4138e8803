//! The centre's own judge of a contract: another validator than the sanitizer's, fed by another parser.

use boon::{Compiler, Draft, ErrorKind, SchemaIndex, Schemas, ValidationError};
use serde_json::{Map, Value, json};
use spokegate_contract::Violation;
use spokegate_contract::limits::STRING_BYTES_MAX;
use spokegate_contract::text::one_line;

use super::formats;
use super::text::Class;

/// Where a schema is said to lie while it is compiled. Nothing can be fetched from there.
const PLACE: &str = "https://schemas.spokegate.invalid/contract.json";
/// Longest pointer in a verdict, in bytes.
const POINTER_BYTES_MAX: usize = 200;
/// Formats that contracts may name; others would go unchecked.
const FORMATS: [&str; 10] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
];
/// Keywords that hold one schema, a list of schemas, or schemas by name.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 4] = [
    "$defs",
    "dependentSchemas",
    "patternProperties",
    "properties",
];
/// Keywords that decide by themselves, or by another schema, which texts there are.
const DECIDES: [&str; 6] = ["$ref", "allOf", "anyOf", "const", "enum", "oneOf"];

/// Why a schema cannot be checked here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RecheckError {
    /// A format that this validator does not know.
    #[error("{name:?} is no format that the centre checks; allowed: {}", FORMATS.join(", "))]
    Format {
        /// Its name.
        name: String,
    },
    /// No text class.
    #[error("{0} is no text class; allowed: ident, line, block, cell, opaque-b64")]
    TextClass(Value),
    /// A step that floats do not hold exactly.
    #[error(
        "multipleOf {0} is no whole number, which validators read differently; hint: declare an integer in a smaller unit"
    )]
    Step(Value),
    /// The validator refuses the schema.
    #[error("the schema does not compile: {0}")]
    Schema(String),
}

/// A compiled schema.
pub(super) struct Recheck {
    schemas: Schemas,
    index: SchemaIndex,
}

impl std::fmt::Debug for Recheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recheck")
    }
}

impl Recheck {
    /// Compiles a schema that refers to nothing outside itself.
    ///
    /// # Errors
    /// When it does not compile, or names what would go unchecked.
    pub(super) fn compile(schema: &Value) -> Result<Self, RecheckError> {
        let fault = |error: boon::CompileError| RecheckError::Schema(format!("{error:#}"));
        let mut schema = schema.clone();
        spell_out(&mut schema)?;
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.use_loader(Box::new(Nowhere));
        for format in Class::formats().chain(formats::own()) {
            compiler.register_format(format);
        }
        compiler.add_resource(PLACE, schema).map_err(fault)?;
        let mut schemas = Schemas::new();
        let index = compiler.compile(PLACE, &mut schemas).map_err(fault)?;
        Ok(Self { schemas, index })
    }

    /// Whether a value satisfies the schema.
    ///
    /// # Errors
    /// One broken rule and its place; never the value.
    pub(super) fn check(&self, value: &Value) -> Result<(), Violation> {
        let verdict = self.schemas.validate(value, self.index);
        verdict.map_err(|error| violation(&error))
    }
}

/// Fetches nothing.
struct Nowhere;

impl boon::UrlLoader for Nowhere {
    fn load(&self, url: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err(format!("{url} is not at hand").into())
    }
}

/// The first of the innermost errors.
fn violation(error: &ValidationError<'_, '_>) -> Violation {
    let mut inner = error;
    while let (true, Some(cause)) = (leads_on(&inner.kind), inner.causes.first()) {
        inner = cause;
    }
    Violation {
        pointer: one_line(&inner.instance_location.to_string(), POINTER_BYTES_MAX),
        rule: format!("contract:{}", keyword(&inner.kind)),
    }
}

/// Whether the cause, and not the keyword itself, is what was broken. Of alternatives none is to blame.
fn leads_on(kind: &ErrorKind<'_, '_>) -> bool {
    !matches!(
        kind,
        ErrorKind::AnyOf
            | ErrorKind::OneOf(_)
            | ErrorKind::Contains
            | ErrorKind::PropertyName { .. }
    )
}

fn keyword(kind: &ErrorKind<'_, '_>) -> &'static str {
    match kind {
        ErrorKind::Group | ErrorKind::Schema { .. } => "schema",
        ErrorKind::Reference { .. } | ErrorKind::RefCycle { .. } => "$ref",
        ErrorKind::FalseSchema => "false",
        ErrorKind::Type { .. } => "type",
        ErrorKind::Enum { .. } => "enum",
        ErrorKind::Const { .. } => "const",
        ErrorKind::Format { want, .. } if want.starts_with("x-text-") => "x-text",
        ErrorKind::Format { .. } => "format",
        ErrorKind::PropertyName { .. } => "propertyNames",
        ErrorKind::MinProperties { .. } => "minProperties",
        ErrorKind::MaxProperties { .. } => "maxProperties",
        ErrorKind::AdditionalProperties { .. } => "additionalProperties",
        ErrorKind::Required { .. } => "required",
        ErrorKind::Dependency { .. } | ErrorKind::DependentRequired { .. } => "dependentRequired",
        ErrorKind::MinItems { .. } => "minItems",
        ErrorKind::MaxItems { .. } => "maxItems",
        ErrorKind::Contains => "contains",
        ErrorKind::MinContains { .. } => "minContains",
        ErrorKind::MaxContains { .. } => "maxContains",
        ErrorKind::UniqueItems { .. } => "uniqueItems",
        ErrorKind::AdditionalItems { .. } => "items",
        ErrorKind::MinLength { .. } => "minLength",
        ErrorKind::MaxLength { .. } => "maxLength",
        ErrorKind::Pattern { .. } => "pattern",
        ErrorKind::ContentEncoding { .. } => "contentEncoding",
        ErrorKind::ContentMediaType { .. } => "contentMediaType",
        ErrorKind::ContentSchema => "contentSchema",
        ErrorKind::Minimum { .. } => "minimum",
        ErrorKind::Maximum { .. } => "maximum",
        ErrorKind::ExclusiveMinimum { .. } => "exclusiveMinimum",
        ErrorKind::ExclusiveMaximum { .. } => "exclusiveMaximum",
        ErrorKind::MultipleOf { .. } => "multipleOf",
        ErrorKind::Not => "not",
        ErrorKind::AllOf => "allOf",
        ErrorKind::AnyOf => "anyOf",
        ErrorKind::OneOf(_) => "oneOf",
    }
}

/// Writes into every schema what contracts leave unsaid: a text is a line of at most 4096 characters. The class becomes
/// a format beside the schema's own, which is how this validator is taught a check.
fn spell_out(schema: &mut Value) -> Result<(), RecheckError> {
    let Value::Object(members) = schema else {
        return Ok(());
    };
    for (keyword, value) in members.iter_mut() {
        match (keyword.as_str(), value) {
            (name, value) if ONE.contains(&name) => spell_out(value)?,
            (name, Value::Array(items)) if LIST.contains(&name) => {
                items.iter_mut().try_for_each(spell_out)?;
            }
            (name, Value::Object(named)) if NAMED.contains(&name) => {
                named.values_mut().try_for_each(spell_out)?;
            }
            ("multipleOf", step) if !step.is_u64() => {
                return Err(RecheckError::Step(step.clone()));
            }
            ("format", Value::String(name)) if !FORMATS.contains(&name.as_str()) => {
                let name = name.clone();
                return Err(RecheckError::Format { name });
            }
            _ => {}
        }
    }
    let class = match members.get("x-text") {
        Some(Value::String(name)) => Some(
            Class::named(name)
                .ok_or_else(|| RecheckError::TextClass(Value::from(name.as_str())))?,
        ),
        Some(other) => return Err(RecheckError::TextClass(other.clone())),
        None => None,
    };
    let texts = may_be_text(members);
    if texts {
        let most = || Value::from(STRING_BYTES_MAX);
        members.entry("maxLength").or_insert_with(most);
    }
    if let Some(class) = class.or(texts.then_some(Class::Line)) {
        let check = json!({"format": class.format().name});
        let all = members.entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(all) = all {
            all.push(check);
        }
    }
    Ok(())
}

/// Whether this schema itself lets texts in.
fn may_be_text(members: &Map<String, Value>) -> bool {
    match members.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => names.iter().any(|name| name == "string"),
        _ => !DECIDES.iter().any(|keyword| members.contains_key(*keyword)),
    }
}

#[cfg(test)]
mod tests;
