//! How the connection to the broker stands, for whoever asks on this machine.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::credentials::told;

/// Written by the connection's loop, read by others.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkState(Arc<Mutex<LinkNow>>);

/// The connection at one moment.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct LinkNow {
    /// The broker has taken the subscription.
    pub(crate) up: bool,
    /// Since when it is up or down; none before the first attempt ended.
    pub(crate) since_ms: Option<u64>,
    /// Why it was lost or refused last.
    pub(crate) last_error: Option<LinkFault>,
}

/// Why there was no connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct LinkFault {
    pub(crate) at_ms: u64,
    pub(crate) what: String,
}

impl LinkState {
    pub(crate) fn up(&self, now_ms: u64) {
        self.change(|now| {
            now.up = true;
            now.since_ms = Some(now_ms);
        });
    }

    pub(crate) fn down(&self, now_ms: u64, what: String) {
        self.change(|now| {
            if now.up || now.since_ms.is_none() {
                now.since_ms = Some(now_ms);
            }
            now.up = false;
            now.last_error = Some(LinkFault {
                at_ms: now_ms,
                what,
            });
        });
    }

    pub(crate) fn now(&self) -> LinkNow {
        self.change(|now| now.clone())
    }

    fn change<R>(&self, act: impl FnOnce(&mut LinkNow) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LinkNow {
    pub(crate) fn text(&self) -> String {
        let since = self.since_ms.map(told);
        let mut text = match (self.up, since) {
            (true, since) => format!("up since {}", since.unwrap_or_default()),
            (false, Some(since)) => format!("DOWN since {since}"),
            (false, None) => "not up yet".to_owned(),
        };
        if let Some(fault) = &self.last_error {
            let word = if self.up { "lost before" } else { "last error" };
            text.push_str(&format!(
                "; {word}, at {}: {}",
                told(fault.at_ms),
                fault.what
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_down_since_it_was_lost_and_not_since_the_last_attempt() {
        let state = LinkState::default();
        assert_eq!(state.now().text(), "not up yet");
        state.up(1_000);
        state.down(5_000, "the cable".to_owned());
        state.down(9_000, "the cable still".to_owned());
        assert_eq!(
            state.now().text(),
            "DOWN since 1970-01-01T00:00:05Z; last error, at 1970-01-01T00:00:09Z: the cable still"
        );
        state.up(10_000);
        assert!(
            state
                .now()
                .text()
                .starts_with("up since 1970-01-01T00:00:10Z; lost before")
        );
    }
}
