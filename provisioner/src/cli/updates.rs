//! `spokegate satellite update`: another version for one satellite or for all, wave by wave.

use anyhow::{Context as _, bail};
use spokegate_contract::envelope::CommandFault;
use spokegate_contract::{Address, RequestId};
use spokegate_identity::release::Version;

use super::waves::{Pace, Whom, told};
use super::{Directory, counted, wait_for};
use crate::office::Office;
use crate::registry::{OrderRecord, ReleaseRecord};

#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    whom: Whom,
    /// Which version, as `spokegate release list` shows it
    #[arg(long)]
    version: Version,
    /// An older version than the one that runs is meant
    #[arg(long)]
    downgrade: bool,
    #[command(flatten)]
    pace: Pace,
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
            let all = self.whom.satellites(&office, now_ms).await?;
            let mut asked = 0;
            for wave in all.chunks(usize::from(self.pace.wave)) {
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
                let life_ms = self.pace.life_ms();
                let order = office.order_update(address, build, (self.downgrade, life_ms), now_ms);
                orders.push((
                    address,
                    order.await.with_context(|| format!("update {address}"))?,
                ));
            }
            let results = self.pace.results(office, &orders).await?;
            open = Vec::new();
            for ((address, _), result) in orders.into_iter().zip(results) {
                match result {
                    Some(record) if !is_last && is_other_machine(&record) => open.push(address),
                    result => behind += u64::from(!told("update", address, result.as_ref())),
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
