//! The promise: whoever ordered a document can look at its pages before downloading it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use spokegate_demo::client::{Browser, NewRun, RunState};
use spokegate_demo::{Fabric, Options, SourceChoice};

/// A PNG's first bytes.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

async fn done(browser: &mut Browser, report: &str, tenants: &[&str], format: &str) -> String {
    let order = NewRun {
        report,
        tenants,
        fields: &[("as-format", format)],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Done, "{}", run.reason);
    run.id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_document_are_pictures() {
    let options = Options {
        source: SourceChoice::BuiltIn,
        ..Options::sample().unwrap()
    };
    let fabric = Fabric::start(options).await.unwrap();
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let both: &[&str] = &["acme", "globex"];
    for (report, tenants, format) in [
        ("customer-overview", &both[..1], "docx"),
        ("customer-overview", both, "pdf"),
        ("open-tickets", &both[..1], "docx"),
        ("open-tickets", &both[1..], "both"),
    ] {
        let run = done(&mut browser, report, tenants, format).await;
        let what = format!("{report} of {tenants:?} as {format}");
        let page = browser.get(&format!("/runs/{run}/preview")).await.unwrap();
        assert_eq!(page.status(), 200, "{what}: {}", page.text());
        let picture = browser
            .get(&format!("/runs/{run}/preview/1"))
            .await
            .unwrap();
        assert_eq!(picture.status(), 200, "{what}");
        assert!(picture.bytes().starts_with(PNG), "{what}: no picture");
    }
    fabric.shutdown().await;
}
