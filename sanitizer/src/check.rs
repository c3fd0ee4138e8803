//! `spokegate-sanitizer check`: the verdict of a worker over files, without a service.

mod json;

use crate::body::{BodyLimits, Refusal, Rule, decode};
use crate::contracts::Contract;
use serde_json::{Value, json};
use spokegate_contract::Registry;
use spokegate_contract::cbor::EncodeReason;
use spokegate_contract::dataset::Common;
use spokegate_contract::folder::INDEX;
use spokegate_contract::limits::MESSAGE_BYTES_MAX;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The contract cannot be used, or the call is wrong.
const EXIT_USAGE: u8 = 2;

/// The form of the inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Bodies as they come from satellites.
    Cbor,
    /// JSON, put into the form that an agent sends.
    Json,
}

/// What to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The contract: a JSON Schema file of one row or document.
    #[arg(long, value_name = "FILE")]
    contract: PathBuf,
    /// The form of the inputs; without it, `.json` files are JSON and all others CBOR.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Files to check; `-` is standard input.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

impl CheckArgs {
    fn format_of(&self, path: &Path) -> Format {
        let by_suffix = match path.extension() {
            Some(suffix) if suffix.eq_ignore_ascii_case("json") => Format::Json,
            _ => Format::Cbor,
        };
        self.format.unwrap_or(by_suffix)
    }
}

/// Prints one verdict line per input. Exit code 0, 1 when any input is refused, 2 when the check could not be made.
#[must_use]
pub(crate) fn main(args: &CheckArgs) -> ExitCode {
    let contract = match contract(&args.contract) {
        Ok(contract) => contract,
        Err(error) => {
            spokegate_daemon::cli::tell(&format!(
                "the contract {} cannot be used: {error}\n  hint: name one *.schema.json file, as in schemas/<dataset>/v1/",
                args.contract.display()
            ));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let mut code = ExitCode::SUCCESS;
    let mut out = std::io::stdout().lock();
    for path in &args.inputs {
        let verdict = read(path).and_then(|bytes| judge(&contract, args.format_of(path), &bytes));
        let line = match &verdict {
            Ok(()) => json!({"input": path.display().to_string(), "verdict": "accept"}),
            Err(refusal) => {
                code = ExitCode::FAILURE;
                refused(path, refusal)
            }
        };
        if writeln!(out, "{line}").is_err() {
            return ExitCode::from(EXIT_USAGE);
        }
    }
    code
}

/// Why an input is refused.
enum Refused {
    /// By a rule.
    Rule(Refusal),
    /// It could not be read.
    Unreadable(String),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::Rule(refusal)
    }
}

fn refused(path: &Path, refusal: &Refused) -> Value {
    let input = path.display().to_string();
    match refusal {
        Refused::Rule(refusal) => {
            json!({"input": input, "verdict": "refuse", "pointer": refusal.pointer, "rule": refusal.rule.to_string()})
        }
        Refused::Unreadable(reason) => {
            json!({"input": input, "verdict": "refuse", "pointer": "", "rule": "unreadable", "detail": reason})
        }
    }
}

fn contract(path: &Path) -> anyhow::Result<Contract> {
    let schema = serde_json::from_slice(&std::fs::read(path)?)?;
    // A file of a schema folder refers to the types that the folder shares.
    let mut above = path.ancestors().skip(1);
    let common = match above.find(|folder| folder.join(INDEX).is_file()) {
        Some(folder) => Registry::open(folder)?.common().clone(),
        None => Common::new(),
    };
    Ok(Contract::compile(&common.bundle(&schema)?)?)
}

/// Reads at most one byte more than a message may have.
fn read(path: &Path) -> Result<Vec<u8>, Refused> {
    let unreadable = |error: std::io::Error| Refused::Unreadable(error.to_string());
    let mut bytes = Vec::new();
    let limit = (MESSAGE_BYTES_MAX as u64).saturating_add(1);
    if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
    } else {
        File::open(path)
            .and_then(|file| file.take(limit).read_to_end(&mut bytes))
            .map_err(unreadable)?;
    }
    if bytes.len() > MESSAGE_BYTES_MAX {
        Err(Refusal::new(Rule::Size).into())
    } else {
        Ok(bytes)
    }
}

fn judge(contract: &Contract, format: Format, bytes: &[u8]) -> Result<(), Refused> {
    let encoded;
    let body = match format {
        Format::Cbor => bytes,
        Format::Json => {
            encoded = encode(bytes)?;
            &encoded
        }
    };
    let tree = decode(body, &BodyLimits::default())?;
    Ok(contract.judge(tree.root())?)
}

/// JSON as CBOR. Stricter than an agent, which cleans texts: here what would have to be cleaned is refused.
fn encode(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let value = json::parse(bytes)?;
    let mut encoded = Vec::new();
    spokegate_contract::cbor::from_json(&value, &mut encoded).map_err(|error| Refusal {
        rule: match error.reason {
            EncodeReason::Depth => Rule::Depth,
            EncodeReason::Text => Rule::StringLength,
            EncodeReason::Key => Rule::KeyLength,
            EncodeReason::TwinKeys => Rule::DuplicateKey,
            EncodeReason::Members => Rule::MapEntries,
            EncodeReason::Items => Rule::ArrayItems,
            EncodeReason::Number => Rule::NumberRange,
        },
        pointer: error.pointer,
    })?;
    Ok(encoded)
}

#[cfg(test)]
mod tests;
