//! Joining by files that are carried.

use spokegate_agent::Agent;
use spokegate_contract::Channel;
use spokegate_daemon::Context;
use spokegate_identity::Pin;
use spokegate_identity::offline::{OfflineBundle, OfflineRequest};
use spokegate_identity::proof;

use super::world::{Authority, HQ, Told, World, run, uri, week};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_out_a_bundle_comes_back_and_the_agent_connects() {
    let world = World::new().await;
    let precious = world.folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, world.folder.path().join("request.json")).unwrap();
    let told = request(&world).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let kept = std::fs::read_to_string(&precious).unwrap();
    assert_eq!(kept, "precious", "a link is not followed");
    let first = std::fs::read(world.folder.path().join("request.json")).unwrap();
    request(&world).await;
    let second = std::fs::read(world.folder.path().join("request.json")).unwrap();
    assert_eq!(first, second, "asked again, the same request");

    bundle(&world, &world.authority, &first);
    let told = import(&world, world.authority.pin()).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.out.contains("joined spokegate.local as acme/hq")
            && told.out.contains("broker.example:8883"),
        "{}",
        told.out
    );
    let mut acme = world.centre("acme").await;
    let agent = Agent::bind(world.agent_config(""), &Context::new())
        .await
        .unwrap();
    acme.next(Channel::Hello).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_another_root_or_for_another_agent_is_refused() {
    let world = World::new().await;
    let missing = import(&world, world.authority.pin()).await;
    assert!(
        missing.err.contains("this directory has made no request"),
        "{}",
        missing.err
    );
    request(&world).await;
    let asked = std::fs::read(world.folder.path().join("request.json")).unwrap();

    let theirs = Authority::new();
    bundle(&world, &theirs, &asked);
    let told = import(&world, world.authority.pin()).await;
    assert_eq!(told.code, Some(1));
    assert!(
        told.err
            .contains("the pinned root is not among the bundle's roots"),
        "{}",
        told.err
    );

    bundle(&world, &world.authority, &asked);
    let told = import(&world, theirs.pin()).await;
    assert!(
        told.err.contains("the pinned root is not among"),
        "{}",
        told.err
    );
    std::fs::remove_file(world.directory().join("joining.seal.key")).unwrap();
    std::fs::remove_file(world.directory().join("joining.request.json")).unwrap();
    request(&world).await;
    let told = import(&world, world.authority.pin()).await;
    assert!(told.err.contains("for another request"), "{}", told.err);
    assert!(!world.directory().join("certificate.pem").exists());
}

async fn request(world: &World) -> Told {
    offline(world, &["--offline-request", "request.json"], &[]).await
}

async fn import(world: &World, pin: Pin) -> Told {
    offline(
        world,
        &["--offline-import", "bundle"],
        &["--pin", &pin.to_string()],
    )
    .await
}

async fn offline(world: &World, [option, file]: &[&str; 2], more: &[&str]) -> Told {
    let file = world.folder.path().join(file).display().to_string();
    let directory = world.directory().display().to_string();
    let arguments = ["join", option, &file, "--directory", &directory];
    let arguments = arguments.iter().chain(more);
    run(arguments.map(|argument| (*argument).to_owned()).collect()).await
}

/// Answers a request as the centre does.
fn bundle(world: &World, authority: &Authority, request: &[u8]) {
    let request = OfflineRequest::from_json(request).unwrap();
    let certificate = authority
        .certify(uri(HQ), &request.public_key, week())
        .der()
        .to_vec();
    let roots = authority.root_pem.clone();
    let signature = proof::admission(
        &authority.signing,
        &request.id,
        &certificate,
        roots.as_bytes(),
    )
    .unwrap();
    let bundle = OfflineBundle {
        id: request.id,
        certificate,
        roots,
        signature,
        broker: Some("broker.example:8883".to_owned()),
    };
    let sealed = bundle.seal(&request).unwrap();
    std::fs::write(world.folder.path().join("bundle"), sealed).unwrap();
}
