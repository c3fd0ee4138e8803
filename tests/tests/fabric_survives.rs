//! The promise: whatever process dies, at whatever moment, no push is lost, none is stored twice, and every pull ends in
//! a right answer or a failure of a known class. The parts are the built programs, each in processes of its own; they
//! are killed with signal 9 while satellites of several customers push and people order reports.
//!
//! `KILLS=1000` kills more often, `SEED=…` repeats a schedule.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and this one prints what it measured"
)]

#[path = "fabric_survives/kills.rs"]
mod kills;
#[expect(dead_code, reason = "shared with other tests")]
mod processes;
#[path = "fabric_survives/pulls.rs"]
mod pulls;
#[path = "fabric_survives/pushes.rs"]
mod pushes;
#[path = "fabric_survives/random.rs"]
mod random;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kills::{Dangers, Killer};
use processes::{Installation, Plan};
use pulls::{Person, Tally};
use pushes::{Flow, Ledger, Observer};
use random::Random;
use spokegate_contract::Address;
use spokegate_daemon::Tasks;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const SATELLITES: [&str; 2] = ["branch", "hq"];
const KILLS: usize = 104;
const PEOPLE: u64 = 3;
/// Longest life of a run beyond its pulls' time: the centre's own death, and the document.
const RUN_MORE_MS: i64 = 15_000;
/// Longest wait until all that agents hold is stored.
const DRAIN: Duration = Duration::from_secs(180);
/// How long is looked for repeats after that.
const SETTLE: Duration = Duration::from_secs(6);

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: {text} is no number")),
    )
}

