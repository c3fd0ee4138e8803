//! "Explain this sign-in": the directory's steps, and what this service would decide after them. No password is asked
//! for, and none is shown.

use super::Site;
use super::rights::{Reach, Rights, RightsConfig};
use super::roles::{NoRole, Roles};
use super::sign_in::SignIn;
use super::throttle::Bucket;
use crate::directory::{Explanation, TypedName};

/// Counters looked through for the name's own.
const COUNTERS_MAX: u32 = 10_000;

impl SignIn {
    /// Explains what would become of a sign-in with this name and the right password.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn explain(
        &self,
        typed: &str,
        rights: &RightsConfig,
    ) -> Result<Explanation, sqlx::Error> {
        let Ok(name) = TypedName::parse(typed) else {
            let mut told = Explanation::default();
            let line =
                "It is empty, too long or has control characters: the directory is not asked.";
            told.step("Name", vec![line.to_owned()], false);
            return Ok(told);
        };
        let mut told = Explanation::default();
        let line = format!("Counted as \"{}\", however it is spelt", name.normalised());
        told.step("Name", vec![line], true);
        let directory = self.directory.explain(&name).await;
        told.steps.extend(directory.steps);
        (told.person_id, told.groups) = (directory.person_id, directory.groups);
        self.explain_throttle(&name, &mut told).await?;
        if let Some(groups) = told.groups.clone() {
            decide(&self.roles, rights, &groups, &mut told);
        }
        Ok(told)
    }

    async fn explain_throttle(
        &self,
        name: &TypedName,
        told: &mut Explanation,
    ) -> Result<(), sqlx::Error> {
        let mut buckets = vec![Bucket::name(name.normalised())];
        buckets.extend(told.person_id.as_deref().map(Bucket::person));
        let rows = self
            .store
            .throttle_list(self.clock.now_ms(), COUNTERS_MAX)
            .await?;
        let (mut lines, mut good) = (Vec::new(), true);
        for row in rows {
            if buckets.iter().any(|bucket| bucket.key() == row.bucket) {
                let most = self.throttle.failures_max(&row.bucket);
                good &= row.failures < most;
                lines.push(format!(
                    "{}: {} of {most} failures until {}",
                    row.bucket,
                    row.failures,
                    crate::text::when(row.window_end)
                ));
            }
        }
        if lines.is_empty() {
            lines.push("No failures are counted for this name.".to_owned());
        }
        told.step("Failed attempts", lines, good);
        Ok(())
    }
}

/// The decision for each address, and what the person may do there.
fn decide(roles: &Roles, config: &RightsConfig, groups: &[String], told: &mut Explanation) {
    let (mut lines, mut good) = (Vec::new(), false);
    for site in [Site::Forms, Site::Admin] {
        let asked = roles.groups_of(site).join(", ");
        let site_name = site.as_str();
        let line = match roles.decide(site, groups) {
            Ok(()) => {
                good = true;
                format!("{site_name}: let in, with the right password; it asks for one of: {asked}")
            }
            Err(NoRole::OtherSiteOnly) => {
                format!(
                    "{site_name}: not let in, the other address only; it asks for one of: {asked}"
                )
            }
            Err(NoRole::None) => format!("{site_name}: not let in; it asks for one of: {asked}"),
        };
        lines.push(line);
        if Rights::of(config, groups).needs_second_factor(site) {
            lines.push(format!(
                "{site_name}: a code is asked for after the password"
            ));
        }
    }
    told.step("Decision", lines, good);
    let mut lines = Vec::new();
    if config.grants.is_empty() {
        lines.push("No [[rights]] are set: every report for every customer.".to_owned());
    }
    for (index, grant) in config.grants.iter().enumerate() {
        let held = grant.groups.iter().find(|group| groups.contains(group));
        let Some(group) = held else { continue };
        lines.push(format!(
            "rights[{index}], through {group}: reports {}; customers {}{}{}",
            reach(&grant.reports),
            reach(&grant.tenants),
            if grant.manage_templates {
                "; manages templates"
            } else {
                ""
            },
            if grant.release { "; releases" } else { "" },
        ));
    }
    let any = !lines.is_empty();
    if !any {
        lines.push("No [[rights]] apply: no report can be run.".to_owned());
    }
    told.step("Rights at the address for reports", lines, any);
}

fn reach<T: Ord + std::fmt::Display>(reach: &Reach<T>) -> String {
    match reach {
        Reach::All => "all".to_owned(),
        Reach::Only(ids) if ids.is_empty() => "none".to_owned(),
        Reach::Only(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            ids.join(", ")
        }
    }
}
