//! Sends what waits when its document is ready and may go out; tries again with longer and longer pauses.

use std::time::Duration;

use super::owner::{self, Owner};
use super::post::{self, Enclosed, PostError, Written};
use super::{Letter, LetterRow, LetterState};
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart};
use crate::config::Config;
use crate::runs::{Format, Review, RunState};
use crate::schedule::Fired;
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::runs::RunRow;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(5);
/// How long a letter is one worker's.
const LEASE_MS: u64 = 600_000;
/// How long until what is not ready is looked at again.
const READY_MS: u64 = 5_000;

/// How long until the directory is asked again that did not answer.
const DIRECTORY_MS: u64 = 60_000;
/// What stands with a letter meanwhile.
const NOBODY_KNOWS: &str =
    "The directory does not answer, so that nobody knows whether its owner may still have it.";

/// Pauses after each failure, in minutes; after the last it is given up.
const PAUSES_MIN: [u64; 7] = [1, 5, 15, 30, 60, 120, 240];

/// Looks again and again, until the service stops; without a mail server, never.
pub fn watch(state: &AppState) {
    if !state.config.mail.is_offered() {
        return;
    }
    let (state, soft) = (state.clone(), state.tasks.soft());
    let tasks = state.tasks.clone();
    tasks.spawn("mail", async move {
        let mut timer = tokio::time::interval(LOOK);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while soft.run_until_cancelled(timer.tick()).await.is_some() {
            if let Err(error) = look(&state).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "letters could not be looked at"
                );
            }
        }
    });
}

/// Puts a letter by for what a schedule started.
///
/// # Errors
/// When the store cannot write.
pub async fn put_by(
    state: &AppState,
    owner_id: &str,
    fired: &Fired,
    letter: &Letter,
) -> anyhow::Result<()> {
    let (run, batch) = match fired {
        Fired::Run(id) => (id.to_string(), String::new()),
        Fired::Batch(id) => (String::new(), id.to_string()),
    };
    let now_ms = state.clock.now_ms();
    let row = LetterRow {
        id: crate::runs::RunId::random()?.to_string(),
        owner_id: owner_id.into(),
        run,
        batch,
        letter: letter.clone(),
        state: LetterState::Waiting,
        attempts: 0,
        next_at_ms: now_ms,
        note: String::new(),
        created_at_ms: now_ms,
        sent_at_ms: 0,
    };
    Ok(state.store.letter_insert(&row).await?)
}

/// Sends everything that is due.
///
/// # Errors
/// When the store cannot be used.
pub async fn look(state: &AppState) -> anyhow::Result<()> {
    let now_ms = state.clock.now_ms();
    for row in state.store.letters_due(now_ms).await? {
        let lease_ms = now_ms.saturating_add(LEASE_MS);
        if state.store.letter_take(&row, lease_ms).await? {
            let settled = settle(state, row).await?;
            state.store.letter_settle(&settled).await?;
        }
    }
    Ok(())
}

