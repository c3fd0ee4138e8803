//! `[roles]`, `[session]` and `[throttle]`.

use crate::auth::roles::Roles;
use crate::auth::session::SessionLimits;
use crate::auth::throttle::ThrottleLimits;
use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use std::time::Duration;

/// Groups that give the two roles.
#[derive(Clone, Debug, Deserialize)]
pub struct RolesConfig {
    /// Who may use the forms listener.
    pub forms_groups: Vec<String>,
    /// Who may use the admin listener.
    pub admin_groups: Vec<String>,
}

impl RolesConfig {
    /// The same for the decision.
    #[must_use]
    pub fn roles(&self) -> Roles {
        Roles {
            forms_groups: self.forms_groups.clone(),
            admin_groups: self.admin_groups.clone(),
        }
    }
}

impl Section for RolesConfig {
    fn validate(&self, faults: &mut Faults) {
        for (key, groups) in [
            ("forms_groups", &self.forms_groups),
            ("admin_groups", &self.admin_groups),
        ] {
            if groups.is_empty() || groups.iter().any(|group| group.trim().is_empty()) {
                faults
                    .add(key, "names no group")
                    .allowed("one or more groups, by name (cn) or DN")
                    .hint("without a group nobody could sign in there");
            }
        }
    }
}

/// How long sessions last; seconds.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionConfig {
    /// Inactivity that ends a forms session.
    pub idle_s: u64,
    /// Inactivity that ends an admin session.
    pub admin_idle_s: u64,
    /// The age at which any session ends.
    pub absolute_s: u64,
    /// How often the directory confirms it.
    pub recheck_s: u64,
    /// How long a forms session goes on without the directory.
    pub stale_s: u64,
    /// Sessions per person and listener.
    pub per_person_max: u32,
}

impl SessionConfig {
    /// The same for the decision.
    #[must_use]
    pub fn limits(&self) -> SessionLimits {
        SessionLimits {
            idle_ms: self.idle_s.saturating_mul(1000),
            admin_idle_ms: self.admin_idle_s.saturating_mul(1000),
            absolute_ms: self.absolute_s.saturating_mul(1000),
            recheck_ms: self.recheck_s.saturating_mul(1000),
            stale_ms: self.stale_s.saturating_mul(1000),
            per_person_max: self.per_person_max,
        }
    }
}

impl Section for SessionConfig {
    fn validate(&self, faults: &mut Faults) {
        let limits = [
            ("idle_s", self.idle_s, 60, 86_400),
            ("admin_idle_s", self.admin_idle_s, 60, 86_400),
            ("absolute_s", self.absolute_s, 300, 604_800),
            ("recheck_s", self.recheck_s, 1, 3_600),
            ("stale_s", self.stale_s, 0, 86_400),
            ("per_person_max", u64::from(self.per_person_max), 1, 1_000),
        ];
        for (key, value, min, max) in limits {
            faults.bounds(key, value, min..=max);
        }
        if self.idle_s > self.absolute_s || self.admin_idle_s > self.absolute_s {
            faults
                .add(
                    "absolute_s",
                    format!(
                        "is {}, shorter than the time a session may be idle",
                        self.absolute_s
                    ),
                )
                .allowed("at least idle_s and admin_idle_s");
        }
    }
}

/// How often a sign-in may fail.
#[derive(Clone, Debug, Deserialize)]
pub struct ThrottleConfig {
    /// Per person and window.
    pub person_failures_max: u64,
    /// Per address and window.
    pub address_failures_max: u64,
    /// The window, seconds.
    pub window_s: u64,
    /// No refusal is answered sooner, milliseconds.
    pub refusal_floor_ms: u64,
}

impl ThrottleConfig {
    /// The same for the decision.
    #[must_use]
    pub fn limits(&self) -> ThrottleLimits {
        ThrottleLimits {
            person_failures_max: self.person_failures_max,
            address_failures_max: self.address_failures_max,
            window_ms: self.window_s.saturating_mul(1000),
        }
    }

    /// How long a refusal takes at least.
    #[must_use]
    pub fn refusal_floor(&self) -> Duration {
        Duration::from_millis(self.refusal_floor_ms)
    }
}

impl Section for ThrottleConfig {
    fn validate(&self, faults: &mut Faults) {
        let limits = [
            ("person_failures_max", self.person_failures_max, 1, 100),
            (
                "address_failures_max",
                self.address_failures_max,
                1,
                100_000,
            ),
            ("window_s", self.window_s, 60, 86_400),
            ("refusal_floor_ms", self.refusal_floor_ms, 0, 10_000),
        ];
        for (key, value, min, max) in limits {
            faults.bounds(key, value, min..=max);
        }
    }
}
