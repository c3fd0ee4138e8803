//! A thousand satellites that come back at once, each with a full spool. Alone in its process, because it leaves no time to
//! others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the tests of the fabric use the rest")]
#[path = "fabric/support.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use spokegate_agent::{Agent, Config, DEFAULTS};
use spokegate_contract::envelope::{Ack, Push, Status};
use spokegate_contract::{Address, Channel, Envelope, Topic};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;

use support::{Centre, World, post};

const TENANTS: usize = 4;
const SATELLITES: usize = 250;
const ALERTS: u64 = 10;
const JOBS: u64 = 2;
/// What an unacknowledged connection begins with; see `spool/window.rs`.
const WINDOW_BYTES: u64 = 32_768;
/// The centre commits what it took this often.
const COMMIT: Duration = Duration::from_millis(300);
/// Longest silence of all of a tenant's satellites: they dial every half minute at least.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_satellites_drain_their_spools_at_once() {
    let addresses = addresses();
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut world = World::within(folder, &addresses).await;
    world.stop_broker().await;
    world.broker_port = low_port();
    let bound = addresses
        .iter()
        .map(|address| Agent::bind(config(&world, address), &CONTEXT));
    let mut agents = Vec::new();
    for agent in bound {
        agents.push(agent.await.unwrap());
    }
    let alert = json!([{ "text": "x".repeat(6_000) }]);
    for some in agents.chunks(50) {
        join_all(some.iter().map(async |agent| {
            let addr = agent.push_addr().unwrap();
            for _ in 0..ALERTS {
                assert_eq!(post(addr, "alerts", &alert).await.unwrap().0, 202);
            }
            for n in 0..JOBS {
                assert_eq!(
                    post(addr, "jobs", &json!([{ "n": n }])).await.unwrap().0,
                    202
                );
            }
        }))
        .await;
    }
    world.start_broker().await;
    let tenants = (0..TENANTS).map(tenant);
    let centres = join_all(tenants.map(async |tenant| {
        let centre = world.centre_of(&tenant).await;
        drained(centre).await
    }))
    .await;
    let peak: u64 = centres.iter().sum();
    println!(
        "at most {peak} bytes of {} satellites were on their way at once",
        agents.len()
    );
    for some in agents.chunks(100) {
        join_all(some.iter().map(Agent::shutdown)).await;
    }
}

/// A port that nobody takes meanwhile: below those of outgoing connections and of tests of the whole product.
fn low_port() -> u16 {
    let from = 10_000 + u16::try_from(std::process::id() % 8_000).unwrap();
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (from..20_000).find(is_free).unwrap()
}

static CONTEXT: std::sync::LazyLock<Context> = std::sync::LazyLock::new(Context::new);

fn tenant(number: usize) -> String {
    format!("tenant{number}")
}

fn addresses() -> Vec<Address> {
    let all =
        (0..TENANTS).flat_map(|tenant| (0..SATELLITES).map(move |satellite| (tenant, satellite)));
    let address = |(number, satellite): (usize, usize)| {
        let satellite = format!("s{satellite}").parse().unwrap();
        Address::new(tenant(number).parse().unwrap(), satellite)
    };
    // A satellite's id has at least two characters.
    all.map(|(tenant, satellite)| address((tenant, satellite + 10)))
        .collect()
}

fn config(world: &World, address: &Address) -> Config {
    let Address { tenant, satellite } = address;
    let folder = world.folder.path().display();
    let text = format!(
        "[broker]\naddress = \"127.0.0.1:{port}\"\n\
         [tls]\ncertificate = '{folder}/{tenant}-{satellite}.pem'\nkey = '{folder}/{tenant}-{satellite}.key'\n\
         ca = '{folder}/ca.pem'\n[enrolment]\nrenew = false\n\
         [spool]\npath = '{folder}/{tenant}/{satellite}/spool'\n\
         [push]\nlisten = \"127.0.0.1:0\"\ntoken_file = '{folder}/push.token'\n[status]\nevery_s = 5\n\
         [[source]]\ndataset = \"alerts\"\nkind = \"push\"\n[[source]]\ndataset = \"jobs\"\nkind = \"push\"\n",
        port = world.broker_port,
    );
    let layered = Layered::new("agent", DEFAULTS).text("agent.toml", &text);
    layered.no_environment().load().unwrap()
}

/// What the centre knows of one satellite.
#[derive(Default)]
struct Taken {
    epoch: u64,
    seen: BTreeSet<u64>,
    through: u64,
    last: BTreeMap<String, u64>,
    /// Body bytes that were not acknowledged when they came.
    pending: u64,
    is_empty: bool,
    is_late: bool,
}

/// Takes everything of a tenant's satellites, commits now and then, and answers how many bytes were on their way at most.
async fn drained(mut centre: Centre) -> u64 {
    let mut satellites: BTreeMap<Address, Taken> = BTreeMap::new();
    let (mut peak, mut quiet) = (0, Duration::ZERO);
    let mut commits = tokio::time::interval(COMMIT);
    loop {
        tokio::select! {
            biased;
            _ = commits.tick() => {
                peak = peak.max(satellites.values().map(|taken| taken.pending).sum());
                for (address, taken) in &mut satellites {
                    commit(&centre, address, taken).await;
                }
                let done = |taken: &Taken| taken.is_empty && taken.seen.len() as u64 == ALERTS + JOBS;
                if satellites.len() == SATELLITES && satellites.values().all(done) {
                    return peak;
                }
                quiet += COMMIT;
                assert!(quiet < PATIENCE, "{} satellites came", satellites.len());
            }
            Some((topic, payload)) = centre.inbox.recv() => {
                quiet = if take(&mut satellites, topic, &payload) { Duration::ZERO } else { quiet };
            }
        }
    }
}

/// Answers whether it was news.
fn take(satellites: &mut BTreeMap<Address, Taken>, topic: Topic, payload: &bytes::Bytes) -> bool {
    let taken = satellites.entry(topic.address).or_default();
    match topic.channel {
        Channel::Push(dataset) => {
            let push = Push::decode(payload).unwrap();
            taken.epoch = push.epoch;
            // One that came before the centre had subscribed goes again later.
            taken.is_late |= taken.seen.is_empty() && push.sequence != 1;
            let is_news = taken.seen.insert(push.sequence);
            if is_news {
                let last = taken
                    .last
                    .insert(dataset.to_string(), push.sequence)
                    .unwrap_or(0);
                let in_order = taken.is_late || last < push.sequence;
                assert!(in_order, "each dataset comes in its order");
                taken.pending += push.body.len() as u64;
                // All of its 60,000 bytes would be there, did the window not open with acks alone.
                let is_within = taken.through > 0 || taken.pending <= WINDOW_BYTES;
                assert!(is_within, "{} bytes without an ack", taken.pending);
            }
            is_news
        }
        Channel::Status => {
            taken.is_empty = Status::decode(payload).unwrap().spool_messages == 0;
            false
        }
        _ => false,
    }
}

async fn commit(centre: &Centre, address: &Address, taken: &mut Taken) {
    let before = taken.through;
    while taken.seen.contains(&(taken.through + 1)) {
        taken.through += 1;
    }
    if taken.through > before {
        taken.pending = 0;
        let (epoch, sequence) = (taken.epoch, taken.through);
        let ack = Ack::Push { epoch, sequence };
        centre
            .tell_to(address.clone(), Channel::Ack, ack.encode())
            .await;
    }
}
