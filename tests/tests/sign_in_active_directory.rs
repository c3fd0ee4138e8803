//! Promise: people of an Active Directory sign in as they are used to, whatever their groups are nested in, and the
//! state of their account is respected.

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
use spokegate_reports::auth::roles::NoRole;
use spokegate_reports::auth::sign_in::Refusal;

/// One domain controller for all checks: it takes ten seconds to make.
#[tokio::test(flavor = "multi_thread")]
async fn people_of_an_active_directory_sign_in() {
    let Some(ad) = Testbed::active_directory() else {
        return;
    };
    for url in ["LDAPS_URL", "LDAP_URL", "LDAP_GC_URL"] {
        let service = Service::start(&ad, &[ad.get(url)]).await;
        assert!(service.becomes_ready().await, "{url}");
        groups_of_all_kinds(&service, &ad).await;
        if url == "LDAPS_URL" {
            account_states(&service, &ad).await;
            hostile_names(&service, &ad).await;
            every_spelling_counts_as_one_person(&service, &ad).await;
            leaving_and_closing(&service, &ad).await;
        }
        service.stop().await;
    }
    whole_names(&ad).await;
}

/// A group may be configured by its whole name, however that is written.
async fn whole_names(ad: &Testbed) {
    let (base, password) = (ad.get("LDAP_BASE"), ad.get("LDAP_USER_PW"));
    let check = async |group: &str, let_in: bool| {
        let keys = [("roles.forms_groups", format!("[{group:?}]"))];
        let service = Service::start_with(ad, &[ad.get("LDAPS_URL")], &keys).await;
        let outcome = service.attempt(Site::Forms, "dave", password).await;
        assert_eq!(outcome.is_ok(), let_in, "{group}: {outcome:?}");
        service.stop().await;
    };
    check(&format!("cn=forms-users, ou=groups,{base}"), true).await;
    check(&format!("CN=forms-users,OU=People,{base}"), false).await;
}

async fn groups_of_all_kinds(service: &Service, ad: &Testbed) {
    let password = ad.get("LDAP_USER_PW");
    let check = async |name: &str, site: Site, expected: Result<(), NoRole>| {
        let outcome = service.attempt(site, name, password).await;
        let outcome = outcome
            .map(|person| assert!(!person.groups.is_empty()))
            .map_err(|refusal| match refusal {
                Refusal::NoRole { why, .. } => why,
                other => panic!("{name}: {other:?}"),
            });
        assert_eq!(outcome, expected, "{name} on {site:?}");
    };
    for name in ["alice", "bob", "dave", "carol", "prim", "zoe", "mallory"] {
        check(name, Site::Forms, Ok(())).await;
    }
    for name in [
        "CORP\\alice",
        "corp\\Alice",
        "alice@corp.test",
        " ALICE ",
        "frank",
        "frank.other@msp.example",
    ] {
        check(name, Site::Forms, Ok(())).await;
    }
    let prim = service
        .attempt(Site::Forms, "prim", password)
        .await
        .unwrap();
    assert!(
        prim.groups.iter().any(|group| group == "prim-forms"),
        "the primary group counts: {prim:?}"
    );
    check("erin", Site::Forms, Err(NoRole::None)).await;
    check("carol", Site::Admin, Ok(())).await;
    check("alice", Site::Admin, Err(NoRole::OtherSiteOnly)).await;
}

async fn account_states(service: &Service, ad: &Testbed) {
    let password = ad.get("LDAP_USER_PW");
    let check = async |name: &str, password: &str, refusal: Refusal, reason: &str| {
        assert_eq!(
            service.attempt(Site::Forms, name, password).await,
            Err(refusal),
            "{name}"
        );
        assert_eq!(service.last_reason().await, reason, "{name}");
    };
    check("alice", "wrong", Refusal::Credentials, "wrong-password").await;
    check(
        "nobody-here",
        password,
        Refusal::Credentials,
        "unknown-person",
    )
    .await;
    check(
        "disabled1",
        password,
        Refusal::Credentials,
        "account-disabled",
    )
    .await;
    check(
        "expired1",
        password,
        Refusal::Credentials,
        "account-expired",
    )
    .await;
    check("locked1", password, Refusal::Credentials, "account-locked").await;
    check(
        "nohours1",
        password,
        Refusal::Credentials,
        "not-at-this-time",
    )
    .await;
    check(
        "pwexpired1",
        password,
        Refusal::PasswordExpired,
        "password-expired",
    )
    .await;
    check(
        "mustchange1",
        password,
        Refusal::MustChange,
        "password-must-change",
    )
    .await;
    // With a wrong password nothing about the account is told.
    check(
        "pwexpired1",
        "wrong",
        Refusal::Credentials,
        "wrong-password",
    )
    .await;
    check(
        "mustchange1",
        "wrong",
        Refusal::Credentials,
        "wrong-password",
    )
    .await;
}

