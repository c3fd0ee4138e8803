//! `spokegate report schedule`: one's own schedules.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Client, Failure};
use super::id;

#[derive(Debug, Subcommand)]
pub(super) enum ScheduleVerb {
    /// Lists them
    List,
    /// Shows one
    Show {
        /// Its id
        id: String,
    },
    /// Makes one, or changes one with --id
    Set {
        /// What is set, in JSON as the API takes it
        file: PathBuf,
        /// The one to change
        #[arg(long)]
        id: Option<String>,
    },
    /// Orders now what one orders when it is due
    Run {
        /// Its id
        id: String,
    },
    /// Sends its receivers a letter without a document
    TestMail {
        /// Its id
        id: String,
    },
    /// Switches one customer on or off
    Switch {
        /// Its id
        id: String,
        /// The customer's id
        tenant: String,
        /// Whether the customer is counted
        state: State,
    },
    /// Lets one stand still
    Pause {
        /// Its id
        id: String,
    },
    /// Lets one go on
    Resume {
        /// Its id
        id: String,
    },
    /// Removes one
    Remove {
        /// Its id
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    On,
    Off,
}

impl ScheduleVerb {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        let place = |text: &str| Ok::<_, Failure>(format!("/schedules/{}", id(text)?));
        match self {
            Self::List => client.get("/schedules").await,
            Self::Show { id } => client.get(&place(&id)?).await,
            Self::Set { file, id } => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("read {}", file.display()))?;
                let set: Value = serde_json::from_str(&text)
                    .with_context(|| format!("read {} as JSON", file.display()))?;
                match id {
                    Some(id) => client.put(&place(&id)?, set).await,
                    None => client.post("/schedules", Some(set)).await,
                }
            }
            Self::Run { id } => client.post(&format!("{}/run", place(&id)?), None).await,
            Self::TestMail { id } => {
                let path = format!("{}/test-mail", place(&id)?);
                client.post(&path, None).await
            }
            Self::Switch { id, tenant, state } => {
                let path = format!("{}/tenants/{}", place(&id)?, self::id(&tenant)?);
                let on = state == State::On;
                client.put(&path, json!({ "on": on })).await
            }
            Self::Pause { id } => client.post(&format!("{}/pause", place(&id)?), None).await,
            Self::Resume { id } => client.post(&format!("{}/resume", place(&id)?), None).await,
            Self::Remove { id } => client.delete(&place(&id)?).await,
        }
    }
}
