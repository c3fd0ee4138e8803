//! `spokegate report template`: the templates that one manages.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, Failure, WORD};
use super::{encoded, id};

#[derive(Debug, Subcommand)]
pub(super) enum TemplateVerb {
    /// Lists the reports whose templates one manages
    List,
    /// Shows the versions of a report's template; with a number, what is wrong with that one
    Show {
        /// The report's id
        report: String,
        /// The version; 0 is the template as shipped
        version: Option<u64>,
    },
    /// Uploads a Word file as the next version; exit 1 when it has faults
    Upload {
        /// The report's id
        report: String,
        /// The file
        file: PathBuf,
        /// What is new in it
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Fetches a version as it was uploaded
    Download {
        #[command(flatten)]
        one: One,
        /// A copy with a comment at each fault
        #[arg(long)]
        marked: bool,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Makes a document of sample data with a version
    Try {
        #[command(flatten)]
        one: One,
        /// docx or pdf
        #[arg(long = "as", value_name = "FORMAT", default_value = "docx")]
        format: String,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Makes a version active: runs that begin from then on use it
    Activate(One),
    /// Makes the version before the active one active again
    RollBack {
        /// The report's id
        report: String,
        /// The active version, as it was seen
        #[arg(long, value_name = "VERSION")]
        from: u64,
    },
    /// Removes a version that is not active
    Remove(One),
    /// Fetches a template that shows everything a report has
    Starter {
        /// The report's id
        report: String,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
}

/// One version.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The report's id
    report: String,
    /// The version; 0 is the template as shipped
    version: u64,
}

impl One {
    fn place(&self) -> Result<String, Failure> {
        Ok(format!("{}/{}", place(&self.report)?, self.version))
    }
}

fn place(report: &str) -> Result<String, Failure> {
    Ok(format!("/reports/{}/templates", id(report)?))
}

impl TemplateVerb {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        match self {
            Self::List => client.get("/templates").await,
            Self::Show { report, version } => match version {
                Some(version) => client.get(&One { report, version }.place()?).await,
                None => client.get(&place(&report)?).await,
            },
            Self::Upload { report, file, note } => upload(client, &report, (&file, &note)).await,
            Self::Download {
                one,
                marked,
                output,
            } => {
                let which = if marked { "marked" } else { "file" };
                let path = format!("{}/{which}", one.place()?);
                client.save(&path, &output).await
            }
            Self::Try {
                one,
                format,
                output,
            } => {
                let path = format!("{}/try", one.place()?);
                let order = json!({ "as": id(&format)? });
                client.save_made(&path, order, &output).await
            }
            Self::Activate(one) => {
                let path = format!("{}/activate", one.place()?);
                client.post(&path, None).await
            }
            Self::RollBack { report, from } => {
                let path = format!("{}/roll-back", place(&report)?);
                client.post(&path, Some(json!({ "from": from }))).await
            }
            Self::Remove(one) => client.delete(&one.place()?).await,
            Self::Starter { report, output } => {
                let path = format!("{}/starter", place(&report)?);
                client.save(&path, &output).await
            }
        }
    }
}

async fn upload(
    client: &Client,
    report: &str,
    (file, note): (&Path, &str),
) -> Result<Value, Failure> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let path = format!(
        "{}?file_name={}&note={}",
        place(report)?,
        encoded(&name),
        encoded(note)
    );
    client.post_file(&path, (WORD, bytes)).await
}
