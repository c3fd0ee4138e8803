//! From what was found to a state, a sentence and what to do.

use crate::text;

/// Below this the disk is full soon.
const DISK_LOW_BYTES: u64 = 1024 * 1024 * 1024;
/// Below this documents may fail any moment.
const DISK_EMPTY_BYTES: u64 = 64 * 1024 * 1024;
/// More waiting runs than this is a queue that people notice.
const QUEUE_LONG: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Good,
    Unknown,
    Warn,
    Bad,
}

/// How a part is and what to do; the latter is empty when there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(super) condition: Condition,
    pub(crate) finding: String,
    pub(crate) advice: String,
}

impl Verdict {
    pub(crate) fn is_failing(&self) -> bool {
        self.condition == Condition::Bad
    }

    /// The state in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.condition {
            Condition::Good => "works",
            Condition::Unknown => "not known",
            Condition::Warn => "look at it",
            Condition::Bad => "fails",
        }
    }

    /// The style of that word.
    pub(crate) fn style(&self) -> &'static str {
        match self.condition {
            Condition::Good => "good",
            Condition::Unknown => "",
            Condition::Warn => "warn",
            Condition::Bad => "bad",
        }
    }

    pub(crate) fn good(finding: impl Into<String>) -> Self {
        Self::new(Condition::Good, finding, "")
    }

    pub(crate) fn unknown(finding: impl Into<String>) -> Self {
        Self::new(Condition::Unknown, finding, "")
    }

    pub(crate) fn warn(finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Condition::Warn, finding, advice)
    }

    pub(crate) fn bad(finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(Condition::Bad, finding, advice)
    }

    fn new(condition: Condition, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            condition,
            finding: finding.into(),
            advice: advice.into(),
        }
    }
}

pub(super) fn sanitizers(up: usize, all: usize) -> Verdict {
    let advice = "Check that the sanitizer runs and that its address and certificates in the configuration are right.";
    match (up, all) {
        (_, 0) => Verdict::unknown("None is configured; no data comes from customers."),
        (0, _) => Verdict::bad("None answers; reports that need data fail.", advice),
        (up, all) if up < all => Verdict::warn(format!("{up} of {all} answer."), advice),
        (_, all) => Verdict::good(format!("{all} of {all} answer.")),
    }
}

pub(super) fn satellites(online: usize, all: usize, without_node_red: &[String]) -> Verdict {
    const NAMED: usize = 5;
    let advice = "The page Satellites says which are offline and since when; look at the machine or its line.";
    match (online, all) {
        (_, 0) => Verdict::unknown("None has reported in yet."),
        (0, all) => Verdict::bad(format!("None of {all} is online."), advice),
        (online, all) if online < all => {
            Verdict::warn(format!("{online} of {all} are online."), advice)
        }
        (_, all) if !without_node_red.is_empty() => {
            let named: Vec<&str> = without_node_red
                .iter()
                .take(NAMED)
                .map(String::as_str)
                .collect();
            let more = match without_node_red.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Verdict::warn(
                format!(
                    "{all} of {all} are online, but Node-RED is down at {}{more}.",
                    named.join(", ")
                ),
                "Reports cannot have that customer's data. Look at Node-RED on that machine; its own log says why.",
            )
        }
        (_, all) => Verdict::good(format!("{all} of {all} are online.")),
    }
}

/// Reports whose active template cannot be used, out of all.
pub(super) fn templates(unusable: &[String], all: usize) -> Verdict {
    if unusable.is_empty() {
        return Verdict::good(format!("The active templates of {all} report(s) fit."));
    }
    Verdict::bad(
        format!(
            "These reports fail, because their active template cannot be used: {}.",
            unusable.join(", ")
        ),
        "The page Templates says why; make another version active there.",
    )
}

/// This service does not reach the brokers; a satellite that is online is heard through one.
pub(super) fn brokers(online: usize) -> Verdict {
    if online == 0 {
        Verdict::unknown(
            "They are known only through satellites that are online, and there is none.",
        )
    } else {
        Verdict::good(format!(
            "{online} satellite(s) are heard through them; this service does not reach them itself."
        ))
    }
}

/// Servers of the directory, when the directory as a whole can be used.
pub(super) fn directory(all: usize, bad: &[String]) -> Verdict {
    if bad.is_empty() {
        let finding =
            format!("{all} of {all} servers let the service account in; the groups were found.");
        return Verdict::good(finding);
    }
    let good = all.saturating_sub(bad.len());
    Verdict::warn(
        format!("{good} of {all} servers can be used. {}", bad.join(" ")),
        "People can sign in; mend the others before that one fails too.",
    )
}

