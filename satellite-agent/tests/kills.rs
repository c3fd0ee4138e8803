//! The promise: whatever is killed on the satellite's side, at whatever moment, each push that was answered with 202 arrives,
//! each dataset's in order, and what arrives twice is known by its number. Agents are the built program, killed with signal 9;
//! flows' connections and links to the broker are cut in the middle of messages, while flows push all the time.
//!
//! `KILLS=5000` kills more often, `SEED=…` repeats a schedule.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one prints what it measured"
)]

#[path = "kills/cable.rs"]
mod cable;
#[path = "kills/ledger.rs"]
mod ledger;
#[path = "../../tests/tests/fabric_survives/random.rs"]
mod random;
#[path = "kills/satellite.rs"]
mod satellite;
#[expect(dead_code, reason = "the tests of the fabric use the rest")]
#[path = "fabric/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use spokegate_contract::envelope::Ack;
use spokegate_contract::{Address, Channel, Envelope as _};
use spokegate_daemon::Tasks;

use random::Random;
use satellite::Satellite;
use support::{Centre, World};

const SATELLITES: usize = 8;
const KILLS: usize = 500;
/// The centre commits what it took this often.
const COMMIT: Duration = Duration::from_millis(150);
/// Longest wait until all that was promised is there.
const DRAIN: Duration = Duration::from_secs(180);

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Agent,
    Flows,
    Link,
}

/// One kill of the schedule.
#[derive(Debug, Clone)]
struct Kill {
    victim: Victim,
    pause: Duration,
    /// How long a dead agent stays dead.
    restart: Duration,
    /// Whether it comes although nothing has gone on since the one before.
    is_hasty: bool,
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}: {text} is no number")))
}

