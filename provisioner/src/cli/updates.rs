//! `spokegate satellite update`: another version for one satellite or for all, wave by wave.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use spokegate_contract::envelope::CommandFault;
use spokegate_contract::{Address, RequestId, SatelliteId, TenantId};
use spokegate_daemon::cli;
use spokegate_identity::release::Version;

use super::orders::{line, result};
use super::{Directory, counted, wait_for};
use crate::office::Office;
use crate::registry::{OrderRecord, ReleaseRecord};

/// How long an update is worth beginning and fetching unless told otherwise, and at most, in minutes.
const LIFE_MIN: u32 = 60;
const LIFE_MIN_MAX: i64 = 7 * 24 * 60;
/// How long a wave may take unless told otherwise, in seconds.
const WAIT_S: u64 = 900;
/// Satellites of a wave unless told otherwise.
const WAVE: u16 = 5;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whom").required(true).args(["satellite", "all"])))]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    directory: Directory,
    /// The tenant's id; with --all, only this tenant's satellites
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The satellite's id
    #[arg(long, requires = "tenant")]
    satellite: Option<SatelliteId>,
    /// Every satellite whose certificate is good
    #[arg(long)]
    all: bool,
    /// Which version, as `spokegate release list` shows it
    #[arg(long)]
    version: Version,
    /// An older version than the one that runs is meant
    #[arg(long)]
    downgrade: bool,
    /// How many satellites at a time; the next ones follow when all of them are healthy
    #[arg(long, default_value_t = WAVE, value_parser = clap::value_parser!(u16).range(1..))]
    wave: u16,
    /// For how long a satellite may fetch it, in minutes
    #[arg(long, default_value_t = LIFE_MIN, value_parser = clap::value_parser!(u32).range(1..=LIFE_MIN_MAX))]
    life_min: u32,
    /// How long to wait for each wave, in seconds
    #[arg(long, default_value_t = WAIT_S)]
    wait_s: u64,
}

impl UpdateArgs {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        wait_for(async {
            let office = self.directory.open().await?;
            let builds = office.registry().builds(self.version).await?;
            if builds.is_empty() {
                bail!(
                    "there is no release {}, hint: `spokegate release list` shows all",
                    self.version
                );
            }
            let all = self.satellites(&office, now_ms).await?;
            let mut asked = 0;
            for wave in all.chunks(usize::from(self.wave)) {
                asked += wave.len();
                let behind = self.wave(&office, wave, &builds, now_ms).await?;
                if behind > 0 {
                    bail!(
                        "{} of this wave not updated, {} not asked, hint: `spokegate satellite commands` shows why; the same command goes on where this one ended",
                        counted(behind, "satellite"),
                        counted((all.len() - asked) as u64, "satellite")
                    );
                }
            }
            office.close().await;
            Ok(format!(
                "{} on {}\n",
                counted(all.len() as u64, "satellite"),
                self.version
            ))
        })
    }

    async fn satellites(&self, office: &Office, now_ms: u64) -> anyhow::Result<Vec<Address>> {
        if let (Some(tenant), Some(satellite)) = (&self.tenant, &self.satellite) {
            return Ok(vec![Address::new(tenant.clone(), satellite.clone())]);
        }
        let mut all = office.registry().satellites(now_ms).await?;
        all.retain(|state| {
            let tenant = self.tenant.as_ref();
            let is_meant = tenant.is_none_or(|tenant| state.address.tenant == *tenant);
            is_meant && state.good > 0 && !state.suspended
        });
        if all.is_empty() {
            bail!(
                "no satellite has a good certificate, hint: `spokegate satellite list` shows all"
            );
        }
        Ok(all.into_iter().map(|state| state.address).collect())
    }

    /// Orders it of some satellites at once and waits for all; how many did not come to run it.
    async fn wave(
        &self,
        office: &Office,
        wave: &[Address],
        builds: &[ReleaseRecord],
        now_ms: u64,
    ) -> anyhow::Result<u64> {
        let mut open: Vec<&Address> = wave.iter().collect();
        let mut behind = 0;
        // Which machine it is only the satellite knows: it is offered each build until one is for it.
        for (build, is_last) in builds
            .iter()
            .zip((0..builds.len()).rev().map(|rest| rest == 0))
        {
            let mut orders: Vec<(&Address, RequestId)> = Vec::new();
            for address in open {
                let life_ms = u64::from(self.life_min) * 60_000;
                let order = office.order_update(address, build, (self.downgrade, life_ms), now_ms);
                orders.push((
                    address,
                    order.await.with_context(|| format!("update {address}"))?,
                ));
            }
            let until = Instant::now() + Duration::from_secs(self.wait_s);
            let mut results = Vec::new();
            for (_, id) in &orders {
                let rest = until.saturating_duration_since(Instant::now());
                results.push(result(office, id, rest).await?);
            }
            open = Vec::new();
            for ((address, _), result) in orders.into_iter().zip(results) {
                match result {
                    Some(record) if !is_last && is_other_machine(&record) => open.push(address),
                    result => behind += u64::from(!told(address, result.as_ref())),
                }
            }
        }
        Ok(behind)
    }
}

fn is_other_machine(record: &OrderRecord) -> bool {
    let fault = record.end.as_ref().and_then(|end| end.fault);
    fault == Some(CommandFault::Unsupported)
}

/// Tells what came of it at once, for waves take long; whether it was done.
fn told(address: &Address, result: Option<&OrderRecord>) -> bool {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match result {
        Some(record) => writeln!(text, "{}", line(record)),
        None => writeln!(text, "update {address}: no answer yet"),
    };
    cli::print(&text);
    let end = result.and_then(|record| record.end.as_ref());
    end.is_some_and(|end| end.fault.is_none())
}
