//! Keeping a certificate: in time over the broker, too late through the door.

use std::process::Stdio;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use spokegate_agent::Agent;
use spokegate_contract::envelope::{Enrol, EnrolRequest, Presence, Validity, Verdict};
use spokegate_contract::{Channel, Envelope};
use spokegate_daemon::{Clock, Context};
use spokegate_identity::{Presented, PublicKey, TlsFiles, client_config, proof};
use tokio::io::AsyncReadExt;

use super::world::{
    Authority, DAY_MS, HOUR_MS, HQ, Told, World, asked_key, now_ms, run, uri, week, write_private,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_in_time_with_a_new_key_and_the_session_goes_on() {
    let mut world = World::new().await;
    let old = given(&world, week());
    let mut acme = world.centre("acme").await;
    let (clock, hand) = Clock::manual(now_ms());
    let context = Context::new().with_clock(clock);
    let agent = Agent::bind(world.agent_config(""), &context).await.unwrap();
    acme.next(Channel::Hello).await;
    assert_eq!(acme.certificate().await, validity(&world));
    assert!(
        acme.is_quiet(Channel::Enrol).await,
        "a fresh one is left alone"
    );
    hand.advance(4 * DAY_MS);
    assert!(acme.is_quiet(Channel::Enrol).await, "not before its time");

    hand.advance(DAY_MS + DAY_MS / 4);
    let (from, enrol) = acme.request().await;
    assert_eq!(from.to_string(), "acme/hq");
    assert!(holds(&old, &enrol), "signed by the present key");
    assert_ne!(asked_key(&enrol), old.1, "a new key");
    // What is not signed by the root, or for another, changes nothing.
    let forged = Authority::new().admit(&enrol, (now_ms() - HOUR_MS, now_ms() + 14 * DAY_MS));
    acme.answer(&from, enrol.id, forged).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(present(&world).1, old.1);

    hand.advance(60_000);
    let (from, enrol) = acme.request().await;
    let life = (now_ms() - HOUR_MS, now_ms() + 14 * DAY_MS);
    let verdict = world.authority.admit(&enrol, life);
    acme.answer(&from, enrol.id, verdict).await;
    let new = until(|| (present(&world).1 == asked_key(&enrol)).then(|| present(&world))).await;
    assert_ne!(new.0, old.0);
    assert!(
        acme.is_quiet(Channel::Presence).await,
        "the session goes on"
    );
    assert!(context.readiness.is_ready());

    // The next connection shows the new certificate: the broker would refuse the old one now.
    drop(acme);
    world.stop_broker().await;
    std::fs::write(
        world.folder.path().join("crl.pem"),
        world.authority.list(&old.0),
    )
    .unwrap();
    world.start_broker().await;
    let mut acme = world.centre("acme").await;
    let renewed = acme.certificate().await;
    assert_eq!(renewed, validity(&world));
    assert_eq!(renewed.not_after_ms() / 1_000, life.1 / 1_000);
    agent.shutdown().await;
}

/// Certificates that are due at each start are renewed at once; the process is killed just when the new one is put in
/// place, at moments that fall before, within and after.
#[tokio::test(flavor = "multi_thread")]
async fn kill_9_amid_renewals_never_loses_the_satellite() {
    let world = World::new().await;
    let due = || (now_ms() - 10 * HOUR_MS, now_ms() + HOUR_MS);
    given(&world, due());
    let path = world.folder.path().join("agent.toml");
    std::fs::write(&path, world.agent_toml("")).unwrap();
    let mut acme = world.centre("acme").await;
    for round in 0..12 {
        let mut agent = tokio::process::Command::new(env!("CARGO_BIN_EXE_spokegate-agent"))
            .args(["run", "--config", &path.display().to_string()])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (from, enrol) = acme.request().await;
        let verdict = world.authority.admit(&enrol, due());
        acme.answer(&from, enrol.id, verdict).await;
        tokio::time::sleep(Duration::from_millis(round)).await;
        agent.kill().await.unwrap();
    }
    let config = world.agent_config("[enrolment]\nrenew = false\n");
    let agent = Agent::bind(config, &Context::new()).await.unwrap();
    acme.next(Channel::Hello).await;
    let files = TlsFiles::in_directory(&world.directory());
    client_config(&files).expect("a pair");
    agent.shutdown().await;
}

/// By a clock that is days ahead every new certificate is old: the centre is not asked for one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_does_not_renew_without_end() {
    let world = World::new().await;
    given(&world, week());
    let mut acme = world.centre("acme").await;
    let (clock, hand) = Clock::manual(now_ms() + 6 * DAY_MS);
    let context = Context::new().with_clock(clock);
    let agent = Agent::bind(world.agent_config(""), &context).await.unwrap();
    let (from, enrol) = acme.request().await;
    let verdict = world.authority.admit(&enrol, week());
    acme.answer(&from, enrol.id, verdict).await;
    assert!(acme.is_quiet(Channel::Enrol).await);
    hand.advance(HOUR_MS + 1_000);
    acme.request().await;
    agent.shutdown().await;
}

