//! What is looked at on a timer: files that changed, certificates that ended, and what queues hold.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;

/// Time between two looks; a revocation in the file takes effect within it.
const INTERVAL: Duration = Duration::from_millis(250);
/// Looks after which ages and queues are shown anew.
const SHOWN_EVERY: u64 = 4;

/// Looks until the broker stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let soft = shared.tasks.soft();
    let mut timer = tokio::time::interval(INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looks: u64 = 0;
    while soft.run_until_cancelled(timer.tick()).await.is_some() {
        shared.roster.expire(shared.clock.now_ms());
        reread(&shared, false).await;
        if looks.is_multiple_of(SHOWN_EVERY) {
            shared.meters.show_queues(&shared.cells.depths());
            if let Some(lists) = &shared.lists {
                lists.observe();
            }
        }
        looks = looks.wrapping_add(1);
    }
}

/// Reads the TLS files and the revocation lists again: those that changed, or all.
pub(super) async fn reread(shared: &Shared, all: bool) {
    if let Some(lists) = shared.lists.clone() {
        let work = move || lists.reread(all);
        shared.tasks.blocking("reread", work).await;
    }
}
