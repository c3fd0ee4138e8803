//! Promise: every state of an account, of a real Active Directory and a real OpenLDAP, has its own word in the audit,
//! and tells a stranger nothing.

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

const SAME: &str = "The user name or the password is not right.";
const EXPIRED: &str = "Your password has expired.";
const MUST_CHANGE: &str = "You must change your password first.";

/// Signs in at the page: what is shown begins with `shown`, and the audit's reason is `reason`. With a wrong password
/// the account's state shows in neither, but for a lock, which the directory tells anyway.
async fn check(testbed: &Testbed, name: &str, password: &str, shown: &str, reason: &str) {
    let service = Service::start(testbed, &[testbed.get("LDAPS_URL")]).await;
    let answer = service.forms().sign_in(name, password).await;
    let allowed = shown.is_empty();
    let status = if allowed { 303 } else { 401 };
    assert_eq!(answer.status, status, "{name}: {}", answer.body);
    let record = service.last_audit().await.unwrap();
    assert_eq!(
        (
            record.action.as_str(),
            record.decision.as_str(),
            record.reason.as_str()
        ),
        (
            "session.start",
            if allowed { "allowed" } else { "denied" },
            reason
        ),
        "{name}"
    );
    if !allowed {
        assert!(answer.alert().starts_with(shown), "{}", answer.alert());
        assert!(answer.headers.get("set-cookie").is_none_or(|cookie| {
            !cookie
                .to_str()
                .unwrap()
                .starts_with("__Host-spokegate-forms=")
        }));
    }
    service.stop().await;
}

macro_rules! states {
    ($shared:ident, $($test:ident: $name:literal, $password:expr, $shown:expr, $reason:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                let Some(testbed) = Testbed::$shared() else { return };
                let right = testbed.get("LDAP_USER_PW").to_owned();
                let password: Option<&str> = $password;
                check(&testbed, $name, password.unwrap_or(&right), $shown, $reason).await;
            }
        )*
    };
}

const RIGHT: Option<&str> = None;
const WRONG: Option<&str> = Some("not the password");

states! { shared_active_directory,
    ad_open_account_right_password: "alice", RIGHT, "", "password";
    ad_52e_wrong_password: "alice", WRONG, SAME, "wrong-password";
    ad_525_unknown_person: "nobody-here", RIGHT, SAME, "unknown-person";
    ad_530_not_at_this_time: "nohours1", RIGHT, SAME, "not-at-this-time";
    ad_531_not_from_here: "noplace1", RIGHT, SAME, "not-from-here";
    ad_532_password_expired: "pwexpired1", RIGHT, EXPIRED, "password-expired";
    ad_532_with_a_wrong_password: "pwexpired1", WRONG, SAME, "wrong-password";
    ad_533_account_disabled: "disabled1", RIGHT, SAME, "account-disabled";
    ad_533_with_a_wrong_password: "disabled1", WRONG, SAME, "wrong-password";
    ad_701_account_expired: "expired1", RIGHT, SAME, "account-expired";
    ad_701_with_a_wrong_password: "expired1", WRONG, SAME, "wrong-password";
    ad_773_password_must_change: "mustchange1", RIGHT, MUST_CHANGE, "password-must-change";
    ad_773_with_a_wrong_password: "mustchange1", WRONG, SAME, "wrong-password";
    ad_775_account_locked: "locked1", RIGHT, SAME, "account-locked";
    ad_775_with_a_wrong_password: "locked1", WRONG, SAME, "account-locked";
}

states! { shared_openldap,
    openldap_open_account_right_password: "alice", RIGHT, "", "password";
    openldap_wrong_password: "alice", WRONG, SAME, "wrong-password";
    openldap_unknown_person: "nobody-here", RIGHT, SAME, "unknown-person";
    openldap_closed_by_an_administrator: "locked1", RIGHT, SAME, "account-disabled";
    openldap_account_ended: "ended1", RIGHT, SAME, "account-expired";
    openldap_account_not_begun: "notyet1", RIGHT, SAME, "not-at-this-time";
    openldap_password_expired: "pwexpired1", RIGHT, EXPIRED, "password-expired";
    openldap_password_expired_with_a_wrong_password: "pwexpired1", WRONG, SAME, "wrong-password";
    openldap_password_must_change: "mustchange1", RIGHT, MUST_CHANGE, "password-must-change";
    openldap_password_must_change_with_a_wrong_password: "mustchange1", WRONG, SAME, "wrong-password";
}

/// The directory's own lock after wrong passwords, brought about past this service.
#[tokio::test(flavor = "multi_thread")]
async fn openldap_account_locked_by_failures_elsewhere() {
    let Some(ldap) = Testbed::shared_openldap() else {
        return;
    };
    let dn = format!("uid=dave,ou=People,{}", ldap.get("LDAP_BASE"));
    for _ in 0..5 {
        assert!(!ldap.binds(&dn, "not the password"));
    }
    check(
        &ldap,
        "dave",
        ldap.get("LDAP_USER_PW"),
        SAME,
        "account-locked",
    )
    .await;
}

/// The same in an Active Directory; the computed attribute tells the administrator who asks.
#[tokio::test(flavor = "multi_thread")]
async fn ad_account_locked_by_failures_elsewhere() {
    let Some(ad) = Testbed::shared_active_directory() else {
        return;
    };
    let dn = format!("CN=Dave Deep,OU=People,{}", ad.get("LDAP_BASE"));
    for _ in 0..5 {
        assert!(!ad.binds(&dn, "not the password"));
    }
    check(&ad, "dave", ad.get("LDAP_USER_PW"), SAME, "account-locked").await;
    let service = Service::start(&ad, &[ad.get("LDAPS_URL")]).await;
    let state = service.service.state();
    let told = state.sign_in.explain("dave", &state.rights).await.unwrap();
    let entry = told
        .steps
        .iter()
        .find(|step| step.title == "Entry")
        .unwrap();
    let lines = entry.lines.join("\n");
    assert!(
        lines.contains("locked it on") || lines.contains("is locked"),
        "{lines}"
    );
    assert_eq!(
        service
            .attempt(Site::Forms, "bob", ad.get("LDAP_USER_PW"))
            .await
            .map(|it| it.name),
        Ok("bob".to_owned())
    );
    service.stop().await;
}