/// What is there and what befalls it.
struct Scene {
    name: &'static str,
    sanitizers: usize,
    pull_timeout_s: u64,
    dangers: Dangers,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_nothing_is_lost_or_doubled() {
    let scene = Scene {
        name: "every part",
        sanitizers: 1,
        pull_timeout_s: 10,
        dangers: Dangers {
            kills: number_from_environment("KILLS").map_or(KILLS, |count| count as usize),
            parts: kills::all_parts(),
            restart_ms: 0..400,
            overlap: true,
        },
    };
    survive(&scene).await;
}

async fn survive(scene: &Scene) {
    let seed = number_from_environment("SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("{}, seed: {seed}", scene.name);
    let satellites = TENANTS.iter().flat_map(|tenant| {
        let of = |name: &&str| Address::new(tenant.parse().unwrap(), name.parse().unwrap());
        SATELLITES.iter().map(of)
    });
    let plan = Plan {
        satellites: satellites.collect(),
        sanitizers: scene.sanitizers,
        pull_timeout_s: scene.pull_timeout_s,
        // A long answer is under way for a while.
        breath: Duration::from_millis(20),
    };
    let began = Instant::now();
    let mut installation = Installation::start(&plan).await;
    println!("started in {} ms", began.elapsed().as_millis());
    let mut traffic = Traffic::start(&installation, seed).await;
    let observer = &traffic.observer;
    let ledger = Arc::clone(&traffic.ledger);
    let mut killer = Killer::new(&mut installation, observer, ledger);
    let schedule = scene.dangers.schedule(&mut Random::new(seed, 0));
    let began = Instant::now();
    killer.run(&schedule).await;
    println!(
        "{} kills in {} s",
        schedule.len(),
        began.elapsed().as_secs()
    );
    let (waits_ms, ended) = (killer.waits_ms, killer.ended);
    traffic.end().await;
    let drained = traffic.drain().await;
    println!(
        "everything was stored {} ms after the last push",
        drained.as_millis()
    );
    traffic.each_customer_is_answered(&installation).await;
    for (part, mut waits_ms) in waits_ms {
        waits_ms.sort_unstable();
        println!(
            "{:11} {:4} killed, flow of all satellites after {:6} ms (median), {:6} ms (longest)",
            format!("{part:?}"),
            waits_ms.len(),
            waits_ms[waits_ms.len() / 2],
            waits_ms.last().unwrap(),
        );
    }
    println!("ended by themselves: {} {ended:#?}", ended.len());
    traffic.verdict(scene, seed).await;
}

/// What flows and people do all the time.
struct Traffic {
    tasks: Tasks,
    stop: Arc<AtomicBool>,
    ledger: Arc<Mutex<Ledger>>,
    tally: Arc<Mutex<Tally>>,
    observer: Observer,
    customers: Arc<Vec<(String, Vec<String>)>>,
}

impl Traffic {
    async fn start(installation: &Installation, seed: u64) -> Self {
        let satellites: Vec<_> = installation
            .satellites()
            .map(|address| (address.tenant.to_string(), address.satellite.to_string()))
            .collect();
        let name = |(tenant, satellite): &(String, String)| format!("{tenant}-{satellite}");
        let (ledger, tasks) = (Arc::<Mutex<Ledger>>::default(), Tasks::new());
        let store = installation.store();
        let traffic = Self {
            observer: Observer::start(store, satellites.clone(), Arc::clone(&ledger)).await,
            customers: Arc::new(customers(&satellites, name)),
            stop: Arc::default(),
            tally: Arc::default(),
            ledger,
            tasks,
        };
        for (place, satellite) in satellites.iter().enumerate() {
            let (url, token) = installation.push_endpoint(place);
            let flow = Flow {
                place,
                name: name(satellite),
                url: url.to_owned(),
                token: token.clone(),
                random: Random::new(seed, 100 + place as u64),
                ledger: Arc::clone(&traffic.ledger),
            };
            traffic
                .tasks
                .spawn("flow", flow.run(Arc::clone(&traffic.stop)));
        }
        for number in 0..PEOPLE {
            let person = traffic
                .person(installation, Random::new(seed, 200 + number))
                .await;
            traffic
                .tasks
                .spawn("person", person.run(Arc::clone(&traffic.stop)));
        }
        traffic
    }

    async fn person(&self, installation: &Installation, random: Random) -> Person {
        Person {
            browser: installation.browser().await,
            customers: Arc::clone(&self.customers),
            random,
            tally: Arc::clone(&self.tally),
        }
    }

    /// Lets all finish what they do.
    async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.shutdown(Duration::from_secs(120)).await;
        if let Some(failure) = self.tasks.failure() {
            panic!("{failure}");
        }
    }

    /// Waits until the store has what agents took, and a little longer.
    async fn drain(&self) -> Duration {
        let began = Instant::now();
        let mut drained = began.elapsed();
        while began.elapsed() < drained + SETTLE {
            self.observer.look().await;
            if self.ledger.lock().unwrap().count().lost > 0 && began.elapsed() < DRAIN {
                drained = began.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        drained
    }

    /// After all the deaths, everybody's data can still be had.
    async fn each_customer_is_answered(&self, installation: &Installation) {
        let mut person = self.person(installation, Random::new(0, 0)).await;
        for customer in 0..self.customers.len() {
            let mut is_right = false;
            for _ in 0..5 {
                is_right = is_right || person.pull(customer, 2_000).await;
            }
            let tally = self.tally.lock().unwrap();
            assert!(is_right, "{:?}: {tally:?}", self.customers[customer]);
        }
    }

    async fn verdict(&self, scene: &Scene, seed: u64) {
        let kills = scene.dangers.kills;
        let count = self.ledger.lock().unwrap().count();
        let tally = std::mem::take(&mut *self.tally.lock().unwrap());
        let runs = self.observer.runs().await;
        let longest_ms = runs.iter().filter_map(|(_, took_ms)| *took_ms).max();
        println!(
            "pushes: {} accepted, {} unanswered, {} wrong",
            count.accepted, count.unanswered, count.wrong
        );
        println!(
            "pulls: {} right, {} failed {:?}, {} not ordered; longest run {longest_ms:?} ms",
            tally.right,
            tally.failed.values().sum::<usize>(),
            tally.failed,
            tally.not_ordered,
        );
        for (detail, times) in &tally.details {
            println!("  {times:5} {detail}");
        }
        println!(
            "kills: {kills}, lost: {}, doubled: {}, seed: {seed}",
            count.lost, count.doubled
        );
        assert_eq!(
            (count.lost, count.doubled, count.wrong),
            (0, 0, 0),
            "{:?}",
            self.ledger.lock().unwrap().wrong
        );
        assert!(
            count.accepted > kills * 2,
            "too few pushes to tell anything"
        );
        assert_eq!(tally.wrong, Vec::<String>::new());
        assert!(tally.right > kills, "too few pulls were answered");
        let open: Vec<_> = runs
            .iter()
            .filter(|(_, took_ms)| took_ms.is_none())
            .collect();
        assert_eq!(
            open,
            Vec::<&(String, Option<i64>)>::new(),
            "runs without an end"
        );
        let most_ms = i64::try_from(scene.pull_timeout_s * 1_000).unwrap() + RUN_MORE_MS;
        assert!(longest_ms < Some(most_ms), "a run took {longest_ms:?} ms");
    }
}

/// The customers, each with the names of its satellites in their order.
fn customers(
    satellites: &[(String, String)],
    name: impl Fn(&(String, String)) -> String,
) -> Vec<(String, Vec<String>)> {
    let of = |tenant: &&str| {
        let own = satellites.iter().filter(|(owner, _)| owner == *tenant);
        let mut names: Vec<_> = own.map(&name).collect();
        names.sort();
        ((*tenant).to_owned(), names)
    };
    TENANTS.iter().map(of).collect()
}
