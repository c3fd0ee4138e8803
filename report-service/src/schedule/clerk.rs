//! Looks which schedules are due, and orders what they ask for with their owner's rights of that moment.

use std::sync::Arc;
use std::time::Duration;

use spokegate_contract::ReportId;

use super::{Schedule, milliseconds, moment};
use crate::auth::Site;
use crate::auth::rights::Rights;
use crate::directory::{PersonId, Standing};
use crate::reports::Report;
use crate::runs::{BatchId, NewBatch, NewRun, Origin, RunId, StartError};
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};

/// How often it looks.
const LOOK: Duration = Duration::from_secs(10);
/// What was taken up so long ago and not finished was interrupted.
const INTERRUPTED_MS: u64 = 120_000;

/// What a schedule started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fired {
    /// A run.
    Run(RunId),
    /// A batch.
    Batch(BatchId),
}

impl Fired {
    /// Its page.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Run(id) => format!("/runs/{id}"),
            Self::Batch(id) => format!("/batches/{id}"),
        }
    }
}

/// Looks again and again, until the service stops.
pub fn watch(state: &AppState) {
    let (state, soft) = (state.clone(), state.tasks.soft());
    let tasks = state.tasks.clone();
    tasks.spawn("schedules", async move {
        let mut timer = tokio::time::interval(LOOK);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while soft.run_until_cancelled(timer.tick()).await.is_some() {
            if let Err(error) = look(&state).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "schedules could not be looked at"
                );
            }
        }
    });
}

/// Orders what is due, each once however long the service was away.
async fn look(state: &AppState) -> anyhow::Result<()> {
    let now_ms = state.clock.now_ms();
    let before_ms = now_ms.saturating_sub(INTERRUPTED_MS);
    for schedule in state.store.schedules_due(now_ms, before_ms).await? {
        let owner = PersonId::stored(&schedule.owner_id);
        let groups = match state.directory.look_again(&owner).await {
            Ok(Standing::Good { groups }) => groups,
            Ok(Standing::Closed | Standing::Gone) => {
                pause(state, &schedule, "The account of its owner is closed.").await?;
                continue;
            }
            Err(error) => {
                // It stays due: nobody's rights are guessed.
                tracing::warn!(%error, "a schedule waits for the directory");
                continue;
            }
        };
        take_up(state, &schedule, &groups).await?;
    }
    Ok(())
}

/// A schedule that is due, or one whose taking up was interrupted.
async fn take_up(state: &AppState, schedule: &Schedule, groups: &[String]) -> anyhow::Result<()> {
    let (store, now_ms) = (&state.store, state.clock.now_ms());
    if schedule.claimed_at_ms > 0 {
        let ordered = store
            .schedule_ordered(&schedule.id, schedule.claimed_at_ms)
            .await?;
        if ordered || !store.schedule_claim_again(schedule, now_ms).await? {
            store
                .schedule_finish(&schedule.id, &schedule.note, None)
                .await?;
            return Ok(());
        }
    } else {
        let next = schedule.plan.timing.next_after(moment(now_ms));
        if !store
            .schedule_claim(schedule, next.map(milliseconds), now_ms)
            .await?
        {
            return Ok(());
        }
    }
    match fire(state, schedule, groups).await {
        Ok(fired) => {
            let place = fired.place();
            store
                .schedule_finish(&schedule.id, "", Some(&place))
                .await?;
        }
        Err(Refused::Full) => {
            let note = "Too many reports were waiting; it is tried again.";
            store.schedule_due_again(&schedule.id, now_ms, note).await?;
        }
        Err(Refused::Never(why)) => {
            store.schedule_finish(&schedule.id, &why, None).await?;
            pause(state, schedule, &why).await?;
        }
        Err(Refused::Failed(error)) => {
            tracing::error!(error = format!("{error:#}"), "a schedule could not be run");
            let note = "The service could not start it. Tell your administrator.";
            store.schedule_finish(&schedule.id, note, None).await?;
        }
    }
    Ok(())
}

