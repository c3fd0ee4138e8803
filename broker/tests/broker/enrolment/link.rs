//! The door's place in its cell.

use std::time::{Duration, Instant};

use bytes::Bytes;
use spokegate_contract::Envelope;
use spokegate_contract::envelope::{Crl, Presence};

use super::door::{Caller, Centre, broker, issued};
use crate::support::{Authority, Certificate, Client, Connect};

const TOKEN: &str = "0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_sanitizer_that_attaches_sees_the_door() {
    let broker = broker("").await;
    for _ in 0..2 {
        let mut centre = Centre::connect(&broker).await;
        let (topic, payload) = centre.message().await;
        assert_eq!(topic, "sg/1/enrolment/door/up/presence");
        assert!(Presence::decode(&Bytes::from(payload)).unwrap().online);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sanitizer_the_caller_is_told_at_once() {
    let broker = broker("").await;
    let caller = Caller::new(&broker);
    let started = Instant::now();
    let answer = caller.join(TOKEN).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, b"{\"error\":\"unavailable\",\"retry_s\":5}\n");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_centre_that_says_nothing_is_waited_for_so_long_and_no_longer() {
    let broker = broker("wait_s = 1").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let answer = caller.join(TOKEN).await;
    assert_eq!(answer.status, 503);
    // An answer that comes late meets nobody, and the next request is none the worse.
    let late = centre.request().await;
    centre.answer(late.id, issued()).await;
    let serve = async {
        let enrol = centre.request().await;
        assert_ne!(enrol.id, late.id);
        centre.answer(enrol.id, issued()).await;
    };
    let (answer, ()) = tokio::join!(caller.join(TOKEN), serve);
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_dies_takes_no_request_along() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let tenant = "enrolment".parse().unwrap();
    for round in 1..=3 {
        let serve = async {
            let lost = centre.request().await.id;
            broker.broker.kill_router(&tenant);
            let mut centre = Centre::connect(&broker).await;
            // Either the door comes back after the sanitizer and asks again, or before it, and the caller is told to
            // come again.
            let again = tokio::time::timeout(Duration::from_secs(2), centre.request()).await;
            if let Ok(again) = again {
                assert_eq!(again.id, lost, "the same request");
                centre.answer(again.id, issued()).await;
            }
            centre
        };
        let (answer, mut next) = tokio::join!(caller.join(TOKEN), serve);
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        assert!(broker.broker.routers_lost() >= round);
        let serve = async {
            let enrol = next.request().await;
            next.answer(enrol.id, issued()).await;
        };
        let (answer, ()) = tokio::join!(caller.join(TOKEN), serve);
        assert_eq!(answer.status, 200, "the new router serves");
        centre = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_waiting_by_a_broker_that_stops() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let stop = async {
        centre.request().await;
        let started = Instant::now();
        broker.broker.shutdown().await;
        assert!(
            started.elapsed() < Duration::from_secs(9),
            "not the 30 s of a request"
        );
    };
    let (answer, ()) = tokio::join!(caller.join(TOKEN), stop);
    assert_eq!(answer.status, 503);
}

/// What the door's tenant is sent by others is ignored: a request goes on.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_inside_changes_nothing() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let serve = async {
        let enrol = centre.request().await;
        let admission = "sg/1/enrolment/door/down/admission";
        centre.publish(admission, b"").await;
        centre.publish(admission, &[0xff; 2_000]).await;
        centre
            .publish("sg/1/enrolment/door/down/crl", b"no list")
            .await;
        centre
            .answer(spokegate_contract::RequestId::random(), issued())
            .await;
        centre.answer(enrol.id, issued()).await;
    };
    let (answer, ()) = tokio::join!(caller.join(TOKEN), serve);
    assert_eq!(answer.status, 200);
}

/// A list that the centre sends to the door ends the session of what it revokes, and the next handshake.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_list_from_the_centre_takes_effect() {
    let broker = broker("").await;
    let mut centre = Centre::connect(&broker).await;
    let (gone, good) = (
        broker.authority.satellite("acme", "gone"),
        broker.authority.satellite("acme", "good"),
    );
    let mut leaves = broker.connected(&gone, "acme.gone").await;
    let mut stays = broker.connected(&good, "acme.good").await;
    let crl = |number, revoked: &[&Certificate]| Crl {
        der: broker.authority.list(number, revoked).into(),
    };
    let topic = "sg/1/enrolment/door/down/crl";
    let foreign = Crl {
        der: Authority::new("fabric").list(9, &[&good]).into(),
    };
    centre.publish(topic, &foreign.encode()).await;
    centre.publish(topic, &crl(1, &[&gone]).encode()).await;
    assert!(leaves.is_closed().await);
    assert!(stays.ping().await);
    let again = Client::dial(broker.addr(), broker.authority.client(Some(&gone))).await;
    if let Ok(mut again) = again {
        // TLS 1.3 tells the client after its own handshake.
        assert_eq!(again.connect(&Connect::new("acme.gone")).await, None);
    }
    broker.connected(&good, "acme.good").await;
}