/// Each satellite's kills; of ten, four are of the agent.
fn schedule(seed: u64, kills: usize) -> Vec<Vec<Kill>> {
    use Victim::{Agent, Flows, Link};
    const TEN: [Victim; 10] = [
        Agent, Agent, Agent, Agent, Flows, Flows, Flows, Link, Link, Link,
    ];
    let mut random = Random::new(seed, 0);
    let mut victims: Vec<_> = TEN.iter().copied().cycle().take(kills).collect();
    random.shuffle(&mut victims);
    let mut all = vec![Vec::new(); SATELLITES];
    for (index, victim) in victims.into_iter().enumerate() {
        all[index % SATELLITES].push(Kill {
            victim,
            pause: Duration::from_millis(random.between(0, 600)),
            restart: Duration::from_millis(random.between(0, 200)),
            is_hasty: random.once_in(4),
        });
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_arrives_whatever_is_killed() {
    let seed = number_from_environment("SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = number_from_environment("KILLS").map_or(KILLS, |kills| kills as usize);
    println!("{kills} kills, seed: {seed}");
    let names = (0..SATELLITES).map(|number| format!("s{number}").parse().unwrap());
    let addresses: Vec<_> = names
        .map(|name| Address::new("acme".parse().unwrap(), name))
        .collect();
    let world = World::within(tempfile::tempdir().unwrap(), &addresses).await;
    let tasks = Tasks::new();
    // First, so that nothing has to come again because nobody listened yet.
    let centre = world.centre().await;
    let started = addresses
        .iter()
        .map(|address| Satellite::start(&world, address, &tasks));
    let satellites: Vec<_> = join_all(started).await.into_iter().map(Arc::new).collect();
    let listening = listen(centre, &satellites);
    tasks.spawn("centre", listening);

    let began = Instant::now();
    let schedules = schedule(seed, kills);
    let killed = join_all(
        satellites
            .iter()
            .zip(&schedules)
            .map(async |(satellite, kills)| {
                let mut waits = Vec::new();
                for kill in kills {
                    waits.push((kill.victim, execute(satellite, kill).await));
                }
                waits
            }),
    );
    tell_waits(killed.await.concat(), began.elapsed());

    join_all(satellites.iter().map(|satellite| satellite.end_flows())).await;
    drain(&satellites, seed).await;
    for satellite in &satellites {
        satellite.end().await;
    }
    tasks.abort().await;
    verdict(&satellites, seed);
}

/// Kills, and answers how long it took before that until the kill before was got over.
async fn execute(satellite: &Satellite, kill: &Kill) -> Option<Duration> {
    let began = Instant::now();
    let mut wait = None;
    if !kill.is_hasty {
        satellite.goes_on().await;
        wait = Some(began.elapsed());
    }
    tokio::time::sleep(kill.pause).await;
    match kill.victim {
        Victim::Agent => satellite.kill(kill.restart).await,
        Victim::Flows => satellite.cut_flows().await,
        Victim::Link => satellite.cut_link().await,
    }
    wait
}

/// The centre: notes what comes, and acknowledges what it has committed.
fn listen(mut centre: Centre, satellites: &[Arc<Satellite>]) -> impl Future<Output = ()> + use<> {
    let by_address: BTreeMap<_, _> = satellites
        .iter()
        .map(|satellite| (satellite.address.clone(), Arc::clone(satellite)))
        .collect();
    async move {
        let mut commits = tokio::time::interval(COMMIT);
        loop {
            tokio::select! {
                Some((topic, payload)) = centre.inbox.recv() => {
                    by_address[&topic.address].ledger().take(&topic, &payload);
                }
                _ = commits.tick() => for (address, satellite) in &by_address {
                    let due = satellite.ledger().ack();
                    if let Some((epoch, sequence)) = due {
                        let ack = Ack::Push { epoch, sequence }.encode();
                        centre.tell_to(address.clone(), Channel::Ack, ack).await;
                    }
                },
            }
        }
    }
}

/// Waits until everything that was promised is there, and the spools are empty.
async fn drain(satellites: &[Arc<Satellite>], seed: u64) {
    let began = Instant::now();
    let is_done = |satellite: &Arc<Satellite>| {
        let ledger = satellite.ledger();
        ledger.is_empty && ledger.missing().is_empty()
    };
    while !satellites.iter().all(is_done) {
        tokio::time::sleep(COMMIT).await;
        if began.elapsed() > DRAIN {
            for satellite in satellites {
                println!("{}: {}", satellite.address, satellite.words());
                println!("missing: {:?}", satellite.ledger().missing());
            }
            panic!("SEED={seed}: not everything arrived within {DRAIN:?}");
        }
    }
    println!(
        "all was there {} ms after the last push",
        began.elapsed().as_millis()
    );
}

fn tell_waits(kills: Vec<(Victim, Option<Duration>)>, took: Duration) {
    println!("{} kills in {} s", kills.len(), took.as_secs());
    let mut by_victim: BTreeMap<Victim, usize> = BTreeMap::new();
    for (victim, _) in &kills {
        *by_victim.entry(*victim).or_default() += 1;
    }
    let mut waits: Vec<_> = kills.into_iter().filter_map(|(_, wait)| wait).collect();
    waits.sort_unstable();
    println!(
        "{by_victim:?}; pushes went on after {} ms (median), {} ms (longest)",
        waits[waits.len() / 2].as_millis(),
        waits[waits.len() - 1].as_millis(),
    );
}

fn verdict(satellites: &[Arc<Satellite>], seed: u64) {
    let (mut promised, mut repeats, mut unasked) = (0, 0, 0);
    let mut faults = BTreeSet::new();
    for satellite in satellites {
        let ledger = satellite.ledger();
        let surplus = ledger.surplus();
        promised += ledger.promised();
        repeats += surplus.0;
        unasked += surplus.1;
        let told = ledger.verdict();
        faults.extend(
            told.iter()
                .map(|fault| format!("{}: {fault}", satellite.address)),
        );
    }
    println!(
        "{promised} promised, {repeats} repeats, {unasked} came without an answer to the flow"
    );
    assert!(
        promised > 20 * SATELLITES,
        "too little was pushed: {promised}"
    );
    assert_eq!(faults, BTreeSet::new(), "SEED={seed}");
}
