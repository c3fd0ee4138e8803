//! Whether a document is what its template and its data make: both are looked at, and the document is made again.

mod brand;

use std::fmt;
use std::path::Path;

use futures_util::StreamExt as _;
use ring::digest::{Context, SHA256};
use spokegate_contract::hex;
use spokegate_daemon::Tasks;

use super::{DataPart, Format, file_digest};
use crate::artefacts::{ArtefactError, ArtefactKey, ArtefactPart, Artefacts, fresh};
use crate::render::{Kept, KeptTable, Renderer, Values};
use crate::store::Store;
use crate::store::runs::RunRow;

/// What was found; each line in words, with whether it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// All of them, in order.
    pub lines: Vec<(bool, String)>,
}

impl Verdict {
    /// Whether everything holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|(holds, _)| *holds)
    }

    fn note(&mut self, holds: bool, good: &str, bad: impl Into<String>) {
        let words = if holds { good.to_owned() } else { bad.into() };
        self.lines.push((holds, words));
    }
}

/// Why the kept data of a run is not to be had.
#[derive(Debug)]
pub(super) enum NotKept {
    /// There is none.
    Gone,
    /// It cannot be read, and why.
    Unread(String),
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it is not there"),
            Self::Unread(why) => f.write_str(why),
        }
    }
}

/// What was kept of a run.
pub(super) async fn kept(
    run: &RunRow,
    artefacts: &Artefacts,
    renderer: &Renderer,
) -> Result<Kept, NotKept> {
    let key = ArtefactKey::new(&run.id, ArtefactPart::Data);
    let file = artefacts.local(&key).await.map_err(|error| match error {
        ArtefactError::Missing => NotKept::Gone,
        error => NotKept::Unread(error.to_string()),
    })?;
    let kept = renderer.kept(file.path()).await;
    kept.map_err(|error| NotKept::Unread(error.to_string()))
}

/// Checks a finished run against what was kept of it; what is made again is written to the folder.
pub async fn verify(
    run: &RunRow,
    store: &Store,
    (folder, artefacts): (&Path, &Artefacts),
    renderer: &Renderer,
) -> Verdict {
    let mut verdict = Verdict::default();
    if !run.data_kept {
        verdict.note(
            false,
            "",
            "its data is not kept (any more), so it cannot be made again",
        );
        return verdict;
    }
    let kept = match kept(run, artefacts, renderer).await {
        Ok(kept) => kept,
        Err(error) => {
            verdict.note(false, "", format!("its kept data cannot be read: {error}"));
            return verdict;
        }
    };
    let template = kept.template_sha256().unwrap_or_default();
    verdict.note(
        template == run.template_sha256,
        "the kept template is the one that the run was made with",
        format!(
            "the kept template has the digest {template}, the run {}",
            run.template_sha256
        ),
    );
    uploaded(run, store, &kept, &mut verdict).await;
    brand::check(run, store, &kept, &mut verdict).await;
    data(run, &kept, &mut verdict);
    match again(run, &kept, folder, renderer).await {
        Ok((_, sha256)) => document(run, artefacts, &sha256, &mut verdict).await,
        Err(error) => verdict.note(false, "", format!("it could not be made again: {error}")),
    }
    verdict
}

/// Size and digest of the document, made again.
async fn again(
    run: &RunRow,
    kept: &Kept,
    folder: &Path,
    renderer: &Renderer,
) -> Result<(u64, String), String> {
    let place = fresh(folder, &format!("{}.again", run.id)).map_err(|error| error.to_string())?;
    let made = renderer.again(kept, &place).await;
    made.map_err(|error| error.to_string())?;
    file_digest(&place).map_err(|error| error.to_string())
}

/// Holds the kept template against the version of the library that the run was made with.
async fn uploaded(run: &RunRow, store: &Store, kept: &Kept, verdict: &mut Verdict) {
    let version = run.template_version;
    let Some(report) = run.report.parse().ok().filter(|_| version > 0) else {
        return;
    };
    match store.template(&report, version).await {
        Ok(Some(row)) => verdict.note(
            kept.template_file_sha256()
                .is_ok_and(|found| found == row.sha256),
            &format!(
                "it is version {version}, which {} uploaded on {}",
                row.uploader_title,
                crate::text::when(row.uploaded_at_ms)
            ),
            format!(
                "it is not version {version}, whose digest is {}",
                row.sha256
            ),
        ),
        Ok(None) => verdict.note(
            false,
            "",
            format!("nothing is known of version {version} of the template"),
        ),
        Err(error) => {
            tracing::error!(%error, "a template could not be looked up");
            verdict.note(
                false,
                "",
                format!("version {version} of the template could not be looked up"),
            );
        }
    }
}

/// One part of the kept data, when it is kept and is what came.
pub(super) async fn table(
    run: &RunRow,
    part: &DataPart,
    artefacts: &Artefacts,
    renderer: &Renderer,
    tasks: &Tasks,
) -> Option<KeptTable> {
    if !run.data_kept {
        return None;
    }
    let kept = kept(run, artefacts, renderer).await.ok()?;
    let part = part.clone();
    let looked = tasks.blocking("look at the data of a run", move || part_of(&kept, &part));
    told(run, looked.await.flatten())
}

