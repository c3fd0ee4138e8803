//! Runs the attacks one by one. After each, its twin: the same party does what it may, and is heard.

use std::collections::{BTreeMap, BTreeSet};

use spokegate_provisioner::broker_config::{Kind, Limit};

use super::cases::{Attack, Case, Harm, Opening, all};
use super::scene::Scene;
use super::wire::{Answer, Connect, Link, Publish};

const OWN_STATUS: &str = "sg/1/acme/hq/up/status";
const OWN_DOWN: &str = "sg/1/acme/hq/down/";
/// Bytes of a payload that makes a packet too long.
const TOO_LONG: usize = 140_000;

/// CONNACK 3: not a no, but a broker that is busy with itself.
const SERVER_UNAVAILABLE: u8 = 3;
const ATTEMPTS_OF_A_BUSY_BROKER: usize = 5;

/// How an attack went.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// The broker said no, or nothing came of it although those who would have noticed were listening.
    Refused,
    /// It succeeded; a broker may be excused when it says that it cannot refuse this.
    Succeeded(String),
    /// It succeeded, and nothing excuses it.
    Breach(String),
}

/// What a whole run came to.
#[derive(Default)]
pub(crate) struct Tally {
    refused: usize,
    twins: usize,
    beyond: BTreeMap<Limit, usize>,
    /// Attacks that succeeded with no excuse, and what they did.
    pub(crate) through: Vec<String>,
    problems: Vec<String>,
}

/// Runs every attack against a broker.
pub(crate) async fn run(mut scene: Scene) -> Tally {
    let cases = all(&scene.pki);
    let kind = scene.broker.kind;
    let mut tally = Tally::default();
    let mut measured = BTreeSet::new();
    for case in &cases {
        let mut fate = attack(&mut scene, case).await;
        let mut allowed = twin(&mut scene).await;
        // A broker may cut somebody off for an attack only when the attacker has gone: then the twin was in the way.
        if allowed.is_err()
            && let cut = scene.cut_off().await
            && !cut.is_empty()
        {
            fate = Fate::Succeeded(format!("cut off: {}", cut.join(", ")));
            allowed = twin(&mut scene).await;
        }
        tally.count(case, fate, kind);
        measured.extend(case.excuses);
        match allowed {
            Ok(()) => tally.twins += 1,
            Err(what) => tally
                .problems
                .push(format!("the twin of {}: {what}", case.name)),
        }
    }
    let said = measured
        .into_iter()
        .filter(|limit| sentence(*limit, kind).is_some());
    let silent: Vec<Limit> = said
        .filter(|limit| !tally.beyond.contains_key(limit))
        .collect();
    for limit in silent {
        if !shows(&mut scene, &cases, limit).await {
            let word = limit.word();
            tally.problems.push(format!(
                "broker-config speaks of {word}, which no attack shows: take it out"
            ));
        }
    }
    tally
}

/// Whether an attack shows what the rendering says that the broker cannot refuse. A busy broker ends connections that it would
/// have admitted, so it is asked several times before its words are doubted.
async fn shows(scene: &mut Scene, cases: &[Case], limit: Limit) -> bool {
    for _ in 0..ATTEMPTS_OF_A_BUSY_BROKER {
        tokio::time::sleep(scene.broker.settle).await;
        for case in cases.iter().filter(|case| case.excuses.contains(&limit)) {
            if matches!(attack(scene, case).await, Fate::Succeeded(_)) {
                return true;
            }
            scene.forget();
        }
    }
    false
}

