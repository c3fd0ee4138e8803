//! Promise: the second factor and the emergency account hold what OWASP ASVS 5.0 asks for; the tests' names carry its ids.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/all.rs"]
mod people;

use people::browser::{Answer, Browser};
use people::service::Service;
use people::testbed::Testbed;
use spokegate_reports::auth::break_glass::BreakGlass;
use spokegate_reports::auth::totp;
use std::os::unix::fs::PermissionsExt as _;

const ADMIN: &str = "__Host-spokegate-admin";
const EMERGENCY: &str = "a sentence that nobody guesses";

/// The service with codes asked of administrators, and the folder of its master key.
async fn service(ldap: &Testbed) -> (Service, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    std::fs::write(&key, "5a".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    let keys = [
        ("second_factor.required_for", "[\"admin\"]".to_owned()),
        ("secrets.master_key_file", key.display().to_string()),
    ];
    (
        Service::start_with(ldap, &[ldap.get("LDAPS_URL")], &keys).await,
        folder,
    )
}

/// The secret that the page shows, as the app reads it.
fn shared_secret(page: &Answer) -> (String, Vec<u8>) {
    let (_, rest) = page
        .body
        .split_once("id=\"shared-secret\">")
        .unwrap_or_else(|| panic!("{}", page.body));
    let text = rest.split('<').next().unwrap().replace(' ', "");
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = text
        .chars()
        .map(|c| format!("{:05b}", letters.find(c).unwrap()))
        .collect();
    let bytes = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    let bytes = bytes.collect();
    (text, bytes)
}

fn code(service: &Service, secret: &[u8]) -> String {
    totp::code(
        secret,
        totp::step_at(service.service.state().clock.now_ms()),
    )
}

/// Gives the password and opens the page that asks for the code.
async fn password(browser: &mut Browser, name: &str, password: &str) -> Answer {
    let answer = browser.sign_in(name, password).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/second-factor?back=%2F")
    );
    assert!(!browser.cookies.contains_key(ADMIN), "no session yet");
    browser.get("/second-factor?back=%2F").await
}

async fn type_code(browser: &mut Browser, page: &Answer, code: &str) -> Answer {
    let token = page.form_token();
    browser
        .post(
            "/second-factor",
            &[("csrf", &token), ("code", code), ("back", "/")],
        )
        .await
}

