//! How every part of the service is: asked for in the background, again and again, so that looking costs nothing.

mod check;
pub(crate) mod judge;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::state::AppState;
use judge::Verdict;

/// How often what is known here anyway is looked at.
const STEP: Duration = Duration::from_secs(3);
/// Every part is asked once in so many of these.
const STEPS: u32 = 20;
/// A part that needs longer than this does not answer.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// A part of the service, in the order in which pages show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Store,
    Directory,
    Sanitizers,
    Satellites,
    Certificates,
    Brokers,
    Sources,
    Office,
    Mail,
    Templates,
    Secrets,
    Queue,
    Disk,
    Storage,
}

impl Part {
    /// All of them.
    const ALL: [Self; 14] = [
        Self::Store,
        Self::Directory,
        Self::Sanitizers,
        Self::Satellites,
        Self::Certificates,
        Self::Brokers,
        Self::Sources,
        Self::Office,
        Self::Mail,
        Self::Templates,
        Self::Secrets,
        Self::Queue,
        Self::Disk,
        Self::Storage,
    ];

    /// Its name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Store => "Store",
            Self::Directory => "Company directory",
            Self::Sanitizers => "Sanitizers",
            Self::Satellites => "Satellites",
            Self::Certificates => "Certificates",
            Self::Brokers => "Brokers",
            Self::Sources => "Central sources",
            Self::Office => "LibreOffice",
            Self::Mail => "Mail server",
            Self::Templates => "Templates",
            Self::Secrets => "Secrets",
            Self::Queue => "Queue of runs",
            Self::Disk => "Disk for documents",
            Self::Storage => "Storage of documents",
        }
    }

    /// Whether looking at it asks nobody else.
    fn is_known_here(self) -> bool {
        matches!(
            self,
            Self::Sanitizers
                | Self::Satellites
                | Self::Certificates
                | Self::Brokers
                | Self::Sources
                | Self::Queue
        )
    }

    /// Its name in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Directory => "directory",
            Self::Sanitizers => "sanitizers",
            Self::Satellites => "satellites",
            Self::Certificates => "certificates",
            Self::Brokers => "brokers",
            Self::Sources => "sources",
            Self::Office => "office",
            Self::Mail => "mail",
            Self::Templates => "templates",
            Self::Secrets => "secrets",
            Self::Queue => "queue",
            Self::Disk => "disk",
            Self::Storage => "storage",
        }
    }
}

/// A part as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) part: Part,
    pub(crate) verdict: Verdict,
    /// Since when it is like that, in milliseconds since 1970; 0 before it was looked at.
    pub(crate) since_ms: u64,
    /// When it was looked at.
    pub(crate) looked_ms: u64,
}

/// What is known. Cloning shares it.
#[derive(Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<BTreeMap<Part, Found>>,
    /// Somebody wants all looked at now.
    wanted: Notify,
}

impl Health {
    /// Every part; one that was not looked at yet says so.
    pub(crate) fn all(&self) -> Vec<Found> {
        let known = self.known();
        let found = |part: Part| {
            known.get(&part).cloned().unwrap_or_else(|| Found {
                part,
                verdict: Verdict::unknown("It is being looked at."),
                since_ms: 0,
                looked_ms: 0,
            })
        };
        Part::ALL.into_iter().map(found).collect()
    }

    /// Looks at everything now, and at what takes long as well.
    pub(crate) fn want(&self) {
        self.0.wanted.notify_one();
    }

    /// Notes how a part was found; true when it was otherwise before.
    fn note(&self, part: Part, verdict: Verdict, now_ms: u64) -> bool {
        let mut known = self.known();
        let before = known.get(&part);
        let same = before.filter(|before| before.verdict.condition == verdict.condition);
        let since_ms = same.map_or(now_ms, |before| before.since_ms);
        let changed = before.is_none_or(|before| before.verdict != verdict);
        known.insert(
            part,
            Found {
                part,
                verdict,
                since_ms,
                looked_ms: now_ms,
            },
        );
        changed
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Part, Found>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// What asks nobody else.
    Here,
    /// Every part.
    All,
    /// What takes seconds of a processor as well: LibreOffice makes a document.
    Thorough,
}

/// Looks at every part until the service stops; thoroughly when somebody asks for it.
pub(crate) fn watch(state: &AppState) {
    let (state, stop) = (state.clone(), state.tasks.soft());
    state.tasks.clone().spawn("health", async move {
        let (mut step, mut wanted) = (0_u32, false);
        loop {
            let how = match step % STEPS {
                _ if wanted => Look::Thorough,
                0 => Look::All,
                _ => Look::Here,
            };
            let looked = stop.run_until_cancelled(look(&state, how)).await;
            let asked = tokio::time::timeout(STEP, state.health.0.wanted.notified());
            let asked = stop.run_until_cancelled(asked).await;
            let (Some(()), Some(asked)) = (looked, asked) else {
                return;
            };
            wanted = asked.is_ok();
            step = step.wrapping_add(1);
        }
    });
}

/// Parts at once; each is noted when it has answered.
async fn look(state: &AppState, how: Look) {
    let meant = |part: &Part| match how {
        Look::Here => part.is_known_here(),
        // What was tried says more than whether it is there.
        Look::All => *part != Part::Office || !state.health.known().contains_key(part),
        Look::Thorough => true,
    };
    let one = |part: Part| async move {
        let asked = check::part(state, part, how == Look::Thorough);
        let verdict = tokio::time::timeout(ANSWER_MAX, asked).await;
        let verdict = verdict.unwrap_or_else(|_| {
            let advice = "Look at its own log, and at the line to it.";
            Verdict::bad("It did not answer in time.", advice)
        });
        let fails = if verdict.is_failing() { 1.0 } else { 0.0 };
        metrics::gauge!("spokegate_reports_part_failing", "part" => part.label()).set(fails);
        if state.health.note(part, verdict, state.clock.now_ms()) {
            state.store.stir();
        }
    };
    let parts = Part::ALL.into_iter().filter(meant).map(one);
    futures_util::future::join_all(parts).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_as_it_is_since_its_state_changed() {
        let health = Health::default();
        let disk = || {
            let all = health.all();
            let found = all.into_iter().find(|found| found.part == Part::Disk);
            found.unwrap()
        };
        assert_eq!((disk().since_ms, disk().verdict.word()), (0, "not known"));
        let good = |words: &str| Verdict::good(words);
        for (verdict, now_ms, changed, since_ms) in [
            (good("5 GiB free."), 10, true, 10),
            (good("5 GiB free."), 20, false, 10),
            (good("4 GiB free."), 30, true, 10),
            (Verdict::bad("Full.", "Make room."), 40, true, 40),
            (good("4 GiB free."), 50, true, 50),
        ] {
            assert_eq!(
                health.note(Part::Disk, verdict, now_ms),
                changed,
                "{now_ms}"
            );
            assert_eq!((disk().since_ms, disk().looked_ms), (since_ms, now_ms));
        }
        assert_eq!(health.all().len(), Part::ALL.len());
    }
}
