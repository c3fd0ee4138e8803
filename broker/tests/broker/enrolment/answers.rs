//! What callers are told: certificates, and one refusal whatever the reason.

use std::time::{Duration, Instant};

use serde_json::json;
use spokegate_contract::envelope::{EnrolRequest, Verdict};
use spokegate_identity::{Pin, pinned_client_config};
use tokio::io::AsyncWriteExt;

use super::door::{Caller, Centre, broker, issued, join_body, read, renew_body};

const TOKEN: &str = "0123456789abcdef";

#[tokio::test(flavor = "multi_thread")]
async fn a_join_travels_in_and_its_certificate_out() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let serve = async {
        let enrol = centre.request().await;
        let proof = [0xab; 32];
        let token = TOKEN.to_owned();
        assert_eq!(enrol.request, EnrolRequest::Join { token, proof });
        assert_eq!(enrol.csr.as_ref(), b"csr");
        assert_eq!(enrol.peer.as_deref(), Some("127.0.0.1"));
        centre.answer(enrol.id, issued()).await;
        enrol.id
    };
    let (answer, id) = tokio::join!(caller.join(TOKEN), serve);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "certificate": "Y2VydGlmaWNhdGU=", "roots": "roots", "signature": "3001", "id": id.to_string() })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_keeps_the_id_that_was_signed() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let id = "0a".repeat(16);
    let body = renew_body(&id).to_string();
    let serve = async {
        let enrol = centre.request().await;
        assert_eq!(enrol.id.to_string(), id);
        let EnrolRequest::Renew { serial, signature } = enrol.request else {
            panic!("a renewal")
        };
        assert_eq!(
            (serial.as_ref(), signature.as_ref()),
            (&b"\x40\x01"[..], &b"\x30\x00"[..])
        );
        centre
            .answer(enrol.id, Verdict::Pending { retry_s: 7 })
            .await;
    };
    let (answer, ()) = tokio::join!(caller.post("/v1/renew", body.as_bytes()), serve);
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, answer.json()),
        (202, json!({ "retry_s": 7 }))
    );
}

/// The centre alone tells a wrong proof from an unknown and from an expired token; it says `Refused` to all of them.
#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_the_same_bytes_in_similar_time() {
    let broker = broker("requests_per_address_burst = 1000").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let tokens = ["0000000000000001", "0000000000000002", "0000000000000003"];
    let mut answers = Vec::new();
    let mut times = [const { Vec::new() }; 3];
    for round in 0..20 {
        for (token, times) in tokens.iter().zip(&mut times) {
            let started = Instant::now();
            let serve = async {
                let enrol = centre.request().await;
                centre.answer(enrol.id, Verdict::Refused).await;
            };
            let (answer, ()) = tokio::join!(caller.join(token), serve);
            times.push(started.elapsed());
            if round == 0 {
                answers.push(answer);
            }
        }
    }
    let large = format!("{{\"token\":\"{}\"}}", "a".repeat(20_000));
    let unknown_field = {
        let mut body = join_body(TOKEN);
        body["more"] = json!(1);
        body.to_string()
    };
    for body in [large.as_str(), &unknown_field, "", "{", "null", "\u{0}"] {
        answers.push(caller.post("/v1/enrol", body.as_bytes()).await.unwrap());
    }
    answers.push(caller.post("/v1/renew", b"{}").await.unwrap());
    assert_eq!(answers[0].status, 403);
    assert_eq!(answers[0].body, b"{\"error\":\"not accepted\"}\n");
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*most - *least < Duration::from_millis(20), "{medians:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_holds_the_root_for_those_who_know_only_a_pin() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let pinned = caller.with_tls(pinned_client_config(Pin::of(broker.authority.root_der())));
    let serve = async {
        let enrol = centre.request().await;
        centre.answer(enrol.id, issued()).await;
    };
    let (answer, ()) = tokio::join!(pinned.join(TOKEN), serve);
    assert_eq!(answer.status, 200);
    let other = caller.with_tls(pinned_client_config(Pin::of(b"another root")));
    assert!(other.connect().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_holds_nobody_up_and_is_refused() {
    let broker = broker("").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let mut slow = caller.connect().await.unwrap();
    slow.write_all(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"to")
        .await
        .unwrap();
    slow.flush().await.unwrap();
    let mut announced = caller.connect().await.unwrap();
    announced
        .write_all(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n{")
        .await
        .unwrap();
    announced.flush().await.unwrap();
    let serve = async {
        let enrol = centre.request().await;
        centre.answer(enrol.id, issued()).await;
    };
    let (answer, ()) = tokio::join!(caller.join(TOKEN), serve);
    assert_eq!(answer.status, 200, "others are served meanwhile");
    let (slow, announced) = tokio::join!(read(&mut slow), read(&mut announced));
    for answer in [slow, announced] {
        assert_eq!(answer.unwrap().body, b"{\"error\":\"not accepted\"}\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_often_is_told_and_others_are_not() {
    let broker = broker("requests_per_address_per_s = 1\nrequests_per_address_burst = 3").await;
    let caller = Caller::new(&broker);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(caller.post("/v1/enrol", b"{}").await.unwrap().status);
    }
    assert_eq!(seen, [403, 403, 403, 429, 429]);
    let other = caller.from(9).post("/v1/enrol", b"{}").await.unwrap();
    assert_eq!(other.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_served() {
    let broker = broker("").await;
    let caller = Caller::new(&broker);
    for path in [
        "/",
        "/v1",
        "/v1/enrol/",
        "/v1/sessions",
        "/metrics",
        "/healthz",
    ] {
        assert_eq!(
            caller.post(path, b"{}").await.unwrap().status,
            404,
            "{path}"
        );
    }
}
