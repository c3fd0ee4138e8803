//! From what was found to a state, a sentence and what to do.

use std::collections::BTreeSet;

use spokegate_contract::envelope::Validity;

use crate::certificate::{Stage, end};
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
    /// Nobody set it up.
    Unused,
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

    /// Works, and yet somebody should look.
    pub(crate) fn wants_a_look(&self) -> bool {
        self.condition == Condition::Warn
    }

    /// The state in a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.condition {
            Condition::Good => "works",
            Condition::Unused => "not in use",
            Condition::Unknown => "not known",
            Condition::Warn => "look at it",
            Condition::Bad => "fails",
        }
    }

    /// The style of that word.
    pub(crate) fn style(&self) -> &'static str {
        match self.condition {
            Condition::Good => "good",
            Condition::Unused | Condition::Unknown => "",
            Condition::Warn => "warn",
            Condition::Bad => "bad",
        }
    }

    pub(crate) fn good(finding: impl Into<String>) -> Self {
        Self::new(Condition::Good, finding, "")
    }

    pub(crate) fn unused(finding: impl Into<String>) -> Self {
        Self::new(Condition::Unused, finding, "")
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

/// `versions` are those that they name.
pub(super) fn sanitizers(up: usize, all: usize, versions: &BTreeSet<String>) -> Verdict {
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let told = match versions.as_slice() {
        [] => String::new(),
        [one] => format!(" Version {one}."),
        several => format!(" Versions {}.", several.join(", ")),
    };
    let advice = "Check that the sanitizer runs and that its address and certificates in the configuration are right.";
    match (up, all) {
        (_, 0) => Verdict::unused("None is configured; no data comes from customers."),
        (0, _) => Verdict::bad("None answers; reports that need data fail.", advice),
        (up, all) if up < all => Verdict::warn(format!("{up} of {all} answer.{told}"), advice),
        (_, all) => Verdict::good(format!("{all} of {all} answer.{told}")),
    }
}

/// Somebody and the certificate that is known of them.
pub(super) type Holder = (String, Option<Validity>);

/// Certificates that end soon or have ended, the one that ends first before the others.
pub(super) fn certificates(satellites: &[Holder], sanitizers: &[Holder], now_ms: u64) -> Verdict {
    let known = |holders: &[Holder]| -> Vec<(String, Validity)> {
        let known = holders.iter().filter_map(|(name, certificate)| {
            certificate.map(|certificate| (name.clone(), certificate))
        });
        known.collect()
    };
    let (agents, cleaners) = (known(satellites), known(sanitizers));
    let mut all = [agents.clone(), cleaners.clone()].concat();
    all.sort_by_key(|(_, certificate)| certificate.not_after_s());
    let Some((_, first)) = all.first() else {
        return Verdict::unknown("Nobody has said yet when a certificate ends.");
    };
    let is_late =
        |(_, certificate): &&(String, Validity)| Stage::of(*certificate, now_ms).is_warning();
    let late: Vec<String> = all
        .iter()
        .filter(is_late)
        .map(|(name, certificate)| format!("{name} ({})", end(*certificate, now_ms)))
        .collect();
    if late.is_empty() {
        let unsaid = satellites.len() - agents.len();
        let unsaid = match unsaid {
            0 => String::new(),
            1 => " One satellite does not say.".into(),
            several => format!(" {several} satellites do not say."),
        };
        return Verdict::good(format!(
            "{} known, and the first ends on {}.{unsaid}",
            all.len(),
            text::when(first.not_after_ms())
        ));
    }
    let advice = match (
        agents.iter().any(|one| is_late(&one)),
        cleaners.iter().any(|one| is_late(&one)),
    ) {
        (true, false) => LATE_SATELLITE.to_owned(),
        (false, _) => LATE_SANITIZER.to_owned(),
        (true, true) => format!("{LATE_SATELLITE} {LATE_SANITIZER}"),
    };
    let finding = format!("To be looked at: {}.", named(&late));
    Verdict::warn(finding, advice)
}

const LATE_SATELLITE: &str = "An agent renews by itself and its log says why it does not: look there and at its clock. If it is refused, see \"spokegate satellite list\" on the provisioner's host and join the satellite again with a new token.";
const LATE_SANITIZER: &str = "A sanitizer's certificate is made anew with \"spokegate server certificate\" and put in the place of the old one; it takes it up by itself.";

/// The first few, and how many more.
fn named(all: &[String]) -> String {
    const NAMED: usize = 5;
    let first: Vec<&str> = all.iter().take(NAMED).map(String::as_str).collect();
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

pub(super) fn satellites(online: usize, all: usize, without_node_red: &[String]) -> Verdict {
    let advice = "The page Satellites says which are offline and since when; look at the machine or its line.";
    match (online, all) {
        (_, 0) => Verdict::unknown("None has reported in yet."),
        (0, all) => Verdict::bad(format!("None of {all} is online."), advice),
        (online, all) if online < all => {
            Verdict::warn(format!("{online} of {all} are online."), advice)
        }
        (_, all) if !without_node_red.is_empty() => Verdict::warn(
            format!(
                "{all} of {all} are online, but Node-RED is down at {}.",
                named(without_node_red)
            ),
            "Reports cannot have that customer's data. Look at Node-RED on that machine; its own log says why.",
        ),
        (_, all) => Verdict::good(format!("{all} of {all} are online.")),
    }
}

/// Reports whose active template cannot be used, out of all.
pub(super) fn templates(unusable: &[String], all: usize) -> Verdict {
    if unusable.is_empty() {
        return Verdict::good(match all {
            1 => "The active template of one report fits.".to_owned(),
            all => format!("The active templates of {all} reports fit."),
        });
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
        let heard = match online {
            1 => "One satellite is".to_owned(),
            online => format!("{online} satellites are"),
        };
        Verdict::good(format!(
            "{heard} heard through them; this service does not reach them itself."
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
        (0, _) => Verdict::unused("None is configured."),
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
        (false, true) => Verdict::unused("PDF is switched off (pdf.program is empty)."),
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
mod tests;
