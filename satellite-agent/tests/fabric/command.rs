//! Orders: believed with the authority's signature alone, done once, answered again.

use std::time::Duration;

use bytes::Bytes;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome};
use spokegate_contract::{Address, Channel, Envelope, RequestId, Verb};
use spokegate_daemon::Clock;
use spokegate_identity::SigningKey;
use spokegate_identity::proof::{self, CommandClaim};

use super::support::{Centre, World, hq};

const NO_ARGS: &[u8] = &[0xa0];

/// An order for a satellite, signed with the key in this file.
fn signed(world: &World, key: &str, address: &Address, verb: Verb, number: u64) -> Command {
    let key = std::fs::read_to_string(world.folder.path().join(key)).unwrap();
    let id = RequestId::random();
    let expires_ms = Clock::system().now_ms() + 60_000;
    let claim = CommandClaim {
        address,
        verb,
        id: &id,
        number,
        expires_ms,
        args: NO_ARGS,
    };
    let key = SigningKey::from_pem(&key).unwrap();
    Command {
        id,
        args: Bytes::from_static(NO_ARGS),
        number,
        expires_ms,
        signature: proof::command(&key, &claim).unwrap().into(),
    }
}

async fn order(centre: &Centre, verb: Verb, command: &Command) {
    centre.tell(Channel::Command(verb), command.encode()).await;
}

fn fault(outcome: &CommandOutcome) -> CommandFault {
    match outcome {
        CommandOutcome::Failed { fault, .. } => *fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_authority_orders_and_only_what_it_signed() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let branch = Address::new("acme".parse().unwrap(), "branch".parse().unwrap());

    // The sanitizer's own key, the satellite's, and the authority's over something else.
    for key in ["sanitizer.key", "hq.key"] {
        order(
            &centre,
            Verb::Deploy,
            &signed(&world, key, &hq(), Verb::Deploy, 9),
        )
        .await;
    }
    let other = signed(&world, "ca.key", &branch, Verb::Deploy, 9);
    order(&centre, Verb::Deploy, &other).await;
    let restart = signed(&world, "ca.key", &hq(), Verb::Restart, 9);
    order(&centre, Verb::Deploy, &restart).await;
    let mut more = signed(&world, "ca.key", &hq(), Verb::Deploy, 8);
    more.number = 9;
    order(&centre, Verb::Deploy, &more).await;
    let mut longer = signed(&world, "ca.key", &hq(), Verb::Deploy, 9);
    longer.expires_ms += 1;
    order(&centre, Verb::Deploy, &longer).await;
    let answered = centre
        .during(Duration::from_secs(1), |channel| {
            *channel == Channel::Result
        })
        .await;
    assert_eq!(answered, 0, "none of them is answered");

    // None of them has moved the number on.
    let good = signed(&world, "ca.key", &hq(), Verb::Deploy, 1);
    order(&centre, Verb::Deploy, &good).await;
    let result = centre.result().await;
    assert_eq!((result.id, result.number), (good.id, 1));
    assert_eq!(fault(&result.outcome), CommandFault::Unsupported);
    agent.shutdown().await;
    centre.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_answered_again_after_a_restart_and_an_older_order_is_not_done() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    let [first, second] =
        [1, 2].map(|number| signed(&world, "ca.key", &hq(), Verb::Deploy, number));
    order(&centre, Verb::Deploy, &second).await;
    let result = centre.result().await;
    agent.shutdown().await;

    let agent = world.agent().await;
    order(&centre, Verb::Deploy, &second).await;
    assert_eq!(centre.result().await, result);
    order(&centre, Verb::Deploy, &first).await;
    let late = centre.result().await;
    assert_eq!(
        (late.id, fault(&late.outcome)),
        (first.id, CommandFault::Superseded)
    );
    agent.shutdown().await;
    centre.leave().await;
}
