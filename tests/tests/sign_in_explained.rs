//! Promise: an administrator learns why somebody can or cannot sign in, on a page and on a terminal, and never sees a
//! password; and a server that is a black hole costs nobody its time-out twice.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/all.rs"]
mod people;

use people::service::Service;
use people::testbed::Testbed;
use spokegate_reports::auth::Site;
use spokegate_reports::directory::Explanation;
use std::time::Duration;

async fn explain(service: &Service, name: &str) -> Explanation {
    let state = service.service.state();
    state.sign_in.explain(name, &state.rights).await.unwrap()
}

/// The lines of a step, and whether a sign-in goes on after it.
fn step(told: &Explanation, title: &str) -> (String, bool) {
    let step = told.steps.iter().find(|step| step.title == title);
    let step = step.unwrap_or_else(|| panic!("no step {title}: {told:?}"));
    (step.lines.join("\n"), step.good)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_a_sign_in_is_explained_with_openldap() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let told = explain(&service, " DAVE").await;
    let check = |title: &str, words: &[&str], good: bool| {
        let (lines, goes_on) = step(&told, title);
        assert_eq!(goes_on, good, "{title}: {lines}");
        for words in words {
            assert!(
                lines.contains(words),
                "{title}: {words:?} is not in {lines}"
            );
        }
    };
    let base = ldap.get("LDAP_BASE");
    check(
        "Servers asked",
        &[ldap.get("LDAPS_URL"), "answers", "LDAPS"],
        true,
    );
    check(
        "Service account",
        &[ldap.get("LDAP_BIND_DN"), "OpenLDAP"],
        true,
    );
    check(
        "Search",
        &[&format!("Base: {base}"), "Filter: (uid=DAVE)", "One entry"],
        true,
    );
    check(
        "Entry",
        &[&format!("uid=dave,ou=People,{base}"), "Stable id: main:"],
        true,
    );
    check(
        "Groups of the person",
        &[
            "Level 1: cn=noc",
            "Level 2: cn=helpdesk",
            "Level 3: cn=forms-users",
        ],
        true,
    );
    check(
        "Groups of the configuration",
        &[
            "forms-users",
            "through 2 group(s) in between",
            "fabric-admins",
            "not a member",
        ],
        true,
    );
    check(
        "Decision",
        &["forms: let in", "admin: not let in, the other address only"],
        true,
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_sign_in_is_said_where_it_stops() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let (lines, good) = step(&explain(&service, "nobody-here").await, "Search");
    assert!(!good && lines.contains("Nobody was found"), "{lines}");
    let (lines, good) = step(&explain(&service, "locked1").await, "Entry");
    assert!(
        !good && lines.contains("An administrator has closed the account"),
        "{lines}"
    );
    let (lines, good) = step(&explain(&service, "erin").await, "Decision");
    assert!(!good && lines.contains("forms: not let in"), "{lines}");
    for _ in 0..4 {
        assert!(service.attempt(Site::Forms, "bob", "wrong").await.is_err());
    }
    let (lines, good) = step(&explain(&service, "bob").await, "Failed attempts");
    assert!(!good && lines.contains("name:bob: 4 of 4"), "{lines}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_explains_and_the_question_is_recorded() {
    let Some(ad) = Testbed::shared_active_directory() else {
        return;
    };
    let service = Service::start(&ad, &[ad.get("LDAPS_URL")]).await;
    let mut carol = service.admin();
    assert_eq!(
        carol.sign_in("carol", ad.get("LDAP_USER_PW")).await.status,
        303
    );
    let token = carol.get("/explain-sign-in").await.form_token();
    let fields = [("csrf", token.as_str()), ("name", "CORP\\prim")];
    let page = carol.post("/explain-sign-in", &fields).await;
    assert_eq!(page.status, 200);
    for words in [
        "It is an Active Directory: corp.test, corp",
        "tokenGroups",
        "prim-forms",
        "member: its identifier is in the list",
        "forms: let in",
    ] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(
        !page.body.contains(ad.get("LDAP_USER_PW")) && !page.body.contains(ad.get("LDAP_BIND_PW"))
    );
    let record = service.last_audit().await.unwrap();
    assert_eq!(
        (record.action.as_str(), record.subject.as_str()),
        ("sign-in.explain", "CORP\\prim")
    );
    let mut alice = service.forms();
    assert_eq!(
        alice.sign_in("alice", ad.get("LDAP_USER_PW")).await.status,
        303
    );
    assert_eq!(
        alice.get("/explain-sign-in").await.status,
        404,
        "not for staff"
    );
    let disabled = explain(&service, "disabled1").await;
    let (lines, good) = step(&disabled, "Entry");
    assert!(
        !good && lines.contains("The account is disabled."),
        "{lines}"
    );
    service.stop().await;
}

/// The first who meets the black hole waits once; for half a minute nobody else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_costs_its_time_out_once() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    // Takes connections and never says a word.
    let hole = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("ldaps://localhost:{}", hole.local_addr().unwrap().port());
    let service = Service::start(&ldap, &[&dead, ldap.get("LDAPS_URL")]).await;
    assert!(service.becomes_ready().await);
    let right = ldap.get("LDAP_USER_PW");
    let timed = async |name: &str| {
        let started = tokio::time::Instant::now();
        assert!(
            service.attempt(Site::Forms, name, right).await.is_ok(),
            "{name}"
        );
        started.elapsed()
    };
    for name in ["alice", "bob", "dave"] {
        assert!(timed(name).await < Duration::from_millis(2_500), "{name}");
    }
    let (lines, good) = step(&explain(&service, "alice").await, "Servers asked");
    assert!(
        good && lines.contains("did not answer a short while ago and is not asked"),
        "{lines}"
    );
    // After half a minute the server that answered last still comes first.
    service.clock.advance(31_000);
    assert!(timed("carol").await < Duration::from_millis(2_500));
    service.stop().await;
    drop(hole);
}
