//! `spokegate satellite`: from the join token to the revocation.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use spokegate_contract::{Address, SatelliteId, TenantId, Verb};
use spokegate_daemon::cli;
use spokegate_identity::Door;
use spokegate_identity::offline::{OfflineRequest, REQUEST_BYTES_MAX};

use super::orders::{CommandsArgs, OrderArgs, RestartArgs};
use super::updates::UpdateArgs;
use super::{Directory, counted, moment, wait_for};
use crate::authority::Reason;
use crate::files;
use crate::office::TokenOrder;
use crate::registry::{OpenRequest, SatelliteState};

/// A token's life unless told otherwise, and the longest, in minutes.
const LIFE_MIN: u32 = 30;
const LIFE_MIN_MAX: i64 = 7 * 24 * 60;
/// Life of a certificate that is carried.
const BUNDLE_DAYS: u32 = 7;

#[derive(Debug, Subcommand)]
pub(super) enum SatelliteVerb {
    /// Makes a join token: good once, for one satellite, for a while
    JoinToken(TokenArgs),
    /// Lists the satellites that have or had a certificate
    List {
        #[command(flatten)]
        directory: Directory,
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
    },
    /// Ends a satellite's session, revokes its certificates and voids its tokens
    Revoke {
        #[command(flatten)]
        directory: Directory,
        #[command(flatten)]
        who: Who,
        /// unspecified, key-compromise, superseded or cessation-of-operation
        #[arg(long, default_value = "unspecified")]
        reason: Reason,
    },
    /// Has a satellite make a new key and a new certificate now
    Renew(OrderArgs),
    /// Has a satellite restart the Node-RED that it keeps: in its window, or now
    Restart(RestartArgs),
    /// Has one satellite or all take another version of the agent, wave by wave; stops where one is not healthy
    Update(UpdateArgs),
    /// Lists what was ordered of satellites and what came of it, newest first
    Commands(CommandsArgs),
    /// Lists the joins that wait for approval
    Requests {
        #[command(flatten)]
        directory: Directory,
    },
    /// Lets a join go on
    Approve {
        #[command(flatten)]
        directory: Directory,
        /// Its number, as `requests` shows it
        number: u64,
    },
    /// Refuses a join for good
    Reject {
        #[command(flatten)]
        directory: Directory,
        /// Its number, as `requests` shows it
        number: u64,
    },
    /// Answers a request file that an agent wrote where no door can be reached
    Bundle(BundleArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// The tenant's id
    #[arg(long)]
    tenant: TenantId,
    /// The satellite's id
    #[arg(long)]
    satellite: SatelliteId,
}

#[derive(Debug, clap::Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    directory: Directory,
    /// The tenant's id
    #[arg(long)]
    tenant: TenantId,
    /// The satellite's id [default: the next free satellite-N]
    #[arg(long)]
    satellite: Option<SatelliteId>,
    /// Where the agent joins: the broker's enrolment listener
    #[arg(long, value_name = "HOST:PORT")]
    door: Door,
    /// How long it is good, in minutes
    #[arg(long, default_value_t = LIFE_MIN, value_parser = clap::value_parser!(u32).range(1..=LIFE_MIN_MAX))]
    life_min: u32,
    /// The join waits until `approve` or `reject`
    #[arg(long)]
    approval: bool,
    /// A new file for the token, readable by you only [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct BundleArgs {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    who: Who,
    /// The agent's request file
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// A new file for the sealed bundle
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// The broker's address, for the agent's configuration
    #[arg(long, value_name = "HOST:PORT")]
    broker: Option<Door>,
    /// How long the certificate lives
    #[arg(long, default_value_t = BUNDLE_DAYS)]
    days: u32,
}

impl SatelliteVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::JoinToken(args) => args.run(now_ms),
            Self::List { directory, tenant } => wait_for(async {
                let mut satellites = directory
                    .open()
                    .await?
                    .registry()
                    .satellites(now_ms)
                    .await?;
                satellites.retain(|satellite| {
                    tenant
                        .as_ref()
                        .is_none_or(|tenant| satellite.address.tenant == *tenant)
                });
                Ok(satellites.iter().map(line).collect())
            }),
            Self::Revoke {
                directory,
                who,
                reason,
            } => wait_for(async {
                let address = who.address();
                let revoked = directory
                    .open()
                    .await?
                    .revoke(&address, reason, now_ms)
                    .await?;
                Ok(format!(
                    "{address} is revoked: {}, {}\nrevocation list {}\n",
                    counted(revoked.certificates, "certificate"),
                    counted(revoked.tokens, "join token"),
                    revoked.list
                ))
            }),
            Self::Renew(args) => args.run(Verb::Renew, &json!({}), now_ms),
            Self::Restart(args) => args.run(now_ms),
            Self::Update(args) => args.run(now_ms),
            Self::Commands(args) => args.run(),
            Self::Requests { directory } => wait_for(async {
                let requests = directory
                    .open()
                    .await?
                    .registry()
                    .requests_open(now_ms)
                    .await?;
                Ok(requests.iter().map(request).collect())
            }),
            Self::Approve { directory, number } => decide(&directory, number, true, now_ms),
            Self::Reject { directory, number } => decide(&directory, number, false, now_ms),
            Self::Bundle(args) => args.run(now_ms),
        }
    }
}

