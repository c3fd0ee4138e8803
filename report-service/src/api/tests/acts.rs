//! Proof, pages, schedules by hand, choices from data and a full queue, with the refused twins.

use super::bench::{Bench, KINDS};
use crate::auth::scope::Scope;
use crate::store::StoreKind;
use crate::testing::device;
use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};
use spokegate_contract::record::Lane;
use std::path::Path;

const RUNS: [Scope; 2] = [Scope::RunsOrder, Scope::RunsRead];
const NOBODYS: &str = "0123456789abcdef0123456789abcdef";

/// Asks as somebody without the scope, as another person, and for an id that nobody has.
async fn refused(
    bench: &Bench,
    (method, path, id): (Method, &str, &str),
    scope: Scope,
    body: Option<Value>,
) {
    let other = Scope::ALL.into_iter().find(|one| *one != scope).unwrap();
    let without = bench.personal("alice", &[], &[other]).await;
    let bob = bench.personal("bob", &[], &[scope]).await;
    let alice = bench.personal("alice", &[], &[scope]).await;
    let nobodys = path.replace(id, NOBODYS);
    let checks = [
        (&without, path, (403, "wrong-scope")),
        (&bob, path, (404, "not-found")),
        (&alice, nobodys.as_str(), (404, "not-found")),
    ];
    for (token, path, (status, kind)) in checks {
        let answer = bench.call(token, (method.clone(), path), body.clone());
        let answer = answer.await;
        assert_eq!(answer.problem(), (status, kind.into()), "{method} {path}");
        let next = answer.json()["next"].clone();
        assert!(next.is_string(), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_says_what_a_document_was_made_of_and_is_verified() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.sanitizer.hello("acme").await;
        let alice = bench.personal("alice", &[], &RUNS).await;
        let run = bench
            .finished(&alice, 0, json!([device("acme-srv01")]))
            .await;
        let path = format!("/runs/{run}/proof");
        let proof = bench.get(&alice, &path).await.json();
        let shown = bench.get(&alice, &format!("/runs/{run}")).await.json();
        assert_eq!(proof["files"], shown["files"], "{proof}");
        let part = |row: &Value| (row["dataset"].clone(), row["rows"].clone());
        let parts = proof["data"].as_array().unwrap().iter().map(part);
        assert!(
            parts
                .into_iter()
                .any(|it| it == ("devices".into(), 1.into())),
            "{proof}"
        );
        assert_eq!(proof["template_sha256"].as_str().unwrap().len(), 64);
        assert_eq!(proof["data_kept"], true);
        let verdict = bench.call(&alice, (Method::POST, &path), None).await.json();
        assert_eq!(verdict["holds"], true, "{verdict}");
        assert!(verdict["findings"].as_array().unwrap().len() > 3);
        let audited = bench.audited("run.verify", "allowed").await;
        // By whom: the token stands before the reason.
        let [(reason, about)] = audited.as_slice() else {
            panic!("{audited:?}");
        };
        assert!(reason.starts_with("token ") && reason.ends_with(": holds"));
        assert_eq!(*about, run);
        for method in [Method::GET, Method::POST] {
            refused(&bench, (method, &path, &run), Scope::RunsRead, None).await;
        }
        assert_eq!(bench.audited("run.verify", "allowed").await.len(), 1);
        let again = format!("/runs/{run}/again");
        let id = run.parse().unwrap();
        bench.state().store.run_forget_data(&id).await.unwrap();
        let same = bench.post(&alice, &again, json!({ "data": "same" })).await;
        assert_eq!(same.problem().0, 400, "{}", same.text());
        assert_eq!(same.json()["where"], "data");
        for member in ["allowed", "next"] {
            assert!(same.json()[member].is_string(), "{}", same.text());
        }
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_drawn_listed_and_fetched() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.personal("alice", &[], &RUNS).await;
    let run = bench
        .finished(&alice, 0, json!([device("acme-srv01")]))
        .await;
    let path = format!("/runs/{run}/preview");
    let list = bench.get(&alice, &path).await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text());
    let hrefs = list.json()["hrefs"].clone();
    let first = hrefs[0].as_str().unwrap().strip_prefix("/api/v1").unwrap();
    let picture = bench.get(&alice, first).await;
    assert_eq!(picture.header(header::CONTENT_TYPE), "image/png");
    assert!(picture.body.starts_with(b"\x89PNG"));
    for page in ["0", "21", "-1", "x", "4000000000"] {
        let none = bench.get(&alice, &format!("{path}/{page}")).await;
        assert_eq!(none.problem().0, 404, "{page}");
    }
    for path in [path.as_str(), first] {
        refused(&bench, (Method::GET, path, &run), Scope::RunsRead, None).await;
        let draft = path.replace("/runs/", "/reviews/");
        let scope = Scope::ReviewsRelease;
        refused(&bench, (Method::GET, &draft, &run), scope, None).await;
    }
    bench.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_run_by_hand_and_a_customer_switched() {
    for kind in KINDS {
        let bench = Bench::with(kind, "[runs]\nqueued_max = 2\n").await;
        bench.sanitizer.hello("acme").await;
        let scopes = [Scope::SchedulesWrite, Scope::RunsRead, Scope::RunsOrder];
        let alice = bench.personal("alice", &[], &scopes).await;
        let schedule = json!({
            "title": "Monthly", "report": "customer-overview", "tenants": ["acme"],
            "when": { "every": "month", "day": 31, "at": "06:00", "zone": "Europe/Berlin" },
        });
        let made = bench.post(&alice, "/schedules", schedule).await.json();
        let id = made["id"].as_str().unwrap();
        let path = format!("/schedules/{id}");
        let switch = format!("{path}/tenants/acme");
        for (on, off) in [
            (false, json!(["acme"])),
            (false, json!(["acme"])),
            (true, json!([])),
        ] {
            let body = Some(json!({ "on": on }));
            let answer = bench.call(&alice, (Method::PUT, &switch), body).await;
            assert_eq!(answer.json()["off"], off, "{}", answer.text());
        }
        let stranger = format!("{path}/tenants/globex");
        let body = || Some(json!({ "on": false }));
        let none = bench.call(&alice, (Method::PUT, &stranger), body()).await;
        assert_eq!(none.problem().0, 404, "it is not of the schedule");
        let scope = Scope::SchedulesWrite;
        refused(&bench, (Method::PUT, &switch, id), scope, body()).await;
        let run = format!("{path}/run");
        refused(&bench, (Method::POST, &run, id), scope, None).await;
        let mail = format!("{path}/test-mail");
        refused(&bench, (Method::POST, &mail, id), scope, None).await;
        let unsent = bench.call(&alice, (Method::POST, &mail), None).await;
        assert_eq!(unsent.problem(), (400, "not-possible".into()));
        assert_eq!(unsent.json()["where"], "mail");
        let ordered = bench.call(&alice, (Method::POST, &run), None).await;
        assert_eq!(ordered.status, StatusCode::CREATED, "{}", ordered.text());
        let place = ordered.json()["href"].as_str().unwrap().to_owned();
        let shown = bench.get(&alice, place.strip_prefix("/api/v1").unwrap());
        assert_eq!(shown.await.json()["schedule"], id);
        full(&bench, &alice, &run).await;
        bench.service.shutdown().await;
    }
}

/// Orders until no more may wait, by hand and by schedule.
async fn full(bench: &Bench, token: &str, run: &str) {
    let mut last = bench.call(token, (Method::POST, run), None).await;
    for _ in 0..20 {
        if last.status != StatusCode::CREATED {
            break;
        }
        last = bench.call(token, (Method::POST, run), None).await;
    }
    let order = json!({ "tenants": ["acme"] });
    let ordered = bench.post(token, "/reports/customer-overview/runs", order);
    for answer in [last, ordered.await] {
        assert_eq!(answer.problem(), (503, "too-many-runs".into()));
        assert_eq!(answer.header(header::RETRY_AFTER), "60");
    }
}

/// The sample report, with a field whose choices are hostnames.
fn with_choices(folder: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview");
    let to = folder.join("customer-overview");
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let path = to.join("params.schema.json");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    schema["properties"]["device"] = json!({
        "title": "Device", "type": "string", "maxLength": 80,
        "x-ui": { "options-from": { "dataset": "devices", "value": "/hostname" } },
    });
    std::fs::write(&path, schema.to_string()).unwrap();
    let path = to.join("params.ui.json");
    let mut ui: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    ui["ui:order"].as_array_mut().unwrap().push("device".into());
    std::fs::write(&path, ui.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_come_from_the_data_of_customers_within_rights() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        with_choices(folder.path());
        let bench = Bench::over(folder.path(), kind, "").await;
        bench.sanitizer.hello("acme").await;
        let scopes = [Scope::ReportsRead, Scope::RunsOrder];
        let own = (&["customer-overview"] as &[&str], &["acme"] as &[&str]);
        let program = bench.program("nightly", &scopes, own).await;
        let about = bench.get(&program, "/reports/customer-overview").await;
        let about = about.json()["parameters"]["properties"].clone();
        let href = about["device"]["x-spokegate-options"].as_str().unwrap();
        assert!(about["title"]["x-spokegate-options"].is_null());
        let path = href.strip_prefix("/api/v1").unwrap();
        let asked = format!("{path}?tenant=acme");
        let devices = json!([device("acme-srv01"), device("acme-srv02")]);
        let answers = async {
            let request = bench.sanitizer.request(0).await;
            let record = json!({
                "kind": "reply", "tenant": request.tenant, "satellite": "hq", "at": 1, "id": request.id,
                "dataset": request.dataset, "version": 1, "sequence": 0, "rows": devices, "last": true,
            });
            bench.sanitizer.send(Lane::Reply, &record);
        };
        let (listed, ()) = tokio::join!(bench.get(&program, &asked), answers);
        let listed = listed.json();
        assert_eq!(listed["options"][1]["value"], "acme-srv02", "{listed}");
        assert_eq!(listed["options"][0]["tenants"], json!(["Acme"]));
        assert_eq!(
            (&listed["free"], &listed["notes"]),
            (&json!(false), &json!([]))
        );
        let reads = bench.program("nightly", &[Scope::ReportsRead], own).await;
        let elsewhere = bench.program("other", &scopes, (&["weekly"], &["*"])).await;
        let there = "/reports/customer-overview/options";
        let checks = [
            (&reads, asked.clone(), 403, ""),
            (&elsewhere, asked.clone(), 404, ""),
            (&program, format!("{path}?tenant=globex"), 404, "tenant"),
            (&program, format!("{path}?tenant=nobody"), 404, "tenant"),
            (&program, path.to_owned(), 422, "tenant"),
            (&program, format!("{there}/title?tenant=acme"), 404, "field"),
            (&program, format!("{there}/no?tenant=acme"), 404, "field"),
            (&program, format!("{asked}&parameters=7"), 422, "parameters"),
            (&program, format!("{asked}&other=1"), 400, "query"),
        ];
        for (token, path, status, place) in checks {
            let answer = bench.get(token, &path).await;
            assert_eq!(answer.problem().0, status, "{path}: {}", answer.text());
            if !place.is_empty() {
                assert_eq!(answer.json()["where"], place, "{path}");
            }
        }
        bench.service.shutdown().await;
    }
}
