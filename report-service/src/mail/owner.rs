//! Whether the owner of a letter may still have what it is about: asked of the directory right before it goes out.

use crate::auth::Site;
use crate::auth::rights::Rights;
use crate::directory::{PersonId, Standing};
use crate::state::AppState;
use crate::store::runs::RunRow;

/// What the directory's answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It may go out.
    May,
    /// It may not, and will not by itself.
    MayNot(&'static str),
    /// Nobody knows now.
    Unknown,
}

const CLOSED: &str = "Held back: the account of its owner is closed.";
const NO_ROLE: &str = "Held back: its owner may no longer use the reports.";
const NO_REPORT: &str =
    "Held back: its owner may no longer see this report, or it is no longer there.";
const NO_CUSTOMER: &str =
    "Held back: its owner may no longer see this report for all of its customers.";

/// Asks the directory about the owner of these runs, and the rights of this moment about each.
pub(super) async fn ask(state: &AppState, owner_id: &str, runs: &[&RunRow]) -> Owner {
    match state
        .directory
        .look_again(&PersonId::stored(owner_id))
        .await
    {
        Ok(Standing::Good { groups }) => judge(state, &groups, runs),
        Ok(Standing::Closed | Standing::Gone) => Owner::MayNot(CLOSED),
        Err(error) => {
            tracing::warn!(%error, "a letter waits for the directory");
            Owner::Unknown
        }
    }
}

/// What somebody in these groups may have of these runs.
fn judge(state: &AppState, groups: &[String], runs: &[&RunRow]) -> Owner {
    if state
        .config
        .roles
        .roles()
        .decide(Site::Forms, groups)
        .is_err()
    {
        return Owner::MayNot(NO_ROLE);
    }
    let rights = Rights::of(&state.rights, groups);
    for run in runs {
        let id = run.report.parse().ok();
        let report = id.and_then(|id| state.engine.catalogue().get(&id));
        let Some(report) = report.filter(|report| report.is_for(groups)) else {
            return Owner::MayNot(NO_REPORT);
        };
        if !rights.runs(&report.id) {
            return Owner::MayNot(NO_REPORT);
        }
        let may = |tenant| rights.runs_for(&report.id, tenant);
        if !run.tenants.iter().all(may) {
            return Owner::MayNot(NO_CUSTOMER);
        }
    }
    Owner::May
}
