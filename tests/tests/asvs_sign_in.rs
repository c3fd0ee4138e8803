//! Promise: signing in holds what OWASP ASVS 5.0 asks for; the tests' names carry its ids.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/all.rs"]
mod people;

use people::service::Service;
use people::testbed::Testbed;
use spokegate_daemon::Secret;
use spokegate_reports::auth::Site;
use spokegate_reports::auth::sign_in::{Attempt, Refusal};
use spokegate_reports::directory::{PersonId, Standing};
use std::net::IpAddr;
use std::time::Duration;

const SAME: &str = "The user name or the password is not right.";

/// A sign-in from that address.
async fn from(
    service: &Service,
    address: [u8; 4],
    name: &str,
    password: &str,
) -> Result<(), Refusal> {
    let attempt = Attempt {
        site: Site::Forms,
        name,
        password: &Secret::new(password),
        address: IpAddr::from(address),
    };
    let outcome = service.service.state().sign_in.attempt(&attempt).await;
    outcome.unwrap().map(|_| ())
}

fn too_many<T>(outcome: Result<T, Refusal>) -> bool {
    matches!(outcome, Err(Refusal::TooMany { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_1_1_and_6_3_1_guessing_is_slowed_for_a_name_and_for_an_address() {
    let Some(ad) = Testbed::shared_active_directory() else {
        return;
    };
    let service = Service::start(&ad, &[ad.get("LDAPS_URL")]).await;
    let right = ad.get("LDAP_USER_PW");
    // Many addresses, one name.
    for last in 1..=4 {
        let refused = from(&service, [10, 9, 0, last], "frank", "wrong").await;
        assert_eq!(refused, Err(Refusal::Credentials));
    }
    assert!(too_many(
        from(&service, [10, 9, 0, 5], "frank", right).await
    ));
    assert!(
        from(&service, [10, 9, 0, 5], "bob", right).await.is_ok(),
        "others go on"
    );
    let dn = format!("CN=Frank Upn,OU=People,{}", ad.get("LDAP_BASE"));
    assert!(
        matches!(ad.read(&dn, "lockoutTime").as_deref(), None | Some("0")),
        "the directory's own lockout is not reached"
    );
    // One address, many names.
    for number in 0..20 {
        let name = format!("nobody-{number}");
        let refused = from(&service, [10, 9, 1, 1], &name, "Summer2026").await;
        assert_eq!(refused, Err(Refusal::Credentials), "{name}");
    }
    assert!(too_many(from(&service, [10, 9, 1, 1], "bob", right).await));
    assert!(
        from(&service, [10, 9, 1, 2], "bob", right).await.is_ok(),
        "from elsewhere"
    );
    service.clock.advance(900_000);
    assert!(
        from(&service, [10, 9, 1, 1], "frank", right).await.is_ok(),
        "after the window"
    );
    service.stop().await;
}

/// Status, page and time tell nothing about whether the name exists or in which state its account is.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_3_8_same_answer_for_unknown_wrong_and_disabled() {
    let Some(ad) = Testbed::shared_active_directory() else {
        return;
    };
    // A floor of nothing, so that the time is the directory's own.
    let keys = [
        ("throttle.refusal_floor_ms", "0".to_owned()),
        ("throttle.person_failures_max", "100".to_owned()),
        ("throttle.address_failures_max", "1000".to_owned()),
    ];
    let service = Service::start_with(&ad, &[ad.get("LDAPS_URL")], &keys).await;
    let right = ad.get("LDAP_USER_PW");
    let cases = [
        ("nobody-here", right),
        ("erin", "wrong"),
        ("disabled1", right),
        ("expired1", right),
    ];
    let mut pages = Vec::new();
    for (name, password) in cases {
        let mut browser = service.forms();
        let answer = browser.sign_in(name, password).await;
        assert_eq!(
            (answer.status.as_u16(), answer.alert()),
            (401, SAME),
            "{name}"
        );
        let token = answer.form_token();
        pages.push(answer.body.replace(&token, "TOKEN").replace(name, "NAME"));
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]), "{pages:?}");
    let mut medians = Vec::new();
    for (name, password) in cases {
        let mut times = Vec::new();
        for round in 0..9 {
            let started = tokio::time::Instant::now();
            // Erin is asked for only a few times, so that the directory does not lock her.
            let name = if name == "erin" && round > 2 {
                "disabled1"
            } else {
                name
            };
            assert!(
                from(&service, [10, 8, 0, round], name, password)
                    .await
                    .is_err()
            );
            times.push(started.elapsed());
        }
        times.sort();
        medians.push(times[4]);
    }
    let (low, high) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(
        high.saturating_sub(*low) < Duration::from_millis(100).max(*low),
        "the directory does as much for each: {medians:?}"
    );
    service.stop().await;
    // With the floor as shipped, no refusal is answered sooner.
    let service = Service::start(&ad, &[ad.get("LDAPS_URL")]).await;
    for (name, password) in cases {
        let started = tokio::time::Instant::now();
        assert!(from(&service, [10, 8, 1, 1], name, password).await.is_err());
        assert!(started.elapsed() >= Duration::from_millis(600), "{name}");
    }
    service.stop().await;
}

/// Spaces, more than 64 characters and signs beyond ASCII reach the directory as typed.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_2_8_the_password_reaches_the_directory_byte_for_byte() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let long = format!(
        "{}é🔑",
        "seventy characters and more, as long as somebody likes, ".repeat(2)
    );
    let dn = format!("uid=bob,ou=People,{}", ldap.get("LDAP_BASE"));
    let mut last = ldap.get("LDAP_USER_PW").to_owned();
    for exact in [
        " two  spaces around ",
        &long,
        "ÄÖÜ ß \"quoted\" \\ + & = %41",
    ] {
        ldap.change_password(&dn, &last, exact);
        last = exact.to_owned();
        let mut browser = service.forms();
        assert_eq!(browser.sign_in("bob", exact).await.status, 303, "{exact:?}");
        let nearly: String = exact.chars().skip(1).collect();
        assert_eq!(
            browser.sign_in("bob", &nearly).await.status,
            401,
            "{nearly:?}"
        );
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_2_6_and_6_2_7_the_field_hides_and_lets_managers_fill_in() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    for mut browser in [service.forms(), service.admin()] {
        let page = browser.get("/sign-in").await.body;
        let (_, field) = page.split_once("<input id=\"password\"").unwrap();
        let field = field.split('>').next().unwrap();
        assert!(
            field.contains("type=\"password\"")
                && field.contains("autocomplete=\"current-password\""),
            "{field}"
        );
        assert!(page.contains("autocomplete=\"username\""), "{page}");
        assert!(
            !page.contains("onpaste") && !field.contains("value="),
            "{page}"
        );
    }
    service.stop().await;
}

