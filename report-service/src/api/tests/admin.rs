//! What administrators read through the API: people of them everything, programs what their lists name.

use super::bench::{Answer, Bench, KINDS};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::store::quarantine::Refused;
use crate::store::satellites::{News, Sighting};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use spokegate_contract::Address;
use spokegate_contract::record::Lane;
use std::time::Duration;

impl Bench {
    async fn read(&self, token: &str, path: &str) -> Answer {
        let request = Request::builder()
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.ask(Site::Admin, request, Body::empty()).await
    }

    /// A satellite and a refused message of each customer.
    async fn heard_of(&self, tenants: &[&str]) {
        let store = &self.state().store;
        let sighting = |tenant: &&str| Sighting {
            address: Address::new(tenant.parse().unwrap(), "hq".parse().unwrap()),
            at_ms: 1,
            news: News::Presence(true),
        };
        let seen: Vec<Sighting> = tenants.iter().map(sighting).collect();
        store.satellite_note(&seen).await.unwrap();
        let refused = |tenant: &&str| Refused {
            tenant: (*tenant).to_owned(),
            satellite: "hq".into(),
            at_ms: 1,
            channel: "reply".into(),
            dataset: "devices".into(),
            reason: "contract".into(),
            rule: "type".into(),
            pointer: "/rows/0".into(),
            size_bytes: 9,
            sha256: "00".repeat(32),
            file: format!("{tenant}.file"),
            sanitizer: "s1".into(),
        };
        let refused: Vec<Refused> = tenants.iter().map(refused).collect();
        store.quarantine_note(&refused, 1).await.unwrap();
    }
}

fn addresses(answer: &Answer, list: &str) -> Vec<String> {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    let json = answer.json();
    let address = |entry: &Value| entry["address"].as_str().unwrap().to_owned();
    let mut found: Vec<String> = json[list].as_array().unwrap().iter().map(address).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_of_its_own_customers_alone() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.heard_of(&["acme", "globex"]).await;
        let scopes = [Scope::AdminRead];
        let own = bench.program("acmes", &scopes, (&["*"], &["acme"])).await;
        let seen = bench.read(&own, "/satellites").await;
        assert_eq!(addresses(&seen, "satellites"), ["acme/hq"]);
        let seen = bench.read(&own, "/quarantine?tenant=acme").await;
        assert_eq!(addresses(&seen, "entries"), ["acme/hq"]);
        for other in ["globex", "nobody", "../acme", ""] {
            let path = format!("/quarantine?tenant={other}");
            let found = bench.read(&own, &path).await.problem();
            assert_eq!(found, (404, "not-found".to_owned()), "{path}");
        }
        let all = bench.read(&own, "/quarantine").await;
        assert_eq!(all.json()["where"], "tenant", "{}", all.text());
        assert_eq!(all.problem().0, 422);
        // They tell of every customer.
        for path in ["/audit", "/audit?subject=acme", "/health"] {
            let found = bench.read(&own, path).await.problem();
            assert_eq!(found, (403, "forbidden".to_owned()), "{path}");
        }
        assert_eq!(bench.audited("audit.search", "allowed").await, []);
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_and_programs_for_all_customers_read_everything() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.heard_of(&["acme", "globex"]).await;
        let scopes = [Scope::AdminRead];
        let tokens = [
            bench.personal("carol", &["a"], &scopes).await,
            bench.program("watch", &scopes, (&["*"], &["*"])).await,
        ];
        for token in &tokens {
            let seen = bench.read(token, "/satellites").await;
            assert_eq!(addresses(&seen, "satellites"), ["acme/hq", "globex/hq"]);
            let seen = bench.read(token, "/quarantine").await;
            assert_eq!(addresses(&seen, "entries"), ["acme/hq", "globex/hq"]);
            let seen = bench.read(token, "/quarantine?tenant=globex").await;
            assert_eq!(addresses(&seen, "entries"), ["globex/hq"]);
            for path in ["/audit", "/health"] {
                let answer = bench.read(token, path).await;
                assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.text());
            }
        }
        bench.service.shutdown().await;
    }
}

