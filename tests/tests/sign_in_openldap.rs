//! Promise: people of an OpenLDAP directory sign in through the real HTTPS form, nobody else does, and a session ends
//! when it should.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/impostor.rs"]
mod impostor;
#[path = "people/all.rs"]
mod people;

use impostor::Impostor;
use people::browser::Browser;
use people::service::Service;
use people::testbed::{Testbed, free_port};
use spokegate_reports::auth::Site;
use spokegate_reports::auth::roles::NoRole;
use spokegate_reports::auth::sign_in::Refusal;
use spokegate_reports::store::audit::ChainState;
use std::time::Duration;

type Headers<'a> = &'a [(&'a str, &'a str)];

const WRONG: &str = "The user name or the password is not right.";

#[tokio::test(flavor = "multi_thread")]
async fn roles_come_from_groups_however_nested() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    for url in ["LDAPS_URL", "LDAP_URL"] {
        let service = Service::start(&ldap, &[ldap.get(url)]).await;
        assert!(service.becomes_ready().await, "{url}");
        let check = async |name: &str, site: Site, expected: Result<(), NoRole>| {
            let outcome = service.attempt(site, name, ldap.get("LDAP_USER_PW")).await;
            let outcome = outcome
                .map(|person| assert!(!person.groups.is_empty()))
                .map_err(|refusal| match refusal {
                    Refusal::NoRole { why, .. } => why,
                    other => panic!("{name}: {other:?}"),
                });
            assert_eq!(outcome, expected, "{name} on {site:?}");
        };
        for name in ["alice", "bob", "dave", "carol", "zoe", "mallory", " ALICE "] {
            check(name, Site::Forms, Ok(())).await;
        }
        check("erin", Site::Forms, Err(NoRole::None)).await;
        check("carol", Site::Admin, Ok(())).await;
        check("alice", Site::Admin, Err(NoRole::OtherSiteOnly)).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_groups_count_and_so_do_whole_names() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let base = ldap.get("LDAP_BASE");
    let check = async |group: &str, name: &str, let_in: bool| {
        let set = [
            ("roles.forms_groups", format!("[{group:?}]")),
            ("roles.admin_groups", "[\"fabric-admins\"]".into()),
        ];
        let service = Service::start_with(&ldap, &[ldap.get("LDAPS_URL")], &set).await;
        let outcome = service
            .attempt(Site::Forms, name, ldap.get("LDAP_USER_PW"))
            .await;
        assert_eq!(
            outcome.is_ok(),
            let_in,
            "{name} through {group}: {outcome:?}"
        );
        service.stop().await;
    };
    check("posix-forms", "erin", true).await;
    check("unique-forms", "erin", true).await;
    check(&format!("CN=Forms-Users, OU=groups,{base}"), "dave", true).await;
    check(&format!("cn=forms-users,ou=People,{base}"), "dave", false).await;
    // A second group of the same name elsewhere must not give anybody anything.
    ldap.modify(&format!(
        "dn: cn=forms-users,ou=People,{base}\nchangetype: add\nobjectClass: groupOfNames\ncn: forms-users\n\
         member: uid=erin,ou=People,{base}\n"
    ));
    check("forms-users", "erin", false).await;
    check("forms-users", "alice", false).await;
    check(&format!("cn=forms-users,ou=Groups,{base}"), "alice", true).await;
    check(&format!("cn=forms-users,ou=Groups,{base}"), "erin", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn account_states_are_told_apart_in_the_audit_and_not_on_the_page() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let check = async |name: &str, password: &str, refusal: Refusal, reason: &str| {
        assert_eq!(
            service.attempt(Site::Forms, name, password).await,
            Err(refusal),
            "{name:?}"
        );
        assert_eq!(service.last_reason().await, reason, "{name:?}");
    };
    check("alice", "wrong", Refusal::Credentials, "wrong-password").await;
    check("nobody-here", right, Refusal::Credentials, "unknown-person").await;
    check("locked1", right, Refusal::Credentials, "account-disabled").await;
    check(
        "pwexpired1",
        right,
        Refusal::PasswordExpired,
        "password-expired",
    )
    .await;
    check(
        "mustchange1",
        right,
        Refusal::MustChange,
        "password-must-change",
    )
    .await;
    // This slapd answers success to a DN with an empty password, as Windows does.
    check("alice", "", Refusal::Credentials, "bad-input").await;
    check("alice", "\0", Refusal::Credentials, "bad-input").await;
    for hostile in [
        "*",
        "alice)(|(uid=*",
        "a*",
        "CORP\\alice",
        "alice\n",
        "alice@msp.test",
    ] {
        assert!(
            service.attempt(Site::Forms, hostile, "x").await.is_err(),
            "{hostile:?}"
        );
    }
    // Nobody learns from the time whether a name exists.
    for (name, password) in [("nobody-here", right), ("alice", "wrong"), ("alice", "")] {
        let started = tokio::time::Instant::now();
        assert!(service.attempt(Site::Forms, name, password).await.is_err());
        assert!(started.elapsed() >= Duration::from_millis(600), "{name}");
    }
    let records = service
        .service
        .state()
        .store
        .audit_page(None, 100)
        .await
        .unwrap();
    assert!(
        records
            .iter()
            .all(|record| !record.actor.contains(['\n', '\0']))
    );
    assert!(matches!(
        service.service.state().store.verify_audit().await.unwrap(),
        ChainState::Intact { .. }
    ));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_works_and_signs_out() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut alice = service.forms();
    let answer = alice.get("/?from=a-bookmark").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/sign-in?back=%2F%3Ffrom%3Da-bookmark")
    );

    for (name, password) in [("alice", "wrong"), ("nobody-here", right)] {
        let answer = alice.sign_in(name, password).await;
        assert_eq!(
            (answer.status.as_u16(), answer.alert()),
            (401, WRONG),
            "{name}"
        );
    }
    let planted = "0".repeat(64);
    alice
        .cookies
        .insert("__Host-spokegate-forms".to_owned(), planted.clone());
    let token = alice.get("/sign-in").await.form_token();
    let fields = [
        ("csrf", token.as_str()),
        ("name", "alice"),
        ("password", right),
        ("back", "//evil.test"),
    ];
    let answer = alice.post("/sign-in", &fields).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/")
    );
    assert_ne!(
        alice.cookies["__Host-spokegate-forms"], planted,
        "a new id at sign-in"
    );

    let page = alice.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Alice Forms"), "{}", page.body);
    assert_guarded(&page);

    // Signing in anew in the same browser ends the session that was there.
    let earlier = alice.clone();
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    assert_signed_out(earlier).await;
    let page = alice.get("/").await;

    let mut elsewhere = service.forms();
    assert_eq!(elsewhere.sign_in("alice", right).await.status, 303);
    let stolen = alice.clone();
    let token = page.form_token();
    let answer = alice.post("/sign-out", &[("csrf", &token)]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/sign-in?why=ended")
    );
    assert_signed_out(stolen).await;
    let page = elsewhere.get("/").await;
    assert_eq!(page.status, 200, "the other browser goes on");

    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    let answer = elsewhere
        .post("/sign-out-everywhere", &[("csrf", &page.form_token())])
        .await;
    assert_eq!(answer.status, 303);
    assert_signed_out(alice).await;
    service.stop().await;
}

