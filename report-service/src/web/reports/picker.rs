//! The customers of a form: one, several or all, with a search that needs no script.

use spokegate_contract::TenantId;

use crate::forms::FormFaults;
use crate::runs::Tenant;

/// The field for customers. A parameter cannot have this name: it holds a hyphen.
pub(crate) const TENANT_FIELD: &str = "for-tenant";
/// The box for all of them.
const ALL_FIELD: &str = "for-all";
/// The field that is searched with.
const SEARCH_FIELD: &str = "find-tenant";

/// The customers as a page lists them.
pub(in crate::web) struct Picker {
    /// Those that are listed: what the search finds, and what is chosen already.
    pub(in crate::web) choices: Vec<TenantChoice>,
    /// Whether all are meant.
    pub(in crate::web) all: bool,
    /// How many there are.
    pub(in crate::web) count: usize,
    /// What was searched for.
    pub(in crate::web) sought: String,
    /// How many the search leaves out.
    pub(in crate::web) left_out: usize,
    /// What is wrong with the choice; empty when nothing is.
    pub(in crate::web) fault: String,
}

/// One customer of the list.
pub(in crate::web) struct TenantChoice {
    pub(in crate::web) id: TenantId,
    pub(in crate::web) title: String,
    pub(in crate::web) chosen: bool,
}

impl Picker {
    /// What to draw: nothing chosen yet (but the only one there is), or as it was sent.
    pub(in crate::web) fn new(
        tenants: &[Tenant],
        pairs: Option<&[(String, String)]>,
        faults: &FormFaults,
    ) -> Self {
        let sought = pairs.and_then(|pairs| one(pairs, SEARCH_FIELD));
        let sought = sought.unwrap_or_default().trim().to_owned();
        let wanted = sought.to_lowercase();
        let chosen = |tenant: &Tenant| match pairs {
            Some(pairs) => values(pairs, TENANT_FIELD).any(|id| id == tenant.id.as_str()),
            None => tenants.len() == 1,
        };
        let choices: Vec<TenantChoice> = tenants
            .iter()
            .map(|tenant| TenantChoice {
                id: tenant.id.clone(),
                title: tenant.title.clone(),
                chosen: chosen(tenant),
            })
            .filter(|choice| {
                let is_found = |text: &str| text.to_lowercase().contains(&wanted);
                choice.chosen || is_found(&choice.title) || is_found(choice.id.as_str())
            })
            .collect();
        Self {
            all: pairs.is_some_and(wants_all),
            count: tenants.len(),
            left_out: tenants.len().saturating_sub(choices.len()),
            sought,
            choices,
            fault: faults.of(TENANT_FIELD).unwrap_or_default().into(),
        }
    }
}

/// The customers that a form names, in the order of all; what is wrong with them goes to the faults.
pub(in crate::web) fn chosen(
    pairs: &[(String, String)],
    known: &[Tenant],
    max: usize,
    faults: &mut FormFaults,
) -> Vec<TenantId> {
    let named: Vec<&str> = values(pairs, TENANT_FIELD).collect();
    let is_known = |id: &&str| known.iter().any(|tenant| tenant.id.as_str() == *id);
    let is_chosen = |tenant: &&Tenant| wants_all(pairs) || named.contains(&tenant.id.as_str());
    let tenants: Vec<TenantId> = known
        .iter()
        .filter(is_chosen)
        .map(|tenant| tenant.id.clone())
        .collect();
    if !named.iter().all(is_known) {
        let sentence = "One of these customers is not known here. Choose again.";
        faults.add(TENANT_FIELD, sentence);
    } else if tenants.is_empty() {
        faults.add(TENANT_FIELD, "Choose at least one customer.");
    } else if tenants.len() > max {
        let sentence = format!(
            "Choose at most {max} customers; these are {}.",
            tenants.len()
        );
        faults.add(TENANT_FIELD, sentence);
    }
    tenants
}

/// Whether a form names all customers, those of tomorrow with them.
pub(in crate::web) fn wants_all(pairs: &[(String, String)]) -> bool {
    one(pairs, ALL_FIELD) == Some("yes")
}

fn values<'a>(pairs: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    let named = move |pair: &&(String, String)| pair.0 == name;
    pairs.iter().filter(named).map(|(_, value)| value.as_str())
}

/// The first value of a field.
pub(in crate::web) fn one<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    values(pairs, name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Tenant> {
        let tenant = |(id, title): (&str, &str)| Tenant {
            id: id.parse().unwrap(),
            title: title.into(),
            locale: docx_jinja::Locale::default(),
        };
        [
            ("acme", "Acme Dental"),
            ("beta", "Zürcher Bau"),
            ("globex", "Globex"),
        ]
        .map(tenant)
        .into()
    }

    fn pairs(sent: &[(&str, &str)]) -> Vec<(String, String)> {
        sent.iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect()
    }

    #[track_caller]
    fn check(sent: &[(&str, &str)], expected: Result<&str, &str>) {
        let mut faults = FormFaults::default();
        let tenants = chosen(&pairs(sent), &known(), 2, &mut faults);
        let ids: Vec<&str> = tenants.iter().map(TenantId::as_str).collect();
        match expected {
            Ok(expected) => assert_eq!((ids.join(" ").as_str(), faults.len()), (expected, 0)),
            Err(sentence) => assert_eq!(faults.of(TENANT_FIELD), Some(sentence)),
        }
    }

    #[test]
    fn one_several_or_all() {
        check(&[("for-tenant", "beta")], Ok("beta"));
        check(
            &[("for-tenant", "globex"), ("for-tenant", "acme")],
            Ok("acme globex"),
        );
        check(
            &[("for-tenant", "acme"), ("for-tenant", "acme")],
            Ok("acme"),
        );
        check(&[], Err("Choose at least one customer."));
        check(&[("for-all", "no")], Err("Choose at least one customer."));
        check(
            &[("for-all", "yes")],
            Err("Choose at most 2 customers; these are 3."),
        );
        let stranger = "One of these customers is not known here. Choose again.";
        check(
            &[("for-tenant", "acme"), ("for-tenant", "initech")],
            Err(stranger),
        );
        check(
            &[("for-tenant", "initech"), ("for-all", "yes")],
            Err(stranger),
        );
    }

    #[test]
    fn a_search_keeps_what_is_chosen() {
        let listed = |sent: &[(&str, &str)]| {
            let picker = Picker::new(&known(), Some(&pairs(sent)), &FormFaults::default());
            let ids: Vec<String> = picker.choices.iter().map(|c| c.id.to_string()).collect();
            (ids.join(" "), picker.left_out)
        };
        assert_eq!(listed(&[("find-tenant", "  züR ")]), ("beta".into(), 2));
        assert_eq!(
            listed(&[("find-tenant", "glob"), ("for-tenant", "acme")]),
            ("acme globex".into(), 1)
        );
        assert_eq!(listed(&[("find-tenant", "nobody")]), (String::new(), 3));
        assert_eq!(listed(&[]), ("acme beta globex".into(), 0));
    }
}
