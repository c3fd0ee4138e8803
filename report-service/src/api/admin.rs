//! What administrators see: satellites, quarantine, audit trail, health.

use super::endpoint::{Asked, Call, Found, Nothing, Operation, add};
use super::problem::Problem;
use super::shapes::at;
use crate::auth::scope::Scope;
use crate::certificate::{self, Stage};
use crate::relay::LinkState;
use crate::store::audit::{AuditRecord, Decision};
use crate::store::quarantine::Refused;
use crate::store::satellites::Satellite;
use crate::web::Routes;
use crate::web::admin_audit::Question;
use crate::web::admin_quarantine::ENTRIES_MAX;
use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spokegate_contract::TenantId;
use spokegate_contract::envelope::Validity;

/// `/satellites`, `/quarantine`, `/audit`, `/health`.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary, details| Operation {
        id,
        summary,
        details,
        scope: Scope::AdminRead,
    };
    let routes = add(
        routes,
        (Method::GET, "/api/v1/satellites"),
        about(
            "listSatellites",
            "List the satellites as last heard of",
            "A service token sees those of its customers.",
        ),
        satellites,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/quarantine"),
        about(
            "listQuarantine",
            "List what was refused, the newest first",
            "At most 500 entries. A service token for some customers names one of them.",
        ),
        quarantine,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/audit"),
        about(
            "searchAudit",
            "Search the audit trail, the newest entries first",
            "At most 500 entries; `before` turns to earlier ones. The search is itself in the trail. It is about every customer, and so is its token.",
        ),
        audit,
    );
    add(
        routes,
        (Method::GET, "/api/v1/health"),
        about(
            "getHealth",
            "See how every part that the service needs is",
            "It is about every customer, and so is its token.",
        ),
        health,
    )
}

/// The satellites.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SatelliteList {
    /// All of them.
    pub satellites: Vec<SatelliteShape>,
    /// The sanitizers between them and this service.
    pub sanitizers: Vec<SanitizerShape>,
}

/// A sanitizer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Sanitizer")]
pub struct SanitizerShape {
    /// Where it is reached.
    pub url: String,
    /// Whether its last answer was one.
    pub online: bool,
    /// Its version; empty until it said.
    pub version: String,
    /// Its certificate, as it showed it at the last connection.
    pub certificate: Option<CertificateShape>,
}

/// How long a certificate lasts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Certificate")]
pub struct CertificateShape {
    /// When it begins.
    pub not_before: Option<String>,
    /// When it ends.
    pub not_after: Option<String>,
    /// `valid`, `overdue` when it should have been renewed, `ends-soon` when less than a quarter of its life is left,
    /// `ended`, or `early` before it begins.
    pub state: String,
    /// The same for people: `ends in 3 days`.
    pub words: String,
}

impl CertificateShape {
    fn of(validity: Validity, now_ms: u64) -> Self {
        Self {
            not_before: at(validity.not_before_ms()),
            not_after: at(validity.not_after_ms()),
            state: Stage::of(validity, now_ms).as_str().to_owned(),
            words: certificate::end(validity, now_ms),
        }
    }
}

/// A satellite.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Satellite")]
pub struct SatelliteShape {
    /// `tenant/satellite`.
    pub address: String,
    /// Whether it is connected, as far as is known.
    pub online: bool,
    /// When it was last heard of.
    pub seen_at: Option<String>,
    /// Its agent's version; empty until it said.
    pub agent_version: String,
    /// What it supplies.
    pub datasets: Vec<Supply>,
    /// Pushes that wait at the satellite.
    pub spool_messages: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// Since when the oldest of them waits.
    pub spool_oldest_at: Option<String>,
    /// `up`, `down` or `unknown`.
    pub node_red: String,
    /// Since when a restart of its Node-RED is due: its secrets have changed, or the centre ordered it.
    pub restart_due_since: Option<String>,
    /// Its clock less the sanitizer's, in milliseconds.
    pub clock_skew_ms: i64,
    /// Its certificate, as it says itself; the registry knows what was issued.
    pub certificate: Option<CertificateShape>,
}

/// A dataset that a satellite supplies.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Supply {
    /// Which.
    pub dataset: String,
    /// The version of its contract.
    pub version: u16,
}

