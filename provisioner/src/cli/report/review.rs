//! `spokegate report review`: documents that are held for review.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::client::{Client, Failure, WORD};
use super::{id, pages};

#[derive(Debug, Subcommand)]
pub(super) enum ReviewVerb {
    /// Lists the documents that wait for a review
    List,
    /// Fetches the draft of a document
    Draft {
        /// The run's id
        run: String,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Lists the pages of a draft; with a number, fetches the picture of one
    Preview(pages::Pages),
    /// Puts an edited Word file in the place of a draft
    Replace {
        #[command(flatten)]
        one: One,
        /// The edited file
        file: PathBuf,
    },
    /// Releases a document
    Release(One),
    /// Rejects a document
    Reject {
        #[command(flatten)]
        one: One,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// One document, and what was looked at.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The run's id
    run: String,
    /// The draft that was looked at, as `draft` fetched it
    #[arg(long, value_name = "FILE")]
    seen: PathBuf,
}

impl One {
    fn place(&self) -> Result<String, Failure> {
        Ok(format!("/reviews/{}", id(&self.run)?))
    }

    /// SHA-256 of the draft in hexadecimal.
    fn sha256(&self) -> Result<String, Failure> {
        Ok(hex::encode(&Sha256::digest(read(&self.seen)?)))
    }

    async fn decide(&self, client: &Client, decision: Value) -> Result<Value, Failure> {
        let mut decision = decision;
        decision["sha256"] = self.sha256()?.into();
        let path = format!("{}/decide", self.place()?);
        client.post(&path, Some(decision)).await
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {}", file.display()))
}

impl ReviewVerb {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        match self {
            Self::List => client.get("/reviews").await,
            Self::Draft { run, output } => {
                let path = format!("/reviews/{}/draft", id(&run)?);
                client.save(&path, &output).await
            }
            Self::Preview(pages) => pages.run(client, "reviews").await,
            Self::Replace { one, file } => {
                let path = format!("{}/draft?sha256={}", one.place()?, one.sha256()?);
                client.put_file(&path, (WORD, read(&file)?)).await
            }
            Self::Release(one) => {
                let decision = json!({ "decision": "release" });
                one.decide(client, decision).await
            }
            Self::Reject { one, reason } => {
                let decision = json!({ "decision": "reject", "reason": reason });
                one.decide(client, decision).await
            }
        }
    }
}