/// The headers and the markup that every page must have.
fn assert_guarded(page: &people::browser::Answer) {
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert!(!page.header("content-security-policy").contains("unsafe"));
    assert!(
        page.header("strict-transport-security")
            .starts_with("max-age=")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(
        !page.body.contains("style=") && !page.body.contains("<script>"),
        "nothing inline"
    );
}

async fn assert_signed_out(mut browser: Browser) {
    let answer = browser.get("/").await;
    assert_eq!(answer.status, 303);
    assert!(
        answer.header("location").starts_with("/sign-in"),
        "{}",
        answer.header("location")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_admin_are_different_doors() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let base = ldap.get("LDAP_BASE");
    // Carol is in forms-users through fabric-admins: take that away, so that she is an administrator and nothing else.
    ldap.modify(&format!(
        "dn: cn=forms-users,ou=Groups,{base}\nchangetype: modify\ndelete: member\nmember: cn=fabric-admins,ou=Groups,{base}\n"
    ));
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let check = async |mut browser: Browser, name: &str, words: &str| {
        let answer = browser.sign_in(name, right).await;
        assert_eq!(answer.status, 403, "{name}");
        assert!(
            answer.body.contains("Your password is right") && answer.body.contains(words),
            "{}",
            answer.body
        );
        assert_signed_out(browser).await;
    };
    check(
        service.admin(),
        "alice",
        "This is the address for administrators.",
    )
    .await;
    check(service.forms(), "carol", "This is the address for reports.").await;
    check(service.forms(), "erin", "Ask your administrator to add you").await;

    let (mut alice, mut carol) = (service.forms(), service.admin());
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    assert_eq!(carol.sign_in("carol", right).await.status, 303);
    // A session of one site is none on the other, under either cookie name.
    let mut crossed = service.admin();
    let token = alice.cookies["__Host-spokegate-forms"].clone();
    crossed
        .cookies
        .insert("__Host-spokegate-forms".to_owned(), token.clone());
    crossed
        .cookies
        .insert("__Host-spokegate-admin".to_owned(), token);
    assert_signed_out(crossed).await;

    let page = carol.get("/sessions").await;
    assert!(page.body.contains("Alice Forms") && page.body.contains("Carol Admin"));
    let (_, rest) = page.body.split_once("action=\"/sessions/").unwrap();
    let id = rest.split('/').next().unwrap().to_owned();
    let answer = carol
        .post(
            &format!("/sessions/{id}/end"),
            &[("csrf", &page.form_token())],
        )
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        alice.get("/sessions").await.status,
        404,
        "there is no such page at the address for staff"
    );
    assert_signed_out(alice).await;
    let audit = carol.get("/audit?check=true").await;
    assert!(audit.body.contains("by-administrator") && audit.body.contains("The chain is intact:"));
    assert_eq!(carol.get("/").await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_requests_change_nothing() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut alice = service.forms();
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    let token = alice.get("/").await.form_token();
    let body = format!("csrf={token}");
    let own = alice.origin();
    let attacks: [(&str, Headers<'_>, &str); 7] = [
        ("another origin", &[("origin", "https://evil.test")], &body),
        ("a look-alike", &[("origin", "https://localhost")], &body),
        ("a sandboxed frame", &[("origin", "null")], &body),
        (
            "another site, by the browser's word",
            &[("origin", &own), ("sec-fetch-site", "cross-site")],
            &body,
        ),
        ("no origin at all", &[], &body),
        ("no token", &[("origin", &own)], ""),
        ("a token of nobody", &[("origin", &own)], "csrf=0000"),
    ];
    for (name, headers, body) in attacks {
        let answer = alice.send("POST", "/sign-out", headers, body).await;
        assert_eq!(answer.status, 403, "{name}");
        assert_eq!(
            service.last_audit().await.unwrap().action,
            "request.forged",
            "{name}"
        );
        assert_eq!(
            alice.get("/").await.status,
            200,
            "{name}: the session goes on"
        );
    }
    let answer = alice.send("GET", "/sign-out", &[], "").await;
    assert_eq!(answer.status, 404, "reading changes nothing");

    // The sign-in form is guarded before there is a session.
    let mut mallory = service.forms();
    let page = mallory.get("/sign-in").await;
    let fields = format!("csrf={}&name=alice&password=x", page.form_token());
    let foreign = mallory
        .send(
            "POST",
            "/sign-in",
            &[("origin", "https://evil.test")],
            &fields,
        )
        .await;
    assert_eq!(foreign.status, 403);
    mallory.cookies.clear();
    let own = mallory.origin();
    assert_eq!(
        mallory
            .send("POST", "/sign-in", &[("origin", &own)], &fields)
            .await
            .status,
        403
    );
    assert_eq!(
        alice
            .send("POST", "/sign-out", &[("origin", &own)], &body)
            .await
            .status,
        303,
        "the honest twin"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_idleness_and_by_age() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut alice = service.forms();
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    service.clock.advance(1_799_000);
    assert_eq!(
        alice.get("/").await.status,
        200,
        "a moment before the limit"
    );
    service.clock.advance(1_799_000);
    assert_eq!(
        alice.get("/").await.status,
        200,
        "activity has moved the limit"
    );
    service.clock.advance(1_800_000);
    assert_eq!(alice.get("/").await.header("location"), "/sign-in?why=idle");

    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    for _ in 0..28 {
        service.clock.advance(1_500_000);
        assert_eq!(alice.get("/").await.status, 200);
    }
    service.clock.advance(1_200_000);
    assert_eq!(
        alice.get("/").await.header("location"),
        "/sign-in?why=age",
        "twelve hours, however active"
    );

    let mut carol = service.admin();
    assert_eq!(carol.sign_in("carol", right).await.status, 303);
    service.clock.advance(900_000);
    assert_eq!(
        carol.get("/").await.header("location"),
        "/sign-in?why=idle",
        "administrators sooner"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_wait_and_the_directory_never_locks_the_account() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut alice = service.forms();
    for _ in 0..4 {
        assert_eq!(alice.sign_in("alice", "wrong").await.status, 401);
    }
    let answer = alice.sign_in("alice", right).await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.alert(),
        "There were too many failed attempts. Wait 15 minutes, then try again."
    );
    assert_eq!(
        alice.sign_in("ALICE ", right).await.status,
        429,
        "another spelling"
    );
    assert_eq!(
        service.forms().sign_in("bob", right).await.status,
        303,
        "another person from the same address"
    );
    let dn = format!("uid=alice,ou=People,{}", ldap.get("LDAP_BASE"));
    assert_eq!(
        ldap.read(&dn, "pwdAccountLockedTime"),
        None,
        "the directory's own lockout is not reached"
    );
    service.clock.advance(900_000);
    assert_eq!(alice.sign_in("alice", right).await.status, 303);

    // One address, many names.
    let mut sprayer = service.forms();
    for number in 0..20 {
        assert_eq!(
            sprayer
                .sign_in(&format!("u{number:05}"), "Summer2026")
                .await
                .status,
            401
        );
    }
    assert_eq!(sprayer.sign_in("u00042", "Summer2026").await.status, 429);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_lets_nobody_in_and_counts_nothing() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let (mut alice, mut carol) = (service.forms(), service.admin());
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    assert_eq!(carol.sign_in("carol", right).await.status, 303);
    ldap.stop();
    for _ in 0..6 {
        let answer = service.forms().sign_in("bob", "wrong").await;
        assert_eq!(answer.status, 503);
        assert_eq!(
            answer.alert(),
            "The company directory does not answer, so nobody can sign in just now. Your password was not checked. \
             Try again in a few minutes."
        );
        assert_eq!(service.last_reason().await, "directory-down");
    }
    // Staff go on for half an hour after the check that failed, administrators do not.
    service.clock.advance(310_000);
    assert_eq!(alice.get("/").await.status, 200);
    let answer = carol.get("/").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .body
            .contains("The company directory does not answer"),
        "{}",
        answer.body
    );
    ldap.start_again();
    service.clock.advance(31_000);
    assert_eq!(carol.get("/").await.status, 200, "the session was not lost");
    assert_eq!(
        service.forms().sign_in("bob", right).await.status,
        303,
        "no failure was counted"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_over_and_trust_is_not_negotiable() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let (good, right) = (ldap.get("LDAPS_URL"), ldap.get("LDAP_USER_PW"));
    let dead = format!("ldaps://localhost:{}", free_port());
    let service = Service::start(&ldap, &[&dead, good]).await;
    assert!(
        service.attempt(Site::Forms, "alice", right).await.is_ok(),
        "the second server answers"
    );
    service.stop().await;

    // Plain text to the TLS port.
    let plain = good.replace("ldaps", "ldap");
    let service = Service::start(&ldap, &[&plain]).await;
    assert_eq!(
        service.attempt(Site::Forms, "alice", right).await,
        Err(Refusal::Unavailable)
    );
    service.stop().await;

    // The right name, signed by an authority that we do not trust.
    let other = Testbed::openldap().expect("it was there a moment ago");
    let set = [("directory.ca", other.get("LDAP_CA").to_owned())];
    let service = Service::start_with(&ldap, &[good], &set).await;
    assert_eq!(
        service.attempt(Site::Forms, "alice", right).await,
        Err(Refusal::Unavailable)
    );
    service.stop().await;
}

/// A server whose certificate we trust, but for another name, learns not even the service account's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_must_have_the_name_it_is_asked_by() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let check = async |name: &str, trusted: bool| {
        let impostor = Impostor::start(name).await;
        let url = format!("ldaps://localhost:{}", impostor.port);
        let keys = [("directory.ca", impostor.ca())];
        let service = Service::start_with(&ldap, &[&url], &keys).await;
        assert_eq!(
            service.attempt(Site::Forms, "alice", "x").await,
            Err(Refusal::Unavailable)
        );
        assert_eq!(impostor.was_spoken_to(), trusted, "{name}");
        service.stop().await;
    };
    check("elsewhere.test", false).await;
    check("localhost", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_service_password_is_tried_once_and_not_again() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    assert!(service.becomes_ready().await);
    let secret = service.folder().join("bind.secret");
    std::fs::write(&secret, "no longer right").unwrap();
    for _ in 0..8 {
        let refused = service
            .attempt(Site::Forms, "alice", ldap.get("LDAP_USER_PW"))
            .await;
        assert_eq!(refused, Err(Refusal::Unavailable));
        assert_eq!(service.last_reason().await, "service-account-refused");
    }
    assert_eq!(
        ldap.read(ldap.get("LDAP_BIND_DN"), "pwdAccountLockedTime"),
        None,
        "eight tries would have locked it"
    );
    std::fs::write(&secret, ldap.get("LDAP_BIND_PW")).unwrap();
    service.clock.advance(600_000);
    assert!(
        service
            .attempt(Site::Forms, "alice", ldap.get("LDAP_USER_PW"))
            .await
            .is_ok()
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_a_group_ends_the_session_and_a_storm_of_sign_ins_is_weathered() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let (base, right) = (ldap.get("LDAP_BASE"), ldap.get("LDAP_USER_PW"));
    let started = tokio::time::Instant::now();
    let state = service.service.state();
    let password = spokegate_daemon::Secret::new(right);
    let storm = (0..100_u8).map(|number| {
        let address = std::net::IpAddr::from([10, 1, 0, number]);
        let password = &password;
        async move {
            let attempt = spokegate_reports::auth::sign_in::Attempt {
                site: Site::Forms,
                name: "bob",
                password,
                address,
            };
            state.sign_in.attempt(&attempt).await.unwrap()
        }
    });
    // Four at a time may be under way for one person: the fifth is counted before the first has succeeded.
    let outcomes = join_all(storm.collect()).await;
    let weathered = outcomes
        .iter()
        .all(|outcome| matches!(outcome, Ok(_) | Err(Refusal::TooMany { .. })));
    assert!(weathered, "{outcomes:?}");
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= 4);
    assert!(started.elapsed() < Duration::from_secs(30));

    let mut dave = service.forms();
    service.clock.advance(900_000);
    assert_eq!(dave.sign_in("dave", right).await.status, 303);
    ldap.modify(&format!(
        "dn: cn=helpdesk,ou=Groups,{base}\nchangetype: modify\ndelete: member\nmember: cn=noc,ou=Groups,{base}\n"
    ));
    service.clock.advance(299_000);
    assert_eq!(dave.get("/").await.status, 200, "not yet due");
    service.clock.advance(1_000);
    assert_eq!(
        dave.get("/").await.header("location"),
        "/sign-in?why=access"
    );
    assert_eq!(service.last_reason().await, "role-lost");
    service.stop().await;
}

async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outcomes: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, outcome) in pending.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *outcome = Some(value);
            }
        }
        if outcomes.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}
