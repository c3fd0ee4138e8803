//! Satellites and sanitizers, as last heard of.

mod judge;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use spokegate_contract::envelope::Validity;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::certificate::{self, Stage};
use crate::relay::LinkState;
use crate::runs::Tenant;
use crate::state::AppState;
use crate::store::satellites::Satellite;

/// `/satellites`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/satellites", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_satellites.html")]
struct SatellitesPage {
    page: Page,
    links: Vec<Sanitizer>,
    rows: Vec<Row>,
    silent: Vec<String>,
    online: usize,
}

/// A satellite and its customer's name; that is empty for one that the configuration no longer names.
struct Row {
    title: String,
    satellite: Satellite,
    /// What somebody should look at, in words.
    warnings: Vec<String>,
    certificate: Option<Certificate>,
}

/// When a certificate ends.
struct Certificate {
    at_ms: u64,
    /// `ends in 3 days`.
    words: String,
    style: &'static str,
}

/// A sanitizer.
struct Sanitizer {
    state: LinkState,
    certificate: Option<Certificate>,
}

impl Certificate {
    fn of(validity: Validity, now_ms: u64) -> Self {
        Self {
            at_ms: validity.not_after_ms(),
            words: certificate::end(validity, now_ms),
            style: match Stage::of(validity, now_ms) {
                Stage::Valid => "",
                Stage::Early | Stage::Overdue | Stage::EndsSoon => "warn",
                Stage::Ended => "bad",
            },
        }
    }
}

/// What the overview says of satellites.
pub(super) struct Seen {
    pub(super) online: usize,
    pub(super) satellites: usize,
    /// Each with what somebody should look at.
    pub(super) warnings: Vec<(String, Vec<String>)>,
    /// Customers of whom no satellite was ever heard.
    pub(super) silent: Vec<String>,
}

/// All satellites in short.
pub(super) async fn seen(state: &AppState) -> Result<Seen, PageError> {
    let (rows, silent) = rows(state).await?;
    Ok(Seen {
        online: rows.iter().filter(|row| row.satellite.online).count(),
        satellites: rows.len(),
        warnings: rows
            .into_iter()
            .map(|row| (row.satellite.address.to_string(), row.warnings))
            .collect(),
        silent,
    })
}

/// Every satellite, and the customers of whom none was heard.
async fn rows(state: &AppState) -> Result<(Vec<Row>, Vec<String>), PageError> {
    let satellites = state.store.satellites().await?;
    let now_ms = state.clock.now_ms();
    let standings = state.store.budgets_at(now_ms).await?;
    let versions = satellites.iter().map(|one| one.agent_version.as_str());
    let newest = judge::newest(versions).unwrap_or_default().to_owned();
    let tenants = state.engine.tenants();
    let silent = |tenant: &&Tenant| {
        let mut heard = satellites.iter().map(|satellite| &satellite.address.tenant);
        !heard.any(|id| *id == tenant.id)
    };
    let silent = tenants.iter().filter(silent);
    let silent = silent.map(|tenant| tenant.title.clone()).collect();
    let row = |satellite: Satellite| Row {
        certificate: satellite.certificate.map(|it| Certificate::of(it, now_ms)),
        title: tenants
            .iter()
            .find(|tenant| tenant.id == satellite.address.tenant)
            .map(|tenant| tenant.title.clone())
            .unwrap_or_default(),
        warnings: judge::warnings(&satellite, &newest, &standings, now_ms),
        satellite,
    };
    Ok((satellites.into_iter().map(row).collect(), silent))
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let (rows, silent) = rows(&state).await?;
    let now_ms = state.clock.now_ms();
    let link = |state: LinkState| Sanitizer {
        certificate: state.certificate.map(|it| Certificate::of(it, now_ms)),
        state,
    };
    let links = state.engine.relay().links();
    render(&SatellitesPage {
        page: Page::new("Satellites", "satellites", &user),
        links: links.into_iter().map(link).collect(),
        online: rows.iter().filter(|row| row.satellite.online).count(),
        rows,
        silent,
    })
}

/// A clock less the sanitizer's, in words: `in step`, `3 s behind`; called by the page.
pub(super) fn clock(skew_ms: i64) -> String {
    let size_ms = skew_ms.unsigned_abs();
    let size = match size_ms {
        // A status takes a moment to arrive, so less says nothing of the clock.
        0..1_000 => return "in step".into(),
        1_000..120_000 => format!("{} s", size_ms / 1_000),
        120_000..7_200_000 => format!("{} min", size_ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", size_ms / 3_600_000),
        _ => format!("{} days", size_ms / 86_400_000),
    };
    let side = if skew_ms < 0 { "behind" } else { "ahead" };
    format!("{size} {side}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_in_words() {
        for (skew_ms, words) in [
            (0, "in step"),
            (-999, "in step"),
            (1_000, "1 s ahead"),
            (-3_900, "3 s behind"),
            (-119_999, "119 s behind"),
            (120_000, "2 min ahead"),
            (-7_200_000, "2 h behind"),
            (172_800_000, "2 days ahead"),
            (i64::MIN, "106751991167 days behind"),
        ] {
            assert_eq!(clock(skew_ms), words, "{skew_ms}");
        }
    }
}
