//! One version: what there is to tell of it, its file, and a document of sample data.

use super::shapes::VersionFound;
use super::{WordFile, not_done, version_of};
use crate::api::endpoint::{Call, File, Found, Nothing, Sent};
use crate::api::problem::Problem;
use crate::api::runs::Documents;
use crate::api::shapes::FileWord;
use crate::web::templates::chosen::Chosen;
use crate::web::templates::managed::NotDone;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

/// As what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// `docx` or `pdf`.
    #[serde(rename = "as")]
    pub format: FileWord,
}

pub(super) async fn show(call: Call, _: Nothing) -> Result<Found<VersionFound>, Problem> {
    let chosen = version_of(&call).await?;
    Ok(Found(of_chosen(&call, chosen).await?))
}

/// What there is to tell of a version.
pub(super) async fn of_chosen(call: &Call, chosen: Chosen) -> Result<VersionFound, Problem> {
    let found = chosen.found(&call.state).await?;
    let active = call.state.store.template_active(&chosen.report.id).await?;
    Ok(VersionFound::of(&chosen, active, found))
}

pub(super) async fn file(call: Call, _: Nothing) -> Result<File<WordFile>, Problem> {
    let chosen = version_of(&call).await?;
    let sent = chosen.download(&call.state, &call.user).await;
    Ok(File::of(sent.map_err(|why| not_done(why, "version"))?))
}

pub(super) async fn marked(call: Call, _: Nothing) -> Result<File<WordFile>, Problem> {
    let chosen = version_of(&call).await?;
    let sent = chosen.marked(&call.state, &call.user).await;
    Ok(File::of(sent.map_err(|why| match why {
        NotDone::Failed(page) if page.status() == StatusCode::NOT_FOUND => {
            Problem::not_found(page.sentence()).allowed("versions with faults that stand at tags")
        }
        why => not_done(why, "version"),
    })?))
}

pub(super) async fn try_out(call: Call, Sent(sent): Sent<Try>) -> Result<File<Documents>, Problem> {
    let chosen = version_of(&call).await?;
    if sent.format == FileWord::Pdf && !call.state.engine.library().offers_pdf() {
        return Err(Problem::refused("as", "PDF is not offered here.").allowed("docx"));
    }
    let made = chosen.try_out(&call.state, &call.user, sent.format.into());
    Ok(File::of(
        made.await.map_err(|why| not_done(why, "version"))?,
    ))
}
