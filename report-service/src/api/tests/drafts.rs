//! An edited version in the place of a draft, by those who may, and of the draft that they looked at.

use super::bench::{Answer, Bench, KINDS};
use super::schedules::drafted;
use crate::auth::scope::Scope;
use crate::testing::word;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

const RIGHTS: &str = "[[rights]]\ngroups = [\"f\"]\nreports = [\"*\"]\ntenants = [\"*\"]\n\
    [[rights]]\ngroups = [\"releasers\"]\nreports = [\"*\"]\ntenants = [\"*\"]\nrelease = true\n\
    [[rights]]\ngroups = [\"elsewhere\"]\nreports = [\"*\"]\ntenants = [\"globex\"]\nrelease = true\n";
const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const RELEASE: &[Scope] = &[Scope::ReviewsRelease];

impl Bench {
    async fn replace(&self, token: &str, (run, seen): (&str, &str), file: Vec<u8>) -> Answer {
        let path = format!("/reviews/{run}/draft?sha256={seen}");
        self.send(token, (Method::PUT, &path), (WORD, file)).await
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_version_takes_the_place_of_the_draft_that_was_seen() {
    for kind in KINDS {
        let bench = Bench::with(kind, RIGHTS).await;
        bench.sanitizer.hello("acme").await;
        let (alice, path, ended) = drafted(&bench, "docx").await;
        let (run, seen) = (text(&ended, "/id"), text(&ended, "/files/0/sha256"));
        let rita = bench.personal("rita", &["releasers"], RELEASE).await;
        let edited = word(&["Edited by hand"]);
        let replaced = bench.replace(&rita, (run, seen), edited.clone()).await;
        assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text());
        let replaced = replaced.json();
        let fresh = text(&replaced, "/files/0/sha256");
        assert_ne!(fresh, seen);
        assert_eq!(replaced["review"], "waiting", "nothing is released");
        let draft = bench.get(&rita, &format!("/reviews/{run}/draft")).await;
        assert_eq!(draft.body, edited);
        // Whoever saw the one before decides and edits no more.
        let late = bench.replace(&rita, (run, seen), edited.clone()).await;
        assert_eq!(late.problem(), (409, "not-now".into()));
        assert_eq!(late.json()["where"], "run");
        let decide = format!("/reviews/{run}/decide");
        let release = |sha256: &str| json!({ "decision": "release", "sha256": sha256 });
        let blind = bench.post(&rita, &decide, release(seen)).await;
        assert_eq!(blind.problem().0, 409);
        let done = bench.post(&rita, &decide, release(fresh)).await;
        assert_eq!(done.json()["review"], "released", "{}", done.text());
        let document = bench.get(&alice, &format!("{path}/document")).await;
        assert_eq!(document.body, edited);
        let over = bench.replace(&rita, (run, fresh), edited).await;
        assert_eq!(over.problem(), (409, "not-now".into()), "it is released");
        let audited = bench.audited("review.upload", "allowed").await;
        let [(reason, subject)] = audited.as_slice() else {
            panic!("{audited:?}");
        };
        assert!(reason.starts_with("token ") && reason.ends_with(": edited"));
        assert_eq!(*subject, format!("{run} {fresh}"));
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_not_replaced_by_others_nor_by_what_is_no_document() {
    for kind in KINDS {
        let bench = Bench::with(kind, RIGHTS).await;
        bench.sanitizer.hello("acme").await;
        let (alice, _, ended) = drafted(&bench, "docx").await;
        let (run, seen) = (text(&ended, "/id"), text(&ended, "/files/0/sha256"));
        let good = || word(&["Edited"]);
        let desk = bench.personal("bob", &[], RELEASE).await;
        let elsewhere = bench.personal("oli", &["elsewhere"], RELEASE).await;
        let others = bench.program("other", RELEASE, (&["*"], &["globex"])).await;
        let rita = bench.personal("rita", &["releasers"], RELEASE).await;
        let nobodys = "0123456789abcdef0123456789abcdef";
        for (token, run, expected) in [
            (&alice, run, (403, "wrong-scope")),
            (&desk, run, (404, "not-found")),
            (&elsewhere, run, (404, "not-found")),
            (&others, run, (404, "not-found")),
            (&rita, nobodys, (404, "not-found")),
        ] {
            let refused = bench.replace(token, (run, seen), good()).await;
            assert_eq!(refused.problem(), (expected.0, expected.1.into()));
        }
        let path = format!("/reviews/{run}/draft");
        let put = (Method::PUT, path.as_str());
        let blind = bench.send(&rita, put, (WORD, good())).await;
        assert_eq!(blind.problem(), (400, "malformed-query".into()));
        let path = format!("{path}?sha256={seen}");
        let put = (Method::PUT, path.as_str());
        let other = bench.send(&rita, put, ("application/pdf", good())).await;
        assert_eq!(other.problem(), (415, "wrong-media-type".into()));
        let large = vec![0; (32 << 20) + 1];
        let large = bench.replace(&rita, (run, seen), large).await;
        assert_eq!(large.problem(), (413, "too-large".into()));
        let odd = bench.replace(&rita, (run, seen), b"no document".to_vec());
        let odd = odd.await;
        assert_eq!(odd.problem(), (422, "not-possible".into()));
        assert_eq!(odd.json()["where"], "body");
        let draft = bench.get(&rita, &format!("/reviews/{run}")).await;
        assert_eq!(draft.problem().0, 404, "there is no operation there");
        let waiting = bench.get(&rita, "/reviews").await.json();
        assert_eq!(text(&waiting, "/runs/0/files/0/sha256"), seen);
        let refused = bench.audited("review.upload", "denied").await;
        assert_eq!(refused.len(), 1, "what was looked at: {refused:?}");
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_a_pdf_alone_takes_no_word_file() {
    let bench = Bench::with(KINDS[0], RIGHTS).await;
    bench.sanitizer.hello("acme").await;
    let (_, _, ended) = drafted(&bench, "pdf").await;
    let (run, seen) = (text(&ended, "/id"), text(&ended, "/files/0/sha256"));
    let rita = bench.personal("rita", &["releasers"], RELEASE).await;
    let refused = bench.replace(&rita, (run, seen), word(&["Edited"])).await;
    assert_eq!(refused.problem(), (422, "not-possible".into()));
    assert_eq!(refused.json()["where"], "run");
    bench.service.shutdown().await;
}
