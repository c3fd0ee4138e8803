//! Entries of the trail that fit what is asked for, in pages or one after the other.

use super::{AuditRecord, read};
use crate::store::{Store, signed};
use spokegate_daemon::audit::Decision;

/// The same statement for every question: what is not asked for is bound so that everything fits.
const FITS: &str = "sequence > $1 AND sequence < $2 AND at >= $3 AND at < $4
    AND (LOWER(actor) LIKE LOWER($5) ESCAPE '!' OR LOWER(name) LIKE LOWER($5) ESCAPE '!')
    AND LOWER(action) LIKE LOWER($6) ESCAPE '!' AND decision LIKE $7 AND LOWER(subject) LIKE LOWER($8) ESCAPE '!'";
const NEWEST: &str = "ORDER BY sequence DESC LIMIT $9";
const OLDEST: &str = "ORDER BY sequence LIMIT $9";

/// What is looked for. Empty fields fit everything; texts are found anywhere in the field, in either case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Part of the actor's id or sign-in name.
    pub actor: String,
    /// Part of the action.
    pub action: String,
    /// Done or refused.
    pub decision: Option<Decision>,
    /// Part of the subject.
    pub subject: String,
    /// Not before, Unix milliseconds.
    pub from_ms: Option<u64>,
    /// Before, Unix milliseconds.
    pub until_ms: Option<u64>,
}

/// Whether the latest or the earliest entries come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Newest,
    Oldest,
}

/// The statement and what is bound to it, in the order of the placeholders.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    sql: String,
    sequences: (i64, i64),
    times: (i64, i64),
    patterns: [String; 4],
}

impl AuditFilter {
    /// True when everything fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn question(&self, after: i64, before: i64, order: Order) -> Question {
        let order = match order {
            Order::Newest => NEWEST,
            Order::Oldest => OLDEST,
        };
        let decision = self.decision.map_or("%", Decision::as_str);
        Question {
            sql: format!("SELECT * FROM audit WHERE {FITS} {order}"),
            sequences: (after, before),
            times: (
                signed(self.from_ms.unwrap_or(0)),
                signed(self.until_ms.unwrap_or(u64::MAX)),
            ),
            patterns: [
                pattern(&self.actor),
                pattern(&self.action),
                decision.to_owned(),
                pattern(&self.subject),
            ],
        }
    }
}

/// A text found anywhere; the signs that LIKE gives a meaning lose it.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.trim().chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    if pattern.len() > 1 {
        pattern.push('%');
    }
    pattern
}

impl Store {
    /// The latest entries that fit, newest first, before `before` (exclusive) when given.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn audit_search(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let question = filter.question(0, before.unwrap_or(i64::MAX), Order::Newest);
        self.audit_ask(question, limit).await
    }

    /// The entries that fit, oldest first, between two numbers (both exclusive).
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn audit_between(
        &self,
        filter: &AuditFilter,
        after: i64,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let question = filter.question(after, before, Order::Oldest);
        self.audit_ask(question, limit).await
    }

    async fn audit_ask(
        &self,
        question: Question,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, sqlx::Error> {
        let [actor, action, decision, subject] = question.patterns;
        // The text is made of constants alone; all that people typed is bound.
        let rows = sqlx::query(sqlx::AssertSqlSafe(question.sql))
            .bind(question.sequences.0)
            .bind(question.sequences.1)
            .bind(question.times.0)
            .bind(question.times.1)
            .bind(actor)
            .bind(action)
            .bind(decision)
            .bind(subject)
            .bind(i64::from(limit))
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::audit::AuditEvent;
    use crate::testing::stores;

    #[test]
    fn what_is_typed_is_bound_and_means_itself() {
        for (typed, expected) in [
            ("", "%"),
            ("  ", "%"),
            ("alice", "%alice%"),
            ("50%", "%50!%%"),
            ("a_b!", "%a!_b!!%"),
            ("'; DROP TABLE audit", "%'; DROP TABLE audit%"),
        ] {
            assert_eq!(pattern(typed), expected, "{typed:?}");
        }
        let all = AuditFilter::default().question(0, 9, Order::Newest);
        let evil = AuditFilter {
            actor: "' OR 1=1 --".into(),
            ..AuditFilter::default()
        };
        let evil = evil.question(0, 9, Order::Newest);
        assert_eq!(all.sql, evil.sql, "no text of theirs is in the statement");
        assert_eq!(evil.patterns[0], "%' OR 1=1 --%");
    }

    async fn filled(store: &Store) {
        for (at_ms, actor, action, decision) in [
            (10, "main:alice", "session.start", Decision::Allowed),
            (20, "main:bob", "session.start", Decision::Denied),
            (30, "main:Alice", "run.start", Decision::Allowed),
            (40, "a_b", "run.start", Decision::Allowed),
        ] {
            let event = AuditEvent {
                at_ms,
                actor,
                name: "",
                action,
                decision,
                reason: "r",
                subject: "forms",
                address: "",
            };
            store.audit(event).await.unwrap();
        }
    }

    fn numbers(found: &[AuditRecord]) -> Vec<i64> {
        found.iter().map(|entry| entry.sequence).collect()
    }

    #[tokio::test]
    async fn both_stores_find_the_same() {
        let asked: [(AuditFilter, &[i64]); 9] = {
            let with = AuditFilter::default;
            let by = |actor: &str| AuditFilter {
                actor: actor.into(),
                ..with()
            };
            [
                (with(), &[4, 3, 2, 1]),
                (by("ALICE"), &[3, 1]),
                (by("_"), &[4]),
                (by("%"), &[]),
                (by("' OR 1=1 --"), &[]),
                (
                    AuditFilter {
                        action: "session".into(),
                        ..with()
                    },
                    &[2, 1],
                ),
                (
                    AuditFilter {
                        decision: Some(Decision::Denied),
                        ..with()
                    },
                    &[2],
                ),
                (
                    AuditFilter {
                        subject: "admin".into(),
                        ..with()
                    },
                    &[],
                ),
                (
                    AuditFilter {
                        from_ms: Some(20),
                        until_ms: Some(40),
                        ..with()
                    },
                    &[3, 2],
                ),
            ]
        };
        for store in &stores().await {
            filled(store).await;
            for (filter, expected) in &asked {
                let found = store.audit_search(filter, None, 10).await.unwrap();
                assert_eq!(numbers(&found), *expected, "{filter:?}");
            }
            let all = AuditFilter::default();
            let page = store.audit_search(&all, Some(3), 1).await.unwrap();
            assert_eq!(numbers(&page), [2]);
            let between = store.audit_between(&all, 1, 4, 10).await.unwrap();
            assert_eq!(numbers(&between), [2, 3]);
        }
    }
}