/// A process that ended between the key and the certificate: neither pair is on disk, but the journal is.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_was_cut_short_is_finished_at_the_start() {
    let world = World::new().await;
    let new = given(&world, week());
    let read = |name: &str| std::fs::read_to_string(world.directory().join(name)).unwrap();
    let (key, certificate) = (read("key.pem"), read("certificate.pem"));
    let journal = json!({ "key": key, "certificate": certificate, "roots": read("ca.pem") });
    let old = given(&world, week());
    write_private(&world.directory().join("key.pem"), &key);
    let journal_file = world.directory().join("certificate.pem.next");
    write_private(&journal_file, &journal.to_string());
    assert_ne!(present(&world), new, "the certificate is still the old one");
    assert_ne!(old, new);

    let mut acme = world.centre("acme").await;
    let agent = Agent::bind(world.agent_config(""), &Context::new())
        .await
        .unwrap();
    acme.next(Channel::Hello).await;
    assert_eq!(present(&world), new);
    assert!(!journal_file.exists());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_renewed_through_the_door() {
    let world = World::new().await;
    let old = given(&world, (now_ms() - 2 * HOUR_MS, now_ms() - HOUR_MS));
    let mut door = world.centre("enrolment").await;
    let context = Context::new();
    let config = world.agent_config(&format!("[enrolment]\ndoor = \"{}\"\n", world.door));
    let agent = Agent::bind(config, &context).await.unwrap();
    let (from, enrol) = door.request().await;
    assert!(from.is_door());
    assert!(holds(&old, &enrol));
    assert!(!context.readiness.is_ready());
    assert!(
        context
            .readiness
            .waiting()
            .contains(&"certificate".to_owned())
    );
    let verdict = world.authority.admit(&enrol, week());
    door.answer(&from, enrol.id, verdict).await;
    let mut acme = world.centre("acme").await;
    let (_, payload) = acme.next(Channel::Presence).await;
    assert!(Presence::decode(&payload).unwrap().online);
    tokio::time::timeout(Duration::from_secs(20), context.readiness.ready())
        .await
        .expect("it connects with the new one");
    assert_eq!(present(&world).1, asked_key(&enrol));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verb_tells_a_certificates_life_and_renews_an_expired_one() {
    let world = World::new().await;
    given(&world, week());
    let told = renew(&world, "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.out.contains("acme/hq: serial ")
            && told.out.contains("a running agent renews it after 20"),
        "{}",
        told.out
    );

    let old = given(&world, (now_ms() - 2 * HOUR_MS, now_ms() - HOUR_MS));
    let told = renew(&world, "").await;
    assert_eq!(told.code, Some(1));
    assert!(
        told.err.contains("hint: set enrolment.door, or join again"),
        "{}",
        told.err
    );

    let mut door = world.centre("enrolment").await;
    let at_door = format!("[enrolment]\ndoor = \"{}\"\n", world.door);
    let refuse = async {
        let (from, enrol) = door.request().await;
        door.answer(&from, enrol.id, Verdict::Refused).await;
    };
    let (told, ()) = tokio::join!(renew(&world, &at_door), refuse);
    assert_eq!(told.code, Some(1));
    assert!(
        told.err
            .contains("certificate refused: the centre does not renew it"),
        "{}",
        told.err
    );
    assert_eq!(present(&world).0, old.0);

    let grant = async {
        let (from, enrol) = door.request().await;
        let verdict = world.authority.admit(&enrol, week());
        door.answer(&from, enrol.id, verdict).await;
    };
    let (told, ()) = tokio::join!(renew(&world, &at_door), grant);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("renewed, valid until "), "{}", told.out);
    assert_ne!(present(&world).0, old.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_reads_refused_in_the_log() {
    let mut world = World::new().await;
    let old = given(&world, week());
    world.stop_broker().await;
    std::fs::write(
        world.folder.path().join("crl.pem"),
        world.authority.list(&old.0),
    )
    .unwrap();
    world.start_broker().await;
    let path = world.folder.path().join("agent.toml");
    std::fs::write(&path, world.agent_toml("")).unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_spokegate-agent"))
        .args(["run", "--config", &path.display().to_string()])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let mut log = Vec::new();
    let reading = async {
        let (mut one, mut two) = ([0; 4_096], [0; 4_096]);
        while !String::from_utf8_lossy(&log).contains("certificate refused: ") {
            tokio::select! {
                read = out.read(&mut one) => log.extend_from_slice(&one[..read.unwrap()]),
                read = err.read(&mut two) => log.extend_from_slice(&two[..read.unwrap()]),
            }
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
    assert!(read.is_ok(), "{}", String::from_utf8_lossy(&log));
    child.kill().await.unwrap();
}

/// Serial number and public key of the certificate in force; it fits its private key.
fn present(world: &World) -> (Vec<u8>, PublicKey) {
    let files = TlsFiles::in_directory(&world.directory());
    let certificate = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let shown = Presented::of(std::slice::from_ref(&certificate)).unwrap();
    let key = PublicKey::of_certificate(&certificate).unwrap();
    (shown.serial().as_bytes().to_vec(), key)
}

/// What the certificate in force says of itself.
fn validity(world: &World) -> Validity {
    let files = TlsFiles::in_directory(&world.directory());
    let certificate = CertificateDer::from_pem_file(&files.certificate).unwrap();
    let shown = Presented::of(&[certificate]).unwrap();
    Validity::new(shown.not_before_ms() / 1_000, shown.not_after_ms() / 1_000).unwrap()
}

/// Puts a certificate of `acme/hq` in force.
fn given(world: &World, life: (u64, u64)) -> (Vec<u8>, PublicKey) {
    world.authority.write(&world.directory(), uri(HQ), life);
    present(world)
}

/// Whether a renewal names this certificate and is signed by its key.
fn holds(present: &(Vec<u8>, PublicKey), enrol: &Enrol) -> bool {
    let EnrolRequest::Renew { serial, signature } = &enrol.request else {
        panic!("a renewal")
    };
    let key = asked_key(enrol);
    proof::verify_renewal(&present.1, &enrol.id, &key, signature).is_ok() && *serial == present.0
}

async fn renew(world: &World, extra: &str) -> Told {
    let path = world.folder.path().join("agent.toml");
    std::fs::write(&path, world.agent_toml(extra)).unwrap();
    let path = path.display().to_string();
    run(["renew", "--config", &path].map(str::to_owned).to_vec()).await
}

async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let found = async {
        loop {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .expect("it happens")
}
