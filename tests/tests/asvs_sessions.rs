//! Promise: sessions, cookies and forms hold what OWASP ASVS 5.0 asks for; the tests' names carry its ids.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/all.rs"]
mod people;

use people::browser::Browser;
use people::service::Service;
use people::testbed::Testbed;

const FORMS: &str = "__Host-spokegate-forms";

/// The service and somebody signed in at each address.
async fn signed_in(ldap: &Testbed) -> (Service, Browser, Browser) {
    let service = Service::start(ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let (mut alice, mut carol) = (service.forms(), service.admin());
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    assert_eq!(carol.sign_in("carol", right).await.status, 303);
    (service, alice, carol)
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_2_4_a_planted_session_is_not_the_one_after_signing_in() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, _) = signed_in(&ldap).await;
    let before = alice.cookies[FORMS].clone();
    let stolen = alice.clone();
    assert_eq!(
        alice
            .sign_in("alice", ldap.get("LDAP_USER_PW"))
            .await
            .status,
        303
    );
    assert_ne!(alice.cookies[FORMS], before);
    assert_eq!(
        stolen.clone().get("/").await.status,
        303,
        "the one before has ended"
    );
    let mut victim = service.forms();
    victim.cookies.insert(FORMS.to_owned(), "ab".repeat(32));
    assert_eq!(
        victim.sign_in("bob", ldap.get("LDAP_USER_PW")).await.status,
        303
    );
    assert_ne!(victim.cookies[FORMS], "ab".repeat(32));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_3_1_1_no_session_token_is_in_an_address_or_on_a_page() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    for (browser, paths) in [
        (
            &mut alice,
            &["/", "/runs", "/your-sessions", "/confirm-password"][..],
        ),
        (
            &mut carol,
            &[
                "/",
                "/sessions",
                "/audit",
                "/throttle",
                "/second-factors",
                "/explain-sign-in",
            ],
        ),
    ] {
        let tokens: Vec<String> = browser.cookies.values().cloned().collect();
        for path in paths {
            let page = browser.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            for token in &tokens {
                assert!(
                    !page.body.contains(token) && !page.header("location").contains(token),
                    "{path}"
                );
            }
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_3_1_idleness_ends_a_session_and_polling_is_no_activity() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, _) = signed_in(&ldap).await;
    let polled = format!("/runs/{}/events", "0".repeat(32));
    for _ in 0..6 {
        service.clock.advance(299_000);
        let answer = alice.get(&polled).await;
        assert_eq!(
            answer.status, 404,
            "the guard let it through: {}",
            answer.body
        );
    }
    service.clock.advance(6_000);
    assert_eq!(alice.get("/").await.header("location"), "/sign-in?why=idle");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_3_2_age_ends_a_session_however_active() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, _) = signed_in(&ldap).await;
    for _ in 0..28 {
        service.clock.advance(1_500_000);
        assert_eq!(alice.get("/").await.status, 200);
    }
    service.clock.advance(1_200_000);
    assert_eq!(alice.get("/").await.header("location"), "/sign-in?why=age");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_4_1_after_signing_out_the_cookie_is_worth_nothing() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, _) = signed_in(&ldap).await;
    let page = alice.get("/").await;
    assert_eq!(
        page.header("cache-control"),
        "no-store",
        "the back button shows nothing"
    );
    let mut replay = alice.clone();
    let token = page.form_token();
    assert_eq!(
        alice.post("/sign-out", &[("csrf", &token)]).await.status,
        303
    );
    assert!(!alice.cookies.contains_key(FORMS));
    for path in ["/", "/runs", "/your-sessions"] {
        let answer = replay.get(path).await;
        assert!(
            answer.status == 303 && answer.header("location").starts_with("/sign-in"),
            "{path}"
        );
    }
    service.stop().await;
}

