//! What may be a module of the palette that goes with a flow set: a package as `npm pack` makes it, with everything that it
//! needs inside; pure. Nothing of it is ever run here.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_contract::limits::{PARCEL_BYTES_MAX, PARCEL_FILES_MAX};
use spokegate_contract::parcel_index::{ParcelFault, ParcelFile, ParcelIndex, ParcelModule};
use tar::{Archive, EntryType};

/// Bytes of a package's `package.json`.
const MANIFEST_BYTES_MAX: usize = 262_144;
const MANIFEST: &str = "package.json";

/// A package that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    name: String,
    version: String,
    files: BTreeMap<String, Vec<u8>>,
}

/// A module in words: what a list shows of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModuleNote {
    /// As npm has it.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Of its files with their paths.
    pub(crate) sha256: String,
}

/// Why something is no such package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModuleFault {
    #[error("it is no package as `npm pack` makes it (a tar archive, compressed by gzip): {0}")]
    Archive(String),
    #[error(
        "{0:?} is neither a file nor a folder, and a satellite takes nothing else, hint: `npm pack` follows no links: replace them by files"
    )]
    Kind(String),
    #[error("{0:?} is there twice")]
    Twice(String),
    #[error("unpacked it has more than {PARCEL_BYTES_MAX} bytes, or {PARCEL_FILES_MAX} files")]
    Size,
    #[error("its package.json {0}")]
    Manifest(String),
    #[error(
        "it is no module for Node-RED: its package.json has no \"node-red\" with nodes or plugins"
    )]
    NotForNodeRed,
    #[error(
        "it needs {0}, which is not in it, hint: in its folder run `npm install --omit=dev`, put \"bundleDependencies\": true into its package.json, and run `npm pack`"
    )]
    Needs(String),
    #[error(transparent)]
    Parcel(#[from] ParcelFault),
}

/// Reads a package.
pub(crate) fn read(packed: impl Read) -> Result<Module, ModuleFault> {
    let files = files(packed)?;
    let manifest = files.get(MANIFEST);
    let manifest = manifest.ok_or_else(|| ModuleFault::Manifest("is not there".to_owned()))?;
    if manifest.len() > MANIFEST_BYTES_MAX {
        let words = format!("has more than {MANIFEST_BYTES_MAX} bytes");
        return Err(ModuleFault::Manifest(words));
    }
    let manifest: Value = serde_json::from_slice(manifest)
        .map_err(|error| ModuleFault::Manifest(format!("is no JSON: {error}")))?;
    let text = |key: &str| {
        let found = manifest.get(key).and_then(Value::as_str);
        found.ok_or_else(|| ModuleFault::Manifest(format!("has no {key:?}")))
    };
    let (name, version) = (text("name")?.to_owned(), text("version")?.to_owned());
    let offers = |what: &str| {
        let own = manifest.get("node-red").and_then(|own| own.get(what));
        own.and_then(Value::as_object)
            .is_some_and(|own| !own.is_empty())
    };
    if !offers("nodes") && !offers("plugins") {
        return Err(ModuleFault::NotForNodeRed);
    }
    let needed = manifest.get("dependencies").and_then(Value::as_object);
    for name in needed.into_iter().flatten().map(|(name, _)| name) {
        if !files.contains_key(&format!("node_modules/{name}/{MANIFEST}")) {
            return Err(ModuleFault::Needs(name.clone()));
        }
    }
    let module = Module {
        name,
        version,
        files,
    };
    // What the whole is judged by once more.
    ParcelIndex::new(0, vec![module.index()])?;
    Ok(module)
}

/// The files of an archive, below the one folder that it has.
fn files(packed: impl Read) -> Result<BTreeMap<String, Vec<u8>>, ModuleFault> {
    let unreadable = |error: std::io::Error| ModuleFault::Archive(error.to_string());
    // Paths and the archive's own blocks come on top of what is counted.
    let room = PARCEL_BYTES_MAX.saturating_mul(2);
    let mut archive = Archive::new(GzDecoder::new(packed).take(room));
    let (mut files, mut bytes, mut entries) = (BTreeMap::new(), 0_u64, 0_usize);
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        entries += 1;
        bytes = bytes.saturating_add(entry.size());
        if bytes > PARCEL_BYTES_MAX || entries > PARCEL_FILES_MAX {
            return Err(ModuleFault::Size);
        }
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Regular => {}
            _ => return Err(ModuleFault::Kind(path)),
        }
        let Some((_, below)) = path.trim_start_matches("./").split_once('/') else {
            let words = format!("{path:?} lies in no folder");
            return Err(ModuleFault::Archive(words));
        };
        if path.starts_with('/') || path.starts_with("../") {
            return Err(ParcelFault::Path(path).into());
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(unreadable)?;
        if files.insert(below.to_owned(), content).is_some() {
            return Err(ModuleFault::Twice(path));
        }
    }
    Ok(files)
}

impl Module {
    fn index(&self) -> ParcelModule {
        let file = |(path, content): (&String, &Vec<u8>)| ParcelFile {
            path: path.clone(),
            bytes: content.len() as u64,
        };
        ParcelModule {
            name: self.name.clone(),
            version: self.version.clone(),
            files: self.files.iter().map(file).collect(),
        }
    }

    /// What a list shows.
    pub(crate) fn note(&self) -> ModuleNote {
        let mut whole = Sha256::new();
        for (path, content) in &self.files {
            whole.update(Sha256::digest(path));
            whole.update(Sha256::digest(content));
        }
        ModuleNote {
            name: self.name.clone(),
            version: self.version.clone(),
            sha256: hex::encode(&whole.finalize()),
        }
    }
}

/// What goes to satellites: flows alone, or an index, flows and the modules' files. The modules are put in order.
pub(crate) fn parcel(flows: &[u8], modules: &mut [Module]) -> Result<Vec<u8>, ModuleFault> {
    if modules.is_empty() {
        return Ok(flows.to_vec());
    }
    modules.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let index = modules.iter().map(Module::index).collect();
    let index = ParcelIndex::new(flows.len() as u64, index)?;
    let mut whole = index.line()?;
    whole.extend_from_slice(flows);
    for content in modules.iter().flat_map(|module| module.files.values()) {
        whole.extend_from_slice(content);
    }
    let bytes = whole.len() as u64;
    match bytes > PARCEL_BYTES_MAX {
        true => Err(ParcelFault::Bytes(bytes).into()),
        false => Ok(whole),
    }
}

/// The flows of a parcel.
pub(crate) fn flows(parcel: &[u8]) -> Result<&[u8], ModuleFault> {
    if parcel.first() != Some(&b'{') {
        return Ok(parcel);
    }
    let cut = || ModuleFault::Archive("it is cut short".to_owned());
    let end = parcel
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(cut)?;
    let (line, rest) = parcel.split_at(end);
    let index = ParcelIndex::read(line)?;
    let from = rest.get(1..).ok_or_else(cut)?;
    let bytes = usize::try_from(index.flows).map_err(|_| cut())?;
    from.get(..bytes).ok_or_else(cut)
}

#[cfg(test)]
mod tests;
