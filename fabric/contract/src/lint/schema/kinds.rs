//! What a schema of each type must say.

use serde_json::{Map, Value};

use super::super::{Faults, Rule};
use super::count;
use crate::limits::{ARRAY_ITEMS_MAX, INTEGER_MAX, MAP_ENTRIES_MAX, STRING_BYTES_HARD_MAX};
use crate::text::TextClass;

const FORMATS: &str = "date, date-time, duration, email, hostname, ipv4, ipv6, time, uri, uuid";

pub(super) fn object(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    match members.get("additionalProperties") {
        Some(Value::Bool(false)) => {}
        Some(Value::Object(_)) if members.contains_key("propertyNames") && count(members, "maxProperties").is_some_and(|most| most <= MAP_ENTRIES_MAX) => {}
        Some(Value::Object(_)) => faults.add(
            pointer,
            Rule::Open,
            format!("lets any name in; hint: say which with \"propertyNames\" and how many with \"maxProperties\", at most {MAP_ENTRIES_MAX}"),
        ),
        _ => faults.add(
            pointer,
            Rule::Open,
            "lets undeclared members in; hint: \"additionalProperties\": false",
        ),
    }
    let declared = members.get("properties").and_then(Value::as_object);
    let names = members.get("required").and_then(Value::as_array);
    for name in names.into_iter().flatten().filter_map(Value::as_str) {
        if !declared.is_some_and(|declared| declared.contains_key(name)) {
            let what = format!("requires {name:?}, which is not among its properties");
            faults.add(&format!("{pointer}/required"), Rule::Consistency, what);
        }
    }
    if declared.is_some_and(|declared| declared.len() > MAP_ENTRIES_MAX) {
        let what = format!("has more than {MAP_ENTRIES_MAX} properties");
        faults.add(pointer, Rule::Bounds, what);
    }
}

pub(super) fn array(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if !members.contains_key("items") {
        faults.add(pointer, Rule::Type, "does not say what its \"items\" are");
    }
    match count(members, "maxItems") {
        Some(1..=ARRAY_ITEMS_MAX) => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("needs \"maxItems\" from 1 to {ARRAY_ITEMS_MAX}"),
        ),
    }
    if count(members, "minItems") > count(members, "maxItems") {
        faults.add(
            pointer,
            Rule::Bounds,
            "\"minItems\" is greater than \"maxItems\"",
        );
    }
}

pub(super) fn text(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if let Some(class) = members.get("x-text")
        && class.as_str().and_then(TextClass::named).is_none()
    {
        let what = "\"x-text\" must be ident, line, block, cell or opaque-b64";
        faults.add(pointer, Rule::TextClass, what);
    }
    if members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    match count(members, "maxLength") {
        Some(1..=STRING_BYTES_HARD_MAX) => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("a text needs \"maxLength\" from 1 to {STRING_BYTES_HARD_MAX}"),
        ),
    }
    if count(members, "minLength") > count(members, "maxLength") {
        faults.add(
            pointer,
            Rule::Bounds,
            "\"minLength\" is greater than \"maxLength\"",
        );
    }
    let named = |key: &str| members.get(key).and_then(Value::as_str);
    match named("x-text") {
        None if !members.contains_key("x-text") => faults.add(
            pointer,
            Rule::TextClass,
            "a text needs \"x-text\": ident, line, block, cell or opaque-b64",
        ),
        Some("ident")
            if !["pattern", "format", "anyOf"]
                .iter()
                .any(|key| members.contains_key(*key)) =>
        {
            faults.add(
                pointer,
                Rule::TextClass,
                "an identifier needs a \"pattern\" or a \"format\" that says of what form it is",
            )
        }
        _ => {}
    }
    if named("format").is_some_and(|format| !FORMATS.split(", ").any(|known| known == format)) {
        faults.add(
            pointer,
            Rule::Keyword,
            format!("\"format\" must be one of {FORMATS}"),
        );
    }
}

pub(super) fn number(members: &Map<String, Value>, pointer: &str, faults: &mut Faults) {
    if members.contains_key("enum") || members.contains_key("const") {
        return;
    }
    let bound = |keys: [&str; 2]| keys.iter().find_map(|key| members.get(*key)?.as_f64());
    let least = bound(["minimum", "exclusiveMinimum"]);
    let most = bound(["maximum", "exclusiveMaximum"]);
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact as a float")]
    let wire = INTEGER_MAX as f64;
    match (least, most) {
        (Some(least), Some(most)) if least > most => {
            faults.add(
                pointer,
                Rule::Bounds,
                "\"minimum\" is greater than \"maximum\"",
            );
        }
        (Some(least), Some(most)) if least >= -wire && most <= wire => {}
        _ => faults.add(
            pointer,
            Rule::Bounds,
            format!("a number needs \"minimum\" and \"maximum\", within ±{INTEGER_MAX}"),
        ),
    }
}