/// Sets the app up for carol; returns its secret and the recovery codes.
async fn enrol(service: &Service, ldap: &Testbed) -> (Vec<u8>, Vec<String>) {
    let mut carol = service.admin();
    let page = password(&mut carol, "carol", ldap.get("LDAP_USER_PW")).await;
    assert!(
        page.body.contains("<svg viewBox") && page.body.contains("<path d=\"M4 4h1v1h-1z"),
        "{}",
        page.body
    );
    let (_, secret) = shared_secret(&page);
    let wrong = type_code(&mut carol, &page, "000000").await;
    assert_eq!(wrong.status, 401);
    let answer = type_code(&mut carol, &page, &code(service, &secret)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let codes: Vec<String> = answer
        .body
        .split("<li><span class=\"id\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10);
    assert_eq!(carol.get("/").await.status, 200);
    (secret, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_3_3_a_second_factor_is_asked_of_one_role_and_not_of_the_other() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _key) = service(&ldap).await;
    let right = ldap.get("LDAP_USER_PW");
    let mut staff = service.forms();
    assert_eq!(
        staff.sign_in("carol", right).await.header("location"),
        "/",
        "no code there"
    );
    assert_eq!(staff.get("/").await.status, 200);
    // Without a right password there is no page for the code; with it there is no session.
    let mut carol = service.admin();
    assert_eq!(
        carol.get("/second-factor").await.header("location"),
        "/sign-in"
    );
    assert_eq!(carol.sign_in("carol", "wrong").await.status, 401);
    assert_eq!(
        carol.get("/second-factor").await.header("location"),
        "/sign-in"
    );
    password(&mut carol, "carol", right).await;
    assert_eq!(
        carol.get("/").await.status,
        303,
        "half signed in is not signed in"
    );
    // The waiting sign-in of one address is none at the other, and is over after five minutes.
    let waiting = carol.cookies["__Host-spokegate-admin-code"].clone();
    let mut crossed = service.forms();
    crossed
        .cookies
        .insert("__Host-spokegate-forms-code".to_owned(), waiting);
    assert_eq!(
        crossed.get("/second-factor").await.header("location"),
        "/sign-in"
    );
    service.clock.advance(300_000);
    assert_eq!(
        carol.get("/second-factor").await.header("location"),
        "/sign-in"
    );
    let (secret, _) = enrol(&service, &ldap).await;
    service.clock.advance(30_000);
    let mut carol = service.admin();
    let page = password(&mut carol, "carol", right).await;
    assert!(
        !page.body.contains("shared-secret"),
        "shown once: {}",
        page.body
    );
    let answer = type_code(&mut carol, &page, &code(&service, &secret)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/")
    );
    assert_eq!(carol.get("/").await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_5_1_a_code_and_a_recovery_code_work_once() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _key) = service(&ldap).await;
    let right = ldap.get("LDAP_USER_PW");
    let (secret, recovery) = enrol(&service, &ldap).await;
    let check = async |typed: &str, status: u16| {
        let mut carol = service.admin();
        let page = password(&mut carol, "carol", right).await;
        let answer = type_code(&mut carol, &page, typed).await;
        assert_eq!(answer.status, status, "{typed}: {}", answer.body);
        assert_eq!(carol.cookies.contains_key(ADMIN), status == 303);
    };
    let used = code(&service, &secret);
    check(&used, 401).await;
    service.clock.advance(30_000);
    check(&used, 401).await;
    let fresh = code(&service, &secret);
    check(&fresh, 303).await;
    check(&fresh, 401).await;
    check(&recovery[0], 303).await;
    check(&recovery[0], 401).await;
    check(&recovery[1].to_lowercase().replace('-', " "), 303).await;
    assert_eq!(
        service.last_audit().await.unwrap().action,
        "second-factor.check"
    );
    service.stop().await;
}

/// Codes are guessed no more often than passwords, whoever's browser does it; an administrator can forget a lost phone.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_5_5_codes_are_throttled_and_a_reset_is_recorded() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _key) = service(&ldap).await;
    let right = ldap.get("LDAP_USER_PW");
    let (secret, _) = enrol(&service, &ldap).await;
    service.clock.advance(60_000);
    let mut admin = service.admin();
    let page = password(&mut admin, "carol", right).await;
    assert_eq!(
        type_code(&mut admin, &page, &code(&service, &secret))
            .await
            .status,
        303
    );
    service.clock.advance(30_000);
    for _ in 0..4 {
        let mut guesser = service.admin();
        let page = password(&mut guesser, "carol", right).await;
        assert_eq!(type_code(&mut guesser, &page, "123456").await.status, 401);
    }
    let mut guesser = service.admin();
    let page = password(&mut guesser, "carol", right).await;
    let held = type_code(&mut guesser, &page, &code(&service, &secret)).await;
    assert_eq!(
        (held.status.as_u16(), held.header("location")),
        (303, "/sign-in?why=codes")
    );
    assert_eq!(
        guesser.get("/second-factor").await.header("location"),
        "/sign-in",
        "the password anew"
    );
    lets_try_again_and_forgets(&service, right, &secret, admin, guesser).await;
    service.stop().await;
}

/// The administrator sees who is held back, lets them try again, and may forget the factor.
async fn lets_try_again_and_forgets(
    service: &Service,
    right: &str,
    secret: &[u8],
    mut admin: Browser,
    mut guesser: Browser,
) {
    let list = admin.get("/throttle").await;
    assert!(
        list.body.contains("codes of a person") && list.body.contains("held back"),
        "{}",
        list.body
    );
    let person = service.last_audit().await.unwrap().actor;
    let token = list.form_token();
    let bucket = format!("code:{person}");
    let cleared = admin
        .post("/throttle/clear", &[("csrf", &token), ("bucket", &bucket)])
        .await;
    assert_eq!(cleared.header("location"), "/throttle?cleared=true");
    let record = service.last_audit().await.unwrap();
    assert_eq!(
        (record.action.as_str(), record.subject.as_str()),
        ("throttle.clear", bucket.as_str())
    );
    let page = password(&mut guesser, "carol", right).await;
    assert_eq!(
        type_code(&mut guesser, &page, &code(service, secret))
            .await
            .status,
        303
    );
    let reset = admin
        .post(
            "/second-factors/reset",
            &[("csrf", &token), ("person", &person)],
        )
        .await;
    assert_eq!(reset.header("location"), "/second-factors?done=true");
    let record = service.last_audit().await.unwrap();
    assert_eq!(
        (record.action.as_str(), record.subject.as_str()),
        ("second-factor.reset", person.as_str())
    );
    assert_eq!(
        guesser.get("/").await.status,
        303,
        "the person's sessions have ended"
    );
    let page = password(&mut service.admin(), "carol", right).await;
    assert!(
        page.body.contains("shared-secret"),
        "set up anew: {}",
        page.body
    );
}

/// What is in the database file opens no second factor.
#[tokio::test(flavor = "multi_thread")]
async fn asvs_13_3_1_no_second_factor_is_in_the_database_file() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let (service, _key) = service(&ldap).await;
    let mut carol = service.admin();
    let page = password(&mut carol, "carol", ldap.get("LDAP_USER_PW")).await;
    let (text, secret) = shared_secret(&page);
    let answer = type_code(&mut carol, &page, &code(&service, &secret)).await;
    let recovery = answer
        .body
        .split("<li><span class=\"id\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let mut kept = Vec::new();
    for file in ["reports.db", "reports.db-wal"] {
        kept.extend(std::fs::read(service.folder().join(file)).unwrap());
    }
    let holds = |needle: &[u8]| kept.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(&secret) && !holds(text.as_bytes()));
    assert!(!holds(recovery.as_bytes()) && !holds(recovery.replace('-', "").as_bytes()));
    assert!(holds(b"Carol Admin"), "the search finds what is there");
    service.stop().await;
}

