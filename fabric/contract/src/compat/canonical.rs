//! The algebra of schemas: the one place that asks the library's experimental module, which is why its version is
//! pinned and its answers are golden.

use jsonschema::PatternOptions;
use jsonschema::canonical::{self, CanonicalSchema, Containment, Satisfiability};
use serde_json::Value;

/// Whether it is shown that `wide` accepts every value that `narrow` does.
pub(super) fn covers(wide: &Value, narrow: &Value) -> bool {
    if wide == narrow {
        return true;
    }
    let answer = canonical(wide)
        .zip(canonical(narrow))
        .and_then(|(wide, narrow)| wide.covers(&narrow).ok());
    answer == Some(Containment::Yes)
}

/// A schema of the values that `old` accepts and `new` does not, where it can be written.
pub(super) fn lost(old: &Value, new: &Value) -> Option<Value> {
    let values = canonical(old)?.subtract(&canonical(new)?).ok()?;
    if values.satisfiability() == Satisfiability::No {
        return None;
    }
    let mut values = values.to_json_schema();
    if let Value::Object(members) = &mut values {
        members.shift_remove("$schema");
    }
    Some(values)
}

fn canonical(schema: &Value) -> Option<CanonicalSchema> {
    canonical::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(true)
        .offline()
        .canonicalize(&without_id(schema))
        .ok()
}

/// Two versions of a schema have one `$id`; taken for resources of that name they could not be compared.
fn without_id(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.shift_remove("$id");
    }
    schema
}
