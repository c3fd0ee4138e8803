//! Layered configuration with every fault told in one run.
//!
//! The documented defaults of a service (what `example-config` prints) are also the schema of its
//! known keys:
//! * an active `key = value` is a known key with its default, and the value shows its type;
//! * a commented `# key = value` is a known key without default, and the value is an example;
//! * the same followed by `# required` must be set;
//! * `[[table]]`, active or commented, is a list whose items have the keys below it; a list in the
//!   file replaces the default list;
//! * a table without any key takes any key.
//!
//! Later layers win: defaults, TOML file, environment, flags.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

mod decode;
mod faults;
mod layers;
mod lines;
mod nearest;
mod schema;

pub use faults::{ConfigFaults, Fault, Faults};

/// A configuration or a section of one.
pub trait Section: DeserializeOwned {
    /// Checks what types cannot say: ranges and rules between keys. Keys are relative to the
    /// section; nested sections are checked through [`Faults::within`].
    fn validate(&self, faults: &mut Faults);
}

/// Loads a configuration of type `T`.
#[derive(Clone, Debug)]
pub struct Layered<T> {
    prefix: String,
    defaults: &'static str,
    file: Option<TextSource>,
    environment: BTreeMap<String, String>,
    flags: Vec<String>,
    target: PhantomData<fn() -> T>,
}

#[derive(Clone, Debug)]
enum TextSource {
    Path(PathBuf),
    Text(String, String),
}

impl<T: Section> Layered<T> {
    /// Starts from the documented defaults and this process's environment. `service` is the
    /// middle of the variables' names: `SPOKEGATE_<SERVICE>__SECTION__KEY`.
    pub fn new(service: &str, defaults: &'static str) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            prefix: format!("SPOKEGATE_{}", service.to_uppercase().replace('-', "_")),
            defaults,
            file: None,
            environment,
            flags: Vec::new(),
            target: PhantomData,
        }
    }

    /// Reads a TOML file.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.file = Some(TextSource::Path(path.as_ref().to_owned()));
        self
    }

    /// Takes a TOML text in place of a file; faults name it `name`.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.file = Some(TextSource::Text(name.to_owned(), text.to_owned()));
        self
    }

    /// Takes these variables in place of the process's environment.
    #[must_use]
    pub fn environment<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.environment = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self
    }

    /// Takes no environment.
    #[must_use]
    pub fn no_environment(self) -> Self {
        self.environment([] as [(String, String); 0])
    }

    /// Adds a `section.key=value` given on the command line.
    #[must_use]
    pub fn flag(mut self, assignment: impl Into<String>) -> Self {
        self.flags.push(assignment.into());
        self
    }

    /// Puts the layers together, checks and decodes them.
    pub fn load(self) -> Result<T, ConfigFaults> {
        let schema = schema::parse(self.defaults);
        let mut faults = Faults::new(&self.prefix);
        let mut merged = layers::Merged::new(&schema);
        match &self.file {
            Some(TextSource::Path(path)) => merged.read_file(path, &mut faults),
            Some(TextSource::Text(name, text)) => merged.add_text(name, text, &mut faults),
            None => {}
        }
        // What an unreadable file would have set is not known, so nothing more can be said.
        if merged.is_file_lost() {
            return Err(faults.into_faults());
        }
        merged.add_environment(&self.prefix, &self.environment, &mut faults);
        merged.add_flags(&self.flags, &mut faults);
        let table = merged.complete(&mut faults);
        let value: Option<T> = decode::decode(table, &schema, &mut faults);
        match value {
            Some(value) => {
                value.validate(&mut faults);
                faults.finish().map(|()| value)
            }
            None => Err(faults.into_faults()),
        }
    }
}

#[cfg(test)]
mod tests;
