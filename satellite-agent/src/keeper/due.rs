//! A restart that is due: Node-RED runs with secrets of before, or the centre wants it in the window. Kept in memory alone: an
//! agent that starts anew starts Node-RED with what is kept by then, and nothing is due.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spokegate_daemon::Clock;

use super::state::KeeperState;
use super::window::Window;
use crate::credentials::told;
use crate::jitter;

/// How often it looks whether the time has come; the machine's clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(1);

/// Why a restart is due.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// It was started with secrets of before.
    Secrets,
    /// The centre ordered it.
    Ordered,
}

/// What is told of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct RestartDue {
    pub(crate) cause: Cause,
    pub(crate) since_ms: u64,
    /// When it is restarted by itself; none: not at all.
    pub(crate) at_ms: Option<u64>,
    /// The window, as the configuration writes it.
    pub(crate) window: Option<String>,
}

impl RestartDue {
    /// For people: `a restart is due since … (its secrets have changed), planned for …`.
    pub(crate) fn text(&self) -> String {
        let cause = match self.cause {
            Cause::Secrets => "its secrets have changed",
            Cause::Ordered => "the centre ordered it",
        };
        let planned = match (self.at_ms, &self.window) {
            (Some(at_ms), Some(window)) if window == "any" => {
                format!("planned for {}", told(at_ms))
            }
            (Some(at_ms), Some(window)) => {
                format!(
                    "planned for {} (node_red.restart_window {window})",
                    told(at_ms)
                )
            }
            _ => "not by itself, for node_red.restart_window is not set".to_owned(),
        };
        format!(
            "a restart is due since {} ({cause}), {planned}",
            told(self.since_ms)
        )
    }
}

/// Whether one is due, and when it is to be. Clones share one.
#[derive(Clone)]
pub(crate) struct Due {
    window: Option<Arc<Window>>,
    clock: Clock,
    state: KeeperState,
    noted: Arc<Mutex<Option<Noted>>>,
}

#[derive(Clone, Copy)]
struct Noted {
    cause: Cause,
    since_ms: u64,
    changed_ms: u64,
    /// Which share of the window's spread this one takes, in thousandths.
    share: u64,
}

impl Due {
    pub(super) fn new(window: Option<Window>, clock: Clock, state: KeeperState) -> Self {
        Self {
            window: window.map(Arc::new),
            clock,
            state,
            noted: Arc::default(),
        }
    }

    /// Whether it is ever restarted by itself.
    pub(super) fn has_window(&self) -> bool {
        self.window.is_some()
    }

    /// Notes that a restart is due; what is told of it.
    pub(super) fn mark(&self, cause: Cause) -> RestartDue {
        let now_ms = self.clock.now_ms();
        let noted = {
            let mut place = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = match *place {
                Some(before) => Noted {
                    changed_ms: now_ms,
                    ..before
                },
                None => Noted {
                    cause,
                    since_ms: now_ms,
                    changed_ms: now_ms,
                    share: share(),
                },
            };
            *place = Some(noted);
            noted
        };
        let due = self.told(noted, now_ms);
        let known = due.clone();
        self.state.change(|now| now.restart_due = Some(known));
        due
    }

    /// What is started from now on has everything.
    pub(super) fn forget(&self) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.state.change(|now| now.restart_due = None);
    }

    /// Returns once it is to be restarted.
    pub(super) async fn come(&self) {
        while !self.has_come() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether now is the time; says anew when it is to be.
    fn has_come(&self) -> bool {
        let noted = *self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(noted) = noted else {
            return false;
        };
        let now_ms = self.clock.now_ms();
        let due = self.told(noted, now_ms);
        let has_come = due.at_ms.is_some_and(|at_ms| at_ms <= now_ms);
        self.state.change(|now| now.restart_due = Some(due));
        has_come
    }

    fn told(&self, noted: Noted, now_ms: u64) -> RestartDue {
        let window = self.window.as_deref();
        RestartDue {
            cause: noted.cause,
            since_ms: noted.since_ms,
            at_ms: window.map(|window| window.restart_at_ms(noted.changed_ms, noted.share, now_ms)),
            window: window.map(|window| window.text().to_owned()),
        }
    }
}

fn share() -> u64 {
    let drawn = jitter::up_to(Duration::from_millis(1_000));
    u64::try_from(drawn.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use spokegate_daemon::ManualClock;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    fn due(window: Option<&str>) -> (Due, ManualClock, KeeperState) {
        let window = window.map(|text| Window::parse(text, TimeZone::UTC).unwrap());
        // Noon.
        let (clock, hand) = Clock::manual(12 * HOUR_MS);
        let state = KeeperState::default();
        (Due::new(window, clock, state.clone()), hand, state)
    }

    #[test]
    fn it_comes_in_the_window_and_is_told_until_then() {
        let (due, hand, state) = due(Some("02:00-04:00"));
        assert!(!due.has_come() && state.now().restart_due.is_none());
        let told = due.mark(Cause::Secrets);
        assert!(
            told.text().contains("node_red.restart_window 02:00-04:00"),
            "{}",
            told.text()
        );
        hand.advance(13 * HOUR_MS);
        assert!(!due.has_come(), "at one o'clock");
        assert_eq!(state.now().restart_due.unwrap().since_ms, 12 * HOUR_MS);
        hand.advance(HOUR_MS + 16 * 60_000);
        assert!(due.has_come(), "a quarter past two");
        due.forget();
        assert!(!due.has_come() && state.now().restart_due.is_none());
    }

    #[test]
    fn a_window_that_was_slept_through_is_not_made_up_for_outside_of_it() {
        let (due, hand, _) = due(Some("02:00-04:00"));
        due.mark(Cause::Ordered);
        hand.advance(20 * HOUR_MS);
        assert!(!due.has_come(), "at eight o'clock");
        hand.advance(18 * HOUR_MS + 16 * 60_000);
        assert!(due.has_come());
    }

    #[test]
    fn without_a_window_it_never_comes_and_says_so() {
        let (due, hand, state) = due(None);
        let told = due.mark(Cause::Secrets);
        assert!(told.text().contains("not by itself"), "{}", told.text());
        hand.advance(1_000 * HOUR_MS);
        assert!(!due.has_come());
        assert_eq!(state.now().restart_due.unwrap().at_ms, None);
    }

    #[test]
    fn several_changes_are_one_restart_after_the_last() {
        let (due, hand, state) = due(Some("any"));
        due.mark(Cause::Secrets);
        hand.advance(4_000);
        assert!(!due.has_come());
        due.mark(Cause::Secrets);
        hand.advance(4_000);
        assert!(!due.has_come(), "the second one has not settled");
        hand.advance(1_000);
        assert!(due.has_come());
        assert_eq!(state.now().restart_due.unwrap().since_ms, 12 * HOUR_MS);
    }
}