/// Every part of the kept data, where it is what came; `None` where nothing is kept.
pub(super) async fn tables(
    run: &RunRow,
    artefacts: &Artefacts,
    renderer: &Renderer,
    tasks: &Tasks,
) -> Option<Vec<(DataPart, Option<KeptTable>)>> {
    if !run.data_kept {
        return None;
    }
    let kept = kept(run, artefacts, renderer).await.ok()?;
    let parts: Vec<DataPart> = run.data.clone();
    let looked = tasks.blocking("look at the data of a run", move || {
        let look = |part: DataPart| {
            let table = part_of(&kept, &part);
            (part, table)
        };
        parts.into_iter().map(look).collect::<Vec<_>>()
    });
    let looked = looked.await?.into_iter().map(|(part, table)| {
        // Of what never came, nothing is kept.
        let table = match part.sha256.as_str() {
            "" => None,
            _ => told(run, table),
        };
        (part, table)
    });
    Some(looked.collect())
}

fn part_of(kept: &Kept, part: &DataPart) -> Option<KeptTable> {
    let rows = rows(kept.values()?, part)?;
    let is_it = kept.sha256_of(rows).ok()? == part.sha256;
    kept.table(rows).ok().filter(|_| is_it)
}

fn told(run: &RunRow, table: Option<KeptTable>) -> Option<KeptTable> {
    if table.is_none() {
        tracing::error!(message.id = %run.id, "the kept data of a run is not what came");
    }
    table
}

/// Whether every part of the kept data is what came.
pub(super) fn data_holds(run: &RunRow, kept: &Kept) -> bool {
    let mut verdict = Verdict::default();
    data(run, kept, &mut verdict);
    verdict.holds()
}

/// Holds every part's digest against the kept data, and all of them against the run's.
fn data(run: &RunRow, kept: &Kept, verdict: &mut Verdict) {
    for part in run.data.iter().filter(|part| !part.sha256.is_empty()) {
        let found = kept
            .values()
            .and_then(|values| rows(values, part))
            .and_then(|rows| kept.sha256_of(rows).ok());
        let name = format!("{} of {}", part.dataset, part.tenant);
        verdict.note(
            found.as_ref() == Some(&part.sha256),
            &format!("the kept data is what came: {name}, {} rows", part.rows),
            format!("the kept data is not what came: {name}"),
        );
    }
    verdict.note(
        whole(&run.data) == run.data_sha256,
        "the digest over all data is the one in the audit trail's line \"report.end\"",
        "the digests of the parts do not make up the digest of the run",
    );
}

async fn document(run: &RunRow, artefacts: &Artefacts, again: &str, verdict: &mut Verdict) {
    let Some(word) = run.file(Format::Word) else {
        verdict.note(true, "the document can be made again; its PDF alone is kept, and a PDF holds the time of its making", "");
        return;
    };
    let made = match word.made.as_str() {
        "" => word.sha256.as_str(),
        made => made,
    };
    if made != word.sha256 {
        verdict.note(
            true,
            "the document was edited in review; what is compared is the draft",
            "",
        );
    }
    verdict.note(
        made == again,
        "made again, the document is the same to the byte",
        format!("made again, the document has the digest {again}, and the run says {made}"),
    );
    let key = ArtefactKey::new(&run.id, ArtefactPart::Document(Format::Word));
    match digest_of(artefacts, &key).await {
        Ok(now) => verdict.note(
            now == word.sha256,
            "the document that is kept is the one that was made",
            "the document that is kept was changed since",
        ),
        Err(ArtefactError::Missing) => {}
        Err(error) => verdict.note(
            false,
            "",
            format!("the document that is kept cannot be read: {error}"),
        ),
    }
}

async fn digest_of(artefacts: &Artefacts, key: &ArtefactKey) -> Result<String, ArtefactError> {
    let mut opened = artefacts.open(key).await?;
    let mut digest = Context::new(&SHA256);
    while let Some(piece) = opened.body.next().await {
        digest.update(&piece?);
    }
    Ok(hex::encode(digest.finish().as_ref()))
}

/// The rows of one part.
pub(super) fn rows<'v>(values: &'v Values, part: &DataPart) -> Option<&'v Values> {
    let Values::List(tenants) = member(values, "tenants")? else {
        return None;
    };
    let is_it = |tenant: &&Values| matches!(member(tenant, "id"), Some(Values::Plain(id)) if id == part.tenant.as_str());
    let tenant = tenants.iter().find(is_it)?;
    member(member(tenant, &part.key)?, "rows")
}

fn member<'v>(values: &'v Values, name: &str) -> Option<&'v Values> {
    let Values::Map(members) = values else {
        return None;
    };
    let found = members.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value)
}

/// SHA-256 over customer, dataset and digest of every part, in a fixed order.
pub(super) fn whole(parts: &[DataPart]) -> String {
    let mut sorted: Vec<&DataPart> = parts.iter().collect();
    sorted.sort_by(|a, b| (&a.tenant, &a.dataset).cmp(&(&b.tenant, &b.dataset)));
    let mut whole = Context::new(&SHA256);
    for part in sorted {
        whole.update(format!("{}/{}\n", part.tenant, part.dataset).as_bytes());
        let digest = hex::decode_array::<32>(&part.sha256).unwrap_or([0; 32]);
        whole.update(&digest);
    }
    hex::encode(whole.finish().as_ref())
}
