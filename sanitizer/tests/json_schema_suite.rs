//! The official JSON-Schema-Test-Suite, through the wire's CBOR, the tree and the validator of a worker.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use spokegate_sanitizer::body::{BodyLimits, decode, write_value};
use spokegate_sanitizer::contracts::Contract;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Names another checkout of the suite.
const ELSEWHERE: &str = "JSON_SCHEMA_SUITE";
/// Least number of required tests of any suite of this draft; fewer means that the folder is not whole.
const REQUIRED_MIN: usize = 1_200;

/// Least number of required tests that the quick judge knows every keyword of.
const QUICK_MIN: usize = 500;

/// What became of the tests of some files.
#[derive(Default)]
struct Tally {
    passed: usize,
    run: usize,
    /// Of those run, the ones that the quick judge decided.
    quick: usize,
    /// Tests whose verdict is not the suite's.
    wrong: Vec<String>,
    /// Tests whose instance no satellite can send; the decoder refuses it before a contract is asked.
    untransportable: Vec<String>,
}

#[test]
fn every_required_test_of_the_official_suite_passes() {
    let suite = Suite::open();
    let tally = suite.run(&suite.files(""), false);
    tally.print("required");
    assert!(tally.quick >= QUICK_MIN, "the quick judge judges little");
    assert!(
        tally.run + tally.untransportable.len() >= REQUIRED_MIN,
        "the suite is not whole"
    );
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
}

#[test]
fn every_optional_test_of_the_official_suite_passes() {
    let suite = Suite::open();
    let tally = suite.run(&suite.files("optional"), false);
    tally.print("optional");
    assert!(tally.run > 100, "the suite is not whole");
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
}

#[test]
fn formats_that_contracts_use_pass() {
    let suite = Suite::open();
    let files: Vec<PathBuf> = suite
        .files("optional/format")
        .into_iter()
        .filter(|path| ASSERTED.contains(&path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    assert_eq!(files.len(), ASSERTED.len());
    let tally = suite.run(&files, true);
    tally.print("formats");
    assert!(tally.wrong.is_empty(), "{:#?}", tally.wrong);
}

/// Formats of the suite, by file; the internationalised ones need tables that a worker does not carry.
const ASSERTED: [&str; 10] = [
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

struct Suite {
    tests: PathBuf,
    documents: BTreeMap<String, Value>,
}

impl Suite {
    fn open() -> Suite {
        let root = std::env::var_os(ELSEWHERE).map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/json-schema-suite/suite"),
            PathBuf::from,
        );
        let tests = root.join("tests/draft2020-12");
        assert!(
            tests.is_dir(),
            "{} is missing: run tests/json-schema-suite/setup.sh (or `make setup`)",
            tests.display()
        );
        let remotes = root.join("remotes");
        let mut documents = BTreeMap::new();
        gather(&remotes, &remotes, &mut documents);
        Suite { tests, documents }
    }

    /// The files of one folder, without those below it.
    fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = entries(&self.tests.join(below));
        files.retain(|path| path.extension().is_some_and(|suffix| suffix == "json"));
        files
    }

    fn run(&self, files: &[PathBuf], formats: bool) -> Tally {
        let mut tally = Tally::default();
        for path in files {
            for group in read(path).as_array().unwrap() {
                let contract =
                    Contract::by_the_standard(&group["schema"], &self.documents, formats);
                for test in group["tests"].as_array().unwrap() {
                    let name = format!(
                        "{}: {}: {}",
                        path.file_stem().unwrap().display(),
                        group["description"].as_str().unwrap(),
                        test["description"].as_str().unwrap()
                    );
                    tally.take(name, contract.as_ref(), test);
                }
            }
        }
        tally
    }
}

impl Tally {
    fn take(
        &mut self,
        name: String,
        contract: Result<&Contract, &spokegate_sanitizer::contracts::ContractError>,
        test: &Value,
    ) {
        let sent = match sent(&test["data"]) {
            Ok(sent) => sent,
            Err(rule) => return self.untransportable.push(format!("{name} ({rule})")),
        };
        self.run += 1;
        let contract = match contract {
            Ok(contract) => contract,
            Err(error) => return self.wrong.push(format!("{name}: {error}")),
        };
        let tree = decode(&sent, &BodyLimits::default()).unwrap();
        let verdict = contract.judge(tree.root());
        let (quick, library) = contract.verdicts(tree.root());
        self.quick += usize::from(quick.is_some());
        if quick.is_some_and(|quick| quick != library) {
            self.wrong
                .push(format!("{name}: the quick judge says {quick:?}"));
        }
        if verdict.is_ok() == test["valid"].as_bool().unwrap() {
            self.passed += 1;
        } else {
            self.wrong.push(format!("{name}: {verdict:?}"));
        }
    }

    #[expect(clippy::print_stdout, reason = "the counts are what the test shows")]
    fn print(&self, which: &str) {
        println!(
            "json-schema-test-suite 2020-12 {which}: {} of {}",
            self.passed, self.run
        );
        println!("  of them {} decided by the quick judge", self.quick);
        if !self.untransportable.is_empty() {
            println!(
                "  beside them {} whose instance cannot be sent, refused before any contract is asked:",
                self.untransportable.len()
            );
        }
        for name in &self.untransportable {
            println!("    {}", name.escape_debug());
        }
    }
}

/// The instance as an agent sends it; an error when the wire cannot carry it, or only something else in its place.
fn sent(instance: &Value) -> Result<Vec<u8>, String> {
    let mut sent = Vec::new();
    spokegate_contract::cbor::from_json(instance, &mut sent).map_err(|error| error.to_string())?;
    let tree = decode(&sent, &BodyLimits::default()).map_err(|refusal| refusal.to_string())?;
    let mut arrived = Vec::new();
    write_value(tree.root(), &mut arrived);
    let arrived: Value = serde_json::from_slice(&arrived).unwrap();
    if same(&arrived, instance) {
        Ok(sent)
    } else {
        Err("the agent cleans its text".into())
    }
}

/// Equal but for how a number is written.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|other| same(value, other))
            };
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

/// Every document below `folder`, by the address that the suite gives it.
fn gather(root: &Path, folder: &Path, documents: &mut BTreeMap<String, Value>) {
    for path in entries(folder) {
        if path.is_dir() {
            gather(root, &path, documents);
        } else if path.extension().is_some_and(|suffix| suffix == "json") {
            let below = path.strip_prefix(root).unwrap().to_str().unwrap();
            // Documents of drafts that nothing here refers to have metaschemas that are not at hand.
            let known = |draft: &str| ["draft2019-09", "draft2020-12"].contains(&draft);
            let draft = below.split('/').next().unwrap_or_default();
            if known(draft) || !(draft.starts_with("draft") || draft == "v1") {
                documents.insert(format!("http://localhost:1234/{below}"), read(&path));
            }
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
