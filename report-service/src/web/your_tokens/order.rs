//! The form of a token: from what was sent to an order.

use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::auth::tokens::{ALL, NewToken};
use crate::store::tokens::TokenKind;
use crate::web::reports::picker::one;
use spokegate_contract::{ReportId, TenantId};
use std::collections::BTreeSet;
use std::str::FromStr;

/// Longest name of a personal token, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Longest name of a service token, which is an id.
const SERVICE_CHARS_MAX: usize = 40;
/// Ids in one list.
const IDS_MAX: usize = 2_000;

/// The form as it was sent, and what is wrong with it.
#[derive(Debug, Default)]
pub(in crate::web) struct TokenForm {
    pub(in crate::web) name: String,
    pub(in crate::web) days: String,
    pub(in crate::web) scopes: Vec<String>,
    pub(in crate::web) reports: String,
    pub(in crate::web) tenants: String,
    /// Empty when nothing is wrong.
    pub(in crate::web) fault: String,
}

impl TokenForm {
    /// A new one.
    pub(in crate::web) fn blank() -> Self {
        Self {
            days: "90".into(),
            ..Self::default()
        }
    }

    /// As a browser sent it.
    pub(in crate::web) fn read(body: &str) -> Self {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        let text = |name: &str| one(&pairs, name).unwrap_or_default().trim().to_owned();
        let scopes = pairs.iter().filter(|(name, _)| name == "scope");
        Self {
            name: text("name"),
            days: text("days"),
            scopes: scopes.map(|(_, word)| word.clone()).collect(),
            reports: text("reports"),
            tenants: text("tenants"),
            fault: String::new(),
        }
    }