/// The same name in two directories is two people: what one may must not become the other's.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_8_1_one_name_in_two_directories_is_two_people() {
    let (Some(one), Some(two)) = (Testbed::shared_openldap(), Testbed::openldap()) else {
        return;
    };
    let first = Service::start(&one, &[one.get("LDAPS_URL")]).await;
    let keys = [("directory.id", "partner".to_owned())];
    let second = Service::start_with(&two, &[two.get("LDAPS_URL")], &keys).await;
    let alice = first
        .attempt(Site::Forms, "alice", one.get("LDAP_USER_PW"))
        .await
        .unwrap();
    let other = second
        .attempt(Site::Forms, "alice", two.get("LDAP_USER_PW"))
        .await
        .unwrap();
    assert_eq!(alice.name, other.name);
    assert_ne!(alice.id, other.id);
    assert!(other.id.as_str().starts_with("partner:"), "{other:?}");
    let directory = &second.service.state().directory;
    assert_eq!(
        directory.look_again(&alice.id).await.unwrap(),
        Standing::Gone
    );
    // Nor with the same unique id under the other directory's name.
    let (_, unique) = alice.id.as_str().split_once(':').unwrap();
    let forged = PersonId::stored(&format!("partner:{unique}"));
    assert_eq!(directory.look_again(&forged).await.unwrap(), Standing::Gone);
    assert!(matches!(
        directory.look_again(&other.id).await.unwrap(),
        Standing::Good { .. }
    ));
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_3_1_sign_ins_are_recorded_with_who_what_where_and_when() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    for password in ["wrong", right] {
        service.forms().sign_in("alice", password).await;
        let record = service.last_audit().await.unwrap();
        let allowed = password == right;
        assert_eq!(record.decision, if allowed { "allowed" } else { "denied" });
        assert!(record.actor.starts_with("main:"), "{record:?}");
        assert_eq!(
            (record.name.as_str(), record.address.as_str()),
            ("alice", "127.0.0.1")
        );
        assert_eq!(record.at_ms, service.service.state().clock.now_ms());
        assert_eq!(
            (record.action.as_str(), record.subject.as_str()),
            ("session.start", "forms")
        );
    }
    service.stop().await;
}