impl Tally {
    /// Prints the line, and fails when an attack was let through that the broker's rendering does not admit, when it
    /// admits what does not happen, or when something rightful did not work.
    #[expect(
        clippy::print_stdout,
        reason = "the line is what the suite is asked for"
    )]
    pub(crate) fn print_and_check(mut self, name: &str) {
        println!(
            "{name}: attack cases: {} refused, {} let through; twins: {} allowed",
            self.refused,
            self.through.len(),
            self.twins
        );
        let beyond = self.beyond.iter();
        let beyond: Vec<String> = beyond
            .map(|(limit, count)| format!("{} {count}", limit.word()))
            .collect();
        if !beyond.is_empty() {
            let sum: usize = self.beyond.values().sum();
            println!(
                "{name}: beyond this broker, as broker-config says: {sum} ({})",
                beyond.join(", ")
            );
        }
        self.problems.append(&mut self.through);
        assert!(
            self.problems.is_empty(),
            "{name}:\n{}",
            self.problems.join("\n")
        );
        assert!(
            self.refused >= 150,
            "{name}: too few attacks to call it a suite"
        );
    }

    fn count(&mut self, case: &Case, fate: Fate, kind: Option<Kind>) {
        let mut excuses = case.excuses.iter();
        let excuse = excuses.find(|limit| sentence(**limit, kind).is_some());
        match (fate, excuse) {
            (Fate::Refused, _) => self.refused += 1,
            (Fate::Succeeded(_), Some(limit)) => *self.beyond.entry(*limit).or_default() += 1,
            (Fate::Succeeded(what) | Fate::Breach(what), _) => {
                self.through.push(format!("{}: {what}", case.name));
            }
        }
    }
}

fn sentence(limit: Limit, kind: Option<Kind>) -> Option<&'static str> {
    kind.and_then(|kind| limit.sentence(kind))
}

async fn attack(scene: &mut Scene, case: &Case) -> Fate {
    let fate = match &case.attack {
        Attack::Connect(opening) => connect(scene, opening).await,
        Attack::Subscribe { filter, qos } => {
            subscribe(scene, filter, *qos, !case.excuses.is_empty()).await
        }
        Attack::Publish(publish) => send(scene, publish).await,
        Attack::Will { topic, retain } => will(scene, topic, *retain).await,
        Attack::Retain => retain(scene).await,
        Attack::TooLong => too_long(scene).await,
    };
    match scene.cut_off().await {
        cut if cut.is_empty() => fate,
        cut => Fate::Succeeded(format!("cut off: {}", cut.join(", "))),
    }
}

/// The attacker does what it may: it is heard, and it hears.
async fn twin(scene: &mut Scene) -> Result<(), String> {
    let (up, down) = (scene.fresh("genuine"), scene.fresh("genuine"));
    let mut link = scene.attacker().await;
    if !matches!(
        link.subscribe(b"sg/1/acme/hq/down/#", 1).await,
        Answer::Yes(1)
    ) {
        return Err("its own down/# is refused".to_owned());
    }
    if !link.deliver(OWN_STATUS, &up).await || !scene.hears(&up).await {
        return Err("its own status is not delivered".to_owned());
    }
    let topic = format!("{OWN_DOWN}ack");
    if !scene.sanitizer_of("acme").deliver(&topic, &down).await || !link.until(&down).await {
        return Err("what is sent to it does not come".to_owned());
    }
    link.farewell().await;
    scene.forget();
    Ok(())
}

/// Nobody has received `payload`, although something that was sent after it has come.
async fn nothing_came_of(scene: &mut Scene, payload: &[u8]) -> Fate {
    let genuine = scene.fresh("genuine");
    let mut link = scene.attacker().await;
    if !link.deliver(OWN_STATUS, &genuine).await || !scene.hears(&genuine).await {
        return Fate::Breach("the control message did not come".to_owned());
    }
    link.farewell().await;
    match scene.who_received(payload).await {
        who if who.is_empty() => Fate::Refused,
        who => Fate::Succeeded(format!("delivered to {}", who.join(", "))),
    }
}

async fn send(scene: &mut Scene, publish: &Publish) -> Fate {
    let payload = scene.fresh("forged");
    let mut link = scene.attacker().await;
    // What would come back to the attacker itself is a forgery as well.
    if !matches!(
        link.subscribe(b"sg/1/acme/hq/down/#", 1).await,
        Answer::Yes(1)
    ) {
        return Fate::Breach("its own down/# is refused".to_owned());
    }
    let forged = Publish {
        payload: payload.clone(),
        ..publish.clone()
    };
    let lives = link.publish(&forged).await;
    if lives {
        link.listen(scene.broker.settle).await;
    }
    if link
        .received
        .iter()
        .any(|message| message.payload == payload)
    {
        return Fate::Succeeded("delivered to itself".to_owned());
    }
    link.farewell().await;
    nothing_came_of(scene, &payload).await
}

