//! Promise: a token of the API is worth what its person is worth in the directory, at the time of use.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/browser.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod browser;
#[path = "people/service.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod service;
#[path = "people/testbed.rs"]
#[allow(dead_code, reason = "each test file uses its own part")]
mod testbed;

use service::Service;
use testbed::Testbed;

/// A token that the person makes on the page.
async fn token(service: &Service, ldap: &Testbed, name: &str) -> String {
    let mut browser = service.forms();
    let answer = browser.sign_in(name, ldap.get("LDAP_USER_PW")).await;
    assert_eq!(answer.status, 303, "{name}");
    let page = browser.get("/your-tokens").await;
    let csrf = page.form_token();
    let fields = [
        ("csrf", csrf.as_str()),
        ("name", "program"),
        ("days", "30"),
        ("scope", "reports:read"),
    ];
    let made = browser.post("/your-tokens", &fields).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let after = made.body.split("<code id=\"token\">").nth(1).unwrap();
    after.split('<').next().unwrap().to_owned()
}

/// The status that the token is answered with, and the problem.
async fn used(service: &Service, token: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut program = service.forms();
    let answer = program.send("GET", "/api/v1/reports", &headers, "").await;
    let kind = answer.body.split("urn:spokegate:problem:").nth(1);
    let kind = kind.and_then(|rest| rest.split('"').next());
    (answer.status.as_u16(), kind.unwrap_or_default().to_owned())
}

fn refused(kind: &str) -> (u16, String) {
    (401, kind.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_group_or_the_company_loses_the_token() {
    let Some(ldap) = Testbed::openldap() else {
        return;
    };
    let base = ldap.get("LDAP_BASE");
    let service = Service::start(&ldap, &[ldap.get("LDAPS_URL")]).await;
    let dave = token(&service, &ldap, "dave").await;
    let alice = token(&service, &ldap, "alice").await;
    let bob = token(&service, &ldap, "bob").await;
    let good = (200, String::new());
    for token in [&dave, &alice, &bob] {
        assert_eq!(used(&service, token).await, good);
    }
    let member = |act: &str| {
        format!(
            "dn: cn=helpdesk,ou=Groups,{base}\nchangetype: modify\n{act}: member\nmember: cn=noc,ou=Groups,{base}\n"
        )
    };
    ldap.modify(&member("delete"));
    ldap.modify(&format!(
        "dn: uid=alice,ou=People,{base}\nchangetype: delete\n"
    ));
    service.clock.advance(299_000);
    assert_eq!(used(&service, &dave).await, good, "not yet due");
    service.clock.advance(1_000);
    assert_eq!(used(&service, &dave).await, refused("person-lost"));
    assert_eq!(used(&service, &alice).await, refused("person-lost"));
    assert_eq!(used(&service, &bob).await, good, "others are as before");
    // Whoever comes back makes a new one.
    ldap.modify(&member("add"));
    service.clock.advance(300_000);
    assert_eq!(used(&service, &dave).await, refused("revoked"));
    // A directory that does not answer is borne for a while, as it is for sessions.
    ldap.stop();
    service.clock.advance(300_000);
    assert_eq!(used(&service, &bob).await, good, "borne");
    service.clock.advance(1_800_000);
    assert_eq!(used(&service, &bob).await, (503, "unavailable".to_owned()));
    service.stop().await;
}
