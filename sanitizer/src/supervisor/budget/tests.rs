use super::*;
use Admission::{Suspended, Taken, TooFast};

const RULES: BudgetConfig = BudgetConfig {
    refusals: 10,
    window_s: 60,
    slow_after: 5,
    slow_per_s: 2,
    suspend_s: 90,
    worker_kills: 3,
};

fn hq() -> SatelliteId {
    "hq".parse().unwrap()
}

fn refused(budget: &mut Budget, times: usize, now_ms: u64) {
    (0..times).for_each(|_| budget.charge(&hq(), Charge::Refusal, now_ms));
}

/// After charges at times, the state at a time, and how long it lasts.
#[track_caller]
fn check(charges: &[(u64, Charge)], at_ms: u64, expected: BudgetState, lasts_ms: u64) {
    let mut budget = Budget::new(&RULES);
    for (at_ms, charge) in charges {
        budget.charge(&hq(), *charge, *at_ms);
    }
    budget.advance(at_ms);
    let standing = budget.standing(at_ms);
    let found = standing.first().map_or((BudgetState::Normal, 0), |change| {
        (change.state, change.lasts_ms)
    });
    assert_eq!(found, (expected, lasts_ms), "{charges:?} at {at_ms}");
}

fn at(at_ms: u64, times: usize) -> Vec<(u64, Charge)> {
    vec![(at_ms, Charge::Refusal); times]
}

#[test]
fn refusals_slow_then_suspend() {
    check(&[], 0, BudgetState::Normal, 0);
    check(&at(0, 4), 0, BudgetState::Normal, 0);
    check(&at(0, 5), 0, BudgetState::Slowed, 60_000);
    check(&at(0, 9), 0, BudgetState::Slowed, 60_000);
    check(&at(0, 10), 0, BudgetState::Suspended, 90_000);
    check(&at(0, 10), 30_000, BudgetState::Suspended, 60_000);
    // What comes while it is suspended does not make that longer.
    check(
        &[at(0, 10), at(1_000, 50)].concat(),
        2_000,
        BudgetState::Suspended,
        88_000,
    );
}

#[test]
fn only_what_is_in_the_window_counts() {
    check(&at(0, 9), 59_999, BudgetState::Slowed, 1);
    check(&at(0, 9), 60_000, BudgetState::Normal, 0);
    check(
        &[at(0, 9), at(59_999, 1)].concat(),
        59_999,
        BudgetState::Suspended,
        90_000,
    );
    check(
        &[at(0, 9), at(60_000, 1)].concat(),
        60_000,
        BudgetState::Normal,
        0,
    );
    // It ends when enough have left, not all.
    check(
        &[at(0, 2), at(10_000, 6)].concat(),
        20_000,
        BudgetState::Slowed,
        50_000,
    );
}

#[test]
fn a_lost_worker_weighs_more() {
    let kills = |times| vec![(0, Charge::WorkerKill); times];
    check(&kills(1), 0, BudgetState::Normal, 0);
    check(&kills(2), 0, BudgetState::Slowed, 60_000);
    check(&kills(3), 0, BudgetState::Suspended, 90_000);
    check(
        &[kills(1), at(0, 1)].concat(),
        0,
        BudgetState::Slowed,
        60_000,
    );
    check(
        &[kills(2), at(0, 1)].concat(),
        0,
        BudgetState::Slowed,
        60_000,
    );
    check(
        &[kills(2), at(0, 2)].concat(),
        0,
        BudgetState::Suspended,
        90_000,
    );
}

#[test]
fn after_a_suspension_it_begins_anew() {
    let ended = at(0, 10);
    check(&ended, 89_999, BudgetState::Suspended, 1);
    check(&ended, 90_000, BudgetState::Normal, 0);
    check(
        &[ended.clone(), at(90_000, 4)].concat(),
        90_000,
        BudgetState::Normal,
        0,
    );
    check(
        &[ended, at(90_000, 10)].concat(),
        90_000,
        BudgetState::Suspended,
        90_000,
    );
}

