//! Modules of the palette that come with a flow set: unpacked beside the spool, where flows can read and not write them, and
//! named by the parcel that they came in. What is in force is said by one file, which Node-RED's start reads.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_contract::limits::PARCEL_INDEX_BYTES_MAX;
use spokegate_contract::parcel_index::ParcelIndex;

use super::beside::clear;
use super::folder::remove;
use crate::credentials::store::put_private;

/// Below the folder of flow sets.
const FOLDER: &str = "modules";
/// Names what is in force.
pub(super) const IN_FORCE: &str = "modules-in-force";
/// Where Node.js looks for modules.
const NODE_MODULES: &str = "node_modules";
/// While a parcel is unpacked; removed as parcels are that are not whole.
const FLOWS: &str = "flows.part";
const DRAFT: &str = "new";

/// The folders of modules, one for each parcel.
#[derive(Clone, Debug)]
pub(crate) struct Modules {
    folder: PathBuf,
}

/// What a parcel held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// The flows.
    pub(super) flows: PathBuf,
    /// The folder of its modules, by name; none when it has none.
    pub(super) modules: Option<String>,
}

impl Modules {
    /// In the folder of flow sets.
    pub(crate) fn below(flows: &Path) -> Self {
        Self {
            folder: flows.to_owned(),
        }
    }

    /// The folder that Node-RED is told of; none when no modules are in force. Blocks.
    pub(crate) fn in_force(&self) -> Option<PathBuf> {
        let name = std::fs::read_to_string(self.folder.join(IN_FORCE)).ok()?;
        let digest: Option<[u8; 32]> = hex::decode_array(&name);
        digest.map(|_| self.at(&name))
    }

    /// Where a parcel's modules are.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(FOLDER).join(name)
    }

    /// Takes a parcel apart: flows that stand alone are used where they are. Blocks.
    pub(super) fn unpack(&self, parcel: &Path) -> io::Result<Unpacked> {
        let mut file = BufReader::new(File::open(parcel)?);
        if file.fill_buf()?.first() != Some(&b'{') {
            return Ok(Unpacked {
                flows: parcel.to_owned(),
                modules: None,
            });
        }
        let index = read_index(&mut file)?;
        let flows = self.folder.join(FLOWS);
        remove(&flows)?;
        copy(&mut file, &flows, index.flows)?;
        let draft = self.at(DRAFT);
        clear(&draft)?;
        make(&draft)?;
        for module in &index.modules {
            let folder = draft.join(NODE_MODULES).join(&module.name);
            for entry in &module.files {
                let path = folder.join(&entry.path);
                path.parent().map_or(Ok(()), make)?;
                copy(&mut file, &path, entry.bytes)?;
            }
        }
        if !file.fill_buf()?.is_empty() {
            return Err(invalid("it is longer than its index says"));
        }
        // What is named by the note is on the disk before the note is.
        rustix::fs::syncfs(File::open(&draft)?)?;
        let name = hex::encode(&crate::parcel::digest(parcel)?);
        let place = self.at(&name);
        clear(&place)?;
        std::fs::rename(&draft, &place)?;
        File::open(self.folder.join(FOLDER))?.sync_all()?;
        Ok(Unpacked {
            flows,
            modules: Some(name),
        })
    }

    /// Puts modules in force, or none. Blocks.
    pub(super) fn put(&self, name: Option<&str>) -> io::Result<()> {
        let note = self.folder.join(IN_FORCE);
        match name {
            Some(name) => put_private(&note, name.as_bytes()).map_err(io::Error::other),
            None => remove(&note),
        }
    }

    /// Removes all modules that are not in force. Blocks.
    pub(super) fn sweep(&self) -> io::Result<()> {
        let kept = self.in_force();
        let there = match std::fs::read_dir(self.folder.join(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            there => there?,
        };
        for entry in there {
            let path = entry?.path();
            if Some(&path) != kept.as_ref() {
                clear(&path)?;
            }
        }
        Ok(())
    }
}

/// Names of modules in a folder that Node.js looks in, those of scopes as `@scope/name`. Blocks.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let list = |folder: &Path| -> Vec<String> {
        let there = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = there.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect()
    };
    let root = folder.join(NODE_MODULES);
    let mut all = Vec::new();
    for name in list(&root) {
        match name.starts_with('@') {
            true => all.extend(
                list(&root.join(&name))
                    .iter()
                    .map(|own| format!("{name}/{own}")),
            ),
            false => all.push(name),
        }
    }
    all.sort_unstable();
    all
}

/// What a folder's files come to, by their paths. Blocks.
pub(super) fn fingerprint(folder: &Path) -> io::Result<String> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort_unstable();
    let mut whole = Sha256::new();
    for path in &paths {
        let below = path.strip_prefix(folder).unwrap_or(path);
        whole.update(Sha256::digest(below.as_os_str().as_encoded_bytes()));
        whole.update(crate::parcel::digest(path)?);
    }
    Ok(hex::encode(&whole.finalize()))
}

/// As deep as an index allows, since nobody else writes here.
fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => walk(&entry.path(), paths)?,
            false => paths.push(entry.path()),
        }
    }
    Ok(())
}

fn read_index(file: &mut impl io::BufRead) -> io::Result<ParcelIndex> {
    let mut line = Vec::new();
    let most = PARCEL_INDEX_BYTES_MAX as u64 + 1;
    file.take(most).read_until(b'\n', &mut line)?;
    match line.split_last() {
        Some((b'\n', line)) => ParcelIndex::read(line).map_err(invalid),
        _ => Err(invalid("its index has no end")),
    }
}

/// So many bytes, into a file that is not there yet.
fn copy(from: &mut impl Read, to: &Path, bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let copied = io::copy(&mut from.take(bytes), &mut file)?;
    file.flush()?;
    match copied == bytes {
        true => Ok(()),
        false => Err(invalid("it is shorter than its index says")),
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
