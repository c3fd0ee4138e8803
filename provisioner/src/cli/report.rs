//! Reports from a shell, over the report service's API.
//!
//! Exit codes: 0 done; 1 the run failed or something else went wrong; 2 the command line cannot be read; 3 the token is
//! refused; 4 there is no such thing; 5 not now, try again.

mod client;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use spokegate_daemon::{EXIT_FAILURE, cli};

use client::{Client, Failure, Server};

/// Time between two looks at a batch.
const LOOK: Duration = Duration::from_secs(2);

/// The arguments of `spokegate report`.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    server: Server,
    /// Answers as JSON, as the API gives them
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: ReportVerb,
}

#[derive(Debug, Subcommand)]
enum ReportVerb {
    /// Lists the reports that can be run
    List,
    /// Shows what a report takes
    Show {
        /// The report's id
        report: String,
    },
    /// Orders a report: a run, or a batch with --each
    Run(Order),
    /// Shows where a run or a batch stands
    Status {
        /// Its id
        id: String,
        /// Waits for its end; exit 1 when it failed
        #[arg(long)]
        wait: bool,
    },
    /// Cancels a run or a batch
    Cancel {
        /// Its id
        id: String,
    },
    /// Makes a run again
    Again {
        /// The run's id
        run: String,
        /// With the data that was kept of it, not with fresh data
        #[arg(long)]
        same_data: bool,
    },
    /// Fetches the document of a run, or all of a batch in one archive
    Download {
        /// Its id
        id: String,
        /// docx or pdf; without, the first that the run made
        #[arg(long = "as", value_name = "FORMAT")]
        format: Option<String>,
        /// The file to write
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Lists the data of a run; with a customer and a part, fetches it
    Data {
        /// The run's id
        run: String,
        /// The customer's id
        #[arg(requires = "part")]
        tenant: Option<String>,
        /// The name of the dataset in the report
        part: Option<String>,
        /// As which table
        #[arg(long = "as", value_enum, default_value = "csv")]
        form: Form,
    },
    /// Lists one's own runs, the newest first
    History(History),
    /// One's own schedules
    #[command(subcommand)]
    Schedule(ScheduleVerb),
}

#[derive(Debug, Args)]
struct Order {
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Csv,
    Json,
}

#[derive(Debug, Args)]
struct History {
    /// Of this report
    #[arg(long)]
    report: Option<String>,
    /// For this customer
    #[arg(long)]
    tenant: Option<String>,
    /// In this state: queued, running, done, failed, cancelled
    #[arg(long)]
    state: Option<String>,
    /// From this day on
    #[arg(long)]
    from: Option<String>,
    /// Up to this day
    #[arg(long)]
    to: Option<String>,
    /// Which page, from 0
    #[arg(long, default_value = "0")]
    page: u32,
}

#[derive(Debug, Subcommand)]
enum ScheduleVerb {
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

impl Command {
    pub(super) fn run(self) -> ExitCode {
        let json = self.json;
        let done = cli::wait_for(async move {
            let client = match self.server.client() {
                Ok(client) => client,
                Err(error) => return Ok(Err(Failure::Other(error))),
            };
            Ok(self.verb.run(&client).await)
        });
        match done.unwrap_or_else(|error| Err(Failure::Other(error))) {
            Ok(answer) => {
                let is_good = !words::has_failed(&answer);
                let text = if json {
                    format!("{answer:#}\n")
                } else {
                    words::told(&answer)
                };
                match cli::print(&text) {
                    ExitCode::SUCCESS if !is_good => ExitCode::from(EXIT_FAILURE),
                    code => code,
                }
            }
            Err(failure) => {
                cli::tell(&failure.told(json));
                ExitCode::from(failure.code())
            }
        }
    }
}

impl ReportVerb {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        match self {
            Self::List => client.get("/reports").await,
            Self::Show { report } => client.get(&format!("/reports/{}", id(&report)?)).await,
            Self::Run(order) => order.run(client).await,
            Self::Status { id, wait } => status(client, &self::id(&id)?, wait).await,
            Self::Cancel { id } => {
                let (place, _) = find(client, &self::id(&id)?, 0).await?;
                client.post(&format!("{place}/cancel"), None).await
            }
            Self::Again { run, same_data } => {
                let data = if same_data { "same" } else { "fresh" };
                let path = format!("/runs/{}/again", id(&run)?);
                client.post(&path, Some(json!({ "data": data }))).await
            }
            Self::Download { id, format, output } => {
                let (place, found) = find(client, &self::id(&id)?, 0).await?;
                let path = match (found.get("tally"), format) {
                    (Some(_), _) => format!("{place}/documents"),
                    (None, Some(format)) => format!("{place}/document?as={}", self::id(&format)?),
                    (None, None) => format!("{place}/document"),
                };
                client.save(&path, &output).await
            }
            Self::Data {
                run,
                tenant,
                part,
                form,
            } => {
                let place = format!("/runs/{}/data", id(&run)?);
                let (Some(tenant), Some(part)) = (tenant, part) else {
                    return client.get(&place).await;
                };
                let form = match form {
                    Form::Csv => "csv",
                    Form::Json => "json",
                };
                let path = format!("{place}/{}/{}?as={form}", id(&tenant)?, id(&part)?);
                client.stream(&path).await
            }
            Self::History(history) => client.get(&history.path()?).await,
            Self::Schedule(verb) => verb.run(client).await,
        }
    }
}

impl Order {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        let mut parameters = Map::new();
        for pair in &self.parameters {
            let (name, value) = pair
                .split_once('=')
                .with_context(|| format!("{pair:?} is no input; write NAME=VALUE"))?;
            let plain = || Value::String(value.to_owned());
            let value = serde_json::from_str(value).unwrap_or_else(|_| plain());
            parameters.insert(name.to_owned(), value);
        }
        let tenants = if self.all {
            json!("all")
        } else {
            json!(self.tenants)
        };
        let order = json!({
            "tenants": tenants, "each": self.each, "format": self.format, "parameters": parameters,
            "review": self.review,
        });
        let path = format!("/reports/{}/runs", id(&self.report)?);
        let ordered = client.post(&path, Some(order)).await?;
        match ordered.get("id").and_then(Value::as_str) {
            Some(id) if self.wait => status(client, id, true).await,
            _ => Ok(ordered),
        }
    }
}

