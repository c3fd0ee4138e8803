//! What administrators read through the API: people of them everything, programs what their lists name.

use super::bench::{Answer, Bench, KINDS};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::store::quarantine::Refused;
use crate::store::satellites::{News, Sighting};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::Value;
use spokegate_contract::Address;

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