impl Who {
    pub(super) fn address(&self) -> Address {
        Address::new(self.tenant.clone(), self.satellite.clone())
    }
}

impl TokenArgs {
    fn run(self, now_ms: u64) -> anyhow::Result<String> {
        if let Some(output) = self.output.as_ref().filter(|output| output.exists()) {
            anyhow::bail!(
                "{} exists and is not replaced, hint: choose another file",
                output.display()
            );
        }
        let life_ms = u64::from(self.life_min) * 60_000;
        let order = TokenOrder {
            tenant: self.tenant,
            satellite: self.satellite,
            door: self.door,
            life_ms,
            approval: self.approval,
        };
        let (token, address) = wait_for(async {
            let office = self.directory.open().await?;
            let made = office.join_token(&order, now_ms).await?;
            office.close().await;
            Ok(made)
        })?;
        let told = format!(
            "join token {} for {address}, good once until {}{}",
            token.id,
            moment(now_ms.saturating_add(life_ms)),
            if self.approval { ", with approval" } else { "" }
        );
        let text = format!("{token}\n");
        match self.output {
            Some(output) => {
                files::write_private(&output, text.as_bytes()).context("keep the join token")?;
                Ok(format!("{told}, in {}\n", output.display()))
            }
            None => {
                // The token alone goes to standard output, so that it can be piped.
                cli::tell(&told);
                Ok(text)
            }
        }
    }
}

impl BundleArgs {
    fn run(self, now_ms: u64) -> anyhow::Result<String> {
        let request = read(&self.request)?;
        let key = OfflineRequest::from_json(&request).map(|asked| asked.public_key.fingerprint());
        let broker = self.broker.as_ref().map(ToString::to_string);
        let address = self.who.address();
        let carried = wait_for(async {
            let office = self.directory.open().await?;
            let carried = office
                .bundle(&address, &request, broker, self.days, now_ms)
                .await
                .with_context(|| format!("answer the request {}", self.request.display()))?;
            office.close().await;
            Ok(carried)
        })?;
        files::write_private(&self.output, &carried.sealed).context("keep the bundle")?;
        Ok(format!(
            "bundle for {address}, certificate valid until {}, in {}\nfor the key {}, hint: hand it over if `join --offline-request` said the same\n",
            moment(carried.not_after_ms),
            self.output.display(),
            key?
        ))
    }
}

fn decide(
    directory: &Directory,
    number: u64,
    approve: bool,
    now_ms: u64,
) -> anyhow::Result<String> {
    wait_for(async {
        let request = directory
            .open()
            .await?
            .decide(number, approve, now_ms)
            .await?;
        let state = request.state.as_str();
        Ok(format!(
            "request {number} of {} is {state}\n",
            request.address
        ))
    })
}

/// A file that somebody carried here: never more of it than a request may have.
fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| {
            let most = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
            file.take(most.saturating_add(1)).read_to_end(&mut bytes)
        })
        .with_context(|| format!("read the request {}", path.display()))?;
    Ok(bytes)
}

fn line(satellite: &SatelliteState) -> String {
    let until = moment(satellite.not_after_ms);
    let state = match (satellite.good, satellite.revoked_at_ms) {
        (1.., _) => format!("good until {until}"),
        (0, Some(at_ms)) => format!("revoked since {}", moment(at_ms)),
        (0, None) => format!("ended {until}"),
    };
    let suspended = if satellite.suspended {
        ", its tenant is suspended"
    } else {
        ""
    };
    format!("{}  {state}{suspended}\n", satellite.address)
}

/// A request with its key's fingerprint and where it came from, for who decides.
fn request(request: &OpenRequest) -> String {
    let mut text = format!(
        "{}  {}  asked {}  key {}",
        request.number,
        request.address,
        moment(request.asked_at_ms),
        request.public_key.fingerprint()
    );
    if !request.peer.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, "  from {}", request.peer);
    }
    text + "\n"
}