/// What becomes of a letter now.
async fn settle(state: &AppState, mut row: LetterRow) -> anyhow::Result<LetterRow> {
    let now_ms = state.clock.now_ms();
    let written = match written(state, &row).await? {
        Ready::Yes(written) => written,
        Ready::NotYet => {
            row.next_at_ms = now_ms.saturating_add(READY_MS);
            return Ok(row);
        }
        Ready::Never(why) => {
            (row.state, row.note) = (LetterState::Dropped, why);
            return Ok(row);
        }
        Ready::Unknown => {
            row.next_at_ms = now_ms.saturating_add(DIRECTORY_MS);
            row.note = NOBODY_KNOWS.into();
            return Ok(row);
        }
        Ready::MayNot(why) => {
            (row.state, row.note) = (LetterState::Failed, why.into());
            audit(state, &row, why).await?;
            return Ok(row);
        }
    };
    let outside =
        |address: &super::MailAddress| !address.is_within(&state.config.mail.allowed_domains);
    let sent = if row.letter.to.iter().chain(&row.letter.cc).any(outside) {
        Err(PostError::Never(
            "One of the receivers is no longer allowed (mail.allowed_domains).".into(),
        ))
    } else {
        post::send(&state.config.mail, &state.secrets, &row.letter, written).await
    };
    row.attempts += 1;
    match sent {
        Ok(()) => {
            (row.state, row.note, row.sent_at_ms) = (LetterState::Sent, String::new(), now_ms);
            audit(state, &row, "sent").await?;
        }
        Err(PostError::Never(why)) => {
            (row.state, row.note) = (LetterState::Failed, why);
            audit(state, &row, "refused").await?;
        }
        Err(PostError::Later(why)) => {
            let pause = usize::try_from(row.attempts)
                .ok()
                .and_then(|nth| PAUSES_MIN.get(nth - 1));
            row.note = why;
            match pause {
                Some(minutes) => row.next_at_ms = now_ms.saturating_add(minutes * 60_000),
                None => {
                    row.state = LetterState::Failed;
                    audit(state, &row, "given up").await?;
                }
            }
        }
    }
    Ok(row)
}

async fn audit(state: &AppState, row: &LetterRow, reason: &str) -> anyhow::Result<()> {
    let decision = if row.state == LetterState::Sent {
        Decision::Allowed
    } else {
        Decision::Denied
    };
    // One record for each receiver: a long list would be cut, and copies are sent as well.
    let to = row.letter.to.iter().map(|address| ("to", address));
    let cc = row.letter.cc.iter().map(|address| ("cc", address));
    for (how, address) in to.chain(cc) {
        let event = AuditEvent {
            at_ms: state.clock.now_ms(),
            actor: &row.owner_id,
            name: "",
            action: "mail.send",
            decision,
            reason,
            subject: &format!("{}{} {how} {}", row.run, row.batch, address.as_str()),
            address: "",
        };
        state.store.audit(event).await?;
    }
    Ok(())
}

