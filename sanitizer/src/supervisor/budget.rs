//! How much a satellite may send that is refused, before it is slowed and then suspended. Pure; times are monotonic.

mod sample;

pub(super) use sample::Samples;

use crate::config::BudgetConfig;
use spokegate_contract::SatelliteId;
use spokegate_contract::record::BudgetState;
use std::collections::{HashMap, VecDeque};

/// Satellites of one customer that are remembered; what others are charged is forgotten.
const SATELLITES_MAX: usize = 10_000;

/// Something that a satellite is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Charge {
    /// A message was refused.
    Refusal,
    /// A worker was lost over a message.
    WorkerKill,
}

/// Whether a message is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is.
    Taken,
    /// The satellite is slowed, and this is more than it may send.
    TooFast,
    /// The satellite is suspended.
    Suspended,
}

/// A satellite's state is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// Which one.
    pub(super) satellite: SatelliteId,
    /// Its state.
    pub(super) state: BudgetState,
    /// How long that lasts at least, if nothing else happens.
    pub(super) lasts_ms: u64,
}

/// The rules, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Rules {
    refusals: u64,
    window_ms: u64,
    slow_after: u64,
    slow_per_s: u64,
    suspend_ms: u64,
    kill_cost: u64,
}

/// What is known of one satellite.
#[derive(Debug)]
struct Account {
    state: BudgetState,
    /// The last state that was told as a change.
    told: BudgetState,
    /// When the suspension ends.
    until_ms: u64,
    /// When, and how much; within the window.
    charges: VecDeque<(u64, u64)>,
    level: u64,
    /// Thousandths of messages that a slowed satellite may send now.
    room_milli: u64,
    filled_ms: u64,
}

/// The accounts of one customer's satellites.
#[derive(Debug)]
pub(super) struct Budget {
    rules: Rules,
    accounts: HashMap<SatelliteId, Account>,
    changes: Vec<Change>,
}

impl Budget {
    /// Nobody is charged with anything yet.
    pub(super) fn new(config: &BudgetConfig) -> Budget {
        Budget {
            rules: Rules {
                refusals: config.refusals,
                window_ms: config.window_s.saturating_mul(1_000),
                slow_after: config.slow_after,
                slow_per_s: config.slow_per_s,
                suspend_ms: config.suspend_s.saturating_mul(1_000),
                kill_cost: config.refusals.div_ceil(config.worker_kills.max(1)),
            },
            accounts: HashMap::new(),
            changes: Vec::new(),
        }
    }

    /// Charges a satellite. What it is charged with while it is suspended was sent before and counts for nothing.
    pub(super) fn charge(&mut self, satellite: &SatelliteId, charge: Charge, now_ms: u64) {
        if self.accounts.len() >= SATELLITES_MAX && !self.accounts.contains_key(satellite) {
            return;
        }
        let rules = self.rules;
        let account = self
            .accounts
            .entry(satellite.clone())
            .or_insert_with(|| Account::new(now_ms));
        account.advance(&rules, now_ms);
        if account.state != BudgetState::Suspended {
            let cost = match charge {
                Charge::Refusal => 1,
                Charge::WorkerKill => rules.kill_cost,
            };
            account.charges.push_back((now_ms, cost));
            account.level = account.level.saturating_add(cost);
            account.judge(&rules, now_ms);
        }
        self.note(satellite, now_ms);
    }

    /// Whether one more refusal would have a satellite suspended.
    pub(super) fn is_at_the_brink(&self, satellite: &SatelliteId, now_ms: u64) -> bool {
        let known = self.accounts.get(satellite);
        if known.is_some_and(|account| account.is_suspended(now_ms)) {
            return false;
        }
        let level = known.map_or(0, |account| account.level_at(&self.rules, now_ms));
        level.saturating_add(1) >= self.rules.refusals
    }

    /// Forgets what satellites are charged with, but for those that are suspended.
    pub(super) fn forgive(&mut self, now_ms: u64) {
        let rules = self.rules;
        let satellites: Vec<SatelliteId> = self.accounts.keys().cloned().collect();
        for satellite in satellites {
            if let Some(account) = self.accounts.get_mut(&satellite)
                && !account.is_suspended(now_ms)
            {
                account.charges.clear();
                account.level = 0;
                account.advance(&rules, now_ms);
            }
            self.note(&satellite, now_ms);
        }
    }

    /// Whether a message is taken. Answers to pulls are not slowed: the centre asked for them, and its credit bounds them.
    pub(super) fn admit(
        &mut self,
        satellite: &SatelliteId,
        is_reply: bool,
        now_ms: u64,
    ) -> Admission {
        let rules = self.rules;
        let Some(account) = self.accounts.get_mut(satellite) else {
            return Admission::Taken;
        };
        account.advance(&rules, now_ms);
        let slowed = account.state == BudgetState::Slowed && !is_reply;
        let admission = if account.state == BudgetState::Suspended {
            Admission::Suspended
        } else if slowed && !account.has_room(&rules, now_ms) {
            Admission::TooFast
        } else {
            Admission::Taken
        };
        self.note(satellite, now_ms);
        admission
    }

