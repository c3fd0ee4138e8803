//! `spokegate report admin`: what administrators see and set, on their listener.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use spokegate_daemon::cli;

use super::client::{Client, Failure};
use super::{encoded, id, words};

/// Between two looks at a log that is followed.
const LOOK: Duration = Duration::from_secs(2);
/// Lines of such a look.
const FOLLOW_MAX: u32 = 5_000;
/// How a PNG file begins.
const PNG: &[u8] = b"\x89PNG";

#[derive(Debug, Subcommand)]
pub(super) enum AdminVerb {
    /// Shows how every part of the service is; exit 1 when one fails
    Health,
    /// Lists the satellites and what they supply
    Satellites,
    /// Lists what was refused, the newest first
    Quarantine {
        /// Of this customer alone
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
    },
    /// Searches the audit trail, the newest first
    Audit(Audit),
    /// Shows the log of a satellite's Node-RED
    Logs(Logs),
    /// Versions of what the customers' Node-RED keep
    #[command(subcommand)]
    Flows(FlowsVerb),
    /// The brand of the service, or of a customer with --tenant
    #[command(subcommand)]
    Brand(BrandVerb),
}

#[derive(Debug, Subcommand)]
pub(super) enum FlowsVerb {
    /// Lists the newest version of each satellite; of one satellite, all of its versions
    List {
        /// Of this customer alone
        #[arg(long, value_name = "ID")]
        tenant: Option<String>,
        /// Of this satellite of it
        #[arg(long, value_name = "ID", requires = "tenant")]
        satellite: Option<String>,
    },
    /// Fetches a version's flows, as Node-RED imports them
    Download {
        /// The customer's id
        #[arg(long, value_name = "ID")]
        tenant: String,
        /// The satellite's id
        #[arg(long, value_name = "ID")]
        satellite: String,
        /// The version's number
        number: u64,
        /// The library as well, the modules, and which nodes have credentials
        #[arg(long)]
        all: bool,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Part of the actor's id or name
    #[arg(long)]
    actor: Option<String>,
    /// Part of the action, such as file.download
    #[arg(long)]
    action: Option<String>,
    /// allowed or denied
    #[arg(long)]
    decision: Option<String>,
    /// Part of the subject
    #[arg(long)]
    subject: Option<String>,
    /// From this day on, UTC
    #[arg(long)]
    from: Option<String>,
    /// Up to this day, UTC
    #[arg(long)]
    to: Option<String>,
    /// Entries with a smaller number
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The customer's id
    #[arg(long, value_name = "ID")]
    tenant: String,
    /// The satellite's id
    #[arg(long, value_name = "ID")]
    satellite: String,
    /// How many of the last lines
    #[arg(long, value_name = "N", default_value_t = 200)]
    tail: u32,
    /// Only lines that hold this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Goes on with the lines to come, until it is interrupted
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum BrandVerb {
    /// Shows it
    Show(Whose),
    /// Sets it; the logo stays
    Set {
        /// What is set, in JSON as the API takes it
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Removes a customer's own, with its logo
    Remove {
        /// The customer's id
        #[arg(long, value_name = "ID")]
        tenant: String,
    },
    /// Fetches the logo
    Logo {
        #[command(flatten)]
        whose: Whose,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Sets the logo
    SetLogo {
        /// A PNG or JPEG file
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Removes the logo
    RemoveLogo(Whose),
}

/// Whose brand.
#[derive(Debug, Args)]
pub(super) struct Whose {
    /// A customer's, by its id; the service's without
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
}

impl Whose {
    fn place(&self) -> Result<String, Failure> {
        match &self.tenant {
            Some(tenant) => Ok(format!("/tenants/{}/brand", id(tenant)?)),
            None => Ok("/brand".to_owned()),
        }
    }
}

impl AdminVerb {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        match self {
            Self::Health => client.get("/health").await,
            Self::Satellites => client.get("/satellites").await,
            Self::Quarantine { tenant: None } => client.get("/quarantine").await,
            Self::Quarantine {
                tenant: Some(tenant),
            } => {
                let path = format!("/quarantine?tenant={}", id(&tenant)?);
                client.get(&path).await
            }
            Self::Audit(audit) => client.get(&audit.path()).await,
            Self::Logs(logs) => logs.run(client).await,
            Self::Flows(verb) => verb.run(client).await,
            Self::Brand(verb) => verb.run(client).await,
        }
    }
}

impl Logs {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        let mut answer = client.get(&self.path(self.tail, None)?).await?;
        let mut before = answer["missing"].clone();
        if !self.follow {
            return Ok(answer);
        }
        loop {
            let told = words::told(&answer);
            if !told.is_empty() && cli::print(&told) != ExitCode::SUCCESS {
                return Ok(answer);
            }
            tokio::time::sleep(LOOK).await;
            let next = answer["next"].as_u64();
            answer = client.get(&self.path(FOLLOW_MAX, next)?).await?;
            let missing = std::mem::replace(&mut before, answer["missing"].clone());
            if answer["missing"] == missing {
                // It is told once.
                answer["missing"] = Value::Null;
            }
        }
    }

    fn path(&self, tail: u32, after: Option<u64>) -> Result<String, Failure> {
        let (tenant, satellite) = (id(&self.tenant)?, id(&self.satellite)?);
        let mut path = format!("/satellites/{tenant}/{satellite}/log?tail={tail}");
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        if let Some(text) = &self.search {
            path.push_str(&format!("&search={}", encoded(text)));
        }
        Ok(path)
    }
}

impl FlowsVerb {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        match self {
            Self::List { tenant, satellite } => {
                let named = [("tenant", tenant), ("satellite", satellite)];
                let mut asked = Vec::new();
                for (name, value) in named {
                    if let Some(value) = value {
                        asked.push(format!("{name}={}", id(&value)?));
                    }
                }
                client.get(&format!("/flows?{}", asked.join("&"))).await
            }
            Self::Download {
                tenant,
                satellite,
                number,
                all,
                output,
            } => {
                let (tenant, satellite) = (id(&tenant)?, id(&satellite)?);
                let part = if all { "all" } else { "flows" };
                let path = format!("/flows/{tenant}/{satellite}/{number}/file?part={part}");
                client.save(&path, &output).await
            }
        }
    }
}

impl Audit {
    fn path(&self) -> String {
        let before = self.before.map(|before| before.to_string());
        let asked = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("decision", &self.decision),
            ("subject", &self.subject),
            ("from", &self.from),
            ("to", &self.to),
            ("before", &before),
        ];
        let asked = asked.iter().filter_map(|(name, value)| {
            let value = value.as_deref()?;
            Some(format!("{name}={}", encoded(value)))
        });
        format!("/audit?{}", asked.collect::<Vec<_>>().join("&"))
    }
}

impl BrandVerb {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        let logo = |whose: &Whose| Ok::<_, Failure>(format!("{}/logo", whose.place()?));
        match self {
            Self::Show(whose) => client.get(&whose.place()?).await,
            Self::Set { file, whose } => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("read {}", file.display()))?;
                let set: Value = serde_json::from_str(&text)
                    .with_context(|| format!("read {} as JSON", file.display()))?;
                client.put(&whose.place()?, set).await
            }
            Self::Remove { tenant } => {
                let path = format!("/tenants/{}/brand", id(&tenant)?);
                client.delete(&path).await
            }
            Self::Logo { whose, output } => client.save(&logo(&whose)?, &output).await,
            Self::SetLogo { file, whose } => {
                let bytes =
                    std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
                // The service looks at the file itself; what is no PNG is said to be the other kind that it takes.
                let media = match bytes.starts_with(PNG) {
                    true => "image/png",
                    false => "image/jpeg",
                };
                client.put_file(&logo(&whose)?, (media, bytes)).await
            }
            Self::RemoveLogo(whose) => client.delete(&logo(&whose)?).await,
        }
    }
}
