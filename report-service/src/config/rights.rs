//! `[[rights]]`, `[second_factor]` and `[break_glass]`: what groups may do, where a password is not enough, and the
//! account for when there is no directory.

use super::Config;
use crate::auth::Site;
use crate::auth::rights::{Grant, Reach, RightsConfig};
use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use std::str::FromStr;

/// What stands for all.
const ALL: &str = "*";

/// What the members of some groups may do.
#[derive(Clone, Debug, Deserialize)]
pub struct GrantConfig {
    /// Members of any of these have it.
    pub groups: Vec<String>,
    /// Ids of reports, or `*`.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Ids of customers, or `*`.
    #[serde(default)]
    pub tenants: Vec<String>,
    /// Whether they may put templates in and out of use.
    #[serde(default)]
    pub manage_templates: bool,
    /// Whether they may release documents held for review.
    #[serde(default)]
    pub release: bool,
    /// Whether they may release what they ordered themselves, too.
    #[serde(default)]
    pub release_own: bool,
}

impl GrantConfig {
    fn grant(&self) -> Grant {
        Grant {
            groups: self.groups.clone(),
            reports: reach(&self.reports),
            tenants: reach(&self.tenants),
            manage_templates: self.manage_templates,
            release: self.release,
            release_own: self.release_own,
        }
    }
}

impl Section for GrantConfig {
    fn validate(&self, faults: &mut Faults) {
        if self.groups.is_empty() || self.groups.iter().any(|group| group.trim().is_empty()) {
            faults
                .add("groups", "names no group")
                .allowed("one or more groups, by name (cn) or DN");
        }
        if self.release && (self.reports.is_empty() || self.tenants.is_empty()) {
            faults
                .add("release", "releases nothing without reports and customers")
                .allowed("reports and tenants in the same table, or \"*\" for all");
        }
        if self.release_own && !self.release {
            faults
                .add("release_own", "is set without release")
                .allowed("together with release = true");
        }
        validate_ids::<spokegate_contract::ReportId>("reports", &self.reports, faults);
        validate_ids::<spokegate_contract::TenantId>("tenants", &self.tenants, faults);
    }
}

/// The local administrator.
#[derive(Clone, Debug, Deserialize)]
pub struct BreakGlassConfig {
    /// Whether it works while the directory answers, too.
    pub always: bool,
}

/// Where the password alone is not enough.
#[derive(Clone, Debug, Deserialize)]
pub struct SecondFactorConfig {
    /// `admin`, `forms`, both or none.
    pub required_for: Vec<String>,
}

impl Section for SecondFactorConfig {
    fn validate(&self, faults: &mut Faults) {
        for (index, name) in self.required_for.iter().enumerate() {
            if Site::parse(name).is_none() {
                faults
                    .add(&format!("required_for[{index}]"), format!("is {name:?}"))
                    .allowed("\"admin\", \"forms\"");
            }
        }
    }
}

impl Config {
    /// Grants and second factor, for the decision. Call it on a checked configuration.
    #[must_use]
    pub fn rights(&self) -> RightsConfig {
        RightsConfig {
            grants: self.grants.iter().map(GrantConfig::grant).collect(),
            second_factor: self
                .second_factor
                .required_for
                .iter()
                .filter_map(|name| Site::parse(name))
                .collect(),
        }
    }
}

/// Checks every item of `[[rights]]`; a customer named there must be one.
pub(super) fn validate(config: &Config, faults: &mut Faults) {
    for (index, grant) in config.grants.iter().enumerate() {
        let key = format!("rights[{index}]");
        faults.within(&key, grant);
        for (position, tenant) in grant.tenants.iter().enumerate() {
            let known = |known: &super::TenantConfig| known.id.as_str() == tenant;
            let is_id = tenant.parse::<spokegate_contract::TenantId>().is_ok();
            if is_id && !config.tenants.iter().any(known) {
                faults
                    .add(
                        &format!("{key}.tenants[{position}]"),
                        format!("{tenant:?} is no customer"),
                    )
                    .allowed("the id of a [[tenant]], or \"*\"");
            }
        }
    }
}

fn reach<T: FromStr + Ord>(ids: &[String]) -> Reach<T> {
    if ids.iter().any(|id| id == ALL) {
        return Reach::All;
    }
    // What is no id was refused by `validate`; here it would reach nothing.
    Reach::Only(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

fn validate_ids<T: FromStr>(key: &str, ids: &[String], faults: &mut Faults) {
    for (index, id) in ids.iter().enumerate() {
        if id != ALL && id.parse::<T>().is_err() {
            faults
                .add(&format!("{key}[{index}]"), format!("is {id:?}"))
                .allowed("an id (a-z, 0-9 and '-'), or \"*\" for all");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::configuration::{GOOD, load};

    const TENANT: &str = "[[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n";

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let faults = load(&format!("{GOOD}{TENANT}{text}"))
            .err()
            .unwrap_or_default();
        assert_eq!(faults.is_empty(), expected.is_empty(), "{text}: {faults}");
        for words in expected {
            assert!(faults.contains(words), "{text}: {faults}");
        }
    }

    fn rights(keys: &str) -> String {
        format!("[[rights]]\n{keys}\n")
    }

    #[test]
    fn rights_name_groups_reports_and_customers_that_there_are() {
        check("", &[]);
        let good = "groups = [\"g\"]\nreports = [\"*\"]\ntenants = [\"acme\"]\nrelease = true";
        check(&rights(good), &[]);
        check(&rights("groups = []"), &["rights[0].groups"]);
        check(&rights("reports = [\"*\"]"), &["rights[0].groups"]);
        check(
            &rights("groups = [\"g\"]\nreports = [\"No Id\"]"),
            &["rights[0].reports[0]", "or \"*\" for all"],
        );
        check(
            &rights("groups = [\"g\"]\ntenants = [\"globex\"]"),
            &["rights[0].tenants[0]", "is no customer"],
        );
        for (keys, fault) in [
            ("release = true", "rights[0].release"),
            ("release = true\nreports = [\"*\"]", "rights[0].release"),
            ("release_own = true", "rights[0].release_own"),
        ] {
            check(&rights(&format!("groups = [\"g\"]\n{keys}")), &[fault]);
        }
        check(
            &rights("groups = [\"g\"]\ntenant = [\"acme\"]"),
            &["tenants"],
        );
    }

    #[test]
    fn a_second_factor_is_asked_for_at_addresses_that_there_are() {
        check("[second_factor]\nrequired_for = []\n", &[]);
        check(
            "[second_factor]\nrequired_for = [\"root\"]\n",
            &["second_factor.required_for[0]", "\"forms\""],
        );
    }
}
