//! Plays the sanitizers by a model of their own rules, so that what two of them hold at a time is seen from outside.

use super::*;

const TENANTS: [&str; 6] = ["acme", "globex", "hooli", "initech", "soylent", "umbrella"];

fn tenants() -> Vec<TenantId> {
    TENANTS.map(|name| name.parse().unwrap()).to_vec()
}

/// A sanitizer as `POST /v1/leases` shows it.
#[derive(Default)]
struct Played {
    down: bool,
    free: bool,
    undivided: bool,
    unknown: Vec<TenantId>,
    stamp: u64,
    term: u64,
    end_ms: u64,
    tenants: BTreeSet<TenantId>,
}

impl Played {
    fn take(&mut self, body: &LeasesBody, now_ms: u64) -> LeasesAnswer {
        let next = now_ms.max(self.stamp + 1);
        let taken =
            self.stamp != 0 && body.stamp == self.stamp && body.stamp + body.lease_ms > now_ms;
        if taken {
            if self.end_ms <= now_ms {
                self.term = next;
            }
            self.end_ms = body.stamp + body.lease_ms;
            self.tenants = body.tenants.iter().cloned().collect();
            self.tenants.retain(|tenant| !self.unknown.contains(tenant));
        }
        self.stamp = next;
        LeasesAnswer {
            stamp: next,
            taken,
            term: self.term,
            undivided: self.undivided,
            unknown: self.unknown.clone(),
        }
    }

    fn holds(&self, now_ms: u64) -> BTreeSet<TenantId> {
        if now_ms < self.end_ms {
            self.tenants.clone()
        } else {
            BTreeSet::new()
        }
    }
}

/// A centre with its sanitizers.
struct Scene {
    share: Share,
    played: Vec<Played>,
    now_ms: u64,
    lost: Vec<(u64, Lost)>,
    calls: u64,
}

impl Scene {
    fn new(sanitizers: usize) -> Self {
        let mut played = Vec::new();
        played.resize_with(sanitizers, Played::default);
        Self {
            share: Self::share(sanitizers, 1_000),
            played,
            now_ms: 1_000,
            lost: Vec::new(),
            calls: 0,
        }
    }

    fn share(sanitizers: usize, now_ms: u64) -> Share {
        let urls = ["https://a:1", "https://b:1", "https://c:1"];
        Share::new(&urls[..sanitizers], tenants(), now_ms)
    }

    /// The centre starts anew and remembers nothing.
    fn forget(&mut self) {
        self.share = Self::share(self.played.len(), self.now_ms);
    }

    /// One look of each loop; `lost_answers` are taken by the sanitizer and never heard of.
    fn step(&mut self, lost_answers: &[usize]) {
        for index in 0..self.played.len() {
            let (call, lost) = self.share.call(index, self.now_ms);
            self.note(lost);
            let Some(body) = call else { continue };
            self.calls += 1;
            let played = &mut self.played[index];
            let lost = if played.down {
                self.share.failed(index, self.now_ms)
            } else if played.free {
                self.share.is_free(index, self.now_ms)
            } else {
                let answer = played.take(&body, self.now_ms);
                if lost_answers.contains(&index) {
                    self.share.failed(index, self.now_ms)
                } else {
                    self.share.answered(index, answer, self.now_ms)
                }
            };
            self.note(lost);
        }
        self.never_two();
        self.now_ms += 100;
    }

    fn note(&mut self, lost: Vec<Lost>) {
        self.lost
            .extend(lost.into_iter().map(|lost| (self.now_ms, lost)));
    }

    #[track_caller]
    fn never_two(&self) {
        let mut all = BTreeSet::new();
        let mut holders = 0;
        for played in self.played.iter().filter(|played| !played.free) {
            let held = played.holds(self.now_ms);
            holders += usize::from(!held.is_empty());
            for tenant in held {
                assert!(
                    all.insert(tenant.clone()),
                    "{tenant} is held twice at {}",
                    self.now_ms
                );
            }
        }
        assert!(holders <= 1 || !self.played.iter().any(|played| played.undivided));
    }

    fn moved(&self) -> usize {
        let moves = self.lost.iter();
        moves
            .filter(|(_, lost)| matches!(lost, Lost::Tenant(..)))
            .count()
    }

    fn run(&mut self, ms: u64) {
        (0..ms / 100).for_each(|_| self.step(&[]));
    }

    fn held(&self) -> Vec<usize> {
        self.played
            .iter()
            .map(|played| played.holds(self.now_ms).len())
            .collect()
    }

    fn homes(&self) -> Vec<Home> {
        tenants()
            .iter()
            .map(|tenant| self.share.home(tenant, self.now_ms))
            .collect()
    }

    fn is_served(&self) -> bool {
        self.homes().iter().all(|home| matches!(home, Home::At(_)))
    }
}

#[test]
fn all_that_answer_get_their_part_within_a_second() {
    for sanitizers in 1..=3 {
        let mut scene = Scene::new(sanitizers);
        assert_eq!(scene.homes(), [Home::Anywhere; 6]);
        scene.run(1_000);
        assert!(scene.is_served(), "{:?}", scene.homes());
        assert_eq!(scene.held().iter().sum::<usize>(), 6);
        assert!(
            scene.held().iter().all(|held| *held > 0),
            "{:?}",
            scene.held()
        );
        let before = scene.held();
        scene.run(60_000);
        assert_eq!(scene.held(), before);
        assert_eq!(scene.lost, []);
        assert!(
            scene.calls <= 70 * sanitizers as u64,
            "{} calls in a minute",
            scene.calls
        );
    }
}

