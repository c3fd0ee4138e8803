//! A span of whole days that a report is about: chosen by a word such as "last month", which means other days each time
//! that the report is made, or by its first and last day. Pure.

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde_json::{Value, json};

/// What a form sends for days of one's own, beside `<field>-from` and `<field>-to`.
pub const OWN_DAYS: &str = "own";
/// Most days of one's own: ten years.
const DAYS_MAX: i32 = 3_660;
/// Years that a day may be of.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=9998;

/// A span that moves with the day on which it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The month before this one.
    LastMonth,
    /// The first of this month until today.
    ThisMonth,
    /// The three months of the quarter before this one.
    LastQuarter,
    /// The seven days before today.
    Last7Days,
    /// The thirty days before today.
    Last30Days,
    /// The year before this one.
    LastYear,
}

impl Preset {
    /// Every one, in the order of a list.
    pub const ALL: [Self; 6] = [
        Self::LastMonth,
        Self::ThisMonth,
        Self::LastQuarter,
        Self::Last7Days,
        Self::Last30Days,
        Self::LastYear,
    ];

    /// The word in forms, parameters and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastMonth => "last-month",
            Self::ThisMonth => "this-month",
            Self::LastQuarter => "last-quarter",
            Self::Last7Days => "last-7-days",
            Self::Last30Days => "last-30-days",
            Self::LastYear => "last-year",
        }
    }

    /// What people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::LastMonth => "Last month",
            Self::ThisMonth => "This month until today",
            Self::LastQuarter => "Last quarter",
            Self::Last7Days => "Last 7 days",
            Self::Last30Days => "Last 30 days",
            Self::LastYear => "Last year",
        }
    }
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Days that depend on the day of the run.
    Preset(Preset),
    /// These days.
    Own(Days),
}

/// A first and a last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    first: Date,
    last: Date,
}

impl Period {
    /// Reads `last-month` or `2026-01-01/2026-01-31`; the fault is a sentence for the person who chose it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Some(preset) = Preset::ALL.iter().find(|preset| preset.as_str() == text) {
            return Ok(Self::Preset(*preset));
        }
        match text.split_once('/') {
            Some((first, last)) => Days::read(first, last).map(Self::Own),
            None => Err("Choose one of the periods in the list.".into()),
        }
    }

    /// The days that are meant on this day.
    #[must_use]
    pub fn on(self, today: Date) -> Days {
        match self {
            Self::Own(days) => days,
            Self::Preset(preset) => preset.on(today),
        }
    }
}

impl Preset {
    fn on(self, today: Date) -> Days {
        let month = today.first_of_month();
        let day_before = |date: Date| back(date, 1.day());
        match self {
            Self::LastMonth => Days::of(back(month, 1.month()), day_before(month)),
            Self::ThisMonth => Days::of(month, today),
            Self::LastQuarter => {
                let into = (month.month() - 1) % 3;
                let quarter = back(month, into.months());
                Days::of(back(quarter, 3.months()), day_before(quarter))
            }
            Self::Last7Days => Days::of(back(today, 7.days()), day_before(today)),
            Self::Last30Days => Days::of(back(today, 30.days()), day_before(today)),
            Self::LastYear => {
                let year = today.first_of_year();
                Days::of(back(year, 1.year()), day_before(year))
            }
        }
    }
}

/// A date before this one; the calendar's first day where it ends.
fn back(date: Date, span: Span) -> Date {
    date.saturating_sub(span)
}

impl Days {
    fn of(first: Date, last: Date) -> Self {
        Self { first, last }
    }

    /// Reads the first and the last day, `YYYY-MM-DD` each.
    ///
    /// # Errors
    /// A sentence for the person who typed them.
    pub fn read(first: &str, last: &str) -> Result<Self, String> {
        let day = |text: &str, which: &str| {
            let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let day = text.parse::<Date>().ok().filter(|_| plain);
            day.filter(|day| YEARS.contains(&day.year()))
                .ok_or_else(|| {
                    format!("Enter the {which} day as year-month-day, such as 2026-01-31.")
                })
        };
        let days = Self::of(day(first, "first")?, day(last, "last")?);
        let count = days.count();
        if count < 1 {
            return Err("The last day is before the first.".into());
        }
        if count > DAYS_MAX {
            return Err(format!("Choose at most {DAYS_MAX} days; this is {count}."));
        }
        Ok(days)
    }

