//! How long the certificate lasts. Pure.

use super::finding::Finding;
use crate::credentials::life::Stage;
use crate::credentials::{Life, told};

const CHECK: &str = "certificate";

pub(super) fn look(life: Option<&Life>, renews: bool, now_ms: u64) -> Finding {
    let Some(life) = life else {
        return Finding::fault(CHECK, "there is none: this satellite has not joined")
            .next("get a token from the MSP, then: install.sh --token-file FILE, or spokegate-agent join --token-file FILE --directory DIR");
    };
    let until = told(life.not_after_ms);
    match life.stage(now_ms) {
        Stage::Fresh if renews => {
            let at = told(life.renew_at_ms());
            Finding::ok(CHECK, format!("is valid until {until}, and renewed after {at}"))
        }
        Stage::Fresh => Finding::ok(CHECK, format!("is valid until {until}")),
        Stage::Due if renews => Finding::warning(CHECK, format!("is valid until {until} and should have been renewed after {}", told(life.renew_at_ms())))
            .next("an agent that is connected renews within the hour; its log says why it does not: journalctl -u spokegate-agent"),
        Stage::Due => Finding::warning(CHECK, format!("is valid until {until}, and enrolment.renew is off"))
            .next("put a new one in its place"),
        Stage::Early => Finding::fault(CHECK, format!("is not valid before {}", told(life.not_before_ms)))
            .next("this machine's clock is behind: set it"),
        Stage::Expired => Finding::fault(CHECK, format!("has expired at {until}; this machine's clock says {}", told(now_ms)))
            .next("is the clock right? then spokegate-agent renew, as the agent's user; if it is refused, join again with a new token"),
    }
}

#[cfg(test)]
mod tests {
    use spokegate_identity::Serial;

    use super::super::finding::Verdict;
    use super::*;

    #[track_caller]
    fn check(now_ms: u64, renews: bool, verdict: Verdict, part: &str) {
        let life = Life {
            serial: Serial::new(&[1]),
            not_before_ms: 1_000_000,
            not_after_ms: 2_000_000,
        };
        let found = look(Some(&life), renews, now_ms);
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.what.contains(part), "{found:?}");
    }

    #[test]
    fn a_certificate_is_judged_by_its_life() {
        check(1_100_000, true, Verdict::Ok, "and renewed after");
        check(
            1_900_000,
            true,
            Verdict::Warning,
            "should have been renewed",
        );
        check(1_900_000, false, Verdict::Warning, "renew is off");
        check(900_000, true, Verdict::Fault, "is not valid before");
        check(
            2_000_000,
            true,
            Verdict::Fault,
            "has expired at 1970-01-01T00:33:20Z",
        );
        assert_eq!(look(None, true, 0).verdict, Verdict::Fault);
    }
}
