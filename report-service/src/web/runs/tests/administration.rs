//! What administrators see: satellites and quarantine, the audit trail, health.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_satellites_and_quarantine() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let refused = json!({
        "kind": "quarantine", "tenant": "acme", "satellite": "hq", "at": spokegate_daemon::Clock::system().now_ms(), "file": "0000000000005-00000000000000ab", "channel": "reply", "dataset": "devices",
        "reason": "schema", "rule": "/properties/kind/enum", "pointer": "/0/kind", "size_bytes": 10, "sha256": "00ff",
    });
    bench.sanitizer.send(Lane::Quarantine, &refused);
    bench.sanitizer.taken_over(Lane::Quarantine).await;
    let carol = bench.browser("carol", Site::Admin).await;
    let (_, page) = carol.get("/satellites").await;
    for expected in [
        "online",
        "<strong>Acme &#60;Dental&#62; Group</strong>",
        "<span class=\"whole\">patch-status v1,</span>",
        "in step",
        "answers.",
        "No satellite of Globex",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let (_, page) = carol.get("/quarantine").await;
    for expected in [
        "/properties/kind/enum",
        "/0/kind",
        "00ff",
        "acme/hq",
        "0000000000005-00000000000000ab",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let (_, page) = carol.get("/quarantine?tenant=globex").await;
    assert!(
        page.contains("Nothing was refused") && !page.contains("is suspended"),
        "{page}"
    );
    let (_, text) = carol.get("/quarantine/export?tenant=acme").await;
    let entries: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (entries[0]["file"].as_str(), entries[0]["rule"].as_str()),
        (
            Some("0000000000005-00000000000000ab"),
            Some("/properties/kind/enum")
        )
    );
    assert_eq!(carol.get("/quarantine/export?tenant=globex").await.1, "[]");
    // The sanitizer suspends a satellite: an alert on the page and a line in the audit.
    let suspended = json!({
        "kind": "budget", "tenant": "acme", "satellite": "hq", "at": 6, "state": "suspended", "ends_at": 4_000_000_000_000_u64,
    });
    bench.sanitizer.send(Lane::Status, &suspended);
    bench.sanitizer.taken_over(Lane::Status).await;
    let (_, page) = carol.get("/quarantine").await;
    assert!(page.contains("acme/hq is suspended until"), "{page}");
    let (_, page) = carol.get("/audit").await;
    assert!(
        page.contains("satellite.suspend") && page.contains("error-budget"),
        "{page}"
    );
    // Their own listener only.
    let alice = bench.browser("alice", Site::Forms).await;
    assert_eq!(alice.get("/satellites").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_search_and_export_the_trail() {
    let bench = Bench::new().await;
    let store = &bench.service.state().store;
    for (number, actor) in (0_u64..620).zip(["main:dave", "=evil\"()"].iter().cycle()) {
        let event = crate::store::audit::AuditEvent {
            at_ms: 86_400_000 * (number % 3),
            actor,
            name: "",
            action: "thing.do",
            decision: crate::store::audit::Decision::Denied,
            reason: "test",
            subject: "some-thing",
            address: "",
        };
        store.audit(event).await.unwrap();
    }
    let carol = bench.browser("carol", Site::Admin).await;
    let (_, page) = carol
        .get("/audit?actor=DAVE&action=thing&decision=denied")
        .await;
    assert!(
        page.contains("main:dave") && !page.contains("=evil"),
        "{page}"
    );
    assert!(
        page.contains("/audit?actor=DAVE&#38;action=thing&#38;decision=denied&#38;before="),
        "{page}"
    );
    let (_, page) = carol
        .get("/audit?decision=allowed&subject=some-thing")
        .await;
    assert!(page.contains("No entry fits"), "{page}");
    let (status, page) = carol.get("/audit?from=someday").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(page.contains("is not a day such as"), "{page}");

    // More than one piece, each entry once, each tied to the one before.
    let (_, lines) = carol.get("/audit/export?as=jsonl&subject=some-thing").await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 620);
    for pair in lines.windows(2) {
        assert_eq!(pair[1]["previous"], pair[0]["hash"]);
        assert_eq!(pair[0]["hash"].as_str().unwrap().len(), 64);
    }
    let query = "/audit/export?as=csv&actor=evil&from=1970-01-02&to=1970-01-02";
    let (_, csv) = carol.get(query).await;
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].starts_with("sequence,at_ms,actor,"), "{}", rows[0]);
    let expected = (0..620).filter(|number| number % 2 == 1 && number % 3 == 1);
    assert_eq!(rows.len() - 1, expected.count());
    assert!(rows[1].contains(",\"'=evil\"\"()\","), "{}", rows[1]);
    let (_, page) = carol.get("/audit?action=audit.export").await;
    assert_eq!(page.matches(">audit.export<").count(), 2, "{page}");
    let alice = bench.browser("alice", Site::Forms).await;
    assert_eq!(alice.get("/audit/export").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_how_every_part_is() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let row = |page: &str, part: &str| {
        let from = page.find(&format!("<strong>{part}</strong>"));
        let rest = &page[from.unwrap_or_else(|| panic!("{part} is not in {page}"))..];
        rest[..rest.find("</tr>").unwrap()].to_owned()
    };
    assert_eq!(carol.get("/health").await.0, StatusCode::OK);
    let until = async |expected: &[(&str, &str)]| loop {
        let (_, page) = carol.get("/health").await;
        let shows =
            |(part, word): &(&str, &str)| row(&page, part).contains(&format!(">{word}</span>"));
        if expected.iter().all(shows) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let patience = std::time::Duration::from_secs(120);
    let found = until(&[
        ("Store", "works"),
        ("Company directory", "fails"),
        ("Satellites", "not known"),
        ("Brokers", "not known"),
        ("Central sources", "not in use"),
        ("LibreOffice", "works"),
        ("Mail server", "not in use"),
        ("Secrets", "look at it"),
        ("Queue of runs", "works"),
        ("Disk for documents", "works"),
        ("Storage of documents", "works"),
    ]);
    let page = tokio::time::timeout(patience, found).await.unwrap();
    let directory = row(&page, "Company directory");
    assert!(directory.contains("directory.urls"), "{page}");
    assert!(
        row(&page, "Disk for documents").contains(" free of "),
        "{page}"
    );
    bench.sanitizer.hello("acme").await;
    let well = ["Sanitizers", "Satellites", "Brokers"].map(|part| (part, "works"));
    tokio::time::timeout(patience, until(&well)).await.unwrap();
    let looked = carol.post("/health/look", &[]).await;
    assert_eq!(looked.status(), StatusCode::SEE_OTHER);
    let tried = async {
        while !carol
            .get("/health")
            .await
            .1
            .contains("It made a PDF of a small document")
        {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(patience, tried).await.unwrap();
    let alice = bench.browser("alice", Site::Forms).await;
    assert_eq!(alice.get("/health").await.0, StatusCode::NOT_FOUND);
    let refused = alice.post("/health/look", &[]).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_wants_somebody_and_where_that_is_shown() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    let until = async |there: &[&str], gone: &[&str]| loop {
        let (status, page) = carol.get("/").await;
        assert_eq!(status, StatusCode::OK);
        let good = there.iter().all(|words| page.contains(words));
        if good && !gone.iter().any(|words| page.contains(words)) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let patience = std::time::Duration::from_secs(120);
    let failing = "<strong>Company directory</strong>";
    let silent = "Never heard of a satellite of ";
    let (bad, none) = ([failing, silent, "0 <small>of 0 online"], []);
    let page = tokio::time::timeout(patience, until(&bad, &none));
    let page = page.await.unwrap();
    assert!(page.contains("<a href=\"/health\">"), "{page}");
    let first = page.find(">fails</span>").unwrap();
    assert!(first < page.find(">look at it</span>").unwrap(), "{page}");
    bench.sanitizer.hello("acme").await;
    let (one, before) = (["1 <small>of 1 online"], ["of 0 online"]);
    let heard = tokio::time::timeout(patience, until(&one, &before));
    let page = heard.await.unwrap();
    assert!(
        page.contains("Never heard of a satellite of Globex."),
        "{page}"
    );
}
