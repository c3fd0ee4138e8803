//! Datasets and their contracts: what each version says, who needs it, who supplies it, and a pull to see it come.

mod files;
mod pull;
mod tries;

pub(super) use tries::HIDDEN;

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_contract::{Address, Dataset, DatasetId, Kind};

use super::errors::PageError;
use super::layout::{Page, render};
use super::params;
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::relay::Contract;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::satellites::Satellite;
use files::About;
pub use tries::Tries;
use tries::{Try, TryId};

/// `/datasets`, `/tries` and what is below them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/datasets", Rule::Admin, list)
        .page("/datasets/{dataset}/{version}", Rule::Admin, show)
        .post("/datasets/{dataset}/{version}/try", Rule::Admin, attempt)
        .page("/tries/{try}", Rule::Admin, tried)
}

#[derive(Template)]
#[template(path = "admin_datasets.html")]
struct DatasetsPage {
    page: Page,
    rows: Vec<Row>,
}

/// A version of a dataset in the list.
struct Row {
    dataset: Dataset,
    reports: Vec<String>,
    sources: Vec<String>,
    satellites: usize,
    online: usize,
}

#[derive(Template)]
#[template(path = "admin_dataset.html")]
struct DatasetPage {
    page: Page,
    dataset: Dataset,
    kinds: String,
    reports: Vec<String>,
    sources: Vec<String>,
    satellites: Vec<Offer>,
    params: Vec<(String, String)>,
    about: About,
}

/// A satellite that supplies a dataset, or has not said what it supplies.
struct Offer {
    title: String,
    address: Address,
    online: bool,
    announced: bool,
}

#[derive(Template)]
#[template(path = "admin_try.html")]
struct TryPage {
    page: Page,
    tried: Try,
}

async fn list(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let satellites = state.store.satellites().await?;
    let row = |contract: &Arc<Contract>| {
        let dataset = contract.dataset.clone();
        let key = (dataset.id.clone(), dataset.version);
        let offering = satellites
            .iter()
            .filter(|satellite| satellite.datasets.contains(&key));
        Row {
            reports: reports(&state, &dataset),
            sources: sources(&state, &dataset),
            online: offering.clone().filter(|one| one.online).count(),
            satellites: offering.count(),
            dataset,
        }
    };
    render(&DatasetsPage {
        page: Page::new("Datasets", "datasets", &user),
        rows: state.engine.contracts().iter().map(row).collect(),
    })
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Path((id, version)): Path<(String, u16)>,
) -> Result<Response, PageError> {
    let contract = known(&state, &id, version)?;
    let dataset = contract.dataset.clone();
    let satellites = state.store.satellites().await?;
    let kinds: Vec<&str> = [Kind::Pull, Kind::Push]
        .into_iter()
        .filter(|kind| dataset.allows(*kind))
        .map(|kind| match kind {
            Kind::Pull => "asked for",
            Kind::Push => "sent unasked",
        })
        .collect();
    render(&DatasetPage {
        page: Page::new(
            format!("{} v{}", dataset.title, dataset.version),
            "datasets",
            &user,
        ),
        kinds: kinds.join(", "),
        reports: reports(&state, &dataset),
        sources: sources(&state, &dataset),
        satellites: offers(&state, &dataset, &satellites),
        params: params::fields(&contract),
        about: files::read(&state.tasks, &state.config.schemas, &dataset).await,
        dataset,
    })
}

#[derive(Deserialize)]
struct TryForm {
    satellite: String,
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

async fn attempt(
    State(state): State<AppState>,
    user: AdminUser,
    Path((id, version)): Path<(String, u16)>,
    Form(form): Form<TryForm>,
) -> Result<Response, PageError> {
    let contract = known(&state, &id, version)?;
    let dataset = &contract.dataset;
    let satellites = state.store.satellites().await?;
    let offer = offers(&state, dataset, &satellites)
        .into_iter()
        .find(|offer| offer.address.to_string() == form.satellite);
    let offer = offer
        .filter(|_| dataset.allows(Kind::Pull))
        .ok_or_else(|| {
            PageError::bad_request("Choose one of the satellites that supply this dataset.")
        })?;
    let contract = state
        .engine
        .contracts()
        .of_tenant(&offer.address.tenant, &dataset.id, version)
        .cloned()
        .unwrap_or(contract);
    let order = pull::Order {
        params: params::typed(&contract, &form.rest)?,
        contract,
        address: offer.address,
    };
    let about = order.about();
    user.audit(&state, "dataset.try", Decision::Allowed, "admin", &about)
        .await?;
    let tried = Try::begun(user.person_id(), &order, offer.title, state.clock.now_ms());
    let id = TryId::random().map_err(|error| PageError::internal(&error))?;
    if !state.tries.enter(&id, tried) {
        let sentence = "Other pulls are being tried. Wait until one of them has ended.";
        return Err(PageError::unavailable(sentence));
    }
    pull::start(&state, id.clone(), order);
    Ok(Redirect::to(&format!("/tries/{id}")).into_response())
}

async fn tried(
    State(state): State<AppState>,
    user: AdminUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id: Option<TryId> = id.parse().ok();
    let tried = id.and_then(|id| state.tries.of(user.person_id(), &id));
    let tried = tried.ok_or_else(|| {
        PageError::not_found("There is no such try, or it is over for a while. Try again.")
    })?;
    render(&TryPage {
        page: Page::new(format!("Try: {}", tried.title), "datasets", &user),
        tried,
    })
}

fn known(state: &AppState, id: &str, version: u16) -> Result<Arc<Contract>, PageError> {
    let id = id.parse::<DatasetId>().ok();
    let contract = id.and_then(|id| state.engine.contracts().get(&id, version).cloned());
    contract.ok_or_else(|| PageError::not_found("There is no such dataset."))
}

/// Titles of the reports that will do with this version.
fn reports(state: &AppState, dataset: &Dataset) -> Vec<String> {
    let needs = |report: &&Arc<crate::reports::Report>| {
        report.needs.iter().any(|need| {
            need.source.is_none()
                && need.dataset == dataset.id
                && need.versions.contains(&dataset.version)
        })
    };
    let reports = state.engine.catalogue().iter().filter(needs);
    reports.map(|report| report.title.clone()).collect()
}

/// Titles of the company's own sources whose rows satisfy it.
fn sources(state: &AppState, dataset: &Dataset) -> Vec<String> {
    let sources = state.engine.sources().list().into_iter();
    sources
        .filter(|source| source.dataset == dataset.id && source.version == dataset.version)
        .map(|source| source.title)
        .collect()
}

/// Satellites of today's customers that can be asked for it.
fn offers(state: &AppState, dataset: &Dataset, satellites: &[Satellite]) -> Vec<Offer> {
    let key = (dataset.id.clone(), dataset.version);
    let offer = |satellite: &Satellite| {
        let mut tenants = state.engine.tenants().iter();
        let tenant = tenants.find(|tenant| tenant.id == satellite.address.tenant)?;
        let announced = !satellite.datasets.is_empty();
        (!announced || satellite.datasets.contains(&key)).then(|| Offer {
            title: tenant.title.clone(),
            address: satellite.address.clone(),
            online: satellite.online,
            announced,
        })
    };
    satellites.iter().filter_map(offer).collect()
}

#[cfg(test)]
mod tests;
