//! What somebody should look at, the worst first; pure.

use crate::health::{Found, Part};

/// Satellites and schedules that are named one by one; of more it says how many.
const NAMED: usize = 5;

/// A thing to look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Want {
    /// Whether something is down by it, rather than soon.
    pub(super) is_failing: bool,
    /// What it is about.
    pub(super) about: String,
    /// What was found.
    pub(super) found: String,
    /// The page that says more.
    pub(super) page: &'static str,
}

/// What is known.
pub(super) struct Facts<'a> {
    pub(super) parts: &'a [Found],
    /// Satellites with what should be looked at there; of a well one nothing.
    pub(super) satellites: &'a [(String, Vec<String>)],
    /// Customers of whom no satellite was ever heard.
    pub(super) silent: &'a [String],
    /// Runs of a day that failed.
    pub(super) failed_runs: u64,
    /// Messages of a day that were refused.
    pub(super) refused: u64,
    /// Schedules whose last time brought nothing, with the reason.
    pub(super) schedules: &'a [(String, String)],
}

/// Everything that wants somebody; what fails comes first.
pub(super) fn of(facts: &Facts<'_>) -> Vec<Want> {
    let mut wants: Vec<Want> = facts.parts.iter().filter_map(part).collect();
    wants.extend(satellites(facts.satellites));
    if !facts.silent.is_empty() {
        let found = format!("Never heard of a satellite of {}.", named(facts.silent));
        wants.push(want("Customers", found, "/satellites"));
    }
    if facts.failed_runs > 0 {
        let found = match facts.failed_runs {
            1 => "One run of the last 24 hours failed.".to_owned(),
            runs => format!("{runs} runs of the last 24 hours failed."),
        };
        wants.push(want("Runs", found, "/runs?state=failed"));
    }
    if facts.refused > 0 {
        let found = match facts.refused {
            1 => "One message of the last 24 hours was refused.".to_owned(),
            many => format!("{many} messages of the last 24 hours were refused."),
        };
        wants.push(want("Quarantine", found, "/quarantine"));
    }
    let late = facts.schedules;
    wants.extend(late.iter().take(NAMED).map(|(name, why)| {
        let about = format!("Schedule {name}");
        want(&about, why.clone(), "/schedules")
    }));
    wants.extend(more(late.len(), "schedules", "/schedules"));
    wants.sort_by_key(|want| !want.is_failing);
    wants
}

/// A part that fails or wants a look. Satellites and certificates have sentences of their own.
fn part(found: &Found) -> Option<Want> {
    let is_own = matches!(found.part, Part::Satellites | Part::Certificates);
    let is_failing = found.verdict.is_failing();
    let is_wanting = is_failing || (found.verdict.wants_a_look() && !is_own);
    is_wanting.then(|| Want {
        is_failing,
        ..want(found.part.name(), found.verdict.finding.clone(), "/health")
    })
}

fn satellites(all: &[(String, Vec<String>)]) -> Vec<Want> {
    let unwell = all.iter().filter(|(_, warnings)| !warnings.is_empty());
    let mut wants: Vec<Want> = unwell
        .clone()
        .take(NAMED)
        .map(|(name, warnings)| want(name, warnings.join(" "), "/satellites"))
        .collect();
    wants.extend(more(unwell.count(), "satellites", "/satellites"));
    wants
}

fn want(about: &str, found: String, page: &'static str) -> Want {
    Want {
        is_failing: false,
        about: about.to_owned(),
        found,
        page,
    }
}

/// Those that are not named.
fn more(all: usize, what: &str, page: &'static str) -> Option<Want> {
    let more = all.checked_sub(NAMED).filter(|more| *more > 0)?;
    Some(want(
        &format!("{more} more {what}"),
        "They want a look as well.".to_owned(),
        page,
    ))
}

/// The first few, and how many more.
fn named(all: &[String]) -> String {
    let first = all.iter().take(NAMED).map(String::as_str);
    let first = first.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
