//! The same order for one satellite, some tenants' or all, wave by wave: the next wave follows when the one before is done.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use spokegate_contract::{Address, RequestId, SatelliteId, TenantId};
use spokegate_daemon::cli;

use super::orders::{line, result};
use crate::office::Office;
use crate::registry::OrderRecord;

/// How long an order is worth beginning and fetching unless told otherwise, and at most, in minutes.
const LIFE_MIN: u32 = 60;
const LIFE_MIN_MAX: i64 = 7 * 24 * 60;
/// How long a wave may take unless told otherwise, in seconds.
const WAIT_S: u64 = 900;
/// Satellites of a wave unless told otherwise.
const WAVE: u16 = 5;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).multiple(true).args(["tenant", "all"])))]
pub(super) struct Whom {
    /// A tenant's id: its satellites; may be given several times
    #[arg(long)]
    tenant: Vec<TenantId>,
    /// One satellite of the one tenant
    #[arg(long, requires = "tenant")]
    satellite: Option<SatelliteId>,
    /// Every satellite whose certificate is good; with --tenant, those of these tenants
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pace {
    /// How many satellites at a time; the next ones follow when all of them are done and healthy
    #[arg(long, default_value_t = WAVE, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) wave: u16,
    /// For how long a satellite may fetch it, in minutes
    #[arg(long, default_value_t = LIFE_MIN, value_parser = clap::value_parser!(u32).range(1..=LIFE_MIN_MAX))]
    life_min: u32,
    /// How long to wait for each wave, in seconds
    #[arg(long, default_value_t = WAIT_S)]
    wait_s: u64,
}

impl Whom {
    /// The satellites that are meant.
    pub(super) async fn satellites(
        &self,
        office: &Office,
        now_ms: u64,
    ) -> anyhow::Result<Vec<Address>> {
        if let Some(satellite) = &self.satellite {
            let [tenant] = self.tenant.as_slice() else {
                bail!("--satellite goes with one --tenant");
            };
            return Ok(vec![Address::new(tenant.clone(), satellite.clone())]);
        }
        let mut all = office.registry().satellites(now_ms).await?;
        all.retain(|state| {
            let is_meant = self.tenant.is_empty() || self.tenant.contains(&state.address.tenant);
            is_meant && state.good > 0 && !state.suspended
        });
        let none = |tenant: &&TenantId| all.iter().all(|state| state.address.tenant != **tenant);
        if let Some(tenant) = self.tenant.iter().find(none) {
            bail!(
                "no satellite of {tenant} has a good certificate, hint: `spokegate satellite list` shows all"
            );
        }
        if all.is_empty() {
            bail!(
                "no satellite has a good certificate, hint: `spokegate satellite list` shows all"
            );
        }
        Ok(all.into_iter().map(|state| state.address).collect())
    }
}

impl Pace {
    pub(super) fn life_ms(&self) -> u64 {
        u64::from(self.life_min) * 60_000
    }

    /// What came of each of some orders, within the time of a wave.
    pub(super) async fn results(
        &self,
        office: &Office,
        orders: &[(&Address, RequestId)],
    ) -> anyhow::Result<Vec<Option<OrderRecord>>> {
        let until = Instant::now() + Duration::from_secs(self.wait_s);
        let mut results = Vec::new();
        for (_, id) in orders {
            let rest = until.saturating_duration_since(Instant::now());
            results.push(result(office, id, rest).await?);
        }
        Ok(results)
    }
}

/// Tells what came of it at once, for waves take long; whether it was done.
pub(super) fn told(verb: &str, address: &Address, result: Option<&OrderRecord>) -> bool {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match result {
        Some(record) => writeln!(text, "{}", line(record)),
        None => writeln!(text, "{verb} {address}: no answer yet"),
    };
    cli::print(&text);
    let end = result.and_then(|record| record.end.as_ref());
    end.is_some_and(|end| end.fault.is_none())
}
