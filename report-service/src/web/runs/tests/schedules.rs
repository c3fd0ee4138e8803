//! Schedules: set, shown, switched, run, removed, with the rights of their owner.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_set_shown_switched_run_and_removed() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let (alice, bob) = (
        bench.browser("alice", Site::Forms).await,
        bench.browser("bob", Site::Forms).await,
    );
    let (_, list) = alice.get("/schedules").await;
    assert!(
        list.contains("You have no schedule yet")
            && list.contains("/schedules/new/customer-overview"),
        "{list}"
    );
    let new = "/schedules/new/customer-overview";
    let (_, form) = alice.get(new).await;
    assert!(
        form.contains("name=\"on-every\" value=\"month\" checked") && !form.contains("mail-to"),
        "{form}"
    );
    refused_or_only_looked_at(&alice, new).await;
    let answer = alice.post(new, &MONTHLY).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let (_, page) = alice.get(&place).await;
    let times = page.matches("<li>").count();
    assert_eq!(times, 5, "{page}");
    assert!(
        page.contains("Monthly &#60;overview&#62;")
            && page.contains("every month on day 31 at 06:30 (Europe/Berlin)"),
        "{page}"
    );
    let act = format!("{place}/act");
    for path in [place.clone(), format!("{place}/edit")] {
        assert_eq!(bob.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        bob.post(&act, &[("act", "delete")]).await.status(),
        StatusCode::NOT_FOUND
    );
    let (_, edit) = alice.get(&format!("{place}/edit")).await;
    assert!(
        edit.contains("value=\"31\"") && edit.contains("value=\"acme\" checked"),
        "{edit}"
    );
    schedule_acts(&bench, &alice, &place).await;
}

async fn refused_or_only_looked_at(alice: &Browser<'_>, new: &str) {
    // What is wrong is told, and nothing is kept.
    let mut wrong = MONTHLY;
    wrong[5].1 = "32";
    wrong[7].1 = "Mars/Base";
    let refused = alice.post(new, &wrong).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = text(refused).await;
    assert!(
        refused.contains("Enter a day from 1 to 31.")
            && refused.contains("Write a time zone such as"),
        "{refused}"
    );
    // A look ahead keeps nothing either.
    let look = alice
        .post(new, &[&MONTHLY[..], &[("act", "look")]].concat())
        .await;
    let look = text(look).await;
    assert!(
        look.contains("id=\"upcoming\"") && look.contains("06:30 CE"),
        "{look}"
    );
    assert!(
        alice
            .get("/schedules")
            .await
            .1
            .contains("You have no schedule yet")
    );
}

async fn schedule_acts(bench: &Bench, alice: &Browser<'_>, place: &str) {
    let act = format!("{place}/act");
    // Run now: an ordinary run of its owner.
    let answer = alice.post(&act, &[("act", "run")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let run = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    bench.answer(0).await;
    let ended = alice.json(&format!("{run}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    // Without its only customer there is nothing to run.
    alice
        .post(&act, &[("act", "switch"), ("tenant", "acme")])
        .await;
    let refused = alice.post(&act, &[("act", "run")]).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(text(refused).await.contains("no customer left"));
    alice.post(&act, &[("act", "pause")]).await;
    assert!(alice.get(place).await.1.contains("paused"));
    alice.post(&act, &[("act", "resume")]).await;
    assert!(alice.get(place).await.1.contains("The next times:"));
    alice.post(&act, &[("act", "delete")]).await;
    assert_eq!(alice.get(place).await.0, StatusCode::NOT_FOUND);
}

/// What is due runs with its owner's rights of that moment, once however long it was due.
#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_has_the_rights_that_its_owner_has_then() {
    let bench = Bench::with(RIGHTS).await;
    bench.sanitizer.hello("acme").await;
    let desk = Person {
        groups: vec!["f".into(), "desk".into()],
        ..person("alice")
    };
    let alice = bench.browser_of(&desk, Site::Forms).await;
    let answer = alice
        .post("/schedules/new/customer-overview", &MONTHLY)
        .await;
    let place = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let state = bench.service.state();
    let schedule = state.store.schedules().await.unwrap().remove(0);
    assert!(place.ends_with(schedule.id.as_str()));
    let groups = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    for lost in [&["f"][..], &["desk"], &["f", "others"]] {
        let refused = crate::schedule::fire(state, &schedule, &groups(lost)).await;
        assert!(
            matches!(refused, Err(crate::schedule::Refused::Never(_))),
            "{lost:?}"
        );
    }
    let fired = crate::schedule::fire(state, &schedule, &groups(&["f", "desk"]))
        .await
        .unwrap();
    bench.answer(0).await;
    let ended = alice
        .json(&format!("{}?wait_ms=20000", fired.place()))
        .await;
    assert_eq!(ended["state"], "done", "{ended}");
}