async fn satellites(call: Call, _: Nothing) -> Result<Found<SatelliteList>, Problem> {
    let now_ms = call.state.clock.now_ms();
    let certificate = |validity| CertificateShape::of(validity, now_ms);
    let sanitizer = |link: LinkState| SanitizerShape {
        url: link.url,
        online: link.up,
        version: link.version.unwrap_or_default(),
        certificate: link.certificate.map(certificate),
    };
    let shape = |satellite: Satellite| SatelliteShape {
        address: satellite.address.to_string(),
        online: satellite.online,
        seen_at: at(satellite.seen_at_ms),
        agent_version: satellite.agent_version,
        datasets: satellite
            .datasets
            .iter()
            .map(|(dataset, version)| Supply {
                dataset: dataset.to_string(),
                version: *version,
            })
            .collect(),
        spool_messages: satellite.spool_messages,
        spool_bytes: satellite.spool_bytes,
        spool_oldest_at: satellite.spool_oldest_ms.and_then(at),
        node_red: satellite.node_red,
        restart_due_since: satellite.restart_due_ms.and_then(at),
        clock_skew_ms: satellite.clock_skew_ms,
        certificate: satellite.certificate.map(certificate),
    };
    let rights = call.user.rights(&call.state);
    let mut satellites = call.state.store.satellites().await?;
    satellites.retain(|satellite| rights.sees(&satellite.address.tenant));
    let sanitizers = call.state.engine.relay().links();
    Ok(Found(SatelliteList {
        satellites: satellites.into_iter().map(shape).collect(),
        sanitizers: sanitizers.into_iter().map(sanitizer).collect(),
    }))
}

/// Of whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QuarantineFilter {
    /// Of this customer alone.
    pub tenant: Option<String>,
}

/// What was refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuarantineList {
    /// The newest first.
    pub entries: Vec<RefusedShape>,
}

/// A message that was refused.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Refused")]
pub struct RefusedShape {
    /// `tenant/satellite`.
    pub address: String,
    /// When.
    pub at: Option<String>,
    /// The channel that it came on.
    pub channel: String,
    /// What it should have been; empty when unknown.
    pub dataset: String,
    /// The class of the reason.
    pub reason: String,
    /// The rule that it breaks.
    pub rule: String,
    /// Where in the message.
    pub pointer: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Under which it lies in the sanitizer's quarantine; empty when it does not.
    pub file: String,
}

async fn quarantine(
    call: Call,
    Asked(asked): Asked<QuarantineFilter>,
) -> Result<Found<QuarantineList>, Problem> {
    let shape = |entry: Refused| RefusedShape {
        address: format!("{}/{}", entry.tenant, entry.satellite),
        at: at(entry.at_ms),
        channel: entry.channel,
        dataset: entry.dataset,
        reason: entry.reason,
        rule: entry.rule,
        pointer: entry.pointer,
        size_bytes: entry.size_bytes,
        sha256: entry.sha256,
        file: entry.file,
    };
    may_see_entries_of(&call, asked.tenant.as_deref())?;
    let store = &call.state.store;
    let entries = store.quarantine_page(asked.tenant.as_deref(), ENTRIES_MAX);
    Ok(Found(QuarantineList {
        entries: entries.await?.into_iter().map(shape).collect(),
    }))
}

/// Refuses what is refused of customers who are not the token's; they look like none.
fn may_see_entries_of(call: &Call, tenant: Option<&str>) -> Result<(), Problem> {
    let rights = call.user.rights(&call.state);
    if rights.sees_all_tenants() {
        return Ok(());
    }
    let Some(tenant) = tenant else {
        let detail = "This token is for some customers, so one of them has to be named.";
        return Err(Problem::refused("tenant", detail)
            .allowed("the id of a customer of the token")
            .next("Ask with ?tenant= and the customer's id."));
    };
    let id = tenant.parse::<TenantId>();
    let is_seen = id.is_ok_and(|id| rights.sees(&id));
    let none = || Problem::not_found("There is no such customer.").at("tenant");
    is_seen.then_some(()).ok_or_else(none)
}

