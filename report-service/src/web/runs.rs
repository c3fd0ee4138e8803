//! A run while it goes on and after; a person's history.

pub(super) mod again;
pub(super) mod history;

pub(crate) use again::{order_again, verified};
pub(crate) use history::batches as own_batches;
pub(crate) use history::{PAGE_RUNS, PAGES_MAX};

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use spokegate_contract::TenantId;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;

use super::errors::PageError;
use super::layout::{Page, render};
use super::live::{Place, RETRY_CROWDED};
use super::routes::{Routes, Rule};
use super::session::{FormsUser, SignedIn};
use crate::auth::rights::Rights;
use crate::mail::LetterRow;
use crate::runs::{NeedProgress, NeedState, Progress, RunId};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::runs::RunRow;

/// Longest wait for a run's end in one request.
const WAIT_MS_MAX: u64 = 25_000;
/// How often a stream checks that its person is still signed in.
const SESSION_CHECK: Duration = Duration::from_secs(15);

/// `/runs` and what is below it, but for the download.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/runs", Rule::Forms, history::history)
        .page("/runs/{run}", Rule::Forms, show)
        .get("/runs/{run}/events", Rule::FormsBackground, events)
        .post("/runs/{run}/cancel", Rule::Forms, cancel)
        .post("/runs/{run}/again", Rule::Forms, again::again)
        .get("/runs/{run}/proof", Rule::Forms, again::proof)
        .post("/runs/{run}/proof", Rule::Forms, again::verify)
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    page: Page,
    letters: Vec<LetterRow>,
    offers_preview: bool,
    run: RunRow,
    tenants: String,
    progress: Progress,
    /// Why there is no document, each reason once.
    reasons: Vec<String>,
    /// The version that it is made again with; 0 is the report folder's.
    active: u64,
}

/// A run as programs read it.
#[derive(Serialize)]
struct RunJson<'a> {
    id: &'a str,
    report: &'a str,
    file_name: &'a str,
    file_bytes: u64,
    #[serde(flatten)]
    progress: &'a Progress,
}

#[derive(Deserialize)]
struct Wait {
    wait_ms: Option<u64>,
}

/// A person's own run, or the same answer as for one that does not exist.
pub(crate) async fn own(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<(RunId, RunRow), PageError> {
    let missing = || PageError::not_found("There is no such run.");
    let id: RunId = id.parse().map_err(|_| missing())?;
    let row = state.store.run_of(user.person_id(), &id).await?;
    let row = row.filter(|row| may_see((state, user), &user.rights(state), row));
    row.map(|row| (id, row)).ok_or_else(missing)
}

/// Whether the person may still see what was run: rights that were lost are lost for old documents too, and so are
/// groups that the report itself asks for.
pub(crate) fn may_see(
    (state, user): (&AppState, &SignedIn),
    rights: &Rights,
    row: &RunRow,
) -> bool {
    let Ok(report) = row.report.parse() else {
        return false;
    };
    let known = state.engine.catalogue().get(&report);
    let mut tenants = row.tenants.iter();
    known.is_none_or(|known| user.is_for(known))
        && tenants.all(|tenant| rights.runs_for(&report, tenant))
}

async fn show(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    // Watch before reading, so that an end in between is not missed.
    let watched = id
        .parse()
        .ok()
        .and_then(|id| state.engine.watch(user.person_id(), &id));
    if let (Some(mut watched), Some(wait_ms)) = (watched, wait.wait_ms) {
        let ended = watched.wait_for(|progress| progress.state.is_final());
        // When the time is over, the run is shown as it stands.
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms.min(WAIT_MS_MAX)), ended).await;
    }
    let (id, row) = own(&state, &user, &id).await?;
    let progress = match state.engine.watch(user.person_id(), &id) {
        Some(watched) if !row.state.is_final() => watched.borrow().clone(),
        _ => stored(&row),
    };
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    if accept.starts_with("application/json") {
        let json = RunJson {
            id: id.as_str(),
            report: &row.report,
            file_name: &row.file_name,
            file_bytes: row.file_bytes,
            progress: &progress,
        };
        return Ok(Json(json).into_response());
    }
    let active = match row.report.parse() {
        Ok(report) => state.store.template_active(&report).await?,
        Err(_) => 0,
    };
    let page = Page::new(row.title.clone(), "history", &user);
    render(&RunPage {
        page,
        letters: state.store.letters_about(id.as_str()).await?,
        offers_preview: state.engine.offers_preview(),
        tenants: tenants(&state, &row),
        reasons: reasons(&progress.reason),
        progress,
        active,
        run: row,
    })
}

