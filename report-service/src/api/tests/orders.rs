//! From an order to document and data, and the refused twins.

use super::bench::{Bench, KINDS};
use crate::api::runs::order::parameters;
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::store::StoreKind;
use crate::testing::device;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

const ALL: [Scope; 4] = [
    Scope::ReportsRead,
    Scope::RunsOrder,
    Scope::RunsRead,
    Scope::DataRead,
];

#[tokio::test(flavor = "multi_thread")]
async fn from_the_order_to_document_and_data() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.sanitizer.hello("acme").await;
        let token = bench.personal("alice", &[], &ALL).await;
        let about = bench.get(&token, "/reports/customer-overview").await.json();
        assert_eq!(about["tenants"][1]["title"], "Globex", "{about}");
        assert_eq!(
            about["parameters"]["properties"]["only_missing"]["type"],
            "boolean"
        );
        let mut devices = vec![device("acme-srv01"), device("acme-srv02")];
        devices[1]["owner"] = "=HYPERLINK(1)".into();
        let order = json!({
            "tenants": ["acme"], "format": "docx", "parameters": { "title": "Ours", "only_missing": true },
        });
        let ordered = bench
            .post(&token, "/reports/customer-overview/runs", order)
            .await;
        assert_eq!(ordered.status, StatusCode::CREATED, "{}", ordered.text());
        let place = ordered.header(header::LOCATION).to_owned();
        assert_eq!(ordered.json()["href"], place);
        let path = place.strip_prefix("/api/v1").unwrap();
        let under_way = bench.get(&token, path).await.json();
        assert_eq!(under_way["state"], "running", "{under_way}");
        assert_eq!(
            bench.get(&token, &format!("{path}/data")).await.problem().0,
            404,
            "there is no data before the end"
        );
        bench.answer(0, Value::from(devices)).await;
        let ended = bench
            .get(&token, &format!("{path}?wait_ms=25000"))
            .await
            .json();
        assert_eq!(ended["state"], "done", "{kind:?} {ended}");
        assert_eq!(
            ended["needs"][0]["rows"], 2,
            "progress of each source: {ended}"
        );
        assert_eq!(ended["parameters"]["only_missing"], true);
        document_and_data(&bench, &token, path, &ended).await;
        cancelled_too_late(&bench, &token, path).await;
        // Made again with what was kept.
        let again = bench
            .post(&token, &format!("{path}/again"), json!({ "data": "same" }))
            .await;
        assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
        let id = again.json()["id"].as_str().unwrap().to_owned();
        let ended = bench
            .get(&token, &format!("/runs/{id}?wait_ms=25000"))
            .await
            .json();
        assert_eq!(
            (&ended["state"], &ended["parent"]),
            (&json!("done"), &json!(&path[6..]))
        );
        let history = bench
            .get(&token, "/runs?report=customer-overview&state=done")
            .await;
        assert_eq!(history.json()["runs"].as_array().unwrap().len(), 2);
        let none = bench.get(&token, "/runs?tenant=globex").await.json();
        assert_eq!(none, json!({ "runs": [], "next_page": null }));
        bench.service.shutdown().await;
    }
}

async fn cancelled_too_late(bench: &Bench, token: &str, path: &str) {
    let late = bench
        .post(token, &format!("{path}/cancel"), json!({}))
        .await;
    assert_eq!(late.problem(), (409, "not-now".into()), "{}", late.text());
    let recorded = bench.audited("run.cancel", "allowed").await;
    assert!(recorded.is_empty(), "nothing was cancelled: {recorded:?}");
    let other = bench.get(token, &format!("{path}/document?as=pdf")).await;
    assert_eq!(other.problem(), (404, "not-found".into()));
    assert!(other.text().contains("made no PDF"), "{}", other.text());
}

