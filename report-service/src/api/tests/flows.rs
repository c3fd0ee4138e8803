//! Versions of flows through the API: people of the administration see all, programs those of their customers.

use super::bench::{Answer, Bench, KINDS};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::flows::tests::labelled;
use crate::flows::{DATASET, VERSION};
use crate::store::pushes::{NewPush, SpoolEvent};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use spokegate_contract::Address;

async fn read(bench: &Bench, token: &str, path: &str) -> Answer {
    let request = Request::builder()
        .uri(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    bench.ask(Site::Admin, request, Body::empty()).await
}

/// A version of a customer's flows, labelled with its id.
async fn come(bench: &Bench, tenant: &str) {
    let (_, rows) = labelled(tenant, 10_000);
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({ "snapshot": row.snapshot, "row": row.row, "rows": row.rows, "item": row.item,
                    "path": row.path, "part": row.part, "parts": row.parts, "text": row.text })
        })
        .collect();
    let push = NewPush {
        dataset: DATASET.parse().unwrap(),
        version: VERSION,
        captured_at_ms: 1,
        received_at_ms: 2,
        rows: rows.len() as u64,
        body: Value::from(rows).to_string().into(),
    };
    let address = Address::new(tenant.parse().unwrap(), "hq".parse().unwrap());
    let event = ((address, 7), SpoolEvent::Push(1, push));
    let store = &bench.state().store;
    store.push_take(&[event], 3, 0).await.unwrap();
}

fn addresses(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let versions = json["versions"].as_array().unwrap().iter();
    versions
        .map(|version| version["address"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sees_the_flows_of_its_own_customers_alone() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        come(&bench, "acme").await;
        come(&bench, "globex").await;
        let scopes = [Scope::AdminRead];
        let own = bench.program("acmes", &scopes, (&["*"], &["acme"])).await;
        let all = bench.personal("carol", &["a"], &scopes).await;
        let both = ["acme/hq", "globex/hq"];
        assert_eq!(addresses(&read(&bench, &own, "/flows").await), both[..1]);
        assert_eq!(addresses(&read(&bench, &all, "/flows").await), both);
        let file = "/flows/globex/hq/1/file";
        assert_eq!(read(&bench, &all, file).await.json()[0]["label"], "globex");
        let mine = read(&bench, &own, "/flows/acme/hq/1/file?part=all").await;
        assert_eq!(mine.json()["library"]["functions/a.js"], "return msg;");
        let elsewhere = [
            "/flows?tenant=globex",
            "/flows?tenant=globex&satellite=hq",
            file,
            "/flows/acme/hq/2/file",
            "/flows/acme/hq/x/file",
            "/flows/nobody/hq/1/file",
        ];
        for path in elsewhere {
            let found = read(&bench, &own, path).await.problem();
            assert_eq!(found, (404, "not-found".to_owned()), "{path}");
        }
        let unnamed = read(&bench, &own, "/flows?satellite=hq").await;
        assert_eq!(unnamed.problem().0, 422);
        let fetched = bench.audited("flows.download", "allowed").await;
        assert_eq!(fetched.len(), 2, "{fetched:?}");
        bench.service.shutdown().await;
    }
}