/// The lines of a reason, each once; a hint is what to do next.
pub(super) fn reasons(text: &str) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = match line.strip_prefix("hint: ") {
            Some(hint) => format!("What to do: {hint}."),
            None => line.to_owned(),
        };
        if !reasons.contains(&line) {
            reasons.push(line);
        }
    }
    reasons
}

/// How many rows came; nothing where none were counted.
pub(super) fn rows(need: &NeedProgress) -> String {
    match need.state {
        NeedState::Ready => need.rows.to_string(),
        NeedState::Fetching if need.rows > 0 => need.rows.to_string(),
        _ => String::new(),
    }
}

async fn events(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let watched = id
        .parse()
        .ok()
        .and_then(|id| state.engine.watch(user.person_id(), &id));
    let (id, row) = own(&state, &user, &id).await?;
    let watched = watched.unwrap_or_else(|| watch::Sender::new(stored(&row)).subscribe());
    let user: SignedIn = SignedIn::clone(&user);
    let stream = changes(Feed {
        place: state.places.take(user.session_id(), user.address()),
        state,
        user,
        id,
        watched,
        first: true,
        ended: false,
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

async fn cancel(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (id, run) = own(&state, &user, &id).await?;
    // Somebody pressed the button on a page that was a moment old: there is nothing to do, and nothing to record.
    if !run.state.is_final() {
        call_off(&state, &user, &id).await?;
    }
    Ok((
        StatusCode::SEE_OTHER,
        [(header::LOCATION, format!("/runs/{id}"))],
    )
        .into_response())
}

/// Calls a person's own run off, and records who did.
///
/// # Errors
/// When it cannot be recorded: then it goes on.
pub(crate) async fn call_off(
    state: &AppState,
    user: &SignedIn,
    id: &RunId,
) -> Result<(), PageError> {
    user.audit(
        state,
        "run.cancel",
        Decision::Allowed,
        "own-run",
        id.as_str(),
    )
    .await?;
    let watched = state.engine.watch(user.person_id(), id);
    if state.engine.cancel(user.person_id(), id)
        && let Some(mut watched) = watched
    {
        // A run that does not end at once is shown as it stands.
        let ended = watched.wait_for(|progress| progress.state.is_final());
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
    }
    Ok(())
}

struct Feed {
    state: AppState,
    user: SignedIn,
    id: RunId,
    watched: watch::Receiver<Progress>,
    /// Without one, the stream ends at once and the browser asks again a while later.
    place: Option<Place>,
    first: bool,
    ended: bool,
}

/// Every change of a run, the present state first; ends with the run, with the session, with the right to see it, or for
/// want of a place.
fn changes(feed: Feed) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(feed, |mut feed| async move {
        if feed.ended {
            return None;
        }
        if !feed.first {
            loop {
                match tokio::time::timeout(SESSION_CHECK, feed.watched.changed()).await {
                    Ok(Ok(())) => break,
                    // Whoever ran it is gone; the page looks again.
                    Ok(Err(_)) => return None,
                    Err(_) => feed.may_go_on().await?,
                }
            }
            feed.may_go_on().await?;
        }
        feed.first = false;
        let progress = feed.watched.borrow_and_update().clone();
        feed.ended = progress.state.is_final() || feed.place.is_none();
        let mut event = Event::default().event("progress");
        if feed.place.is_none() {
            event = event.retry(RETRY_CROWDED);
        }
        // A state always has a JSON form; were it otherwise, the page would look again.
        let event = event.json_data(&progress).unwrap_or_default();
        Some((Ok(event), feed))
    })
}

impl Feed {
    /// Nothing when the session is over, or the run is not theirs to see any more.
    async fn may_go_on(&self) -> Option<()> {
        let user = self.user.again(&self.state).await?;
        own(&self.state, &user, self.id.as_str()).await.ok()?;
        Some(())
    }
}

pub(crate) fn stored(row: &RunRow) -> Progress {
    Progress {
        state: row.state,
        reason: row.reason.clone(),
        needs: row.needs.clone(),
    }
}

pub(crate) fn tenants(state: &AppState, row: &RunRow) -> String {
    let title = |id: &TenantId| {
        state
            .engine
            .tenants()
            .iter()
            .find(|tenant| tenant.id == *id)
            .map(|tenant| tenant.title.clone())
    };
    let titles: Vec<String> = row
        .tenants
        .iter()
        .map(|id| title(id).unwrap_or_else(|| id.to_string()))
        .collect();
    titles.join(", ")
}

#[cfg(test)]
pub(super) mod tests;