async fn document_and_data(bench: &Bench, token: &str, path: &str, ended: &Value) {
    let document = bench.get(token, &format!("{path}/document?as=docx")).await;
    assert_eq!(document.status, StatusCode::OK);
    assert!(document.body.starts_with(b"PK"));
    assert_eq!(
        document.body.len() as u64,
        ended["files"][0]["bytes"].as_u64().unwrap()
    );
    let list = bench.get(token, &format!("{path}/data")).await.json();
    assert_eq!(list["kept"], true, "{list}");
    let parts = list["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["part"] == "devices").unwrap();
    assert_eq!(part["rows"], 2, "{list}");
    let href = part["href"]
        .as_str()
        .unwrap()
        .strip_prefix("/api/v1")
        .unwrap();
    let rows = bench.get(token, href).await;
    assert_eq!(rows.header(header::CONTENT_TYPE), "application/json");
    assert_eq!(
        rows.json()[1]["owner"],
        "=HYPERLINK(1)",
        "JSON is exact: {}",
        rows.text()
    );
    let table = bench.get(token, &format!("{href}?as=csv")).await;
    assert_eq!(
        table.header(header::CONTENT_TYPE),
        "text/csv; charset=utf-8"
    );
    let text = table.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(
        lines[0].contains("\"hostname\"") && lines[1].contains("\"acme-srv01\""),
        "{text}"
    );
    assert!(
        lines[2].contains("\"'=HYPERLINK(1)\""),
        "no formula: {text}"
    );
    // Every use is on record with its token.
    for action in ["report.run", "file.download", "data.download"] {
        let entries = bench.audited(action, "allowed").await;
        assert!(!entries.is_empty(), "{action}");
        assert!(
            entries
                .iter()
                .all(|(reason, _)| reason.starts_with("token ")),
            "{entries:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_left_out_has_its_default_and_null_leaves_it_empty() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let mut catalogue = bench.state().engine.catalogue().iter();
    let report = catalogue.find(|report| report.id.as_str() == "customer-overview");
    let report = report.unwrap();
    for (given, expected) in [
        (
            json!({}),
            json!({"title": "Customer overview", "audience": "technical", "only_missing": false}),
        ),
        (
            json!({"title": null, "audience": "management", "only_missing": null}),
            json!({"audience": "management", "only_missing": false}),
        ),
    ] {
        let inputs = parameters(report, given.as_object().unwrap().clone());
        let inputs = inputs.unwrap_or_else(|problem| panic!("{given}: {problem:?}"));
        assert_eq!(Value::from(inputs), expected, "{given}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_looks_like_nothing() {
    let rights = "[[rights]]\ngroups = [\"f\"]\nreports = [\"*\"]\ntenants = [\"acme\"]\n\
                  [[rights]]\ngroups = [\"all\"]\nreports = [\"*\"]\ntenants = [\"*\"]\n";
    for kind in KINDS {
        let bench = Bench::with(kind, rights).await;
        bench.sanitizer.hello("acme").await;
        let alice = bench.personal("alice", &[], &ALL).await;
        let bob = bench.personal("bob", &["all"], &ALL).await;
        let run = bench
            .finished(&alice, 0, json!([device("acme-srv01")]))
            .await;
        for path in ["", "/document", "/data", "/data/acme/devices"] {
            let path = format!("/runs/{run}{path}");
            assert_eq!(
                bench.get(&alice, &path).await.status,
                StatusCode::OK,
                "{path}"
            );
            let nowhere = path.replace(&run, &"0".repeat(32));
            let (hers, none) = (
                bench.get(&bob, &path).await,
                bench.get(&bob, &nowhere).await,
            );
            assert_eq!(hers.problem(), (404, "not-found".into()), "{path}");
            assert_eq!(hers.json()["detail"], none.json()["detail"], "{path}");
        }
        for (path, body) in [("cancel", json!({})), ("again", json!({ "data": "fresh" }))] {
            let answer = bench.post(&bob, &format!("/runs/{run}/{path}"), body).await;
            assert_eq!(answer.problem().0, 404, "{path}");
        }
        assert_eq!(bench.get(&bob, "/runs").await.json()["runs"], json!([]));
        strangers_customers(&bench, (&alice, &bob), &run).await;
        bench.service.shutdown().await;
    }
}

/// A customer who is not theirs is none, neither for people nor for programs.
async fn strangers_customers(bench: &Bench, (alice, bob): (&str, &str), run: &str) {
    let order = |tenant: &str| json!({ "tenants": [tenant] });
    let place = "/reports/customer-overview/runs";
    let (hers, none) = (
        bench.post(alice, place, order("globex")).await,
        bench.post(alice, place, order("initech")).await,
    );
    assert_eq!(hers.problem(), (404, "not-found".into()));
    assert_eq!(none.problem(), (404, "not-found".into()));
    assert_eq!(
        bench.post(bob, place, order("globex")).await.status,
        StatusCode::CREATED
    );
    let about = bench.get(alice, "/reports/customer-overview").await.json();
    assert_eq!(about["tenants"], json!([{ "id": "acme", "title": "Acme" }]));
    // "all" means all whom one may see.
    let all = bench.post(alice, place, json!({ "tenants": "all" })).await;
    let all = bench
        .get(
            alice,
            &format!("/runs/{}", all.json()["id"].as_str().unwrap()),
        )
        .await;
    assert_eq!(all.json()["tenants"], json!(["acme"]));
    // A program has its own lists.
    let program = bench
        .program("nightly", &ALL, (&["customer-overview"], &["globex"]))
        .await;
    assert_eq!(
        bench.post(&program, place, order("acme")).await.problem().0,
        404
    );
    assert_eq!(
        bench.post(&program, place, order("globex")).await.status,
        StatusCode::CREATED
    );
    assert_eq!(
        bench
            .get(&program, &format!("/runs/{run}"))
            .await
            .problem()
            .0,
        404
    );
    let stranger = bench
        .program("other", &ALL, (&["other-report"], &["*"]))
        .await;
    assert_eq!(
        bench.get(&stranger, "/reports").await.json(),
        json!({ "reports": [] })
    );
    assert_eq!(
        bench
            .post(&stranger, place, order("acme"))
            .await
            .problem()
            .0,
        404
    );
    // The next token of that name goes on with its runs; another program has none of them.
    let next = bench.program("nightly", &ALL, (&["*"], &["*"])).await;
    assert_eq!(
        bench.get(&next, "/runs").await.json()["runs"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        bench.get(&stranger, "/runs").await.json()["runs"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn what_cannot_be_read_or_done_says_why_and_where() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let token = bench.personal("alice", &[], &ALL).await;
    let place = "/api/v1/reports/customer-overview/runs";
    let send = async |media: &str, body: String| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(place)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, media);
        bench.ask(Site::Forms, request, Body::from(body)).await
    };
    let json = "application/json";
    let good = r#"{"tenants":["acme"]}"#;
    for (media, body, expected, place) in [
        (
            "text/plain",
            good.to_owned(),
            (415, "not-json"),
            "header Content-Type",
        ),
        (
            json,
            "{".to_owned(),
            (400, "malformed-json"),
            "body, line 1, column 1",
        ),
        (
            json,
            String::new(),
            (400, "malformed-json"),
            "body, line 1, column 0",
        ),
        (
            json,
            "[]".to_owned(),
            (400, "malformed-json"),
            "body, line 1, column 2",
        ),
        (
            json,
            r#"{"tenants":["acme"],"tenant":1}"#.to_owned(),
            (400, "malformed-json"),
            "body, line 1, column 28",
        ),
        (
            json,
            r#"{"tenants":"some"}"#.to_owned(),
            (400, "malformed-json"),
            "body, line 1, column 18",
        ),
        (
            json,
            format!("{{\"tenants\":[{}\"\"]}}", "\"a\",".repeat(70_000)),
            (413, "too-large"),
            "body",
        ),
        (
            json,
            r#"{"tenants":[]}"#.to_owned(),
            (422, "not-possible"),
            "tenants",
        ),
        (
            json,
            r#"{"tenants":["acme"],"format":"pdf"}"#.to_owned(),
            (422, "not-possible"),
            "format",
        ),
        (
            json,
            r#"{"tenants":["acme"],"parameters":{"titel":"x"}}"#.to_owned(),
            (422, "not-possible"),
            "parameters.titel",
        ),
        (
            json,
            r#"{"tenants":["acme"],"parameters":{"only_missing":"yes"}}"#.to_owned(),
            (422, "not-possible"),
            "parameters.only_missing",
        ),
        (
            json,
            r#"{"tenants":["acme"],"parameters":{"audience":"all"}}"#.to_owned(),
            (422, "not-possible"),
            "parameters.audience",
        ),
    ] {
        let start: String = body.chars().take(80).collect();
        if body.contains("pdf") && bench.state().engine.offers_pdf() {
            continue;
        }
        let answer = send(media, body).await;
        let (status, kind) = answer.problem();
        assert_eq!(
            (status, kind.as_str()),
            expected,
            "{start}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["where"], place, "{start}: {}", answer.text());
    }
    let both = r#"{"tenants":["acme"],"parameters":{"titel":"x","only_missing":1}}"#;
    let answer = send(json, both.to_owned()).await.json();
    assert_eq!(
        answer["faults"].as_array().unwrap().len(),
        2,
        "all at once: {answer}"
    );
    for (path, place) in [
        ("/runs?from=yesterday", "from"),
        ("/runs?report=A%20B", "report"),
    ] {
        let answer = bench.get(&token, path).await;
        assert_eq!(answer.problem().0, 422, "{path}");
        assert_eq!(answer.json()["where"], place);
    }
    for path in ["/runs?sort=up", "/runs?state=broken", "/runs?page=-1"] {
        assert_eq!(
            bench.get(&token, path).await.problem(),
            (400, "malformed-query".into())
        );
    }
    assert_eq!(
        bench.audited("report.run", "allowed").await,
        [],
        "nothing was started"
    );
    bench.service.shutdown().await;
}
