//! What is done with a version: making it active, rolling back, removing it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::version::{chosen, lost, refused};
use super::{act, draw, managed, nothing};
use crate::reports::Report;
use crate::state::AppState;
use crate::store::audit::Decision;
use crate::store::library::Removal;
use crate::web::errors::PageError;
use crate::web::reports::picker::one;
use crate::web::session::SignedIn;

/// `POST /templates/{report}/{version}/activate`: runs that begin from now on use it.
pub(super) async fn activate(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    let (version, name) = (chosen.version, chosen.name());
    let library = state.engine.library();
    let misfit = match library.misfit_of(&chosen.report, version).await {
        Ok(misfit) => misfit,
        Err(unusable) => {
            user.audit(
                &state,
                "template.activate",
                Decision::Denied,
                "unusable",
                &name,
            )
            .await?;
            return lost(&state, &user, chosen, unusable).await;
        }
    };
    if let Some(misfit) = misfit {
        user.audit(
            &state,
            "template.activate",
            Decision::Denied,
            "faulty",
            &name,
        )
        .await?;
        let fault = format!("It was not made active, because it has faults: {misfit}");
        return refused(&state, &user, chosen, fault).await;
    }
    make_active(&state, &user, &chosen.report, (version, &name)).await?;
    Ok(to(&chosen.report))
}

/// `POST /templates/{report}/roll-back` with the active version in `from`: the one before it becomes active.
pub(super) async fn roll_back(
    State(state): State<AppState>,
    user: SignedIn,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let report = managed(&state, &user, &id)?;
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let library = state.engine.library();
    let standing = library.standing(&report).await?;
    let from = one(&pairs, "from").and_then(|from| from.parse().ok());
    if from != Some(standing.active) {
        return Err(PageError::bad_request(
            "Somebody else has made another version active meanwhile.",
        ));
    }
    let earlier = standing.earlier();
    let version = earlier.ok_or_else(|| {
        PageError::bad_request("The template as shipped is active; there is no earlier one.")
    })?;
    let fault = match library.misfit_of(&report, version).await {
        Ok(None) => None,
        Ok(Some(misfit)) => Some(format!(
            "Version {version} was not made active, because it has faults: {misfit}"
        )),
        Err(unusable) => Some(format!(
            "Version {version} was not made active. {}\nRemove version {version} to roll back further.",
            unusable.0
        )),
    };
    if let Some(fault) = fault {
        let page = draw(&state, &user, report, fault).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let name = format!("{} v{version} from v{}", report.id, standing.active);
    make_active(&state, &user, &report, (version, &name)).await?;
    Ok(to(&report))
}

async fn make_active(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    (version, name): (u64, &str),
) -> Result<(), PageError> {
    user.audit(
        state,
        "template.activate",
        Decision::Allowed,
        "manages-templates",
        name,
    )
    .await?;
    let act = act(state, user);
    let done = state.store.template_activate(&report.id, version, act);
    if done.await? { Ok(()) } else { Err(nothing()) }
}

/// `POST /templates/{report}/{version}/remove`: its file goes, what is known of it stays.
pub(super) async fn remove(
    State(state): State<AppState>,
    user: SignedIn,
    Path((report, version)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let chosen = chosen(&state, &user, (&report, &version)).await?;
    let (version, name) = (chosen.version, chosen.name());
    if version == 0 {
        let fault = "The template as shipped lies in the report's folder, and stays there.";
        return refused(&state, &user, chosen, fault.into()).await;
    }
    user.audit(
        &state,
        "template.remove",
        Decision::Allowed,
        "manages-templates",
        &name,
    )
    .await?;
    let library = state.engine.library();
    match library
        .remove(&chosen.report, version, act(&state, &user))
        .await?
    {
        Removal::Removed(_) => Ok(to(&chosen.report)),
        Removal::Unknown => Err(nothing()),
        Removal::Active => {
            let fault = "It is active. Make another version active before you remove it.";
            refused(&state, &user, chosen, fault.into()).await
        }
    }
}

fn to(report: &Report) -> Response {
    Redirect::to(&format!("/templates/{}", report.id)).into_response()
}
