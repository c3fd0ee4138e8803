//! What a template sees of a run.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Tenant;
use super::failure::older_words;
use super::fetch::Fetched;
use crate::branding::{Brand, LOGO_NAME, RunBrand, SERVICE_LOGO_NAME};
use crate::render::Values;
use crate::reports::Need;

/// One need of one customer, as it ended: data, or the reason in words.
pub(super) struct Part {
    pub(super) need: usize,
    pub(super) tenant: usize,
    pub(super) result: Result<Fetched, String>,
}

/// What is said about the document itself.
pub(super) struct About<'a> {
    pub(super) title: &'a str,
    pub(super) generated_by: &'a str,
    pub(super) run_id: &'a str,
    pub(super) now_ms: u64,
    pub(super) brand: &'a RunBrand,
}

/// The values of a run: `report`, `brand`, `params`, `tenants`, `missing` and `older`.
pub(super) fn values(
    about: &About<'_>,
    params: Map<String, serde_json::Value>,
    tenants: &[Tenant],
    needs: &[Need],
    parts: Vec<Part>,
) -> Values {
    let (mut missing, mut older) = (Vec::new(), Vec::new());
    let mut by_tenant: Vec<Vec<(String, Values)>> = tenants
        .iter()
        .map(|tenant| {
            vec![
                pair("id", tenant.id.as_str()),
                pair("title", tenant.title.as_str()),
            ]
        })
        .collect();
    for part in parts {
        let (Some(need), Some(tenant)) = (needs.get(part.need), tenants.get(part.tenant)) else {
            continue;
        };
        let Some(entries) = by_tenant.get_mut(part.tenant) else {
            continue;
        };
        let value = match part.result {
            Ok(fetched) => {
                if let Some(class) = fetched.older {
                    older.push(map([
                        pair("tenant", tenant.title.as_str()),
                        pair("dataset", need.title.as_str()),
                        pair("captured_at", timestamp(fetched.captured_at_ms)),
                        pair("reason", older_words(class, fetched.captured_at_ms)),
                    ]));
                }
                present(fetched)
            }
            Err(reason) => {
                missing.push(map([
                    pair("tenant", tenant.title.as_str()),
                    pair("dataset", need.title.as_str()),
                    pair("reason", reason.as_str()),
                ]));
                absent(&reason)
            }
        };
        entries.push((need.key.clone(), value));
    }
    map([
        pair("report", self::about(about)),
        pair("brand", brand(about.brand)),
        pair("params", params),
        pair(
            "tenants",
            Values::List(by_tenant.into_iter().map(map).collect()),
        ),
        pair("missing", Values::List(missing)),
        pair("older", Values::List(older)),
    ])
}

/// What is said about the document itself.
pub(super) fn about(about: &About<'_>) -> Values {
    map([
        pair("title", about.title),
        pair("generated_at", timestamp(about.now_ms)),
        pair("generated_by", about.generated_by),
        pair("run_id", about.run_id),
    ])
}

/// The brand of a run; what is not set is empty.
pub(super) fn brand(brand: &RunBrand) -> Values {
    let mut shown = members(&brand.shown, LOGO_NAME);
    let service = members(&brand.service, SERVICE_LOGO_NAME);
    shown.push(("service".into(), map(service)));
    map(shown)
}

/// The logo is its picture's name, so that a template can ask whether there is one.
fn members(brand: &Brand, logo: &str) -> Vec<(String, Values)> {
    let colour = brand.colour.map(|colour| colour.to_string());
    let logo = match brand.logo_sha256.is_empty() {
        true => "",
        false => logo,
    };
    vec![
        pair("name", brand.name.as_str()),
        pair("address", brand.address.as_str()),
        pair("colour", colour.unwrap_or_default()),
        pair("logo", logo),
    ]
}

fn present(fetched: Fetched) -> Values {
    let older = fetched.older;
    let reason = older.map(|class| older_words(class, fetched.captured_at_ms));
    map([
        pair("rows", fetched.data),
        pair("count", fetched.count),
        pair("state", "ok"),
        pair("older", older.is_some()),
        pair("reason", reason.map_or(Value::Null, Value::from)),
        pair("captured_at", timestamp(fetched.captured_at_ms)),
    ])
}

fn absent(reason: &str) -> Values {
    map([
        pair("rows", Values::Rows(Vec::new())),
        pair("count", 0),
        pair("state", "missing"),
        pair("older", false),
        pair("reason", reason),
        pair("captured_at", ()),
    ])
}

fn pair(key: &str, value: impl Into<Values>) -> (String, Values) {
    (key.into(), value.into())
}

fn map(entries: impl IntoIterator<Item = (String, Values)>) -> Values {
    Values::Map(entries.into_iter().collect())
}

/// RFC 3339, whole seconds, UTC.
pub(crate) fn timestamp(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(0);
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
