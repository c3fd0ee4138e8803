//! The data of a batch in one archive: a folder for each customer, and a line for each dataset.

use super::bench::{Bench, KINDS};
use crate::auth::scope::Scope;
use crate::testing::device;
use axum::http::{StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

const SCOPES: [Scope; 3] = [Scope::RunsOrder, Scope::RunsRead, Scope::DataRead];

impl Bench {
    /// A batch of both customers' that is over, and its path.
    async fn batch(&self, token: &str, (from, review): (usize, bool)) -> String {
        let order = json!({ "tenants": "all", "each": true, "review": review });
        let path = "/reports/customer-overview/runs";
        let ordered = self.post(token, path, order).await;
        assert_eq!(ordered.json()["kind"], "batch", "{}", ordered.text());
        let path = format!("/batches/{}", ordered.json()["id"].as_str().unwrap());
        let early = self.get(token, &format!("{path}/data")).await;
        assert_eq!(early.problem().0, 404, "it is under way");
        let mut odd = device("srv02");
        odd["owner"] = "=HYPERLINK(1)".into();
        let devices = json!([device("srv01"), odd]);
        self.answer(from, devices.clone()).await;
        self.answer(from + 3, devices).await;
        loop {
            let batch = self.get(token, &path).await.json();
            if batch["tally"]["done"] == 2 {
                return path;
            }
            assert_eq!(batch["tally"]["failed"], 0, "{batch}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn archive(&self, token: &str, path: &str) -> BTreeMap<String, String> {
        let answer = self.get(token, path).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/zip");
        let mut archive = zip::ZipArchive::new(Cursor::new(answer.body)).unwrap();
        let mut files = BTreeMap::new();
        for number in 0..archive.len() {
            let mut file = archive.by_index(number).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            let name = file.name().unwrap().into_owned();
            files.insert(name, text);
        }
        files
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_a_batch_is_one_archive_with_a_folder_for_each_customer() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        bench.sanitizer.hello("acme").await;
        bench.sanitizer.hello("globex").await;
        let alice = bench.personal("alice", &[], &SCOPES).await;
        let path = bench.batch(&alice, (0, false)).await;
        let files = bench.archive(&alice, &format!("{path}/data?as=csv")).await;
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "acme/backup_jobs.csv",
                "acme/devices.csv",
                "acme/patch_status.csv",
                "globex/backup_jobs.csv",
                "globex/devices.csv",
                "globex/patch_status.csv",
                "results.csv",
            ]
        );
        let table = &files["globex/devices.csv"];
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.contains("\"'=HYPERLINK(1)\""), "{table}");
        let batch = bench.get(&alice, &path).await.json();
        each_is_what_one_run_gives(&bench, &alice, &batch, &files).await;
        let results = &files["results.csv"];
        assert_eq!(results.lines().count(), 7, "{results}");
        let line = results
            .lines()
            .find(|line| line.contains("globex/devices.csv"));
        assert!(line.unwrap().contains(",\"2\","), "{results}");
        let files = bench.archive(&alice, &format!("{path}/data")).await;
        let rows: Value = serde_json::from_str(&files["acme/devices.json"]).unwrap();
        assert_eq!(rows[1]["owner"], "=HYPERLINK(1)", "as it came");
        let audited = bench.audited("data.download", "allowed").await;
        let of_batch = audited
            .iter()
            .filter(|(reason, _)| reason.ends_with("own-batch"));
        assert_eq!(of_batch.count(), 2, "{audited:?}");
        refused(&bench, &path).await;
        bench.service.shutdown().await;
    }
}

async fn each_is_what_one_run_gives(
    bench: &Bench,
    token: &str,
    batch: &Value,
    files: &BTreeMap<String, String>,
) {
    for run in batch["runs"].as_array().unwrap() {
        let (id, tenant) = (run["id"].as_str().unwrap(), run["tenants"][0].as_str());
        let tenant = tenant.unwrap();
        let one = format!("/runs/{id}/data/{tenant}/devices?as=csv");
        let one = bench.get(token, &one).await.text();
        assert_eq!(one, files[&format!("{tenant}/devices.csv")]);
    }
}

/// Without the scope, as somebody else, and in another form.
async fn refused(bench: &Bench, path: &str) {
    let scopes = [Scope::RunsOrder, Scope::RunsRead];
    let without = bench.personal("alice", &[], &scopes).await;
    let bob = bench.personal("bob", &[], &SCOPES).await;
    let alice = bench.personal("alice", &[], &SCOPES).await;
    let data = format!("{path}/data");
    let odd = format!("{data}?as=xlsx");
    for (token, path, expected) in [
        (&without, &data, (403, "wrong-scope")),
        (&bob, &data, (404, "not-found")),
        (&alice, &odd, (400, "malformed-query")),
    ] {
        let answer = bench.get(token, path).await;
        assert_eq!(answer.problem(), (expected.0, expected.1.into()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_back_or_gone_is_a_line_without_a_file() {
    let bench = Bench::new(KINDS[0]).await;
    bench.sanitizer.hello("acme").await;
    bench.sanitizer.hello("globex").await;
    let alice = bench.personal("alice", &[], &SCOPES).await;
    let held = bench.batch(&alice, (0, true)).await;
    let files = bench.archive(&alice, &format!("{held}/data?as=csv")).await;
    let results = &files["results.csv"];
    assert_eq!((files.len(), results.lines().count()), (1, 3), "{results}");
    assert_eq!(
        results.matches("The review is waiting.").count(),
        2,
        "{results}"
    );
    let path = bench.batch(&alice, (6, false)).await;
    let batch = bench.get(&alice, &path).await.json();
    let gone = batch["runs"][0]["id"].as_str().unwrap().parse().unwrap();
    let store = &bench.state().store;
    store.run_forget_data(&gone).await.unwrap();
    let files = bench.archive(&alice, &format!("{path}/data?as=csv")).await;
    assert_eq!(files.len(), 4, "one customer's, and the results");
    let results = &files["results.csv"];
    assert!(results.contains("no longer kept"), "{results}");
    bench.service.shutdown().await;
}
