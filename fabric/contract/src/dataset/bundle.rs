//! Types that schemas share: a `$ref` to one is replaced by the type itself, so that a schema refers to nothing outside.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Where every `$id` of a schema folder begins. The host is reserved (RFC 2606): nothing can ever be fetched from it.
pub const SCHEMA_BASE: &str = "https://schemas.spokegate.invalid/";
/// Deepest chain of types that refer to types.
const CHAIN_MAX: usize = 8;
/// Deepest nesting of a schema.
const SCHEMA_DEPTH_MAX: usize = 64;

/// Most values in a schema once every shared type stands in its place. Types that refer to types often enough multiply.
const SCHEMA_NODES_MAX: usize = 200_000;

/// Keywords that may stand beside a `$ref` to a shared type: they say what a member means, not what it may hold.
pub(crate) const BESIDE_REF: [&str; 6] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "x-sensitivity",
];

/// Why a schema cannot be made whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A reference to what is not in the folder.
    #[error(
        "{pointer:?} refers to {uri:?}, which is no shared type of this folder; hint: `$ref` takes \"{SCHEMA_BASE}_common/v<N>/<type>.json\" or a pointer into the same file (\"#/$defs/…\")"
    )]
    Unknown {
        /// Where the reference stands.
        pointer: String,
        /// What it names.
        uri: String,
    },
    /// A keyword beside a reference that would change what the type accepts.
    #[error(
        "{pointer:?} has {keyword:?} beside a reference to a shared type; hint: only title, description, default, examples, deprecated and x-sensitivity may stand there"
    )]
    Beside {
        /// Where the reference stands.
        pointer: String,
        /// The keyword.
        keyword: String,
    },
    /// Types that refer to each other in a circle, or a chain that is too long.
    #[error("{pointer:?} leads through more than {CHAIN_MAX} shared types, or in a circle")]
    Chain {
        /// Where the reference stands.
        pointer: String,
    },
    /// Types that refer to types so often that the whole would be too large.
    #[error(
        "{pointer:?} makes the schema larger than {SCHEMA_NODES_MAX} values; hint: refer to large shared types less often"
    )]
    Size {
        /// Where it became too large.
        pointer: String,
    },
    /// Nested too deeply to be walked.
    #[error("{pointer:?} is nested deeper than {SCHEMA_DEPTH_MAX} levels")]
    Depth {
        /// Where.
        pointer: String,
    },
}

/// The shared types of a schema folder, by `$id`.
#[derive(Debug, Clone, Default)]
pub struct Common(BTreeMap<String, Value>);

impl Common {
    /// No types.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type from the file `path` below the folder; it is referred to by its path, whatever its `$id` says.
    pub fn insert(&mut self, path: &str, schema: Value) {
        self.0
            .insert(format!("{SCHEMA_BASE}{}", uri_path(path)), schema);
    }

    /// A type by its URI.
    pub fn get(&self, uri: &str) -> Option<&Value> {
        self.0.get(uri)
    }

    /// All of them, by URI.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(uri, schema)| (uri.as_str(), schema))
    }

    /// The schema with every shared type in its place. References into the schema itself stay.
    ///
    /// # Errors
    /// When it refers to what is not here, or adds rules to a type.
    pub fn bundle(&self, schema: &Value) -> Result<Value, BundleError> {
        self.whole(schema, &mut Place::default())
    }

    fn whole(&self, schema: &Value, place: &mut Place) -> Result<Value, BundleError> {
        if place.steps.len() > SCHEMA_DEPTH_MAX {
            return Err(BundleError::Depth {
                pointer: place.pointer(),
            });
        }
        place.count(1)?;
        match schema {
            Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
                Some(uri) if !uri.starts_with('#') => self.replaced(members, uri, place),
                _ => self.members(members, place, |this, key, value, place| {
                    match (key, value) {
                        // Values that are data, not schemas, hold no references.
                        ("const" | "enum" | "default" | "examples", data) => {
                            place.count(nodes(data))?;
                            Ok(data.clone())
                        }
                        // Their keys are names, not keywords.
                        (
                            "properties" | "patternProperties" | "$defs" | "dependentSchemas",
                            Value::Object(named),
                        ) => this.members(named, place, |this, _, value, place| {
                            this.whole(value, place)
                        }),
                        (_, schema) => this.whole(schema, place),
                    }
                }),
            },
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    place.within(&index.to_string(), |place| self.whole(item, place))
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            scalar => Ok(scalar.clone()),
        }
    }

    fn members(
        &self,
        members: &Map<String, Value>,
        place: &mut Place,
        each: impl Fn(&Self, &str, &Value, &mut Place) -> Result<Value, BundleError>,
    ) -> Result<Value, BundleError> {
        members
            .iter()
            .map(|(key, value)| {
                let whole = place.within(key, |place| each(self, key, value, place))?;
                Ok((key.clone(), whole))
            })
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object)
    }

    /// The type that a reference names, under the words that stand beside it.
    fn replaced(
        &self,
        members: &Map<String, Value>,
        uri: &str,
        place: &mut Place,
    ) -> Result<Value, BundleError> {
        let pointer = place.pointer();
        let Some(shared) = self.get(uri) else {
            let uri = uri.to_owned();
            return Err(BundleError::Unknown { pointer, uri });
        };
        let stranger = members
            .keys()
            .find(|key| *key != "$ref" && !BESIDE_REF.contains(&key.as_str()));
        if let Some(keyword) = stranger.cloned() {
            return Err(BundleError::Beside { pointer, keyword });
        }
        place.chain = place.chain.saturating_add(1);
        if place.chain > CHAIN_MAX {
            return Err(BundleError::Chain { pointer });
        }
        let mut whole = self.whole(shared, place)?;
        place.chain = place.chain.saturating_sub(1);
        if let Value::Object(whole) = &mut whole {
            whole.shift_remove("$schema");
            whole.shift_remove("$id");
            for (key, value) in members.iter().filter(|(key, _)| *key != "$ref") {
                place.count(nodes(value))?;
                whole.insert(key.clone(), value.clone());
            }
        }
        Ok(whole)
    }
}

