//! The centre's validator and the worker's give the same verdict on whatever reaches both: examples, and mutations of them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use spokegate_contract::dataset::sha256_hex;
use spokegate_contract::{Dataset, Registry, Shape, cbor};
use spokegate_reports::relay::Contracts;
use spokegate_sanitizer::body::{BodyLimits, decode, write_value};
use spokegate_sanitizer::contracts::Library;

/// Mutated values per dataset, always the same ones; `MUTATIONS=N` tries as many others.
const MUTATIONS: u32 = 3_000;

/// Both judges of one schema folder.
struct Judges {
    registry: Registry,
    worker: Library,
    centre: Contracts,
}

/// What both said.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Never reached a contract.
    unreadable: usize,
}

impl Judges {
    fn new(registry: Registry) -> Self {
        Self {
            worker: Library::compile(&registry).unwrap(),
            centre: Contracts::compile(&registry).unwrap(),
            registry,
        }
    }

    /// The one verdict on a row or document; nothing when no contract was asked.
    fn verdict(&self, dataset: &Dataset, value: &Value) -> Result<Option<bool>, String> {
        let body = match dataset.shape {
            Shape::Rows => json!([value]),
            Shape::Document => value.clone(),
        };
        let mut sent = Vec::new();
        if cbor::from_json(&body, &mut sent).is_err() {
            return Ok(None);
        }
        let Ok(tree) = decode(&sent, &BodyLimits::default()) else {
            return Ok(None);
        };
        let shaped = self.worker.get(&dataset.id, dataset.version).unwrap();
        let node = match dataset.shape {
            Shape::Rows => tree.root().elements().unwrap().next().unwrap(),
            Shape::Document => tree.root(),
        };
        // A worker takes objects alone, whatever the contract says.
        let worker = match node.members() {
            Some(_) => shaped.judge(node).map_err(|refusal| refusal.to_string()),
            None => Err("shape".to_owned()),
        };
        let mut written = Vec::new();
        write_value(tree.root(), &mut written);
        let contract = self.centre.get(&dataset.id, dataset.version).unwrap();
        let centre = contract.count(&written).map_err(|fault| fault.to_string());
        match (&worker, &centre) {
            (Ok(()), Ok(_)) => Ok(Some(true)),
            (Err(_), Err(_)) => Ok(Some(false)),
            // The worker alone decodes what follows `xn--` in a host name, so it refuses more of them.
            (Err(_), Ok(_)) if value.to_string().contains("xn--") => Ok(Some(false)),
            _ => Err(format!("{value}: worker {worker:?}, centre {centre:?}")),
        }
    }

    fn note(&self, dataset: &Dataset, value: &Value, tally: &mut Tally) -> Result<(), String> {
        match self.verdict(dataset, value)? {
            Some(true) => tally.accepted += 1,
            Some(false) => tally.refused += 1,
            None => tally.unreadable += 1,
        }
        Ok(())
    }

    /// Mutations of the given values, one step or several from each.
    fn mutate(&self, dataset: &Dataset, seeds: &[Value], tally: &mut Tally) {
        let (tally, seeds) = (std::cell::RefCell::new(tally), seeds.to_vec());
        let more = std::env::var("MUTATIONS").ok();
        let config = Config {
            cases: more
                .as_ref()
                .map_or(MUTATIONS, |more| more.parse().unwrap()),
            failure_persistence: None,
            ..Config::default()
        };
        let mutated = (
            proptest::sample::select(seeds),
            prop::collection::vec(step(), 1..4),
        );
        let mut runner = match more {
            Some(_) => TestRunner::new(config),
            None => {
                let always = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
                TestRunner::new_with_rng(config, always)
            }
        };
        let outcome = runner.run(&mutated, |(mut value, steps)| {
            for step in &steps {
                step.apply(&mut value);
            }
            self.note(dataset, &value, &mut tally.borrow_mut())
                .map_err(TestCaseError::fail)
        });
        if let Err(error) = outcome {
            panic!("{} v{}: {error}", dataset.id, dataset.version);
        }
    }
}

