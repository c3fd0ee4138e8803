//! The names that a template finds in a run, as far as contracts and forms know them.

use docx_jinja::Shape;
use serde_json::{Map, Value};
use spokegate_contract::Shape as Body;

use crate::forms::{Field, FieldKind, Form};
use crate::relay::{Contract, Contracts};
use crate::reports::Need;

/// Deepest schema followed.
const DEPTH_MAX: usize = 24;

/// What a run of a report with these needs and this form supplies.
pub(crate) fn supplied(needs: &[Need], form: &Form, contracts: &Contracts) -> Shape {
    let plain = |names: &[&str]| {
        names
            .iter()
            .map(|name| ((*name).to_owned(), Shape::Plain))
            .collect::<Vec<_>>()
    };
    let params = form
        .fields()
        .iter()
        .map(|field| (field.name.clone(), of_field(field)));
    let mut tenant = plain(&["id", "title"]);
    for need in needs {
        let mut part = plain(&["count", "state", "older", "reason", "captured_at"]);
        part.push(("rows".to_owned(), rows(need, contracts)));
        tenant.push((need.key.clone(), Shape::map(part)));
    }
    let missing = Shape::map(plain(&["tenant", "dataset", "reason"]));
    let older = Shape::map(plain(&["tenant", "dataset", "captured_at", "reason"]));
    let report = Shape::map(plain(&["title", "generated_at", "generated_by", "run_id"]));
    let members = ["name", "address", "colour", "logo"];
    let mut brand = plain(&members);
    brand.push(("service".to_owned(), Shape::map(plain(&members))));
    Shape::map([
        ("report", report),
        ("brand", Shape::map(brand)),
        ("params", Shape::map(params)),
        ("tenants", Shape::list(Shape::map(tenant))),
        ("missing", Shape::list(missing)),
        ("older", Shape::list(older)),
    ])
}

fn of_field(field: &Field) -> Shape {
    match field.kind {
        FieldKind::Period => {
            let members = ["from", "to", "title", "days"];
            Shape::map(members.map(|name| (name.to_owned(), Shape::Plain)))
        }
        _ => Shape::Plain,
    }
}

/// What a need's data has in the versions that may be taken: what only some of them have may be left out.
fn rows(need: &Need, contracts: &Contracts) -> Shape {
    let versions = need
        .versions
        .iter()
        .map(|version| contracts.get(&need.dataset, *version));
    let mut shapes =
        versions.map(|contract| contract.map_or(Shape::Any, |contract| data(contract)));
    let first = shapes.next().unwrap_or(Shape::Any);
    shapes.fold(first, either)
}

fn data(contract: &Contract) -> Shape {
    let schema = &contract.dataset.data_schema;
    match contract.dataset.shape {
        Body::Rows => Shape::list(of_schema(schema, schema, 0)),
        // A missing document is an empty list.
        Body::Document => Shape::Any,
    }
}

/// The shape of what has one of two.
fn either(one: Shape, other: Shape) -> Shape {
    match (one, other) {
        (one, other) if one == other => one,
        (Shape::Optional(one), other) | (other, Shape::Optional(one)) => {
            left_out(either(*one, other))
        }
        (Shape::List(one), Shape::List(other)) => Shape::list(either(*one, *other)),
        (Shape::Map(mut one), Shape::Map(other)) => {
            let mut fields = Vec::new();
            for (name, shape) in other {
                let both = match one.remove(&name) {
                    Some(known) => either(known, shape),
                    None => left_out(shape),
                };
                fields.push((name, both));
            }
            fields.extend(one.into_iter().map(|(name, shape)| (name, left_out(shape))));
            Shape::map(fields)
        }
        _ => Shape::Any,
    }
}

fn left_out(shape: Shape) -> Shape {
    match shape {
        optional @ Shape::Optional(_) => optional,
        shape => Shape::optional(shape),
    }
}

/// The shape of what a JSON Schema describes.
pub(super) fn of_schema(schema: &Value, root: &Value, depth: usize) -> Shape {
    let Some(rules) = schema.as_object().filter(|_| depth < DEPTH_MAX) else {
        return Shape::Any;
    };
    if let Some(pointer) = rules.get("$ref").and_then(Value::as_str) {
        let target = pointer
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer));
        return target.map_or(Shape::Any, |target| of_schema(target, root, depth + 1));
    }
    if ["anyOf", "oneOf", "allOf", "if"]
        .iter()
        .any(|key| rules.contains_key(*key))
    {
        return Shape::Any;
    }
    match kind(rules) {
        Some("object") => fields(rules, root, depth),
        Some("array") => {
            let items = rules.get("items").unwrap_or(&Value::Null);
            Shape::list(of_schema(items, root, depth + 1))
        }
        Some(_) => Shape::Plain,
        None if rules.contains_key("enum") || rules.contains_key("const") => Shape::Plain,
        None => Shape::Any,
    }
}

fn fields(rules: &Map<String, Value>, root: &Value, depth: usize) -> Shape {
    let is_closed = rules.get("additionalProperties") == Some(&Value::Bool(false));
    let properties = rules.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|_| is_closed) else {
        return Shape::Any;
    };
    let required = rules.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
    };
    Shape::map(properties.iter().map(|(name, schema)| {
        let shape = of_schema(schema, root, depth + 1);
        let shape = if is_required(name) {
            shape
        } else {
            Shape::optional(shape)
        };
        (name.clone(), shape)
    }))
}

/// The one type besides null.
fn kind(rules: &Map<String, Value>) -> Option<&str> {
    match rules.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let mut kinds = kinds
                .iter()
                .filter_map(Value::as_str)
                .filter(|kind| *kind != "null");
            kinds.next().filter(|_| kinds.next().is_none())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: Shape, other: Shape, expected: Shape) {
        assert_eq!(either(one.clone(), other.clone()), expected);
        assert_eq!(either(other, one), expected);
    }

    #[test]
    fn what_only_one_version_has_may_be_left_out() {
        let map = |names: &[&str]| Shape::map(names.iter().map(|name| (*name, Shape::Plain)));
        let optional = || Shape::optional(Shape::Plain);
        check(map(&["a"]), map(&["a"]), map(&["a"]));
        let both = Shape::map([("a", Shape::Plain), ("b", optional()), ("c", optional())]);
        check(map(&["a", "b"]), map(&["a", "c"]), both.clone());
        check(
            Shape::list(map(&["a", "b"])),
            Shape::list(map(&["a", "c"])),
            Shape::list(both),
        );
        check(optional(), Shape::Plain, optional());
        check(map(&["a"]), Shape::Plain, Shape::Any);
    }
}
