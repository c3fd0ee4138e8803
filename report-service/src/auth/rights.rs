//! Which reports, for which customers: rights come from groups. A pure value, made anew for each request.

use super::Site;
use spokegate_contract::{ReportId, TenantId};
use std::collections::BTreeSet;

/// What a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach<T: Ord> {
    /// All there are, and all that come.
    All,
    /// These.
    Only(BTreeSet<T>),
}

impl<T: Ord> Reach<T> {
    /// True when it is reached.
    pub fn has(&self, id: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
        }
    }
}

/// What the members of some groups may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Members of any of these have it.
    pub groups: Vec<String>,
    /// Reports that they may run.
    pub reports: Reach<ReportId>,
    /// Customers for whom.
    pub tenants: Reach<TenantId>,
    /// Whether they may put templates in and out of use.
    pub manage_templates: bool,
    /// Whether they may release documents of these reports for these customers that are held for review,
    pub release: bool,
    /// and those, too, that they ordered themselves.
    pub release_own: bool,
}

/// All grants, and where a second factor is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RightsConfig {
    /// Without any, everybody with the forms role runs every report for every customer.
    pub grants: Vec<Grant>,
    /// Where the password alone is not enough.
    pub second_factor: Vec<Site>,
}

/// What one person may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    grants: Vec<Grant>,
    second_factor: Vec<Site>,
}

impl Rights {
    /// The rights of somebody in these groups (spelt as configured). What no grant gives is refused.
    #[must_use]
    pub fn of(config: &RightsConfig, groups: &[String]) -> Self {
        let held = |grant: &&Grant| grant.groups.iter().any(|group| groups.contains(group));
        let grants = if config.grants.is_empty() {
            vec![usual()]
        } else {
            config.grants.iter().filter(held).cloned().collect()
        };
        Self {
            grants,
            second_factor: config.second_factor.clone(),
        }
    }

    /// The rights of somebody with the admin role: everything.
    #[must_use]
    pub fn of_administrator(config: &RightsConfig) -> Self {
        let grant = Grant {
            manage_templates: true,
            release: true,
            release_own: true,
            ..usual()
        };
        Self {
            grants: vec![grant],
            second_factor: config.second_factor.clone(),
        }
    }

    /// The rights of a program: its own lists, and no more.
    #[must_use]
    pub fn of_service(reports: Reach<ReportId>, tenants: Reach<TenantId>, release: bool) -> Self {
        let grant = Grant {
            groups: Vec::new(),
            reports,
            tenants,
            manage_templates: false,
            release,
            release_own: false,
        };
        Self {
            grants: vec![grant],
            second_factor: Vec::new(),
        }
    }

    /// Whether they may run that report for any customer at all.
    #[must_use]
    pub fn runs(&self, report: &ReportId) -> bool {
        self.grants.iter().any(|grant| grant.reports.has(report))
    }

    /// Whether they may see that customer at all.
    #[must_use]
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.grants.iter().any(|grant| grant.tenants.has(tenant))
    }

    /// Whether they may see every customer, those that come too.
    #[must_use]
    pub fn sees_all_tenants(&self) -> bool {
        self.grants.iter().any(|grant| grant.tenants == Reach::All)
    }

    /// Whether they may run that report for that customer: one grant must give both.
    #[must_use]
    pub fn runs_for(&self, report: &ReportId, tenant: &TenantId) -> bool {
        self.grants
            .iter()
            .any(|grant| grant.reports.has(report) && grant.tenants.has(tenant))
    }

    /// Whether they may put templates in and out of use.
    #[must_use]
    pub fn manages_templates(&self) -> bool {
        self.grants.iter().any(|grant| grant.manage_templates)
    }

    /// Whether they may do so for that report: one grant must give both.
    #[must_use]
    pub fn manages_template_of(&self, report: &ReportId) -> bool {
        let gives = |grant: &Grant| grant.manage_templates && grant.reports.has(report);
        self.grants.iter().any(gives)
    }

    /// Whether they may release documents of that report for that customer that are held for review: one grant must give
    /// all of it. An own document is one that they ordered themselves.
    #[must_use]
    pub fn releases_for(&self, report: &ReportId, tenant: &TenantId, own: bool) -> bool {
        self.grants.iter().any(|grant| {
            let releases = grant.release && (!own || grant.release_own);
            releases && grant.reports.has(report) && grant.tenants.has(tenant)
        })
    }

    /// Whether the password alone is not enough there.
    #[must_use]
    pub fn needs_second_factor(&self, site: Site) -> bool {
        self.second_factor.contains(&site)
    }
}

/// Every report for every customer, and no more.
fn usual() -> Grant {
    Grant {
        groups: Vec::new(),
        reports: Reach::All,
        tenants: Reach::All,
        manage_templates: false,
        release: false,
        release_own: false,
    }
}

#[cfg(test)]
mod tests;
