//! With leases a tenant's session is open only while the centre leases it, and ends by itself.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{Centre, Fabric, id};

/// Leases tenants for so long; gives the answer to the call that counted.
async fn lease(centre: &mut Centre, stamp: &mut Value, lease_ms: u64, tenants: &[&str]) -> Value {
    loop {
        let body = json!({"stamp": *stamp, "lease_ms": lease_ms, "tenants": tenants});
        let (status, answer) = centre.post("/v1/leases", &body).await;
        assert_eq!(status, 200, "{answer}");
        *stamp = answer["stamp"].clone();
        if answer["taken"] == true {
            return answer;
        }
    }
}

/// Asks until the answer has this status; says how long that took.
async fn until_asked(
    centre: &mut Centre,
    tenant: &str,
    expected: u16,
    number: &mut u8,
) -> Duration {
    let began = Instant::now();
    loop {
        *number += 1;
        let (status, answer) = centre.ask(&id(*number), tenant, "hq", json!({})).await;
        if status == expected {
            return began.elapsed();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{status} {answer}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until the status, which is told every second, shows these tenants as leased and no others.
async fn until_shown(centre: &mut Centre, expected: &[&str]) {
    for _ in 0..100 {
        let status = centre.status().await;
        let tenants = status["tenants"].as_array().cloned().unwrap_or_default();
        let leased = tenants.iter().filter(|entry| entry["leased"] == true);
        let leased: Vec<_> = leased
            .filter_map(|entry| entry["tenant"].as_str())
            .collect();
        if status["leases"] == true && leased == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the status does not show {expected:?} as leased");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_with_its_lease_and_ends_with_it() {
    let fabric = Fabric::start_with("share.leases=true").await;
    let (mut centre, mut number) = (fabric.centre().await, 0);
    until_asked(&mut centre, "acme", 421, &mut number).await;
    let mut stamp = json!(0);
    let first = lease(&mut centre, &mut stamp, 10_000, &["acme"]).await;
    until_asked(&mut centre, "acme", 202, &mut number).await;
    until_asked(&mut centre, "globex", 421, &mut number).await;
    until_shown(&mut centre, &["acme"]).await;

    let second = lease(&mut centre, &mut stamp, 10_000, &["globex"]).await;
    assert_eq!(second["term"], first["term"], "there was no gap");
    until_asked(&mut centre, "globex", 202, &mut number).await;
    until_asked(&mut centre, "acme", 421, &mut number).await;

    lease(&mut centre, &mut stamp, 1_500, &["globex"]).await;
    let lapsed = until_asked(&mut centre, "globex", 421, &mut number).await;
    println!(
        "leases: a session of 1500 ms was gone after {} ms",
        lapsed.as_millis()
    );
    assert!(lapsed < Duration::from_secs(5), "{lapsed:?}");
    let third = lease(&mut centre, &mut stamp, 10_000, &["globex"]).await;
    assert_ne!(
        third["term"], first["term"],
        "what was asked before is lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_leases_its_own_and_without_leases_none_does() {
    let fabric = Fabric::start_with("share.leases=true").await;
    let (mut reports, mut office) = (fabric.centre().await, fabric.provisioner().await);
    let body = |tenant: &str| json!({"stamp": 0, "lease_ms": 3_000, "tenants": [tenant]});
    for (centre, own, foreign) in [
        (&mut reports, "acme", "enrolment"),
        (&mut office, "enrolment", "acme"),
    ] {
        assert_eq!(centre.post("/v1/leases", &body(own)).await.0, 200, "{own}");
        assert_eq!(
            centre.post("/v1/leases", &body(foreign)).await.0,
            403,
            "{foreign}"
        );
    }
    let unshared = Fabric::start().await;
    let mut centre = unshared.centre().await;
    assert_eq!(centre.post("/v1/leases", &body("acme")).await.0, 404);
}
