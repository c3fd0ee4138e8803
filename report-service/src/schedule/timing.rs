//! When a schedule is due: which days, at what time of the day, in which time zone. Pure.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

/// Days that are looked at for the next one: more than four years, so that every 29 February is among them.
const LOOK_DAYS: i32 = 1_830;

/// Which days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "every")]
pub enum Rule {
    /// This day alone.
    Once {
        /// The day.
        on: Date,
    },
    /// Every day.
    Day,
    /// Monday to Friday.
    Workday,
    /// These days of each week, 1 (Monday) to 7.
    Week {
        /// Never empty.
        days: Vec<i8>,
    },
    /// This day of each month; the last one where the month is shorter.
    Month {
        /// 1 to 31.
        day: i8,
    },
    /// The last day of each month.
    MonthEnd,
}

/// When a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Which days.
    pub rule: Rule,
    /// At what time of these days.
    pub at: Time,
    /// Where, as the IANA names it.
    pub zone: String,
    /// Not before this day.
    pub starts: Option<Date>,
    /// Not after this day.
    pub ends: Option<Date>,
}

impl Timing {
    /// The first moment after this one at which it is due; `None` when there is none any more. A time that summer time
    /// skips is taken as much later; of a time that comes twice, the first.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.zone).ok()?;
        let today = after.to_zoned(zone.clone()).date();
        // A day earlier, since the time that is skipped may put a moment into the next day.
        let mut day = today.checked_sub(1.day()).ok()?;
        if let Some(starts) = self.starts.filter(|starts| *starts > day) {
            day = starts;
        }
        if let Rule::Once { on } = self.rule {
            day = day.max(on);
        }
        for _ in 0..LOOK_DAYS {
            if self.ends.is_some_and(|ends| day > ends) {
                return None;
            }
            if self.rule.is_on(day) {
                // "Compatible": later where the time is skipped, the first where it comes twice.
                let moment = zone
                    .to_ambiguous_zoned(day.to_datetime(self.at))
                    .compatible();
                let moment = moment.ok()?.timestamp();
                if moment > after {
                    return Some(moment);
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The next moments, at most so many.
    #[must_use]
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(after), |last| self.next_after(*last))
            .take(count)
            .collect()
    }

    /// In words: `every month on day 1 at 06:00 (Europe/Berlin)`.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "{} at {} ({})",
            self.rule.words(),
            self.at.strftime("%H:%M"),
            self.zone
        )
    }
}

impl Rule {
    fn is_on(&self, day: Date) -> bool {
        match self {
            Self::Once { on } => day == *on,
            Self::Day => true,
            Self::Workday => !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday),
            Self::Week { days } => days.contains(&day.weekday().to_monday_one_offset()),
            Self::Month { day: wanted } => day.day() == (*wanted).min(day.days_in_month()),
            Self::MonthEnd => day.day() == day.days_in_month(),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Once { on } => format!("once, on {on}"),
            Self::Day => "every day".into(),
            Self::Workday => "Monday to Friday".into(),
            Self::Week { days } => {
                let names: Vec<&str> = days.iter().map(|day| weekday(*day)).collect();
                format!("every {}", names.join(", "))
            }
            Self::Month { day } => format!("every month on day {day}"),
            Self::MonthEnd => "every month on its last day".into(),
        }
    }
}