/// Whether a letter can go out.
enum Ready {
    Yes(Written),
    NotYet,
    Never(String),
    /// Whether its owner may have it, nobody can say now.
    Unknown,
    /// Its owner may not.
    MayNot(&'static str),
}

impl Ready {
    /// Why the owner's rights keep it from going out; `None` when they do not.
    async fn held(state: &AppState, row: &LetterRow, runs: &[&RunRow]) -> Option<Self> {
        match owner::ask(state, &row.owner_id, runs).await {
            Owner::May => None,
            Owner::MayNot(why) => Some(Self::MayNot(why)),
            Owner::Unknown => Some(Self::Unknown),
        }
    }
}

async fn written(state: &AppState, row: &LetterRow) -> anyhow::Result<Ready> {
    if row.run.is_empty() {
        return of_batch(state, row).await;
    }
    let run = match row.run.parse() {
        Ok(id) => state.store.run(&id).await?,
        Err(_) => None,
    };
    let Some(run) = run else {
        return Ok(Ready::Never("The report is no longer kept.".into()));
    };
    Ok(match (run.state, run.review) {
        (RunState::Queued | RunState::Running, _) | (RunState::Done, Review::Waiting) => {
            Ready::NotYet
        }
        (RunState::Done, Review::Rejected) => {
            Ready::Never("The document was rejected in review.".into())
        }
        (RunState::Failed | RunState::Cancelled, _) => {
            Ready::Never(format!("There is no document: the run {}.", run.state))
        }
        (RunState::Done, _) => of_run(state, row, &run).await?,
    })
}

async fn of_run(state: &AppState, row: &LetterRow, run: &RunRow) -> anyhow::Result<Ready> {
    if let Some(held) = Ready::held(state, row, &[run]).await {
        return Ok(held);
    }
    let max = u64::from(state.config.mail.attachment_mb) << 20;
    let total: u64 = run.files.iter().map(|file| file.bytes).sum();
    let mut enclosed = Vec::new();
    if row.letter.attach && total <= max {
        for format in Format::ALL {
            let Some(file) = run.file(format) else {
                continue;
            };
            let key = ArtefactKey::new(&run.id, ArtefactPart::Document(format));
            let kept = state.engine.artefacts();
            let bytes = match kept.read_verified(&key, &file.sha256).await {
                Ok(bytes) => bytes,
                Err(ArtefactError::Missing) => {
                    return Ok(Ready::Never("The document is no longer kept.".into()));
                }
                Err(error @ ArtefactError::Changed(_)) => {
                    tracing::error!(message.id = %run.id, %error, "a document is not sent");
                    return Ok(Ready::Never(
                        "The document that is kept is not the one that was recorded.".into(),
                    ));
                }
                Err(error) => return Err(error.into()),
            };
            enclosed.push(Enclosed {
                name: run.name_of(format),
                media_type: format.media_type().into(),
                bytes,
            });
        }
    }
    let names = |run: &RunRow| crate::web::runs::tenants(state, run);
    let fill = Fill {
        title: &run.title,
        tenants: names(run),
        date: state.engine.today().to_string(),
        period: period(run),
    };
    let place = link(&state.config, &format!("/runs/{}", run.id));
    Ok(Ready::Yes(write(&row.letter, &fill, &place, enclosed)))
}

async fn of_batch(state: &AppState, row: &LetterRow) -> anyhow::Result<Ready> {
    let Ok(id) = row.batch.parse() else {
        return Ok(Ready::Never("There is no such batch.".into()));
    };
    let runs = state.store.runs_of_batch(&row.owner_id, &id).await?;
    let waits = |run: &RunRow| {
        !run.state.is_final() || (run.state == RunState::Done && run.review == Review::Waiting)
    };
    let Some(first) = runs.first() else {
        return Ok(Ready::Never("The reports are no longer kept.".into()));
    };
    if runs.iter().any(waits) {
        return Ok(Ready::NotYet);
    }
    let out = runs
        .iter()
        .filter(|run| run.state == RunState::Done && run.review.is_out());
    let out: Vec<&RunRow> = out.collect();
    if let Some(held) = Ready::held(state, row, &out).await {
        return Ok(held);
    }
    let fill = Fill {
        title: &first.title,
        tenants: format!("{} of {} customers", out.len(), runs.len()),
        date: state.engine.today().to_string(),
        period: period(first),
    };
    let place = link(&state.config, &format!("/batches/{id}"));
    Ok(Ready::Yes(write(&row.letter, &fill, &place, Vec::new())))
}

fn period(run: &RunRow) -> String {
    let mut texts = run.params.values().filter_map(serde_json::Value::as_str);
    let days = texts.find_map(crate::forms::Days::stored);
    days.map(|days| days.title()).unwrap_or_default()
}

/// A page's address for whoever reads a letter.
fn link(config: &Config, path: &str) -> String {
    let origin = match config.forms.origin.as_str() {
        "" => format!("https://{}", config.forms.listen),
        origin => origin.to_owned(),
    };
    format!("{origin}{path}")
}

/// What stands for the words in braces.
pub(super) struct Fill<'a> {
    pub(super) title: &'a str,
    pub(super) tenants: String,
    pub(super) date: String,
    pub(super) period: String,
}

impl Fill<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("{title}", self.title)
            .replace("{tenants}", &self.tenants)
            .replace("{date}", &self.date)
            .replace("{period}", &self.period)
    }
}

pub(super) fn write(
    letter: &Letter,
    fill: &Fill<'_>,
    place: &str,
    enclosed: Vec<Enclosed>,
) -> Written {
    let subject = match letter.subject.as_str() {
        "" => fill.fill("{title}: {tenants}"),
        own => fill.fill(own),
    };
    let text = match letter.text.as_str() {
        "" => fill.fill("{title} for {tenants} is ready."),
        own => fill.fill(own),
    };
    let end = if enclosed.is_empty() {
        format!("\n\nDownload it here, after signing in:\n{place}\n")
    } else {
        "\n".to_owned()
    };
    Written {
        subject,
        text: text + &end,
        enclosed,
    }
}
