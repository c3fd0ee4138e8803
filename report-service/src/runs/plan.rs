//! Which data a run takes from where; pure.

use std::collections::BTreeMap;

use spokegate_contract::{Address, Failure, FailureClass};

use super::Tenant;
use crate::reports::Need;
use crate::sources::SourceId;
use crate::store::pushes::StoredPush;
use crate::store::satellites::Satellite;

/// Most satellites of one tenant that one need is fetched from.
const SATELLITES_MAX: usize = 32;

/// Where a need's data comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Data sent before, fresh enough.
    Pushes(Vec<StoredPush>),
    /// Each of these is asked; a table is their rows one after the other.
    Pull(Vec<Asked>),
    /// A source of the MSP's own.
    Central(SourceId),
    /// Nowhere.
    Nowhere(Failure),
}

/// A satellite, and which version it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) address: Address,
    pub(super) version: u16,
}

/// Chooses the source of one need for one customer, among the versions that will do, the newest first.
pub(super) fn source(
    need: &Need,
    versions: &[u16],
    tenant: &Tenant,
    satellites: &[Satellite],
    pushes: &[StoredPush],
    now_ms: u64,
) -> Source {
    let wanted = |push: &&StoredPush| versions.contains(&push.version);
    let pushes: Vec<StoredPush> = pushes.iter().filter(wanted).cloned().collect();
    let own: Vec<&Satellite> = satellites
        .iter()
        .filter(|satellite| satellite.address.tenant == tenant.id)
        .collect();
    // A satellite that has not said yet what it supplies may supply this; it refuses by itself if it does not.
    let served = |satellite: &Satellite| {
        let mut versions = versions.iter().copied();
        if satellite.datasets.is_empty() {
            return versions.next();
        }
        versions.find(|version| {
            let wanted = (need.dataset.clone(), *version);
            satellite.datasets.contains(&wanted)
        })
    };
    let serving: Vec<(&Satellite, u16)> = own
        .iter()
        .filter_map(|satellite| Some((*satellite, served(satellite)?)))
        .collect();
    if let Some(max_age_ms) = need.max_age_ms {
        let fresh = newest_of_each(&pushes, |push| {
            now_ms.saturating_sub(push.captured_at_ms) <= max_age_ms
        });
        let from =
            |satellite: &Satellite| fresh.iter().any(|push| push.address == satellite.address);
        let announced = serving
            .iter()
            .filter(|(satellite, _)| !satellite.datasets.is_empty());
        if !fresh.is_empty() && announced.clone().all(|(satellite, _)| from(satellite)) {
            return Source::Pushes(fresh);
        }
    }
    if !need.pull {
        return Source::Nowhere(stale(&pushes, now_ms));
    }
    if serving.is_empty() {
        let (class, detail) = if own.is_empty() {
            let detail = "no satellite of this customer has reported in yet";
            (FailureClass::Offline, detail)
        } else {
            let detail = "none of the customer's satellites supplies it";
            (FailureClass::Refused, detail)
        };
        return Source::Nowhere(Failure::new(class, detail));
    }
    if serving.len() > SATELLITES_MAX {
        let detail = format!(
            "{} satellites supply it, at most {SATELLITES_MAX} are asked",
            serving.len()
        );
        return Source::Nowhere(Failure::new(FailureClass::TooLarge, &detail));
    }
    match serving.iter().find(|(satellite, _)| !satellite.online) {
        Some((offline, _)) => {
            let detail = format!("satellite {}", offline.address.satellite);
            Source::Nowhere(Failure::new(FailureClass::Offline, &detail))
        }
        None => Source::Pull(
            serving
                .iter()
                .map(|(satellite, version)| Asked {
                    address: satellite.address.clone(),
                    version: *version,
                })
                .collect(),
        ),
    }
}

/// Of each satellite the push of its newest version, among those that are fresh.
pub(super) fn newest_of_each(
    pushes: &[StoredPush],
    is_fresh: impl Fn(&StoredPush) -> bool,
) -> Vec<StoredPush> {
    let mut chosen: BTreeMap<&Address, &StoredPush> = BTreeMap::new();
    for push in pushes.iter().filter(|push| is_fresh(push)) {
        let best = chosen.entry(&push.address).or_insert(push);
        if push.version > best.version {
            *best = push;
        }
    }
    chosen.into_values().cloned().collect()
}

fn stale(pushes: &[StoredPush], now_ms: u64) -> Failure {
    match pushes.iter().map(|push| push.captured_at_ms).max() {
        None => Failure::new(FailureClass::SourceError, "nothing was sent yet"),
        Some(latest) => {
            let hours = now_ms.saturating_sub(latest) / 3_600_000;
            Failure::new(
                FailureClass::SourceError,
                &format!("what was last sent is {hours} hours old"),
            )
        }
    }
}

#[cfg(test)]
mod tests;
