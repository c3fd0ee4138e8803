//! Which line of a TOML text a key stands in.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::faults::join;

/// The line, from 1, in which a byte offset lies.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The line of every key of a text, by its path.
pub(super) fn lines_of(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        note_lines(text, table.get_ref(), "", &mut lines);
    }
    lines
}

fn note_lines(text: &str, table: &DeTable<'_>, at: &str, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let path = join(at, key.get_ref());
        lines.insert(path.clone(), line_of(text, key.span().start));
        match value.get_ref() {
            DeValue::Table(inner) => note_lines(text, inner, &path, lines),
            DeValue::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    let path = format!("{path}[{number}]");
                    lines.insert(path.clone(), line_of(text, item.span().start));
                    if let DeValue::Table(inner) = item.get_ref() {
                        note_lines(text, inner, &path, lines);
                    }
                }
            }
            _ => {}
        }
    }
}
