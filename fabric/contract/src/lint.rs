//! Faults of a schema folder that no compiler of schemas sees: what is misspelt, open, unbounded, unnamed or missing.
//!
//! The rules stand twice, in `schemas/_meta/` as schemas of schemas and here with words for people; a schema passes
//! only when both agree.

mod branches;
mod files;
mod meta;
mod schema;
mod ui;
mod values;

use std::fmt;

use crate::folder::Folder;

/// Most faults told at once.
const FAULTS_MAX: usize = 200;

/// The rules, by the names under which people find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A file that belongs to no dataset, or one that is missing.
    Layout,
    /// A file that is not JSON.
    Json,
    /// `dataset.json` does not say what it must.
    Dataset,
    /// `$schema` or `$id` is not what the file's path asks for.
    Identity,
    /// A keyword that is misspelt or not allowed.
    Keyword,
    /// A value without words for people.
    Words,
    /// A value without a type, or with an unusual one.
    Type,
    /// An object that lets unknown members in.
    Open,
    /// A text, number or array without bounds, or with impossible ones.
    Bounds,
    /// A text without a class.
    TextClass,
    /// A value that does not say how sensitive it is.
    Sensitivity,
    /// A pattern that is not anchored or does not compile.
    Pattern,
    /// A reference that leads nowhere, in a circle or too far.
    Reference,
    /// Too many alternatives, or conditions too deep.
    Branches,
    /// A required member that is not declared, or values that their own schema refuses.
    Consistency,
    /// Parameters that no form can show.
    Params,
    /// `params.ui.json` speaks of what is not there.
    Ui,
    /// Too few examples.
    Examples,
    /// No word about what changed.
    Changelog,
    /// A row that could not travel although its schema accepts it.
    RowSize,
    /// The schema of schemas refuses it.
    Metaschema,
    /// `registry.json` is not up to date.
    Index,
}

impl Rule {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Json => "json",
            Self::Dataset => "dataset",
            Self::Identity => "identity",
            Self::Keyword => "keyword",
            Self::Words => "words",
            Self::Type => "type",
            Self::Open => "open",
            Self::Bounds => "bounds",
            Self::TextClass => "text-class",
            Self::Sensitivity => "sensitivity",
            Self::Pattern => "pattern",
            Self::Reference => "reference",
            Self::Branches => "branches",
            Self::Consistency => "consistency",
            Self::Params => "params",
            Self::Ui => "ui",
            Self::Examples => "examples",
            Self::Changelog => "changelog",
            Self::RowSize => "row-size",
            Self::Metaschema => "metaschema",
            Self::Index => "index",
        }
    }
}

/// Something that has to be mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path below the schema folder.
    pub path: String,
    /// JSON Pointer (RFC 6901) into the file; empty for the whole of it.
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong and what is allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            pointer,
            rule,
            what,
        } = self;
        let hash = if pointer.is_empty() { "" } else { "#" };
        write!(f, "{path}{hash}{pointer}: {}: {what}", rule.as_str())
    }
}

/// Every fault of a folder, by path.
pub fn lint(folder: &Folder) -> Vec<Fault> {
    let mut faults = Faults::default();
    files::check(folder, &mut faults);
    let mut faults = faults.all;
    faults.sort_by(|a, b| (&a.path, &a.pointer, a.rule).cmp(&(&b.path, &b.pointer, b.rule)));
    faults.truncate(FAULTS_MAX);
    faults
}

/// Faults as they are found.
#[derive(Default)]
struct Faults {
    all: Vec<Fault>,
    path: String,
}

impl Faults {
    /// From here on faults are of this file.
    fn of(&mut self, path: &str) -> &mut Self {
        path.clone_into(&mut self.path);
        self
    }

    fn add(&mut self, pointer: &str, rule: Rule, what: impl Into<String>) {
        self.all.push(Fault {
            path: self.path.clone(),
            pointer: pointer.to_owned(),
            rule,
            what: what.into(),
        });
    }

    fn count(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests;