/// A change at the place that `at` chooses among all.
#[derive(Debug, Clone)]
struct Step {
    at: usize,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Add(String, Value),
    Twice,
    Insert(usize, char),
    Cut(usize),
    Stretch(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = prop_oneof![
        Just("x".to_owned()),
        "[a-z]{1,4}",
        Just("hostname".to_owned())
    ];
    let change = prop_oneof![
        4 => any_value().prop_map(Change::Replace),
        1 => Just(Change::Remove),
        1 => (name, any_value()).prop_map(|(name, value)| Change::Add(name, value)),
        1 => Just(Change::Twice),
        3 => (any::<usize>(), any_char()).prop_map(|(at, c)| Change::Insert(at, c)),
        2 => any::<usize>().prop_map(Change::Cut),
        1 => proptest::sample::select(vec![2, 40, 300, 4_200]).prop_map(Change::Stretch),
    ];
    (any::<usize>(), change).prop_map(|(at, change)| Step { at, change })
}

fn any_char() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => proptest::sample::select("aZ09 .:-_+/=@T,\n\t%[]".chars().collect::<Vec<_>>()),
        1 => proptest::sample::select("é٣＝\u{301}😀\u{7f}\u{200b}ß".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => proptest::sample::select(vec![Value::Null, json!(true), json!([]), json!({}), json!([{}]), json!("")]),
        2 => proptest::sample::select(vec![
            json!(0), json!(-1), json!(1), json!(65_535), json!(65_536), json!(1_000_000_000_u64),
            json!(9_007_199_254_740_991_u64), json!(-9_007_199_254_740_991_i64), json!(0.5), json!(1.0), json!(1e-9),
            json!(0.1), json!(0.3), json!(1.15), json!(-0.0), json!(4.35), json!(99.99),
        ]),
        1 => any::<i32>().prop_map(Value::from),
        1 => (-1e6..1e6).prop_map(|float: f64| json!(float)),
        4 => proptest::sample::select(TEXTS.to_vec()).prop_map(Value::from),
        1 => "\\PC{0,12}".prop_map(Value::from),
    ]
}

/// Texts at the edges of formats and classes.
const TEXTS: [&str; 74] = [
    "2026-01-05T10:00:00Z",
    "2026-01-05t10:00:00z",
    "2026-01-05T10:00:00+02:00",
    "2026-01-05T10:00:00.123456Z",
    "2026-01-05 10:00:00Z",
    "2026-02-29T10:00:00Z",
    "2024-02-29T10:00:00Z",
    "2026-12-31T23:59:60Z",
    "2026-12-31T22:59:60Z",
    "2026-01-05T10:00:60Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T10:00:00",
    "2026-13-01T10:00:00Z",
    "2026-01-05T10:00:00-00:00",
    "2026-01-05T10:00:00+24:00",
    "2026-01-05T10:00:00.Z",
    "2026-1-5T10:00:00Z",
    "2026-01-05",
    "2026-02-30",
    "20260105",
    "0000-01-01",
    "-2026-01-05",
    "+026-01-05",
    "10:00:00Z",
    "10:00:00",
    "23:59:60Z",
    "10:00:00+01:00",
    "10:00:00.5Z",
    "24:00:00Z",
    "P1D",
    "PT1H",
    "P1Y2M3DT4H5M6S",
    "P1W",
    "P",
    "PT",
    "P1YT",
    "P1D2H",
    "P1W1D",
    "PT0.5S",
    "P1M2Y",
    "a@example.net",
    "a b@example.net",
    "a@",
    "@b",
    "a@[127.0.0.1]",
    "\"a b\"@example.net",
    "a@b..c",
    "é@example.net",
    "srv-01.example.net",
    "-a.example",
    "a-.example",
    "a..b",
    "xn--bcher-kva.example",
    "a_b",
    "a.",
    "1.2.3",
    "10.0.0.1",
    "10.0.0.01",
    "10.0.0.256",
    "10.0.0",
    "0x7f.1.1.1",
    "10.0.0.1 ",
    "::1",
    "::ffff:10.0.0.1",
    "1::2::3",
    "fe80::1%eth0",
    "12345::",
    "::",
    "https://example.net/a?b#c",
    "example.net/a",
    "urn:uuid:1",
    "http://[::1]:80/",
    "http://a b/",
    "123e4567-e89b-12d3-a456-426614174000",
];

