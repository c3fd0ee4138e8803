//! What a person does on the forms' pages: sign in, order a report, watch it, download it.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use hyper::header::ACCEPT;
use serde::Deserialize;
use spokegate_daemon::Secret;

use super::{Browser, Page};

/// How long one request waits for a run's end.
const WAIT_MS: u64 = 20_000;
/// A run that takes longer is given up.
const RUN: Duration = Duration::from_secs(600);

/// A report to order.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// The report's id.
    pub report: &'a str,
    /// The customers' ids.
    pub tenants: &'a [&'a str],
    /// Further fields of the form, instead of its defaults.
    pub fields: &'a [(&'a str, &'a str)],
}

/// How a run stands.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub state: RunState,
    /// Why it failed, in words; else empty.
    pub reason: String,
    /// One entry for each customer and dataset.
    pub needs: Vec<Need>,
    /// The document's size, once there is one.
    pub file_bytes: u64,
}

/// The data of one customer that a run asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct Need {
    /// The customer.
    pub tenant: String,
    /// The dataset.
    pub dataset: String,
    /// As the page shows it.
    pub state: String,
    /// Rows that have come.
    pub rows: u64,
    /// What a person reads beside it.
    pub note: String,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// Fetches data, or makes the document.
    Running,
    /// The document is there.
    Done,
    /// There is no document.
    Failed,
    /// Cancelled.
    Cancelled,
}

/// A document as it was downloaded.
#[derive(Clone, Debug)]
pub struct Document {
    /// The suggested name.
    pub file_name: String,
    /// The file.
    pub bytes: Bytes,
}

impl Browser {
    /// Signs in, on either site.
    ///
    /// # Errors
    /// When the person is not let in; the error is the sentence they read.
    pub async fn sign_in(&mut self, name: &str, password: &Secret) -> anyhow::Result<Page> {
        let page = self.try_sign_in(name, password).await?;
        ensure!(
            page.status() == 200,
            "{name} cannot sign in: {}",
            page.text()
        );
        Ok(page)
    }

    /// Sends the sign-in form, and gives whatever comes back.
    ///
    /// # Errors
    /// When the site does not answer.
    pub async fn try_sign_in(&mut self, name: &str, password: &Secret) -> anyhow::Result<Page> {
        let form = self.get("/sign-in").await?;
        self.submit(
            &form,
            "/sign-in",
            &[
                ("name", name),
                ("password", password.expose()),
                ("back", "/"),
            ],
        )
        .await
    }

    /// Sends a report's form: its own defaults, the customers, and the fields given.
    ///
    /// # Errors
    /// When no run comes of it; the error is what the page says.
    pub async fn order(&mut self, order: &NewRun<'_>) -> anyhow::Result<String> {
        let path = format!("/reports/{}", order.report);
        let form = self.get(&path).await?;
        ensure!(form.status() == 200, "{path}: {}", form.text());
        let defaults = form.form_values();
        let mut fields: Vec<(&str, &str)> = order
            .tenants
            .iter()
            .map(|tenant| ("for-tenant", *tenant))
            .collect();
        let given = |name: &str| order.fields.iter().any(|(own, _)| *own == name);
        let kept = defaults
            .iter()
            .filter(|(name, _)| !["csrf", "for-tenant"].contains(&name.as_str()) && !given(name));
        fields.extend(kept.map(|(name, value)| (name.as_str(), value.as_str())));
        fields.extend_from_slice(order.fields);
        let page = self.submit(&form, &path, &fields).await?;
        match page.path().strip_prefix("/runs/") {
            Some(run) if page.status() == 200 => Ok(run.to_owned()),
            _ => bail!("{path} started no run: {}", page.text()),
        }
    }

    /// How a run stands now.
    ///
    /// # Errors
    /// When there is no such run of this person.
    pub async fn run(&mut self, run: &str) -> anyhow::Result<Run> {
        self.run_within(run, 0).await
    }

    /// Waits until a run has ended.
    ///
    /// # Errors
    /// When there is no such run of this person, or it takes more than ten minutes.
    pub async fn await_end(&mut self, run: &str) -> anyhow::Result<Run> {
        let waiting = async {
            loop {
                let now = self.run_within(run, WAIT_MS).await?;
                if !matches!(now.state, RunState::Queued | RunState::Running) {
                    return Ok(now);
                }
            }
        };
        tokio::time::timeout(RUN, waiting)
            .await
            .with_context(|| format!("run {run} did not end within {} s", RUN.as_secs()))?
    }

    /// Downloads a finished run's document.
    ///
    /// # Errors
    /// When there is none.
    pub async fn download(&mut self, run: &str) -> anyhow::Result<Document> {
        let page = self.get(&format!("/runs/{run}/download")).await?;
        ensure!(
            page.status() == 200,
            "run {run} has no document: {}",
            page.text()
        );
        let file_name = page.file_name().context("the download has no name")?;
        Ok(Document {
            file_name,
            bytes: page.bytes().clone(),
        })
    }

    async fn run_within(&mut self, run: &str, wait_ms: u64) -> anyhow::Result<Run> {
        let path = format!("/runs/{run}?wait_ms={wait_ms}");
        let page = self
            .get_with(&path, &[(ACCEPT, "application/json")])
            .await?;
        ensure!(page.status() == 200, "run {run}: {}", page.text());
        serde_json::from_slice(page.bytes()).with_context(|| format!("read the state of run {run}"))
    }
}