/// Removed from the directory: gone within the time of a re-check, at both addresses.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_4_2_a_deleted_person_is_gone_within_the_recheck() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    let base = ldap.get("LDAP_BASE");
    ldap.modify(&format!(
        "dn: uid=alice,ou=People,{base}\nchangetype: delete\n"
    ));
    ldap.modify(&format!(
        "dn: uid=carol,ou=People,{base}\nchangetype: delete\n"
    ));
    service.clock.advance(300_000);
    for browser in [&mut alice, &mut carol] {
        assert_eq!(
            browser.get("/").await.header("location"),
            "/sign-in?why=access"
        );
    }
    assert_eq!(service.last_reason().await, "person-gone");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_4_4_every_page_has_a_way_to_sign_out() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    for path in ["/", "/runs", "/your-sessions", "/confirm-password"] {
        let page = alice.get(path).await;
        assert!(
            page.status == 200 && page.body.contains("action=\"/sign-out\""),
            "{path}"
        );
    }
    for path in [
        "/",
        "/satellites",
        "/quarantine",
        "/sessions",
        "/throttle",
        "/second-factors",
        "/explain-sign-in",
        "/audit",
    ] {
        let page = carol.get(path).await;
        assert!(
            page.status == 200 && page.body.contains("action=\"/sign-out\""),
            "{path}"
        );
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_4_5_and_7_5_2_administrators_and_people_list_and_end_sessions() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut second = service.forms();
    let mut bob = service.forms();
    assert_eq!(second.sign_in("alice", right).await.status, 303);
    assert_eq!(bob.sign_in("bob", right).await.status, 303);
    let ids = |page: &str, before: &str| -> Vec<String> {
        page.split(before)
            .skip(1)
            .map(|rest| rest.split('/').next().unwrap().to_owned())
            .collect()
    };
    let page = alice.get("/your-sessions").await;
    let others = ids(&page.body, "action=\"/your-sessions/");
    assert_eq!(
        others.len(),
        1,
        "the other one of alice and nobody else's: {}",
        page.body
    );
    let of_bob = ids(
        &bob.get("/your-sessions").await.body,
        "action=\"/your-sessions/",
    );
    assert_eq!(of_bob.len(), 0, "bob has this one only");
    let token = page.form_token();
    let bobs = service
        .service
        .state()
        .store
        .sessions_live(service.service.state().clock.now_ms(), 50)
        .await
        .unwrap();
    let bobs = bobs.iter().find(|row| row.person_name == "bob").unwrap();
    let foreign = alice
        .post(
            &format!("/your-sessions/{}/end", bobs.id),
            &[("csrf", &token)],
        )
        .await;
    assert_eq!(
        foreign.status, 404,
        "another person's session looks like none"
    );
    assert_eq!(bob.get("/").await.status, 200);
    let own = alice
        .post(
            &format!("/your-sessions/{}/end", others[0]),
            &[("csrf", &token)],
        )
        .await;
    assert_eq!(own.status, 303);
    assert_eq!(second.get("/").await.status, 303, "ended at once");
    assert_eq!(alice.get("/").await.status, 200);
    let page = carol.get("/sessions").await;
    let answer = carol
        .post(
            &format!("/sessions/{}/end", bobs.id),
            &[("csrf", &page.form_token())],
        )
        .await;
    assert_eq!(answer.status, 303);
    assert_eq!(bob.get("/").await.status, 303);
    service.stop().await;
}

/// The password once more: after five minutes, before a dangerous act.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_5_3_dangerous_acts_ask_for_the_password_again() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _, mut carol) = signed_in(&ldap).await;
    let token = carol.get("/second-factors").await.form_token();
    let act = [("csrf", token.as_str()), ("person", "main:nobody")];
    let answer = carol.post("/second-factors/reset", &act).await;
    assert_eq!(
        answer.status, 404,
        "within five minutes of signing in it is done"
    );
    service.clock.advance(300_000);
    let answer = carol.post("/second-factors/reset", &act).await;
    let asked = "/confirm-password?back=%2Fsecond-factors";
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, asked)
    );
    let page = carol.get(asked).await;
    assert!(
        page.body.contains("autocomplete=\"current-password\""),
        "{}",
        page.body
    );
    let fields = |password| {
        [
            ("csrf", token.as_str()),
            ("password", password),
            ("back", "/second-factors"),
        ]
    };
    let wrong = carol.post("/confirm-password", &fields("wrong")).await;
    assert_eq!(wrong.status, 401);
    assert_eq!(service.last_reason().await, "wrong-password");
    assert_eq!(
        carol.post("/second-factors/reset", &act).await.status,
        303,
        "still asked"
    );
    let right = carol
        .post("/confirm-password", &fields(ldap.get("LDAP_USER_PW")))
        .await;
    assert_eq!(
        (right.status.as_u16(), right.header("location")),
        (303, "/second-factors")
    );
    assert_eq!(
        service.last_audit().await.unwrap().action,
        "password.confirm"
    );
    assert_eq!(
        carol.post("/second-factors/reset", &act).await.status,
        404,
        "done"
    );
    service.clock.advance(300_000);
    assert_eq!(
        carol.post("/second-factors/reset", &act).await.status,
        303,
        "asked anew"
    );
    service.stop().await;
}

