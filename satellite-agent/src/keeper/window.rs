//! When Node-RED may be restarted by itself: a stretch of each day, by the clock on the wall. Pure.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Where Linux keeps the machine's time zone.
const LOCAL: &str = "/etc/localtime";
/// Restarts begin within this much of a window's first half, so that not all satellites of a site are away at once.
const SPREAD_MS_MAX: u64 = 15 * 60_000;
/// So long after the last change: whoever sets several secrets wants one restart.
const SETTLE_MS: u64 = 5_000;
/// A share of the spread, in thousandths.
const SHARES: u64 = 1_000;

/// A stretch of each day, in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    hours: Hours,
    zone: TimeZone,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hours {
    Any,
    /// Where it does not end later than it begins, it ends on the next day.
    Daily {
        from: Time,
        to: Time,
    },
}

/// Why a window is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WindowError {
    #[error("{0:?} is no window, allowed are HH:MM-HH:MM, of two different times, and any")]
    Hours(String),
    #[error("{0:?} is no time zone that the agent knows")]
    Zone(String),
}

/// One of a window's stretches, in unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opening {
    from_ms: u64,
    until_ms: u64,
}

/// The zone of this name.
pub(crate) fn zone(name: &str) -> Result<TimeZone, WindowError> {
    TimeZone::get(name).map_err(|_| WindowError::Zone(name.to_owned()))
}

/// The machine's zone, UTC where it names none. Reads a file.
pub(crate) fn local_zone() -> TimeZone {
    let read = std::fs::read(LOCAL).ok();
    let zone = read.and_then(|bytes| TimeZone::tzif("local", &bytes).ok());
    zone.unwrap_or(TimeZone::UTC)
}

impl Window {
    pub(crate) fn parse(text: &str, zone: TimeZone) -> Result<Self, WindowError> {
        let hours = match text {
            "any" => Some(Hours::Any),
            daily => daily.split_once('-').and_then(|(from, to)| {
                let (from, to) = (time(from)?, time(to)?);
                (from != to).then_some(Hours::Daily { from, to })
            }),
        };
        let hours = hours.ok_or_else(|| WindowError::Hours(text.to_owned()))?;
        Ok(Self {
            hours,
            zone,
            text: text.to_owned(),
        })
    }

    /// As the configuration writes it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// When to restart what has been due since its last change, this one's share of the spread in thousandths; in the past
    /// when now is the time.
    pub(super) fn restart_at_ms(&self, changed_ms: u64, share: u64, now_ms: u64) -> u64 {
        let settled_ms = changed_ms.saturating_add(SETTLE_MS);
        if self.hours == Hours::Any {
            return settled_ms;
        }
        let mut look_ms = now_ms;
        // The one that is open may close before the change has settled; the one after does not.
        for _ in 0..2 {
            let Some(open) = self.opening(look_ms) else {
                break;
            };
            let half_ms = open.until_ms.saturating_sub(open.from_ms) / 2;
            let spread_ms = half_ms.min(SPREAD_MS_MAX) * share.min(SHARES) / SHARES;
            let at_ms = open.from_ms.saturating_add(spread_ms).max(settled_ms);
            if at_ms < open.until_ms {
                return at_ms;
            }
            look_ms = open.until_ms;
        }
        u64::MAX
    }

    /// The stretch that is open at a time, or the next one.
    fn opening(&self, now_ms: u64) -> Option<Opening> {
        let now = self.at(now_ms)?;
        let yesterday = now.date().yesterday().ok()?;
        let mut days = yesterday.series(jiff::Span::new().days(1)).take(3);
        days.find_map(|day| self.on(day).filter(|open| now_ms < open.until_ms))
    }

    /// The stretch that begins on a day; an hour that the change to summer time leaves out is the one after it.
    fn on(&self, day: Date) -> Option<Opening> {
        let Hours::Daily { from, to } = self.hours else {
            return None;
        };
        let last = if to > from { day } else { day.tomorrow().ok()? };
        let instant = |day: Date, time: Time| {
            let zoned = day.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
            u64::try_from(zoned.timestamp().as_millisecond()).ok()
        };
        Some(Opening {
            from_ms: instant(day, from)?,
            until_ms: instant(last, to)?,
        })
    }

    fn at(&self, now_ms: u64) -> Option<Zoned> {
        let now = Timestamp::from_millisecond(i64::try_from(now_ms).ok()?).ok()?;
        Some(now.to_zoned(self.zone.clone()))
    }
}