    /// Reads what [`Days::value`] wrote.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('/')?;
        Self::read(first, last).ok()
    }

    /// `2026-01-01/2026-01-31`, as parameters hold it.
    #[must_use]
    pub fn value(&self) -> String {
        format!("{}/{}", self.first, self.last)
    }

    /// The first day, `YYYY-MM-DD`.
    #[must_use]
    pub fn first(&self) -> String {
        self.first.to_string()
    }

    /// The last day, `YYYY-MM-DD`.
    #[must_use]
    pub fn last(&self) -> String {
        self.last.to_string()
    }

    /// What a template reads: `from`, `to`, `title`, `days`.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({"from": self.first(), "to": self.last(), "title": self.title(), "days": self.count()})
    }

    /// `October 2026`, `2026, quarter 3`, `2026`, or both days.
    #[must_use]
    pub fn title(&self) -> String {
        let year = self.first.year();
        match self.whole() {
            Whole::Year => year.to_string(),
            Whole::Quarter => format!("{year}, quarter {}", self.quarter()),
            Whole::Month => self.first.strftime("%B %Y").to_string(),
            Whole::Day => self.first(),
            Whole::No => format!("{} to {}", self.first, self.last),
        }
    }

    /// `2026-10`, `2026-Q3`, `2026`, or both days: for names of files.
    #[must_use]
    pub fn short(&self) -> String {
        let year = self.first.year();
        match self.whole() {
            Whole::Year => year.to_string(),
            Whole::Quarter => format!("{year}-Q{}", self.quarter()),
            Whole::Month => self.first.strftime("%Y-%m").to_string(),
            Whole::Day => self.first(),
            Whole::No => format!("{}_{}", self.first, self.last),
        }
    }

    fn count(&self) -> i32 {
        // Both are of the calendar's years, whose days an i32 counts.
        let span = self.first.until(self.last).map(|span| span.get_days());
        span.unwrap_or(i32::MAX - 1) + 1
    }

    fn quarter(&self) -> i8 {
        (self.first.month() - 1) / 3 + 1
    }

    fn whole(&self) -> Whole {
        let ends_month = self.last == self.last.last_of_month();
        let same_year = self.first.year() == self.last.year();
        if self.first == self.last {
            return Whole::Day;
        }
        if self.first.day() != 1 || !ends_month || !same_year {
            return Whole::No;
        }
        match (self.first.month(), self.last.month()) {
            (1, 12) => Whole::Year,
            (first, last) if first == last => Whole::Month,
            (first, last) if first % 3 == 1 && last == first + 2 => Whole::Quarter,
            _ => Whole::No,
        }
    }
}

/// The unit of the calendar that days are the whole of.
enum Whole {
    Year,
    Quarter,
    Month,
    Day,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(today: &str, chosen: &str, expected: &str) {
        let days = Period::read(chosen).unwrap().on(today.parse().unwrap());
        let shown = format!("{} = {}", days.value(), days.title());
        assert_eq!(shown, expected, "{chosen} on {today}");
        assert_eq!(Days::stored(&days.value()), Some(days));
    }

    #[test]
    fn words_move_with_the_day() {
        check(
            "2026-11-22",
            "last-month",
            "2026-10-01/2026-10-31 = October 2026",
        );
        check(
            "2026-01-31",
            "last-month",
            "2025-12-01/2025-12-31 = December 2025",
        );
        check(
            "2028-03-31",
            "last-month",
            "2028-02-01/2028-02-29 = February 2028",
        );
        check(
            "2026-11-22",
            "this-month",
            "2026-11-01/2026-11-22 = 2026-11-01 to 2026-11-22",
        );
        check(
            "2026-11-01",
            "this-month",
            "2026-11-01/2026-11-01 = 2026-11-01",
        );
        check(
            "2026-11-22",
            "last-quarter",
            "2026-07-01/2026-09-30 = 2026, quarter 3",
        );
        check(
            "2026-02-01",
            "last-quarter",
            "2025-10-01/2025-12-31 = 2025, quarter 4",
        );
        check(
            "2026-03-05",
            "last-7-days",
            "2026-02-26/2026-03-04 = 2026-02-26 to 2026-03-04",
        );
        check(
            "2026-01-15",
            "last-30-days",
            "2025-12-16/2026-01-14 = 2025-12-16 to 2026-01-14",
        );
        check("2026-11-22", "last-year", "2025-01-01/2025-12-31 = 2025");
    }

    #[test]
    fn days_of_ones_own_stay() {
        check(
            "2026-11-22",
            "2026-02-01/2026-02-28",
            "2026-02-01/2026-02-28 = February 2026",
        );
        check(
            "2026-11-22",
            "2024-02-01/2024-02-28",
            "2024-02-01/2024-02-28 = 2024-02-01 to 2024-02-28",
        );
        check(
            "2026-11-22",
            "2026-02-01/2026-04-30",
            "2026-02-01/2026-04-30 = 2026-02-01 to 2026-04-30",
        );
    }

    #[test]
    fn what_is_no_period_is_told() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Period::read(text).unwrap_err(), expected, "{text}");
        };
        check("next-month", "Choose one of the periods in the list.");
        check("2026-02-02/2026-02-01", "The last day is before the first.");
        check(
            "2026-02-30/2026-03-01",
            "Enter the first day as year-month-day, such as 2026-01-31.",
        );
        check(
            "2026-02-01/",
            "Enter the last day as year-month-day, such as 2026-01-31.",
        );
        check(
            "2026-02-01/2026-02-01T10:00",
            "Enter the last day as year-month-day, such as 2026-01-31.",
        );
        check(
            "0000-02-01/2026-02-01",
            "Enter the first day as year-month-day, such as 2026-01-31.",
        );
        check(
            "2000-01-01/2026-01-01",
            "Choose at most 3660 days; this is 9498.",
        );
    }

    #[test]
    fn names_of_files_are_short() {
        let check = |first: &str, last: &str, expected: &str| {
            assert_eq!(Days::read(first, last).unwrap().short(), expected);
        };
        check("2026-10-01", "2026-10-31", "2026-10");
        check("2026-07-01", "2026-09-30", "2026-Q3");
        check("2025-01-01", "2025-12-31", "2025");
        check("2026-10-02", "2026-10-31", "2026-10-02_2026-10-31");
    }
}
