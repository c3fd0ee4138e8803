//! A report's own groups: who is in none of them any more has nothing of it.

use super::*;

const RIGHTS: &str = "
[[rights]]
groups = [\"f\"]
reports = [\"*\"]
tenants = [\"*\"]
release = true
release_own = true
";

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_no_group_of_a_report_any_more_has_none_of_its_old_documents_and_drafts() {
    let reports = tempfile::tempdir().unwrap();
    values::copy_of_the_report(reports.path());
    let path = reports.path().join("customer-overview/report.toml");
    let text_before = std::fs::read_to_string(&path).unwrap();
    let limited = format!("groups = [\"special\"]\n{text_before}");
    std::fs::write(&path, limited).unwrap();
    let bench = Bench::of(reports.path(), RIGHTS).await;
    bench.sanitizer.hello("acme").await;
    let of = |groups: &[&str]| Person {
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        ..person("alice")
    };
    let inside = bench.browser_of(&of(&["f", "special"]), Site::Forms).await;
    let outside = bench
        .browser_of(&of(&["f", "special-2"]), Site::Forms)
        .await;
    let done = inside.start().await;
    bench.answer(0).await;
    let draft = inside
        .post(
            "/reports/customer-overview",
            &[("for-tenant", "acme"), ("title", "x"), ("held-back", "yes")],
        )
        .await;
    let draft = draft.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    bench.answer(3).await;
    for place in [&done, &draft] {
        let ended = inside.json(&format!("{place}?wait_ms=30000")).await;
        assert_eq!(ended["state"], "done", "{ended}");
    }
    let review = draft.replace("/runs/", "/reviews/");
    let below = [
        "",
        "/events",
        "/download",
        "/preview",
        "/preview/1",
        "/proof",
    ];
    let mut paths: Vec<String> = below.iter().map(|path| format!("{done}{path}")).collect();
    let below = ["", "/draft", "/preview", "/preview/1"];
    paths.extend(below.iter().map(|path| format!("{review}{path}")));
    for path in &paths {
        assert_eq!(
            outside.get_head(path).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
        assert_ne!(inside.get_head(path).await, StatusCode::NOT_FOUND, "{path}");
    }
    for (list, place) in [("/runs", &done), ("/reviews", &review)] {
        assert!(
            !outside.get(list).await.1.contains(place.as_str()),
            "{list}"
        );
        assert!(inside.get(list).await.1.contains(place.as_str()), "{list}");
    }
    for (path, fields) in [
        (format!("{done}/proof"), &[][..]),
        (format!("{done}/again"), &[("data", "same")]),
        (format!("{review}/decide"), &[("decision", "release")]),
    ] {
        let refused = outside.post(&path, fields).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