async fn subscribe(scene: &mut Scene, filter: &[u8], qos: u8, grant_is_harm: bool) -> Fate {
    let mut link = scene.attacker().await;
    match link.subscribe(filter, qos).await {
        Answer::Closed | Answer::No(_) => return Fate::Refused,
        Answer::Yes(granted) if grant_is_harm && granted == qos => {
            link.farewell().await;
            return Fate::Succeeded("granted".to_owned());
        }
        Answer::Yes(_) => {}
    }
    // Granted, or said to be: then nothing of anybody's may come.
    let fate = hears_nothing_foreign(scene, &mut link).await;
    link.farewell().await;
    fate
}

/// Everybody's rightful messages pass by; the link receives none that is not the attacker's own.
async fn hears_nothing_foreign(scene: &mut Scene, link: &mut Link) -> Fate {
    if scene.observer.is_none() {
        return Fate::Breach("granted".to_owned());
    }
    let bait = scene.fresh("bait");
    for (tenant, satellite) in super::cases::PARTIES {
        let topic = format!("sg/1/{tenant}/{satellite}/down/ack");
        if (tenant, satellite) != ("acme", "hq")
            && !scene.sanitizer_of(tenant).deliver(&topic, &bait).await
        {
            return Fate::Breach(format!("the sanitizer cannot send to {topic}"));
        }
    }
    for victim in &mut scene.victims {
        let address = victim.client_id.replace('.', "/");
        if !victim.link.until(&bait).await
            || !victim
                .link
                .deliver(&format!("sg/1/{address}/up/reply"), &bait)
                .await
        {
            return Fate::Breach(format!("{address} is not served"));
        }
    }
    // The attacker's own upwards messages are not for its ears either.
    link.publish(&Publish::new(OWN_STATUS, &bait)).await;
    let last = scene.fresh("bait");
    let victim = &mut scene.victims[0];
    let topic = format!("sg/1/{}/up/status", victim.client_id.replace('.', "/"));
    if !victim.link.deliver(&topic, &last).await {
        return Fate::Breach("a victim cannot send".to_owned());
    }
    if !scene.observer.as_mut().unwrap().link.until(&last).await {
        return Fate::Breach("the bait did not pass by".to_owned());
    }
    link.listen(scene.broker.settle).await;
    let foreign = link
        .received
        .iter()
        .find(|message| !message.topic.starts_with(OWN_DOWN));
    match foreign {
        Some(message) => Fate::Succeeded(format!("received {}", message.topic)),
        None => Fate::Refused,
    }
}

async fn connect(scene: &mut Scene, opening: &Opening) -> Fate {
    let mut opened = None;
    for _ in 0..ATTEMPTS_OF_A_BUSY_BROKER {
        let dialled = if opening.plaintext {
            Link::open_plain(scene.broker.addr).await
        } else {
            scene.dial(opening.certificate.as_ref()).await
        };
        let Ok(mut link) = dialled else {
            return Fate::Refused;
        };
        match link.connect(&opening.connect).await {
            Answer::Yes(_) => {
                opened = Some(link);
                break;
            }
            Answer::No(SERVER_UNAVAILABLE) => tokio::time::sleep(scene.broker.settle).await,
            Answer::No(_) | Answer::Closed => return Fate::Refused,
        }
    }
    let Some(mut link) = opened else {
        return Fate::Refused;
    };
    let fate = match opening.harm {
        Harm::Opened => Fate::Succeeded("accepted".to_owned()),
        Harm::OpenedWithRights => match power(
            scene,
            &mut link,
            &["sg/1/globex/hq/up/reply", "sg/1/globex/hq/down/ack"],
        )
        .await
        {
            Fate::Refused => Fate::Succeeded("accepted".to_owned()),
            Fate::Succeeded(what) | Fate::Breach(what) => {
                Fate::Breach(format!("accepted with rights: {what}"))
            }
        },
        Harm::Power => {
            power(
                scene,
                &mut link,
                &[
                    OWN_STATUS,
                    "sg/1/globex/hq/up/reply",
                    "sg/1/nobody/here/up/status",
                ],
            )
            .await
        }
        Harm::TakenName => taken_name(scene, &mut link).await,
    };
    if link.is_open {
        link.farewell().await;
    }
    fate
}