    /// Whether a scope is ticked.
    pub(in crate::web) fn has(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|word| word == scope.as_str())
    }

    /// A person's token for a site; without, the form says what is wrong.
    pub(in crate::web) fn personal(&mut self, site: Site, days_max: u64) -> Option<NewToken> {
        let length = self.name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || self.name.contains(char::is_control) {
            self.fault = format!(
                "Write a name of 1 to {NAME_CHARS_MAX} characters, such as what it is for."
            );
            return None;
        }
        let scopes = self.chosen(|scope| scope.site() == site)?;
        Some(NewToken {
            kind: TokenKind::Personal,
            name: self.name.clone(),
            scopes,
            days: self.days(days_max)?,
            reports: Vec::new(),
            tenants: Vec::new(),
        })
    }

    /// A service token; without, the form says what is wrong.
    pub(in crate::web) fn service(&mut self, days_max: u64) -> Option<NewToken> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let length = self.name.len();
        if length == 0 || length > SERVICE_CHARS_MAX || !self.name.chars().all(plain) {
            self.fault = format!(
                "Write a name of 1 to {SERVICE_CHARS_MAX} of a-z, 0-9 and \"-\", such as nightly-export."
            );
            return None;
        }
        let scopes = self.chosen(Scope::is_for_services)?;
        let days = self.days(days_max)?;
        let reports = self.ids::<ReportId>(&self.reports.clone(), "reports")?;
        let tenants = self.ids::<TenantId>(&self.tenants.clone(), "customers")?;
        Some(NewToken {
            kind: TokenKind::Service,
            name: self.name.clone(),
            scopes,
            days,
            reports,
            tenants,
        })
    }

    /// Whether every id of an order is one of these; otherwise the form says which is not, and what is allowed.
    pub(in crate::web) fn all_known(
        &mut self,
        order: &NewToken,
        (reports, tenants): (&[String], &[String]),
    ) -> bool {
        let lists = [
            ("report", &order.reports, reports),
            ("customer", &order.tenants, tenants),
        ];
        for (what, named, known) in lists {
            let is_unknown = |id: &&String| *id != ALL && !known.contains(*id);
            if let Some(stranger) = named.iter().find(is_unknown) {
                let allowed = known.join(", ");
                self.fault = format!(
                    "There is no {what} {stranger:?}. Allowed are * for all, or: {allowed}."
                );
                return false;
            }
        }
        true
    }

    fn chosen(&mut self, may: impl Fn(Scope) -> bool) -> Option<BTreeSet<Scope>> {
        let scopes = Scope::read(self.scopes.iter().map(String::as_str)).unwrap_or_default();
        if scopes.is_empty() || !scopes.iter().all(|scope| may(*scope)) {
            self.fault = "Choose what the token is for.".into();
            return None;
        }
        Some(scopes)
    }

    fn days(&mut self, days_max: u64) -> Option<u64> {
        let days = self.days.parse().ok();
        let days = days.filter(|days| (1..=days_max).contains(days));
        if days.is_none() {
            self.fault = format!("Write how many days it is good for, from 1 to {days_max}.");
        }
        days
    }

    fn ids<T: FromStr>(&mut self, text: &str, what: &str) -> Option<Vec<String>> {
        let ids: Vec<String> = text
            .split([',', ' ', '\n', '\r'])
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        if ids.as_slice() == [ALL] {
            return Some(ids);
        }
        if ids.is_empty() || ids.len() > IDS_MAX {
            self.fault = format!("Name the {what} by their ids, or write * for all.");
            return None;
        }
        if let Some(other) = ids.iter().find(|id| id.parse::<T>().is_err()) {
            self.fault = format!("{other:?} is no id of {what}; write ids, or * alone for all.");
            return None;
        }
        Some(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal(body: &str) -> Result<NewToken, String> {
        let mut form = TokenForm::read(body);
        form.personal(Site::Forms, 365).ok_or(form.fault)
    }

    fn service(body: &str) -> Result<NewToken, String> {
        let mut form = TokenForm::read(body);
        form.service(365).ok_or(form.fault)
    }

    #[test]
    fn a_personal_token_has_a_name_an_end_and_scopes_of_its_site() {
        let good = personal("name=Laptop&days=30&scope=runs:read&scope=data:read").unwrap();
        assert_eq!((good.days, good.scopes.len()), (30, 2));
        assert!(good.reports.is_empty() && good.tenants.is_empty());
        let check = |body: &str, expected: &str| {
            let fault = personal(body).unwrap_err();
            assert!(fault.contains(expected), "{body}: {fault}");
        };
        check("name=&days=30&scope=runs:read", "Write a name");
        check(
            &format!("name={}&days=1&scope=runs:read", "x".repeat(61)),
            "Write a name",
        );
        check("name=x&days=30", "Choose what");
        check("name=x&days=30&scope=all", "Choose what");
        check("name=x&days=30&scope=admin:read", "Choose what");
        for days in ["", "0", "366", "-1", "1.5", "never"] {
            check(
                &format!("name=x&scope=runs:read&days={days}"),
                "from 1 to 365",
            );
        }
    }

    #[test]
    fn ids_that_nobody_has_are_refused_with_those_that_there_are() {
        let check = |reports: &str, tenants: &str, expected: &str| {
            let mut form = TokenForm::read(&format!(
                "name=x&days=1&scope=runs:order&reports={reports}&tenants={tenants}"
            ));
            let order = form.service(365).unwrap();
            let known = (
                ["weekly".to_owned()],
                ["acme".to_owned(), "globex".to_owned()],
            );
            let good = form.all_known(&order, (&known.0, &known.1));
            assert_eq!(good, expected.is_empty(), "{reports} {tenants}");
            assert!(form.fault.contains(expected), "{}", form.fault);
        };
        check("weekly", "acme,globex", "");
        check("*", "*", "");
        check(
            "weekl",
            "*",
            "There is no report \"weekl\". Allowed are * for all, or: weekly.",
        );
        check(
            "*",
            "acme,initech",
            "There is no customer \"initech\". Allowed are * for all, or: acme, globex.",
        );
    }

    #[test]
    fn a_service_token_has_lists_of_its_own() {
        let good = service("name=nightly&days=1&scope=runs:order&reports=weekly,monthly&tenants=*")
            .unwrap();
        assert_eq!(
            (good.reports.len(), good.tenants),
            (2, vec!["*".to_owned()])
        );
        let check = |body: &str, expected: &str| {
            let fault = service(body).unwrap_err();
            assert!(fault.contains(expected), "{body}: {fault}");
        };
        let rest = "days=1&scope=runs:order";
        check(
            &format!("name=Nightly&{rest}&reports=*&tenants=*"),
            "of a-z",
        );
        check(
            &format!("name=x&{rest}&reports=&tenants=*"),
            "Name the reports",
        );
        check(
            &format!("name=x&{rest}&reports=*&tenants=*,acme"),
            "no id of customers",
        );
        check(
            &format!("name=x&{rest}&reports=A_&tenants=*"),
            "no id of reports",
        );
        for scope in ["schedules:write", "templates:write"] {
            check(
                &format!("name=x&days=1&scope={scope}&reports=*&tenants=*"),
                "Choose what",
            );
            let own = personal(&format!("name=x&days=1&scope={scope}"));
            assert!(own.is_ok(), "{scope}");
        }
    }
}
