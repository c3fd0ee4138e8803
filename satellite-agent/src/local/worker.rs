//! `spokegate-agent contract-worker`: reads the contracts, answers one question about them, and ends.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use spokegate_confine::{Reached, SandboxMode, sys};
use spokegate_contract::{Dataset, DatasetId, Kind, Registry};

use super::contracts::{Answer, CHECK_MEMORY_BYTES_MAX, CHECK_S_MAX, Listed};
use super::verdict;
use crate::push::intake::PUSH_JSON_BYTES_MAX;

/// Arguments of `contract-worker`; without a dataset it lists the contracts.
#[derive(Debug, Args)]
pub struct ContractWorker {
    /// The folder of contracts
    #[arg(long)]
    schemas: PathBuf,
    /// The dataset to check data against, which come on standard input
    #[arg(long, requires = "version")]
    dataset: Option<DatasetId>,
    /// Its major version
    #[arg(long)]
    version: Option<u16>,
    /// Which way the data are to go: pull or push
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "pull" => Ok(Kind::Pull),
        "push" => Ok(Kind::Push),
        _ => Err("is neither pull nor push".to_owned()),
    }
}

impl ContractWorker {
    /// Answers on standard output.
    pub(crate) fn act(&self) -> anyhow::Result<()> {
        give_up()?;
        let registry = Registry::open(&self.schemas)
            .with_context(|| format!("read the contracts in {}", self.schemas.display()))?;
        let answer = match (&self.dataset, self.version) {
            (Some(dataset), Some(version)) => self.check(&registry, dataset, version)?,
            _ => Answer::Datasets(registry.iter().map(listed).collect()),
        };
        let text = serde_json::to_vec(&answer).context("write the answer")?;
        let mut out = std::io::stdout().lock();
        out.write_all(&text).context("write the answer")
    }

    fn check(
        &self,
        registry: &Registry,
        dataset: &DatasetId,
        version: u16,
    ) -> anyhow::Result<Answer> {
        let Some(contract) = registry.get(dataset, version) else {
            return Ok(Answer::Unknown(unknown(registry, dataset, version)));
        };
        let mut json = Vec::new();
        std::io::stdin()
            .lock()
            .take(PUSH_JSON_BYTES_MAX as u64)
            .read_to_end(&mut json)
            .context("read the data")?;
        Ok(Answer::Verdict(verdict::judge(contract, self.kind, &json)?))
    }
}

/// Only as much as a check needs, and an end with the agent. A unit's filter of system calls may deny some of it, which is
/// no reason to check nothing: the input has its own bound, and the agent ends a worker whose time is over.
fn give_up() -> anyhow::Result<()> {
    let mut reached = Reached::new(SandboxMode::BestEffort, "");
    reached.must("resources", sys::limit_resources(CHECK_MEMORY_BYTES_MAX))?;
    reached.must("cpu", sys::limit_cpu(CHECK_S_MAX))?;
    reached.give_up_rights()?;
    Ok(())
}

fn unknown(registry: &Registry, dataset: &DatasetId, version: u16) -> String {
    let versions: Vec<String> = registry
        .iter()
        .filter(|contract| contract.id == *dataset)
        .map(|contract| format!("{dataset} v{}", contract.version))
        .collect();
    let mut known: Vec<&str> = registry
        .iter()
        .map(|contract| contract.id.as_str())
        .collect();
    known.dedup();
    let known = if versions.is_empty() {
        known.join(", ")
    } else {
        versions.join(", ")
    };
    format!("there is no contract {dataset} v{version} here; allowed are: {known}")
}

fn listed(contract: &Dataset) -> Listed {
    let directions = contract.kinds.iter().map(|kind| match kind {
        Kind::Pull => "pull".to_owned(),
        Kind::Push => "push".to_owned(),
    });
    Listed {
        dataset: contract.id.to_string(),
        version: contract.version,
        title: contract.title.clone(),
        description: contract.description.clone(),
        shape: contract.shape.as_str().to_owned(),
        directions: directions.collect(),
        status: contract.status.as_str().to_owned(),
        schema: contract.data_schema.clone(),
        params_schema: contract.params_schema.clone(),
    }
}
