//! `spokegate secret`: what flows read as `${NAME}`, sealed to the satellites that need it.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use spokegate_contract::limits::SECRET_BYTES_MAX;
use spokegate_contract::{Address, RequestId, SatelliteId, SecretName, TenantId};
use spokegate_daemon::cli;
use zeroize::Zeroizing;

use super::orders::{line, result};
use super::{Directory, counted, moment, wait_for};
use crate::office::{Office, SecretOrder};

/// How long an order is worth beginning unless told otherwise, and at most, in minutes.
const LIFE_MIN: u32 = 15;
const LIFE_MIN_MAX: i64 = 7 * 24 * 60;
/// How long a command line waits for results unless told otherwise, in seconds.
const WAIT_S: u64 = 60;

#[derive(Debug, Subcommand)]
pub(super) enum SecretVerb {
    /// Seals a value to satellites, which give it to flows as ${NAME}
    Set {
        #[command(flatten)]
        secret: SecretArgs,
        /// The file of the value, without its last line end [default: standard input]
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
    },
    /// Removes a secret from satellites
    Remove(SecretArgs),
    /// Lists the names that a tenant's satellites keep
    List {
        #[command(flatten)]
        directory: Directory,
        /// The tenant's id
        #[arg(long)]
        tenant: TenantId,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct SecretArgs {
    #[command(flatten)]
    directory: Directory,
    /// The tenant's id
    #[arg(long)]
    tenant: TenantId,
    /// The satellite's id [default: all of the tenant that have a good certificate]
    #[arg(long)]
    satellite: Option<SatelliteId>,
    /// What flows call it: A-Z, a-z, 0-9 and '_'
    name: SecretName,
    /// For how long it is sent to a satellite that does not answer, in minutes
    #[arg(long, default_value_t = LIFE_MIN, value_parser = clap::value_parser!(u32).range(1..=LIFE_MIN_MAX))]
    life_min: u32,
    /// How long to wait for the results, in seconds; 0 does not wait
    #[arg(long, default_value_t = WAIT_S)]
    wait_s: u64,
}

impl SecretVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Set { secret, value_file } => {
                let value = value(value_file)?;
                secret.run(Some(&value), now_ms)
            }
            Self::Remove(secret) => secret.run(None, now_ms),
            Self::List { directory, tenant } => wait_for(async {
                let office = directory.open().await?;
                let secrets = office.registry().secrets(&tenant).await?;
                office.close().await;
                let mut text = String::new();
                for secret in secrets.iter().filter(|secret| !secret.removed) {
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        text,
                        "{}  {}  since {}",
                        secret.address,
                        secret.name,
                        moment(secret.at_ms)
                    );
                }
                Ok(text)
            }),
        }
    }
}

impl SecretArgs {
    fn run(self, value: Option<&str>, now_ms: u64) -> anyhow::Result<String> {
        wait_for(async {
            let office = self.directory.open().await?;
            let wanted = SecretOrder {
                name: &self.name,
                value,
                life_ms: u64::from(self.life_min) * 60_000,
            };
            let mut orders = Vec::new();
            for address in self.satellites(&office, now_ms).await? {
                let id = office.order_secret(&address, wanted, now_ms).await;
                orders.push((id.with_context(|| format!("seal to {address}"))?, address));
            }
            let behind = self.told(&office, &orders).await?;
            office.close().await;
            let all = counted(orders.len() as u64, "satellite");
            match behind {
                0 => Ok(String::new()),
                _ if self.wait_s == 0 => Ok(format!("ordered of {all}\n")),
                _ => bail!(
                    "{behind} of {all} did not do it, hint: `spokegate satellite commands` shows what comes of it"
                ),
            }
        })
    }

    async fn satellites(&self, office: &Office, now_ms: u64) -> anyhow::Result<Vec<Address>> {
        if let Some(satellite) = &self.satellite {
            return Ok(vec![Address::new(self.tenant.clone(), satellite.clone())]);
        }
        let mut all = office.registry().satellites(now_ms).await?;
        all.retain(|state| state.address.tenant == self.tenant && state.good > 0);
        if all.is_empty() {
            bail!(
                "no satellite of {} has a good certificate, hint: `spokegate satellite list` shows all",
                self.tenant
            );
        }
        Ok(all.into_iter().map(|state| state.address).collect())
    }

    /// Tells what came of each; how many did not do it.
    async fn told(&self, office: &Office, orders: &[(RequestId, Address)]) -> anyhow::Result<u64> {
        let until = Instant::now() + Duration::from_secs(self.wait_s);
        let mut behind = 0;
        for (id, address) in orders {
            let rest = until.saturating_duration_since(Instant::now());
            let record = result(office, id, rest).await?;
            let text = match &record {
                Some(record) => line(record),
                None => format!("secret {address}: no answer yet"),
            };
            cli::print(&format!("{text}\n"));
            let end = record.and_then(|record| record.end);
            behind += u64::from(end.is_none_or(|end| end.fault.is_some()));
        }
        Ok(behind)
    }
}

/// The value from its file or from standard input, without its last line end.
fn value(file: Option<PathBuf>) -> anyhow::Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let most = SECRET_BYTES_MAX as u64 + 2;
    let read = match &file {
        Some(path) => {
            std::fs::File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        }
        None => std::io::stdin().take(most + 1).read_to_end(&mut bytes),
    };
    let place = file.map_or("standard input".to_owned(), |path| {
        path.display().to_string()
    });
    read.with_context(|| format!("read the value from {place}"))?;
    let text = std::str::from_utf8(&bytes)
        .ok()
        .with_context(|| format!("the value from {place} is no text in UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() || text.len() > SECRET_BYTES_MAX || text.contains('\0') {
        bail!(
            "the value from {place} has {} bytes, allowed are 1 to {SECRET_BYTES_MAX} without a zero character",
            text.len()
        );
    }
    Ok(Zeroizing::new(text.to_owned()))
}
