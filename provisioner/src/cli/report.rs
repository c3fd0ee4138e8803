//! Reports from a shell, over the report service's API.
//!
//! Exit codes: 0 done; 1 the run failed or something else went wrong; 2 the command line cannot be read; 3 the token is
//! refused; 4 there is no such thing; 5 not now, try again.

mod admin;
mod client;
mod order;
mod pages;
mod review;
mod schedule;
mod template;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
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
    /// Lists what an input can be whose choices come from customers' data
    Options(order::Choices),
    /// Orders a report: a run, or a batch with --each
    Run(order::Order),
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
    /// Lists the data of a run; with a customer and a part, fetches it; of a batch, fetches all in one archive
    Data(Data),
    /// Lists the pages of a document; with a number, fetches the picture of one
    Preview(pages::Pages),
    /// Shows what a document was made of; with --verify, makes it again and compares
    Proof {
        /// The run's id
        run: String,
        /// Makes it again of what is kept; exit 1 when it does not hold
        #[arg(long)]
        verify: bool,
    },
    /// Lists one's own runs, the newest first
    History(History),
    /// Lists one's own batches, the newest first
    Batches,
    /// One's own schedules
    #[command(subcommand)]
    Schedule(schedule::ScheduleVerb),
    /// Documents that are held for review
    #[command(subcommand)]
    Review(review::ReviewVerb),
    /// The templates that one manages
    #[command(subcommand)]
    Template(template::TemplateVerb),
    /// What administrators see and set: --server is the address of their listener
    #[command(subcommand)]
    Admin(admin::AdminVerb),
}

#[derive(Debug, Args)]
struct Data {
    /// The id of the run, or of a batch
    id: String,
    /// The customer's id
    #[arg(requires = "part")]
    tenant: Option<String>,
    /// The name of the dataset in the report
    part: Option<String>,
    /// As which table
    #[arg(long = "as", value_enum, default_value = "csv")]
    form: Form,
    /// The file to write: of a batch, a zip with a folder for each customer
    #[arg(long, short)]
    output: Option<PathBuf>,
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
            Self::Options(choices) => choices.run(client).await,
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
            Self::Data(data) => data.run(client).await,
            Self::Preview(pages) => pages.run(client, "runs").await,
            Self::Proof { run, verify } => {
                let path = format!("/runs/{}/proof", id(&run)?);
                match verify {
                    true => client.post(&path, None).await,
                    false => client.get(&path).await,
                }
            }
            Self::History(history) => client.get(&history.path()?).await,
            Self::Batches => client.get("/batches").await,
            Self::Schedule(verb) => verb.run(client).await,
            Self::Review(verb) => verb.run(client).await,
            Self::Template(verb) => verb.run(client).await,
            Self::Admin(verb) => verb.run(client).await,
        }
    }
}

impl Data {
    async fn run(self, client: &Client) -> Result<Value, Failure> {
        let form = match self.form {
            Form::Csv => "csv",
            Form::Json => "json",
        };
        let id = id(&self.id)?;
        let path = match (&self.tenant, &self.part, &self.output) {
            (Some(tenant), Some(part), _) => {
                let (tenant, part) = (self::id(tenant)?, self::id(part)?);
                format!("/runs/{id}/data/{tenant}/{part}?as={form}")
            }
            (_, _, Some(_)) => format!("/batches/{id}/data?as={form}"),
            _ => return client.get(&format!("/runs/{id}/data")).await,
        };
        match &self.output {
            Some(output) => client.save(&path, output).await,
            None => client.stream(&path).await,
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

/// A text as a parameter of an address: every other sign as its bytes (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