    /// Time passes: suspensions end, charges leave the window, who has none is forgotten.
    pub(super) fn advance(&mut self, now_ms: u64) {
        let rules = self.rules;
        let satellites: Vec<SatelliteId> = self.accounts.keys().cloned().collect();
        for satellite in satellites {
            if let Some(account) = self.accounts.get_mut(&satellite) {
                account.advance(&rules, now_ms);
            }
            self.note(&satellite, now_ms);
        }
        self.accounts.retain(|_, account| {
            account.told != BudgetState::Normal || !account.charges.is_empty()
        });
    }

    /// What has changed since this was last asked.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// All that are slowed or suspended.
    pub(super) fn standing(&self, now_ms: u64) -> Vec<Change> {
        let not_normal = self
            .accounts
            .iter()
            .filter(|(_, account)| account.told != BudgetState::Normal);
        not_normal
            .map(|(satellite, account)| account.change(satellite, &self.rules, now_ms))
            .collect()
    }

    fn note(&mut self, satellite: &SatelliteId, now_ms: u64) {
        if let Some(account) = self.accounts.get_mut(satellite)
            && account.told != account.state
        {
            account.told = account.state;
            self.changes
                .push(account.change(satellite, &self.rules, now_ms));
        }
    }
}

impl Account {
    fn new(now_ms: u64) -> Account {
        Account {
            state: BudgetState::Normal,
            told: BudgetState::Normal,
            until_ms: 0,
            charges: VecDeque::new(),
            level: 0,
            room_milli: 0,
            filled_ms: now_ms,
        }
    }

    fn is_suspended(&self, now_ms: u64) -> bool {
        self.state == BudgetState::Suspended && now_ms < self.until_ms
    }

    /// What it is charged with at a time that has not been looked at yet.
    fn level_at(&self, rules: &Rules, now_ms: u64) -> u64 {
        if self.state == BudgetState::Suspended {
            return 0;
        }
        let counts = |(at_ms, _): &&(u64, u64)| now_ms.saturating_sub(*at_ms) < rules.window_ms;
        let charges = self.charges.iter().filter(counts);
        charges.fold(0, |level, (_, cost)| level.saturating_add(*cost))
    }

    fn advance(&mut self, rules: &Rules, now_ms: u64) {
        if self.state == BudgetState::Suspended {
            if now_ms < self.until_ms {
                return;
            }
            // Whoever was suspended begins anew.
            self.state = BudgetState::Normal;
            self.charges.clear();
            self.level = 0;
        }
        let is_over = |at_ms: u64| now_ms.saturating_sub(at_ms) >= rules.window_ms;
        while let Some((at_ms, cost)) = self.charges.front().copied()
            && is_over(at_ms)
        {
            self.charges.pop_front();
            self.level = self.level.saturating_sub(cost);
        }
        self.judge(rules, now_ms);
    }

    fn judge(&mut self, rules: &Rules, now_ms: u64) {
        let state = if self.level >= rules.refusals {
            self.until_ms = now_ms.saturating_add(rules.suspend_ms);
            BudgetState::Suspended
        } else if self.level >= rules.slow_after {
            BudgetState::Slowed
        } else {
            BudgetState::Normal
        };
        if state == BudgetState::Slowed && self.state != state {
            self.room_milli = rules.slow_per_s.saturating_mul(1_000);
            self.filled_ms = now_ms;
        }
        self.state = state;
    }

    /// Takes the room of one message, of which `slow_per_s` come back each second.
    fn has_room(&mut self, rules: &Rules, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = now_ms;
        let gained = passed.saturating_mul(rules.slow_per_s);
        let most = rules.slow_per_s.saturating_mul(1_000);
        self.room_milli = self.room_milli.saturating_add(gained).min(most);
        match self.room_milli.checked_sub(1_000) {
            Some(left) => {
                self.room_milli = left;
                true
            }
            None => false,
        }
    }

    fn change(&self, satellite: &SatelliteId, rules: &Rules, now_ms: u64) -> Change {
        let lasts_ms = match self.state {
            BudgetState::Normal => 0,
            BudgetState::Slowed => self.slowed_for(rules, now_ms),
            BudgetState::Suspended => self.until_ms.saturating_sub(now_ms),
        };
        Change {
            satellite: satellite.clone(),
            state: self.state,
            lasts_ms,
        }
    }

    /// Until so many charges have left the window that it is no longer slowed.
    fn slowed_for(&self, rules: &Rules, now_ms: u64) -> u64 {
        let mut level = self.level;
        for (at_ms, cost) in &self.charges {
            level = level.saturating_sub(*cost);
            if level < rules.slow_after {
                let end_ms = at_ms.saturating_add(rules.window_ms);
                return end_ms.saturating_sub(now_ms);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests;
