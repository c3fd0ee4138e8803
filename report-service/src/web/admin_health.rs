//! Every part that the service needs: how it is, and what to do.

use std::path::PathBuf;

use anyhow::Context as _;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::runs::RunState;
use crate::secrets::Standing;
use crate::state::AppState;
use crate::store::StoreKind;

mod judge;

pub(crate) use judge::Part;
use judge::Verdict;

/// `/health`.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.page("/health", Rule::Admin, show)
}

#[derive(Template)]
#[template(path = "admin_health.html")]
struct HealthPage {
    page: Page,
    parts: Vec<Part>,
    failing: usize,
}

async fn show(State(state): State<AppState>, user: AdminUser) -> Result<Response, PageError> {
    let parts = parts(&state).await?;
    let failing = parts.iter().filter(|part| part.is_failing()).count();
    render(&HealthPage {
        page: Page::new("Health", "health", &user),
        parts,
        failing,
    })
}

/// Every part, looked at now.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn parts(state: &AppState) -> Result<Vec<Part>, PageError> {
    let satellites = state.store.satellites().await?;
    let online = satellites
        .iter()
        .filter(|satellite| satellite.online)
        .count();
    let links = state.engine.relay().links();
    let up = links.iter().filter(|link| link.up).count();
    let open = state.store.runs_open().await?;
    let queued = open
        .iter()
        .filter(|run| run.progress.state == RunState::Queued)
        .count();
    let parts = vec![
        store(state),
        directory(state).await,
        Part::new("Sanitizers", judge::sanitizers(up, links.len())),
        Part::new("Satellites", judge::satellites(online, satellites.len())),
        Part::new("Brokers", judge::brokers(online)),
        Part::new(
            "LibreOffice",
            judge::office(
                state.engine.offers_pdf(),
                state.config.pdf.program.as_os_str().is_empty(),
            ),
        ),
        templates(state).await,
        secrets(state).await,
        Part::new("Queue of runs", judge::queue(queued, open.len() - queued)),
        Part::new("Disk for documents", disk(state.config.files.clone()).await),
        Part::new("Storage of documents", storage(state).await),
    ];
    Ok(parts)
}

/// Without it the session of whoever asks could not have been read.
fn store(state: &AppState) -> Part {
    let kind = match state.store.kind() {
        StoreKind::Sqlite => "SQLite answers.",
        StoreKind::Postgres => "PostgreSQL answers.",
    };
    Part::new("Store", Verdict::good(kind))
}

async fn directory(state: &AppState) -> Part {
    let verdict = match state.directory.check().await {
        Ok(()) => Verdict::good("It answers; the service account and the groups were found."),
        Err(why) => Verdict::bad("Nobody can sign in now.", why.advice()),
    };
    Part::new("Company directory", verdict)
}

async fn templates(state: &AppState) -> Part {
    let (mut unusable, mut all) = (Vec::new(), 0);
    for report in state.engine.catalogue().iter() {
        all += 1;
        if state.engine.library().problem(report).await.is_some() {
            unusable.push(report.title.clone());
        }
    }
    Part::new("Templates", judge::templates(&unusable, all))
}

async fn secrets(state: &AppState) -> Part {
    let verdict = match state.secrets.standing().await {
        Ok(Standing::Open) if state.secrets.kept_elsewhere() => {
            Verdict::unknown("Values lie in Vault; it is asked when one is needed.")
        }
        Ok(Standing::Open) => Verdict::good("They open with the master key."),
        Ok(Standing::Locked(why)) => Verdict::warn(
            why,
            "Sources and mail that need a password fail until the master key is set (secrets in the configuration).",
        ),
        Err(error) => {
            tracing::warn!(%error, "cannot tell whether secrets open");
            Verdict::bad("They cannot be read.", "Look at the service's log.")
        }
    };
    Part::new("Secrets", verdict)
}

async fn storage(state: &AppState) -> Verdict {
    let artefacts = state.engine.artefacts();
    let Some(place) = artefacts.elsewhere() else {
        return Verdict::good("Documents stay on this disk.");
    };
    match artefacts.check().await {
        Ok(()) => Verdict::good(format!("{place} answers and takes the key.")),
        Err(error) => {
            tracing::warn!(%error, "the storage of documents cannot be used");
            Verdict::bad(
                format!("Documents cannot be kept: {error}."),
                "Look at [artefacts.s3] in the configuration and at its two secrets.",
            )
        }
    }
}

async fn disk(folder: PathBuf) -> Verdict {
    let asked = tokio::task::spawn_blocking(move || {
        rustix::fs::statvfs(&folder).with_context(|| format!("look at {}", folder.display()))
    });
    match asked.await.context("look at the disk") {
        Ok(Ok(found)) => judge::disk(
            found.f_bavail.saturating_mul(found.f_frsize),
            found.f_blocks.saturating_mul(found.f_frsize),
        ),
        Ok(Err(error)) | Err(error) => {
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot tell how full the disk is"
            );
            Verdict::bad(
                "The folder for documents cannot be looked at.",
                "Check that the folder `files` of the configuration exists and belongs to the service.",
            )
        }
    }
}
