use std::time::Duration;

use serde_json::json;
use spokegate_contract::envelope::{Ack, Hello, Push};
use spokegate_contract::{Channel, Envelope as _};

use crate::support::{World, post};

fn is_push(channel: &Channel) -> bool {
    matches!(channel, Channel::Push(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_goes_again_until_it_is_acked() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let (status, receipt) = post(agent.push_addr().unwrap(), "alerts", &json!([{ "n": 1 }]))
        .await
        .unwrap();
    assert_eq!((status, &receipt["sequence"]), (202, &json!(1)));
    let first = centre.push().await;
    assert_eq!(
        json!({ "epoch": first.epoch, "sequence": first.sequence }),
        receipt
    );
    assert_eq!(first.body.as_ref(), b"\x81\xa1an\x01");
    // Acks that do not cover it: of another epoch, and of nothing.
    centre
        .ack(Ack::Push {
            epoch: first.epoch + 1,
            sequence: 1,
        })
        .await;
    centre
        .ack(Ack::Push {
            epoch: first.epoch - 1,
            sequence: 1,
        })
        .await;
    centre
        .ack(Ack::Push {
            epoch: first.epoch,
            sequence: 0,
        })
        .await;
    assert_eq!(centre.push().await, first, "sent again by the timer");
    centre
        .ack(Ack::Push {
            epoch: first.epoch,
            sequence: 1,
        })
        .await;
    while centre.status().await.spool_messages > 0 {}
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_agent_sends_what_was_not_acked() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    for n in 1..=5 {
        assert_eq!(
            post(agent.push_addr().unwrap(), "alerts", &json!([{ "n": n }]))
                .await
                .unwrap()
                .0,
            202
        );
    }
    let pushes = [
        centre.push().await,
        centre.push().await,
        centre.push().await,
        centre.push().await,
        centre.push().await,
    ];
    assert_eq!(pushes.each_ref().map(|push| push.sequence), [1, 2, 3, 4, 5]);
    centre
        .ack(Ack::Push {
            epoch: pushes[0].epoch,
            sequence: 3,
        })
        .await;
    while centre.status().await.spool_messages != 2 {}
    agent.shutdown().await;

    let agent = world.agent().await;
    // Whichever comes first.
    let (mut hello, mut again) = (None, Vec::new());
    while hello.is_none() || again.len() < 2 {
        centre
            .next(|topic, payload| {
                match topic.channel {
                    Channel::Hello => hello = Some(Hello::decode(payload).unwrap()),
                    Channel::Push(_) => again.push(Push::decode(payload).unwrap()),
                    _ => return None,
                }
                Some(())
            })
            .await;
    }
    let hello = hello.unwrap();
    assert_eq!(
        (hello.epoch, hello.last_sequence, hello.acked_sequence),
        (pushes[0].epoch, 5, 3)
    );
    assert_eq!(again, pushes[3..]);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_broker_is_away() {
    let mut world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let push = async |n: u64| {
        post(agent.push_addr().unwrap(), "alerts", &json!([{ "n": n }]))
            .await
            .unwrap()
            .0
    };
    assert_eq!(push(1).await, 202);
    let epoch = centre.push().await.epoch;
    centre.leave().await;
    world.stop_broker().await;
    for n in 2..=50 {
        assert_eq!(push(n).await, 202);
    }
    world.start_broker().await;
    let mut centre = world.centre().await;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 50 {
        seen.insert(centre.push().await.sequence);
    }
    assert_eq!(seen, (1..=50).collect());
    centre
        .ack(Ack::Push {
            epoch,
            sequence: 50,
        })
        .await;
    while centre.status().await.spool_messages > 0 {}
    // Longer than the first wait for an ack: what is acked does not come back.
    assert_eq!(centre.during(Duration::from_secs(6), is_push).await, 0);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unacked_bytes_stay_within_the_window_and_it_opens_with_acks() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let row = json!([{ "a": "x".repeat(40_000), "b": "y".repeat(40_000) }]);
    for _ in 0..12 {
        assert_eq!(
            post(agent.push_addr().unwrap(), "alerts", &row)
                .await
                .unwrap()
                .0,
            202
        );
    }
    // One may always go; after acks as much again as has arrived, up to 262,144 bytes: three of these, four do not fit.
    let epoch = centre.push().await.epoch;
    assert_eq!(centre.during(Duration::from_secs(1), is_push).await, 0);
    let mut through = 1;
    for expected in [1, 2, 3, 3] {
        centre
            .ack(Ack::Push {
                epoch,
                sequence: through,
            })
            .await;
        assert_eq!(
            centre.during(Duration::from_secs(1), is_push).await,
            expected
        );
        through += expected as u64;
    }
    agent.shutdown().await;
}

/// What one flow piled up while the link was down does not hold back the other flow's message, and all arrives.
#[tokio::test(flavor = "multi_thread")]
async fn a_pile_of_one_dataset_does_not_hold_back_another() {
    let mut world = World::new().await;
    let agent = world.agent().await;
    world.stop_broker().await;
    let row = json!([{ "a": "x".repeat(5_000) }]);
    let addr = agent.push_addr().unwrap();
    for _ in 0..60 {
        assert_eq!(post(addr, "alerts", &row).await.unwrap().0, 202);
    }
    assert_eq!(
        post(addr, "devices", &json!([{ "n": 1 }])).await.unwrap().0,
        202
    );
    world.start_broker().await;
    let mut centre = world.centre().await;
    let mut order = vec![centre.push().await];
    while order.last().unwrap().sequence != 61 {
        order.push(centre.push().await);
    }
    assert!(order.len() <= 3, "it came as number {}", order.len());
    let (epoch, mut through) = (order[0].epoch, 0);
    let mut seen: std::collections::BTreeSet<u64> =
        order.iter().map(|push| push.sequence).collect();
    while through < 61 {
        while seen.contains(&(through + 1)) {
            through += 1;
        }
        centre
            .ack(Ack::Push {
                epoch,
                sequence: through,
            })
            .await;
        if through < 61 {
            seen.insert(centre.push().await.sequence);
        }
    }
    while centre.status().await.spool_messages > 0 {}
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_pushes_what_its_source_says() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let config = world.agent_config("[[schedule]]\ndataset = \"summary\"\nevery_s = 3600\n");
    let agent = spokegate_agent::Agent::bind(config, &spokegate_daemon::Context::new())
        .await
        .unwrap();
    let push = centre.push().await;
    assert_eq!(
        (push.shape, push.body.as_ref()),
        (
            spokegate_contract::Shape::Document,
            b"\xa1dopen\x03".as_slice()
        )
    );
    agent.shutdown().await;
}
