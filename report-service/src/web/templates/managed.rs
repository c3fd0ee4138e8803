//! What whoever manages templates does, for the pages and for the API alike: within their rights, and on record.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use crate::auth::Site;
use crate::library::{NewTemplate, Refused, Standing, Unusable};
use crate::reports::Report;
use crate::runs::Format;
use crate::starter_template::plain_template;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::library::{LibraryAct, Removal};
use crate::web::downloads::disposition;
use crate::web::errors::PageError;
use crate::web::session::SignedIn;

/// Longest note on a version, in characters.
pub(crate) const NOTE_CHARS_MAX: usize = 500;

/// Why something is not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// The version's file cannot be used.
    Unusable(Unusable),
    /// Not with this file or this version: in words.
    Refused(String),
    /// Not as things stand by now: in words.
    Late(&'static str),
    /// There is no such thing, or the service failed.
    Failed(PageError),
}

impl From<PageError> for NotDone {
    fn from(error: PageError) -> Self {
        Self::Failed(error)
    }
}

impl From<sqlx::Error> for NotDone {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// The reports whose templates this person may manage, each as it stands.
///
/// # Errors
/// When the store cannot read.
pub(crate) async fn listed(
    state: &AppState,
    user: &SignedIn,
) -> Result<Vec<(Arc<Report>, Standing)>, PageError> {
    let mut reports = Vec::new();
    for report in state.engine.catalogue().iter() {
        if may(state, user, report) {
            let standing = state.engine.library().standing(report).await?;
            reports.push((Arc::clone(report), standing));
        }
    }
    Ok(reports)
}

/// A report whose template this person may manage, or the same answer as for one that does not exist.
///
/// # Errors
/// When there is none.
pub(crate) fn managed(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<Arc<Report>, PageError> {
    let report = id
        .parse()
        .ok()
        .and_then(|id| state.engine.catalogue().get(&id));
    let report = report.filter(|report| may(state, user, report));
    report.cloned().ok_or_else(nothing)
}

fn may(state: &AppState, user: &SignedIn, report: &Report) -> bool {
    let is_for = user.site() == Site::Admin || report.is_for(user.groups());
    is_for && user.rights(state).manages_template_of(&report.id)
}

/// What stands at an address with nothing behind it.
pub(super) fn nothing() -> PageError {
    PageError::not_found("There is no page at this address.")
}

/// A template made from the report's contracts, to begin with.
///
/// # Errors
/// When there is nothing that it could show, or it cannot be recorded.
pub(crate) async fn starter(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
) -> Result<Response, PageError> {
    let made = plain_template(&report.needs, state.engine.contracts());
    let made = made.map_err(|fault| {
        PageError::not_found(format!("There is no starter for this report: it {fault}."))
    })?;
    let id = report.id.as_str();
    user.audit(state, "template.starter", Decision::Allowed, MANAGES, id)
        .await?;
    Ok(file(Format::Word, &format!("{id}-starter"), made))
}

/// A note on a version, of a length that is kept.
///
/// # Errors
/// When it is too long: in words.
pub(crate) fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > NOTE_CHARS_MAX {
        return Err(format!(
            "Write at most {NOTE_CHARS_MAX} characters about it."
        ));
    }
    Ok(text.to_owned())
}

/// Takes a file as the next version, also one with faults.
///
/// # Errors
/// When it is no template, there are too many, or something failed.
pub(crate) async fn upload(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    new: NewTemplate,
) -> Result<u64, NotDone> {
    let subject = format!("{} {}", report.id, hex::encode(&Sha256::digest(&new.file)));
    let audit = async |decision, reason| {
        user.audit(state, "template.upload", decision, reason, &subject)
            .await
    };
    audit(Decision::Allowed, "received").await?;
    let library = state.engine.library();
    let fault = match library.upload(report, new, act(state, user)).await {
        Ok((version, _)) => return Ok(version),
        Err(Refused::File(words)) => format!("This file is not taken: {words}"),
        Err(Refused::Full(most)) => format!(
            "This report has {most} versions already, and that is the most. Remove one that is not needed any more."
        ),
        Err(Refused::Store(error)) => return Err(error.into()),
        Err(error) => return Err(PageError::internal(&anyhow::Error::new(error)).into()),
    };
    audit(Decision::Denied, "refused").await?;
    Err(NotDone::Refused(fault))
}

/// Makes the version before the active one active again, where the active one is still the one that was seen.
///
/// # Errors
/// When it is another by now, there is none before, or that one cannot be used.
pub(crate) async fn roll_back(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    from: Option<u64>,
) -> Result<(), NotDone> {
    let library = state.engine.library();
    let standing = library.standing(report).await?;
    if from != Some(standing.active) {
        let words = "Somebody else has made another version active meanwhile.";
        return Err(NotDone::Late(words));
    }
    let none = "The template as shipped is active; there is no earlier one.";
    let version = standing.earlier().ok_or(NotDone::Late(none))?;
    match library.misfit_of(report, version).await {
        Ok(None) => {}
        Ok(Some(misfit)) => {
            return Err(NotDone::Refused(format!(
                "Version {version} was not made active, because it has faults: {misfit}"
            )));
        }
        Err(unusable) => {
            return Err(NotDone::Refused(format!(
                "Version {version} was not made active. {}\nRemove version {version} to roll back further.",
                unusable.0
            )));
        }
    }
    let name = format!("{} v{version} from v{}", report.id, standing.active);
    Ok(make_active(state, user, report, (version, &name)).await?)
}

/// Why an act on templates is allowed.
pub(super) const MANAGES: &str = "manages-templates";

pub(super) async fn make_active(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    (version, name): (u64, &str),
) -> Result<(), PageError> {
    user.audit(state, "template.activate", Decision::Allowed, MANAGES, name)
        .await?;
    let act = act(state, user);
    let done = state.store.template_activate(&report.id, version, act);
    if done.await? { Ok(()) } else { Err(nothing()) }
}

/// Removes a version's file.
pub(super) async fn remove(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    (version, name): (u64, &str),
) -> Result<(), NotDone> {
    if version == 0 {
        let fault = "The template as shipped lies in the report's folder, and stays there.";
        return Err(NotDone::Refused(fault.into()));
    }
    user.audit(state, "template.remove", Decision::Allowed, MANAGES, name)
        .await?;
    let library = state.engine.library();
    match library.remove(report, version, act(state, user)).await? {
        Removal::Removed(_) => Ok(()),
        Removal::Unknown => Err(nothing().into()),
        Removal::Active => {
            let fault = "It is active. Make another version active before you remove it.";
            Err(NotDone::Refused(fault.into()))
        }
    }
}

fn act<'a>(state: &AppState, user: &'a SignedIn) -> LibraryAct<'a> {
    LibraryAct {
        at_ms: state.clock.now_ms(),
        person_id: user.person_id(),
        person_title: user.title(),
    }
}

/// A file to keep.
pub(super) fn file(format: Format, stem: &str, bytes: Vec<u8>) -> Response {
    let name = format!("{stem}.{}", format.ending());
    let headers = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&name)),
    ];
    (headers, bytes).into_response()
}
