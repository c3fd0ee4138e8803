//! A flow set with modules of the palette, as it travels to satellites: one line of JSON, the index, and behind it the bytes of
//! flows and files in the index's order. There are files and nothing else, so no link, no device and no mode can be said.
//!
//! A flow set without modules is its flows alone, which begin with `[`; an index begins with `{`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits::{
    FLOW_SET_BYTES_MAX, PARCEL_BYTES_MAX, PARCEL_FILES_MAX, PARCEL_INDEX_BYTES_MAX,
};

/// Modules of one set.
const MODULES_MAX: usize = 32;
/// Bytes of a module's name: npm's own limit.
const NAME_BYTES_MAX: usize = 214;
const VERSION_BYTES_MAX: usize = 64;
/// Bytes of a file's path within its module.
const PATH_BYTES_MAX: usize = 512;
/// Folders that a file lies in, at most.
const DEPTH_MAX: usize = 24;

/// What such a parcel holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelIndex {
    /// 1.
    pub form: u8,
    /// Length of the flows, which come first.
    pub flows: u64,
    /// Modules in the order of their names.
    pub modules: Vec<ParcelModule>,
}

/// One module of the palette.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelModule {
    /// Its name, as npm has it: `node-red-contrib-x` or `@scope/x`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its files in the order of their paths.
    pub files: Vec<ParcelFile>,
}

/// One file of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParcelFile {
    /// Below the module's folder, with `/` between folders.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// Why something is no such parcel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParcelFault {
    /// No JSON, or another form of it.
    #[error("its index cannot be read: {0}")]
    Form(String),
    /// Another form than this one.
    #[error("it is of form {0}, and this version reads form 1, hint: upgrade the agent")]
    Version(u8),
    /// The index is too long.
    #[error("its index is longer than {PARCEL_INDEX_BYTES_MAX} bytes")]
    Index,
    /// No module, or too many.
    #[error("it has {0} modules, allowed are 1 to {MODULES_MAX}")]
    Modules(usize),
    /// Not a name that npm allows.
    #[error(
        "{0:?} is no module's name: at most {NAME_BYTES_MAX} of a-z, 0-9, '-', '_' and '.', after @scope/ or alone"
    )]
    Name(String),
    /// Node-RED's own, or the agent's.
    #[error("{0} comes with Node-RED or with the agent, hint: leave it out")]
    Own(String),
    /// Not a version.
    #[error(
        "{0:?} is no version: at most {VERSION_BYTES_MAX} of letters, digits, '.', '-' and '+'"
    )]
    ModuleVersion(String),
    /// Modules or files that are there twice, or not in order.
    #[error("{0:?} is there twice, or not in the order of names")]
    Order(String),
    /// A path that leads elsewhere, or none.
    #[error(
        "{0:?} is no path within a module: at most {PATH_BYTES_MAX} bytes and {DEPTH_MAX} folders, none of them empty, '.' or '..', no control character and no backslash"
    )]
    Path(String),
    /// A file where another file's folder is.
    #[error("{0:?} is a file and a folder")]
    FileAndFolder(String),
    /// Too many files.
    #[error("it has {0} files, allowed are {PARCEL_FILES_MAX}")]
    Files(usize),
    /// Too long.
    #[error(
        "it has {0} bytes, allowed are {PARCEL_BYTES_MAX}, of which {FLOW_SET_BYTES_MAX} for flows"
    )]
    Bytes(u64),
}

impl ParcelIndex {
    /// Of these modules.
    ///
    /// # Errors
    /// When a satellite would not take it.
    pub fn new(flows: u64, modules: Vec<ParcelModule>) -> Result<Self, ParcelFault> {
        let index = Self {
            form: 1,
            flows,
            modules,
        };
        index.judge()?;
        Ok(index)
    }

