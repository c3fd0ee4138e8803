//! What is done with templates: uploading, making active, rolling back, removing.

use super::version::of_chosen;
use super::{WordFile, not_done, of, standing, version_of};
use crate::api::endpoint::coming::Coming;
use crate::api::endpoint::{Asked, Call, Done, Found, Made, Nothing, Sent};
use crate::api::problem::Problem;
use crate::api::templates::shapes::{ReportTemplates, VersionFound};
use crate::library::NewTemplate;
use crate::web::templates::chosen::chosen;
use crate::web::templates::managed::{self, NOTE_CHARS_MAX};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is said about a file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct About {
    /// What the file is called; of a path its last part, at most 120 characters.
    pub file_name: String,
    /// What is new in it, in at most 500 characters.
    pub note: String,
}

/// From which version.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The active version, as it was seen: with another one active by now, nothing is done.
    pub from: u64,
}

/// The next version, and what there is to tell of it.
pub(super) async fn upload(
    call: Call,
    (Asked(about), mut coming): (Asked<About>, Coming<WordFile>),
) -> Result<Made<VersionFound>, Problem> {
    let report = coming.unless(of(&call)).await?;
    let note = managed::note(&about.note).map_err(|fault| {
        Problem::refused("note", fault).allowed(format!("at most {NOTE_CHARS_MAX} characters"))
    });
    let note = coming.unless(note).await?;
    let bytes_max = call.state.config.templates.upload_bytes();
    let taken = coming.take(&call, bytes_max).await?;
    let new = NewTemplate {
        file: taken.bytes.as_ref().into(),
        file_name: about.file_name,
        note,
    };
    let (state, user) = (&call.state, &call.user);
    let version = managed::upload(state, user, &report, new).await;
    let version = version.map_err(|why| not_done(why, "body"))?.to_string();
    let made = chosen(state, user, (report.id.as_str(), &version)).await?;
    let place = format!(
        "{}/reports/{}/templates/{version}",
        crate::api::ROOT,
        report.id
    );
    Ok(Made(place, of_chosen(&call, made).await?))
}

/// Runs that begin from now on use it.
pub(super) async fn activate(call: Call, _: Nothing) -> Result<Found<ReportTemplates>, Problem> {
    let chosen = version_of(&call).await?;
    let done = chosen.activate(&call.state, &call.user).await;
    done.map_err(|why| not_done(why, "version"))?;
    standing(&call, &chosen.report).await
}

/// The version before the active one becomes active again.
pub(super) async fn roll_back(
    call: Call,
    Sent(sent): Sent<RollBack>,
) -> Result<Found<ReportTemplates>, Problem> {
    let report = of(&call)?;
    let done = managed::roll_back(&call.state, &call.user, &report, Some(sent.from)).await;
    done.map_err(|why| not_done(why, "from"))?;
    standing(&call, &report).await
}

/// Its file goes.
pub(super) async fn remove(call: Call, _: Nothing) -> Result<Done, Problem> {
    let chosen = version_of(&call).await?;
    let done = chosen.remove(&call.state, &call.user).await;
    done.map_err(|why| not_done(why, "version"))?;
    Ok(Done)
}
