//! How a language writes numbers, dates and money.

mod table;

use std::cell::Cell;
use std::fmt;

use table::{Entry, TABLE};

use crate::suggest;

/// The language that `number`, `date`, `currency` and their like write in, unless a tag asks for something else.
///
/// ```
/// use docx_jinja::Locale;
///
/// assert_eq!(Locale::named("de-DE").unwrap().name(), "de");
/// assert!(Locale::named("tlh").unwrap_err().to_string().contains("there are"));
/// ```
#[derive(Clone, Copy)]
pub struct Locale(&'static Entry);

/// A language that is not among those in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no locale \"{asked}\"\nhint: {hint}")]
pub struct UnknownLocale {
    /// What was asked for.
    pub asked: String,
    /// What there is.
    pub hint: String,
}

impl Locale {
    /// The locale of a language tag: `de`, `de-CH`, `fr_FR.UTF-8`. A region without rules of its own has those of its
    /// language.
    ///
    /// # Errors
    /// A language that is not in the table.
    pub fn named(tag: &str) -> Result<Self, UnknownLocale> {
        let cleaned = tag.split(['.', '@']).next().unwrap_or_default().trim();
        let wanted = cleaned.replace('_', "-");
        let language = wanted.split('-').next().unwrap_or_default();
        let find = |name: &str| {
            TABLE
                .iter()
                .find(|entry| entry.name.eq_ignore_ascii_case(name))
        };
        match find(&wanted).or_else(|| find(language)) {
            Some(entry) => Ok(Self(entry)),
            None => {
                let near = suggest::closest(&wanted, Self::names());
                let near = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
                let names: Vec<&str> = Self::names().collect();
                Err(UnknownLocale {
                    asked: tag.chars().take(40).collect(),
                    hint: format!("{near}there are: {}", names.join(", ")),
                })
            }
        }
    }

    /// The names of all locales.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|entry| entry.name)
    }

    /// This locale's name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The sign between whole and fraction.
    pub(crate) fn decimal(self) -> &'static str {
        self.0.decimal
    }

    /// The sign between groups of three digits.
    pub(crate) fn thousands(self) -> &'static str {
        self.0.thousands
    }

    /// How many digits a number has at least, before it is grouped.
    pub(crate) fn grouped_from(self) -> usize {
        self.0.grouped_from
    }

    /// What follows the number of a percentage.
    pub(crate) fn percent(self) -> &'static str {
        self.0.percent
    }

    /// What follows a size in bytes, by its power of 1,024.
    pub(crate) fn byte_unit(self, power: usize) -> &'static str {
        self.0.byte_units.split(' ').nth(power).unwrap_or_default()
    }

    /// Where the currency stands: `¤` is the sign, `#` the amount.
    pub(crate) fn money(self) -> &'static str {
        self.0.money
    }

    /// The usual form of a date, as strftime has it.
    pub(crate) fn date(self) -> &'static str {
        self.0.date
    }

    pub(crate) fn month(self, from_0: usize, short: bool) -> &'static str {
        let names = if short {
            self.0.months_short
        } else {
            self.0.months
        };
        names.split(' ').nth(from_0).unwrap_or_default()
    }

    pub(crate) fn weekday(self, from_monday: usize, short: bool) -> &'static str {
        let names = if short {
            self.0.weekdays_short
        } else {
            self.0.weekdays
        };
        names.split(' ').nth(from_monday).unwrap_or_default()
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self(&TABLE[0])
    }
}

impl fmt::Debug for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locale({})", self.name())
    }
}

impl PartialEq for Locale {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Locale {}

thread_local! {
    static CURRENT: Cell<Option<Locale>> = const { Cell::new(None) };
}

/// Gives the thread its former locale back when a render ends.
pub(crate) struct Guard(Option<Locale>);

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// The locale of the render that starts now.
pub(crate) fn start(locale: Locale) -> Guard {
    Guard(CURRENT.replace(Some(locale)))
}

/// The locale of the current render.
pub(crate) fn current() -> Locale {
    CURRENT.get().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Locale;

    #[test]
    fn regions_fall_back_to_their_language() {
        let check = |tag: &str, expected: Option<&str>| {
            assert_eq!(Locale::named(tag).ok().map(Locale::name), expected, "{tag}");
        };
        check("de", Some("de"));
        check("DE-at", Some("de"));
        check("de_CH.UTF-8", Some("de-CH"));
        check("en-US", Some("en-US"));
        check("en-GB", Some("en"));
        check("", None);
        check("xx", None);
        check("deutsch", None);
        let error = Locale::named("sw").unwrap_err().to_string();
        assert!(
            error.contains("did you mean sv? there are: en, en-US, de"),
            "{error}"
        );
    }

    #[test]
    fn every_locale_is_whole() {
        for name in Locale::names() {
            let locale = Locale::named(name).unwrap();
            for short in [false, true] {
                assert!(
                    (0..12).all(|at| !locale.month(at, short).is_empty()),
                    "{name}"
                );
                assert!(
                    (0..7).all(|at| !locale.weekday(at, short).is_empty()),
                    "{name}"
                );
            }
            assert!((0..6).all(|at| !locale.byte_unit(at).is_empty()), "{name}");
            assert!(locale.money().contains('¤') && locale.money().contains('#'));
            assert_ne!(locale.decimal(), locale.thousands(), "{name}");
            assert!(locale.date().contains("%B"), "{name}");
        }
        assert_eq!(Locale::default().name(), "en");
    }
}
