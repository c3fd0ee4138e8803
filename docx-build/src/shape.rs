//! What a dataset looks like to somebody who writes a report about it.

use serde_json::Value;

/// Names of whole numbers that are no quantities.
const LABELS: &[&str] = &["port", "year", "pid", "number", "vlan"];

/// A dataset as its schema has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetShape {
    /// Its name in templates: `backup_jobs`.
    pub key: String,
    /// Its name for people.
    pub title: String,
    /// What it holds, in a sentence.
    pub description: String,
    /// Whether it has rows; else it is one document.
    pub rows: bool,
    /// Its columns, in the schema's order.
    pub fields: Vec<Field>,
}

/// A column, or a member of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in the data.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may be missing or null.
    pub optional: bool,
    /// Longest text, in characters, where the schema says.
    pub length_max: Option<u64>,
}

/// What a field holds, which decides how it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// A line of text, or a number that is a label.
    Text,
    /// One of these texts.
    Choice(Vec<String>),
    /// A whole number.
    Count,
    /// A number with decimals.
    Quantity,
    /// A number of bytes.
    Bytes,
    /// A number of bits; 0 says that there are none.
    Bits,
    /// A number of seconds.
    Seconds,
    /// A day.
    Day,
    /// A date and time.
    Moment,
    /// Yes or no.
    Truth,
    /// An amount: `minor_units` and `currency`.
    Money,
    /// A list of numbers, one behind the other.
    List,
    /// A list of texts, each on a line of its own.
    Lines,
    /// An object or a list of objects.
    Other,
}

impl DatasetShape {
    /// Reads the JSON Schema of a row, or of a document; it refers to nothing outside itself.
    pub fn from_schema(
        id: &str,
        title: &str,
        description: &str,
        rows: bool,
        schema: &Value,
    ) -> Self {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let members = schema["properties"].as_object();
        let fields = members.into_iter().flatten().map(|(name, member)| {
            let nullable = member["type"]
                .as_array()
                .is_some_and(|types| types.iter().any(|kind| kind == "null"));
            Field {
                name: name.clone(),
                title: member["title"]
                    .as_str()
                    .map_or_else(|| words(name), str::to_owned),
                kind: kind(name, member),
                optional: nullable || !required.contains(&name.as_str()),
                length_max: member["maxLength"].as_u64(),
            }
        });
        Self {
            key: id.replace('-', "_"),
            title: title.to_owned(),
            description: description.to_owned(),
            rows,
            fields: fields.collect(),
        }
    }
}

fn kind(name: &str, member: &Value) -> FieldKind {
    let choices = member["enum"].as_array();
    if let Some(choices) = choices.filter(|choices| choices.iter().all(Value::is_string)) {
        let texts = choices.iter().filter_map(Value::as_str);
        return FieldKind::Choice(texts.map(str::to_owned).collect());
    }
    let types = match &member["type"] {
        Value::Array(types) => types
            .iter()
            .find_map(|kind| kind.as_str().filter(|kind| *kind != "null")),
        kind => kind.as_str(),
    };
    match (types.unwrap_or_default(), member["format"].as_str()) {
        ("string", Some("date-time")) => FieldKind::Moment,
        ("string", Some("date")) => FieldKind::Day,
        ("string", _) => FieldKind::Text,
        ("boolean", _) => FieldKind::Truth,
        ("integer" | "number", _) if name.split('_').any(|word| word == "bytes") => {
            FieldKind::Bytes
        }
        ("integer" | "number", _) if name.ends_with("_s") || name.ends_with("_seconds") => {
            FieldKind::Seconds
        }
        ("integer", _) if LABELS.contains(&name) || name.ends_with("_id") => FieldKind::Text,
        ("integer", _) if name.ends_with("_bits") => FieldKind::Bits,
        ("integer", _) => FieldKind::Count,
        ("number", _) => FieldKind::Quantity,
        ("array", _) => match member["items"]["type"].as_str() {
            Some("object" | "array") => FieldKind::Other,
            Some("integer" | "number") => FieldKind::List,
            _ => FieldKind::Lines,
        },
        ("object", _) if member["properties"]["minor_units"].is_object() => FieldKind::Money,
        _ => FieldKind::Other,
    }
}

/// `last_seen` in words: Last seen.
fn words(name: &str) -> String {
    let text = name.replace(['_', '-'], " ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_says_how_a_field_is_shown() {
        let check = |name: &str, member: Value, expected: FieldKind| {
            let schema = json!({"required": ["always"], "properties": {name: member}});
            let shape = DatasetShape::from_schema("a-b", "T", "D.", true, &schema);
            assert_eq!(shape.key, "a_b");
            assert_eq!(shape.fields[0].kind, expected, "{name}");
            assert_eq!(shape.fields[0].optional, name != "always", "{name}");
        };
        check("always", json!({"type": "string"}), FieldKind::Text);
        check(
            "x",
            json!({"enum": ["a", "b"]}),
            FieldKind::Choice(vec!["a".into(), "b".into()]),
        );
        check("x", json!({"type": "integer"}), FieldKind::Count);
        check("port", json!({"type": "integer"}), FieldKind::Text);
        check(
            "x",
            json!({"type": ["number", "null"]}),
            FieldKind::Quantity,
        );
        check("free_bytes", json!({"type": "integer"}), FieldKind::Bytes);
        check(
            "growth_bytes_per_day",
            json!({"type": "integer"}),
            FieldKind::Bytes,
        );
        check("duration_s", json!({"type": "number"}), FieldKind::Seconds);
        check(
            "x",
            json!({"type": "string", "format": "date"}),
            FieldKind::Day,
        );
        check(
            "x",
            json!({"type": "string", "format": "date-time"}),
            FieldKind::Moment,
        );
        check("x", json!({"type": "boolean"}), FieldKind::Truth);
        check(
            "x",
            json!({"type": "array", "items": {"type": "integer"}}),
            FieldKind::List,
        );
        check(
            "x",
            json!({"type": "array", "items": {"type": "string"}}),
            FieldKind::Lines,
        );
        check("key_bits", json!({"type": "integer"}), FieldKind::Bits);
        check(
            "x",
            json!({"type": "array", "items": {"type": "object"}}),
            FieldKind::Other,
        );
        check(
            "x",
            json!({"type": "object", "properties": {"minor_units": {}}}),
            FieldKind::Money,
        );
    }

    #[test]
    fn names_become_words() {
        let schema =
            json!({"properties": {"last_seen": {"type": "string"}, "os": {"title": "System"}}});
        let shape = DatasetShape::from_schema("x", "T", "D.", false, &schema);
        let titles: Vec<_> = shape
            .fields
            .iter()
            .map(|field| field.title.as_str())
            .collect();
        assert_eq!(titles, ["Last seen", "System"]);
    }
}
