//! A schema folder as its files, before anyone trusts it: what `registry.json` is made of, and what lint reads.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::dataset::{Registry, RegistryError, sha256_hex};
use crate::ids::DatasetId;

/// Largest file of a schema folder.
const FILE_BYTES_MAX: u64 = 1_048_576;
/// Most files of a schema folder.
const FILES_MAX: usize = 10_000;
/// Deepest folder below a schema folder.
const FOLDER_DEPTH_MAX: usize = 8;
/// The index.
pub const INDEX: &str = "registry.json";

/// The files of a schema folder by their paths below it, with `/` between the steps.
#[derive(Debug, Clone, Default)]
pub struct Folder(BTreeMap<String, Vec<u8>>);

impl Folder {
    /// Reads every file below `root`, but hidden ones and README.md.
    ///
    /// # Errors
    /// When a file cannot be read, or there is more than a schema folder may hold.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut folder = Self::default();
        folder.descend(root, "", 0)?;
        Ok(folder)
    }

    /// A folder of these files.
    pub fn from_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(files.into_iter().collect())
    }

    fn descend(&mut self, root: &Path, below: &str, depth: usize) -> io::Result<()> {
        let place = root.join(below);
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if depth > FOLDER_DEPTH_MAX {
            return wrong(format!(
                "{below} lies deeper than {FOLDER_DEPTH_MAX} folders"
            ));
        }
        for entry in std::fs::read_dir(place)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                return wrong(format!("a name in {below:?} is no text"));
            };
            if name.starts_with('.') || name == "README.md" {
                continue;
            }
            let path = if below.is_empty() {
                name
            } else {
                format!("{below}/{name}")
            };
            let about = entry.metadata()?;
            if about.is_dir() {
                self.descend(root, &path, depth.saturating_add(1))?;
            } else if !about.is_file() {
                return wrong(format!("{path} is neither a file nor a folder"));
            } else if about.len() > FILE_BYTES_MAX {
                return wrong(format!("{path} is larger than {FILE_BYTES_MAX} bytes"));
            } else if self.0.len() == FILES_MAX {
                return wrong(format!("there are more than {FILES_MAX} files"));
            } else {
                self.0.insert(path, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// A file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Puts a file in its place.
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(path.to_owned(), bytes);
    }

    /// Takes a file away.
    pub fn remove(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// All paths, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The paths below a folder, without it: `below("devices/v1")` has `row.schema.json`.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        self.paths()
            .filter_map(move |path| path.strip_prefix(folder)?.strip_prefix('/'))
    }

    /// Every version of every dataset that has a folder, by name and version.
    pub fn versions(&self) -> Vec<(DatasetId, u16)> {
        let mut found: Vec<_> = self
            .paths()
            .filter_map(|path| {
                let mut steps = path.split('/');
                let (id, version, _) = (steps.next()?, steps.next()?, steps.next()?);
                let id = id.parse().ok().filter(|_| id != "tenants")?;
                Some((id, version_of(version)?))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// What `registry.json` has to say of the other files.
    pub fn index(&self) -> String {
        let datasets: Vec<Value> = self
            .versions()
            .into_iter()
            .map(|(id, version)| {
                let status = if self.deprecated(&id, version) {
                    "deprecated"
                } else {
                    "current"
                };
                json!({"id": id, "version": version, "status": status})
            })
            .collect();
        let files: BTreeMap<&str, String> = self
            .0
            .iter()
            .filter(|(path, _)| *path != INDEX)
            .map(|(path, bytes)| (path.as_str(), sha256_hex(bytes)))
            .collect();
        format!("{:#}\n", json!({"datasets": datasets, "files": files}))
    }

    fn deprecated(&self, id: &DatasetId, version: u16) -> bool {
        self.get(&format!("{id}/dataset.json"))
            .and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
            .and_then(|about| {
                let majors = about.get("deprecated")?.as_array()?;
                Some(majors.contains(&json!(version)))
            })
            .unwrap_or(false)
    }

    /// The datasets, each file checked against the index.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn registry(&self) -> Result<Registry, RegistryError> {
        Registry::load(|path| {
            let file = self.0.get(path).cloned();
            file.ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    /// The datasets of a folder that is being edited: as if its index were up to date.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn registry_as_it_stands(&self) -> Result<Registry, RegistryError> {
        let mut indexed = self.clone();
        indexed.insert(INDEX, self.index().into_bytes());
        indexed.registry()
    }
}

/// `v1` is 1; no other writing of a number is.
pub(crate) fn version_of(step: &str) -> Option<u16> {
    let number: u16 = step.strip_prefix('v')?.parse().ok()?;
    (number > 0 && format!("v{number}") == step).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(paths: &[&str]) -> Folder {
        Folder::from_files(
            paths
                .iter()
                .map(|path| ((*path).to_owned(), b"{}".to_vec())),
        )
    }

    #[test]
    fn versions_are_folders_of_datasets() {
        let found = folder(&[
            "devices/v1/row.schema.json",
            "devices/v2/row.schema.json",
            "devices/v2/examples/ok-a.json",
            "devices/v02/row.schema.json",
            "devices/v0/row.schema.json",
            "devices/v9",
            "_common/v1/ip.json",
            "tenants/acme/devices/v1/row.schema.json",
            "asyncapi.yaml",
        ])
        .versions();
        let devices: DatasetId = "devices".parse().unwrap();
        assert_eq!(found, [(devices.clone(), 1), (devices, 2)]);
    }

    #[test]
    fn the_index_has_every_file_but_itself() {
        let mut folder = folder(&["a1/v1/row.schema.json", "a1/v2/x", "registry.json"]);
        folder.insert("a1/dataset.json", br#"{"deprecated": [1]}"#.to_vec());
        let index: Value = serde_json::from_str(&folder.index()).unwrap();
        assert_eq!(
            index["datasets"],
            json!([{"id": "a1", "version": 1, "status": "deprecated"}, {"id": "a1", "version": 2, "status": "current"}])
        );
        let files: Vec<_> = index["files"].as_object().unwrap().keys().collect();
        assert_eq!(
            files,
            ["a1/dataset.json", "a1/v1/row.schema.json", "a1/v2/x"]
        );
    }

    #[test]
    fn a_folder_is_read_whole_without_what_is_hidden() {
        let root = std::env::temp_dir().join(format!("spokegate-folder-{}", std::process::id()));
        std::fs::create_dir_all(root.join("a1/v1/.hidden")).unwrap();
        for path in [
            "README.md",
            "a1/v1/row.schema.json",
            "a1/v1/.hidden/x",
            "registry.json",
        ] {
            std::fs::write(root.join(path), "{}").unwrap();
        }
        let paths = |folder: &Folder| folder.paths().map(str::to_owned).collect::<Vec<_>>();
        let found = Folder::read(&root).unwrap();
        assert_eq!(paths(&found), ["a1/v1/row.schema.json", "registry.json"]);
        std::fs::write(root.join("large.json"), vec![b' '; 1_048_577]).unwrap();
        let error = Folder::read(&root).unwrap_err().to_string();
        assert_eq!(error, "large.json is larger than 1048576 bytes");
        std::fs::remove_dir_all(&root).unwrap();
        assert!(Folder::read(&root).is_err());
    }
}
