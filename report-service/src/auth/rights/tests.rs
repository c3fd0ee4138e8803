use super::*;

fn ids<T: Ord + std::str::FromStr>(ids: &[&str]) -> Reach<T>
where
    T::Err: std::fmt::Debug,
{
    if ids == ["*"] {
        return Reach::All;
    }
    Reach::Only(ids.iter().map(|id| id.parse().unwrap()).collect())
}

fn grant(groups: &[&str], reports: &[&str], tenants: &[&str]) -> Grant {
    Grant {
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        reports: ids(reports),
        tenants: ids(tenants),
        manage_templates: false,
        release: false,
        release_own: false,
    }
}

fn config() -> RightsConfig {
    RightsConfig {
        grants: vec![
            grant(&["emea", "boss"], &["*"], &["acme", "globex"]),
            grant(&["desk"], &["overview"], &["*"]),
            grant(&["billing"], &["invoices"], &["initech"]),
            Grant {
                manage_templates: true,
                ..grant(&["writers"], &[], &[])
            },
            Grant {
                release: true,
                ..grant(&["reviewers"], &["overview"], &["acme"])
            },
            Grant {
                release: true,
                release_own: true,
                ..grant(&["trusted"], &["overview"], &["globex"])
            },
        ],
        second_factor: vec![Site::Admin],
    }
}

fn rights(groups: &[&str]) -> Rights {
    let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
    Rights::of(&config(), &groups)
}

#[track_caller]
fn check(groups: &[&str], report: &str, tenant: &str, expected: bool) {
    let (report, tenant) = (report.parse().unwrap(), tenant.parse().unwrap());
    let rights = rights(groups);
    assert_eq!(
        rights.runs_for(&report, &tenant),
        expected,
        "{groups:?} {report} {tenant}"
    );
    if expected {
        assert!(rights.runs(&report) && rights.sees(&tenant));
    }
}

#[test]
fn a_grant_gives_its_reports_for_its_customers_and_no_other_does() {
    check(&["emea"], "overview", "acme", true);
    check(&["emea"], "overview", "initech", false);
    check(&["boss"], "anything", "globex", true);
    check(&["desk"], "overview", "initech", true);
    check(&["desk"], "invoices", "initech", false);
    check(&["billing"], "invoices", "initech", true);
    check(&["billing"], "invoices", "acme", false);
    check(&["billing"], "invoices-2", "initech", false);
    check(&["billing"], "invoices", "initech-2", false);
    check(&[], "overview", "acme", false);
    check(&["EMEA"], "overview", "acme", false);
    check(&["emea-2"], "overview", "acme", false);
    check(&["writers"], "overview", "acme", false);
}

#[test]
fn two_grants_add_up_and_do_not_multiply() {
    check(&["desk", "billing"], "overview", "acme", true);
    check(&["desk", "billing"], "invoices", "initech", true);
    check(&["desk", "billing"], "invoices", "acme", false);
    let rights = rights(&["desk", "billing"]);
    assert!(rights.runs(&"invoices".parse().unwrap()) && rights.sees(&"acme".parse().unwrap()));
}

#[test]
fn templates_and_release_are_grants_of_their_own() {
    let (overview, acme) = ("overview".parse().unwrap(), "acme".parse().unwrap());
    let check = |groups: &[&str], manages, releases| {
        let rights = rights(groups);
        assert_eq!(
            (
                rights.manages_templates(),
                rights.releases_for(&overview, &acme, false)
            ),
            (manages, releases),
            "{groups:?}"
        );
    };
    check(&["writers"], true, false);
    check(&["reviewers"], false, true);
    check(&["writers", "reviewers"], true, true);
    check(&["emea", "desk"], false, false);
    check(&[], false, false);
}

#[test]
fn a_release_reaches_what_its_own_grant_reaches_and_what_oneself_ordered_only_where_that_is_said() {
    let check = |groups: &[&str], report: &str, tenant: &str, own, expected| {
        let (report, tenant) = (report.parse().unwrap(), tenant.parse().unwrap());
        assert_eq!(
            rights(groups).releases_for(&report, &tenant, own),
            expected,
            "{groups:?} {report} {tenant} {own}"
        );
    };
    check(&["reviewers"], "overview", "acme", false, true);
    check(&["reviewers"], "overview", "acme", true, false);
    check(&["trusted"], "overview", "globex", true, true);
    // What other grants let them run does not become theirs to release.
    for group in ["emea", "boss", "billing"] {
        check(&["reviewers", group], "invoices", "acme", false, false);
        check(&["reviewers", group], "overview", "initech", false, false);
        check(&["reviewers", group], "invoices", "initech", false, false);
    }
    check(&["reviewers", "trusted"], "overview", "acme", true, false);
    check(&["emea"], "overview", "acme", false, false);
}

#[test]
fn without_any_grant_every_report_runs_for_every_customer_and_no_more() {
    let rights = Rights::of(&RightsConfig::default(), &[]);
    let (report, tenant) = ("overview".parse().unwrap(), "acme".parse().unwrap());
    assert!(rights.runs(&report) && rights.sees(&tenant) && rights.runs_for(&report, &tenant));
    assert!(!rights.manages_templates() && !rights.releases_for(&report, &tenant, false));
}

#[test]
fn an_administrator_has_everything_whatever_the_grants() {
    let rights = Rights::of_administrator(&config());
    let (report, tenant) = ("overview".parse().unwrap(), "initech".parse().unwrap());
    assert!(rights.runs_for(&report, &tenant));
    assert!(rights.manages_templates() && rights.releases_for(&report, &tenant, true));
}

#[test]
fn the_second_factor_belongs_to_the_address() {
    let rights = rights(&["emea"]);
    assert!(rights.needs_second_factor(Site::Admin));
    assert!(!rights.needs_second_factor(Site::Forms));
    assert!(!Rights::of(&RightsConfig::default(), &[]).needs_second_factor(Site::Admin));
}

#[test]
fn who_manages_templates_does_so_for_the_reports_of_the_same_grant() {
    let rights = |reports: &[&str], manage_templates: bool| {
        let grants = vec![
            grant(&["desk"], &["*"], &["*"]),
            Grant {
                manage_templates,
                ..grant(&["writers"], reports, &[])
            },
        ];
        let config = RightsConfig { grants, ..config() };
        Rights::of(&config, &["desk".to_owned(), "writers".to_owned()])
    };
    let check = |reports: &[&str], manage: bool, report: &str, expected: bool| {
        let found = rights(reports, manage).manages_template_of(&report.parse().unwrap());
        assert_eq!(found, expected, "{reports:?} {manage} {report}");
    };
    check(&["overview"], true, "overview", true);
    check(&["overview"], true, "overview-2", false);
    check(&["*"], true, "invoices", true);
    check(&["*"], false, "invoices", false);
    check(&[], true, "overview", false);
    let everything = Rights::of_administrator(&config());
    assert!(everything.manages_template_of(&"invoices".parse().unwrap()));
}
