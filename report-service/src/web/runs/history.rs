//! A person's history: filters, and page after page.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use spokegate_contract::{ReportId, TenantId};

use super::{may_see, tenants};
use crate::runs::{RunState, Tally};
use crate::schedule::milliseconds;
use crate::state::AppState;
use crate::store::batches::BatchRow;
use crate::store::runs::{RunFilter, RunRow};
use crate::web::errors::PageError;
use crate::web::layout::{Page, render};
use crate::web::reports::listed;
use crate::web::session::{FormsUser, SignedIn};

/// Runs on a page.
pub(crate) const PAGE_RUNS: u32 = 50;
/// Pages that can be turned to.
pub(crate) const PAGES_MAX: u32 = 1_000;
/// Batches on the first page.
const BATCHES_MAX: u32 = 20;

/// What was asked for, as it stands in the address.
#[derive(Default, Deserialize)]
pub(in crate::web) struct Asked {
    /// The stable id of whoever started it; only administrators see others' runs.
    #[serde(default)]
    pub(in crate::web) person: String,
    #[serde(default)]
    pub(in crate::web) report: String,
    #[serde(default)]
    pub(in crate::web) tenant: String,
    #[serde(default)]
    pub(in crate::web) state: String,
    #[serde(default)]
    pub(in crate::web) from: String,
    #[serde(default)]
    pub(in crate::web) to: String,
    #[serde(default)]
    pub(in crate::web) page: u32,
}

impl Asked {
    /// What is no filter counts as none.
    pub(in crate::web) fn filter(&self, zone: &TimeZone) -> RunFilter {
        let midnight = |text: &str, after: i8| {
            let day = text.parse::<Date>().ok()?;
            let day = day.checked_add(jiff::Span::new().days(after)).ok()?;
            let begins = day.to_zoned(zone.clone()).ok()?;
            Some(milliseconds(begins.timestamp()))
        };
        RunFilter {
            report: self.report.parse::<ReportId>().ok(),
            tenant: self.tenant.parse::<TenantId>().ok(),
            state: self.state.parse::<RunState>().ok(),
            from_ms: midnight(&self.from, 0).unwrap_or(0),
            before_ms: midnight(&self.to, 1).unwrap_or(u64::MAX),
        }
    }

    pub(in crate::web) fn is_filtered(&self) -> bool {
        let texts = [
            &self.person,
            &self.report,
            &self.tenant,
            &self.state,
            &self.from,
            &self.to,
        ];
        texts.iter().any(|text| !text.is_empty())
    }

    /// The address of another page of the same.
    pub(in crate::web) fn address(&self, page: u32) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/runs?"));
        for (name, text) in [
            ("person", &self.person),
            ("report", &self.report),
            ("tenant", &self.tenant),
            ("state", &self.state),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if !text.is_empty() {
                query.append_pair(name, text);
            }
        }
        query.append_pair("page", &page.to_string()).finish()
    }
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    page: Page,
    asked: Asked,
    filtered: bool,
    reports: Vec<(String, String)>,
    tenants: Vec<(String, String)>,
    states: [&'static str; 5],
    batches: Vec<(BatchRow, Tally)>,
    runs: Vec<HistoryEntry>,
    earlier: String,
    later: String,
}

struct HistoryEntry {
    run: RunRow,
    tenants: String,
}

pub(super) async fn history(
    State(state): State<AppState>,
    user: FormsUser,
    Query(mut asked): Query<Asked>,
) -> Result<Response, PageError> {
    asked.page = asked.page.min(PAGES_MAX);
    let filter = asked.filter(&state.config.runs.zone());
    let (offset, limit) = (asked.page * PAGE_RUNS, PAGE_RUNS + 1);
    let owner = user.person_id();
    let mut runs = state.store.runs_of(owner, &filter, offset, limit).await?;
    let more = runs.len() > PAGE_RUNS as usize;
    runs.truncate(PAGE_RUNS as usize);
    let rights = user.rights(&state);
    let entry = |run: RunRow| HistoryEntry {
        tenants: tenants(&state, &run),
        run,
    };
    let runs = runs
        .into_iter()
        .filter(|run| may_see((&state, &user), &rights, run))
        .map(entry)
        .collect();
    let filtered = asked.is_filtered();
    let batches = if filtered || asked.page > 0 {
        Vec::new()
    } else {
        batches(&state, &user).await?
    };
    let known = listed(&state, &user);
    let customers = state
        .engine
        .tenants()
        .iter()
        .filter(|tenant| rights.sees(&tenant.id));
    render(&HistoryPage {
        page: Page::new("History", "history", &user),
        filtered,
        reports: known
            .map(|report| (report.id.to_string(), report.title.clone()))
            .collect(),
        tenants: customers
            .map(|tenant| (tenant.id.to_string(), tenant.title.clone()))
            .collect(),
        states: RunState::ALL.map(RunState::as_str),
        batches,
        runs,
        earlier: if more {
            asked.address(asked.page + 1)
        } else {
            String::new()
        },
        later: if asked.page > 0 {
            asked.address(asked.page - 1)
        } else {
            String::new()
        },
        asked,
    })
}

/// A person's own latest batches whose report they may still run.
pub(crate) async fn batches(
    state: &AppState,
    user: &SignedIn,
) -> Result<Vec<(BatchRow, Tally)>, PageError> {
    let rights = user.rights(state);
    let mut batches = Vec::new();
    for batch in state
        .store
        .batches_of(user.person_id(), BATCHES_MAX)
        .await?
    {
        let may = batch
            .report
            .parse()
            .is_ok_and(|report| rights.runs(&report));
        if may {
            let tally = state.store.batch_tally(&batch.id).await?;
            batches.push((batch, tally));
        }
    }
    Ok(batches)
}
