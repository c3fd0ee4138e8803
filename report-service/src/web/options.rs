//! Fields that are filled from data: their choices in a form, loaded anew when a field changes that they follow, and
//! what was chosen held against the same list.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::{Map, Value};
use spokegate_contract::TenantId;

use super::errors::PageError;
use super::reports::picker::chosen;
use super::reports::{find, tenants_for};
use super::routes::{Routes, Rule};
use super::session::{FormsUser, SignedIn};
use crate::forms::{Choice, Control, FormFaults};
use crate::reports::Report;
use crate::runs::{CUSTOMERS_MAX, Choices, Listed, Tenant, Why};
use crate::state::AppState;

/// Most values that a list shows at once; more are searched.
const SHOWN_MAX: usize = 200;
/// What a field says before a customer is chosen.
const NOBODY: &str = "Choose a customer first: the list is made of the customer's data.";

/// `/reports/{report}/options/{field}`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.post("/reports/{report}/options/{field}", Rule::Forms, list)
}

#[derive(Template)]
#[template(path = "options.html")]
struct Fragment {
    report: Arc<Report>,
    control: Control,
    swapped: bool,
}

/// The list of one field, as the form stands.
async fn list(
    State(state): State<AppState>,
    user: FormsUser,
    Path((id, field)): Path<(String, String)>,
    body: String,
) -> Result<Response, PageError> {
    let report = find(&state, &user, &id)?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let controls = report.form.controls(Some(&pairs), &FormFaults::default());
    let control = controls
        .into_iter()
        .find(|control| control.name == field && report.options.contains_key(&field));
    let mut control = control.ok_or_else(|| PageError::not_found("There is no such list."))?;
    let known = tenants_for(&state, &user, &report);
    fill((&state, &user), &report, &known, &pairs, &mut control).await;
    let fragment = Fragment {
        report,
        control,
        swapped: true,
    };
    let html = fragment.render();
    let html = html.map_err(|error| PageError::internal(&anyhow::Error::new(error)))?;
    Ok(Html(html).into_response())
}

/// The controls with the choices of those that are filled from data, where customers are chosen already.
pub(super) async fn filled(
    who: (&AppState, &SignedIn),
    report: &Report,
    known: &[Tenant],
    pairs: Option<&[(String, String)]>,
    mut controls: Vec<Control>,
) -> Vec<Control> {
    for control in &mut controls {
        if report.options.contains_key(&control.name) {
            match pairs {
                Some(pairs) => fill(who, report, known, pairs, control).await,
                // The only customer is chosen from the start.
                None if known.len() == 1 => control.listing.at_once = true,
                None => wait(control),
            }
        }
    }
    controls
}

/// Nobody is chosen whose list it would be.
fn wait(control: &mut Control) {
    none(control, "Choose a customer first");
    NOBODY.clone_into(&mut control.listing.said);
}

/// There is no list, and the control says why in a word.
fn none(control: &mut Control, why: &str) {
    control.listing.empty = true;
    if !control.listing.free {
        why.clone_into(&mut control.placeholder);
    }
}

async fn fill(
    (state, user): (&AppState, &SignedIn),
    report: &Report,
    known: &[Tenant],
    pairs: &[(String, String)],
    control: &mut Control,
) {
    let tenants = of(pairs, known);
    if tenants.is_empty() {
        wait(control);
        return;
    }
    if tenants.len() > CUSTOMERS_MAX {
        none(control, "No list");
        control.listing.said = too_many(tenants.len(), control.listing.free);
        return;
    }
    let filled = report.form.filled(pairs);
    let choices = state
        .engine
        .choices(user.person_id(), (report, &control.name), &tenants, &filled)
        .await;
    show(control, choices, tenants.len());
}

/// Those of the customers that a form names; which of them are not known is told elsewhere.
fn of(pairs: &[(String, String)], known: &[Tenant]) -> Vec<Tenant> {
    let chosen = chosen(pairs, known, usize::MAX, &mut FormFaults::default());
    let is_chosen = |tenant: &&Tenant| chosen.contains(&tenant.id);
    known.iter().filter(is_chosen).cloned().collect()
}

fn too_many(count: usize, free: bool) -> String {
    let next = if free {
        "Type the value."
    } else {
        "Choose fewer customers."
    };
    format!("These are {count} customers, and a list is made for at most {CUSTOMERS_MAX}. {next}")
}

/// Puts a list into its control: what is searched for, at most so many, and what is chosen in any case.
fn show(control: &mut Control, choices: Choices, customers: usize) {
    let all = choices.listed.len();
    // Whoever types a value searches with it.
    let sought = if control.listing.free {
        &control.value
    } else {
        &control.listing.sought
    };
    let sought = sought.to_lowercase();
    let is_sought = |listed: &Listed| {
        let mut texts = [&listed.label, &listed.value].into_iter();
        texts.any(|text| text.to_lowercase().contains(&sought))
    };
    let found: Vec<&Listed> = choices
        .listed
        .iter()
        .filter(|entry| is_sought(entry))
        .collect();
    let count = found.len();
    let chosen = choices.listed.iter().filter(|entry| {
        entry.value == control.value && !found.iter().take(SHOWN_MAX).any(|shown| shown == entry)
    });
    let shown = chosen.chain(found.iter().take(SHOWN_MAX).copied());
    control.choices = shown
        .map(|entry| Choice {
            value: entry.value.clone(),
            label: label(entry, customers),
            selected: entry.value == control.value,
        })
        .collect();
    if all == 0 {
        let why = if choices.failures.is_empty() {
            "Nothing to choose"
        } else {
            "The list did not come"
        };
        none(control, why);
    }
    control.listing.failed = !choices.failures.is_empty();
    let mut said = match (all, count) {
        (0, _) if choices.failures.is_empty() => "There is nothing to choose.".to_owned(),
        (0, _) => String::new(),
        (_, 0) => format!("Nothing of {all} fits the search."),
        (_, count) if count > SHOWN_MAX => {
            format!("{SHOWN_MAX} of {count} are listed. Search for the others.")
        }
        (_, count) if count < all => format!("{count} of {all} are listed."),
        (1, _) => "1 to choose from.".to_owned(),
        (all, _) => format!("{all} to choose from."),
    };
    for failure in choices.failures.into_iter().chain(choices.older) {
        said = format!("{said} {failure}");
    }
    if all == 0 && control.listing.free {
        said.push_str(" Type the value.");
    }
    control.listing.said = said.trim().to_owned();
}

/// With whose it is, where not all of several customers have it.
fn label(entry: &Listed, customers: usize) -> String {
    if entry.of.len() == customers {
        entry.label.clone()
    } else {
        format!("{} ({})", entry.label, entry.of.join(", "))
    }
}

/// Holds what was chosen against the lists that it was chosen from.
pub(crate) async fn check(
    (state, user): (&AppState, &SignedIn),
    report: &Report,
    tenants: &[TenantId],
    params: &Map<String, Value>,
) -> FormFaults {
    let mut faults = FormFaults::default();
    let unlisted = state
        .engine
        .unlisted(user.person_id(), report, tenants, params);
    for unlisted in unlisted.await {
        let sentence = match unlisted.why {
            Why::Gone => "Choose one of the values in the list.".to_owned(),
            Why::NotOf(names) => format!(
                "{} does not have it. Choose a value that all chosen customers have, or only the customers that have it.",
                names.join(", ")
            ),
            Why::Unknown(failures) => format!("This could not be checked. {}", failures.join(" ")),
            Why::TooMany(count) => too_many(count, false),
        };
        faults.add(&unlisted.field, sentence);
    }
    faults
}