    /// Reads the first line, without its end.
    ///
    /// # Errors
    /// When it is none, or names what must not be.
    pub fn read(line: &[u8]) -> Result<Self, ParcelFault> {
        if line.len() > PARCEL_INDEX_BYTES_MAX {
            return Err(ParcelFault::Index);
        }
        let index: Self =
            serde_json::from_slice(line).map_err(|error| ParcelFault::Form(error.to_string()))?;
        index.judge()?;
        Ok(index)
    }

    /// The first line, with its end.
    ///
    /// # Errors
    /// When it is too long.
    pub fn line(&self) -> Result<Vec<u8>, ParcelFault> {
        let mut line =
            serde_json::to_vec(self).map_err(|error| ParcelFault::Form(error.to_string()))?;
        if line.len() > PARCEL_INDEX_BYTES_MAX {
            return Err(ParcelFault::Index);
        }
        line.push(b'\n');
        Ok(line)
    }

    fn judge(&self) -> Result<(), ParcelFault> {
        if self.form != 1 {
            return Err(ParcelFault::Version(self.form));
        }
        if !(1..=MODULES_MAX).contains(&self.modules.len()) {
            return Err(ParcelFault::Modules(self.modules.len()));
        }
        let files = self.modules.iter().map(|module| module.files.len()).sum();
        if files > PARCEL_FILES_MAX {
            return Err(ParcelFault::Files(files));
        }
        let mut bytes = self.flows;
        let mut before = "";
        for module in &self.modules {
            module.judge()?;
            if before >= module.name.as_str() {
                return Err(ParcelFault::Order(module.name.clone()));
            }
            before = &module.name;
            let sizes = module.files.iter().map(|file| file.bytes);
            bytes = sizes.fold(bytes, u64::saturating_add);
        }
        match bytes > PARCEL_BYTES_MAX || self.flows > FLOW_SET_BYTES_MAX {
            true => Err(ParcelFault::Bytes(bytes)),
            false => Ok(()),
        }
    }
}

impl ParcelModule {
    fn judge(&self) -> Result<(), ParcelFault> {
        judge_name(&self.name)?;
        let good = |b: u8| b.is_ascii_alphanumeric() || b".-+".contains(&b);
        let version = self.version.as_str();
        if !(1..=VERSION_BYTES_MAX).contains(&version.len()) || !version.bytes().all(good) {
            return Err(ParcelFault::ModuleVersion(version.to_owned()));
        }
        let mut before = "";
        let mut folders = BTreeSet::new();
        for file in &self.files {
            let path = file.path.as_str();
            judge_path(path)?;
            if before >= path {
                return Err(ParcelFault::Order(path.to_owned()));
            }
            before = path;
            folders.extend(
                path.match_indices('/')
                    .filter_map(|(end, _)| path.get(..end)),
            );
        }
        let both = self
            .files
            .iter()
            .find(|file| folders.contains(file.path.as_str()));
        both.map_or(Ok(()), |file| {
            Err(ParcelFault::FileAndFolder(file.path.clone()))
        })
    }
}

/// As npm has it, without what only old packages have.
fn judge_name(name: &str) -> Result<(), ParcelFault> {
    let part = |part: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && part.bytes().all(good)
    };
    let good = match name.strip_prefix('@') {
        Some(scoped) => scoped
            .split_once('/')
            .is_some_and(|(scope, name)| part(scope) && part(name)),
        None => part(name),
    };
    if !good || name.len() > NAME_BYTES_MAX || name == "node_modules" {
        return Err(ParcelFault::Name(name.to_owned()));
    }
    let own = ["node-red", "node-red-contrib-spokegate"].contains(&name);
    match own || name.starts_with("@node-red/") {
        true => Err(ParcelFault::Own(name.to_owned())),
        false => Ok(()),
    }
}

fn judge_path(path: &str) -> Result<(), ParcelFault> {
    let good = path.len() <= PATH_BYTES_MAX
        && path.matches('/').count() <= DEPTH_MAX
        && !path.contains(|c: char| c.is_control() || c == '\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    match good {
        true => Ok(()),
        false => Err(ParcelFault::Path(path.to_owned())),
    }
}

#[cfg(test)]
mod tests;
