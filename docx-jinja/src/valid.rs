//! Whether a document is one that Word opens: elements nest, cells end with a paragraph, rows have cells, drawings have
//! numbers of their own, relationships lead somewhere, and every part has a type.
//!
//! A render looks at what it writes as it goes; [`check`] looks at a finished document. What the template had already is
//! no fault of a render: Word has opened it.

mod effect;
mod files;
mod machine;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use files::{Files, relationships};
pub(crate) use machine::{Findings, Machine};

use crate::additions::{Changes, Original};
use crate::limits::Limits;
use crate::package::Package;

/// Largest document checked, in bytes after inflating.
const INFLATED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Largest growth of a document when it is inflated: rows that are alike compress well.
const RATIO_MAX: u64 = 2_000;

/// Something in a document that Word does not open, or repairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The entry of the package.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.part, self.what)
    }
}

/// Checks a finished document.
///
/// # Errors
/// Everything that is wrong with it, in the order of its entries.
pub fn check(document: &[u8]) -> Result<(), Vec<Invalid>> {
    let whole = |what: String| {
        vec![Invalid {
            part: "package".to_owned(),
            what,
        }]
    };
    let limits = Limits {
        package_bytes: usize::MAX,
        inflate_ratio: RATIO_MAX,
        inflated_bytes: INFLATED_BYTES_MAX,
        xml_bytes: INFLATED_BYTES_MAX,
        ..Limits::default()
    };
    let opened = Package::open(document, &limits).and_then(|(mut package, _)| package.entries());
    let entries = opened.map_err(|error| whole(error.to_string()))?;
    let entries: HashMap<String, Vec<u8>> = entries.into_iter().collect();
    let read = |entry: &str| entries.get(entry).cloned();
    let files = Files::new(&read, entries.keys().map(String::as_str));
    let mut found = Vec::new();
    let mut names: Vec<&String> = entries.keys().collect();
    names.sort();
    for entry in names {
        found.extend(files.entry(entry, None));
        if is_part(entry) {
            let findings = Machine::read(&entries[entry]);
            found.extend(judge(
                entry,
                &findings,
                &files,
                &Findings::default(),
                &HashSet::new(),
            ));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// What the filled parts of a template refer to already, worked out once.
#[derive(Debug, Default)]
pub(crate) struct Known {
    relationships: OnceLock<HashMap<String, HashSet<String>>>,
}

impl Known {
    /// Checks what a render wrote and changed; the rest of the package is the template's.
    ///
    /// # Errors
    /// The first thing that is wrong and was not in the template.
    pub(crate) fn check(
        &self,
        original: &Original,
        changes: &Changes,
        filled: &[(&str, Findings)],
    ) -> Result<(), Invalid> {
        let known = self.relationships.get_or_init(|| {
            let ids = |entry: &str| relationships(original.relationships(entry).as_deref());
            let parts = filled.iter();
            parts
                .map(|(entry, _)| ((*entry).to_owned(), ids(entry)))
                .collect()
        });
        let is_settled = |(entry, findings): &(&str, Findings)| {
            let settled = known
                .get(*entry)
                .is_some_and(|ids| findings.references.is_subset(ids));
            settled && findings.faults.is_empty() && findings.repeated.is_empty()
        };
        let suspects: Vec<_> = filled.iter().filter(|part| !is_settled(part)).collect();
        if suspects.is_empty() && changes.is_empty() {
            return Ok(());
        }
        let read = |entry: &str| changes.get(entry).or_else(|| original.bytes(entry));
        let names = original.package().names();
        let names = names.iter().map(String::as_str);
        let files = Files::new(
            &read,
            names.chain(changes.entries().map(|(entry, _)| entry)),
        );
        for (entry, findings) in suspects {
            before(entry, findings, original, &files)?;
        }
        for (entry, bytes) in changes.entries() {
            let template = original.text(entry);
            if let Some(fault) = files.entry(entry, template.as_deref()) {
                return Err(fault);
            }
            if is_part(entry) {
                before(entry, &Machine::read(bytes), original, &files)?;
            }
        }
        Ok(())
    }
}

/// Judges a part of a render by what the same part had in the template.
fn before(
    entry: &str,
    findings: &Findings,
    original: &Original,
    files: &Files<'_>,
) -> Result<(), Invalid> {
    let nothing = (Findings::default(), HashSet::new());
    if judge(entry, findings, files, &nothing.0, &nothing.1).is_none() {
        return Ok(());
    }
    let template = original.bytes(entry).map_or(nothing, |bytes| {
        let findings = Machine::read(&bytes);
        (
            findings,
            relationships(original.relationships(entry).as_deref()),
        )
    });
    judge(entry, findings, files, &template.0, &template.1).map_or(Ok(()), Err)
}

/// The first thing that is wrong with a part and was not in its template, which had these relationships.
fn judge(
    entry: &str,
    findings: &Findings,
    files: &Files<'_>,
    template: &Findings,
    had: &HashSet<String>,
) -> Option<Invalid> {
    let invalid = |what: String| Invalid {
        part: entry.to_owned(),
        what,
    };
    let mut faults: Vec<_> = findings.faults.difference(&template.faults).collect();
    faults.sort();
    if let Some(fault) = faults.first() {
        return Some(invalid(fault.text().to_owned()));
    }
    let known = files.relationships(entry);
    let dangling = |id: &&String| !known.contains(*id);
    let was_dangling = |id: &&String| template.references.contains(*id) && !had.contains(*id);
    let mut ids: Vec<&String> = findings.references.iter().filter(dangling).collect();
    ids.retain(|id| !was_dangling(id));
    ids.sort();
    if let Some(id) = ids.first() {
        return Some(invalid(format!("the relationship {id} does not exist")));
    }
    let repeated = findings.repeated.difference(&template.repeated).min();
    repeated.map(|number| invalid(format!("more than one drawing has the number {number}")))
}

/// True for a part that is XML with content of its own.
fn is_part(entry: &str) -> bool {
    let lower = entry.to_ascii_lowercase();
    lower.ends_with(".xml") && !lower.starts_with("[content_types]")
}

#[cfg(test)]
mod tests;
