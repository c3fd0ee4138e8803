//! A batch while it goes on and after: a result per customer, and all documents in one archive.

pub(crate) mod bundle;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use std::convert::Infallible;
use std::time::Duration;

use super::downloads::disposition;
use super::errors::PageError;
use super::layout::{Page, render};
use super::live::{Place, RETRY_CROWDED};
use super::routes::{Routes, Rule};
use super::runs::{may_see, tenants};
use super::session::{FormsUser, SignedIn};
use crate::artefacts::{ArtefactKey, ArtefactPart};
use crate::mail::LetterRow;
use crate::runs::{BatchId, Format, RunState, Tally};
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::batches::BatchRow;
use crate::store::runs::RunRow;
use bundle::Entry;

/// How often a stream looks how far a batch is.
const LOOK: Duration = Duration::from_secs(1);
/// A look of so many at which a stream checks that its person is still signed in.
const SESSION_CHECK: u32 = 15;

/// `/batches/{batch}` and what is below it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/batches/{batch}", Rule::Forms, show)
        .get("/batches/{batch}/events", Rule::FormsBackground, events)
        .get("/batches/{batch}/download", Rule::Forms, download)
        .post("/batches/{batch}/cancel", Rule::Forms, cancel)
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    page: Page,
    batch: BatchRow,
    letters: Vec<LetterRow>,
    tally: Tally,
    runs: Vec<BatchRun>,
}

struct BatchRun {
    tenants: String,
    run: RunRow,
}

/// A person's own batch with its runs, or the same answer as for one that does not exist.
pub(crate) async fn own(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<(BatchRow, Vec<RunRow>), PageError> {
    let missing = || PageError::not_found("There is no such batch.");
    let id: BatchId = id.parse().map_err(|_| missing())?;
    let batch = state.store.batch_of(user.person_id(), &id).await?;
    let batch = batch.ok_or_else(missing)?;
    let rights = user.rights(state);
    let mut runs = state.store.runs_of_batch(user.person_id(), &id).await?;
    let all = runs.len();
    runs.retain(|run| may_see((state, user), &rights, run));
    // Whoever lost the rights to all of it has no batch any more.
    if runs.is_empty() && all > 0 {
        return Err(missing());
    }
    Ok((batch, runs))
}

pub(crate) fn tally(runs: &[RunRow]) -> Tally {
    let mut tally = Tally::default();
    runs.iter().for_each(|run| tally.add(run.state, 1));
    tally
}

async fn show(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (batch, runs) = own(&state, &user, &id).await?;
    let entry = |run: RunRow| BatchRun {
        tenants: tenants(&state, &run),
        run,
    };
    render(&BatchPage {
        page: Page::new(batch.title.clone(), "history", &user),
        letters: state.store.letters_about(batch.id.as_str()).await?,
        batch,
        tally: tally(&runs),
        runs: runs.into_iter().map(entry).collect(),
    })
}

async fn cancel(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (batch, _) = own(&state, &user, &id).await?;
    let id = batch.id;
    user.audit(
        &state,
        "batch.cancel",
        Decision::Allowed,
        "own-batch",
        id.as_str(),
    )
    .await?;
    state.engine.cancel_batch(user.person_id(), &id).await?;
    let place = format!("/batches/{id}");
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response())
}

async fn download(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let found = own(&state, &user, &id).await?;
    archive(&state, &user, found).await
}

/// All documents of a person's own batch that may be given out, and a record of who got them.
///
/// # Errors
/// When it is still under way, or it cannot be recorded.
pub(crate) async fn archive(
    state: &AppState,
    user: &SignedIn,
    (batch, runs): (BatchRow, Vec<RunRow>),
) -> Result<Response, PageError> {
    if !tally(&runs).is_over() {
        return Err(PageError::not_found("This batch is still under way."));
    }
    user.audit(
        state,
        "batch.download",
        Decision::Allowed,
        "own-batch",
        batch.id.as_str(),
    )
    .await?;
    let entries = runs.iter().map(|run| entry(state, run)).collect();
    let name = format!("{}-{}.zip", batch.report, batch.id);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    Ok((
        headers,
        bundle::body(&state.tasks, state.engine.artefacts(), entries),
    )
        .into_response())
}

fn entry(state: &AppState, run: &RunRow) -> Entry {
    let is_out = run.state == RunState::Done && run.review.is_out();
    let file = |format: Format| {
        let about = run.file(format).filter(|_| is_out)?;
        let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
        Some((run.name_of(format), about.sha256.clone(), key))
    };
    let reason = match (run.state, run.review.is_out()) {
        (RunState::Done, false) => format!("The review is {}.", run.review),
        _ => run.reason.replace('\n', " "),
    };
    let ids: Vec<&str> = run.tenants.iter().map(|tenant| tenant.as_str()).collect();
    Entry {
        tenant_id: ids.join(" "),
        tenant: tenants(state, run),
        state: run.state.to_string(),
        reason,
        run: run.id.to_string(),
        files: Format::ALL.into_iter().filter_map(file).collect(),
    }
}

async fn events(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (batch, _) = own(&state, &user, &id).await?;
    let stream = changes(Feed {
        place: state.places.take(user.session_id(), user.address()),
        state,
        user: SignedIn::clone(&user),
        id: batch.id,
        last: None,
        looks: 0,
    });
    Ok(Sse::new(stream)
        .keep_alive(KeepAlive::default())
        .into_response())
}

struct Feed {
    state: AppState,
    user: SignedIn,
    id: BatchId,
    /// Without one, the stream ends at once and the browser asks again a while later.
    place: Option<Place>,
    last: Option<Tally>,
    looks: u32,
}

impl Feed {
    /// Nothing when the session is over, or the batch is not theirs to see any more.
    async fn may_go_on(&self) -> Option<()> {
        let user = self.user.again(&self.state).await?;
        own(&self.state, &user, self.id.as_str()).await.ok()?;
        Some(())
    }
}

/// Every change of a batch's counts, the present ones first; ends with the batch, with the session, with the right to see
/// it, or for want of a place.
fn changes(feed: Feed) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(feed, |mut feed| async move {
        let crowded = feed.place.is_none();
        if feed.last.is_some_and(|tally| tally.is_over() || crowded) {
            return None;
        }
        loop {
            if feed.last.is_some() {
                tokio::time::sleep(LOOK).await;
            }
            feed.looks += 1;
            if feed.looks % SESSION_CHECK == 0 {
                feed.may_go_on().await?;
            }
            // A store that cannot be read ends the stream; the page looks again.
            let tally = feed.state.store.batch_tally(&feed.id).await.ok()?;
            if feed.last != Some(tally) {
                feed.last = Some(tally);
                let mut event = Event::default().event("tally");
                if crowded {
                    event = event.retry(RETRY_CROWDED);
                }
                let event = event.json_data(tally);
                return Some((Ok(event.unwrap_or_default()), feed));
            }
        }
    })
}