/// Neither passwords nor tokens are in the audit or anywhere else in the store.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_2_5_and_7_2_3_no_password_and_no_token_is_kept() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let canary = "canary-3f1c-never-kept";
    let mut alice = service.forms();
    assert_eq!(alice.sign_in("alice", canary).await.status, 401);
    assert_eq!(
        alice
            .sign_in("alice", ldap.get("LDAP_USER_PW"))
            .await
            .status,
        303
    );
    let token = alice.cookies["__Host-spokegate-forms"].clone();
    assert_eq!(token.len(), 64, "256 random bits");
    let mut bob = service.forms();
    assert_eq!(
        bob.sign_in("bob", ldap.get("LDAP_USER_PW")).await.status,
        303
    );
    assert_ne!(bob.cookies["__Host-spokegate-forms"], token);
    assert_eq!(alice.get("/your-sessions").await.status, 200);
    let mut kept = Vec::new();
    for file in ["reports.db", "reports.db-wal"] {
        kept.extend(std::fs::read(service.folder().join(file)).unwrap());
    }
    let holds = |needle: &[u8]| kept.windows(needle.len()).any(|window| window == needle);
    let raw: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&token[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    assert!(
        !holds(token.as_bytes()) && !holds(&raw),
        "only the token's hash is stored"
    );
    assert!(!holds(canary.as_bytes()) && !holds(ldap.get("LDAP_USER_PW").as_bytes()));
    assert!(holds(b"Alice Forms"), "the search finds what is there");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_4_1_a_name_cannot_forge_a_line() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    for name in [
        "alice\r\nsession.start allowed",
        "\u{1b}[2Jalice",
        "alice\u{2028}x",
        "<script>alert(1)</script>",
    ] {
        let answer = service.forms().sign_in(name, "x").await;
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    }
    let mut carol = service.admin();
    assert_eq!(
        carol
            .sign_in("carol", ldap.get("LDAP_USER_PW"))
            .await
            .status,
        303
    );
    let page = carol.get("/audit").await.body;
    assert!(
        !page.contains("<script>alert") && !page.contains('\u{1b}'),
        "{page}"
    );
    let store = &service.service.state().store;
    for record in store.audit_page(None, 50).await.unwrap() {
        let text = format!("{}{}", record.actor, record.name);
        assert!(!text.contains(['\r', '\n', '\u{1b}']), "{text:?}");
    }
    service.stop().await;
}

/// Nothing fails open: while the directory is down, nobody new is let in and staff go on for a while only.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_5_2_and_16_5_3_without_the_directory_nothing_opens() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let right = ldap.get("LDAP_USER_PW");
    let (mut alice, mut carol) = (service.forms(), service.admin());
    assert_eq!(alice.sign_in("alice", right).await.status, 303);
    assert_eq!(carol.sign_in("carol", right).await.status, 303);
    ldap.stop();
    assert_eq!(service.forms().sign_in("bob", right).await.status, 503);
    assert_eq!(service.admin().sign_in("carol", right).await.status, 503);
    service.clock.advance(300_000);
    assert_eq!(alice.get("/").await.status, 200, "staff go on");
    assert_eq!(carol.get("/").await.status, 503, "administrators do not");
    for _ in 0..3 {
        service.clock.advance(600_000);
        let _ = alice.get("/").await;
    }
    assert_eq!(
        alice.get("/").await.status,
        503,
        "past the limit staff do not either"
    );
    service.stop().await;
}