/// The company's own sources: they are asked by reports and tries alone.
pub(super) fn sources(all: usize, asked: usize, failed: &[String]) -> Verdict {
    match (all, asked) {
        (0, _) => Verdict::unknown("None is configured."),
        (_, 0) => Verdict::unknown("None was asked since the start."),
        _ if !failed.is_empty() => Verdict::warn(
            format!("When asked last, {} failed.", failed.join(", ")),
            "The page Sources says why, and tries one.",
        ),
        (all, asked) => Verdict::good(format!("{asked} of {all} were asked, and all answered.")),
    }
}

pub(super) fn office(offered: bool, switched_off: bool) -> Verdict {
    match (offered, switched_off) {
        (true, _) => {
            Verdict::good("It is installed; PDF is offered. \"Look now\" makes a small one.")
        }
        (false, true) => Verdict::unknown("PDF is switched off (pdf.program is empty)."),
        (false, false) => Verdict::warn(
            "It was not found at start; PDF is not offered.",
            "Install LibreOffice or correct pdf.program, then restart the service.",
        ),
    }
}

pub(super) fn queue(waiting: usize, running: usize) -> Verdict {
    let finding = format!("{waiting} waiting, {running} running.");
    if waiting > QUEUE_LONG {
        let advice = "If it does not shrink, add a worker or raise runs.concurrent_max.";
        return Verdict::warn(finding, advice);
    }
    Verdict::good(finding)
}

pub(super) fn disk(free: u64, all: u64) -> Verdict {
    let finding = format!("{} free of {}.", text::size(free), text::size(all));
    let advice = "Make room, or keep documents for a shorter time.";
    match free {
        0..DISK_EMPTY_BYTES => Verdict::bad(finding, advice),
        DISK_EMPTY_BYTES..DISK_LOW_BYTES => Verdict::warn(finding, advice),
        _ => Verdict::good(finding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_its_state_and_what_fails_has_advice() {
        let check = |verdict: Verdict, expected: Condition| {
            assert_eq!(verdict.condition, expected, "{verdict:?}");
            let needs_act = matches!(expected, Condition::Warn | Condition::Bad);
            assert_eq!(!verdict.advice.is_empty(), needs_act, "{verdict:?}");
            assert!(verdict.finding.ends_with('.'), "{verdict:?}");
        };
        check(sanitizers(0, 0), Condition::Unknown);
        check(sanitizers(0, 2), Condition::Bad);
        check(sanitizers(1, 2), Condition::Warn);
        check(sanitizers(2, 2), Condition::Good);
        let satellites = |online, all| super::satellites(online, all, &[]);
        let down: Vec<String> = (1..=7).map(|n| format!("acme/s{n}")).collect();
        let told = super::satellites(9, 9, &down);
        assert!(
            format!("{told:?}").contains("acme/s5 and 2 more"),
            "{told:?}"
        );
        check(told, Condition::Warn);
        check(satellites(0, 0), Condition::Unknown);
        check(satellites(0, 1), Condition::Bad);
        check(satellites(1, 3), Condition::Warn);
        check(satellites(3, 3), Condition::Good);
        check(templates(&[], 2), Condition::Good);
        check(templates(&["Overview".into()], 2), Condition::Bad);
        check(brokers(0), Condition::Unknown);
        check(brokers(1), Condition::Good);
        check(office(true, false), Condition::Good);
        check(office(false, true), Condition::Unknown);
        check(office(false, false), Condition::Warn);
        check(directory(2, &[]), Condition::Good);
        check(directory(2, &["x is down.".into()]), Condition::Warn);
        check(sources(0, 0, &[]), Condition::Unknown);
        check(sources(2, 0, &[]), Condition::Unknown);
        check(sources(2, 1, &[]), Condition::Good);
        check(sources(2, 2, &["PSA".into()]), Condition::Warn);
        check(queue(QUEUE_LONG, 4), Condition::Good);
        check(queue(QUEUE_LONG + 1, 4), Condition::Warn);
        check(disk(DISK_LOW_BYTES, u64::MAX), Condition::Good);
        check(disk(DISK_LOW_BYTES - 1, u64::MAX), Condition::Warn);
        check(disk(DISK_EMPTY_BYTES - 1, u64::MAX), Condition::Bad);
    }
}
