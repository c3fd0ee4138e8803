//! The schemas of schemas, which are part of the program: a folder cannot soften them.

use serde_json::Value;

use super::{Faults, Rule};
use crate::folder::Folder;
use crate::validate::Validator;

/// A schema of `schemas/_meta/`.
#[derive(Clone, Copy)]
pub(super) enum Meta {
    Contract,
    Dataset,
    Ui,
}

impl Meta {
    const ALL: [Self; 3] = [Self::Contract, Self::Dataset, Self::Ui];

    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Contract => (
                "_meta/contract.meta.json",
                include_str!("../../../../schemas/_meta/contract.meta.json"),
            ),
            Self::Dataset => (
                "_meta/dataset.meta.json",
                include_str!("../../../../schemas/_meta/dataset.meta.json"),
            ),
            Self::Ui => (
                "_meta/ui.meta.json",
                include_str!("../../../../schemas/_meta/ui.meta.json"),
            ),
        }
    }

    /// Asks it, when nothing else has found a fault in the file: its words are short.
    pub(super) fn check(self, value: &Value, faults: &mut Faults) {
        let schema = serde_json::from_str(self.file().1)
            .map_err(|error: serde_json::Error| error.to_string());
        let verdict = schema
            .and_then(|schema| Validator::new(&schema).map_err(|error| error.to_string()))
            .map(|validator| validator.check(value));
        match verdict {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => faults.add(
                &broken.pointer,
                Rule::Metaschema,
                format!("breaks {} of {}", broken.rule, self.file().0),
            ),
            Err(error) => faults.add("", Rule::Metaschema, error),
        }
    }
}

/// Whether the folder has the schemas of schemas as they are.
pub(super) fn check_copies(folder: &Folder, faults: &mut Faults) {
    for (path, text) in Meta::ALL.map(Meta::file) {
        if folder.get(path).is_some_and(|own| own != text.as_bytes()) {
            faults.of(path).add(
                "",
                Rule::Layout,
                "is another schema of schemas than this program's; hint: take the one that came with it",
            );
        }
    }
}
