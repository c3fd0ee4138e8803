//! How the satellites of a lane stand with their budget, and what follows from it.

use super::super::budget::{Admission, Change, Charge};
use super::super::stats::count;
use super::super::window::{Item, PRESENCE};
use super::Lane;
use crate::link::{BUDGET_CHANNEL, BudgetNews, Condemned, Reason, RefusalHead, ToIngest, WorkHead};
use bytes::Bytes;
use spokegate_contract::record::BudgetState;
use spokegate_contract::{ENROLMENT_TENANT, SatelliteId};
use spokegate_daemon::audit::Event;
use std::sync::atomic::Ordering;

impl Lane {
    /// Gives a message back that may go to a worker. What a suspended satellite sends, or a slowed one too fast, is let
    /// go of: the centre never acknowledges it, so a push comes again, and the answer to a pull becomes its failure.
    pub(super) async fn admitted(&mut self, item: Item) -> Option<Item> {
        let work = &item.work;
        if work.channel == BUDGET_CHANNEL {
            tracing::error!(tenant.id = %self.tenant, "ingest speaks for the supervisor; the message was dropped");
            return None;
        }
        // The broker says who is there, and everybody is behind the one door.
        if work.channel == PRESENCE || self.is_door() {
            return Some(item);
        }
        let now_ms = self.now_ms();
        let admission = self
            .budget
            .admit(&work.satellite, work.channel == "reply", now_ms);
        self.follow().await;
        match admission {
            Admission::Taken => Some(item),
            Admission::TooFast | Admission::Suspended => self.held_off(item).await,
        }
    }

    /// What becomes of a refused message once its records are out.
    pub(super) async fn refused(&mut self, item: Item, refusal: RefusalHead) {
        count(&self.stats.refused);
        metrics::counter!("spokegate_sanitizer_refused_total", "reason" => refusal.reason.as_str())
            .increment(1);
        let logged = self.samples.take(&item.work.satellite, self.now_ms());
        self.hub
            .tell_refused(&item.work, &refusal, item.payload.len(), logged);
        self.charge(&item).await;
        // Anybody may knock at the door: what is refused there must not push a customer's out of quarantine.
        if !self.is_door() {
            self.hub.quarantine.store(item, refusal);
        }
    }

    /// Charges the satellite with a refused message; with more when the supervisor saw that it cost a worker.
    pub(super) async fn charge(&mut self, item: &Item) {
        if !self.is_charged(item) {
            return;
        }
        let condemned = item.work.condemned.as_ref().map(|why| why.reason);
        let charge = match condemned {
            Some(Reason::Crash | Reason::Stall) => Charge::WorkerKill,
            _ => Charge::Refusal,
        };
        let now_ms = self.now_ms();
        self.budget.charge(&item.work.satellite, charge, now_ms);
        self.follow().await;
    }

    /// Whether what becomes of a message is its satellite's business.
    pub(super) fn is_charged(&self, item: &Item) -> bool {
        !self.is_door() && ![PRESENCE, BUDGET_CHANNEL].contains(&item.work.channel.as_str())
    }

    /// A second has passed.
    pub(super) async fn pass_time(&mut self) {
        let now_ms = self.now_ms();
        self.budget.advance(now_ms);
        self.follow().await;
        for (satellite, messages) in self.samples.ended(now_ms) {
            let satellite = satellite.as_ref().map_or("others", SatelliteId::as_str);
            tracing::warn!(tenant.id = %self.tenant, satellite.id = satellite, messages, "more messages were refused within the minute than were logged");
        }
    }

    /// The centre may not have heard how satellites stand.
    pub(super) fn repeat_standing(&mut self) {
        for change in self.budget.standing(self.now_ms()) {
            self.write_down(&change);
        }
    }

    /// Tells ingest that a message has left the lane.
    pub(super) async fn done(&self, item: &Item, refused: bool) {
        if item.work.channel == BUDGET_CHANNEL {
            return;
        }
        self.left(item.work.token, refused).await;
    }

    /// The same for a message of which only the number is left.
    pub(super) async fn left(&self, token: u64, refused: bool) {
        let done = ToIngest::Done {
            tenant: self.tenant.clone(),
            token,
            refused,
        };
        self.hub.ingest.send(&done, b"").await;
    }

