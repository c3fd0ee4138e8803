//! Another version: fetched over the broker part by part, laid ready, and given up for a later command.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spokegate_agent::Agent;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome, CommandResult, Parcel};
use spokegate_contract::limits::PARCEL_PART_BYTES;
use spokegate_contract::{Channel, Envelope, RequestId, Verb, cbor};
use spokegate_daemon::{Clock, Context};
use spokegate_identity::SigningKey;
use spokegate_identity::proof::{self, CommandClaim};
use spokegate_identity::release::{Architecture, Release};

use super::support::{Centre, World, hq};

/// The parts of what is fetched here: more than are asked for at once.
const PARTS: usize = 11;

fn content() -> Vec<u8> {
    vec![7; PARTS * PARCEL_PART_BYTES - 1]
}

fn key(world: &World, name: &str) -> SigningKey {
    let text = std::fs::read_to_string(world.folder.path().join(name)).unwrap();
    SigningKey::from_pem(&text).unwrap()
}

/// An agent as its launcher starts it; the release key is the authority's here.
async fn agent(world: &World) -> Agent {
    let folder = world.folder.path();
    let keys = folder.join("release.keys");
    std::fs::write(&keys, format!("{}\n", key(world, "ca.key").public_key())).unwrap();
    let slots = folder.join("slots");
    let extra = format!(
        "[update]\nslots = '{}'\nrelease_keys = '{}'\n",
        slots.display(),
        keys.display()
    );
    let context = Context::new();
    let agent = Agent::bind(world.agent_config(&extra), &context)
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(60), context.readiness.ready())
        .await
        .unwrap();
    agent
}

fn order(world: &World, (verb, args): (Verb, &Value), number: u64) -> Command {
    let mut encoded = Vec::new();
    cbor::from_json(args, &mut encoded).unwrap();
    let id = RequestId::random();
    let expires_ms = Clock::system().now_ms() + 120_000;
    let address = hq();
    let claim = CommandClaim {
        address: &address,
        verb,
        id: &id,
        number,
        expires_ms,
        args: &encoded,
    };
    let signature = proof::command(&key(world, "ca.key"), &claim).unwrap();
    Command {
        id,
        args: encoded.into(),
        number,
        expires_ms,
        signature: signature.into(),
    }
}

fn update(world: &World, release_key: &str, number: u64) -> Command {
    let release = Release {
        version: "99.0.0".parse().unwrap(),
        architecture: Architecture::own().unwrap(),
        digest: Sha256::digest(content()).into(),
        bytes: content().len() as u64,
    };
    let signed = release.sign(&key(world, release_key)).unwrap();
    let args = json!({"release": signed.to_json()});
    order(world, (Verb::Update, &args), number)
}

async fn send(centre: &Centre, verb: Verb, command: &Command) {
    let channel = Channel::Command(verb);
    centre.tell(channel, command.encode()).await;
}

async fn send_part(centre: &Centre, index: u32) {
    let at = index as usize * PARCEL_PART_BYTES;
    let content = content();
    let end = (at + PARCEL_PART_BYTES).min(content.len());
    let parcel = Parcel {
        body: Bytes::copy_from_slice(&content[at..end]),
        index,
        digest: Sha256::digest(&content).into(),
    };
    centre.tell(Channel::Parcel, parcel.encode()).await;
}

#[track_caller]
fn check(result: &CommandResult, command: &Command, expected: CommandFault, words: &str) {
    assert_eq!((result.id, result.number), (command.id, command.number));
    match &result.outcome {
        CommandOutcome::Failed { fault, detail } => {
            assert_eq!(*fault, expected, "{detail}");
            assert!(detail.contains(words), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_asked_for_as_there_is_room_and_what_is_lost_is_asked_for_again() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = agent(&world).await;
    let command = update(&world, "ca.key", 1);
    send(&centre, Verb::Update, &command).await;
    let (mut asked, mut lost) = (Vec::new(), false);
    let staged = world.folder.path().join("slots/a/spokegate-agent");
    while !staged.exists() {
        let wish = tokio::time::timeout(Duration::from_secs(1), centre.result()).await;
        let Ok(wish) = wish else { continue };
        let CommandOutcome::Wants { from, count } = wish.outcome else {
            panic!("{wish:?}");
        };
        assert_eq!(wish.id, command.id);
        asked.push((from, count));
        for index in (from..from + count).rev() {
            // One part of the first eight is lost; the command comes again meanwhile.
            if index == 3 && !lost {
                lost = true;
                send(&centre, Verb::Update, &command).await;
            } else {
                send_part(&centre, index).await;
            }
        }
    }
    assert_eq!(asked, [(0, 8), (3, 1), (8, 3)]);
    assert_eq!(std::fs::read(staged).unwrap(), content());
    // It ends by itself, so that the launcher starts what lies ready.
    tokio::time::timeout(Duration::from_secs(60), agent.join())
        .await
        .unwrap();
    let note = std::fs::read(world.folder.path().join("slots/slots.json")).unwrap();
    let note: Value = serde_json::from_slice(&note).unwrap();
    assert_eq!(note["trial"]["command"], command.id.to_string());
    centre.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_command_ends_what_is_being_fetched() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = agent(&world).await;
    let first = update(&world, "ca.key", 1);
    send(&centre, Verb::Update, &first).await;
    assert!(matches!(
        centre.result().await.outcome,
        CommandOutcome::Wants { from: 0, count: 8 }
    ));
    send_part(&centre, 0).await;
    let second = order(&world, (Verb::Deploy, &json!({})), 2);
    send(&centre, Verb::Deploy, &second).await;
    let (superseded, unsupported) = (CommandFault::Superseded, CommandFault::Unsupported);
    check(
        &centre.result().await,
        &first,
        superseded,
        "a later command",
    );
    check(
        &centre.result().await,
        &second,
        unsupported,
        "keeps no Node-RED",
    );
    let left = std::fs::read_dir(world.folder.path().join("slots")).unwrap();
    assert_eq!(left.count(), 0, "what was fetched is removed");
    agent.shutdown().await;
    centre.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_alone_brings_no_other_version() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let agent = agent(&world).await;
    let command = update(&world, "sanitizer.key", 1);
    send(&centre, Verb::Update, &command).await;
    let words = "not signed by a release key";
    check(
        &centre.result().await,
        &command,
        CommandFault::Invalid,
        words,
    );
    agent.shutdown().await;

    // And one that nobody would start again does not end for it.
    let agent = world.agent().await;
    let command = update(&world, "ca.key", 2);
    send(&centre, Verb::Update, &command).await;
    let words = "was not started by `spokegate-agent launch`";
    check(
        &centre.result().await,
        &command,
        CommandFault::Unsupported,
        words,
    );
    agent.shutdown().await;
    centre.leave().await;
}
