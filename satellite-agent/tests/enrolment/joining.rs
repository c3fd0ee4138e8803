use std::os::unix::fs::PermissionsExt;

use sha2::{Digest as _, Sha256};
use spokegate_agent::Agent;
use spokegate_contract::Channel;
use spokegate_contract::envelope::Verdict;
use spokegate_daemon::Context;
use spokegate_identity::{JoinSecret, JoinTokenId};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use super::world::{Told, World, asked_key, proves, run, run_with, week};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_becomes_a_certificate_with_which_the_agent_connects() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let token = world.token_at(world.door);
    let (told, enrol) = tokio::join!(world.join(&token), door.grant(&world));
    succeeded(&told);
    assert!(
        told.out
            .contains("joined spokegate.local as acme/hq, valid until "),
        "{}",
        told.out
    );
    let section = format!("[enrolment]\ndoor = \"{}\"\n", world.door);
    assert!(told.out.ends_with(&section), "{}", told.out);
    assert_eq!(enrol.peer.as_deref(), Some("127.0.0.1"));
    let mode = |name: &str| {
        let metadata = std::fs::metadata(world.directory().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("key.pem"), mode("certificate.pem")), (0o600, 0o644));
    assert_eq!(mode(""), 0o700);
    assert_eq!(
        left(&world),
        [
            "ca.pem",
            "certificate.pem",
            "certificate.pem.lock",
            "key.pem"
        ]
    );
    let secret = token.to_string();
    let secret = secret.split('.').nth(2).unwrap();
    assert!(!told.out.contains(secret) && !told.err.contains(secret));

    let mut acme = world.centre("acme").await;
    let agent = Agent::bind(world.agent_config(""), &Context::new())
        .await
        .unwrap();
    acme.next(Channel::Hello).await;
    agent.shutdown().await;

    // A directory with a certificate is not joined into again, unless that is asked for.
    let again = world.join(&token).await;
    assert_eq!(again.code, Some(1));
    assert!(
        again.err.contains("holds a certificate, valid until ") && again.err.contains("--replace")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_read_from_standard_input_and_never_from_an_open_file() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let directory = world.directory().display().to_string();
    let arguments = |file: &str| {
        ["join", "--token-file", file, "--directory", &directory]
            .map(str::to_owned)
            .to_vec()
    };
    let token = world.token_at(world.door);
    let text = format!("{token}\n");
    let (told, _) = tokio::join!(run_with(arguments("-"), &text), door.grant(&world));
    succeeded(&told);

    std::fs::remove_dir_all(world.directory()).unwrap();
    let file = world.token_file(&token);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = run(arguments(&file)).await;
    assert_eq!(told.code, Some(1));
    assert!(
        told.err.contains("has mode 644") && told.err.contains("hint: chmod 600"),
        "{}",
        told.err
    );
    let told = run_with(arguments("-"), "spokegate-join1.half").await;
    assert!(told.err.contains("this is no join token"), "{}", told.err);
}

/// The centre tells none of them apart to the outside.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_an_unknown_and_a_used_token_read_the_same() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let good = world.token_at(world.door);
    let mut wrong = good.clone();
    wrong.secret = JoinSecret::generate();
    let mut unknown = good.clone();
    unknown.id = JoinTokenId::generate();
    let mut texts = Vec::new();
    for token in [wrong, unknown] {
        let refuse = async {
            let (from, enrol) = door.request().await;
            assert!(!proves(&world, &enrol));
            door.answer(&from, enrol.id, Verdict::Refused).await;
        };
        let (told, ()) = tokio::join!(world.join(&token), refuse);
        assert_eq!(told.code, Some(1));
        texts.push(told.err);
        assert_eq!(left(&world), ["joining.key.pem"]);
    }
    assert_eq!(texts[0], texts[1]);
    assert!(
        texts[0].contains("the centre did not accept the join token, hint: "),
        "{}",
        texts[0]
    );
}