/// A satellite that supplies its log, connected.
async fn with_a_log(bench: &Bench) {
    let news = News::Hello {
        agent_version: "1.0.0".into(),
        datasets: vec![("node-red-log".parse().unwrap(), 1)],
    };
    let sighting = Sighting {
        address: Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
        at_ms: 1,
        news,
    };
    bench
        .state()
        .store
        .satellite_note(&[sighting])
        .await
        .unwrap();
}

/// Answers a pull of lines with these numbers.
fn answer_lines(bench: &Bench, id: &Value, numbers: std::ops::Range<u64>) {
    let row = |number: u64| json!({ "number": number, "at": "2026-11-20T06:15:00Z", "stream": "out", "line": format!("line {number}"), "lost": 0 });
    let rows: Vec<Value> = numbers.map(row).collect();
    let record = json!({
        "kind": "reply", "tenant": "acme", "satellite": "hq", "at": 1, "id": id,
        "dataset": "node-red-log", "version": 1, "sequence": 0, "rows": rows, "last": true,
    });
    bench.sanitizer.send(Lane::Reply, &record);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_viewers_of_a_log_cost_one_pull_and_a_cursor_reads_on() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.heard_of(&["globex"]).await;
        with_a_log(&bench).await;
        let scopes = [Scope::AdminRead];
        let carol = bench.personal("carol", &["a"], &scopes).await;
        let own = bench.program("acmes", &scopes, (&["*"], &["acme"])).await;
        let path = "/satellites/acme/hq/log";
        let asked = async {
            let request = bench.sanitizer.request(0).await;
            assert_eq!(
                (request.dataset.as_str(), request.tenant.as_str()),
                ("node-red-log", "acme")
            );
            assert_eq!(json!(request.params), json!({ "tail": 500 }));
            answer_lines(&bench, &json!(request.id), 1..4);
        };
        let search = format!("{path}?search=LINE%202");
        let (first, second, third, ()) = tokio::join!(
            bench.read(&carol, path),
            bench.read(&own, path),
            bench.read(&carol, &search),
            asked
        );
        for answer in [&first, &second] {
            let json = answer.json();
            assert_eq!(json["lines"].as_array().unwrap().len(), 3, "{json}");
            assert_eq!((&json["next"], &json["missing"]), (&json!(3), &json!("")));
        }
        assert_eq!(third.json()["lines"][0]["line"], "line 2");
        let another = tokio::time::timeout(Duration::from_millis(300), bench.sanitizer.request(1));
        assert!(another.await.is_err(), "one pull for all of them");

        // What comes is asked for by the last number, and read by it.
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        let asked = async {
            let request = bench.sanitizer.request(1).await;
            assert_eq!(json!(request.params), json!({ "after": 3, "tail": 10_000 }));
            answer_lines(&bench, &json!(request.id), 4..6);
        };
        let after = format!("{path}?after=3");
        let (more, ()) = tokio::join!(bench.read(&own, &after), asked);
        let json = more.json();
        let numbers = json["lines"].as_array().unwrap().iter();
        let numbers: Vec<u64> = numbers
            .map(|line| line["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, [4, 5]);
        // Looking is audited, following is not again.
        assert_eq!(bench.audited("satellite.log", "allowed").await.len(), 3);
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_for_who_sees_its_customer_and_says_why_lines_are_missing() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.heard_of(&["acme", "globex"]).await;
        let scopes = [Scope::AdminRead];
        let own = bench.program("acmes", &scopes, (&["*"], &["acme"])).await;
        let seen = bench.read(&own, "/satellites/acme/hq/log").await;
        assert_eq!(
            seen.json()["missing"],
            "the satellite does not supply its log"
        );
        assert_eq!(seen.json()["lines"], json!([]));
        for other in ["globex/hq", "acme/yard", "nobody/hq", "ACME/hq"] {
            let found = bench
                .read(&own, &format!("/satellites/{other}/log"))
                .await
                .problem();
            assert_eq!(found, (404, "not-found".to_owned()), "{other}");
        }
        for asked in [
            "tail=0",
            "tail=5001",
            &format!("search={}", "x".repeat(201)),
        ] {
            let refused = bench
                .read(&own, &format!("/satellites/acme/hq/log?{asked}"))
                .await;
            assert_eq!(refused.problem().0, 422, "{asked}");
        }
        bench.service.shutdown().await;
    }
}