/// Whether anything sent on one of the topics is delivered, or anything foreign received.
async fn power(scene: &mut Scene, link: &mut Link, topics: &[&str]) -> Fate {
    let payload = scene.fresh("forged");
    for topic in topics {
        if link.is_open {
            link.publish(&Publish::new(topic, &payload)).await;
        }
    }
    if link.is_open
        && matches!(
            link.subscribe(b"sg/1/globex/hq/down/#", 1).await,
            Answer::Yes(_)
        )
    {
        match hears_nothing_foreign(scene, link).await {
            Fate::Refused => {}
            heard => return heard,
        }
    }
    nothing_came_of(scene, &payload).await
}

/// A broker that gives the certificate's own name, whatever is asked for, ends this session for the next of that name.
async fn taken_name(scene: &mut Scene, link: &mut Link) -> Fate {
    let rightful = scene.attacker().await;
    link.listen(scene.broker.settle).await;
    let is_own = !link.is_open || !link.ping().await;
    rightful.farewell().await;
    if is_own {
        Fate::Refused
    } else {
        Fate::Succeeded("accepted under that name".to_owned())
    }
}

async fn will(scene: &mut Scene, topic: &str, retain: bool) -> Fate {
    let payload = scene.fresh("forged");
    let own = scene.own.clone();
    let Ok(mut link) = scene.dial(Some(&own)).await else {
        return Fate::Refused;
    };
    let connect = Connect::new("acme.hq").will(topic, &payload, retain);
    if !matches!(link.connect(&connect).await, Answer::Yes(_)) {
        return Fate::Refused;
    }
    // Gone without a word.
    drop(link);
    // A broker that has to publish its own may, on a busy machine, come to that late.
    let looks = if topic == OWN_STATUS { 50 } else { 1 };
    for _ in 0..looks {
        tokio::time::sleep(scene.broker.settle * 2).await;
        if !scene.who_received(&payload).await.is_empty() {
            break;
        }
    }
    nothing_came_of(scene, &payload).await
}

async fn retain(scene: &mut Scene) -> Fate {
    let payload = scene.fresh("forged");
    let mut link = scene.attacker().await;
    let kept = Publish {
        retain: true,
        ..Publish::new(OWN_STATUS, &payload)
    };
    link.publish(&kept).await;
    link.farewell().await;
    // It may pass by; who subscribes later must not find it.
    let fate = nothing_came_of(scene, &payload).await;
    if fate == Fate::Refused {
        return fate;
    }
    let filter = b"sg/1/acme/+/up/#";
    let sanitizer = scene.sanitizer_of("acme");
    sanitizer.received.clear();
    assert_eq!(sanitizer.subscribe(filter, 1).await, Answer::Yes(1));
    let settle = scene.broker.settle * 2;
    let sanitizer = scene.sanitizer_of("acme");
    sanitizer.listen(settle).await;
    let found = sanitizer
        .received
        .iter()
        .any(|message| message.payload == payload);
    let mut link = scene.attacker().await;
    let clear = Publish {
        retain: true,
        ..Publish::new(OWN_STATUS, b"")
    };
    link.publish(&clear).await;
    link.farewell().await;
    if found {
        Fate::Succeeded("kept".to_owned())
    } else {
        Fate::Refused
    }
}

async fn too_long(scene: &mut Scene) -> Fate {
    let payload = vec![b'x'; TOO_LONG];
    let mut link = scene.attacker().await;
    link.publish(&Publish::new(OWN_STATUS, &payload)).await;
    link.farewell().await;
    nothing_came_of(scene, &payload).await
}
