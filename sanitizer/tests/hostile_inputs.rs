//! Every known way to attack the decoder, each sent to a confined worker process in the frames that the supervisor
//! uses. Contained is an input that is refused by the rule it breaks, or accepted as what it harmlessly is, by a worker
//! that answers the next message of its lane, within the stated memory and CPU time. Both are measured from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "a test fails by panicking and tells what it measured; families are tables"
)]

#[path = "hostile_inputs/attacks.rs"]
mod attacks;
#[path = "hostile_inputs/cbor.rs"]
mod cbor;
#[path = "hostile_inputs/contracts.rs"]
mod contracts;
#[path = "hostile_inputs/frames.rs"]
mod frames;
#[path = "hostile_inputs/outside.rs"]
mod outside;
#[path = "hostile_inputs/wire.rs"]
mod wire;
#[path = "hostile_inputs/worker.rs"]
mod worker;

use attacks::{Attack, Expected};
use serde_json::Value;
use spokegate_contract::limits::{CHUNK_BYTES_MAX, JSON_FACTOR_MAX};
use spokegate_contract::record::check_canonical;
use std::collections::BTreeMap;
use worker::{Answer, Lane};

/// CPU time of one message: `worker.cpu_ms_max` in the default configuration.
const CPU_MS_MAX: u64 = 1_000;
/// What a message may cost in memory on top of a fresh worker. A body has at most as many values as bytes; a value takes
/// 24 bytes in the tree, whose vector doubles, and about 100 in the copy that `uniqueItems` compares; its JSON is at
/// most seven times as long and stands in four places on its way out; the pipe's buffers come on top.
const GROWTH_BYTES_MAX: u64 =
    (CHUNK_BYTES_MAX * (24 * 3 + 100 + JSON_FACTOR_MAX * 4) + 4 * 1024 * 1024) as u64;
/// A record around its rows.
const RECORD_HEAD_BYTES_MAX: usize = 1_024;

/// The worst that was measured.
#[derive(Default)]
struct Worst {
    growth_kib: u64,
    cpu_us: u64,
}

#[test]
fn every_hostile_input_is_contained() {
    let folder = tempfile::tempdir().unwrap();
    contracts::write(folder.path());
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut names = std::collections::BTreeSet::new();
    let (mut contained, mut failed, mut worst) = (0, Vec::new(), Worst::default());
    let mut lane = Lane::start(folder.path());
    for attack in attacks::all() {
        assert!(names.insert(attack.name.clone()), "{} twice", attack.name);
        let counts = families.entry(attack.family()).or_default();
        match attack.expected {
            Expected::Accepted | Expected::Named(_) => counts.0 += 1,
            Expected::Refused(..) | Expected::Harmless | Expected::Stopped => counts.1 += 1,
        }
        match run(&mut lane, &attack, &mut worst) {
            Ok(()) => contained += 1,
            Err(fault) => failed.push(format!("{}: {fault}", attack.name)),
        }
    }
    for (name, bytes) in frames::attacks() {
        families.entry("worker-frame").or_default().1 += 1;
        match run_frame(folder.path(), &name, &bytes) {
            Ok(()) => contained += 1,
            Err(fault) => failed.push(format!("{name}: {fault}")),
        }
    }
    families.entry("worker-frame").or_default().0 += 1;
    let count: usize = families.values().map(|(good, bad)| good + bad).sum();
    let count = count - 1;
    for (family, (twins, attacks)) in &families {
        println!("{family:<14} {attacks:>4} refused, {twins:>3} let through as what they are");
        assert!(*twins > 0, "{family} has no good twin");
    }
    println!(
        "worst: {} KiB over a fresh worker of {} KiB (bound {} KiB), {} us of CPU time (bound {} us)",
        worst.growth_kib,
        lane.fresh_kib(),
        GROWTH_BYTES_MAX / 1024,
        worst.cpu_us,
        CPU_MS_MAX * 1_000
    );
    println!("hostile inputs: {contained} contained of {count}");
    assert!(failed.is_empty(), "not contained:\n{}", failed.join("\n"));
    assert!(contained == count && count >= 300, "{count} inputs");
}