/// Why a schedule brings nothing.
#[derive(Debug)]
pub enum Refused {
    /// Too many wait; later, then.
    Full,
    /// It will not change by itself.
    Never(String),
    /// Our fault.
    Failed(anyhow::Error),
}

/// Orders what a schedule asks for, as its owner with these groups may.
///
/// # Errors
/// Why there is nothing to order.
pub async fn fire(
    state: &AppState,
    schedule: &Schedule,
    groups: &[String],
) -> Result<Fired, Refused> {
    let order = order(state, schedule, groups)?;
    let tenants: Vec<&str> = order.tenants.iter().map(|tenant| tenant.as_str()).collect();
    let tenants = tenants.join(" ");
    let each = schedule.plan.each && order.tenants.len() > 1;
    let fired = if each {
        let batch = state.engine.order_batch(NewBatch::from(order)).await;
        batch.map(Fired::Batch)
    } else {
        state.engine.order(order).await.map(Fired::Run)
    };
    let fired = fired.map_err(|error| match error {
        StartError::Full => Refused::Full,
        error => Refused::Failed(error.into()),
    })?;
    if let Some(letter) = &schedule.plan.mail {
        let put_by = crate::mail::put_by(state, &schedule.owner_id, &fired, letter);
        put_by.await.map_err(Refused::Failed)?;
    }
    let subject = format!("{} {}", schedule.id, fired.place());
    let event = AuditEvent {
        at_ms: state.clock.now_ms(),
        actor: &schedule.owner_id,
        name: &schedule.owner_title,
        action: "schedule.run",
        decision: Decision::Allowed,
        reason: &tenants,
        subject: &subject,
        address: "",
    };
    let audited = state.store.audit(event).await;
    audited.map_err(|error| Refused::Failed(error.into()))?;
    Ok(fired)
}

fn order(state: &AppState, schedule: &Schedule, groups: &[String]) -> Result<NewRun, Refused> {
    let never = |why: &str| Refused::Never(why.to_owned());
    let roles = state.config.roles.roles();
    roles
        .decide(Site::Forms, groups)
        .map_err(|_| never("Its owner may no longer use the reports."))?;
    let rights = Rights::of(&state.rights, groups);
    let report = report(state, schedule, groups, &rights).ok_or_else(|| {
        never("Its owner may no longer run this report, or it is no longer there.")
    })?;
    let known = state.engine.tenants().iter();
    let may = known.filter(|tenant| rights.runs_for(&report.id, &tenant.id));
    let plan = &schedule.plan;
    let tenants = plan.tenants(may);
    if tenants.is_empty() {
        return Err(never("There is no customer left that it is for."));
    }
    let checked = report.check_params(&plan.params);
    checked.map_err(|_| never("The report takes other inputs by now. Set them again."))?;
    Ok(NewRun {
        report,
        tenants,
        formats: plan.formats,
        params: plan.params.clone(),
        owner_id: schedule.owner_id.clone(),
        owner_title: schedule.owner_title.clone(),
        origin: Origin {
            schedule: schedule.id.to_string(),
            ..Origin::default()
        },
        review: plan.review,
    })
}

fn report(
    state: &AppState,
    schedule: &Schedule,
    groups: &[String],
    rights: &Rights,
) -> Option<Arc<Report>> {
    let id: ReportId = schedule.report.parse().ok()?;
    let report = state.engine.catalogue().get(&id)?;
    (report.is_for(groups) && rights.runs(&id)).then(|| Arc::clone(report))
}

async fn pause(state: &AppState, schedule: &Schedule, why: &str) -> anyhow::Result<()> {
    state.store.schedule_pause(&schedule.id, true, why).await?;
    let event = AuditEvent {
        at_ms: state.clock.now_ms(),
        actor: "report-service",
        name: "",
        action: "schedule.pause",
        decision: Decision::Denied,
        reason: why,
        subject: schedule.id.as_str(),
        address: "",
    };
    state.store.audit(event).await?;
    Ok(())
}
