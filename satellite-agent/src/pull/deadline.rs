//! How long an answer may take, when the centre's clock and ours need not agree.

use spokegate_contract::limits::{CLOCK_SKEW_MS_MAX, DEADLINE_MS_MAX};
use spokegate_contract::{Failure, FailureClass};

/// For a deadline that our clock says is just over: most likely a clock is wrong, and the centre drops what is late.
const GRACE_MS: u64 = 10_000;

/// Milliseconds from `now_ms` on. A deadline in the past or too far ahead by more than the allowed skew is refused.
pub(super) fn budget_ms(deadline_ms: u64, now_ms: u64) -> Result<u64, Failure> {
    let late_ms = now_ms.saturating_sub(deadline_ms);
    let ahead_ms = deadline_ms.saturating_sub(now_ms);
    if late_ms > CLOCK_SKEW_MS_MAX {
        return Err(Failure::new(
            FailureClass::Timeout,
            &format!(
                "the request came {} s after its deadline; hint: if this repeats, check the satellite's clock",
                late_ms / 1_000
            ),
        ));
    }
    if ahead_ms > DEADLINE_MS_MAX + CLOCK_SKEW_MS_MAX {
        return Err(Failure::new(
            FailureClass::Refused,
            &format!(
                "the deadline lies {} s ahead, allowed are {}; hint: check the satellite's clock",
                ahead_ms / 1_000,
                DEADLINE_MS_MAX / 1_000
            ),
        ));
    }
    Ok(if ahead_ms == 0 {
        GRACE_MS
    } else {
        ahead_ms.min(DEADLINE_MS_MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    #[track_caller]
    fn check(deadline_ms: u64, expected: Result<u64, &str>) {
        let budget = budget_ms(deadline_ms, NOW_MS).map_err(|failure| failure.to_string());
        assert_eq!(budget, expected.map_err(str::to_owned));
    }

    #[test]
    fn deadlines() {
        check(NOW_MS + 1, Ok(1));
        check(NOW_MS + 30_000, Ok(30_000));
        check(NOW_MS + DEADLINE_MS_MAX, Ok(DEADLINE_MS_MAX));
        check(
            NOW_MS + DEADLINE_MS_MAX + CLOCK_SKEW_MS_MAX,
            Ok(DEADLINE_MS_MAX),
        );
        check(
            NOW_MS + DEADLINE_MS_MAX + CLOCK_SKEW_MS_MAX + 1,
            Err(
                "refused: the deadline lies 900 s ahead, allowed are 600; hint: check the satellite's clock",
            ),
        );
        check(NOW_MS, Ok(GRACE_MS));
        check(NOW_MS - CLOCK_SKEW_MS_MAX, Ok(GRACE_MS));
        check(
            NOW_MS - CLOCK_SKEW_MS_MAX - 1,
            Err("timeout: the request came 300 s after its deadline; \
                 hint: if this repeats, check the satellite's clock"),
        );
        check(
            0,
            Err(
                "timeout: the request came 1800000000 s after its deadline; \
                      hint: if this repeats, check the satellite's clock",
            ),
        );
        check(
            u64::MAX,
            Err(
                "refused: the deadline lies 18446742273709551 s ahead, allowed are 600; \
                             hint: check the satellite's clock",
            ),
        );
    }
}
