//! Writes a backup, line by line, so that no table need fit into memory.

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

use super::sound::{DEPTH_MAX, is_document};
use super::{End, FORMAT, Head, Line, Sum};
use crate::artefacts::{ArtefactError, ArtefactKey, Artefacts};
use crate::store::Store;

/// Bytes of a file in one line.
const PIECE_BYTES: usize = 3 * 65_536;

struct Output {
    file: BufWriter<File>,
    digest: Sha256,
    sum: Sum,
}

impl Output {
    fn line(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.digest.update(&text);
        self.file.write_all(&text).context("write the backup")
    }
}

/// Writes everything; the file bears its name once it is whole.
pub(super) async fn whole(
    store: &Store,
    documents: &Path,
    artefacts: &Artefacts,
    output: &Path,
    now_ms: u64,
) -> anyhow::Result<Sum> {
    if output.exists() {
        bail!("{} exists; allowed is a new name", output.display());
    }
    let part = PathBuf::from(format!("{}.part", output.display()));
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .with_context(|| format!("write {}", part.display()))?;
    let mut out = Output {
        file: BufWriter::new(file),
        digest: Sha256::new(),
        sum: Sum::default(),
    };
    let written = async {
        tables(store, &mut out, now_ms).await?;
        let mut found = Vec::new();
        list(documents, Path::new(""), 0, &mut found)?;
        for name in found {
            document(documents, &name, &mut out)?;
        }
        storage(documents, artefacts, &mut out).await?;
        let end = End {
            sum: out.sum,
            sha256: hex::encode(&out.digest.clone().finalize()),
        };
        out.line(&Line::End(end))?;
        out.file.flush().context("write the backup")?;
        out.file.get_ref().sync_all().context("write the backup")?;
        std::fs::rename(&part, output).with_context(|| format!("name {}", output.display()))
    };
    let written = written.await;
    if written.is_err() {
        // Half of a backup is none.
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| out.sum)
}

async fn tables(store: &Store, out: &mut Output, now_ms: u64) -> anyhow::Result<()> {
    let mut snapshot = store.snapshot().await.context("read the store")?;
    out.line(&Line::Head(Head {
        spokegate_backup: FORMAT,
        made_at: now_ms,
        store: store.kind().as_str().into(),
        steps: snapshot.steps().await.context("read the store")?,
    }))?;
    for table in snapshot.tables().await.context("read the store")? {
        let mut headed = false;
        let each = |columns: Vec<&str>, values: Vec<serde_json::Value>| {
            if !headed {
                let columns = columns.into_iter().map(str::to_owned).collect();
                out.line(&Line::Table {
                    name: table.clone(),
                    columns,
                })?;
                headed = true;
            }
            out.sum.rows += 1;
            out.line(&values)
        };
        snapshot
            .rows(&table, each)
            .await
            .with_context(|| format!("read {table}"))?;
    }
    Ok(())
}

/// Names of the documents. What begins with a dot is half-written.
fn list(root: &Path, within: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let folder = root.join(within);
    let reading = || format!("read the folder of documents {}", folder.display());
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(reading),
    };
    for entry in entries {
        let entry = entry.with_context(reading)?;
        let name = within.join(entry.file_name());
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() && depth < DEPTH_MAX {
            list(root, &name, depth + 1, found)?;
        } else if kind.is_file() && !name.to_str().is_some_and(is_document) {
            tracing::warn!(file = %name.display(), "a file that is no document of ours is not in the backup");
        } else if kind.is_file() {
            found.push(name);
        }
    }
    found.sort();
    Ok(())
}

fn document(root: &Path, name: &Path, out: &mut Output) -> anyhow::Result<()> {
    let reading = || format!("read the document {}", name.display());
    let mut file = match File::open(root.join(name)) {
        Ok(file) => file,
        // Its run was forgotten meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(reading),
    };
    let bytes = file.metadata().with_context(reading)?.len();
    let text = name.to_str().with_context(reading)?;
    out.line(&Line::File {
        name: text.into(),
        bytes,
    })?;
    let mut left = bytes;
    let mut piece = vec![0; PIECE_BYTES];
    while left > 0 {
        let next = usize::try_from(left)
            .unwrap_or(PIECE_BYTES)
            .min(PIECE_BYTES);
        let piece = piece.get_mut(..next).context("a piece is bounded")?;
        file.read_exact(piece).with_context(reading)?;
        out.line(&STANDARD.encode(&piece))?;
        left -= next as u64;
    }
    out.sum.files += 1;
    Ok(())
}

/// What the storage has, but for what is in the folder too, which counts before it.
async fn storage(root: &Path, artefacts: &Artefacts, out: &mut Output) -> anyhow::Result<()> {
    let mut after: Option<String> = None;
    loop {
        let listed = artefacts.in_storage(after.as_deref()).await;
        let (keys, last) = listed.context("list the documents in the storage")?;
        for key in keys {
            if !root.join(key.file_name()).exists() {
                object(artefacts, &key, out).await?;
            }
        }
        if last.is_none() {
            return Ok(());
        }
        after = last;
    }
}

/// One, as it arrives: no more than a line of it is in memory.
async fn object(artefacts: &Artefacts, key: &ArtefactKey, out: &mut Output) -> anyhow::Result<()> {
    let name = key.file_name();
    let reading = || format!("read {name} in the storage");
    let mut opened = match artefacts.open(key).await {
        Ok(opened) => opened,
        // Its run was forgotten meanwhile.
        Err(ArtefactError::Missing) => return Ok(()),
        Err(error) => return Err(error).with_context(reading),
    };
    let mut left = opened.bytes;
    out.line(&Line::File {
        name: name.clone(),
        bytes: left,
    })?;
    let mut waiting = Vec::new();
    while let Some(arrived) = opened.body.next().await {
        let arrived = arrived.with_context(reading)?;
        left = left
            .checked_sub(arrived.len() as u64)
            .with_context(reading)?;
        waiting.extend_from_slice(&arrived);
        while waiting.len() >= PIECE_BYTES {
            let rest = waiting.split_off(PIECE_BYTES);
            out.line(&STANDARD.encode(&waiting))?;
            waiting = rest;
        }
    }
    if left > 0 {
        bail!("read {name} in the storage: it breaks off");
    }
    if !waiting.is_empty() {
        out.line(&STANDARD.encode(&waiting))?;
    }
    out.sum.files += 1;
    Ok(())
}
