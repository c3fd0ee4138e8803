//! A session is only open while its tenant is leased to this sanitizer.

use super::Session;
use crate::ingest::leases::ALWAYS;
use crate::link::FromIngest;
use spokegate_contract::envelope::Ack;
use spokegate_contract::{Channel, Envelope, RequestId, SatelliteId};
use std::time::Duration;

/// Cancels that wait for the session; of further ones the satellites' own deadlines take care.
const CANCELS_MAX: usize = 256;
/// A look at the clock at least this often, whatever a lease says.
const LOOK: Duration = Duration::from_secs(3_600);

/// Pulls that nobody waits for, of which the satellite has not heard.
pub(super) type Cancels = Vec<(SatelliteId, RequestId)>;

impl Session {
    /// How much longer the session may be open; nothing when it may not.
    pub(super) fn time_left(&self, end_ms: u64) -> Option<Duration> {
        let left_ms = end_ms.saturating_sub(self.links.context.clock.monotonic_ms());
        (left_ms > 0).then(|| Duration::from_millis(left_ms).min(LOOK))
    }

    /// Takes note of whether the tenant is leased; true when a lease has just begun.
    pub(super) async fn note_lease(&mut self, held: bool, end_ms: u64) -> bool {
        if std::mem::replace(&mut self.leased, held) == held {
            return false;
        }
        if end_ms == ALWAYS {
            return held;
        }
        let tenant = self.tenant.clone();
        let lease = FromIngest::Lease { tenant, held };
        if held {
            tracing::info!(tenant.id = %self.tenant, "the tenant is leased to this sanitizer");
            self.links.out.send(&lease, b"").await;
        } else {
            tracing::info!(tenant.id = %self.tenant, "the tenant's lease has ended");
            self.release().await;
            self.links.out.send(&lease, b"").await;
        }
        held
    }

    /// Lets the tenant go: another sanitizer will serve it. What the lane has of it still goes to the centre; what was
    /// asked here is asked again there.
    async fn release(&mut self) {
        self.links.counters.add("leases_ended");
        if let Some(connection) = self.connection.take() {
            connection.leave();
        }
        self.open.clear();
        self.cancels.clear();
        self.intake.forget_presence();
        self.intake.requests.forget();
        self.tell_down().await;
    }

    /// A pull that nobody waits for: said at once, or as soon as there is a session.
    pub(super) fn cancel(&mut self, satellite: &SatelliteId, id: RequestId) {
        self.intake.requests.close(&id);
        let told = self.up && self.publish(satellite, Channel::Ack, Ack::Cancel { id }.encode());
        if !told && self.cancels.len() < CANCELS_MAX {
            self.cancels.push((satellite.clone(), id));
        }
    }

    /// Says what could not be said while there was no session.
    pub(super) fn tell_cancels(&mut self) {
        for (satellite, id) in std::mem::take(&mut self.cancels) {
            self.publish(&satellite, Channel::Ack, Ack::Cancel { id }.encode());
        }
    }
}
