//! Promise: a whole company may sign in in the same second, and nobody can lock a colleague out by trying.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "people/all.rs"]
mod people;

use futures_util::future::join_all;
use people::service::Service;
use people::testbed::{Kind, Testbed};
use spokegate_daemon::Secret;
use spokegate_reports::auth::Site;
use spokegate_reports::auth::sign_in::{Attempt, Refusal};
use spokegate_reports::directory::Person;
use std::net::IpAddr;

const CROWD: u8 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_are_all_answered_by_openldap() {
    weather(Kind::OpenLdap).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_are_all_answered_by_active_directory() {
    weather(Kind::ActiveDirectory).await;
}

async fn weather(kind: Kind) {
    let Some(directory) = Testbed::with_crowd(kind, usize::from(CROWD)) else {
        return;
    };
    // All on two processors: an answer may wait for its turn, as in the morning.
    let keys = [("directory.timeout_ms", "30000".to_owned())];
    let service = Service::start_with(&directory, &[directory.get("LDAPS_URL")], &keys).await;
    let right = Secret::new(directory.get("LDAP_USER_PW"));
    let wrong = Secret::new("Not-the-Passw0rd!");

    // Each a different person, all right.
    let everybody = join_all((1..=CROWD).map(|n| sign_in(&service, n, uid(n), &right))).await;
    for (outcome, number) in everybody.into_iter().zip(1..) {
        assert!(outcome.is_ok(), "{}: {outcome:?}", uid(number));
    }

    // Each a different person, every second one wrong.
    let mixed = (1..=CROWD).map(|n| {
        let password = if n % 2 == 0 { &wrong } else { &right };
        sign_in(&service, n, uid(n), password)
    });
    for (outcome, number) in join_all(mixed).await.into_iter().zip(1..) {
        let is_right = number % 2 == 1;
        assert_eq!(outcome.is_ok(), is_right, "{}: {outcome:?}", uid(number));
        if let Err(refusal) = outcome {
            assert_eq!(refusal, Refusal::Credentials, "{}", uid(number));
        }
    }

    // Somebody tries a hundred passwords on one person, from as many addresses at once.
    let tries = join_all((1..=CROWD).map(|n| sign_in(&service, n, uid(1), &wrong))).await;
    let judged = tries
        .iter()
        .filter(|outcome| **outcome == Err(Refusal::Credentials));
    let judged = judged.count();
    let held_back = tries
        .iter()
        .filter(|outcome| matches!(outcome, Err(Refusal::TooMany { .. })));
    assert_eq!(judged + held_back.count(), usize::from(CROWD), "{tries:?}");
    assert!(
        judged <= 4,
        "{judged} reached the directory, which locks at five"
    );
    for number in [1, 2] {
        let name = bind_name(&directory, &uid(number));
        assert!(
            directory.binds(&name, directory.get("LDAP_USER_PW")),
            "{name} is locked out"
        );
    }
    service.stop().await;
}

async fn sign_in(
    service: &Service,
    number: u8,
    name: String,
    password: &Secret,
) -> Result<Person, Refusal> {
    let attempt = Attempt {
        site: Site::Forms,
        name: &name,
        password,
        address: IpAddr::from([10, 2, 0, number]),
    };
    let state = service.service.state();
    state.sign_in.attempt(&attempt).await.unwrap()
}

fn uid(number: u8) -> String {
    format!("c{number:05}")
}

fn bind_name(directory: &Testbed, uid: &str) -> String {
    match directory.get("LDAP_KIND") {
        "ad" => format!("{uid}@{}", directory.get("LDAP_UPN_SUFFIX")),
        _ => format!("uid={uid},ou=People,{}", directory.get("LDAP_BASE")),
    }
}