#[test]
fn one_that_dies_is_replaced_within_four_seconds_and_gets_its_own_back_after_ten() {
    let mut scene = Scene::new(2);
    scene.run(5_000);
    let before = scene.held();
    scene.played[0].down = true;
    let died_ms = scene.now_ms;
    scene.run(4_000);
    assert_eq!(scene.homes(), [Home::At(1); 6]);
    assert_eq!(scene.played[1].holds(scene.now_ms).len(), 6);
    assert_eq!(scene.lost.len(), before[0]);
    assert!(
        scene
            .lost
            .iter()
            .all(|(_, lost)| matches!(lost, Lost::Tenant(0, _)))
    );
    assert!(
        scene
            .lost
            .iter()
            .all(|(at_ms, _)| *at_ms >= died_ms + 2_000)
    );
    scene.lost.clear();
    scene.played[0] = Played::default();
    scene.run(9_900);
    assert_eq!((scene.homes(), scene.moved()), (vec![Home::At(1); 6], 0));
    scene.lost.clear();
    scene.run(2_000);
    assert_eq!(scene.held(), before);
    assert!(scene.is_served());
    assert!(
        scene
            .lost
            .iter()
            .all(|(_, lost)| matches!(lost, Lost::Tenant(1, _)))
    );
}

#[test]
fn one_that_comes_and_goes_gets_nothing_back() {
    let mut scene = Scene::new(2);
    scene.run(2_000);
    scene.played[0].down = true;
    scene.run(4_000);
    scene.lost.clear();
    for _ in 0..20 {
        scene.played[0] = Played::default();
        scene.run(8_000);
        scene.played[0].down = true;
        scene.run(2_000);
    }
    assert_eq!((scene.homes(), scene.moved()), (vec![Home::At(1); 6], 0));
}

#[test]
fn an_answer_that_is_lost_never_makes_two_hold_the_same() {
    let mut scene = Scene::new(3);
    for round in 0..2_000_u64 {
        // Any pattern will do that is neither regular nor different from run to run.
        let noise = round.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let lost: Vec<usize> = (0..3)
            .filter(|index| noise >> (index * 4) & 7 == 0)
            .collect();
        scene.played[(noise >> 12) as usize % 3].down = noise >> 16 & 31 == 0;
        scene.step(&lost);
    }
    scene
        .played
        .iter_mut()
        .for_each(|played| played.down = false);
    scene.run(15_000);
    assert!(scene.is_served());
}

#[test]
fn a_centre_that_starts_anew_waits_for_leases_that_it_does_not_know() {
    let mut scene = Scene::new(2);
    scene.run(2_000);
    scene.played[0].down = true;
    scene.run(6_000);
    assert_eq!(scene.homes(), [Home::At(1); 6]);
    scene.played[0].down = false;
    scene.forget();
    scene.run(1_000);
    assert!(
        scene.is_served() && scene.held()[0] > 0,
        "both answer, so that each says what it holds"
    );
    scene.forget();
    scene.played[1].down = true;
    scene.run(4_000);
    assert_eq!(scene.homes(), [Home::Nowhere; 6]);
    assert_eq!(
        scene.held()[0],
        0,
        "the one that is silent may still hold everything"
    );
    scene.run(1_500);
    assert_eq!(scene.homes(), [Home::At(0); 6]);
}

#[test]
fn one_that_starts_anew_in_time_keeps_its_tenants_and_what_was_asked_of_it_is_lost() {
    let mut scene = Scene::new(2);
    scene.run(2_000);
    let before = scene.held();
    scene.played[0] = Played::default();
    scene.run(1_500);
    assert_eq!(scene.held(), before);
    assert_eq!(
        scene.lost.iter().map(|(_, lost)| lost).collect::<Vec<_>>(),
        [&Lost::All(0)]
    );
}

#[test]
fn without_leases_everybody_serves_everything() {
    let mut scene = Scene::new(2);
    scene
        .played
        .iter_mut()
        .for_each(|played| played.free = true);
    scene.run(30_000);
    assert_eq!((scene.homes(), scene.calls), (vec![Home::Anywhere; 6], 6));
    assert_eq!(scene.share.held(0, scene.now_ms), None);
}

#[test]
fn a_tenant_goes_only_where_it_is_known() {
    let mut scene = Scene::new(2);
    scene.played[0].unknown = tenants()[..5].to_vec();
    scene.played[1].unknown = tenants()[5..].to_vec();
    scene.run(2_000);
    assert_eq!(scene.held(), [1, 5]);
    scene.played[1].down = true;
    scene.run(10_000);
    assert_eq!(scene.held(), [1, 0]);
    assert!(scene.calls < 60, "{} calls", scene.calls);
}

#[test]
fn tenants_that_nobody_has_are_not_remembered() {
    let mut scene = Scene::new(2);
    for round in 0..50 {
        let named = |number: u64| format!("x{round}-{number}").parse().unwrap();
        scene.played[0].unknown = (0..100).map(named).chain(tenants().drain(..1)).collect();
        scene.run(2_000);
    }
    assert_eq!(scene.share.members[0].unknown.len(), 1);
    let held = scene.held();
    assert_eq!(held.iter().sum::<usize>(), TENANTS.len(), "{held:?}");
}

#[test]
fn what_cannot_be_divided_is_one_sanitizers_alone() {
    let mut scene = Scene::new(2);
    scene
        .played
        .iter_mut()
        .for_each(|played| played.undivided = true);
    scene.run(1_000);
    let first = scene.held().iter().position(|held| *held == 6).unwrap();
    scene.played[first].down = true;
    scene.run(4_000);
    assert_eq!(scene.homes(), [Home::At(1 - first); 6]);
    scene.played[first].down = false;
    scene.run(12_000);
    assert_eq!(scene.homes(), [Home::At(first); 6]);
}
