//! Where data comes from and what is made of it: `[[sanitizer]]`, `[[tenant]]` and `[runs]`.

use docx_jinja::Locale;
use jiff::tz::TimeZone;
use serde::Deserialize;
use spokegate_contract::TenantId;
use spokegate_daemon::config::{Faults, Section};
use spokegate_relay::SanitizerConfig;

use crate::runs::Tenant;

/// One customer.
#[derive(Clone, Debug, Deserialize)]
pub struct TenantConfig {
    /// The id in certificates and topics.
    pub id: TenantId,
    /// What people call it.
    pub title: String,
    /// The language that its reports write numbers, dates and money in.
    #[serde(default = "usual_locale")]
    pub locale: String,
}

fn usual_locale() -> String {
    Locale::default().name().to_owned()
}

impl TenantConfig {
    /// The same for runs.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        Tenant {
            id: self.id.clone(),
            title: self.title.clone(),
            locale: Locale::named(&self.locale).unwrap_or_default(),
        }
    }
}

impl Section for TenantConfig {
    fn validate(&self, faults: &mut Faults) {
        let length = self.title.chars().count();
        if self.title.trim().is_empty() || length > 120 || self.title.contains(char::is_control) {
            faults
                .add("title", format!("has {length} characters"))
                .allowed("1 to 120 characters on one line");
        }
        if Locale::named(&self.locale).is_err() {
            let names: Vec<&str> = Locale::names().collect();
            faults
                .add("locale", format!("is \"{}\"", self.locale))
                .allowed(names.join(", "));
        }
    }
}

/// How many runs there may be and how long they stay.
#[derive(Clone, Debug, Deserialize)]
pub struct RunsConfig {
    /// Runs at the same time.
    pub concurrent_max: u32,
    /// Runs of one person that may wait for their turn.
    pub queued_max: u32,
    /// Seconds that a run stays with a worker that gives no sign of life.
    pub lease_s: u32,
    /// Days that runs and documents are kept.
    pub keep_days: u32,
    /// Days that the data of a run is kept beside its document, so that it can be made again and proved; 0: not at all.
    pub data_keep_days: u32,
    /// Days that pushed data is kept; the latest of each dataset stays.
    pub pushes_keep_days: u32,
    /// Versions of each satellite's flows that are kept.
    pub flow_versions_max: u32,
    /// Where a day begins and what hour it is, as the IANA names it.
    pub time_zone: String,
}

impl RunsConfig {
    /// Milliseconds that runs are kept.
    #[must_use]
    pub fn keep_ms(&self) -> u64 {
        u64::from(self.keep_days) * 86_400_000
    }

    /// Milliseconds that a run stays with a worker that gives no sign of life.
    #[must_use]
    pub fn lease_ms(&self) -> u64 {
        u64::from(self.lease_s) * 1_000
    }

    /// Milliseconds that the data of runs is kept.
    #[must_use]
    pub fn data_keep_ms(&self) -> u64 {
        u64::from(self.data_keep_days) * 86_400_000
    }

    /// Where a day begins.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// Milliseconds that pushes are kept.
    #[must_use]
    pub fn pushes_keep_ms(&self) -> u64 {
        u64::from(self.pushes_keep_days) * 86_400_000
    }
}

impl Section for RunsConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.data_keep_days > 3_650 {
            faults
                .add("data_keep_days", format!("is {}", self.data_keep_days))
                .allowed("0 to 3650");
        }
        if TimeZone::get(&self.time_zone).is_err() {
            faults
                .add("time_zone", format!("is \"{}\"", self.time_zone))
                .allowed("a name of the IANA time zone database, such as UTC or Europe/Berlin");
        }
        let bounds = [
            ("concurrent_max", self.concurrent_max, 64),
            ("queued_max", self.queued_max, 10_000),
            ("keep_days", self.keep_days, 3_650),
            ("pushes_keep_days", self.pushes_keep_days, 3_650),
            ("flow_versions_max", self.flow_versions_max, 1_000),
        ];
        if !(3..=600).contains(&self.lease_s) {
            faults
                .add("lease_s", format!("is {}", self.lease_s))
                .allowed("3 to 600");
        }
        for (key, value, most) in bounds {
            faults.bounds(key, value, 1..=most);
        }
    }
}