async fn hostile_names(service: &Service, ad: &Testbed) {
    let password = ad.get("LDAP_USER_PW");
    for name in [
        "*",
        "alice)(|(objectClass=*)",
        "al*",
        "OTHER\\alice",
        "\\alice",
        "alice\0",
        "",
        "alice@evil.test",
    ] {
        assert_eq!(
            service.attempt(Site::Forms, name, password).await,
            Err(Refusal::Credentials),
            "{name:?}"
        );
    }
    for empty in ["", "\0", "\0secret"] {
        assert_eq!(
            service.attempt(Site::Forms, "alice", empty).await,
            Err(Refusal::Credentials)
        );
        assert_eq!(service.last_reason().await, "bad-input");
    }
    service.clock.advance(900_000);
}

/// Four failures in any mix of spellings, then no more, and the directory has not locked the account.
async fn every_spelling_counts_as_one_person(service: &Service, ad: &Testbed) {
    let password = ad.get("LDAP_USER_PW");
    for name in ["frank", "frank.other@msp.example", "CORP\\frank", " FRANK "] {
        assert_eq!(
            service.attempt(Site::Forms, name, "wrong").await,
            Err(Refusal::Credentials),
            "{name}"
        );
    }
    for name in ["frank", "frank.other@msp.example", "frank@corp.test"] {
        let refused = service.attempt(Site::Forms, name, password).await;
        assert_eq!(refused, Err(Refusal::TooMany { minutes: 15 }), "{name}");
    }
    let dn = format!("CN=Frank Upn,OU=People,{}", ad.get("LDAP_BASE"));
    assert!(
        matches!(ad.read(&dn, "lockoutTime").as_deref(), None | Some("0")),
        "the directory's own lockout is not reached"
    );
    service.clock.advance(900_000);
    assert!(
        service
            .attempt(Site::Forms, "frank", password)
            .await
            .is_ok()
    );
}

/// Leaving the group, and a disabled account, end sessions within the time of a re-check.
async fn leaving_and_closing(service: &Service, ad: &Testbed) {
    let (base, password) = (ad.get("LDAP_BASE"), ad.get("LDAP_USER_PW"));
    let mut alice = service.forms();
    let mut bob = service.forms();
    assert_eq!(alice.sign_in("alice", password).await.status, 303);
    assert_eq!(bob.sign_in("bob", password).await.status, 303);
    ad.modify(&format!(
        "dn: CN=forms-users,OU=Groups,{base}\nchangetype: modify\ndelete: member\nmember: CN=Alice Forms,OU=People,{base}\n"
    ));
    ad.modify(&format!(
        "dn: CN=Bob Helpdesk,OU=People,{base}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 514\n"
    ));
    service.clock.advance(299_000);
    assert_eq!(alice.get("/").await.status, 200, "not yet due");
    service.clock.advance(1_000);
    for browser in [&mut alice, &mut bob] {
        let answer = browser.get("/").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "/sign-in?why=access")
        );
    }
    ad.modify(&format!(
        "dn: CN=forms-users,OU=Groups,{base}\nchangetype: modify\nadd: member\nmember: CN=Alice Forms,OU=People,{base}\n"
    ));
    ad.modify(&format!(
        "dn: CN=Bob Helpdesk,OU=People,{base}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: 512\n"
    ));
    assert_eq!(
        alice.get("/").await.status,
        303,
        "an ended session does not come back"
    );
    assert_eq!(alice.sign_in("alice", password).await.status, 303);
    assert_eq!(alice.get("/").await.status, 200);
}
