//! Reads a backup: once to check it, and once to fill an empty store from it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::{End, FORMAT, Head, Line, Sum};
use crate::store::portable::Filling;
use crate::store::{Store, StoreUrl, migrations};

/// Longest line: the largest push with its base64, and more.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Checks the file, then fills the store and the folder of documents.
pub(super) async fn whole(
    url: &StoreUrl,
    documents: &Path,
    file: &Path,
) -> anyhow::Result<(Store, Sum)> {
    let named = || format!("read the backup {}", file.display());
    let (head, end) = check(file).with_context(named)?;
    let store = Store::open_empty(url, &head.steps).await?;
    let mut to = Restoring {
        filling: store.fill().await?,
        documents: documents.to_owned(),
        table: None,
        file: None,
    };
    let mut lines = Lines::open(file)?;
    while let Some(line) = lines.next().with_context(named)? {
        to.line(serde_json::from_slice(line).with_context(named)?)
            .await?;
    }
    to.filling.commit().await?;
    migrations::up(&store).await?;
    Ok((store, end.sum))
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

/// That the file is whole and unchanged.
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
    while let Some(line) = lines.next()? {
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
            return Ok((head, end));
        }
        digest.update(line);
    }
    bail!("it breaks off: it has no end")
}

struct Restoring {
    filling: Filling,
    documents: PathBuf,
    table: Option<(String, Vec<String>)>,
    file: Option<(File, u64)>,
}

impl Restoring {
    async fn line(&mut self, line: Value) -> anyhow::Result<()> {
        match line {
            Value::Array(values) => {
                let (table, columns) = self.table.as_ref().context("a row without a table")?;
                if columns.len() != values.len() {
                    bail!("a row of {table} has {} values", values.len());
                }
                self.filling.put(table, columns, &values).await
            }
            Value::String(piece) => self.piece(&piece),
            line => match serde_json::from_value(line).context("a line is none of a backup's")? {
                Line::Head(_) => Ok(()),
                Line::Table { name, columns } => {
                    self.table = Some((name, columns));
                    Ok(())
                }
                Line::File { name, bytes } => self.begin_file(&name, bytes),
                Line::End(_) => self.end_file(),
            },
        }
    }

    fn begin_file(&mut self, name: &str, bytes: u64) -> anyhow::Result<()> {
        self.end_file()?;
        let within = Path::new(name);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if name.is_empty() || !within.components().all(plain) {
            bail!("{name:?} is no document's name");
        }
        let path = self.documents.join(within);
        let folder = path.parent().unwrap_or(&self.documents);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("make the folder {}", folder.display()))?;
        let file = File::options()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("write the document {}", path.display()))?;
        self.file = Some((file, bytes));
        Ok(())
    }

    fn piece(&mut self, piece: &str) -> anyhow::Result<()> {
        let (file, left) = self.file.as_mut().context("a piece without a file")?;
        let bytes = STANDARD.decode(piece).context("a piece is no base64")?;
        *left = left
            .checked_sub(bytes.len() as u64)
            .context("a file is longer than it says")?;
        file.write_all(&bytes).context("write a document")
    }

    fn end_file(&mut self) -> anyhow::Result<()> {
        match self.file.take() {
            Some((_, left)) if left > 0 => bail!("a file is shorter than it says"),
            Some((file, _)) => file.sync_all().context("write a document"),
            None => Ok(()),
        }
    }
}
