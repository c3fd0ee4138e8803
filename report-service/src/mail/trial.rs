//! Test letters: to whom they may go, and how many.

use std::sync::Arc;

use super::post::{self, PostError, Written};
use super::{Letter, MailAddress};
use crate::auth::tokens::pace::Pace;
use crate::state::AppState;

/// The window in which they are counted, in milliseconds.
const WINDOW_MS: u64 = 600_000;
/// Those of one person in it, and of all.
const PERSON_MAX: u64 = 5;
const ALL_MAX: u64 = 30;
/// Whom all are counted for; no person's id is empty.
const ALL: &str = "";

/// How many test letters went out lately; counted in this process. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct TestLetters(Arc<Pace>);

/// Why a test letter did not go out.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// It would go where letters may not.
    #[error("Letters to {0} are not allowed (mail.allowed_domains).")]
    Elsewhere(MailAddress),
    /// There were too many.
    #[error(
        "There were too many test letters in a short time; the next one may go in {seconds} seconds."
    )]
    TooMany {
        /// Until the next.
        seconds: u64,
    },
    /// What the server said.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl TestLetters {
    /// Counts one of a person.
    fn take(&self, person_id: &str, now_ms: u64) -> Result<(), TestError> {
        let counted = self.0.take(person_id, PERSON_MAX, WINDOW_MS, now_ms);
        let counted = counted.and_then(|()| self.0.take(ALL, ALL_MAX, WINDOW_MS, now_ms));
        counted.map_err(|seconds| TestError::TooMany { seconds })
    }
}

/// Sends a letter at once, to see whether it arrives.
///
/// # Errors
/// That it may not go, or what the server said.
pub async fn test(
    state: &AppState,
    person_id: &str,
    (title, letter): (&str, &Letter),
) -> Result<(), TestError> {
    let domains = &state.config.mail.allowed_domains;
    let mut receivers = letter.to.iter().chain(&letter.cc);
    if let Some(outside) = receivers.find(|address| !address.is_within(domains)) {
        return Err(TestError::Elsewhere(outside.clone()));
    }
    state.test_letters.take(person_id, state.clock.now_ms())?;
    let written = Written {
        subject: format!("Test: {title}"),
        text: "This letter shows that reports reach you. Nothing is attached.\n".into(),
        enclosed: Vec::new(),
    };
    Ok(post::send(&state.config.mail, &state.secrets, letter, written).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_and_all_of_them_send_so_many() {
        let letters = TestLetters::default();
        let sent = |person: &str, now_ms| letters.take(person, now_ms).is_ok();
        for _ in 0..PERSON_MAX {
            assert!(sent("main:alice", 0));
        }
        let refused = letters.take("main:alice", 1_000).unwrap_err().to_string();
        assert!(refused.contains("in 599 seconds"), "{refused}");
        for person in 1..ALL_MAX / PERSON_MAX {
            for _ in 0..PERSON_MAX {
                assert!(sent(&format!("main:{person}"), 2_000));
            }
        }
        assert!(!sent("main:zoe", 3_000), "all together");
        assert!(sent("main:alice", WINDOW_MS + 2_000), "the next window");
    }
}