#[test]
fn who_is_slowed_sends_so_many_a_second_unasked_and_answers_as_asked() {
    let mut budget = Budget::new(&RULES);
    assert_eq!(budget.admit(&hq(), false, 0), Taken);
    refused(&mut budget, 5, 0);
    let mut sent = |now_ms: u64, is_reply: bool| budget.admit(&hq(), is_reply, now_ms);
    assert_eq!(
        [sent(0, false), sent(0, false), sent(0, false)],
        [Taken, Taken, TooFast]
    );
    assert_eq!([sent(0, true); 20], [Taken; 20]);
    assert_eq!(
        [sent(499, false), sent(500, false), sent(501, false)],
        [TooFast, Taken, TooFast]
    );
    // A pause is worth no more than a second's messages.
    assert_eq!(
        [
            sent(30_000, false),
            sent(30_000, false),
            sent(30_000, false)
        ],
        [Taken, Taken, TooFast]
    );
    assert_eq!(sent(60_000, false), Taken);
    assert_eq!([sent(60_000, false); 20], [Taken; 20], "no longer slowed");
}

#[test]
fn who_is_suspended_sends_nothing_and_another_is_not_touched() {
    let mut budget = Budget::new(&RULES);
    refused(&mut budget, 10, 0);
    let branch: SatelliteId = "branch".parse().unwrap();
    for is_reply in [false, true] {
        assert_eq!(budget.admit(&hq(), is_reply, 1), Suspended);
        assert_eq!(budget.admit(&hq(), is_reply, 89_999), Suspended);
        assert_eq!(budget.admit(&branch, is_reply, 1), Taken);
    }
    assert_eq!(budget.admit(&hq(), false, 90_000), Taken);
}

#[test]
fn each_change_is_told_once() {
    let mut budget = Budget::new(&RULES);
    let mut states = Vec::new();
    let mut note = |budget: &mut Budget| {
        states.extend(budget.changes().into_iter().map(|change| change.state));
    };
    refused(&mut budget, 7, 0);
    note(&mut budget);
    note(&mut budget);
    refused(&mut budget, 30, 1);
    note(&mut budget);
    budget.advance(90_001);
    budget.advance(200_000);
    note(&mut budget);
    assert_eq!(
        states,
        [
            BudgetState::Slowed,
            BudgetState::Suspended,
            BudgetState::Normal
        ]
    );
    assert!(budget.accounts.is_empty(), "nothing is remembered of it");
}

#[test]
fn no_more_satellites_are_remembered_than_the_limit() {
    let mut budget = Budget::new(&RULES);
    for number in 0..SATELLITES_MAX + 5 {
        let satellite = format!("s-{number}").parse().unwrap();
        budget.charge(&satellite, Charge::Refusal, 0);
    }
    assert_eq!(budget.accounts.len(), SATELLITES_MAX);
    budget.advance(60_000);
    assert!(budget.accounts.is_empty());
}

#[test]
fn at_the_brink_is_one_refusal_before_the_suspension() {
    let check = |charges: usize, at_ms: u64, expected: bool| {
        let mut budget = Budget::new(&RULES);
        refused(&mut budget, charges, 0);
        assert_eq!(budget.is_at_the_brink(&hq(), at_ms), expected, "{charges}");
    };
    check(0, 0, false);
    check(8, 0, false);
    check(9, 0, true);
    check(9, 59_999, true);
    check(9, 60_000, false);
    // Who is suspended is not suspended again, and begins anew afterwards.
    check(10, 0, false);
    check(10, 89_999, false);
    check(10, 90_000, false);
    let strict = BudgetConfig {
        refusals: 1,
        ..RULES
    };
    assert!(Budget::new(&strict).is_at_the_brink(&hq(), 0));
}

#[test]
fn what_is_forgiven_counts_no_more_and_suspensions_stay() {
    let mut budget = Budget::new(&RULES);
    let branch: SatelliteId = "branch".parse().unwrap();
    refused(&mut budget, 9, 0);
    (0..10).for_each(|_| budget.charge(&branch, Charge::Refusal, 0));
    budget.changes();
    budget.forgive(1_000);
    let changes = budget.changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        (&changes[0].satellite, changes[0].state),
        (&hq(), BudgetState::Normal)
    );
    assert_eq!(budget.admit(&branch, false, 1_000), Suspended);
    refused(&mut budget, 4, 1_000);
    assert_eq!(budget.admit(&hq(), false, 1_000), Taken);
}