/// A run or a batch of that id: where it is, and how it stands.
async fn find(client: &Client, id: &str, wait_ms: u32) -> Result<(String, Value), Failure> {
    let place = format!("/runs/{id}");
    match client.get(&format!("{place}?wait_ms={wait_ms}")).await {
        Ok(found) => Ok((place, found)),
        Err(Failure::Problem(404, problem)) => {
            let place = format!("/batches/{id}");
            match client.get(&place).await {
                Ok(found) => Ok((place, found)),
                Err(Failure::Problem(404, _)) => Err(Failure::Problem(404, problem)),
                Err(other) => Err(other),
            }
        }
        Err(other) => Err(other),
    }
}

async fn status(client: &Client, id: &str, wait: bool) -> Result<Value, Failure> {
    loop {
        let (_, found) = find(client, id, if wait { 20_000 } else { 0 }).await?;
        let is_over = words::is_over(&found);
        if is_over || !wait {
            return Ok(found);
        }
        if found.get("tally").is_some() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl History {
    fn path(&self) -> Result<String, Failure> {
        let mut path = format!("/runs?page={}", self.page);
        for (name, value) in [
            ("report", &self.report),
            ("tenant", &self.tenant),
            ("state", &self.state),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if let Some(value) = value {
                path += &format!("&{name}={}", id(value)?);
            }
        }
        Ok(path)
    }
}

impl ScheduleVerb {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
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
            Self::Pause { id } => client.post(&format!("{}/pause", place(&id)?), None).await,
            Self::Resume { id } => client.post(&format!("{}/resume", place(&id)?), None).await,
            Self::Remove { id } => client.delete(&place(&id)?).await,
        }
    }
}

/// A text that is put into an address: ids, days and words have no other signs.
fn id(text: &str) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    let allowed = "letters, digits, \"-\" and \"_\"";
    Err(Failure::Other(anyhow::anyhow!(
        "{text:?} is no id; allowed are {allowed}"
    )))
}
