//! What is ordered, and what it can be ordered with.

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};

use super::client::{Client, Failure};
use super::{encoded, id, status};

#[derive(Debug, Args)]
pub(super) struct Order {
    /// The report's id
    report: String,
    /// A customer's id; may be given several times
    #[arg(long = "tenant", required_unless_present = "all", value_name = "ID")]
    tenants: Vec<String>,
    /// For all customers
    #[arg(long, conflicts_with = "tenants")]
    all: bool,
    /// A document for each customer
    #[arg(long)]
    each: bool,
    /// docx, pdf or both
    #[arg(long, default_value = "docx")]
    format: String,
    /// An input, as JSON or as plain text; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Holds documents for review
    #[arg(long)]
    review: bool,
    /// Waits for the end; exit 1 when it failed
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
pub(super) struct Choices {
    /// The report's id
    report: String,
    /// The input
    field: String,
    /// A customer's id; may be given several times
    #[arg(long = "tenant", required = true, value_name = "ID")]
    tenants: Vec<String>,
    /// Another input that the choices follow, as JSON or as plain text; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

impl Order {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        let tenants = if self.all {
            json!("all")
        } else {
            json!(self.tenants)
        };
        let order = json!({
            "tenants": tenants, "each": self.each, "format": self.format,
            "parameters": inputs(&self.parameters)?, "review": self.review,
        });
        let path = format!("/reports/{}/runs", id(&self.report)?);
        let ordered = client.post(&path, Some(order)).await?;
        match ordered.get("id").and_then(Value::as_str) {
            Some(id) if self.wait => status(client, id, true).await,
            _ => Ok(ordered),
        }
    }
}

impl Choices {
    pub(super) async fn run(self, client: &Client) -> Result<Value, Failure> {
        let inputs = Value::from(inputs(&self.parameters)?).to_string();
        let tenants: Vec<String> = self
            .tenants
            .iter()
            .map(|tenant| id(tenant))
            .collect::<Result<_, _>>()?;
        let path = format!(
            "/reports/{}/options/{}?tenant={}&parameters={}",
            id(&self.report)?,
            id(&self.field)?,
            tenants.join(","),
            encoded(&inputs)
        );
        client.get(&path).await
    }
}

/// Inputs by name.
fn inputs(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut inputs = Map::new();
    for pair in pairs {
        let (name, value) = pair
            .split_once('=')
            .with_context(|| format!("{pair:?} is no input; write NAME=VALUE"))?;
        let plain = || Value::String(value.to_owned());
        let value = serde_json::from_str(value).unwrap_or_else(|_| plain());
        inputs.insert(name.to_owned(), value);
    }
    Ok(inputs)
}