/// `HH:MM`, and nothing else.
fn time(text: &str) -> Option<Time> {
    let digits = |part: &str| {
        let is_plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| part.parse::<i8>().ok()).flatten()
    };
    let (hour, minute) = text.split_once(':')?;
    Time::new(digits(hour)?, digits(minute)?, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        let at: Timestamp = text.parse().unwrap();
        u64::try_from(at.as_millisecond()).unwrap()
    }

    fn text(at_ms: u64) -> String {
        let at = Timestamp::from_millisecond(i64::try_from(at_ms).unwrap());
        at.unwrap().to_string()
    }

    /// A change at a time, looked at a moment later: when the restart is.
    #[track_caller]
    fn check(window: &str, zone: &str, share: u64, changed: &str, now: &str, expected: &str) {
        let window = Window::parse(window, super::zone(zone).unwrap()).unwrap();
        let at_ms = window.restart_at_ms(ms(changed), share, ms(now));
        assert_eq!(text(at_ms), expected, "{window:?} {changed} {now}");
    }

    #[test]
    fn a_restart_is_within_the_window_and_spread_over_it() {
        let noon = "2026-03-10T12:00:00Z";
        let next = "2026-03-11T02:00:00Z";
        check("02:00-04:00", "UTC", 0, noon, noon, next);
        let spread = "2026-03-11T02:15:00Z";
        check("02:00-04:00", "UTC", 1_000, noon, noon, spread);
        let half = "2026-03-11T02:05:00Z";
        check("02:00-02:10", "UTC", 1_000, noon, noon, half);
        // It is open: at once, but for the spread and what the change needs to settle.
        let open = "2026-03-11T03:00:00Z";
        check("02:00-04:00", "UTC", 0, noon, open, next);
        let settled = "2026-03-11T03:00:05Z";
        check("02:00-04:00", "UTC", 1_000, open, open, settled);
        // Its last moments are too short.
        let late = "2026-03-11T03:59:56Z";
        let day_after = "2026-03-12T02:00:00Z";
        check("02:00-04:00", "UTC", 0, late, late, day_after);
        // Closed again before anybody looked: the next one.
        let closed = "2026-03-11T04:00:00Z";
        check("02:00-04:00", "UTC", 0, noon, closed, day_after);
    }

    #[test]
    fn a_window_may_go_past_midnight() {
        let window = "23:00-01:00";
        let before = "2026-03-10T22:00:00Z";
        let begin = "2026-03-10T23:00:00Z";
        check(window, "UTC", 0, before, before, begin);
        let after_midnight = "2026-03-11T00:30:00Z";
        let settled = "2026-03-11T00:30:05Z";
        check(window, "UTC", 0, after_midnight, after_midnight, settled);
        let closed = "2026-03-11T01:00:00Z";
        check(window, "UTC", 0, closed, closed, "2026-03-11T23:00:00Z");
    }

    #[test]
    fn hours_are_those_of_the_wall_in_summer_and_winter() {
        let at = |changed: &str, expected: &str| {
            check(
                "02:00-04:00",
                "Europe/Berlin",
                0,
                changed,
                changed,
                expected,
            );
        };
        at("2026-01-10T12:00:00Z", "2026-01-11T01:00:00Z");
        at("2026-07-10T12:00:00Z", "2026-07-11T00:00:00Z");
        // On 29 March two o'clock is three o'clock.
        at("2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
        check(
            "02:00-04:00",
            "America/New_York",
            0,
            "2026-01-10T12:00:00Z",
            "2026-01-10T12:00:00Z",
            "2026-01-11T07:00:00Z",
        );
    }

    #[test]
    fn any_time_is_once_the_change_has_settled() {
        let changed = "2026-03-10T12:00:00Z";
        let settled = "2026-03-10T12:00:05Z";
        check("any", "UTC", 1_000, changed, changed, settled);
    }

    #[test]
    fn what_is_no_window_is_refused() {
        let is_one = |text: &str| Window::parse(text, TimeZone::UTC).is_ok();
        for text in ["02:00-04:00", "23:30-00:10", "00:00-23:59", "any"] {
            assert!(is_one(text), "{text}");
        }
        for text in [
            "",
            "Any",
            "02:00",
            "2:00-4:00",
            "02:00-02:00",
            "02:00 - 04:00",
            "24:00-01:00",
            "02:60-04:00",
            "02:00-04:00-06:00",
            "+2:00-04:00",
            "02:00:00-04:00:00",
        ] {
            assert!(!is_one(text), "{text}");
        }
        assert!(zone("Europe/Berlin").is_ok() && zone("Mars/Olympus").is_err());
    }
}
