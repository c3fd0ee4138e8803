//! What is killed, when, and how long it takes until the flow goes on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spokegate_daemon::Clock;

use crate::processes::{Installation, kill_nine};
use crate::pushes::{Ledger, Observer};
use crate::random::Random;

/// Longest time until pushes of every satellite reach the store again.
const FLOW_MAX: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest time until a process that another one keeps is there to be killed.
const CHILD_MAX: Duration = Duration::from_secs(30);

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Worker,
    Ingest,
    Egress,
    /// Only the sanitizer's first process; the others have to end by themselves.
    Supervisor,
    /// The sanitizer with all its processes, as when its host fails.
    Sanitizer,
    Broker,
    Centre,
    Agent,
}

const PARTS: [Part; 8] = [
    Part::Worker,
    Part::Ingest,
    Part::Egress,
    Part::Supervisor,
    Part::Sanitizer,
    Part::Broker,
    Part::Centre,
    Part::Agent,
];

/// One kill of the schedule.
#[derive(Debug, Clone)]
pub(crate) struct Kill {
    pub(crate) part: Part,
    /// Which of several; taken modulo how many there are.
    pub(crate) which: u64,
    /// From the moment at which the flow went on, or from the kill before.
    pub(crate) pause: Duration,
    /// Until the host's service manager starts it again.
    pub(crate) restart: Duration,
    /// Whether the next kill comes before the flow goes on.
    pub(crate) overlaps: bool,
}

/// What may be killed, and how often.
#[derive(Debug)]
pub(crate) struct Dangers {
    pub(crate) kills: usize,
    pub(crate) parts: Vec<Part>,
    /// How long a dead process stays dead.
    pub(crate) restart_ms: Range<u64>,
    /// Whether a kill may come before the flow has gone on after the one before.
    pub(crate) overlap: bool,
}

impl Dangers {
    /// The kills: every part equally often, in an order and at moments that follow from the seed.
    pub(crate) fn schedule(&self, random: &mut Random) -> Vec<Kill> {
        let mut kills = Vec::new();
        while kills.len() < self.kills {
            let mut round = self.parts.clone();
            random.shuffle(&mut round);
            kills.extend(round.into_iter().map(|part| Kill {
                part,
                which: random.next(),
                pause: Duration::from_millis(random.between(0, 900)),
                restart: Duration::from_millis(
                    random.between(self.restart_ms.start, self.restart_ms.end),
                ),
                overlaps: random.once_in(4) && self.overlap,
            }));
        }
        kills.truncate(self.kills);
        kills
    }
}

/// Every part.
pub(crate) fn all_parts() -> Vec<Part> {
    PARTS.to_vec()
}

/// A kill after which the flow has not gone on yet.
struct Open {
    part: Part,
    at_ms: u64,
    since: Instant,
}

/// Kills, starts again, and measures.
pub(crate) struct Killer<'a> {
    pub(crate) installation: &'a mut Installation,
    pub(crate) observer: &'a Observer,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    /// How long the flow of every satellite took to go on, by part.
    pub(crate) waits_ms: BTreeMap<Part, Vec<u64>>,
    /// Processes that ended without being killed, and were started again; with their last words.
    pub(crate) ended: Vec<String>,
    open: Vec<Open>,
}

impl<'a> Killer<'a> {
    pub(crate) fn new(
        installation: &'a mut Installation,
        observer: &'a Observer,
        ledger: Arc<Mutex<Ledger>>,
    ) -> Self {
        Self {
            installation,
            observer,
            ledger,
            waits_ms: BTreeMap::new(),
            ended: Vec::new(),
            open: Vec::new(),
        }
    }

    pub(crate) async fn run(&mut self, schedule: &[Kill]) {
        for kill in schedule {
            tokio::time::sleep(kill.pause).await;
            self.kill(kill).await;
            if !kill.overlaps {
                self.flow_goes_on().await;
            }
        }
        self.flow_goes_on().await;
    }

    async fn kill(&mut self, kill: &Kill) {
        let clock = Clock::system();
        let sanitizers = self.installation.sanitizers.len() as u64;
        let sanitizer = (kill.which % sanitizers) as usize;
        match kill.part {
            Part::Worker => {
                self.kill_child(sanitizer, "worker", kill.which / sanitizers)
                    .await
            }
            Part::Ingest => self.kill_child(sanitizer, "ingest", 0).await,
            Part::Egress => self.kill_child(sanitizer, "egress", 0).await,
            Part::Supervisor => {
                let process = &mut self.installation.sanitizers[sanitizer];
                let killed = process.kill_leader().await;
                assert_eq!(killed, Ok(()), "a dead sanitizer's processes stay");
            }
            Part::Sanitizer => self.installation.sanitizers[sanitizer].kill(),
            Part::Broker => self.installation.broker.kill(),
            Part::Centre => self.installation.centre.kill(),
            Part::Agent => {
                let agents = self.installation.satellites().count() as u64;
                let place = (kill.which % agents) as usize;
                self.installation.agent(place).kill();
            }
        }
        self.open.push(Open {
            part: kill.part,
            at_ms: clock.now_ms(),
            since: Instant::now(),
        });
        tokio::time::sleep(kill.restart).await;
        self.start_what_is_down();
    }

    async fn kill_child(&mut self, sanitizer: usize, verb: &str, which: u64) {
        let end = Instant::now() + CHILD_MAX;
        loop {
            let children = self.installation.sanitizers[sanitizer].children(verb);
            let place = which.checked_rem(children.len() as u64).unwrap_or(0);
            if children.get(place as usize).copied().is_some_and(kill_nine) {
                return;
            }
            assert!(Instant::now() < end, "the sanitizer has no {verb}");
            self.start_what_is_down();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// As the service manager of each host does: what is not there is started.
    fn start_what_is_down(&mut self) {
        for process in self.installation.processes() {
            if process.has_ended() {
                if process.was_left_alone() {
                    let words = format!("{}: {}", process.name(), process.words());
                    self.ended.push(words);
                }
                process.spawn();
            }
        }
    }

    /// Waits until a push that each agent took after the last kill is in the centre's store.
    async fn flow_goes_on(&mut self) {
        let places = self.installation.satellites().count();
        while let Some(first) = self.open.first() {
            self.observer.look().await;
            let (at_ms, part) = (first.at_ms, first.part);
            let waits = {
                let ledger = self.ledger.lock().unwrap();
                let went_on = (0..places).map(|place| ledger.went_on_at_ms(place, at_ms));
                went_on.collect::<Vec<_>>()
            };
            if let Some(all) = waits.iter().copied().collect::<Option<Vec<_>>>() {
                let last_ms = all.into_iter().max().unwrap_or(at_ms);
                let wait_ms = last_ms.saturating_sub(at_ms);
                self.waits_ms.entry(part).or_default().push(wait_ms);
                self.open.remove(0);
                continue;
            }
            assert!(
                first.since.elapsed() < FLOW_MAX,
                "after the kill of {part:?} nothing came within {} s from all satellites: {waits:?}",
                FLOW_MAX.as_secs(),
            );
            self.start_what_is_down();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
