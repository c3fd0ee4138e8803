use crate::auth::Site;
use crate::web::runs::tests::Bench;
use axum::http::{StatusCode, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_seen_and_let_stand_still() {
    let bench = Bench::new().await;
    let alice = bench.browser("alice", Site::Forms).await;
    let carol = bench.browser("carol", Site::Admin).await;
    let empty = carol.get("/schedules").await.1;
    assert!(empty.contains("Nobody has set a schedule yet"), "{empty}");
    let fields = [
        ("schedule-title", "First thing"),
        ("for-tenant", "acme"),
        ("title", "Overview"),
        ("as-format", "docx"),
        ("on-every", "month"),
        ("on-day", "31"),
        ("at-time", "06:30"),
        ("in-zone", "Europe/Berlin"),
        ("starts-on", ""),
        ("as-many", "together"),
    ];
    let set = alice
        .post("/schedules/new/customer-overview", &fields)
        .await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    let place = set.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let (_, list) = carol.get("/schedules").await;
    for expected in [
        "First thing",
        "Title of alice",
        &format!("{place}/pause"),
        ">on<",
    ] {
        assert!(list.contains(expected), "{expected} is not in {list}");
    }
    let refused = alice.post(&format!("{place}/pause"), &[]).await;
    assert_eq!(
        refused.status(),
        StatusCode::NOT_FOUND,
        "only administrators"
    );
    let paused = carol.post(&format!("{place}/pause"), &[]).await;
    assert_eq!(paused.status(), StatusCode::SEE_OTHER);
    let own = alice.get(&place).await.1;
    assert!(own.contains("An administrator paused it."), "{own}");
    let list = carol.get("/schedules").await.1;
    assert!(
        list.contains(">paused<") && list.contains(&format!("{place}/resume")),
        "{list}"
    );
    // Its owner may change it, and undoes nothing by that.
    let undo = [("act", "pause"), ("act", "resume"), ("act", "run")];
    let changed = alice.post(&format!("{place}/edit"), &fields).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    for act in undo {
        let refused = alice.post(&format!("{place}/act"), &[act]).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{act:?}");
    }
    let own = alice.get(&place).await.1;
    assert!(
        own.contains("An administrator paused it.") && !own.contains("value=\"resume\""),
        "{own}"
    );
    carol.post(&format!("{place}/resume"), &[]).await;
    assert!(carol.get("/schedules").await.1.contains(">on<"));
    for act in &undo[..2] {
        let done = alice.post(&format!("{place}/act"), &[*act]).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER, "the honest twin");
    }
    let missing = carol.post("/schedules/x/pause", &[]).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
}
