use super::*;
use crate::auth::Site;
use crate::web::runs::tests::{Bench, Browser};
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use spokegate_contract::record::Lane;

/// Longer than anything here takes on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream.
struct Open {
    body: BodyDataStream,
    text: String,
}

impl Open {
    async fn of(browser: &Browser<'_>, page: &str) -> Self {
        let address = address_of(&page.parse().unwrap());
        let answer = browser.ask(Request::builder().uri(address), Body::empty());
        let answer = answer.await;
        assert_eq!(answer.status(), StatusCode::OK, "{page}");
        Self {
            body: answer.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The content that the next event brings; `None` when the stream has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let told = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
                self.text = rest.to_owned();
                match told {
                    Some(told) => return Some(told["html"].as_str().unwrap().to_owned()),
                    None => continue,
                }
            }
            let more = tokio::time::timeout(PATIENCE, self.body.next());
            let more = more.await.expect("nothing came in time")?;
            self.text.push_str(&String::from_utf8_lossy(&more.unwrap()));
        }
    }

    /// Waits until the page shows that.
    async fn shows(&mut self, expected: &str) -> String {
        loop {
            let html = self.next().await.expect("the stream ended");
            if html.contains(expected) {
                return html;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_arrives_on_the_open_page_and_the_stream_ends_with_the_session() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let (_, page) = carol.get("/satellites").await;
    assert!(
        page.contains("data-live=\"/live?of=%2Fsatellites\""),
        "{page}"
    );
    let mut open = Open::of(&carol, "/satellites").await;
    let first = open.next().await.unwrap();
    assert!(
        first.contains("No satellite has reported in yet."),
        "{first}"
    );
    assert!(!first.contains("<main"), "only what stands in it");
    bench.sanitizer.hello("acme").await;
    open.shows("1 of 1 satellite is online.").await;
    let gone = json!({
        "kind": "presence", "tenant": "acme", "satellite": "hq", "at": 2, "online": false,
    });
    bench.sanitizer.send(Lane::Status, &gone);
    open.shows("0 of 1 satellite is online.").await;
    let people = bench.service.state();
    assert_eq!(people.places.taken(), 1);
    people.sessions.end_all("main:carol", "test").await.unwrap();
    while open.next().await.is_some() {}
    assert_eq!(people.places.taken(), 0);
    let again = carol.get("/live?of=%2Fsatellites").await;
    assert_eq!(again.0, StatusCode::FORBIDDEN, "it was ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_no_activity_and_shows_what_the_person_may_see() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let bob = bench.browser("bob", Site::Forms).await;
    let place = alice.start().await;
    let mut open = Open::of(&alice, &place).await;
    assert!(open.next().await.unwrap().contains("Data is being fetched"));
    bench.answer(0).await;
    open.shows("The document is ready.").await;
    let refused = bob.get(&address_of(&place.parse().unwrap())).await;
    assert_eq!(refused.0, StatusCode::NOT_FOUND, "another person's run");
    let state = bench.service.state();
    let now_ms = state.clock.now_ms();
    let seen = async || {
        let rows = state.store.sessions_live(now_ms, 10).await.unwrap();
        let own = rows.into_iter().find(|row| row.person_name == "alice");
        own.unwrap()
    };
    let row = seen().await;
    let store = &state.store;
    let set = store.session_seen(&row.token_sha256, 5, row.idle_until);
    set.await.unwrap();
    Open::of(&alice, "/runs").await.next().await.unwrap();
    assert_eq!(seen().await.seen_at, 5, "nobody clicked");
    alice.get("/runs").await;
    assert!(seen().await.seen_at >= now_ms, "somebody did");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_the_listener_are_followed() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    let check = async |browser: &Browser<'_>, of: &str, expected: StatusCode| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("of", of)
            .finish();
        let found = browser.get_head(&format!("/live?{query}")).await;
        assert_eq!(found, expected, "{of}");
    };
    check(&carol, "/satellites", StatusCode::OK).await;
    check(&alice, "/runs", StatusCode::OK).await;
    for of in [
        "/audit/export",
        "/confirm-password",
        "/live?of=%2F",
        "/none",
        "runs",
        "https://other.test/",
        "//other.test/satellites",
    ] {
        check(&carol, of, StatusCode::NOT_FOUND).await;
    }
    check(&alice, "/satellites", StatusCode::NOT_FOUND).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_place_gets_the_page_once_and_asks_again_later() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut one = Open::of(&carol, "/satellites").await;
        one.next().await.unwrap();
        open.push(one);
    }
    let mut crowded = Open::of(&carol, "/satellites").await;
    assert!(crowded.next().await.is_some(), "the page as it is");
    assert!(crowded.next().await.is_none(), "and no more");
    open.pop();
    let mut free = Open::of(&carol, "/satellites").await;
    free.next().await.unwrap();
    bench.sanitizer.hello("acme").await;
    free.shows("1 of 1 satellite is online.").await;
}

#[test]
fn the_more_are_open_the_longer_each_rests() {
    let ms = Duration::from_millis;
    for (cost, streams, expected) in [
        (ms(1), 1, PAUSE_MIN),
        (ms(5), 100, ms(5_000)),
        (ms(100), 1, ms(1_000)),
        (ms(5_000), 100, PAUSE_MAX),
        (ms(30), 0, ms(300)),
    ] {
        assert_eq!(pause(cost, streams), expected, "{cost:?} {streams}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_runs_and_batches_take_places_and_end_at_once_without_one() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let run = alice.start().await;
    let both = [
        ("for-tenant", "acme"),
        ("for-tenant", "globex"),
        ("title", "x"),
        ("as-many", "each"),
    ];
    let batch = alice.post("/reports/customer-overview", &both).await;
    let batch = batch.headers()[axum::http::header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let open = async |place: &str| {
        let request = Request::builder().uri(format!("{place}/events"));
        let answer = alice.ask(request, Body::empty()).await;
        assert_eq!(answer.status(), StatusCode::OK, "{place}");
        answer
    };
    let places = &bench.service.state().places;
    let mut held = Vec::new();
    for place in [&run, &batch, &run, &batch] {
        held.push(open(place).await);
    }
    assert_eq!(places.taken(), 4);
    for place in [&run, &batch] {
        let whole = crate::web::runs::tests::text(open(place).await);
        let whole = tokio::time::timeout(PATIENCE, whole).await;
        let whole = whole.expect("it ends at once");
        assert!(
            whole.contains("retry: 10000") && whole.contains("data:"),
            "{whole}"
        );
    }
    drop(held);
    assert_eq!(places.taken(), 0);
}
