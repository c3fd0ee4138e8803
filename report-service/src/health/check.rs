//! Asks each part.

use anyhow::Context as _;
use docx_build::starter_template;

use super::Part;
use super::judge::{self, Verdict};
use crate::runs::RunState;
use crate::secrets::Standing;
use crate::starter_template::shape;
use crate::state::AppState;
use crate::store::StoreKind;

/// How a part is; `thorough` for what takes long as well.
pub(super) async fn part(state: &AppState, part: Part, thorough: bool) -> Verdict {
    let found = match part {
        Part::Store => store(state).await,
        Part::Directory => Ok(directory(state).await),
        Part::Sanitizers => Ok(sanitizers(state)),
        Part::Satellites => satellites(state).await,
        Part::Certificates => certificates(state).await,
        Part::Brokers => brokers(state).await,
        Part::Sources => Ok(sources(state)),
        Part::Office => Ok(office(state, thorough).await),
        Part::Mail => Ok(mail(state).await),
        Part::Templates => Ok(templates(state).await),
        Part::Secrets => secrets(state).await,
        Part::Queue => queue(state).await,
        Part::Disk => disk(state).await,
        Part::Storage => Ok(storage(state).await),
    };
    found.unwrap_or_else(|error| {
        let error = format!("{error:#}");
        tracing::warn!(part = part.name(), error, "a part cannot be looked at");
        Verdict::bad("It cannot be looked at.", "Look at the service's log.")
    })
}

async fn store(state: &AppState) -> anyhow::Result<Verdict> {
    let now_ms = state.clock.now_ms();
    let kept = state.store.probe("health", now_ms).await;
    let name = match state.store.kind() {
        StoreKind::Sqlite => "SQLite",
        StoreKind::Postgres => "PostgreSQL",
    };
    // With several workers, another one may have written in between.
    Ok(match kept {
        Ok(_) => Verdict::good(format!("{name} takes what is written and gives it back.")),
        Err(error) => {
            tracing::warn!(%error, "the store does not take a write");
            Verdict::bad(
                format!("{name} does not take what is written."),
                "Look at the database's disk and its log; nothing works without it.",
            )
        }
    })
}

async fn directory(state: &AppState) -> Verdict {
    let servers = state.directory.check_each().await;
    let bad: Vec<String> = servers
        .iter()
        .filter_map(|told| told.clone().err())
        .collect();
    if let Err(why) = state.directory.check().await {
        return Verdict::bad(
            format!("Nobody can sign in now. {}", bad.join(" ")),
            why.advice(),
        );
    }
    judge::directory(servers.len(), &bad)
}

fn sanitizers(state: &AppState) -> Verdict {
    let links = state.engine.relay().links();
    let up = links.iter().filter(|link| link.up).count();
    let versions = links.iter().filter_map(|link| link.version.clone());
    judge::sanitizers(up, links.len(), &versions.collect())
}

/// Of the customers that are known here, and of the sanitizers.
async fn certificates(state: &AppState) -> anyhow::Result<Verdict> {
    let tenants = state.engine.tenants();
    let all = state.store.satellites().await?;
    let known = all.into_iter().filter(|one| {
        let mut tenants = tenants.iter();
        tenants.any(|tenant| tenant.id == one.address.tenant)
    });
    let satellites: Vec<_> = known
        .map(|one| (one.address.to_string(), one.certificate))
        .collect();
    let links = state.engine.relay().links().into_iter();
    let sanitizers: Vec<_> = links.map(|link| (link.url, link.certificate)).collect();
    let now_ms = state.clock.now_ms();
    Ok(judge::certificates(&satellites, &sanitizers, now_ms))
}

async fn satellites(state: &AppState) -> anyhow::Result<Verdict> {
    let all = state.store.satellites().await?;
    let online = all.iter().filter(|one| one.online).count();
    let down = all
        .iter()
        .filter(|one| one.online && one.node_red == "down")
        .map(|one| one.address.to_string());
    Ok(judge::satellites(
        online,
        all.len(),
        &down.collect::<Vec<_>>(),
    ))
}

async fn brokers(state: &AppState) -> anyhow::Result<Verdict> {
    let all = state.store.satellites().await?;
    Ok(judge::brokers(all.iter().filter(|one| one.online).count()))
}

