//! `[api]`.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

/// Limits of the API and of its tokens.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiConfig {
    /// Longest life of a token, in days.
    pub token_days_max: u64,
    /// Personal tokens of one person.
    pub tokens_per_person_max: u32,
    /// Requests of one token in a minute.
    pub requests_per_minute_max: u32,
}

impl Section for ApiConfig {
    fn validate(&self, faults: &mut Faults) {
        for (key, value, max) in [
            ("token_days_max", self.token_days_max, 3_660),
            (
                "tokens_per_person_max",
                u64::from(self.tokens_per_person_max),
                1_000,
            ),
            (
                "requests_per_minute_max",
                u64::from(self.requests_per_minute_max),
                100_000,
            ),
        ] {
            faults.bounds(key, value, 1..=max);
        }
    }
}
