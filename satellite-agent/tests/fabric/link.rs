use std::time::Duration;

use spokegate_agent::Agent;
use spokegate_contract::envelope::{Presence, SourceHealth};
use spokegate_contract::{Channel, Envelope};
use spokegate_daemon::Context;

use crate::support::{World, hq};

#[tokio::test(flavor = "multi_thread")]
async fn each_connection_begins_with_a_hello_and_goes_on_with_a_heartbeat() {
    let mut world = World::new().await;
    let mut centre = world.centre().await;
    let agent = world.agent().await;
    assert_eq!(agent.address(), &hq());
    let hello = centre.hello().await;
    let names: Vec<_> = hello
        .datasets
        .iter()
        .map(|dataset| (dataset.0.as_str(), dataset.1))
        .collect();
    assert_eq!(
        names,
        [
            ("alerts", 1),
            ("devices", 1),
            ("endless", 1),
            ("login-page", 1),
            ("summary", 1)
        ]
    );
    assert_eq!((hello.last_sequence, hello.acked_sequence), (0, 0));
    for _ in 0..2 {
        assert_eq!(centre.status().await.node_red, SourceHealth::Up);
    }
    centre.leave().await;
    world.stop_broker().await;
    world.start_broker().await;
    let mut centre = world.centre().await;
    assert_eq!(centre.hello().await.epoch, hello.epoch);
    agent.shutdown().await;
    let presence = centre
        .next(|topic, payload| {
            let presence =
                (topic.channel == Channel::Presence).then(|| Presence::decode(payload).unwrap());
            presence.filter(|presence| !presence.online)
        })
        .await;
    assert!(!presence.online);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_is_known_by_its_name() {
    let world = World::new().await;
    for (name, connects) in [
        ("broker.spokegate.local", true),
        ("broker.example.net", false),
    ] {
        let mut config = world.agent_config("");
        config.broker.server_name = Some(name.to_owned());
        let context = Context::new();
        let agent = Agent::bind(config, &context).await.unwrap();
        let ready = tokio::time::timeout(Duration::from_secs(3), context.readiness.ready()).await;
        assert_eq!(ready.is_ok(), connects, "{name}");
        agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_succeed_says_why() {
    let world = World::new().await;
    let folder = world.folder.path().display().to_string();
    let refused = async |change: &dyn Fn(&mut spokegate_agent::Config)| {
        let mut config = world.agent_config("");
        change(&mut config);
        let Err(error) = Agent::bind(config, &Context::new()).await else {
            panic!("the agent started")
        };
        format!("{error:#}")
    };
    let error =
        refused(&|config| config.tls.certificate = format!("{folder}/sanitizer.pem").into()).await;
    assert_eq!(
        error,
        format!(
            "{folder}/sanitizer.pem is the certificate of the service sanitizer, not of a satellite"
        )
    );
    let error = refused(&|config| config.trust_domain = "other.local".parse().unwrap()).await;
    assert!(
        error.contains("hq.pem (tls.certificate), by trust_domain = \"other.local\": the identity")
            && error.contains("another trust domain"),
        "{error}"
    );
    let error =
        refused(&|config| config.push.token_file = Some(format!("{folder}/none").into())).await;
    assert!(
        error.starts_with("read the push token (push.token_file): cannot read the secret file"),
        "{error}"
    );
    std::fs::write(world.folder.path().join("flow.token"), "").unwrap();
    let error = refused(&|_| {}).await;
    assert!(
        error.starts_with("prepare the source of devices: the secret file"),
        "{error}"
    );
}
