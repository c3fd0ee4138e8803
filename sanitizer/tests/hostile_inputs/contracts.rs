//! A schema folder for the attacks: a table that takes any row, and one with everything that costs a validator time.

use serde_json::{Value, json};
use spokegate_contract::dataset::sha256_hex;
use std::path::Path;

/// One kind of object, with whatever else.
fn kind(kind: &str) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": ["kind"],
           "properties": {"kind": {"const": kind}, "more": {"type": "array", "maxItems": 20000, "items": {"type": "integer"}}}})
}

/// Eight branches in each of eight branches without end, which the lint of contracts does not let through.
fn unruly() -> Value {
    let branch = |kind: &str| {
        json!({"type": "object", "additionalProperties": false, "required": ["kind"],
               "properties": {"kind": {"const": kind}, "more": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}})
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "$defs": {"tree": {"anyOf": (0..8).map(|number| branch(&format!("k{number}"))).collect::<Vec<_>>()}},
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
    })
}

/// Keywords at their most expensive.
fn costly() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "nested": {"type": "string", "maxLength": 65536, "pattern": "^(a+)+$"},
            "either": {"type": "string", "maxLength": 65536, "pattern": "^(a|a|aa)*$"},
            "counted": {"type": "string", "maxLength": 65536, "pattern": "^(x?){50}x{50}$"},
            "mail": {"type": "string", "maxLength": 65536, "format": "email"},
            "link": {"type": "string", "maxLength": 65536, "format": "uri"},
            "time": {"type": "string", "maxLength": 65536, "format": "date-time"},
            "host": {"type": "string", "maxLength": 65536, "format": "hostname"},
            "v4": {"type": "string", "maxLength": 65536, "format": "ipv4"},
            "v6": {"type": "string", "maxLength": 65536, "format": "ipv6"},
            "pointer": {"type": "string", "maxLength": 65536, "format": "json-pointer"},
            "unique": {"type": "array", "uniqueItems": true, "maxItems": 20000},
            "either_kind": {"anyOf": (0..8).map(|number| kind(&format!("k{number}"))).collect::<Vec<_>>()},
            "chosen": {"enum": (0..500).map(|number| format!("choice-{number}")).collect::<Vec<_>>()},
            "free": {"type": "object", "maxProperties": 256, "propertyNames": {"pattern": "^[a-z0-9]+$", "maxLength": 128}},
            "some": {"type": "array", "contains": {"const": "needle"}},
            "step": {"type": "number", "multipleOf": 0.01},
            "short": {"type": "string"},
            "word": {"type": "string", "x-text": "ident"},
            "line": {"type": "string", "x-text": "line"},
            "block": {"type": "string", "x-text": "block"},
            "cell": {"type": "string", "x-text": "cell"},
            "opaque": {"type": "string", "x-text": "opaque-b64"},
        },
    })
}

/// Writes the folder: datasets `any`, `costly` and `unruly`, each in version 1, pulled and pushed.
pub(crate) fn write(folder: &Path) {
    let any = json!({"type": "object", "maxProperties": 256});
    let params = json!({"type": "object", "additionalProperties": false});
    let mut files = serde_json::Map::new();
    let mut put = |path: String, value: &Value| {
        let bytes = serde_json::to_vec_pretty(value).unwrap();
        std::fs::create_dir_all(folder.join(&path).parent().unwrap()).unwrap();
        std::fs::write(folder.join(&path), &bytes).unwrap();
        files.insert(path, Value::from(sha256_hex(&bytes)));
    };
    for (id, row) in [("any", any), ("costly", costly()), ("unruly", unruly())] {
        let about = json!({"id": id, "title": id, "description": id, "shape": "rows", "kinds": ["pull", "push"],
                           "max_age_s": 3600, "personal_data": true});
        put(format!("{id}/dataset.json"), &about);
        put(format!("{id}/v1/params.schema.json"), &params);
        put(format!("{id}/v1/row.schema.json"), &row);
    }
    let index = json!({"datasets": [{"id": "any", "version": 1}, {"id": "costly", "version": 1}, {"id": "unruly", "version": 1}], "files": files});
    std::fs::write(
        folder.join("registry.json"),
        serde_json::to_vec(&index).unwrap(),
    )
    .unwrap();
}
