//! The files of one version of a dataset: their digests out of the index, and the examples.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::Dataset;
use spokegate_daemon::Tasks;

/// Examples that are shown.
const EXAMPLES_MAX: usize = 20;
/// Largest example that is shown, in bytes.
const EXAMPLE_BYTES_MAX: u64 = 16 * 1024;

/// What the schema folder says of a version.
#[derive(Debug, Default)]
pub(super) struct About {
    /// Name and SHA-256 of each file that makes up the contract.
    pub(super) files: Vec<(String, String)>,
    pub(super) examples: Vec<Example>,
}

/// An example of a row or a document, or of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) name: String,
    /// What must happen to it: empty when it is taken, else the rule that it breaks and where.
    pub(super) refused: String,
    pub(super) text: String,
}

/// The index, as far as it is of use here.
#[derive(Deserialize)]
struct Index {
    files: BTreeMap<String, String>,
}

/// Reads what the folder says of a version; what cannot be read is left out: the contract itself was read at start.
pub(super) async fn read(tasks: &Tasks, schemas: &Path, dataset: &Dataset) -> About {
    let below = format!("{}/v{}/", dataset.id, dataset.version);
    let (schemas, own) = (schemas.to_owned(), format!("{}/dataset.json", dataset.id));
    let work = move || {
        let index = std::fs::read(schemas.join("registry.json")).unwrap_or_default();
        About {
            files: digests(&index, &own, &below),
            examples: examples(&schemas.join(below).join("examples")),
        }
    };
    let read = tasks.blocking("read a dataset's files", work).await;
    read.unwrap_or_default()
}

fn digests(index: &[u8], own: &str, below: &str) -> Vec<(String, String)> {
    let Ok(Index { files }) = serde_json::from_slice(index) else {
        return Vec::new();
    };
    let is_contract = |path: &str| {
        path == own || path.starts_with(below) && !path[below.len()..].starts_with("examples/")
    };
    let files = files.into_iter().filter(|(path, _)| is_contract(path));
    files.collect()
}

fn examples(folder: &Path) -> Vec<Example> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| {
        path.file_name()
            .map(|name| (!starts_ok(name), name.to_owned()))
    });
    let text = |path: &std::path::PathBuf| {
        let small = path.metadata().ok()?.len() <= EXAMPLE_BYTES_MAX;
        let name = path.file_stem()?.to_str()?.to_owned();
        example(name, &std::fs::read_to_string(path).ok().filter(|_| small)?)
    };
    paths.iter().filter_map(text).take(EXAMPLES_MAX).collect()
}

fn starts_ok(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("ok-"))
}

/// One example by its file's name and text; `None` for a file that is none.
fn example(name: String, text: &str) -> Option<Example> {
    let value: Value = serde_json::from_str(text).ok()?;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).ok();
    if name.starts_with("ok-") {
        let (refused, text) = (String::new(), pretty(&value)?);
        return Some(Example {
            name,
            refused,
            text,
        });
    }
    let expect = |key: &str| value.get("expect")?.get(key)?.as_str();
    let place = match expect("pointer")? {
        "" => ", as a whole".to_owned(),
        pointer => format!(" at {pointer}"),
    };
    Some(Example {
        refused: format!("{}{place}", expect("rule")?),
        text: pretty(value.get("data")?)?,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_says_what_becomes_of_it() {
        let check = |name: &str, text: &str, expected: Option<&str>| {
            let found = example(name.into(), text);
            let found = found.as_ref().map(|example| example.refused.as_str());
            assert_eq!(found, expected, "{name} {text}");
        };
        check("ok-least", "{}", Some(""));
        let bad = r#"{"expect": {"pointer": "/ip", "rule": "format"}, "data": {"ip": "x"}}"#;
        check("bad-ip", bad, Some("format at /ip"));
        let whole = r#"{"expect": {"pointer": "", "rule": "required"}, "data": {}}"#;
        check("bad-missing", whole, Some("required, as a whole"));
        check("bad-none", "{}", None);
        check("ok-broken", "{", None);
    }

    #[test]
    fn the_files_of_a_contract_are_its_own_and_no_examples() {
        let index = br#"{"datasets": [], "files": {"devices/dataset.json": "1", "devices/v1/row.schema.json": "2",
            "devices/v1/examples/ok-least.json": "3", "devices/v10/row.schema.json": "4", "tickets/dataset.json": "5"}}"#;
        let found = digests(index, "devices/dataset.json", "devices/v1/");
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["devices/dataset.json", "devices/v1/row.schema.json"]
        );
        assert!(digests(b"no", "", "").is_empty());
    }
}
