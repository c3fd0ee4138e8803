//! Templates of plain text, read from `sources/`: paragraphs, and tables between two paragraphs.

use super::{Template, written};
use crate::package::{docx, p, row, table};

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    let mut all = Vec::new();
    for (name, lines) in sections(include_str!("../sources/lines.txt")) {
        all.push(written(
            name,
            &docx(lines.iter().map(|line| p(line)).collect::<String>()),
        ));
    }
    for (name, lines) in sections(include_str!("../sources/tables.txt")) {
        let rows: Vec<String> = lines.iter().map(|line| row(&cells(line))).collect();
        let columns = cells(lines[0]).len();
        all.push(written(
            name,
            &docx(p("Before") + &table(columns, &rows) + &p("After")),
        ));
    }
    all
}

/// Names behind `= `, and the lines below each.
fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        match (line.strip_prefix("= "), sections.last_mut()) {
            (Some(name), _) => sections.push((name, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => panic!("{line}: it stands under no name"),
        }
    }
    sections
}

fn cells(line: &str) -> Vec<&str> {
    line.split('¦').map(str::trim).collect()
}