/// Refuses a token for some customers what tells of every customer.
fn must_see_all(call: &Call, what: &str) -> Result<(), Problem> {
    if call.user.rights(&call.state).sees_all_tenants() {
        return Ok(());
    }
    let detail = format!("{what} tells of every customer, and this token is for some.");
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
        .allowed("people's tokens, and service tokens for all customers")
        .next("Ask an administrator for a service token whose customers are *."))
}

/// Which entries; all that are given must fit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditQuery {
    /// Part of the actor's id or name.
    pub actor: String,
    /// Part of the action, such as `file.download`.
    pub action: String,
    /// `allowed` or `denied`.
    pub decision: String,
    /// Part of the subject.
    pub subject: String,
    /// On this day or later, UTC.
    pub from: String,
    /// On this day or earlier, UTC.
    pub to: String,
    /// Entries with a smaller number.
    pub before: Option<i64>,
}

/// Entries of the audit trail.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditList {
    /// The newest first.
    pub entries: Vec<AuditShape>,
    /// What `before` is for the earlier ones.
    pub before: Option<i64>,
}

/// An entry of the audit trail.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
pub struct AuditShape {
    /// Its number in the chain, from 1.
    pub sequence: i64,
    /// When.
    pub at: Option<String>,
    /// Who: a stable id, or a component.
    pub actor: String,
    /// The sign-in name.
    pub name: String,
    /// What.
    pub action: String,
    /// `allowed` or `denied`.
    pub decision: String,
    /// Why.
    pub reason: String,
    /// Upon what.
    pub subject: String,
    /// From where.
    pub address: String,
    /// The hash of the entry before it, in hexadecimal.
    pub previous: String,
    /// Its own hash.
    pub hash: String,
}

async fn audit(call: Call, Asked(asked): Asked<AuditQuery>) -> Result<Found<AuditList>, Problem> {
    must_see_all(&call, "The audit trail")?;
    let question = Question {
        actor: asked.actor,
        action: asked.action,
        decision: asked.decision,
        subject: asked.subject,
        from: asked.from,
        to: asked.to,
        ..Question::default()
    };
    let filter = question.filter();
    let filter = filter.map_err(|sentence| Problem::refused("query", sentence))?;
    let store = &call.state.store;
    let entries = store
        .audit_search(&filter, asked.before, ENTRIES_MAX)
        .await?;
    let subject = match question.query() {
        query if query.is_empty() => "all".to_owned(),
        query => query,
    };
    call.user
        .audit(
            &call.state,
            "audit.search",
            Decision::Allowed,
            "admin",
            &subject,
        )
        .await?;
    let more = entries.len() == ENTRIES_MAX as usize;
    let before = entries.last().filter(|_| more).map(|entry| entry.sequence);
    let shape = |entry: AuditRecord| AuditShape {
        previous: entry.previous_hex(),
        hash: entry.hash_hex(),
        sequence: entry.sequence,
        at: at(entry.at_ms),
        actor: entry.actor,
        name: entry.name,
        action: entry.action,
        decision: entry.decision,
        reason: entry.reason,
        subject: entry.subject,
        address: entry.address,
    };
    Ok(Found(AuditList {
        entries: entries.into_iter().map(shape).collect(),
        before,
    }))
}

/// How everything is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// How many parts fail.
    pub failing: usize,
    /// All of them.
    pub parts: Vec<HealthPart>,
}

/// How a part is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HealthPart {
    /// What it is.
    pub name: String,
    /// `works`, `not in use`, `not known`, `look at it` or `fails`.
    pub state: String,
    /// What was found.
    pub finding: String,
    /// What to do; empty when there is nothing.
    pub advice: String,
}

async fn health(call: Call, _: Nothing) -> Result<Found<Health>, Problem> {
    must_see_all(&call, "Health")?;
    let parts = call.state.health.all();
    let failing = parts
        .iter()
        .filter(|part| part.verdict.is_failing())
        .count();
    let shape = |part: crate::health::Found| HealthPart {
        name: part.part.name().to_owned(),
        state: part.verdict.word().to_owned(),
        finding: part.verdict.finding,
        advice: part.verdict.advice,
    };
    Ok(Found(Health {
        failing,
        parts: parts.into_iter().map(shape).collect(),
    }))
}
