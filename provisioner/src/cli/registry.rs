//! Tenants, the revocation list and the audit.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_contract::limits::SERIAL_BYTES_MAX;
use spokegate_contract::{Address, SatelliteId, TenantId, hex};
use spokegate_identity::{Principal, Serial, pem};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::certificates::Order;
use super::{Directory, counted, moment, wait_for};
use crate::authority::Reason;
use crate::registry::{ListState, SatelliteState};

/// Highest number that a list is raised above: brokers take none below it again, so a slip must leave room.
const ABOVE_MAX: u64 = 1 << 48;

#[derive(Debug, Subcommand)]
pub(super) enum TenantVerb {
    /// Issues a certificate to a satellite that does not enrol
    Certificate {
        /// The tenant's id
        #[arg(long)]
        tenant: TenantId,
        /// The satellite's id
        #[arg(long)]
        satellite: SatelliteId,
        #[command(flatten)]
        order: Order,
    },
    /// Ends every session of a tenant and refuses new ones, until it is resumed
    Suspend {
        #[command(flatten)]
        directory: Directory,
        /// The tenant's id
        #[arg(long)]
        tenant: TenantId,
    },
    /// Admits a suspended tenant again
    Resume {
        #[command(flatten)]
        directory: Directory,
        /// The tenant's id
        #[arg(long)]
        tenant: TenantId,
    },
    /// Lists the tenants with their satellites
    List {
        #[command(flatten)]
        directory: Directory,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CrlVerb {
    /// Shows the present list
    Show {
        #[command(flatten)]
        directory: Directory,
    },
    /// Revokes one certificate of the fabric authority, a service's too; a satellite has `satellite revoke`
    Add {
        #[command(flatten)]
        directory: Directory,
        /// Its serial number, in hexadecimal digits
        #[arg(long, value_name = "DIGITS", value_parser = serial)]
        serial: Serial,
        /// unspecified, key-compromise, superseded or cessation-of-operation
        #[arg(long, default_value = "unspecified")]
        reason: Reason,
    },
    /// After the registry was restored from a copy: makes a list that brokers do not take for an old one
    Raise {
        #[command(flatten)]
        directory: Directory,
        /// The number of the list that the brokers have
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(..=ABOVE_MAX))]
        above: u64,
    },
    /// Prints the present list in PEM, for a broker that reads a file
    Export {
        #[command(flatten)]
        directory: Directory,
        /// A file, which is replaced whole [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

impl TenantVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Certificate {
                tenant,
                satellite,
                order,
            } => order.client(
                &Principal::Satellite(Address::new(tenant, satellite)),
                now_ms,
            ),
            Self::Suspend { directory, tenant } => wait_for(async {
                let office = directory.open().await?;
                let list = office.suspend(&tenant, now_ms).await?;
                let satellites = office.registry().satellites(now_ms).await?;
                let known = satellites.iter().any(|it| it.address.tenant == tenant);
                let doubt = if known {
                    String::new()
                } else {
                    format!(
                        "{tenant} has no satellites so far, hint: is the name right? `spokegate tenant list` shows all\n"
                    )
                };
                Ok(format!("{tenant} is suspended\n{}{doubt}", holds(&list)))
            }),
            Self::Resume { directory, tenant } => wait_for(async {
                let list = directory.open().await?.resume(&tenant, now_ms).await?;
                Ok(format!("{tenant} is admitted again\n{}", holds(&list)))
            }),
            Self::List { directory } => wait_for(async {
                let office = directory.open().await?;
                let satellites = office.registry().satellites(now_ms).await?;
                let suspended = office.registry().suspended().await?;
                Ok(tenants(&satellites, &suspended))
            }),
        }
    }
}

impl CrlVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Show { directory } => wait_for(async {
                let office = directory.open().await?;
                show(&office.refresh_list(now_ms).await?)
            }),
            Self::Add {
                directory,
                serial,
                reason,
            } => wait_for(async {
                let office = directory.open().await?;
                let (holder, list) = office.revoke_serial(&serial, reason, now_ms).await?;
                Ok(format!("revoked: {holder}\n{}", holds(&list)))
            }),
            Self::Raise { directory, above } => wait_for(async {
                let list = directory.open().await?.raise_list(above, now_ms).await?;
                Ok(holds(&list))
            }),
            Self::Export { directory, output } => wait_for(async {
                let office = directory.open().await?;
                let list = office.refresh_list(now_ms).await?;
                let text = pem::encode("X509 CRL", &list.der);
                let Some(output) = output else {
                    return Ok(text);
                };
                crate::files::replace(&output, text.as_bytes())?;
                Ok(format!(
                    "revocation list {} is in {}\n",
                    list.number,
                    output.display()
                ))
            }),
        }
    }
}

fn serial(text: &str) -> Result<Serial, String> {
    hex::decode(&text.replace(':', "").to_ascii_lowercase())
        .filter(|bytes| (1..=SERIAL_BYTES_MAX).contains(&bytes.len()))
        .map(|bytes| Serial::new(&bytes))
        .ok_or_else(|| format!("{text:?} is no serial number; allowed are 1 to {SERIAL_BYTES_MAX} bytes in hexadecimal digits"))
}

fn holds(list: &ListState) -> String {
    let entries = counted(list.entries, "certificate");
    format!("revocation list {} holds {entries}\n", list.number)
}

/// One line for each tenant.
fn tenants(satellites: &[SatelliteState], suspended: &[(TenantId, u64)]) -> String {
    let mut names: Vec<&TenantId> = satellites
        .iter()
        .map(|satellite| &satellite.address.tenant)
        .chain(suspended.iter().map(|(tenant, _)| tenant))
        .collect();
    names.sort();
    names.dedup();
    let mut text = String::new();
    for tenant in names {
        let of: Vec<&SatelliteState> = satellites
            .iter()
            .filter(|satellite| satellite.address.tenant == *tenant)
            .collect();
        let good = of.iter().filter(|satellite| satellite.good > 0).count();
        let since = suspended.iter().find(|(suspended, _)| suspended == tenant);
        let state = match since {
            Some((_, at_ms)) => format!("suspended since {}", moment(*at_ms)),
            None => "admitted".to_owned(),
        };
        let all = of.len();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{tenant}  {state}, good certificates: {good} of {all}"
        );
    }
    text
}

fn show(list: &ListState) -> anyhow::Result<String> {
    let (_, parsed) =
        CertificateRevocationList::from_der(&list.der).context("read the list back")?;
    let due = parsed.next_update().map_or(0, |due| due.timestamp());
    let due_ms = u64::try_from(due).unwrap_or(0).saturating_mul(1_000);
    let mut text = format!(
        "revocation list {}\nmade {}\nnext due {}\n{}, {} bytes\n",
        list.number,
        moment(list.made_at_ms),
        moment(due_ms),
        counted(list.entries, "certificate"),
        list.der.len()
    );
    for entry in parsed.iter_revoked_certificates() {
        let since_ms = u64::try_from(entry.revocation_date.timestamp()).unwrap_or(0);
        let reason = entry.reason_code().map(|(_, code)| Reason::of_code(code.0));
        let reason = reason.unwrap_or(Reason::Unspecified);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {} {reason} since {}",
            Serial::new(entry.raw_serial()),
            moment(since_ms.saturating_mul(1_000))
        );
    }
    Ok(text)
}