/// Makes the emergency account through its link.
async fn set_up(service: &Service) {
    let state = service.service.state();
    let token = BreakGlass::link(&state.store, "emergency", state.clock.now_ms())
        .await
        .unwrap();
    let address = format!("/break-glass/{token}");
    let mut browser = service.admin();
    let page = browser.get(&address).await;
    assert!(
        page.body.contains("autocomplete=\"new-password\""),
        "{}",
        page.body
    );
    let form = page.form_token();
    let fields = |one, two| [("csrf", form.as_str()), ("password", one), ("again", two)];
    for (one, two) in [
        ("short", "short"),
        (EMERGENCY, "another sentence, not the same"),
    ] {
        assert_eq!(browser.post(&address, &fields(one, two)).await.status, 422);
    }
    assert_eq!(
        browser
            .post(&address, &fields(EMERGENCY, EMERGENCY))
            .await
            .header("location"),
        "/sign-in?why=set-up"
    );
    assert_eq!(
        browser
            .post(&address, &fields(EMERGENCY, EMERGENCY))
            .await
            .status,
        404,
        "one use"
    );
    assert_eq!(browser.get(&address).await.status, 404);
    assert_eq!(
        service.forms().get(&address).await.status,
        404,
        "not at the address for staff"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_3_2_there_is_no_account_until_a_link_made_one() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    ldap.stop();
    for (name, password) in [
        ("admin", "admin"),
        ("emergency", "emergency"),
        ("root", ""),
        ("emergency", EMERGENCY),
    ] {
        assert_eq!(
            service.admin().sign_in(name, password).await.status,
            if password.is_empty() { 401 } else { 503 },
            "{name}"
        );
    }
    for token in ["", "0", &"0".repeat(64)] {
        assert_eq!(
            service
                .admin()
                .get(&format!("/break-glass/{token}"))
                .await
                .status,
            404,
            "{token}"
        );
    }
    // A link by itself opens nothing, and is over after half an hour.
    let state = service.service.state();
    let token = BreakGlass::link(&state.store, "emergency", state.clock.now_ms())
        .await
        .unwrap();
    assert_eq!(service.admin().sign_in("emergency", "").await.status, 401);
    service.clock.advance(1_800_000);
    assert_eq!(
        service
            .admin()
            .get(&format!("/break-glass/{token}"))
            .await
            .status,
        404
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_6_1_3_and_6_3_4_the_emergency_account_has_the_same_throttle_and_is_an_alarm() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    set_up(&service).await;
    // While the directory answers it is nobody.
    assert_eq!(
        service.admin().sign_in("emergency", EMERGENCY).await.status,
        401
    );
    ldap.stop();
    assert_eq!(
        service.forms().sign_in("emergency", EMERGENCY).await.status,
        503,
        "not at the address for staff"
    );
    let mut admin = service.admin();
    let wrong = admin.sign_in("emergency", "wrong").await;
    let other = service.admin().sign_in("somebody", "wrong").await;
    assert_eq!(
        (wrong.status, wrong.alert()),
        (other.status, other.alert()),
        "it looks like every other name"
    );
    assert_eq!(
        admin
            .sign_in("Emergency ", EMERGENCY)
            .await
            .header("location"),
        "/"
    );
    let record = service.last_audit().await.unwrap();
    assert_eq!(
        (record.reason.as_str(), record.actor.as_str()),
        ("break-glass", "break-glass:emergency")
    );
    let page = admin.get("/").await;
    assert!(
        page.body
            .contains("The emergency account &#34;emergency&#34; was used on"),
        "{}",
        page.body
    );
    it_makes_nothing_that_outlives_it(&mut admin).await;
    // It goes on while the directory is down, and ends when it is back.
    service.clock.advance(310_000);
    assert_eq!(admin.get("/sessions").await.status, 200);
    ldap.start_again();
    service.clock.advance(310_000);
    assert_eq!(admin.get("/").await.status, 303);
    assert_eq!(service.last_reason().await, "directory-is-back");
    the_alarm_stays_until_it_was_seen(&service, &ldap).await;
    // Four wrong passwords, then no more, as for everybody.
    ldap.stop();
    service.clock.advance(31_000);
    for _ in 0..4 {
        assert_eq!(
            service.admin().sign_in("emergency", "wrong").await.status,
            503
        );
    }
    assert_eq!(
        service.admin().sign_in("emergency", EMERGENCY).await.status,
        429
    );
    service.clock.advance(900_000);
    assert_eq!(
        service.admin().sign_in("emergency", EMERGENCY).await.status,
        303
    );
    service.stop().await;
}

/// What outlives the emergency is not its to make, and its alarm is for others to end.
async fn it_makes_nothing_that_outlives_it(admin: &mut Browser) {
    let token = admin.get("/").await.form_token();
    for path in ["/tokens", "/break-glass-seen"] {
        let refused = admin.post(path, &[("csrf", &token)]).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.body);
    }
    assert!(admin.get("/").await.body.contains("The emergency account"));
}

/// The next administrator sees the alarm on every page until it is acknowledged.
async fn the_alarm_stays_until_it_was_seen(service: &Service, ldap: &Testbed) {
    let mut carol = service.admin();
    assert_eq!(
        carol
            .sign_in("carol", ldap.get("LDAP_USER_PW"))
            .await
            .status,
        303
    );
    for path in ["/", "/sessions", "/audit", "/throttle"] {
        let page = carol.get(path).await;
        assert!(page.body.contains("The emergency account"), "{path}");
    }
    let token = carol.get("/").await.form_token();
    assert_eq!(
        carol
            .post("/break-glass-seen", &[("csrf", &token)])
            .await
            .status,
        303
    );
    assert!(!carol.get("/").await.body.contains("The emergency account"));
}
