//! What docs/API.md shows works, and its table of scopes is whole.

use super::bench::Bench;
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::store::StoreKind;
use crate::testing::device;
use axum::http::Method;
use serde_json::{Value, json};
use std::path::Path;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/API.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_scope_is_explained() {
    let page = page();
    for scope in Scope::ALL {
        assert!(page.contains(&format!("\n| `{scope}` | ")), "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_work() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    bench.sanitizer.hello("acme").await;
    let scopes: Vec<Scope> = Scope::of_site(Site::Forms).collect();
    let token = bench.personal("alice", &[], &scopes).await;
    let page = page();
    let examples: Vec<&str> = page
        .split("```http\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(examples.len(), 13);
    let mut run = String::new();
    for example in examples {
        let (line, body) = example.split_once('\n').unwrap();
        let (asked, status) = line.split_once(" → ").unwrap();
        let (method, path) = asked.split_once(' ').unwrap();
        let path = path.strip_prefix("/api/v1").unwrap().replace("{run}", &run);
        let body: Option<Value> = match body.trim() {
            "" => None,
            text => Some(serde_json::from_str(text).unwrap()),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = bench.call(&token, (method, &path), body).await;
        let found = answer.status.as_u16().to_string();
        assert_eq!(found, status, "{line}: {}", answer.text());
        if status == "201" && run.is_empty() {
            run = answer.json()["id"].as_str().unwrap().to_owned();
            bench.answer(0, json!([device("acme-srv01")])).await;
        }
    }
    bench.service.shutdown().await;
}
