//! Customers: how their segments are, what came of them last, and which groups may see them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use spokegate_contract::TenantId;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::auth::rights::RightsConfig;
use crate::runs::Tenant;
use crate::state::AppState;
use crate::store::everybody::TenantTally;
use crate::store::satellites::Satellite;
use crate::text;

/// Runs are counted for so many days.
const RUNS_DAYS: u64 = 30;

/// `/customers` and what is below it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/customers", Rule::Admin, list)
        .page("/customers/{tenant}", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_customers.html")]
struct CustomersPage {
    page: Page,
    rows: Vec<Row>,
    days: u64,
}

#[derive(Template)]
#[template(path = "admin_customer.html")]
struct CustomerPage {
    page: Page,
    row: Row,
    days: u64,
}

/// A customer with what is known of it.
struct Row {
    tenant: Tenant,
    satellites: Vec<Satellite>,
    tally: TenantTally,
    groups: Vec<String>,
}

impl Row {
    fn online(&self) -> usize {
        self.satellites.iter().filter(|one| one.online).count()
    }

    /// The state in a word, and its style.
    fn state(&self) -> (&'static str, &'static str) {
        match (self.online(), self.satellites.len()) {
            (_, 0) => ("not connected yet", "warn"),
            (0, _) => ("offline", "bad"),
            (online, all) if online < all => ("in part", "warn"),
            _ => ("online", "good"),
        }
    }

    /// When data came last, in words; a pull comes with a document.
    fn last_data(&self) -> String {
        match self.tally.push_at_ms.max(self.tally.done_at_ms) {
            0 => "none yet".into(),
            at_ms => text::when(at_ms),
        }
    }
}

async fn list(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    render(&CustomersPage {
        page: Page::new("Customers", "customers", &user),
        rows: rows(&state, state.engine.tenants()).await?,
        days: RUNS_DAYS,
    })
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let mut tenants = state.engine.tenants().iter();
    let tenant = tenants.find(|tenant| tenant.id.as_str() == id);
    let row = match tenant {
        Some(tenant) => rows(&state, std::slice::from_ref(tenant)).await?.pop(),
        None => None,
    };
    let row = row.ok_or_else(|| PageError::not_found("There is no such customer."))?;
    render(&CustomerPage {
        page: Page::new(row.tenant.title.clone(), "customers", &user),
        row,
        days: RUNS_DAYS,
    })
}

async fn rows(state: &AppState, tenants: &[Tenant]) -> Result<Vec<Row>, PageError> {
    let since_ms = state.clock.now_ms().saturating_sub(RUNS_DAYS * 86_400_000);
    let mut tallies = state.store.tenant_tallies(since_ms).await?;
    let satellites = state.store.satellites().await?;
    let row = |tenant: &Tenant| {
        let own = satellites.iter();
        Row {
            satellites: own
                .filter(|satellite| satellite.address.tenant == tenant.id)
                .cloned()
                .collect(),
            tally: tallies.remove(&tenant.id).unwrap_or_default(),
            groups: seen_by(&state.rights, &state.config.roles.forms_groups, &tenant.id),
            tenant: tenant.clone(),
        }
    };
    Ok(tenants.iter().map(row).collect())
}

/// The groups whose members may run reports for a customer.
fn seen_by(rights: &RightsConfig, forms_groups: &[String], tenant: &TenantId) -> Vec<String> {
    if rights.grants.is_empty() {
        return forms_groups.to_vec();
    }
    let grants = rights.grants.iter();
    let grants = grants.filter(|grant| grant.tenants.has(tenant));
    let mut groups: Vec<String> = grants.flat_map(|grant| grant.groups.clone()).collect();
    groups.sort();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::rights::{Grant, Reach};

    #[test]
    fn a_customer_is_seen_by_the_groups_that_a_grant_gives_it_to() {
        let grant = |groups: &[&str], tenants: Reach<TenantId>| Grant {
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            reports: Reach::All,
            tenants,
            manage_templates: false,
            release: false,
            release_own: false,
        };
        let only = |id: &str| Reach::Only([id.parse().unwrap()].into());
        let check = |grants: Vec<Grant>, expected: &[&str]| {
            let rights = RightsConfig {
                grants,
                second_factor: Vec::new(),
            };
            let found = seen_by(&rights, &["staff".to_owned()], &"acme".parse().unwrap());
            assert_eq!(found, expected);
        };
        check(Vec::new(), &["staff"]);
        check(vec![grant(&["b", "a"], Reach::All)], &["a", "b"]);
        check(
            vec![grant(&["a"], only("acme")), grant(&["b"], only("globex"))],
            &["a"],
        );
        check(vec![grant(&["b"], only("globex"))], &[]);
    }
}
