use super::*;
use crate::auth::Site;
use crate::testing::device;
use crate::web::runs::tests::{Bench, Browser, text};
use axum::http::{StatusCode, header};
use serde_json::json;
use spokegate_contract::record::Lane;
use std::time::Duration;

/// Tries and returns the page of the try.
async fn begin(carol: &Browser<'_>) -> String {
    let answer = carol
        .post("/datasets/devices/1/try", &[("satellite", "acme/hq")])
        .await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION].to_str().unwrap();
    place.to_owned()
}

/// The page of a try once it shows that.
async fn ended(carol: &Browser<'_>, place: &str, expected: &str) -> String {
    for _ in 0..1_200 {
        let (_, page) = carol.get(place).await;
        if page.contains(expected) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{place} does not show {expected}: {}",
        carol.get(place).await.1
    );
}

async fn reply(bench: &Bench, number: usize, rows: serde_json::Value) {
    let request = bench.sanitizer.request(number).await;
    let record = json!({
        "kind": "reply", "tenant": request.tenant, "satellite": "hq", "at": 1, "id": request.id,
        "dataset": request.dataset, "version": 1, "sequence": 0, "rows": rows, "last": true,
    });
    bench.sanitizer.send(Lane::Reply, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_says_who_needs_it_who_supplies_it_and_what_it_looks_like() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let (_, list) = carol.get("/datasets").await;
    assert!(list.contains("href=\"/datasets/devices/1\""), "{list}");
    let (_, before) = carol.get("/datasets/devices/1").await;
    assert!(
        before.contains("No satellite of today's customers"),
        "{before}"
    );
    bench.sanitizer.hello("acme").await;
    let (_, page) = carol.get("/datasets/devices/1").await;
    for expected in [
        "devices/v1/row.schema.json",
        "<option value=\"acme/hq\">",
        "bad-ip-text",
        ">refused</span>",
        ">taken</span>",
        "Customer overview",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tried_pull_is_judged_counted_and_recorded() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let dave = bench.browser("dave", Site::Admin).await;
    let place = begin(&carol).await;
    assert!(carol.get(&place).await.1.contains(">under way</span>"));
    reply(
        &bench,
        0,
        json!([device("acme-srv01"), device("acme-srv02")]),
    )
    .await;
    let page = ended(&carol, &place, ">holds</span>").await;
    assert!(page.contains("id=\"try-rows\">2<"), "{page}");
    assert!(!page.contains("http-equiv"), "{page}");
    let personal = known(bench.service.state(), "devices", 1)
        .unwrap()
        .dataset
        .personal_data;
    assert_eq!(page.contains("acme-srv01"), !personal, "{page}");
    let of_another = dave.get(&place).await.0;
    assert_eq!(
        of_another,
        StatusCode::NOT_FOUND,
        "rows are for whoever asked"
    );
    let store = &bench.service.state().store;
    let trail = store.audit_page(None, 20).await.unwrap();
    let entry = trail.iter().find(|entry| entry.action == "dataset.try");
    assert_eq!(entry.expect("recorded").subject, "devices v1 of acme/hq");
    let all = crate::store::runs::RunFilter::default();
    let runs = store.runs_of_all("", &all, 0, 10).await;
    assert_eq!(runs.unwrap(), [], "no run, no document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tried_pull_that_fails_says_why_and_what_to_do() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let broken = begin(&carol).await;
    reply(&bench, 0, json!([{"hostname": "acme-srv01"}])).await;
    let page = ended(&carol, &broken, "id=\"try-state\">invalid").await;
    assert!(
        page.contains("The answer breaks the contract (/0"),
        "{page}"
    );
    let failed = begin(&carol).await;
    let request = bench.sanitizer.request(1).await;
    let record = json!({
        "kind": "reply", "tenant": "acme", "satellite": "hq", "at": 1, "id": request.id,
        "failure": {"class": "source-error", "detail": "no flow"},
    });
    bench.sanitizer.send(Lane::Reply, &record);
    let page = ended(
        &carol,
        &failed,
        "The source behind the satellite failed (no flow).",
    )
    .await;
    assert!(page.contains("There is no row to show."), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_satellite_that_supplies_it_can_be_tried_and_only_by_administrators() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    let path = "/datasets/devices/1/try";
    for (path, satellite, expected) in [
        (path, "globex/hq", StatusCode::BAD_REQUEST),
        (path, "acme/other", StatusCode::BAD_REQUEST),
        (path, "", StatusCode::BAD_REQUEST),
        (
            "/datasets/tickets/1/try",
            "acme/hq",
            StatusCode::BAD_REQUEST,
        ),
        ("/datasets/devices/7/try", "acme/hq", StatusCode::NOT_FOUND),
    ] {
        let answer = carol.post(path, &[("satellite", satellite)]).await;
        let status = answer.status();
        assert_eq!(
            status,
            expected,
            "{path} {satellite}: {}",
            text(answer).await
        );
    }
    let typed = [("satellite", "acme/hq"), ("param-none", "x")];
    assert_eq!(
        carol.post(path, &typed).await.status(),
        StatusCode::SEE_OTHER,
        "what is no parameter is left out"
    );
    let refused = alice.post(path, &[("satellite", "acme/hq")]).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
}
