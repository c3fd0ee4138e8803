//! This machine's clock against the door's. Pure.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::finding::Finding;
use crate::credentials::told;

const CHECK: &str = "clock";
const WARNING_MS: u64 = 60_000;
/// Certificates are given out for now; more than this, and new ones are not valid yet or old ones end early.
const FAULT_MS: u64 = 300_000;

/// What the door's clock said, and ours before it was asked and after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dates {
    pub(super) theirs_ms: u64,
    pub(super) asked_ms: u64,
    pub(super) heard_ms: u64,
}

pub(super) fn look(dates: Option<Dates>, now_ms: u64) -> Finding {
    let Some(dates) = dates else {
        let what = format!(
            "says {}; the door could not be asked for its time",
            told(now_ms)
        );
        return Finding::skipped(CHECK, what).next("compare with a watch, or set enrolment.door");
    };
    let (ahead_ms, word) = match dates.theirs_ms {
        theirs if theirs < dates.asked_ms.saturating_sub(1_000) => {
            (dates.asked_ms - theirs, "ahead of")
        }
        // The header has whole seconds.
        theirs if theirs > dates.heard_ms + 1_000 => (theirs - dates.heard_ms, "behind"),
        _ => (0, ""),
    };
    let what = match ahead_ms {
        0 => "agrees with the door's".to_owned(),
        _ => format!(
            "is {} s {word} the door's: here {}, there {}",
            ahead_ms / 1_000,
            told(dates.heard_ms),
            told(dates.theirs_ms)
        ),
    };
    let next = "let a time service set it: timedatectl set-ntp true, or chrony with the customer's own server";
    match ahead_ms {
        0..=WARNING_MS => Finding::ok(CHECK, what),
        _ if ahead_ms <= FAULT_MS => Finding::warning(CHECK, what).next(next),
        _ => Finding::fault(CHECK, what).next(next),
    }
}

/// The `Date` header of an answer's head, in milliseconds since the Unix epoch.
pub(super) fn date_of(head: &str) -> Option<u64> {
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("date").then_some(value.trim())
    })?;
    let moment = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    u64::try_from(moment.unix_timestamp())
        .ok()
        .map(|seconds| seconds * 1_000)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    #[track_caller]
    fn check(theirs_ms: u64, verdict: Verdict, part: &str) {
        let dates = Dates {
            theirs_ms,
            asked_ms: NOW_MS,
            heard_ms: NOW_MS + 400,
        };
        let found = look(Some(dates), NOW_MS);
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.what.contains(part), "{found:?}");
        assert_eq!(found.next.is_some(), verdict != Verdict::Ok);
    }

    #[test]
    fn a_clock_is_judged_by_how_far_it_is_off() {
        check(NOW_MS, Verdict::Ok, "agrees");
        check(NOW_MS - 1_000, Verdict::Ok, "agrees");
        check(NOW_MS + 30_400, Verdict::Ok, "is 30 s behind");
        check(NOW_MS + 120_400, Verdict::Warning, "is 120 s behind");
        check(NOW_MS - 120_000, Verdict::Warning, "is 120 s ahead of");
        check(
            NOW_MS - 7_200_000,
            Verdict::Fault,
            "is 7200 s ahead of the door's: here 2027-01-15T08:00:00Z, there 2027-01-15T06:00:00Z",
        );
        assert_eq!(look(None, NOW_MS).verdict, Verdict::Skipped);
    }

    #[test]
    fn the_date_is_found_in_an_answer() {
        let head = "HTTP/1.1 404 Not Found\r\nconnection: close\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n\r\n";
        assert_eq!(date_of(head), Some(NOW_MS));
        assert_eq!(date_of("HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(date_of("date: yesterday\r\n"), None);
    }
}