/// `devices/v1/row.schema.json` is `devices/v1/row.json` in a URI.
pub(crate) fn uri_path(path: &str) -> String {
    path.replace(".schema.json", ".json")
}

/// Values in a value, itself included. JSON that was read is nested 128 levels at most.
fn nodes(value: &Value) -> usize {
    let inside: usize = match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(members) => members.values().map(nodes).sum(),
        _ => 0,
    };
    inside.saturating_add(1)
}

/// Where a walk stands.
#[derive(Default)]
struct Place {
    steps: Vec<String>,
    chain: usize,
    nodes: usize,
}

impl Place {
    /// So many more values are in the schema.
    fn count(&mut self, nodes: usize) -> Result<(), BundleError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > SCHEMA_NODES_MAX {
            return Err(BundleError::Size {
                pointer: self.pointer(),
            });
        }
        Ok(())
    }

    fn within<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.steps.push(step.replace('~', "~0").replace('/', "~1"));
        let result = work(self);
        self.steps.pop();
        result
    }

    fn pointer(&self) -> String {
        self.steps.iter().map(|step| format!("/{step}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn common() -> Common {
        let mut common = Common::new();
        let name = json!({"$id": "x", "title": "Name", "type": "string", "maxLength": 9, "x-text": "ident"});
        common.insert("_common/v1/name.json", name);
        let names = json!({"type": "array", "maxItems": 2, "items": {"$ref": format!("{SCHEMA_BASE}_common/v1/name.json")}});
        common.insert("_common/v1/names.json", names);
        let circle = json!({"type": "array", "items": {"$ref": format!("{SCHEMA_BASE}_common/v1/circle.json")}});
        common.insert("_common/v1/circle.json", circle);
        common
    }

    fn reference(name: &str) -> Value {
        json!({"$ref": format!("{SCHEMA_BASE}_common/v1/{name}.json")})
    }

    #[test]
    fn a_shared_type_stands_where_it_was_referred_to() {
        let mut host = reference("name");
        host["title"] = json!("Host");
        let schema = json!({"type": "object", "properties": {
            "host": host, "all": reference("names"), "own": {"$ref": "#/$defs/own"},
            "data": {"const": reference("name")}, "default": reference("name"),
        }});
        let whole = common().bundle(&schema).unwrap();
        assert_eq!(
            whole["properties"]["host"],
            json!({"title": "Host", "type": "string", "maxLength": 9, "x-text": "ident"})
        );
        assert_eq!(
            whole["properties"]["all"]["items"],
            json!({"title": "Name", "type": "string", "maxLength": 9, "x-text": "ident"})
        );
        assert_eq!(whole["properties"]["own"], json!({"$ref": "#/$defs/own"}));
        assert_eq!(whole["properties"]["data"]["const"], reference("name"));
        assert_eq!(whole["properties"]["default"]["type"], "string");
    }

    /// A folder whose types each refer to the next one so many times, at `depth` levels.
    fn multiplied(depth: usize, times: usize) -> Common {
        let mut common = Common::new();
        for level in 0..depth {
            let inner = if level == 0 {
                json!({"type": "string"})
            } else {
                reference(&format!("level{}", level - 1))
            };
            let path = format!("_common/v1/level{level}.json");
            common.insert(&path, json!({"anyOf": vec![inner; times]}));
        }
        common
    }

    #[test]
    fn types_that_multiply_are_bounded_in_number() {
        let check = |depth: usize, times: usize, fits: bool| {
            let schema = reference(&format!("level{}", depth - 1));
            let whole = multiplied(depth, times).bundle(&schema);
            match whole {
                Ok(_) => assert!(fits, "{depth} {times}"),
                Err(BundleError::Size { pointer }) => {
                    assert!(!fits && pointer.starts_with("/anyOf"), "{pointer}");
                }
                Err(other) => panic!("{other}"),
            }
        };
        check(8, 2, true);
        check(3, 40, true);
        check(8, 40, false);
        check(4, 100, false);
        let text = json!({"enum": (0..1_000).collect::<Vec<_>>()});
        let mut common = Common::new();
        common.insert("_common/v1/name.json", text);
        let many = |count: usize| json!({"anyOf": vec![reference("name"); count]});
        assert!(common.bundle(&many(150)).is_ok());
        let error = common.bundle(&many(250)).unwrap_err();
        assert!(matches!(error, BundleError::Size { .. }), "{error}");
    }

    #[track_caller]
    fn refused(schema: &Value, expected: &str) {
        let error = common().bundle(schema).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_not_in_the_folder_is_not_referred_to() {
        refused(
            &json!({"properties": {"a/b": reference("nome")}}),
            "\"/properties/a~1b\" refers to \"https://schemas.spokegate.invalid/_common/v1/nome.json\"",
        );
        refused(
            &json!({"$ref": "https://example.org/x.json"}),
            "no shared type",
        );
        refused(
            &json!({"items": {"$ref": "file:///etc/passwd"}}),
            "\"/items\" refers to",
        );
        let mut longer = reference("name");
        longer["maxLength"] = json!(900);
        refused(&longer, "\"maxLength\" beside a reference");
        refused(&reference("circle"), "in a circle");
        let mut deep = json!({});
        for _ in 0..200 {
            deep = json!({"items": deep});
        }
        refused(&deep, "nested deeper");
    }
}
