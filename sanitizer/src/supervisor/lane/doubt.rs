//! Refusals that would have a satellite suspended. Hostile code in a worker could refuse what is good; so such a refusal
//! counts only from a worker that was given nothing else, in which no other message can have left anything.

use super::super::window::Item;
use super::Lane;
use crate::link::RefusalHead;

/// A refusal that waits to be confirmed.
#[derive(Debug)]
pub(super) struct Doubt {
    token: u64,
    reason: String,
}

impl Lane {
    /// Whether the worker's refusal of this message would have its satellite suspended.
    pub(super) fn would_suspend(&self, item: &Item) -> bool {
        // What ingest or the supervisor has refused is no word of the worker's.
        let is_own_verdict = item.work.condemned.is_none();
        is_own_verdict
            && self.is_charged(item)
            && self
                .budget
                .is_at_the_brink(&item.work.satellite, self.now_ms())
    }

    /// Lets the worker go; the next one judges the message first, and alone.
    pub(super) fn judge_again(&mut self, item: Item, refusal: Option<RefusalHead>) {
        tracing::info!(
            tenant.id = %self.tenant, satellite.id = %item.work.satellite,
            "a refusal that would suspend its satellite is judged again by a fresh worker"
        );
        let refusal =
            refusal.map(|refusal| format!("{} {}", refusal.reason.as_str(), refusal.rule));
        self.doubt = Some(Doubt {
            token: item.work.token,
            reason: refusal.unwrap_or_default(),
        });
        self.window.put_back(item);
        self.worker = None;
    }

    /// A message has its verdict. When that is not the one which was in doubt, a worker has refused what is good: nothing
    /// that was refused before counts against a satellite any more, but for suspensions, which were confirmed.
    pub(super) fn settle_doubt(&mut self, item: &Item, refused: bool) {
        let token = item.work.token;
        let Some(doubt) = self.doubt.take_if(|doubt| doubt.token == token) else {
            return;
        };
        if refused {
            return;
        }
        tracing::error!(
            tenant.id = %self.tenant, satellite.id = %item.work.satellite, refusal = doubt.reason,
            "a worker refused what a fresh one takes"
        );
        metrics::counter!("spokegate_sanitizer_workers_contradicted_total").increment(1);
        let subject = format!("{}/{}", self.tenant, item.work.satellite);
        self.hub.note("worker.contradict", &doubt.reason, &subject);
        self.budget.forgive(self.now_ms());
    }
}
