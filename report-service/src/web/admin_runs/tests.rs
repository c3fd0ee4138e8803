use crate::auth::Site;
use crate::web::runs::tests::{Bench, text};
use axum::http::{StatusCode, header};

#[tokio::test(flavor = "multi_thread")]
async fn everybodys_runs_are_seen_found_and_called_off_without_their_documents() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let carol = bench.browser("carol", Site::Admin).await;
    let empty = carol.get("/runs").await.1;
    assert!(empty.contains("Nobody has made a report yet"), "{empty}");
    let place = alice.start().await;
    let (_, list) = carol.get("/runs").await;
    for expected in [
        place.as_str(),
        "Title of alice",
        "1 run is waiting or under way",
        "<option value=\"main:alice\">",
    ] {
        assert!(list.contains(expected), "{expected} is not in {list}");
    }
    for (query, there) in [
        ("?person=main:alice", true),
        ("?person=main:bob", false),
        ("?tenant=acme", true),
        ("?tenant=globex", false),
        ("?state=running", true),
        ("?state=done", false),
        ("?report=customer-overview", true),
        ("?report=another", false),
    ] {
        let (_, found) = carol.get(&format!("/runs{query}")).await;
        assert_eq!(found.contains(&place), there, "{query}");
    }
    let (_, run) = carol.get(&place).await;
    assert!(run.contains(&format!("action=\"{place}/cancel\"")), "{run}");
    let called_off = carol.post(&format!("{place}/cancel"), &[]).await;
    assert_eq!(called_off.status(), StatusCode::SEE_OTHER);
    let ended = alice.get(&format!("{place}?wait_ms=20000")).await.1;
    assert!(ended.contains(">cancelled<"), "{ended}");
    let trail = bench.service.state().store.audit_page(None, 10).await;
    let trail = trail.unwrap();
    let cancel = trail.iter().find(|entry| entry.action == "run.cancel");
    let cancel = cancel.expect("the act is recorded");
    assert_eq!(
        (cancel.reason.as_str(), cancel.name.as_str()),
        ("admin", "carol")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_proof_are_there_and_the_document_is_not() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let carol = bench.browser("carol", Site::Admin).await;
    let place = alice.start().await;
    bench.answer(0).await;
    alice.get(&format!("{place}?wait_ms=20000")).await;
    let (_, run) = carol.get(&place).await;
    assert!(
        run.contains(">done<") && run.contains(&format!("{place}/proof")),
        "{run}"
    );
    assert!(!run.contains("/download"), "{run}");
    let download = carol.get(&format!("{place}/download")).await;
    assert_eq!(download.0, StatusCode::NOT_FOUND);
    let (status, proof) = carol.get(&format!("{place}/proof")).await;
    assert!(
        status == StatusCode::OK && proof.contains("SHA-256"),
        "{proof}"
    );
    let verified = carol.post(&format!("{place}/proof"), &[]).await;
    let verified = text(verified).await;
    assert!(verified.contains(">holds</span>"), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_there() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let bob = bench.browser("bob", Site::Forms).await;
    let place = alice.start().await;
    for path in [place.clone(), format!("{place}/proof")] {
        assert_eq!(bob.get(&path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let refused = bob.post(&format!("{place}/cancel"), &[]).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    let mut nobody = bench.browser("carol", Site::Admin).await;
    nobody.token = "0".repeat(64);
    for path in [
        "/runs",
        &place,
        "/schedules",
        "/customers",
        "/datasets",
        "/customers/acme",
        "/datasets/devices/1",
    ] {
        let answer = nobody.ask(
            axum::http::Request::builder().uri(path),
            axum::body::Body::empty(),
        );
        let answer = answer.await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let location = answer.headers()[header::LOCATION].to_str().unwrap();
        assert!(location.starts_with("/sign-in"), "{location}");
    }
    for path in [
        "/customers",
        "/customers/acme",
        "/datasets",
        "/datasets/devices/1",
    ] {
        assert_eq!(alice.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let carol = bench.browser("carol", Site::Admin).await;
    for path in [
        "/runs/x",
        "/customers/initech",
        "/datasets/devices/9",
        "/datasets/none/1",
        "/tries/x",
    ] {
        assert_eq!(carol.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_within_the_administration() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    for (path, status) in [
        ("/audit?before=1", StatusCode::OK),
        ("/audit?before=x", StatusCode::BAD_REQUEST),
        ("/datasets/devices/x", StatusCode::BAD_REQUEST),
    ] {
        let (answered, page) = carol.get(path).await;
        assert_eq!(answered, status, "{path}");
        let framed = page.contains("class=\"rail\"") && page.contains("/audit");
        assert!(framed, "{path}: {page}");
        let told = status == StatusCode::OK || page.contains("To the overview");
        assert!(told && !page.contains("Failed to deserialize"), "{path}");
    }
}
