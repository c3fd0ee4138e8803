//! The choices of an input that come from customers' data.

use crate::api::endpoint::{Asked, Call, Found, Operation, add};
use crate::api::problem::Problem;
use crate::api::runs::order::{Tenants, chosen, pairs};
use crate::auth::scope::Scope;
use crate::runs::{CUSTOMERS_MAX, Listed, Tenant};
use crate::web::Routes;
use crate::web::reports::{find, tenants_for};
use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `/reports/{report}/options/{field}`.
pub(super) fn routes(routes: Routes) -> Routes {
    add(
        routes,
        (Method::GET, "/api/v1/reports/{report}/options/{field}"),
        Operation {
            id: "listOptions",
            summary: "List what an input can be whose choices come from customers' data",
            details: "The data is asked for as it is for a run, and kept for a short time.",
            scope: Scope::RunsOrder,
        },
        list,
    )
}

/// For whom, and how the other inputs stand.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OptionsQuery {
    /// Ids of customers, with commas between them.
    pub tenant: String,
    /// The other inputs, as the JSON object that `orderRun` takes.
    pub parameters: String,
}

/// What an input can be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OptionList {
    /// Every value, in the order of its words.
    pub options: Vec<OptionShape>,
    /// Whether other values are taken, too.
    pub free: bool,
    /// A sentence for each customer whose data did not come or is older.
    pub notes: Vec<String>,
}

/// One value.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Option")]
pub struct OptionShape {
    /// What is sent.
    pub value: String,
    /// What people read.
    pub title: String,
    /// Names of the customers who have it.
    pub tenants: Vec<String>,
}

async fn list(call: Call, Asked(asked): Asked<OptionsQuery>) -> Result<Found<OptionList>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let report = find(state, user, call.param("report"))?;
    let field = call.param("field");
    let options = report.options.get(field).ok_or_else(|| {
        Problem::not_found("This report has no input of that name with choices from data.")
            .at("field")
            .next("See x-spokegate-options with GET /api/v1/reports/{report}.")
    })?;
    let known = tenants_for(state, user, &report);
    let ids = asked.tenant.split(',').map(str::trim);
    let ids = ids.filter(|id| !id.is_empty()).map(str::to_owned);
    let ids = chosen(&Tenants::These(ids.collect()), &known, CUSTOMERS_MAX);
    let ids = ids.map_err(|problem| problem.at("tenant"))?;
    let is_chosen = |tenant: &Tenant| ids.contains(&tenant.id);
    let tenants: Vec<Tenant> = known.into_iter().filter(is_chosen).collect();
    let given = match asked.parameters.as_str() {
        "" => serde_json::Map::new(),
        text => serde_json::from_str(text).map_err(|_| {
            Problem::refused("parameters", "These inputs are no JSON object.")
                .allowed("the member parameters of orderRun")
        })?,
    };
    let sent = pairs(&report.form, given).map_err(Problem::faulty)?;
    let filled = report.form.filled(&sent);
    let choices = state
        .engine
        .choices(user.person_id(), (&report, field), &tenants, &filled)
        .await;
    let shape = |listed: Listed| OptionShape {
        value: listed.value,
        title: listed.label,
        tenants: listed.of,
    };
    Ok(Found(OptionList {
        options: choices.listed.into_iter().map(shape).collect(),
        free: options.free,
        notes: choices.failures.into_iter().chain(choices.older).collect(),
    }))
}
