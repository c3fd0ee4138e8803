//! Examples of a dataset as its tests: each gets the verdict that it names, goes over the wire and comes back, and no
//! change of one of its values that breaks a rule is let in.

mod mutants;
mod round_trip;

pub use mutants::{Mutant, of as mutants};

use serde_json::Value;

use crate::dataset::Dataset;
use crate::folder::Folder;
use crate::judge::Judge;
use crate::validate::Violation;

/// Which schema an example is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One row, or the document.
    Data,
    /// A pull's parameters.
    Params,
}

impl Subject {
    /// The folder of its examples, below a version's folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Data => "examples",
            Self::Params => "examples/params",
        }
    }
}

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Path below the schema folder.
    pub path: String,
    /// The value.
    pub value: Value,
    /// The rule that it breaks: pointer and keyword. None for one that is accepted.
    pub expect: Option<Violation>,
}

/// What is wrong with an example, or with the contract that it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleFault {
    /// Path of the example below the schema folder.
    pub path: String,
    /// What is wrong, in words.
    pub what: String,
}

/// What the examples of one version came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Examples that are accepted.
    pub accepted: usize,
    /// Examples that are refused.
    pub refused: usize,
    /// Changed examples, all of which had to be refused.
    pub mutations: usize,
    /// What is wrong.
    pub faults: Vec<ExampleFault>,
}

/// Reads the examples of one version.
///
/// # Errors
/// The first file that is no example.
pub fn read(
    folder: &Folder,
    dataset: &Dataset,
    subject: Subject,
) -> Result<Vec<Example>, ExampleFault> {
    let below = format!("{}/v{}/{}", dataset.id, dataset.version, subject.folder());
    folder
        .below(&below)
        .filter(|name| !name.contains('/'))
        .map(|name| {
            let path = format!("{below}/{name}");
            let bytes = folder.get(&path).unwrap_or_default();
            read_one(name, bytes, &path).map_err(|what| ExampleFault { path, what })
        })
        .collect()
}

fn read_one(name: &str, bytes: &[u8], path: &str) -> Result<Example, String> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("is not JSON: {error}"))?;
    let path = path.to_owned();
    if name.starts_with("ok-") && name.ends_with(".json") {
        let expect = None;
        return Ok(Example {
            path,
            value,
            expect,
        });
    }
    if !(name.starts_with("bad-") && name.ends_with(".json")) {
        return Err("is called neither ok-….json nor bad-….json".into());
    }
    let text = |key: &str| Some(value.get("expect")?.get(key)?.as_str()?.to_owned());
    let (Some(pointer), Some(rule), Some(data)) =
        (text("pointer"), text("rule"), value.get("data"))
    else {
        return Err(r#"is not {"expect": {"pointer": …, "rule": …}, "data": …}"#.into());
    };
    let expect = Some(Violation { pointer, rule });
    Ok(Example {
        path,
        value: data.clone(),
        expect,
    })
}

/// Runs the examples of one version.
pub fn run(folder: &Folder, dataset: &Dataset) -> Tally {
    let mut tally = Tally::default();
    for (subject, schema) in [
        (Subject::Data, &dataset.data_schema),
        (Subject::Params, &dataset.params_schema),
    ] {
        let judge = match Judge::new(schema) {
            Ok(judge) => judge,
            Err(error) => {
                let path = format!("{}/v{}", dataset.id, dataset.version);
                let what = error.to_string();
                tally.faults.push(ExampleFault { path, what });
                continue;
            }
        };
        match read(folder, dataset, subject) {
            Ok(examples) => examples
                .iter()
                .for_each(|example| one(example, schema, &judge, &mut tally)),
            Err(fault) => tally.faults.push(fault),
        }
    }
    tally
}

fn one(example: &Example, schema: &Value, judge: &Judge, tally: &mut Tally) {
    let mut fault = |what: String| {
        tally.faults.push(ExampleFault {
            path: example.path.clone(),
            what,
        });
    };
    match (&example.expect, judge.judge(&example.value)) {
        (None, Ok(())) => {
            if let Err(what) = round_trip::check(&example.value) {
                fault(what);
            }
            let mutants = mutants(&example.value, schema);
            for mutant in &mutants {
                if judge.judge(&mutant.value).is_ok() {
                    fault(format!("is still accepted after a change: {}", mutant.edit));
                }
            }
            tally.mutations = tally.mutations.saturating_add(mutants.len());
            tally.accepted = tally.accepted.saturating_add(1);
        }
        (None, Err(broken)) => fault(format!("should be accepted: {broken}")),
        (Some(_), Ok(())) => fault("should be refused, but is accepted".into()),
        (Some(expected), Err(broken)) => {
            let rule = broken.rule.trim_start_matches("contract:");
            if (expected.pointer.as_str(), expected.rule.as_str()) != (&broken.pointer, rule) {
                fault(format!(
                    "should break {:?} at {:?}, but breaks {rule:?} at {:?}",
                    expected.rule, expected.pointer, broken.pointer
                ));
            }
            tally.refused = tally.refused.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
