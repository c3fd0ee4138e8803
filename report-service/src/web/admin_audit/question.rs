//! What is asked of the trail, as the page's address says it.

use crate::store::audit::{AuditFilter, Decision};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

const DAY_MS: u64 = 86_400_000;

/// The fields of the search; all may be missing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Question {
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) decision: String,
    pub(crate) subject: String,
    /// First day, `2026-11-22`, UTC.
    pub(crate) from: String,
    /// Last day, included.
    pub(crate) to: String,
    pub(crate) before: Option<i64>,
    pub(crate) check: bool,
}

impl Question {
    /// What the store is asked, or what is wrong in words.
    pub(crate) fn filter(&self) -> Result<AuditFilter, String> {
        let decision = match self.decision.as_str() {
            "" => None,
            "allowed" => Some(Decision::Allowed),
            "denied" => Some(Decision::Denied),
            _ => return Err("The decision is \"allowed\" or \"denied\".".into()),
        };
        let until_ms = day("To", &self.to)?.map(|day_ms| day_ms.saturating_add(DAY_MS));
        Ok(AuditFilter {
            actor: self.actor.trim().to_owned(),
            action: self.action.trim().to_owned(),
            decision,
            subject: self.subject.trim().to_owned(),
            from_ms: day("From", &self.from)?,
            until_ms,
        })
    }

    /// The same question for the entries before one, as a query.
    pub(crate) fn older_than(&self, sequence: i64) -> String {
        let mut query = self.pairs();
        query.append_pair("before", &sequence.to_string());
        query.finish()
    }

    /// The same question without a page, as a query.
    pub(crate) fn query(&self) -> String {
        self.pairs().finish()
    }

    fn pairs(&self) -> Serializer<'static, String> {
        let mut query = Serializer::new(String::new());
        for (name, value) in [
            ("actor", &self.actor),
            ("action", &self.action),
            ("decision", &self.decision),
            ("subject", &self.subject),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if !value.trim().is_empty() {
                query.append_pair(name, value.trim());
            }
        }
        query
    }
}

/// The start of a day, UTC, in Unix milliseconds.
fn day(field: &str, text: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("\"{field}\" is not a day such as 2026-11-22, from 1970 on.");
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let start = date
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|_| wrong())?;
    let start_ms = start.timestamp().as_millisecond();
    u64::try_from(start_ms).map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_wrong_ones_are_named() {
        let check = |from: &str, to: &str, expected: Result<(Option<u64>, Option<u64>), &str>| {
            let asked = Question {
                from: from.into(),
                to: to.into(),
                ..Question::default()
            };
            let found = asked.filter();
            let found = found.map(|filter| (filter.from_ms, filter.until_ms));
            let expected = expected.map_err(|field| {
                format!("\"{field}\" is not a day such as 2026-11-22, from 1970 on.")
            });
            assert_eq!(found, expected, "{from:?} {to:?}");
        };
        check("", "", Ok((None, None)));
        check("1970-01-01", "1970-01-01", Ok((Some(0), Some(DAY_MS))));
        check(" 1970-01-02 ", "", Ok((Some(DAY_MS), None)));
        check("1969-12-31", "", Err("From"));
        check("", "2026-02-30", Err("To"));
        check("yesterday", "", Err("From"));
    }

    #[test]
    fn the_next_page_asks_the_same() {
        let asked = Question {
            actor: "a&b=c".into(),
            check: true,
            ..Question::default()
        };
        assert_eq!(asked.query(), "actor=a%26b%3Dc");
        assert_eq!(asked.older_than(7), "actor=a%26b%3Dc&before=7");
        let wrong = Question {
            decision: "maybe".into(),
            ..Question::default()
        };
        assert!(wrong.filter().is_err());
    }
}
