//! Roles come from groups, and each listener has its own.

use super::Site;

/// The groups that give the two roles, as the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Members may use the forms listener.
    pub forms_groups: Vec<String>,
    /// Members may use the admin listener.
    pub admin_groups: Vec<String>,
}

/// The person is known and has no business on this listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRole {
    /// In none of the groups that either listener asks for.
    #[error("no-role")]
    None,
    /// Only the other listener would let the person in.
    #[error("other-site-only")]
    OtherSiteOnly,
}

impl Roles {
    /// Lets a person with these groups (spelt as configured) into the site.
    ///
    /// # Errors
    /// When none of the site's groups is among them.
    pub fn decide(&self, site: Site, groups: &[String]) -> Result<(), NoRole> {
        let has = |site| {
            self.groups_of(site)
                .iter()
                .any(|group| groups.contains(group))
        };
        match (has(site), has(other(site))) {
            (true, _) => Ok(()),
            (false, true) => Err(NoRole::OtherSiteOnly),
            (false, false) => Err(NoRole::None),
        }
    }

    /// The groups that give the role of that site.
    #[must_use]
    pub fn groups_of(&self, site: Site) -> &[String] {
        match site {
            Site::Forms => &self.forms_groups,
            Site::Admin => &self.admin_groups,
        }
    }
}

fn other(site: Site) -> Site {
    match site {
        Site::Forms => Site::Admin,
        Site::Admin => Site::Forms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_asks_for_its_own_groups() {
        let roles = Roles {
            forms_groups: vec!["forms-users".into()],
            admin_groups: vec!["fabric-admins".into()],
        };
        let check = |site, groups: &[&str], expected| {
            let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
            assert_eq!(roles.decide(site, &groups), expected, "{site:?} {groups:?}");
        };
        check(Site::Forms, &["forms-users"], Ok(()));
        check(Site::Admin, &["forms-users"], Err(NoRole::OtherSiteOnly));
        check(Site::Admin, &["fabric-admins"], Ok(()));
        check(Site::Forms, &["fabric-admins"], Err(NoRole::OtherSiteOnly));
        check(Site::Forms, &["fabric-admins", "forms-users"], Ok(()));
        check(Site::Admin, &["fabric-admins", "forms-users"], Ok(()));
        check(Site::Forms, &[], Err(NoRole::None));
        check(
            Site::Forms,
            &["forms-users-2", "forms", ""],
            Err(NoRole::None),
        );
    }

    #[test]
    fn without_configured_groups_nobody_gets_in() {
        assert_eq!(
            Roles::default().decide(Site::Admin, &[String::new(), "any".into()]),
            Err(NoRole::None)
        );
    }
}