/// Checks every item of `[[sanitizer]]` and `[[tenant]]`.
pub(super) fn validate_lists(
    sanitizers: &[SanitizerConfig],
    tenants: &[TenantConfig],
    faults: &mut Faults,
) {
    for (index, sanitizer) in sanitizers.iter().enumerate() {
        faults.within(&format!("sanitizer[{index}]"), sanitizer);
    }
    for (index, tenant) in tenants.iter().enumerate() {
        faults.within(&format!("tenant[{index}]"), tenant);
        if tenants
            .iter()
            .take(index)
            .any(|known| known.id == tenant.id)
        {
            faults
                .add(
                    &format!("tenant[{index}].id"),
                    format!("\"{}\" stands twice", tenant.id),
                )
                .allowed("each customer once");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::config::DEFAULTS;
    use spokegate_daemon::config::Layered;

    /// The faults that a change of a good configuration makes.
    fn faults(change: &str) -> String {
        let listener = "tls = { certificate = \"c\", key = \"k\" }\n";
        let text = format!(
            "[forms]\n{listener}[admin]\n{listener}[directory]\nurls = [\"ldaps://localhost\"]\nca = \"c\"\n\
             base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n\
             [roles]\nforms_groups = [\"f\"]\nadmin_groups = [\"a\"]\n{change}\n"
        );
        let loaded = Layered::<Config>::new("reports", DEFAULTS)
            .no_environment()
            .text("test.toml", &text)
            .load();
        loaded.map_or_else(|faults| faults.to_string(), |_| String::new())
    }

    #[track_caller]
    fn check(change: &str, expected: &[&str]) {
        let faults = faults(change);
        assert_eq!(faults.is_empty(), expected.is_empty(), "{faults}");
        for expected in expected {
            assert!(faults.contains(expected), "{faults} has no {expected:?}");
        }
    }

    const SANITIZER: &str =
        "seal_key_file = \"s\"\ntls = { certificate = \"c\", key = \"k\", ca = \"a\" }\n";

    #[test]
    fn allowed_and_refused() {
        let sanitizer = |url: &str| format!("[[sanitizer]]\nurl = \"{url}\"\n{SANITIZER}");
        check("", &[]);
        check(&sanitizer("https://sanitizer:9443"), &[]);
        check(
            "[[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n[[tenant]]\nid = \"globex\"\ntitle = \"Globex\"",
            &[],
        );
        for url in [
            "http://sanitizer:9443",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a?x",
            "sanitizer",
        ] {
            check(&sanitizer(url), &["sanitizer[0].url", "https://host:port"]);
        }
        check(
            "[[tenant]]\nid = \"acme\"\ntitle = \" \"\n[[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n\
             [runs]\nconcurrent_max = 0\nkeep_days = 9999",
            &[
                "tenant[0].title",
                "tenant[1].id",
                "stands twice",
                "runs.concurrent_max",
                "1 to 64",
                "runs.keep_days",
            ],
        );
        check(
            "[[tenant]]\nid = \"ACME\"\ntitle = \"Acme\"",
            &["tenant[0].id", "a-z, 0-9 and '-'"],
        );
        let locale = |name: &str| {
            format!("[[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\nlocale = \"{name}\"")
        };
        check(&locale("de-AT"), &[]);
        check(&locale("klingon"), &["tenant[0].locale", "en, en-US, de"]);
        check("[runs]\ntime_zone = \"Europe/Zurich\"", &[]);
        check(
            "[runs]\ntime_zone = \"Europe/Zurich2\"",
            &["runs.time_zone", "Europe/Berlin"],
        );
        check("[runs]\nconcurent_max = 3", &["concurent_max"]);
    }
}
