//! Reads a backup: once to check it, and once to fill an empty store from it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::documents::Documents;
use super::sound::Sound;
use super::{End, FORMAT, Head, Line, Sum};
use crate::artefacts::Artefacts;
use crate::store::audit::ChainState;
use crate::store::portable::Filling;
use crate::store::{Store, StoreUrl, migrations};

/// Longest line: the largest push with its base64, and more.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Checks the file, then fills the store, and the folder of documents where one is given.
pub(super) async fn whole(
    url: &StoreUrl,
    documents: Option<&Path>,
    file: &Path,
) -> anyhow::Result<(Store, Sum)> {
    let named = || format!("read the backup {}", file.display());
    let (head, end) = check(file).with_context(named)?;
    let store = Store::open_empty(url, &head.steps).await?;
    let mut to = Restoring {
        filling: Some(store.fill().await?),
        documents: documents.map(|folder| Documents::new(folder, None)),
        table: None,
    };
    let restored = to.whole(file).await;
    if restored.is_err()
        && let Some(documents) = &mut to.documents
    {
        documents.undo();
    }
    restored?;
    migrations::up(&store).await?;
    Ok((store, end.sum))
}

/// Puts the documents into the storage, whose secrets are in the store that [`whole`] has filled. Each is in the folder
/// until it is put.
pub(super) async fn into_storage(
    artefacts: &Artefacts,
    folder: &Path,
    file: &Path,
) -> anyhow::Result<()> {
    let mut to = Restoring {
        filling: None,
        documents: Some(Documents::new(folder, Some(artefacts))),
        table: None,
    };
    to.all(file).await
}

/// The file's lines, each bounded.
struct Lines {
    file: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        Ok(Self {
            file: BufReader::new(file),
            line: Vec::new(),
        })
    }

    fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        use std::io::Read as _;
        self.line.clear();
        let mut bounded = (&mut self.file).take(LINE_BYTES_MAX);
        bounded.read_until(b'\n', &mut self.line)?;
        match self.line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.line)),
            Some(_) => bail!("it breaks off, or a line is too long"),
        }
    }
}

/// That the file is whole and unchanged, and holds what a backup may.
fn check(path: &Path) -> anyhow::Result<(Head, End)> {
    let mut lines = Lines::open(path)?;
    let first = lines.next()?.unwrap_or_default();
    let Ok(Line::Head(head)) = serde_json::from_slice(first) else {
        bail!("it is no backup of this service");
    };
    if head.spokegate_backup != FORMAT {
        bail!(
            "it was made by a newer release: its form is {}",
            head.spokegate_backup
        );
    }
    let mut digest = Sha256::new();
    digest.update(first);
    let (mut sound, mut number) = (anyhow::Ok(Sound::default()), 1_u64);
    while let Some(line) = lines.next()? {
        number += 1;
        // Rows and pieces begin otherwise.
        if line.starts_with(b"{\"end\"") {
            let Ok(Line::End(end)) = serde_json::from_slice(line) else {
                bail!("its end is malformed");
            };
            if end.sha256 != hex::encode(&digest.finalize()) {
                bail!("it was changed after it was made: its SHA-256 is another one");
            }
            if lines.next()?.is_some() {
                bail!("something stands after its end");
            }
            // One that was changed says that, and not what the change led to.
            sound?.end(end.sum)?;
            return Ok((head, end));
        }
        digest.update(line);
        if let Ok(so_far) = &mut sound
            && let Err(error) = so_far.line(line)
        {
            sound = Err(error.context(format!("its line {number} cannot be taken")));
        }
    }
    bail!("it breaks off: it has no end")
}

/// A way through the file: for what there is a place, is put there.
struct Restoring<'a> {
    filling: Option<Filling>,
    documents: Option<Documents<'a>>,
    table: Option<(String, Vec<String>)>,
}

impl Restoring<'_> {
    /// All of it, kept once its audit trail was walked.
    async fn whole(&mut self, file: &Path) -> anyhow::Result<()> {
        self.all(file).await?;
        let Some(mut filling) = self.filling.take() else {
            return Ok(());
        };
        let trail = filling.verify_audit().await;
        if let ChainState::BrokenAt { sequence } = trail.context("read its audit trail")? {
            bail!(
                "the audit trail in the backup {} is broken at record {sequence}, so nothing was restored; hint: take an \
                 older backup",
                file.display()
            );
        }
        filling.commit().await
    }

    async fn all(&mut self, file: &Path) -> anyhow::Result<()> {
        let named = || format!("read the backup {}", file.display());
        let mut lines = Lines::open(file)?;
        while let Some(line) = lines.next().with_context(named)? {
            self.line(serde_json::from_slice(line).with_context(named)?)
                .await?;
        }
        Ok(())
    }

    async fn line(&mut self, line: Value) -> anyhow::Result<()> {
        match line {
            Value::Array(values) => self.row(&values).await,
            Value::String(piece) => match &mut self.documents {
                Some(documents) => documents.piece(&piece),
                None => Ok(()),
            },
            line => match serde_json::from_value(line).context("a line is none of a backup's")? {
                Line::Head(_) => Ok(()),
                Line::Table { name, columns } => {
                    self.table = Some((name, columns));
                    Ok(())
                }
                Line::File { name, bytes } => match &mut self.documents {
                    Some(documents) => documents.begin(&name, bytes).await,
                    None => Ok(()),
                },
                Line::End(_) => match &mut self.documents {
                    Some(documents) => documents.end().await,
                    None => Ok(()),
                },
            },
        }
    }

    async fn row(&mut self, values: &[Value]) -> anyhow::Result<()> {
        let Some(filling) = &mut self.filling else {
            return Ok(());
        };
        let (table, columns) = self.table.as_ref().context("a row without a table")?;
        if columns.len() != values.len() {
            bail!("a row of {table} has {} values", values.len());
        }
        filling.put(table, columns, values).await
    }
}
