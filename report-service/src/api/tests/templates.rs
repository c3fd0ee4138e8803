//! Templates by tokens: uploaded, looked at, tried, made active, rolled back, removed; and each act's refused twin.

use super::bench::{Answer, Bench, KINDS};
use crate::auth::scope::Scope;
use crate::testing::{word, word_with};
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

const WRITERS: &str = "
[[rights]]
groups = [\"f\"]
reports = [\"*\"]
tenants = [\"*\"]
[[rights]]
groups = [\"writers\"]
reports = [\"customer-overview\"]
tenants = [\"*\"]
manage_templates = true
[[rights]]
groups = [\"others\"]
reports = [\"invoices\"]
tenants = [\"*\"]
manage_templates = true
[templates]
upload_mb = 1
versions_max = 3
";

const HERE: &str = "/reports/customer-overview/templates";
const GOOD: &str = "Second edition for {{ tenants[0].title }}";
const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const WRITE: &[Scope] = &[Scope::TemplatesWrite];

impl Bench {
    async fn upload(&self, token: &str, about: &str, file: Vec<u8>) -> Answer {
        let path = format!("{HERE}{about}");
        self.send(token, (Method::POST, &path), (WORD, file)).await
    }

    /// Uploads a template of these paragraphs and returns where it is.
    async fn version(&self, token: &str, paragraphs: &[&str]) -> String {
        let made = self.upload(token, "", word(paragraphs)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let place = made.header(header::LOCATION).strip_prefix("/api/v1");
        place.unwrap().to_owned()
    }

    async fn act(&self, token: &str, path: &str) -> Answer {
        self.call(token, (Method::POST, path), None).await
    }

    async fn back(&self, token: &str, from: u64) -> Answer {
        let path = format!("{HERE}/roll-back");
        self.post(token, &path, json!({ "from": from })).await
    }

    /// Actions on templates with decision and reason, in their order.
    async fn told(&self) -> Vec<String> {
        let records = self.state().store.audit_page(None, 500).await.unwrap();
        let of_templates = records
            .iter()
            .filter(|record| record.action.starts_with("template."));
        let mut told: Vec<String> = of_templates
            .map(|record| {
                let (by, reason) = record.reason.split_once(": ").unwrap();
                assert!(by.starts_with("token "), "{}", record.reason);
                format!("{} {} {reason}", record.action, record.decision)
            })
            .collect();
        told.reverse();
        told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_uploaded_tried_made_active_rolled_back_and_removed() {
    for kind in KINDS {
        let bench = Bench::with(kind, WRITERS).await;
        let wanda = bench.personal("wanda", &["writers"], WRITE).await;
        let list = bench.get(&wanda, "/templates").await.json();
        assert_eq!(list["templates"][0]["report"], "customer-overview");
        assert_eq!(list["templates"][0]["active"], 0, "{list}");
        let about = "?file_name=C:%5CEdition.docx&note=%20Second%20edition";
        let made = bench.upload(&wanda, about, word(&[GOOD])).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let found = made.json();
        assert_eq!(
            (&found["version"], &found["fits"], &found["active"]),
            (&json!(1), &json!(true), &json!(false)),
            "{found}"
        );
        assert_eq!(
            (&found["file_name"], &found["note"], &found["uploaded_by"]),
            (
                &json!("Edition.docx"),
                &json!("Second edition"),
                &json!("Title of wanda")
            )
        );
        assert_eq!(found["values"], json!(["tenants[].title"]), "{found}");
        let place = made.header(header::LOCATION).replace("/api/v1", "");
        assert_eq!(bench.get(&wanda, &place).await.json(), found);
        let file = bench.get(&wanda, &format!("{place}/file")).await;
        assert_eq!(
            (file.body.clone(), file.header(header::CONTENT_TYPE)),
            (word(&[GOOD]), WORD)
        );
        for (word, start) in [("docx", &b"PK"[..]), ("pdf", b"%PDF-")] {
            let path = format!("{place}/try");
            let tried = bench.post(&wanda, &path, json!({ "as": word })).await;
            assert!(tried.body.starts_with(start), "{word}: {}", tried.text());
        }
        let path = format!("{place}/try");
        let odd = bench.post(&wanda, &path, json!({ "as": "odt" })).await;
        assert_eq!(odd.problem().0, 400);
        let starter = bench.get(&wanda, &format!("{HERE}/starter")).await;
        assert!(starter.body.starts_with(b"PK"), "{}", starter.text());
        let active = bench.act(&wanda, &format!("{place}/activate")).await.json();
        assert_eq!(
            (&active["active"], &active["earlier"]),
            (&json!(1), &json!(0)),
            "{active}"
        );
        let kept = bench.call(&wanda, (Method::DELETE, &place), None).await;
        assert_eq!(kept.problem(), (422, "not-possible".into()), "it is active");
        assert_eq!(
            bench.back(&wanda, 9).await.problem(),
            (409, "not-now".into())
        );
        assert_eq!(bench.back(&wanda, 1).await.json()["active"], 0);
        let none = bench.back(&wanda, 0).await;
        assert_eq!(none.problem().0, 409, "there is none before");
        let path = format!("{HERE}/0");
        let shipped = bench.call(&wanda, (Method::DELETE, &path), None).await;
        assert_eq!(shipped.problem().0, 422, "it stays in its folder");
        let removed = bench.call(&wanda, (Method::DELETE, &place), None).await;
        assert_eq!(removed.status, StatusCode::NO_CONTENT);
        assert_eq!(bench.get(&wanda, &place).await.problem().0, 404);
        removed_is_told(&bench.get(&wanda, HERE).await.json());
        bench.service.shutdown().await;
    }
}

fn removed_is_told(standing: &Value) {
    let versions = standing["versions"].as_array().unwrap();
    let numbers: Vec<&Value> = versions.iter().map(|version| &version["version"]).collect();
    assert_eq!(numbers, [1, 0], "{standing}");
    assert_eq!(versions[0]["removed_by"], "Title of wanda");
    assert!(versions[0]["removed_at"].is_string() && versions[1]["removed_at"].is_null());
    let made: Vec<&Value> = standing["activations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|activation| &activation["version"])
        .collect();
    assert_eq!(made, [0, 1], "{standing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_uses_the_version_that_was_made_active() {
    let bench = Bench::with(KINDS[0], WRITERS).await;
    bench.sanitizer.hello("acme").await;
    let scopes = [Scope::TemplatesWrite, Scope::RunsOrder, Scope::RunsRead];
    let wanda = bench.personal("wanda", &["writers"], &scopes).await;
    let place = bench.version(&wanda, &[GOOD]).await;
    let active = bench.act(&wanda, &format!("{place}/activate")).await;
    assert_eq!(active.status, StatusCode::OK, "{}", active.text());
    let run = bench.finished(&wanda, 0, json!([])).await;
    let proof = bench
        .get(&wanda, &format!("/runs/{run}/proof"))
        .await
        .json();
    assert_eq!(proof["template_version"], 1, "{proof}");
    bench.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_version_is_told_place_by_place_and_not_made_active() {
    for kind in KINDS {
        let bench = Bench::with(kind, WRITERS).await;
        let wanda = bench.personal("wanda", &["writers"], WRITE).await;
        let good = bench.version(&wanda, &[GOOD]).await;
        let faulty = ["Hello", "{{ tenants[0].titel }} of {{ report.title }}"];
        let place = bench.version(&wanda, &faulty).await;
        let found = bench.get(&wanda, &place).await.json();
        let fault = &found["faults"][0];
        assert_eq!(
            (&found["fits"], &fault["part"], &fault["paragraph"]),
            (&json!(false), &json!("document"), &json!(2)),
            "{found}"
        );
        assert_eq!(fault["tag"], "{{ tenants[0].titel }}", "{found}");
        let refused = bench.act(&wanda, &format!("{place}/activate")).await;
        assert_eq!(refused.problem(), (422, "not-possible".into()));
        assert!(refused.text().contains("It was not made active"));
        assert_eq!(bench.get(&wanda, HERE).await.json()["active"], 0);
        let marked = bench.get(&wanda, &format!("{place}/marked")).await.body;
        let mut marked = zip::ZipArchive::new(std::io::Cursor::new(marked)).unwrap();
        assert!(marked.by_name("word/comments.xml").is_ok());
        let nothing = bench.get(&wanda, &format!("{good}/marked")).await;
        assert_eq!(nothing.problem().0, 404, "{}", nothing.text());
        assert_eq!(
            bench.told().await,
            [
                "template.upload allowed received",
                "template.upload allowed received",
                "template.activate denied faulty",
                "template.download allowed manages-templates",
            ]
        );
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_nobodys_who_may_not_manage_them() {
    for kind in KINDS {
        let bench = Bench::with(kind, WRITERS).await;
        let wanda = bench.personal("wanda", &["writers"], WRITE).await;
        let place = bench.version(&wanda, &[GOOD]).await;
        let others: Vec<Scope> = Scope::ALL
            .into_iter()
            .filter(|scope| *scope != Scope::TemplatesWrite)
            .collect();
        let without = bench.personal("wanda", &["writers"], &others).await;
        let desk = bench.personal("alice", &[], WRITE).await;
        let elsewhere = bench.personal("oli", &["others"], WRITE).await;
        // No form makes such a token; one that was made all the same manages nothing.
        let program = bench.program("nightly", WRITE, (&["*"], &["*"])).await;
        let checks = [
            (&without, (403, "wrong-scope")),
            (&desk, (404, "not-found")),
            (&elsewhere, (404, "not-found")),
            (&program, (404, "not-found")),
        ];
        for (token, (status, problem)) in checks {
            for answer in every_act(&bench, token, &place).await {
                assert_eq!(answer.problem(), (status, problem.into()));
            }
            let list = bench.get(token, "/templates").await;
            match status {
                403 => assert_eq!(list.problem().0, 403),
                _ => assert_eq!(list.json(), json!({ "templates": [] })),
            }
        }
        for version in ["2", "01", "-1", "x", "18446744073709551616"] {
            let none = bench.get(&wanda, &format!("{HERE}/{version}")).await;
            assert_eq!(none.problem().0, 404, "{version}");
        }
        let nowhere = bench.get(&wanda, "/reports/nothing/templates").await;
        assert_eq!(nowhere.problem().0, 404);
        assert_eq!(bench.told().await, ["template.upload allowed received"]);
        bench.service.shutdown().await;
    }
}

/// Every operation on templates but the list.
async fn every_act(bench: &Bench, token: &str, place: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    let at = |below: &str| format!("{place}{below}");
    for path in [
        HERE.to_owned(),
        format!("{HERE}/starter"),
        at(""),
        at("/file"),
        at("/marked"),
    ] {
        answers.push(bench.get(token, &path).await);
    }
    answers.push(bench.upload(token, "", word(&[GOOD])).await);
    let docx = json!({ "as": "docx" });
    answers.push(bench.post(token, &at("/try"), docx).await);
    answers.push(bench.act(token, &at("/activate")).await);
    answers.push(bench.back(token, 0).await);
    answers.push(bench.call(token, (Method::DELETE, place), None).await);
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_no_template_is_refused_with_a_sentence() {
    for kind in KINDS {
        let bench = Bench::with(kind, WRITERS).await;
        let wanda = bench.personal("wanda", &["writers"], WRITE).await;
        let check = |answer: Answer, expected: (u16, &str), place: &str| {
            assert_eq!(answer.problem(), (expected.0, expected.1.into()));
            assert_eq!(answer.json()["where"], place, "{}", answer.text());
        };
        let post = (Method::POST, HERE);
        for media in ["application/zip", "application/json", ""] {
            let other = bench.send(&wanda, post.clone(), (media, word(&[GOOD])));
            check(
                other.await,
                (415, "wrong-media-type"),
                "header Content-Type",
            );
        }
        let large = bench.upload(&wanda, "", vec![0; (1 << 20) + 1]).await;
        check(large, (413, "too-large"), "body");
        let long = format!("?note={}", "x".repeat(501));
        let long = bench.upload(&wanda, &long, word(&[GOOD])).await;
        check(long, (422, "not-possible"), "note");
        let odd = bench.upload(&wanda, "?title=x", word(&[GOOD])).await;
        check(odd, (400, "malformed-query"), "query");
        let good = word(&[GOOD]);
        for file in [
            Vec::new(),
            b"no document".to_vec(),
            good[..good.len() / 2].to_vec(),
            word_with(&[GOOD], &[("word/vbaProject.bin", "x")]),
        ] {
            let refused = bench.upload(&wanda, "", file).await;
            assert!(refused.text().contains("This file is not taken"));
            check(refused, (422, "not-possible"), "body");
        }
        let standing = bench.get(&wanda, HERE).await.json();
        assert_eq!(standing["versions"].as_array().unwrap().len(), 1);
        for _ in 0..3 {
            bench.version(&wanda, &[GOOD]).await;
        }
        let full = bench.upload(&wanda, "", good).await;
        assert!(full.text().contains("has 3 versions already"));
        check(full, (422, "not-possible"), "body");
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_sends_one_file_at_a_time() {
    let bench = Bench::with(KINDS[0], WRITERS).await;
    let wanda = bench.personal("wanda", &["writers"], WRITE).await;
    let tokens = bench.state().store.tokens(Some("main:wanda")).await;
    let session = tokens.unwrap().remove(0).id;
    let uploading = &bench.state().uploading;
    let turn = uploading.admit(&session, &HeaderMap::new(), 1).await;
    let busy = bench.upload(&wanda, "", word(&[GOOD])).await;
    assert_eq!(busy.problem(), (503, "unavailable".into()));
    drop(turn.unwrap());
    bench.version(&wanda, &[GOOD]).await;
    bench.service.shutdown().await;
}
