//! Schedules, reviews and what administrators see, with the refused twins.

use super::bench::{Bench, KINDS};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::store::StoreKind;
use crate::testing::device;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

fn schedule() -> Value {
    json!({
        "title": "Monthly", "report": "customer-overview", "tenants": ["globex"], "each": true,
        "when": { "every": "month", "day": 31, "at": "06:00", "zone": "Europe/Berlin" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_made_changed_paused_and_removed() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        let alice = bench.personal("alice", &[], &[Scope::SchedulesWrite]).await;
        let bob = bench.personal("bob", &[], &[Scope::SchedulesWrite]).await;
        let made = bench.post(&alice, "/schedules", schedule()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let place = made.header(header::LOCATION).to_owned();
        let place = place.strip_prefix("/api/v1").unwrap();
        let shown = bench.get(&alice, place).await.json();
        assert_eq!(
            (&shown["when"]["day"], &shown["tenants"], &shown["paused"]),
            (&json!(31), &json!(["globex"]), &json!(false)),
            "{shown}"
        );
        assert!(shown["next_at"].is_string(), "{shown}");
        let mut other = schedule();
        other["tenants"] = "all".into();
        other["when"] = json!({ "every": "week", "weekdays": [1, 5], "at": "07:30" });
        let put = bench
            .call(&alice, (Method::PUT, place), Some(other.clone()))
            .await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
        assert_eq!(put.json()["when"]["weekdays"], json!([1, 5]));
        assert_eq!(put.json()["tenants"], "all");
        for (act, paused) in [("pause", true), ("resume", false)] {
            let path = format!("{place}/{act}");
            let done = bench.call(&alice, (Method::POST, &path), None).await;
            assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text());
            assert_eq!(bench.get(&alice, place).await.json()["paused"], paused);
        }
        // Another person's schedule looks like none.
        assert_eq!(bench.get(&bob, place).await.problem().0, 404);
        let theirs = bench.call(&bob, (Method::PUT, place), Some(other)).await;
        assert_eq!(theirs.problem().0, 404);
        let theirs = bench.call(&bob, (Method::DELETE, place), None).await;
        assert_eq!(theirs.problem().0, 404);
        assert_eq!(
            bench.get(&bob, "/schedules").await.json(),
            json!({ "schedules": [] })
        );
        let gone = bench.call(&alice, (Method::DELETE, place), None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        assert_eq!(bench.get(&alice, place).await.problem().0, 404);
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_with_faults_says_where() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let token = bench.personal("alice", &[], &[Scope::SchedulesWrite]).await;
    for (pointer, value, place) in [
        ("/title", json!(""), "title"),
        ("/when/at", json!("25:00"), "when.at"),
        ("/when/day", json!(32), "when.day"),
        ("/when/zone", json!("Mars/Olympus"), "when.zone"),
        ("/tenants", json!([]), "tenants"),
    ] {
        let mut wrong = schedule();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let answer = bench.post(&token, "/schedules", wrong).await;
        assert_eq!(answer.problem(), (422, "not-possible".into()), "{pointer}");
        assert_eq!(answer.json()["where"], place, "{}", answer.text());
    }
    let mut elsewhere = schedule();
    elsewhere["report"] = "no-such-report".into();
    let answer = bench.post(&token, "/schedules", elsewhere).await;
    assert_eq!(answer.problem().0, 404);
    let list = bench.get(&token, "/schedules").await.json();
    assert_eq!(list, json!({ "schedules": [] }), "nothing was made");
    bench.service.shutdown().await;
}

/// A draft of alice's: her token, its path, and the run as it ended.
pub(super) async fn drafted(bench: &Bench, format: &str) -> (String, String, Value) {
    let scopes = [Scope::RunsOrder, Scope::RunsRead, Scope::DataRead];
    let alice = bench.personal("alice", &[], &scopes).await;
    let order = json!({ "tenants": ["acme"], "review": true, "format": format });
    let ordered = bench
        .post(&alice, "/reports/customer-overview/runs", order)
        .await;
    let run = ordered.json()["id"].as_str().unwrap().to_owned();
    bench.answer(0, json!([device("acme-srv01")])).await;
    let path = format!("/runs/{run}");
    let ended = bench
        .get(&alice, &format!("{path}?wait_ms=25000"))
        .await
        .json();
    assert_eq!(
        (&ended["state"], &ended["review"]),
        (&json!("done"), &json!("waiting"))
    );
    (alice, path, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_released_by_those_who_may() {
    let rights = "[[rights]]\ngroups = [\"f\"]\nreports = [\"*\"]\ntenants = [\"*\"]\n\
                  [[rights]]\ngroups = [\"releasers\"]\nreports = [\"*\"]\ntenants = [\"*\"]\nrelease = true\n";
    for kind in KINDS {
        let bench = Bench::with(kind, rights).await;
        bench.sanitizer.hello("acme").await;
        let (alice, path, ended) = drafted(&bench, "docx").await;
        let run = ended["id"].as_str().unwrap().to_owned();
        for below in ["/document", "/data"] {
            let held = bench.get(&alice, &format!("{path}{below}")).await;
            assert_eq!(held.problem().0, 404, "a draft is held back: {below}");
        }
        let without = bench.personal("bob", &[], &[Scope::ReviewsRelease]).await;
        let rita = bench
            .personal("rita", &["releasers"], &[Scope::ReviewsRelease])
            .await;
        let decide = format!("/reviews/{run}/decide");
        let digest = ended["files"][0]["sha256"].clone();
        let release = json!({ "decision": "release", "sha256": digest });
        let other = json!({ "decision": "release", "sha256": "0".repeat(64) });
        assert_eq!(
            bench.get(&without, "/reviews").await.json(),
            json!({ "runs": [] })
        );
        assert_eq!(
            bench
                .post(&without, &decide, release.clone())
                .await
                .problem()
                .0,
            404
        );
        assert_eq!(
            bench.get(&rita, "/reviews").await.json()["runs"][0]["id"],
            run
        );
        let draft = bench.get(&rita, &format!("/reviews/{run}/draft")).await;
        assert!(draft.body.starts_with(b"PK"), "{}", draft.status);
        let silent = bench
            .post(
                &rita,
                &decide,
                json!({ "decision": "reject", "sha256": digest }),
            )
            .await;
        assert_eq!(
            (silent.problem().0, &silent.json()["where"]),
            (422, &json!("reason"))
        );
        let blind = bench
            .post(&rita, &decide, json!({ "decision": "release" }))
            .await;
        assert_eq!(blind.problem().0, 400, "which document is not said");
        assert_eq!(bench.post(&rita, &decide, other).await.problem().0, 409);
        let done = bench.post(&rita, &decide, release.clone()).await;
        assert_eq!(done.json()["review"], "released", "{}", done.text());
        assert_eq!(bench.post(&rita, &decide, release).await.problem().0, 409);
        assert_eq!(
            bench.get(&alice, &format!("{path}/document")).await.status,
            StatusCode::OK
        );
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_a_result_for_each_customer_and_an_archive() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        let scopes = [Scope::RunsOrder, Scope::RunsRead];
        let alice = bench.personal("alice", &[], &scopes).await;
        let bob = bench.personal("bob", &[], &scopes).await;
        // No satellite is there: each customer's run fails for itself, with its reason.
        let order = json!({ "tenants": "all", "each": true });
        let ordered = bench
            .post(&alice, "/reports/customer-overview/runs", order)
            .await;
        assert_eq!(ordered.json()["kind"], "batch", "{}", ordered.text());
        let path = format!("/batches/{}", ordered.json()["id"].as_str().unwrap());
        let batch = loop {
            let batch = bench.get(&alice, &path).await.json();
            if batch["tally"]["failed"] == 2 {
                break batch;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        let runs = batch["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 2, "{batch}");
        assert!(
            runs.iter()
                .all(|run| run["reason"].as_str().unwrap().len() > 10),
            "{batch}"
        );
        let archive = bench.get(&alice, &format!("{path}/documents")).await;
        assert_eq!(archive.header(header::CONTENT_TYPE), "application/zip");
        assert!(archive.body.starts_with(b"PK"));
        let list = bench.get(&alice, "/batches").await.json();
        assert_eq!(list["batches"][0]["tally"]["total"], 2, "{list}");
        for path in [path.clone(), format!("{path}/documents")] {
            assert_eq!(bench.get(&bob, &path).await.problem().0, 404);
        }
        let cancel = bench
            .call(&bob, (Method::POST, &format!("{path}/cancel")), None)
            .await;
        assert_eq!(cancel.problem().0, 404);
        let cancel = bench
            .call(&alice, (Method::POST, &format!("{path}/cancel")), None)
            .await;
        assert_eq!(cancel.status, StatusCode::NO_CONTENT);
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_read_and_others_do_not() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.sanitizer.hello("acme").await;
        let carol = bench.personal("carol", &["a"], &[Scope::AdminRead]).await;
        let alice = bench.personal("alice", &[], &[Scope::RunsRead]).await;
        let ask = async |token: &str, path: &str| {
            let request = Request::builder()
                .uri(format!("/api/v1{path}"))
                .header(header::AUTHORIZATION, format!("Bearer {token}"));
            bench.ask(Site::Admin, request, Body::empty()).await
        };
        let found = ask(&carol, "/satellites").await.json();
        assert_eq!(found["satellites"][0]["address"], "acme/hq", "{found}");
        assert_eq!(
            ask(&carol, "/quarantine?tenant=acme").await.json(),
            json!({ "entries": [] })
        );
        let health = ask(&carol, "/health").await.json();
        assert_eq!(health["parts"][0]["state"], "works", "{health}");
        for path in ["/satellites", "/quarantine", "/audit", "/health"] {
            assert_eq!(
                ask(&alice, path).await.problem(),
                (403, "wrong-scope".into()),
                "{path}"
            );
            // The forms listener has none of it.
            assert_eq!(
                bench.get(&carol, path).await.problem(),
                (404, "not-found".into()),
                "{path}"
            );
        }
        let trail = ask(&carol, "/audit?action=token.use&decision=denied")
            .await
            .json();
        let entries = trail["entries"].as_array().unwrap();
        assert!(
            !entries.is_empty() && entries.iter().all(|e| e["reason"] == "wrong-scope"),
            "{trail}"
        );
        assert_eq!(bench.audited("audit.search", "allowed").await.len(), 1);
        let wrong = ask(&carol, "/audit?decision=maybe").await;
        assert_eq!(wrong.problem().0, 422);
        bench.service.shutdown().await;
    }
}