/// The name of a day of the week, 1 (Monday) to 7.
#[must_use]
pub fn weekday(day: i8) -> &'static str {
    match day {
        1 => "Monday",
        2 => "Tuesday",
        3 => "Wednesday",
        4 => "Thursday",
        5 => "Friday",
        6 => "Saturday",
        _ => "Sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(rule: Rule, at: &str, zone: &str) -> Timing {
        Timing {
            rule,
            at: at.parse().unwrap(),
            zone: zone.into(),
            starts: None,
            ends: None,
        }
    }

    #[track_caller]
    fn check(timing: &Timing, after: &str, expected: &[&str]) {
        let after: Timestamp = after.parse().unwrap();
        let zone = TimeZone::get(&timing.zone).unwrap();
        let shown: Vec<String> = timing
            .upcoming(after, expected.len())
            .iter()
            .map(|at| {
                at.to_zoned(zone.clone())
                    .strftime("%F %H:%M %:z")
                    .to_string()
            })
            .collect();
        assert_eq!(shown, expected, "{}", timing.words());
    }

    const BERLIN: &str = "Europe/Berlin";

    #[test]
    fn each_rule_has_its_days() {
        let after = "2026-11-20T12:00:00Z"; // A Friday.
        let on = |rule, expected: &[&str]| check(&timing(rule, "06:00", "UTC"), after, expected);
        on(
            Rule::Day,
            &["2026-11-21 06:00 +00:00", "2026-11-22 06:00 +00:00"],
        );
        on(
            Rule::Workday,
            &["2026-11-23 06:00 +00:00", "2026-11-24 06:00 +00:00"],
        );
        on(
            Rule::Week { days: vec![1, 7] },
            &[
                "2026-11-22 06:00 +00:00",
                "2026-11-23 06:00 +00:00",
                "2026-11-29 06:00 +00:00",
            ],
        );
        on(
            Rule::Month { day: 1 },
            &["2026-12-01 06:00 +00:00", "2027-01-01 06:00 +00:00"],
        );
        on(
            Rule::MonthEnd,
            &["2026-11-30 06:00 +00:00", "2026-12-31 06:00 +00:00"],
        );
        on(
            Rule::Once {
                on: "2026-12-24".parse().unwrap(),
            },
            &["2026-12-24 06:00 +00:00"],
        );
        let over = timing(
            Rule::Once {
                on: "2026-11-20".parse().unwrap(),
            },
            "06:00",
            "UTC",
        );
        assert_eq!(over.next_after(after.parse().unwrap()), None);
    }

    #[test]
    fn a_moment_is_after_the_last_one_and_never_the_same() {
        let daily = timing(Rule::Day, "06:00", "UTC");
        check(&daily, "2026-11-20T05:59:59Z", &["2026-11-20 06:00 +00:00"]);
        check(&daily, "2026-11-20T06:00:00Z", &["2026-11-21 06:00 +00:00"]);
    }

    #[test]
    fn months_that_are_shorter_use_their_last_day() {
        let monthly = |day| timing(Rule::Month { day }, "06:00", "UTC");
        check(
            &monthly(31),
            "2027-01-15T00:00:00Z",
            &[
                "2027-01-31 06:00 +00:00",
                "2027-02-28 06:00 +00:00",
                "2027-03-31 06:00 +00:00",
                "2027-04-30 06:00 +00:00",
            ],
        );
        check(
            &monthly(29),
            "2028-02-01T00:00:00Z",
            &["2028-02-29 06:00 +00:00", "2028-03-29 06:00 +00:00"],
        );
        check(
            &monthly(30),
            "2028-02-01T00:00:00Z",
            &["2028-02-29 06:00 +00:00", "2028-03-30 06:00 +00:00"],
        );
        check(
            &timing(Rule::MonthEnd, "23:59", "UTC"),
            "2028-02-01T00:00:00Z",
            &["2028-02-29 23:59 +00:00"],
        );
        let leap = timing(
            Rule::Once {
                on: "2032-02-29".parse().unwrap(),
            },
            "06:00",
            "UTC",
        );
        check(&leap, "2026-01-01T00:00:00Z", &["2032-02-29 06:00 +00:00"]);
    }

    #[test]
    fn summer_time_begins_and_no_day_is_left_out() {
        // 29 March 2026, 02:00 becomes 03:00.
        check(
            &timing(Rule::Day, "02:30", BERLIN),
            "2026-03-27T12:00:00Z",
            &[
                "2026-03-28 02:30 +01:00",
                "2026-03-29 03:30 +02:00",
                "2026-03-30 02:30 +02:00",
            ],
        );
        check(
            &timing(Rule::Day, "06:00", BERLIN),
            "2026-03-28T12:00:00Z",
            &["2026-03-29 06:00 +02:00", "2026-03-30 06:00 +02:00"],
        );
    }

    #[test]
    fn summer_time_ends_and_no_day_comes_twice() {
        // 25 October 2026, 03:00 becomes 02:00.
        check(
            &timing(Rule::Day, "02:30", BERLIN),
            "2026-10-24T12:00:00Z",
            &["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"],
        );
        // Between the first 02:30 and the second.
        check(
            &timing(Rule::Day, "02:30", BERLIN),
            "2026-10-25T00:45:00Z",
            &["2026-10-26 02:30 +01:00"],
        );
    }

    #[test]
    fn a_day_that_a_zone_skipped_is_made_up_for() {
        // Samoa had no 30 December 2011.
        check(
            &timing(Rule::Day, "06:00", "Pacific/Apia"),
            "2011-12-29T20:00:00Z",
            &["2011-12-31 06:00 +14:00", "2012-01-01 06:00 +14:00"],
        );
    }

    #[test]
    fn start_and_end_are_kept() {
        let mut monthly = timing(Rule::Month { day: 1 }, "06:00", BERLIN);
        monthly.starts = Some("2027-01-02".parse().unwrap());
        monthly.ends = Some("2027-03-01".parse().unwrap());
        check(
            &monthly,
            "2026-11-22T00:00:00Z",
            &["2027-02-01 06:00 +01:00", "2027-03-01 06:00 +01:00"],
        );
        let all = monthly.upcoming("2026-11-22T00:00:00Z".parse().unwrap(), 5);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn a_zone_that_is_none_is_never_due() {
        assert_eq!(
            timing(Rule::Day, "06:00", "Mars/Base").next_after(Timestamp::UNIX_EPOCH),
            None
        );
    }
}
