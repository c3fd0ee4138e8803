//! The description is whole, and is the committed one.

use crate::api::document;
use crate::auth::Site;
use crate::store::StoreKind;
use crate::web::{Rule, admin_routes, forms_routes};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use std::path::Path;

#[test]
fn the_description_is_the_committed_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/openapi.json is not what the routes and types say; if the change is meant: UPDATE_GOLDEN=1 cargo test -p spokegate-reports the_description"
    );
}

#[test]
fn every_operation_is_described_and_every_reference_leads_somewhere() {
    let document = document();
    let mut names = Vec::new();
    for routes in [forms_routes(), admin_routes()] {
        for entry in routes.table() {
            let is_operation = matches!(entry.rule, Rule::Api(_));
            assert_eq!(entry.described.is_some(), is_operation, "{entry:?}");
            if !is_operation {
                continue;
            }
            let method = entry.method.as_str().to_lowercase();
            let operation = &document["paths"][entry.path][&method];
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| text.len() > 5),
                "{entry:?}"
            );
            names.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "no two operations have one name");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > count);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str().filter(|_| name == "$ref") {
                    Some(reference) => references.push(reference.to_owned()),
                    None => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_served_to_everybody() {
    let bench = super::Bench::new(StoreKind::Sqlite).await;
    for site in [Site::Forms, Site::Admin] {
        let request = Request::builder().uri("/api/v1/openapi.json");
        let answer = bench.ask(site, request, Body::empty()).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json(), document());
    }
    bench.service.shutdown().await;
}
