//! From a body to a run or a batch.

use super::Ordered;
use crate::api::endpoint::{Call, Made, Sent};
use crate::api::problem::{Fault, Problem};
use crate::api::shapes::FormatWord;
use crate::forms::{FieldKind, Form};
use crate::reports::Report;
use crate::runs::{Formats, NewRun, Origin, Tenant};
use crate::web::reports::{self, Started, find, tenants_for};
use crate::web::{options, runs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spokegate_contract::TenantId;

/// An order for a report.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Ids of customers, or `"all"`.
    pub tenants: Tenants,
    /// A document for each of them, which is a batch; otherwise one document about all of them.
    #[serde(default)]
    pub each: bool,
    /// Which kinds of file.
    #[serde(default)]
    pub format: FormatWord,
    /// The inputs, as `getReport` describes them.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Whether documents are drafts until somebody releases them.
    #[serde(default)]
    pub review: bool,
}

/// For whom.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Tenants {
    /// For these.
    These(Vec<String>),
    /// For all whom one may see.
    All(All),
}

/// All of them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// The word.
    All,
}

pub(in crate::api) async fn order(
    call: Call,
    Sent(sent): Sent<NewOrder>,
) -> Result<Made<Ordered>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let report = find(state, user, call.param("report"))?;
    let known = tenants_for(state, user, &report);
    let most = if sent.each {
        reports::BATCH_MAX
    } else {
        reports::TENANTS_MAX
    };
    let tenants = chosen(&sent.tenants, &known, most)?;
    let params = parameters(&report, sent.parameters)?;
    let faults = options::check((state, user), &report, &tenants, &params).await;
    if !faults.is_empty() {
        return Err(Problem::of_form(&faults, |name| {
            format!("parameters.{name}")
        }));
    }
    let formats = Formats::from(sent.format);
    if formats != Formats::Word && !state.engine.offers_pdf() {
        return Err(Problem::refused("format", "PDF is not offered here.").allowed("docx"));
    }
    let order = NewRun {
        report,
        tenants,
        formats,
        params,
        owner_id: user.person_id().into(),
        owner_title: user.title().into(),
        origin: Origin::default(),
        review: sent.review,
    };
    match reports::order(state, user, order, sent.each).await? {
        Started::Run(id) => Ok(Ordered::run(&id)),
        Started::Batch(id) => Ok(Ordered::batch(&id)),
    }
}

/// The customers that are named, in the order of all. One who is not theirs looks like one who is not there.
pub(in crate::api) fn chosen(
    named: &Tenants,
    known: &[Tenant],
    most: usize,
) -> Result<Vec<TenantId>, Problem> {
    if let Tenants::These(ids) = named {
        let is_known = |id: &&String| known.iter().any(|tenant| tenant.id.as_str() == *id);
        if let Some(stranger) = ids.iter().find(|id| !is_known(id)) {
            let detail = format!("There is no customer {stranger:?} for this report.");
            return Err(Problem::not_found(detail)
                .at("tenants")
                .next("GET /api/v1/reports/{report}, or `spokegate report show`, lists them."));
        }
    }
    let is_chosen = |tenant: &&Tenant| match named {
        Tenants::All(_) => true,
        Tenants::These(ids) => ids.iter().any(|id| id == tenant.id.as_str()),
    };
    let tenants: Vec<TenantId> = known
        .iter()
        .filter(is_chosen)
        .map(|tenant| tenant.id.clone())
        .collect();
    let count = tenants.len();
    match count {
        0 => Err(Problem::refused("tenants", "No customer is named.")
            .allowed("ids of customers, or \"all\"")),
        _ if count > most => {
            let detail = format!("These are {count} customers.");
            Err(Problem::refused("tenants", detail).allowed(format!("at most {most}")))
        }
        _ => Ok(tenants),
    }
}

/// Checked inputs, or every fault of them with its member.
pub(in crate::api) fn parameters(
    report: &Report,
    given: Map<String, Value>,
) -> Result<Map<String, Value>, Problem> {
    let pairs = pairs(&report.form, given).map_err(Problem::faulty)?;
    let read = report.form.read(&pairs);
    let params =
        read.map_err(|faults| Problem::of_form(&faults, |name| format!("parameters.{name}")))?;
    let checked = report.check_params(&params);
    checked.map_err(|sentence| Problem::refused("parameters", sentence))?;
    Ok(params)
}

/// Inputs as a form would send them: what is left out has its default, as the form would show it; `null` leaves it empty.
pub(in crate::api) fn pairs(
    form: &Form,
    given: Map<String, Value>,
) -> Result<Vec<(String, String)>, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut pairs = Vec::new();
    let mut fault = |name: &str, what: &str| {
        faults.push(Fault {
            place: format!("parameters.{name}"),
            what: what.to_owned(),
        });
    };
    for (name, value) in &given {
        let Some(field) = form.fields().iter().find(|field| field.name == *name) else {
            fault(name, "The report has no such input.");
            continue;
        };
        match (&field.kind, value) {
            (_, Value::Null) => {}
            (FieldKind::Boolean, Value::Bool(_)) => pairs.push((name.clone(), value.to_string())),
            (FieldKind::Integer { .. } | FieldKind::Number { .. }, Value::Number(_)) => {
                pairs.push((name.clone(), value.to_string()));
            }
            (FieldKind::Boolean, _) => fault(name, "This is true or false."),
            (FieldKind::Integer { .. } | FieldKind::Number { .. }, _) => {
                fault(name, "This is a number.");
            }
            (_, Value::String(text)) => pairs.push((name.clone(), text.clone())),
            _ => fault(name, "This is a text."),
        }
    }
    for field in form.fields() {
        let left_out = match given.get(&field.name) {
            None => true,
            // There is no empty box.
            Some(value) => value.is_null() && field.kind == FieldKind::Boolean,
        };
        if let (true, Some(default)) = (left_out, &field.default) {
            let text = default.as_str().map(str::to_owned);
            pairs.push((
                field.name.clone(),
                text.unwrap_or_else(|| default.to_string()),
            ));
        }
    }
    if faults.is_empty() {
        Ok(pairs)
    } else {
        Err(faults)
    }
}

/// What a run is made again with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// `same` or `fresh`.
    pub data: AgainData,
}

/// Which data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgainData {
    /// What was kept of the earlier run.
    Same,
    /// What there is now.
    Fresh,
}

pub(in crate::api) async fn again(
    call: Call,
    Sent(sent): Sent<Again>,
) -> Result<Made<Ordered>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let found = runs::own(state, user, call.param("run")).await?;
    let same_data = sent.data == AgainData::Same;
    let started = runs::order_again(state, user, found, same_data).await;
    let started = started.map_err(|page| {
        let allowed =
            "fresh; same while the run's data is kept and its report takes the same inputs";
        let next = "Send fresh, or order the report anew with POST /api/v1/reports/{report}/runs.";
        Problem::of_page(page, ("data", allowed, next))
    })?;
    Ok(Ordered::run(&started))
}