    /// Does what follows from changes.
    async fn follow(&mut self) {
        for change in self.budget.changes() {
            self.tell(&change);
            if change.state == BudgetState::Suspended {
                for item in self.window.take_out(&change.satellite) {
                    if let Some(item) = self.held_off(item).await {
                        // There is room: it was just taken out.
                        let _ = self.window.add(item);
                    }
                }
            }
            self.write_down(&change);
            self.count_standing();
        }
    }

    fn count_standing(&self) {
        let standing = self.budget.standing(self.now_ms());
        let with = |state| {
            standing
                .iter()
                .filter(move |one| one.state == state)
                .count()
        };
        let (slowed, suspended) = (with(BudgetState::Slowed), with(BudgetState::Suspended));
        self.stats.slowed.store(slowed as u64, Ordering::Relaxed);
        self.stats
            .suspended
            .store(suspended as u64, Ordering::Relaxed);
        metrics::gauge!("spokegate_sanitizer_satellites_suspended", "tenant" => self.tenant.to_string())
            .set(f64::from(u32::try_from(suspended).unwrap_or(u32::MAX)));
    }

    /// The alert, and its end.
    fn tell(&self, change: &Change) {
        let (tenant, satellite) = (self.tenant.as_str(), change.satellite.as_str());
        let subject = format!("{tenant}/{satellite}");
        let lasts_s = change.lasts_ms / 1_000;
        match change.state {
            BudgetState::Suspended => {
                tracing::error!(
                    tenant.id = tenant,
                    satellite.id = satellite,
                    lasts_s,
                    "a satellite is suspended: too much of what it sends is refused"
                );
                self.hub.note("satellite.suspend", "error-budget", &subject);
                Event::denied("error-budget")
                    .tenant(tenant)
                    .satellite(satellite)
                    .hint("the admin pages list what was refused and why")
                    .emit("a satellite was suspended");
            }
            BudgetState::Slowed => {
                tracing::warn!(
                    tenant.id = tenant,
                    satellite.id = satellite,
                    lasts_s,
                    "a satellite is slowed: much of what it sends is refused"
                );
                self.hub.note("satellite.slow", "error-budget", &subject);
            }
            BudgetState::Normal => {
                tracing::info!(
                    tenant.id = tenant,
                    satellite.id = satellite,
                    "a satellite is no longer slowed or suspended"
                );
                self.hub.note("satellite.restore", "error-budget", &subject);
            }
        }
    }

    /// Has a worker write the record for the centre.
    fn write_down(&mut self, change: &Change) {
        let now_ms = self.hub.context.clock.now_ms();
        self.own_messages = self.own_messages.wrapping_add(1);
        let news = BudgetNews {
            state: change.state,
            until_ms: now_ms.saturating_add(change.lasts_ms),
        };
        let payload =
            serde_json::to_vec(&news).expect("writing plain data into memory cannot fail");
        let work = WorkHead {
            // Ingest counts up from the time.
            token: u64::MAX.wrapping_sub(self.own_messages),
            tenant: self.tenant.clone(),
            satellite: change.satellite.clone(),
            at_ms: now_ms,
            channel: BUDGET_CHANNEL.to_owned(),
            dataset: None,
            version: None,
            id: None,
            push: None,
            hello: None,
            condemned: None,
        };
        let item = Item {
            work,
            payload: payload.into(),
            suspect: false,
        };
        if self.window.add(item).is_err() {
            tracing::error!(tenant.id = %self.tenant, satellite.id = %change.satellite, "too much waits to tell the centre how a satellite stands");
        }
    }

    async fn held_off(&self, mut item: Item) -> Option<Item> {
        count(&self.stats.held_off);
        metrics::counter!("spokegate_sanitizer_held_off_total").increment(1);
        if item.work.channel == "reply" && item.work.id.is_some() {
            // A worker writes the failure and sees nothing of the answer.
            item.payload = Bytes::new();
            item.suspect = false;
            item.work.condemned = Some(Condemned {
                reason: Reason::Budget,
                rule: Reason::Budget.as_str().to_owned(),
            });
            return Some(item);
        }
        self.done(&item, false).await;
        None
    }

    fn is_door(&self) -> bool {
        self.tenant.as_str() == ENROLMENT_TENANT
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.hub.context.clock.monotonic_ms()
    }
}

pub(super) fn is_held_off(work: &WorkHead) -> bool {
    let reason = work.condemned.as_ref().map(|why| why.reason);
    reason == Some(Reason::Budget)
}
