//! Batches: a document for each customer, and who has none.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_makes_a_document_for_each_customer_and_tells_who_has_none() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let (alice, bob) = (
        bench.browser("alice", Site::Forms).await,
        bench.browser("bob", Site::Forms).await,
    );
    let fields = [
        ("for-all", "yes"),
        ("as-many", "each"),
        ("title", "Overview"),
    ];
    let answer = alice.post("/reports/customer-overview", &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION].to_str().unwrap();
    let place = place.to_owned();
    assert!(
        place.starts_with("/batches/") && place.len() == 41,
        "{place}"
    );
    let early = alice.get(&format!("{place}/download")).await.0;
    assert_eq!(early, StatusCode::NOT_FOUND, "it is still under way");
    for path in ["", "/events", "/download"] {
        let (status, _) = bob.get(&format!("{place}{path}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
    let cancelled = bob.post(&format!("{place}/cancel"), &[]).await.status();
    assert_eq!(cancelled, StatusCode::NOT_FOUND);
    let request = Request::builder().uri(format!("{place}/events"));
    let events = alice.ask(request, Body::empty()).await;
    let (events, ()) = tokio::join!(text(events), bench.answer(0));
    let last = events.lines().rfind(|line| line.starts_with("data: "));
    let last: Value = serde_json::from_str(&last.unwrap()[6..]).unwrap();
    assert_eq!(
        (&last["done"], &last["failed"]),
        (&json!(1), &json!(1)),
        "{events}"
    );
    let (_, page) = alice.get(&place).await;
    for expected in [
        "1 done",
        "1 failed",
        "Globex",
        "could not be fetched",
        "/download\"",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    archive_tells_both(&alice, &place).await;
    assert!(alice.get("/runs").await.1.contains(&place));
}

async fn archive_tells_both(alice: &Browser<'_>, place: &str) {
    let request = Request::builder().uri(format!("{place}/download"));
    let answer = alice.ask(request, Body::empty()).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/zip");
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 24)
        .await
        .unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let names: Vec<String> = archive
        .file_names()
        .map(|name| name.unwrap().into_owned())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names[0].ends_with(".docx") && names[1] == "results.csv",
        "{names:?}"
    );
    let mut results = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("results.csv").unwrap(), &mut results)
        .unwrap();
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1].starts_with("\"acme\",\"Acme <Dental> Group\",\"done\""),
        "{results}"
    );
    assert!(
        lines[2].starts_with("\"globex\",\"Globex\",\"failed\",\"Globex: Devices could not"),
        "{results}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_called_off() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    bench.sanitizer.hello("globex").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let fields = [("for-all", "yes"), ("as-many", "each"), ("title", "x")];
    let answer = alice.post("/reports/customer-overview", &fields).await;
    let place = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let answer = alice.post(&format!("{place}/cancel"), &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let request = Request::builder().uri(format!("{place}/events"));
    let events = text(alice.ask(request, Body::empty()).await).await;
    assert!(events.contains("\"cancelled\":2"), "{events}");
    assert!(alice.get(&place).await.1.contains("2 cancelled"));
}
