//! `spokegate ca`, which `spokegate-provisioner` has too.

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_identity::TrustDomain;

use super::{Directory, moment, wait_for};
use crate::authority::Authorities;
use crate::office::Office;
use crate::plan::Validity;

/// Authorities live this long unless told otherwise.
const AUTHORITY_DAYS: u32 = 3_650;

/// The certificate authorities.
#[derive(Debug, Subcommand)]
pub enum CaVerb {
    /// Makes the two authorities of a new installation, and their registry
    Init {
        /// Where they are, or will be
        #[command(flatten)]
        directory: Directory,
        /// The installation's name, for example msp.example
        #[arg(long)]
        trust_domain: TrustDomain,
        /// How long they live
        #[arg(long, default_value_t = AUTHORITY_DAYS)]
        days: u32,
    },
    /// Shows the two authorities
    Show {
        /// Where they are, or will be
        #[command(flatten)]
        directory: Directory,
    },
}

impl CaVerb {
    pub(crate) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Init {
                directory,
                trust_domain,
                days,
            } => {
                let path = directory.path()?;
                let validity = Validity::days(now_ms, days);
                wait_for(async {
                    let office = Office::create(&path, &trust_domain, validity)
                        .await
                        .with_context(|| format!("make the authorities in {}", path.display()))?;
                    office.close().await;
                    Ok(show(office.authorities()))
                })
            }
            Self::Show { directory } => {
                let path = directory.path()?;
                Authorities::open(&path)
                    .map(|authorities| show(&authorities))
                    .with_context(|| format!("open the authorities in {}", path.display()))
            }
        }
    }
}

fn show(authorities: &Authorities) -> String {
    [&authorities.fabric, &authorities.inner]
        .map(|authority| {
            format!(
                "{} authority of {}\n  sha256 {}\n  valid until {}\n",
                authority.hop(),
                authority.trust_domain(),
                authority.fingerprint(),
                moment(authority.not_after_ms())
            )
        })
        .concat()
}