fn run(lane: &mut Lane, attack: &Attack, worst: &mut Worst) -> Result<(), String> {
    lane.reset_peak();
    let pid = lane.pid();
    let answer = match lane.judge(&attack.work, &attack.payload) {
        Ok(answer) => answer,
        Err(fault) => return stopped(lane, attack, &fault),
    };
    let (growth_kib, cpu_us) = (lane.growth_kib(), lane.cpu_us_of_last());
    let verdict = judged(attack, &answer);
    worst.growth_kib = worst.growth_kib.max(growth_kib);
    worst.cpu_us = worst.cpu_us.max(cpu_us);
    println!(
        "{:<52} {:<34} {:>7} B in, peak +{:>6} KiB, {:>7} us",
        attack.name,
        answer.verdict(),
        attack.payload.len(),
        growth_kib,
        cpu_us
    );
    verdict?;
    if growth_kib > GROWTH_BYTES_MAX / 1024 {
        return Err(format!("{growth_kib} KiB of memory"));
    }
    if cpu_us > CPU_MS_MAX * 1_000 {
        return Err(format!("{cpu_us} us of CPU time"));
    }
    lane.good_message_passes()?;
    if lane.pid() != pid {
        return Err("the worker was lost".to_owned());
    }
    Ok(())
}

/// A message without an answer: the worker is replaced, whatever ended it, but only one of its limits may have.
fn stopped(lane: &mut Lane, attack: &Attack, fault: &str) -> Result<(), String> {
    let limit = lane.end_signal().and_then(worker::limit_behind);
    lane.replace();
    lane.good_message_passes()?;
    match (&attack.expected, limit) {
        (Expected::Stopped, Some(limit)) => {
            println!("{:<52} stopped by {limit}, worker replaced", attack.name);
            Ok(())
        }
        _ => Err(format!("{fault}, stopped by {limit:?}")),
    }
}

/// Whether the answer is the one that belongs to the input.
fn judged(attack: &Attack, answer: &Answer) -> Result<(), String> {
    for (_, record) in &answer.records {
        check_canonical(record).map_err(|error| error.to_string())?;
    }
    let refused = answer.refusal.as_ref();
    match &attack.expected {
        Expected::Refused(reason, rule) => {
            let found = refused.map(|(reason, rule, _)| (reason.as_str(), rule.as_str()));
            if found != Some((reason, rule)) {
                return Err(format!("{} instead of {reason}/{rule}", answer.verdict()));
            }
            told_without_the_value(attack, answer)
        }
        Expected::Stopped => Err(format!("{} instead of being stopped", answer.verdict())),
        Expected::Accepted => same_value(attack, answer),
        Expected::Named(kind) => {
            let [(_, record)] = answer.records.as_slice() else {
                return Err(format!("{} instead of one record", answer.verdict()));
            };
            let record: Value = serde_json::from_slice(record).unwrap();
            if record["kind"] == **kind && refused.is_none() {
                Ok(())
            } else {
                Err(format!("{} instead of {kind}", answer.verdict()))
            }
        }
        Expected::Harmless if refused.is_some() => told_without_the_value(attack, answer),
        Expected::Harmless => same_value(attack, answer),
    }
}

/// A refusal leads to a quarantine record, and for an answer to a failure; neither holds what came.
fn told_without_the_value(attack: &Attack, answer: &Answer) -> Result<(), String> {
    let lanes: Vec<&str> = answer
        .records
        .iter()
        .map(|(lane, _)| lane.as_str())
        .collect();
    let expected: &[&str] = if attack.work.is_reply() {
        &["quarantine", "reply"]
    } else {
        &["quarantine"]
    };
    if lanes != expected {
        return Err(format!("records {lanes:?}"));
    }
    for (_, record) in &answer.records {
        if record.len() > 2_048 || String::from_utf8_lossy(record).contains(attacks::CANARY) {
            return Err("a refusal that tells the value".to_owned());
        }
    }
    Ok(())
}

/// The record holds the very value that an independent decoder reads.
fn same_value(attack: &Attack, answer: &Answer) -> Result<(), String> {
    let [(_, record)] = answer.records.as_slice() else {
        return Err(format!("{} instead of a record", answer.verdict()));
    };
    let Some(body) = attack.body() else {
        return Err("no body to compare with".to_owned());
    };
    if record.len() > JSON_FACTOR_MAX * body.len() + RECORD_HEAD_BYTES_MAX {
        return Err(format!("{} bytes from {}", record.len(), body.len()));
    }
    let read: Value = ciborium::from_reader(body.as_ref()).map_err(|error| error.to_string())?;
    let written: Value = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    if written["rows"] == read {
        Ok(())
    } else {
        Err("another value than was sent".to_owned())
    }
}

/// Bytes that are no frames end the worker, which is replaced; the new one answers.
fn run_frame(schemas: &std::path::Path, name: &str, bytes: &[u8]) -> Result<(), String> {
    let mut lane = Lane::start(schemas);
    let pid = lane.pid();
    lane.reset_peak();
    let end = lane.send_raw_and_wait(bytes)?;
    println!("{name:<52} {end}");
    lane.replace();
    lane.good_message_passes()?;
    if lane.pid() == pid {
        return Err("the worker was not replaced".to_owned());
    }
    Ok(())
}
