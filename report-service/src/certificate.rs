//! How long a certificate lasts, in words, and when somebody should look at it; pure.

use spokegate_contract::envelope::Validity;

use crate::text;

/// The latest moment at which an agent renews by itself, in thousandths of a life: two thirds, and half of the part over
/// which agents spread.
const RENEWED_BY: u64 = 717;
/// From here on less than a quarter of the life is left.
const LOW_FROM: u64 = 750;

/// Where in its life a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its beginning is still to come.
    Early,
    /// It lasts.
    Valid,
    /// It was to be renewed by now, and was not.
    Overdue,
    /// Less than a quarter of its life is left.
    EndsSoon,
    /// It is over.
    Ended,
}

impl Stage {
    /// The stage at a moment.
    pub(crate) fn of(validity: Validity, now_ms: u64) -> Self {
        let (from, to) = (validity.not_before_ms(), validity.not_after_ms());
        if now_ms < from {
            return Self::Early;
        }
        if now_ms >= to {
            return Self::Ended;
        }
        let thousandth = (to - from) / 1_000;
        match now_ms - from {
            age if age >= thousandth * LOW_FROM => Self::EndsSoon,
            age if age >= thousandth * RENEWED_BY => Self::Overdue,
            _ => Self::Valid,
        }
    }

    /// Its name for programs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Valid => "valid",
            Self::Overdue => "overdue",
            Self::EndsSoon => "ends-soon",
            Self::Ended => "ended",
        }
    }

    /// Whether somebody should look at it.
    pub(crate) fn is_warning(self) -> bool {
        self != Self::Valid
    }
}

/// `ends in 3 days`, `ended 2 hours ago`.
pub(crate) fn end(validity: Validity, now_ms: u64) -> String {
    let end_ms = validity.not_after_ms();
    if now_ms < end_ms {
        format!("ends in {}", span(end_ms - now_ms))
    } else {
        format!("ended {} ago", span(now_ms - end_ms))
    }
}

/// What is wrong with a satellite's certificate and what to do; nothing when nothing is.
pub(crate) fn warning(validity: Validity, now_ms: u64) -> Option<String> {
    let ends = end(validity, now_ms);
    Some(match Stage::of(validity, now_ms) {
        Stage::Valid => return None,
        Stage::Early => format!(
            "Its certificate begins only on {}: is a clock wrong?",
            text::when(validity.not_before_ms())
        ),
        Stage::Overdue | Stage::EndsSoon => format!(
            "Its certificate {ends} and should have been renewed by now: its agent's log says why it was not."
        ),
        Stage::Ended => format!(
            "Its certificate {ends}: its agent asks the enrolment door for a new one; if that is refused, join it again with a new token."
        ),
    })
}

/// A length of time in its largest unit, rounded down: `3 days`, `1 hour`.
fn span(ms: u64) -> String {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let (count, unit) = match ms {
        0..MINUTE => return "less than a minute".into(),
        MINUTE..HOUR => (ms / MINUTE, "minute"),
        HOUR..DAY => (ms / HOUR, "hour"),
        _ => (ms / DAY, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: u64 = 86_400;
    const DAY_MS: u64 = DAY_S * 1_000;

    /// Ten days from the tenth day on.
    fn ten_days() -> Validity {
        Validity::new(10 * DAY_S, 20 * DAY_S).unwrap()
    }

    #[test]
    fn stages_follow_one_another() {
        let begin = 10 * DAY_MS;
        let thousandth = DAY_MS / 100;
        for (now_ms, expected) in [
            (0, Stage::Early),
            (begin - 1, Stage::Early),
            (begin, Stage::Valid),
            (begin + 667 * thousandth, Stage::Valid),
            (begin + 717 * thousandth - 1, Stage::Valid),
            (begin + 717 * thousandth, Stage::Overdue),
            (begin + 750 * thousandth - 1, Stage::Overdue),
            (begin + 750 * thousandth, Stage::EndsSoon),
            (20 * DAY_MS - 1, Stage::EndsSoon),
            (20 * DAY_MS, Stage::Ended),
            (u64::MAX, Stage::Ended),
        ] {
            let stage = Stage::of(ten_days(), now_ms);
            assert_eq!(stage, expected, "{now_ms}");
            let warned = warning(ten_days(), now_ms);
            assert_eq!(warned.is_some(), stage.is_warning(), "{now_ms}");
        }
    }

    #[test]
    fn ends_in_words() {
        for (now_ms, words) in [
            (0, "ends in 20 days"),
            (18 * DAY_MS + 1, "ends in 1 day"),
            (19 * DAY_MS, "ends in 1 day"),
            (19 * DAY_MS + 1, "ends in 23 hours"),
            (20 * DAY_MS - 3_600_000, "ends in 1 hour"),
            (20 * DAY_MS - 60_000, "ends in 1 minute"),
            (20 * DAY_MS - 1, "ends in less than a minute"),
            (20 * DAY_MS, "ended less than a minute ago"),
            (23 * DAY_MS, "ended 3 days ago"),
        ] {
            assert_eq!(end(ten_days(), now_ms), words, "{now_ms}");
        }
    }

    #[test]
    fn warnings_say_what_to_do() {
        let check = |now_ms: u64, expected: &str| {
            let warned = warning(ten_days(), now_ms).unwrap();
            assert!(warned.contains(expected), "{warned} lacks {expected}");
        };
        check(
            0,
            "begins only on 11 Jan 1970, 00:00 UTC: is a clock wrong?",
        );
        check(18 * DAY_MS, "ends in 2 days and should have been renewed");
        check(22 * DAY_MS, "ended 2 days ago: its agent asks");
        check(22 * DAY_MS, "join it again with a new token");
    }
}
