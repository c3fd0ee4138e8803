//! Ways of one message in this process.

use anyhow::{Context as _, anyhow};
use serde_json::Value;
use spokegate_sanitizer::body::{BodyLimits, decode, write_value};
use spokegate_sanitizer::contracts::Contract;

use super::load::Load;

/// Strict decoding, validation of every row in place, canonical JSON.
pub(super) fn whole(load: &Load) -> impl FnMut() -> anyhow::Result<()> {
    let contract = Contract::compile(&load.schema);
    let limits = BodyLimits::default();
    let mut json = Vec::with_capacity(load.json.len() * 2);
    move || {
        let contract = contract.as_ref().map_err(|error| anyhow!("{error}"))?;
        let tree = decode(&load.body, &limits).map_err(|refusal| anyhow!("{}", refusal.rule))?;
        for row in tree.root().elements().context("an array")? {
            contract
                .judge(row)
                .map_err(|refusal| anyhow!("{}", refusal.rule))?;
        }
        json.clear();
        write_value(tree.root(), &mut json);
        std::hint::black_box(&json);
        Ok(())
    }
}

/// Validation of a decoded body.
pub(super) fn validation(load: &Load) -> anyhow::Result<impl FnMut() -> anyhow::Result<()>> {
    let contract = Contract::compile(&load.schema).map_err(|error| anyhow!("{error}"))?;
    let tree = decode(&load.body, &BodyLimits::default())
        .map_err(|refusal| anyhow!("{}", refusal.rule))?;
    Ok(move || {
        for row in tree.root().elements().context("an array")? {
            contract
                .judge(row)
                .map_err(|refusal| anyhow!("{}", refusal.rule))?;
        }
        Ok(())
    })
}

/// What one would write without the strict decoder.
pub(super) fn ciborium(load: &Load) -> impl FnMut() -> anyhow::Result<()> {
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .should_validate_formats(true)
        .build(&load.schema);
    move || {
        let validator = validator.as_ref().map_err(|error| anyhow!("{error}"))?;
        let value: Value = ciborium::from_reader(load.body.as_slice())?;
        for row in value.as_array().context("an array")? {
            anyhow::ensure!(validator.is_valid(row), "a row is refused");
        }
        std::hint::black_box(serde_json::to_vec(&value)?);
        Ok(())
    }
}

/// The bare parse of the JSON.
pub(super) fn parse(load: &Load) -> impl FnMut() -> anyhow::Result<()> {
    move || {
        std::hint::black_box(serde_json::from_str::<Value>(&load.json)?);
        Ok(())
    }
}
