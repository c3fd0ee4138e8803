//! What was chosen from lists, held against the lists of now: when a form is sent, and when a run starts by itself.

use serde_json::{Map, Value};
use spokegate_contract::TenantId;

use super::{CUSTOMERS_MAX, Choices, Engine, Shared, date};
use crate::reports::Report;
use crate::runs::Tenant;
use crate::store::runs::RunRow;

/// A value that is not, or not known to be, among the choices of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    /// The field's name.
    pub field: String,
    /// What was chosen.
    pub value: String,
    /// Why it does not stand.
    pub why: Why,
}

/// Why a chosen value does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nobody's list has it.
    Gone,
    /// These customers' lists do not have it, by name: it is data of others.
    NotOf(Vec<String>),
    /// Lists did not come: a sentence for each customer.
    Unknown(Vec<String>),
    /// No list is made for so many customers.
    TooMany(usize),
}

impl Engine {
    /// The values of a report's parameters that are not among the choices that the data of each of these customers gives:
    /// what one of them has is not sent to another. The lists are fetched for the person with this stable id.
    pub async fn unlisted(
        &self,
        owner_id: &str,
        report: &Report,
        tenants: &[TenantId],
        params: &Map<String, Value>,
    ) -> Vec<Unlisted> {
        self.shared
            .unlisted(owner_id, report, tenants, params)
            .await
    }
}

impl Shared {
    pub(super) fn today(&self) -> jiff::civil::Date {
        date(self.parts.clock.now_ms(), &self.parts.zone)
    }

    async fn unlisted(
        &self,
        owner_id: &str,
        report: &Report,
        tenants: &[TenantId],
        params: &Map<String, Value>,
    ) -> Vec<Unlisted> {
        let known = self.parts.tenants.iter();
        let known: Vec<Tenant> = known
            .filter(|tenant| tenants.contains(&tenant.id))
            .cloned()
            .collect();
        let mut unlisted = Vec::new();
        for (field, options) in &report.options {
            let value = params.get(field).and_then(Value::as_str);
            let Some(value) = value.filter(|_| !options.free) else {
                continue;
            };
            let why = if tenants.len() > CUSTOMERS_MAX {
                Some(Why::TooMany(tenants.len()))
            } else {
                let choices = self.choices(owner_id, (report, field), &known, params);
                why_not(choices.await, &known, value)
            };
            unlisted.extend(why.map(|why| Unlisted {
                field: field.clone(),
                value: value.to_owned(),
                why,
            }));
        }
        unlisted
    }

    /// Why a run that nobody filled in a form for must not go on: what was chosen then is not to be chosen now.
    pub(super) async fn recheck(&self, row: &RunRow, report: &Report) -> Result<(), String> {
        let by_schedule = !row.origin.schedule.is_empty();
        if !by_schedule && row.origin.parent.is_empty() {
            return Ok(());
        }
        let unlisted = self.unlisted(&row.owner_id, report, &row.tenants, &row.params);
        let unlisted = unlisted.await;
        let reasons: Vec<String> = unlisted
            .iter()
            .map(|unlisted| reason(unlisted, report, by_schedule))
            .collect();
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("\n"))
        }
    }
}

/// Why a value does not stand for all of these customers, if it does not.
fn why_not(choices: Choices, tenants: &[Tenant], value: &str) -> Option<Why> {
    let has_it = |tenant: &&Tenant| {
        let mut same = choices.listed.iter().filter(|entry| entry.value == value);
        same.any(|entry| entry.ids.contains(&tenant.id))
    };
    let (with, without): (Vec<&Tenant>, Vec<&Tenant>) = tenants.iter().partition(has_it);
    if without.is_empty() && !with.is_empty() {
        return None;
    }
    Some(if !choices.failures.is_empty() {
        Why::Unknown(choices.failures)
    } else if with.is_empty() {
        Why::Gone
    } else {
        Why::NotOf(without.iter().map(|tenant| tenant.title.clone()).collect())
    })
}

fn reason(unlisted: &Unlisted, report: &Report, by_schedule: bool) -> String {
    let Unlisted { field, value, why } = unlisted;
    let mut fields = report.form.fields().iter();
    let title = fields
        .find(|known| known.name == *field)
        .map_or(field.as_str(), |known| known.title.as_str());
    let again = if by_schedule {
        "Choose again in the schedule."
    } else {
        "Choose again in the report's form."
    };
    match why {
        Why::Gone => format!("{value} is no longer among the choices of {title}. {again}"),
        Why::NotOf(names) => format!(
            "{value} is not among the choices of {title} for {}. {again}",
            names.join(", ")
        ),
        Why::Unknown(failures) => format!(
            "Whether {value} is still among the choices of {title} could not be checked. {} Start it again when the list can be had.",
            failures.join(" ")
        ),
        Why::TooMany(count) => format!(
            "{title} is chosen from a list, which is made for at most {CUSTOMERS_MAX} customers, and these are {count}. {again}"
        ),
    }
}
