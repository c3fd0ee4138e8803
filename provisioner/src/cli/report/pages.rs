//! The pages of a document as pictures.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::client::{Client, Failure};
use super::id;

#[derive(Debug, Args)]
pub(super) struct Pages {
    /// The run's id
    run: String,
    /// The page's number, from 1
    #[arg(requires = "output")]
    page: Option<u32>,
    /// The file to write, PNG
    #[arg(long, short, requires = "page")]
    output: Option<PathBuf>,
}

impl Pages {
    /// Those below `runs` or `reviews`.
    pub(super) async fn run(self, client: &Client, folder: &str) -> Result<Value, Failure> {
        let place = format!("/{folder}/{}/preview", id(&self.run)?);
        match (self.page, self.output) {
            (Some(page), Some(output)) => client.save(&format!("{place}/{page}"), &output).await,
            _ => client.get(&place).await,
        }
    }
}
