//! Pages that stay true while they are open: a stream draws its page again whenever something may have changed, and sends
//! what it shows by then. The browser puts that in the place of what it showed.

mod look;
mod places;

use axum::extract::{Extension, Query, State};
use axum::http::Uri;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::errors::PageError;
use super::routes::{Routes, Rule};
use super::session::SignedIn;
use crate::auth::Site;
use crate::state::AppState;

pub use look::Pages;
use look::Shown;
pub(in crate::web) use places::Place;
pub use places::Places;

/// A page is drawn again at least this often: not all that it shows is written down, and others write as well.
const LOOK: Duration = Duration::from_millis(1_500);
/// And at most this often.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// However much is open.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// All streams together draw for one part in this many of the time.
const SHARE: u32 = 10;
/// When a browser without a place asks again.
pub(in crate::web) const RETRY_CROWDED: Duration = Duration::from_secs(10);
/// When one whose stream broke off does.
const RETRY: Duration = Duration::from_secs(2);

/// `/live`, on either listener.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    let rule = match routes.site() {
        Site::Forms => Rule::FormsBackground,
        Site::Admin => Rule::AdminBackground,
    };
    routes.get("/live", rule, follow)
}

/// Where a page is followed.
pub(super) fn address_of(page: &Uri) -> String {
    let of = page.path_and_query().map_or("/", |of| of.as_str());
    let before = String::from("/live?");
    let mut query = url::form_urlencoded::Serializer::for_suffix(before, "/live?".len());
    query.append_pair("of", of).finish()
}

#[derive(Deserialize)]
struct Of {
    of: String,
}

/// What a browser is told: the content of the page, as it is by now.
#[derive(Serialize)]
struct Told<'a> {
    title: &'a str,
    html: &'a str,
}

async fn follow(
    State(state): State<AppState>,
    user: SignedIn,
    Extension(pages): Extension<Pages>,
    Query(Of { of }): Query<Of>,
) -> Result<Response, PageError> {
    let missing = || PageError::not_found("There is no page to follow at this address.");
    let address = look::own(&of).ok_or_else(missing)?;
    let user = user.again(&state).await.ok_or_else(missing)?;
    let user = user.following(Some(address_of(&address)));
    // Written to from here on, so that nothing in between is missed.
    let writes = state.store.writes();
    let began = Instant::now();
    let first = pages.draw(&address, &user).await.ok_or_else(missing)?;
    let place = state.places.take(user.session_id(), user.address());
    let feed = Feed {
        stop: state.tasks.soft(),
        state,
        user,
        pages,
        address,
        writes,
        place,
        cost: began.elapsed(),
        next: Some(first),
        last: None,
    };
    Ok(Sse::new(changes(feed))
        .keep_alive(KeepAlive::default())
        .into_response())
}

/// A page that is followed.
struct Feed {
    state: AppState,
    user: SignedIn,
    pages: Pages,
    address: Uri,
    writes: watch::Receiver<u64>,
    /// Without one, the stream ends at once and the browser asks again a while later.
    place: Option<Place>,
    stop: CancellationToken,
    /// How long the page took to draw.
    cost: Duration,
    next: Option<Shown>,
    last: Option<Shown>,
}

/// The page as it is, and whenever that has changed; ends with the session, with the service, or for want of a place.
fn changes(feed: Feed) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(feed, |mut feed| async move {
        let shown = match feed.next.take() {
            Some(first) => first,
            None => feed.change().await?,
        };
        let event = event(&shown, feed.place.is_none());
        feed.last = Some(shown);
        Some((Ok(event), feed))
    })
}

fn event(shown: &Shown, crowded: bool) -> Event {
    let told = Told {
        title: shown.title(),
        html: shown.content(),
    };
    let retry = if crowded { RETRY_CROWDED } else { RETRY };
    let event = Event::default().event("page").retry(retry);
    // Two texts always have a JSON form; were it otherwise, the page would look again.
    event.json_data(&told).unwrap_or_default()
}

impl Feed {
    /// Waits for the next change; `None` when the stream ends.
    async fn change(&mut self) -> Option<Shown> {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.changed()).await.flatten()
    }

    async fn changed(&mut self) -> Option<Shown> {
        self.place.as_ref()?;
        loop {
            tokio::time::sleep(pause(self.cost, self.state.places.taken())).await;
            // Nobody may have written; what others write is not heard here.
            let _ = tokio::time::timeout(LOOK, self.writes.changed()).await;
            self.user = self.user.again(&self.state).await?;
            self.writes.mark_unchanged();
            let began = Instant::now();
            let shown = self.pages.draw(&self.address, &self.user).await?;
            self.cost = began.elapsed();
            if self.last.as_ref() != Some(&shown) {
                return Some(shown);
            }
        }
    }
}

/// How long a stream rests after a page that took so long to draw, when there are so many streams.
fn pause(cost: Duration, streams: usize) -> Duration {
    let streams = u32::try_from(streams).unwrap_or(u32::MAX).max(1);
    let share = cost.saturating_mul(SHARE).saturating_mul(streams);
    share.clamp(PAUSE_MIN, PAUSE_MAX)
}

#[cfg(test)]
mod tests;
