//! Whoever looks at the pages of a document is in the audit trail, as on the pages: pictures tell as much as the document.

use super::bench::{Bench, KINDS};
use super::schedules::drafted;
use crate::auth::scope::Scope;
use serde_json::json;

const RIGHTS: &str = "[[rights]]\ngroups = [\"f\"]\nreports = [\"*\"]\ntenants = [\"*\"]\n\
    [[rights]]\ngroups = [\"releasers\"]\nreports = [\"*\"]\ntenants = [\"*\"]\nrelease = true\n";

impl Bench {
    /// Asks for a document's pages and for the first of them; whether there is a program that draws them is no matter.
    async fn look(&self, token: &str, path: &str) -> [u16; 2] {
        let pages = self.get(token, path).await;
        let first = self.get(token, &format!("{path}/1")).await;
        [pages.status.as_u16(), first.status.as_u16()]
    }

    async fn looked(&self, action: &str) -> Vec<String> {
        let entries = self.audited(action, "allowed").await;
        let mut subjects: Vec<String> = entries
            .into_iter()
            .map(|(reason, subject)| {
                assert!(reason.starts_with("token "), "{reason}");
                subject
            })
            .collect();
        subjects.sort();
        subjects
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_pages_is_in_the_audit_trail() {
    for kind in KINDS {
        let bench = Bench::with(kind, RIGHTS).await;
        bench.sanitizer.hello("acme").await;
        let (alice, path, ended) = drafted(&bench, "docx").await;
        let run = ended["id"].as_str().unwrap();
        let scopes = [Scope::ReviewsRelease];
        let rita = bench.personal("rita", &["releasers"], &scopes).await;
        let other = bench.personal("bob", &[], &scopes).await;
        let of_draft = format!("/reviews/{run}/preview");
        let of_run = format!("{path}/preview");
        let both = [run.to_owned(), format!("{run} page 1")];
        // Who may not look sees nothing, and nothing says that they did.
        assert_eq!(bench.look(&other, &of_draft).await, [404, 404]);
        assert_eq!(bench.look(&alice, &of_run).await, [404, 404], "not out");
        assert_eq!(bench.looked("review.preview").await, [""; 0]);
        assert_eq!(bench.looked("file.preview").await, [""; 0]);
        bench.look(&rita, &of_draft).await;
        assert_eq!(bench.looked("review.preview").await, both);
        let release = json!({ "decision": "release", "sha256": ended["files"][0]["sha256"] });
        let decide = format!("/reviews/{run}/decide");
        let released = bench.post(&rita, &decide, release).await;
        assert_eq!(released.json()["review"], "released", "{}", released.text());
        bench.look(&alice, &of_run).await;
        assert_eq!(bench.looked("file.preview").await, both);
        bench.service.shutdown().await;
    }
}