/// The throttle is that of signing in: a stolen session cannot guess.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_5_3_the_password_asked_for_again_cannot_be_guessed() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _, mut carol) = signed_in(&ldap).await;
    let token = carol.get("/confirm-password").await.form_token();
    let fields = |password| [("csrf", token.as_str()), ("password", password)];
    for _ in 0..4 {
        assert_eq!(
            carol
                .post("/confirm-password", &fields("wrong"))
                .await
                .status,
            401
        );
    }
    let held = carol
        .post("/confirm-password", &fields(ldap.get("LDAP_USER_PW")))
        .await;
    assert_eq!(held.status, 429);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_7_1_2_the_number_of_sessions_is_limited_and_said() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut first, _) = signed_in(&ldap).await;
    let mut last = service.forms();
    for _ in 0..10 {
        service.clock.advance(1);
        last = service.forms();
        assert_eq!(
            last.sign_in("alice", ldap.get("LDAP_USER_PW")).await.status,
            303
        );
    }
    assert_eq!(first.get("/").await.status, 303, "the oldest has ended");
    let page = last.get("/your-sessions").await;
    assert!(
        page.body.contains("You can have 10 at a time"),
        "{}",
        page.body
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_3_3_1_to_3_3_4_every_cookie_is_bound_to_its_host() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let mut alice = service.forms();
    let mut cookies = 0;
    for answer in [
        alice.get("/sign-in").await,
        alice.sign_in("alice", ldap.get("LDAP_USER_PW")).await,
    ] {
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            cookies += 1;
            assert!(
                cookie.starts_with("__Host-") && !cookie.contains("Domain"),
                "{cookie}"
            );
            for rule in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(cookie.contains(rule), "{cookie}");
            }
        }
    }
    assert!(cookies >= 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_3_5_1_to_3_5_3_forms_of_others_are_refused() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    let token = alice.get("/").await.form_token();
    let own = alice.origin();
    let body = format!("csrf={token}");
    for path in [
        "/sign-in",
        "/sign-out",
        "/sign-out-everywhere",
        "/confirm-password",
        "/second-factor",
    ] {
        for headers in [
            &[("origin", "https://evil.test")][..],
            &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
            &[],
        ] {
            assert_eq!(
                alice.send("POST", path, headers, &body).await.status,
                403,
                "{path} {headers:?}"
            );
        }
        assert_eq!(
            alice
                .send("POST", path, &[("origin", own.as_str())], "")
                .await
                .status,
            403,
            "{path} without token"
        );
    }
    let own = carol.origin();
    for path in [
        "/throttle/clear",
        "/second-factors/reset",
        "/explain-sign-in",
        "/break-glass-seen",
    ] {
        let answer = carol
            .send("POST", path, &[("origin", own.as_str())], &body)
            .await;
        assert_eq!(answer.status, 403, "{path}: the token of another session");
    }
    assert_eq!(alice.get("/").await.status, 200, "nothing was done");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_3_7_2_the_way_back_never_leads_elsewhere() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, _) = signed_in(&ldap).await;
    let right = ldap.get("LDAP_USER_PW");
    let token = alice.get("/").await.form_token();
    for hostile in [
        "//evil.test",
        "\\\\evil.test",
        "/\\evil.test",
        "https:evil.test",
        "https://evil.test",
        "user@evil.test",
    ] {
        let mut browser = service.forms();
        let form = browser.get("/sign-in").await.form_token();
        let fields = [
            ("csrf", form.as_str()),
            ("name", "alice"),
            ("password", right),
            ("back", hostile),
        ];
        assert_eq!(
            browser.post("/sign-in", &fields).await.header("location"),
            "/",
            "{hostile}"
        );
        let fields = [
            ("csrf", token.as_str()),
            ("password", right),
            ("back", hostile),
        ];
        assert_eq!(
            alice
                .post("/confirm-password", &fields)
                .await
                .header("location"),
            "/",
            "{hostile}"
        );
        service.clock.advance(1);
        if alice.get("/").await.status == 303 {
            break;
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_3_4_1_to_3_4_6_every_page_carries_the_headers() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, mut alice, mut carol) = signed_in(&ldap).await;
    for answer in [
        alice.get("/your-sessions").await,
        alice.get("/confirm-password").await,
        carol.get("/throttle").await,
        carol.get("/explain-sign-in").await,
        service.forms().get("/sign-in").await,
    ] {
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("strict-transport-security")
                .starts_with("max-age=")
        );
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert!(!answer.body.contains("style=") && !answer.body.contains("<script>"));
    }
    service.stop().await;
}
