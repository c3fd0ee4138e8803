use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spokegate_contract::envelope::{Ack, Part};
use spokegate_contract::{Channel, Envelope, FailureClass, RequestId, cbor};

use crate::support::{Centre, World, device, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_arrives_whole_and_in_order() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    for rows in [0, 1, 3, 12_345] {
        let id = centre.ask("devices", json!({ "limit": rows }), 8).await;
        let bodies = collect(&mut centre, id).await;
        assert_eq!(joined(&bodies), encoded(rows), "{rows} rows");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_one_part() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let id = centre.ask("summary", json!({}), 8).await;
    let reply = centre.reply(id).await;
    assert_eq!(
        (reply.sequence, reply.part),
        (
            0,
            Part::Document {
                body: encode(&json!({ "open": 3 })).into()
            }
        )
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_chunk_goes_without_credit() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let id = centre.ask("devices", json!({ "limit": 10_000 }), 1).await;
    let is_reply = |channel: &Channel| *channel == Channel::Reply;
    let quiet = Duration::from_millis(500);
    assert_eq!(centre.reply(id).await.sequence, 0);
    assert_eq!(centre.during(quiet, is_reply).await, 0, "one was allowed");
    centre.ack(Ack::Credit { id, chunks: 3 }).await;
    assert_eq!(centre.reply(id).await.sequence, 1);
    assert_eq!(centre.reply(id).await.sequence, 2);
    assert_eq!(
        centre.during(quiet, is_reply).await,
        0,
        "three were allowed"
    );
    centre.ack(Ack::Credit { id, chunks: 2 }).await;
    assert_eq!(
        centre.during(quiet, is_reply).await,
        0,
        "a smaller total is no news"
    );
    centre.ack(Ack::Credit { id, chunks: 1_000 }).await;
    loop {
        if let Part::Rows { last: Some(_), .. } = centre.reply(id).await.part {
            break;
        }
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_said_in_words() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let html = format!(
        "the local source http://{}/data/html failed: it answered with HTML instead of JSON; \
         hint: the url must lead to an http-in node, not to a page",
        world.flows.addr()
    );
    for (dataset, class, detail) in [
        (
            "tickets",
            FailureClass::Refused,
            "this satellite has no source for tickets; hint: add a [[source]] to its agent's configuration",
        ),
        (
            "alerts",
            FailureClass::Refused,
            "flows of this satellite push alerts; it cannot be pulled",
        ),
        ("login-page", FailureClass::SourceError, &html),
    ] {
        let id = centre.ask(dataset, json!({}), 8).await;
        assert_eq!(
            failure(&mut centre, id).await,
            (0, class, detail.to_owned())
        );
    }
    let mut other = request(json!({}), 8, 30_000);
    other.version = 2;
    centre
        .tell(Channel::Pull("devices".parse().unwrap()), other.encode())
        .await;
    let detail = "this satellite supplies version 1 of devices, not version 2".to_owned();
    assert_eq!(
        failure(&mut centre, other.id).await,
        (0, FailureClass::Refused, detail)
    );
    let mut unreadable = request(json!({}), 8, 30_000);
    unreadable.params = b"\x80".as_slice().into();
    centre
        .tell(
            Channel::Pull("devices".parse().unwrap()),
            unreadable.encode(),
        )
        .await;
    let detail = "the parameters are not readable".to_owned();
    assert_eq!(
        failure(&mut centre, unreadable.id).await,
        (0, FailureClass::Refused, detail)
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_the_answer_and_the_source() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let asked = request(json!({}), 100, 1_000);
    centre
        .tell(Channel::Pull("endless".parse().unwrap()), asked.encode())
        .await;
    let (sequence, class, detail) = loop {
        let reply = centre.reply(asked.id).await;
        if let Part::Failure(failure) = reply.part {
            break (reply.sequence, failure.class, failure.detail);
        }
    };
    assert!(sequence > 0);
    assert_eq!(class, FailureClass::Timeout);
    assert_eq!(
        detail,
        format!("the source was still answering at the deadline, after {sequence} parts")
    );
    closed(&world).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_the_answer_and_the_source() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let id = centre.ask("endless", json!({}), 100).await;
    centre.reply(id).await;
    assert_eq!(world.flows.open.load(Ordering::SeqCst), 1);
    centre.ack(Ack::Cancel { id }).await;
    closed(&world).await;
    assert_eq!(
        centre
            .during(Duration::from_millis(300), |channel| *channel
                == Channel::Reply)
            .await,
        0
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_pulled_as_it_is_now() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let folder = world.folder.path().join("exports");
    std::fs::create_dir(&folder).unwrap();
    let text: String = (0..3_000).map(|n| format!("{}\n", device(n))).collect();
    std::fs::write(folder.join("stock.ndjson"), &text).unwrap();
    let extra = format!(
        "[files]\ndirectory = '{}'\n[[source]]\ndataset = \"stock\"\nkind = \"file\"\npath = \"stock.ndjson\"\nformat = \"ndjson\"\n",
        folder.display()
    );
    let agent = spokegate_agent::Agent::bind(
        world.agent_config(&extra),
        &spokegate_daemon::Context::new(),
    )
    .await
    .unwrap();
    centre.hello().await;
    let id = centre.ask("stock", json!({}), 100).await;
    assert_eq!(joined(&collect(&mut centre, id).await), encoded(3_000));
    std::fs::write(folder.join("stock.ndjson"), format!("{}\n", device(0))).unwrap();
    let id = centre.ask("stock", json!({}), 100).await;
    assert_eq!(joined(&collect(&mut centre, id).await), encoded(1));
    std::fs::remove_file(folder.join("stock.ndjson")).unwrap();
    let id = centre.ask("stock", json!({}), 100).await;
    let (sequence, class, detail) = failure(&mut centre, id).await;
    assert_eq!((sequence, class), (0, FailureClass::SourceError));
    assert_eq!(
        detail,
        "stock.ndjson: No such file or directory (os error 2)"
    );
    agent.shutdown().await;
}

/// Forty requests to a source that never ends hold it up, and nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_hangs_does_not_hold_the_others() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    for _ in 0..40 {
        centre.ask("endless", json!({}), 1).await;
    }
    for rows in [3, 200] {
        let id = centre.ask("devices", json!({ "limit": rows }), 8).await;
        let bodies = collect(&mut centre, id).await;
        assert_eq!(joined(&bodies), encoded(rows), "{rows} rows");
    }
    let id = centre.ask("summary", json!({}), 8).await;
    assert_eq!(centre.reply(id).await.sequence, 0);
    assert_eq!(
        world.flows.open.load(Ordering::SeqCst),
        4,
        "pull.per_source_max"
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_broker_cut_off_ends_in_a_failure() {
    let mut world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let id = centre.ask("endless", json!({}), 100).await;
    centre.reply(id).await;
    centre.leave().await;
    world.stop_broker().await;
    closed(&world).await;
    world.start_broker().await;
    let mut centre = world.centre().await;
    let (sequence, class, detail) = failure(&mut centre, id).await;
    assert!(sequence > 0);
    assert_eq!(class, FailureClass::Offline);
    assert_eq!(
        detail,
        "the connection to the broker was lost while the answer was under way; ask again"
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_answered_once() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let asked = request(json!({ "limit": 1 }), 8, 30_000);
    for _ in 0..3 {
        centre
            .tell(Channel::Pull("devices".parse().unwrap()), asked.encode())
            .await;
    }
    assert_eq!(
        centre
            .during(Duration::from_millis(700), |channel| *channel
                == Channel::Reply)
            .await,
        1
    );
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pulls_at_once_are_all_answered() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let mut open = std::collections::HashSet::new();
    for _ in 0..60 {
        open.insert(centre.ask("devices", json!({ "limit": 500 }), 8).await);
    }
    while !open.is_empty() {
        let (id, part) = centre
            .next(|topic, payload| {
                let reply = spokegate_contract::envelope::Reply::decode(payload);
                (topic.channel == Channel::Reply)
                    .then(|| reply.map(|reply| (reply.id, reply.part)).unwrap())
            })
            .await;
        match part {
            Part::Rows { last: Some(_), .. } => assert!(open.remove(&id)),
            Part::Rows { last: None, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    agent.shutdown().await;
}

/// The bodies of an answer, with credit given as they come and the digest checked.
async fn collect(centre: &mut Centre, id: RequestId) -> Vec<Vec<u8>> {
    let (mut bodies, mut digest) = (Vec::new(), Sha256::new());
    loop {
        let reply = centre.reply(id).await;
        assert_eq!(reply.sequence as usize, bodies.len());
        let Part::Rows { body, last } = reply.part else {
            panic!("{:?}", reply.part)
        };
        digest.update(&body);
        bodies.push(body.to_vec());
        if let Some(last) = last {
            assert_eq!(last, <[u8; 32]>::from(digest.finalize()));
            return bodies;
        }
        centre
            .ack(Ack::Credit {
                id,
                chunks: reply.sequence + 9,
            })
            .await;
    }
}

async fn failure(centre: &mut Centre, id: RequestId) -> (u32, FailureClass, String) {
    let reply = centre.reply(id).await;
    match reply.part {
        Part::Failure(failure) => (reply.sequence, failure.class, failure.detail),
        other => panic!("{other:?}"),
    }
}

async fn closed(world: &World) {
    let closed = async {
        while world.flows.open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("the request to the source ends");
}

/// The rows of several chunks behind one another, without the chunks' heads.
fn joined(bodies: &[Vec<u8>]) -> Vec<u8> {
    let head = |lead: u8| match lead {
        0x80..=0x97 => 1,
        0x98 => 2,
        _ => 3,
    };
    bodies
        .iter()
        .flat_map(|body| body[head(body[0])..].to_vec())
        .collect()
}

fn encoded(rows: u64) -> Vec<u8> {
    (0..rows).flat_map(|n| encode(&device(n))).collect()
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::from_json(value, &mut out).unwrap();
    out
}