impl Step {
    fn apply(&self, value: &mut Value) {
        let places = places(value);
        let (place, name) = places[self.at % places.len()].clone();
        let Some(found) = value.pointer_mut(&place) else {
            return;
        };
        match (&self.change, found) {
            (Change::Replace(new), found) => *found = new.clone(),
            (Change::Add(name, new), Value::Object(members)) => {
                members.insert(name.clone(), new.clone());
            }
            (Change::Twice, Value::Array(items)) => items.extend(items.clone()),
            (Change::Insert(at, c), Value::String(text)) => {
                let at = boundary(text, *at);
                text.insert(at, *c);
            }
            (Change::Cut(at), Value::String(text)) if !text.is_empty() => {
                let at = boundary(text, *at);
                text.truncate(at);
            }
            (Change::Stretch(times), Value::String(text)) => *text = text.repeat(*times),
            (Change::Remove, _) => {
                let parent = place.rfind('/').map_or("", |end| &place[..end]).to_owned();
                if let Some(Value::Object(members)) = value.pointer_mut(&parent) {
                    members.shift_remove(&name);
                }
            }
            _ => {}
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    let all: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
    if all.is_empty() {
        0
    } else {
        all[at % all.len()]
    }
}

/// Every place of a value: its pointer and its name there.
fn places(value: &Value) -> Vec<(String, String)> {
    fn walk(value: &Value, at: &str, name: &str, places: &mut Vec<(String, String)>) {
        places.push((at.to_owned(), name.to_owned()));
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    walk(member, &format!("{at}/{step}"), name, places);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{at}/{index}"), "", places);
                }
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(value, "", "", &mut places);
    places
}

#[test]
fn both_validators_agree_on_all_examples_and_their_mutations() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let judges = Judges::new(Registry::open(&schemas).unwrap());
    let mut tally = Tally::default();
    let mut examples = 0;
    for dataset in judges.registry.iter() {
        let folder = schemas.join(format!("{}/v{}/examples", dataset.id, dataset.version));
        let mut seeds = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|suffix| suffix != "json") {
                continue;
            }
            let example: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let is_bad = example.get("expect").is_some();
            let data = if is_bad {
                example["data"].clone()
            } else {
                example
            };
            let verdict = judges.verdict(dataset, &data).unwrap();
            assert_eq!(verdict, Some(!is_bad), "{}", path.display());
            examples += 1;
            seeds.push(data);
        }
        judges.mutate(dataset, &seeds, &mut tally);
    }
    let Tally {
        accepted,
        refused,
        unreadable,
    } = tally;
    println!(
        "second validator: {examples} examples and {} mutations, {accepted} accepted and {refused} refused by both, 0 differ \
         ({unreadable} more never reach a contract)",
        accepted + refused
    );
    assert!(examples >= 20 && accepted > 100 && refused > 1_000);
}

