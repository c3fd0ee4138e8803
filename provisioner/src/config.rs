//! The configuration of the daemon.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_relay::SanitizerConfig;

use crate::office::Policy;

/// The documented defaults: what `example-config` prints, and the schema of known keys.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// Longest life of a satellite's certificate, and longest grace.
const DAYS_MAX: u32 = 90;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Where keys and registry are.
    pub authorities: AuthoritiesConfig,
    /// Where requests come from.
    #[serde(default, rename = "sanitizer")]
    pub sanitizers: Vec<SanitizerConfig>,
    /// What satellites get.
    pub enrolment: EnrolmentConfig,
    /// Health and metrics.
    pub ops: OpsConfig,
    /// Logs.
    pub log: LogConfig,
}

/// `[authorities]`.
#[derive(Clone, Debug, Deserialize)]
pub struct AuthoritiesConfig {
    /// The folder that `spokegate ca init` made.
    pub directory: PathBuf,
}

/// `[enrolment]`.
#[derive(Clone, Debug, Deserialize)]
pub struct EnrolmentConfig {
    /// Life of a satellite's certificate.
    pub certificate_days: u32,
    /// How long after its end a certificate may still renew.
    pub grace_days: u32,
    /// Whether every join waits for approval.
    pub approval: bool,
}

impl EnrolmentConfig {
    /// The same for decisions.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            certificate_days: self.certificate_days,
            grace_days: self.grace_days,
            approval: self.approval,
        }
    }
}

impl Section for EnrolmentConfig {
    fn validate(&self, faults: &mut Faults) {
        let bounds = [
            ("certificate_days", self.certificate_days, 1),
            ("grace_days", self.grace_days, 0),
        ];
        for (key, value, least) in bounds {
            if let Some(fault) = faults.bounds(key, value, least..=DAYS_MAX) {
                fault.hint("certificates are short because they renew by themselves");
            }
        }
    }
}

impl Section for Config {
    fn validate(&self, faults: &mut Faults) {
        for (index, sanitizer) in self.sanitizers.iter().enumerate() {
            faults.within(&format!("sanitizer[{index}]"), sanitizer);
        }
        faults.within("enrolment", &self.enrolment);
        faults.within("ops", &self.ops);
        faults.within("log", &self.log);
    }
}

#[cfg(test)]
mod tests {
    use spokegate_daemon::config::Layered;

    use super::*;

    #[track_caller]
    fn check(change: &str, expected: &[&str]) {
        let loaded = Layered::<Config>::new("provisioner", DEFAULTS)
            .no_environment()
            .text("test.toml", change)
            .load();
        let faults = loaded.map_or_else(|faults| faults.to_string(), |_| String::new());
        assert_eq!(faults.is_empty(), expected.is_empty(), "{faults}");
        for expected in expected {
            assert!(faults.contains(expected), "{faults} has no {expected:?}");
        }
    }

    #[test]
    fn allowed_and_refused() {
        let sanitizer = |url: &str| {
            format!(
                "[[sanitizer]]\nurl = \"{url}\"\nseal_key_file = \"s\"\n\
                 tls = {{ certificate = \"c\", key = \"k\", ca = \"a\" }}"
            )
        };
        check("", &[]);
        check(&sanitizer("https://sanitizer:9443"), &[]);
        check(
            &sanitizer("http://sanitizer:9443"),
            &["sanitizer[0].url", "https://host:port"],
        );
        check("[enrolment]\ncertificate_days = 90\ngrace_days = 0", &[]);
        check(
            "[enrolment]\ncertificate_days = 0\ngrace_days = 91",
            &[
                "enrolment.certificate_days",
                "1 to 90",
                "enrolment.grace_days",
                "0 to 90",
            ],
        );
        check("[enrolment]\napprovals = true", &["approvals"]);
    }
}
