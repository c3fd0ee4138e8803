//! Whoever writes a contract or a flow is told the verdict that a worker gives: one rule and one place, from two codes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use serde_json::Value;
use spokegate_contract::cbor::Writer;
use spokegate_contract::examples::{self, Subject};
use spokegate_contract::folder::Folder;
use spokegate_contract::judge::Judge;
use spokegate_sanitizer::body::{BodyLimits, decode};
use spokegate_sanitizer::contracts::Contract;

/// A value on the wire as a satellite could send it: in order, but with whatever texts it has.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => Writer::new(out).null(),
        Value::Bool(value) => Writer::new(out).bool(*value),
        Value::Number(number) => match number.as_f64().unwrap() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^54")]
            whole if whole.fract() == 0.0 => Writer::new(out).integer(whole as i64),
            float => Writer::new(out).float(float),
        },
        Value::String(text) => Writer::new(out).text(text),
        Value::Array(items) => {
            Writer::new(out).array(items.len());
            items.iter().for_each(|item| encode(item, out));
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| (key.len(), key.as_str()));
            Writer::new(out).map(sorted.len());
            for (key, value) in sorted {
                Writer::new(out).text(key);
                encode(value, out);
            }
        }
    }
}

#[test]
fn the_judge_of_the_operators_tools_says_what_a_worker_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let folder = Folder::read(&root).unwrap();
    let (mut compared, mut refused) = (0, 0);
    for dataset in folder.registry().unwrap().iter() {
        for (subject, schema) in [
            (Subject::Data, &dataset.data_schema),
            (Subject::Params, &dataset.params_schema),
        ] {
            let (judge, contract) = (
                Judge::new(schema).unwrap(),
                Contract::compile(schema).unwrap(),
            );
            for example in examples::read(&folder, dataset, subject).unwrap() {
                let mut values = vec![example.value.clone()];
                if example.expect.is_none() {
                    values.extend(
                        examples::mutants(&example.value, schema)
                            .into_iter()
                            .map(|mutant| mutant.value),
                    );
                }
                for value in values {
                    let mut wire = Vec::new();
                    encode(&value, &mut wire);
                    let worker = decode(&wire, &BodyLimits::default())
                        .and_then(|tree| {
                            // Both of a worker's judges, each for itself.
                            let (quick, library) = contract.verdicts(tree.root());
                            assert_eq!(quick, Some(library), "{}: {value}", example.path);
                            contract.judge(tree.root())
                        })
                        .map_err(|refusal| (refusal.pointer, refusal.rule.to_string()));
                    let told = judge
                        .judge(&value)
                        .map_err(|told| (told.pointer, told.rule));
                    assert_eq!(told, worker, "{}: {value}", example.path);
                    compared += 1;
                    refused += usize::from(worker.is_err());
                }
            }
        }
    }
    println!("verdicts compared: {compared}, refused by both: {refused}");
    assert!(compared > 600 && refused > 600 && refused < compared);
}