#[test]
fn both_validators_agree_on_every_keyword_and_format() {
    let formats = [
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
    let mut properties: Map<String, Value> = formats
        .iter()
        .map(|format| {
            (
                (*format).to_owned(),
                json!({"type": "string", "format": format, "maxLength": 80}),
            )
        })
        .collect();
    for class in ["ident", "line", "block", "cell", "opaque-b64"] {
        properties.insert(
            class.into(),
            json!({"type": "string", "x-text": class, "maxLength": 40}),
        );
    }
    for (name, schema) in keywords() {
        properties.insert(name.into(), schema);
    }
    let schema = json!({
        "type": "object", "additionalProperties": false, "properties": properties,
        "$defs": {"name": {"type": "string", "pattern": "^[\\w-]+$"}},
        "dependentRequired": {"const": ["enum"]}, "minProperties": 1, "maxProperties": 30,
    });
    let judges = Judges::new(folder(&schema));
    let dataset = judges.registry.iter().next().unwrap();
    let mut tally = Tally::default();
    let (mut seeds, mut differences) = (Vec::new(), Vec::new());
    for name in properties.keys() {
        for value in seeds_of() {
            let row = json!({name: value});
            if let Err(difference) = judges.note(dataset, &row, &mut tally) {
                differences.push(difference);
            }
            seeds.push(row);
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    judges.mutate(dataset, &seeds, &mut tally);
    let Tally {
        accepted, refused, ..
    } = tally;
    println!(
        "second validator: every keyword and format, {accepted} accepted and {refused} refused by both, 0 differ"
    );
    assert!(accepted > 200 && refused > 500);
}

/// Members that have one keyword each, or a few that work together.
fn keywords() -> [(&'static str, Value); 18] {
    [
        (
            "integer",
            json!({"type": "integer", "minimum": -5, "maximum": 65_535}),
        ),
        (
            "number",
            json!({"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
        ),
        ("fives", json!({"type": "integer", "multipleOf": 5})),
        (
            "pattern",
            json!({"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"}),
        ),
        (
            "digits",
            json!({"type": "string", "pattern": "^\\d+\\s?\\w*$", "minLength": 1}),
        ),
        ("reference", json!({"$ref": "#/$defs/name"})),
        (
            "enum",
            json!({"enum": ["a", 1, null, 1.5, {"b": [1]}, [true]]}),
        ),
        ("const", json!({"const": {"a": 1.0}})),
        (
            "either",
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}, {"type": "null"}]}),
        ),
        (
            "one",
            json!({"oneOf": [{"type": "number", "minimum": 0}, {"type": "integer"}]}),
        ),
        ("not", json!({"not": {"type": "string", "maxLength": 5}})),
        (
            "all",
            json!({"allOf": [{"type": "string", "maxLength": 10}, {"type": "string", "minLength": 2}]}),
        ),
        (
            "when",
            json!({"if": {"type": "integer"}, "then": {"minimum": 0, "type": "integer"}, "else": {"type": ["string", "null"], "maxLength": 4}}),
        ),
        (
            "items",
            json!({"type": "array", "maxItems": 3, "uniqueItems": true, "items": {"type": ["string", "integer"]}}),
        ),
        (
            "tuple",
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false}),
        ),
        (
            "has",
            json!({"type": "array", "contains": {"type": "integer"}, "minContains": 1, "maxContains": 2}),
        ),
        (
            "map",
            json!({"type": "object", "maxProperties": 2, "propertyNames": {"pattern": "^[a-z]+$", "maxLength": 3}, "additionalProperties": {"type": "integer"}}),
        ),
        (
            "named",
            json!({"type": "object", "patternProperties": {"^x": {"type": "boolean"}}, "unevaluatedProperties": false}),
        ),
    ]
}

fn seeds_of() -> Vec<Value> {
    let mut seeds: Vec<Value> = TEXTS.iter().map(|text| json!(text)).collect();
    seeds.extend([
        json!(0),
        json!(5),
        json!(-5),
        json!(0.07),
        json!(19.99),
        json!(65_536),
        json!(1.5),
        json!(true),
        json!(null),
        json!({"a": 1}),
        json!({"b": [1]}),
        json!({"xa": true}),
        json!({"xa": 1}),
        json!({"abcd": 1}),
        json!({"a": 1, "b": 2, "c": 3}),
        json!([]),
        json!([1]),
        json!(["a"]),
        json!(["a", "b"]),
        json!([1, 1.0]),
        json!(["a", "a"]),
        json!([1, 2, 3]),
        json!([true]),
        json!([[1], [1]]),
        json!("a"),
        json!("a\nb"),
        json!("=1"),
        json!("-1"),
        json!("12 ab"),
        json!("١"),
        json!("ab\u{a0}"),
        json!("a".repeat(63)),
        json!("a".repeat(64)),
        json!("a".repeat(4_096)),
        json!("a".repeat(4_097)),
    ]);
    seeds
}

/// A schema folder with one dataset of one row schema.
fn folder(row: &Value) -> Registry {
    let about = json!({
        "id": "all", "title": "All", "description": "All.", "shape": "rows", "kinds": ["pull"],
        "max_age_s": 60, "personal_data": true,
    });
    let mut files = BTreeMap::from([
        ("all/dataset.json", about.to_string()),
        (
            "all/v1/params.schema.json",
            "{\"type\":\"object\"}".to_owned(),
        ),
        ("all/v1/row.schema.json", row.to_string()),
    ]);
    let digests: BTreeMap<_, _> = files
        .iter()
        .map(|(path, text)| (*path, sha256_hex(text.as_bytes())))
        .collect();
    let index = json!({"datasets": [{"id": "all", "version": 1}], "files": digests}).to_string();
    files.insert("registry.json", index);
    Registry::load(|path| Ok(files[path].clone().into_bytes())).unwrap()
}