fn sources(state: &AppState) -> Verdict {
    let sources = state.engine.sources();
    let mut failed = Vec::new();
    let (mut all, mut asked) = (0, 0);
    for source in sources.list() {
        all += 1;
        let Some(last) = sources.last(&source.id) else {
            continue;
        };
        asked += 1;
        if !last.fault.is_empty() {
            failed.push(source.title);
        }
    }
    judge::sources(all, asked, &failed)
}

/// At first whether it is there; when somebody asks, whether it makes a PDF of a small document.
async fn office(state: &AppState, thorough: bool) -> Verdict {
    let off = state.config.pdf.program.as_os_str().is_empty();
    let Some(pdf) = state.engine.pdf().filter(|_| thorough) else {
        return judge::office(state.engine.offers_pdf(), off);
    };
    let made = async {
        let contract = state.engine.contracts().iter().next();
        let contract = contract.context("there is no dataset to make a document of")?;
        let document = starter_template(&[shape(&contract.dataset)]);
        let document = document.context("make a document")?;
        let folder = tempfile::tempdir_in(&state.config.files).context("make a folder")?;
        let (from, to) = (folder.path().join("a.docx"), folder.path().join("a.pdf"));
        tokio::fs::write(&from, document).await?;
        pdf.make(&from, &to).await.context("make a PDF")
    };
    match made.await {
        Ok(bytes) => Verdict::good(format!(
            "It made a PDF of a small document, {}.",
            crate::text::size(bytes)
        )),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(error, "no PDF of a small document");
            Verdict::bad(
                "It makes no PDF of a small document.",
                "Reports are made as Word documents meanwhile. Check the installation that pdf.program names; the log has more.",
            )
        }
    }
}

async fn mail(state: &AppState) -> Verdict {
    if !state.config.mail.is_offered() {
        return Verdict::unused("No mail server is configured (mail.server).");
    }
    match crate::mail::check(&state.config.mail, &state.secrets).await {
        Ok(()) => Verdict::good("It greets, and takes our sign-in where there is one."),
        Err(error) => Verdict::bad(
            error.to_string(),
            "Letters wait and are tried again. Check [mail] in the configuration and the server.",
        ),
    }
}

async fn templates(state: &AppState) -> Verdict {
    let (mut unusable, mut all) = (Vec::new(), 0);
    for report in state.engine.catalogue().iter() {
        all += 1;
        if state.engine.library().problem(report).await.is_some() {
            unusable.push(report.title.clone());
        }
    }
    judge::templates(&unusable, all)
}

async fn secrets(state: &AppState) -> anyhow::Result<Verdict> {
    if let Some(asked) = state.secrets.ask_elsewhere().await {
        return Ok(match asked {
            Ok(()) => Verdict::good("Vault answers, is unsealed and lets us in."),
            Err(error) => Verdict::bad(
                format!("{error}."),
                "Sources and mail that need a password fail until it answers (secrets.vault).",
            ),
        });
    }
    let standing = state.secrets.standing().await;
    Ok(match standing.context("look at the secrets")? {
        Standing::Open => Verdict::good("They open with the master key."),
        Standing::Locked(why) => Verdict::warn(
            why,
            "Sources and mail that need a password fail until the master key is set (secrets in the configuration).",
        ),
    })
}

async fn queue(state: &AppState) -> anyhow::Result<Verdict> {
    let open = state.store.runs_open().await?;
    let queued = |run: &&crate::store::queue::OpenRun| run.progress.state == RunState::Queued;
    let queued = open.iter().filter(queued).count();
    Ok(judge::queue(queued, open.len() - queued))
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

async fn disk(state: &AppState) -> anyhow::Result<Verdict> {
    let folder = state.config.files.clone();
    let work = move || {
        let written = tempfile::NamedTempFile::new_in(&folder)
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"health"))
            .with_context(|| format!("write to {}", folder.display()));
        let found =
            rustix::fs::statvfs(&folder).with_context(|| format!("look at {}", folder.display()));
        written.and(found)
    };
    let asked = state.tasks.blocking("look at the disk", work).await;
    Ok(match asked.context("look at the disk")? {
        Ok(found) => judge::disk(
            found.f_bavail.saturating_mul(found.f_frsize),
            found.f_blocks.saturating_mul(found.f_frsize),
        ),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(error, "the folder for documents cannot be used");
            Verdict::bad(
                "The folder for documents cannot be written to.",
                "Check that the folder `files` of the configuration exists, has room and belongs to the service.",
            )
        }
    })
}