/// Whatever broke, the same key is asked for again, so that the centre gives the same certificate.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_key() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token = world.token_at(listener.local_addr().unwrap());
    let relay = async {
        // The first connection is cut once the centre has answered.
        let (mut agent, _) = listener.accept().await.unwrap();
        let mut broker = TcpStream::connect(world.door).await.unwrap();
        let first = tokio::select! {
            _ended = copy_bidirectional(&mut agent, &mut broker) => panic!("nobody hung up"),
            (_, enrol) = door.request() => enrol,
        };
        drop((agent, broker));
        let (mut agent, _) = listener.accept().await.unwrap();
        let mut broker = TcpStream::connect(world.door).await.unwrap();
        let (_ended, second) = tokio::join!(
            copy_bidirectional(&mut agent, &mut broker),
            door.grant(&world)
        );
        assert_eq!(asked_key(&first), asked_key(&second));
    };
    let (told, ()) = tokio::join!(world.join(&token), relay);
    succeeded(&told);
    assert!(told.err.contains("broke; asking again"), "{}", told.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_waited_for() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let approve = async {
        let (from, first) = door.request().await;
        door.answer(&from, first.id, Verdict::Pending { retry_s: 1 })
            .await;
        let second = door.grant(&world).await;
        assert_eq!(asked_key(&first), asked_key(&second));
        asked_key(&first)
    };
    let token = world.token_at(world.door);
    let (told, key) = tokio::join!(world.join(&token), approve);
    succeeded(&told);
    assert!(
        told.err.contains("the centre has not decided; waiting"),
        "{}",
        told.err
    );
    // What the MSP sees of the request, said by whom it is of.
    let fingerprint = spokegate_contract::hex::encode(&Sha256::digest(key.as_bytes()));
    assert!(told.err.contains(&fingerprint), "{}", told.err);
}

/// A broker that answers by itself, or that changes what the centre answered, is not believed.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_pinned_root_did_not_sign_is_not_kept() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let other = super::world::Authority::new();
    let token = world.token_at(world.door);
    for forged in 0..3 {
        let forge = async {
            let (from, enrol) = door.request().await;
            let verdict = match forged {
                0 => world
                    .authority
                    .admit_signed_by(&other.signing, &enrol, week()),
                1 => other.admit(&enrol, week()),
                _ => match world.authority.admit(&enrol, week()) {
                    Verdict::Issued {
                        certificate,
                        signature,
                        ..
                    } => Verdict::Issued {
                        certificate,
                        signature,
                        roots: other.root_pem.clone().into(),
                    },
                    verdict => verdict,
                },
            };
            door.answer(&from, enrol.id, verdict).await;
        };
        let (told, ()) = tokio::join!(world.join(&token), forge);
        assert_eq!(told.code, Some(1));
        assert!(
            told.err
                .contains("is not signed by a root that this satellite trusts"),
            "{}",
            told.err
        );
        assert_eq!(left(&world), ["joining.key.pem"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_told_with_both_times() {
    let world = World::new().await;
    let mut door = world.centre("enrolment").await;
    let (from, to) = week();
    let issue = async {
        let (address, enrol) = door.request().await;
        let day_ms = super::world::DAY_MS;
        let verdict = world.authority.admit(&enrol, (from + day_ms, to + day_ms));
        door.answer(&address, enrol.id, verdict).await;
    };
    let token = world.token_at(world.door);
    let (told, ()) = tokio::join!(world.join(&token), issue);
    assert_eq!(told.code, Some(1));
    for part in [
        "the new certificate is valid from ",
        "this machine's clock says ",
        "hint: set the clock",
    ] {
        assert!(told.err.contains(part), "{}", told.err);
    }
    // The clock set right, the same key gets its certificate.
    let (told, _) = tokio::join!(world.join(&token), door.grant(&world));
    succeeded(&told);
}

#[track_caller]
fn succeeded(told: &Told) {
    assert_eq!(told.code, Some(0), "{told:?}");
}

/// What is in the agent's directory.
fn left(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.directory()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
