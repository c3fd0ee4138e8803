//! Results: one shape for all suites, one file each, and one table of all.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::figures::{Rounded, Samples};

/// Between these lines of the bench's README stands the table.
const TABLE_BEGIN: &str = "<!-- figures: written by `make bench` -->\n";
const TABLE_END: &str = "<!-- end of figures -->\n";

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Median of ours.
    pub ours: f64,
    /// Median of the peer's, measured in turn with ours.
    pub peer: Option<f64>,
    /// Who the peer is.
    pub peer_name: Option<String>,
    /// Ours ÷ the peer's.
    pub ratio: Option<f64>,
    /// Of both; also says what is better.
    pub unit: String,
    /// Measurements of each side behind a median.
    pub runs: usize,
}

impl Row {
    /// A figure that only we have.
    pub fn alone(name: impl Into<String>, ours: &Samples, unit: &str) -> Self {
        Self {
            name: name.into(),
            ours: ours.median(),
            peer: None,
            peer_name: None,
            ratio: None,
            unit: unit.to_owned(),
            runs: ours.count(),
        }
    }

    /// A figure of both.
    pub fn pair(
        name: impl Into<String>,
        (ours, peer): (&Samples, &Samples),
        peer_name: &str,
        unit: &str,
    ) -> Self {
        Self {
            peer: Some(peer.median()),
            peer_name: Some(peer_name.to_owned()),
            ratio: Some(ours.median() / peer.median()),
            ..Self::alone(name, ours, unit)
        }
    }
}

/// Writes one suite's rows to `<folder>/<suite>.json`.
pub fn write(folder: &Path, suite: &str, rows: &[Row]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).context("make the results folder")?;
    let path = folder.join(format!("{suite}.json"));
    let text = serde_json::to_string_pretty(rows).context("write the rows as JSON")?;
    std::fs::write(&path, text + "\n").with_context(|| format!("write {}", path.display()))
}

/// One table of what all suites left in a folder, this time or earlier.
pub fn table(folder: &Path) -> anyhow::Result<String> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .context("list the results")?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let rows: Vec<Row> = serde_json::from_str(&text)
            .with_context(|| format!("{} does not hold rows", file.display()))?;
        all.extend(rows);
    }
    Ok(table_of(&all))
}

/// These rows as a table.
pub fn table_of(rows: &[Row]) -> String {
    let mut table = String::from(
        "| figure | Spokegate | peer | Spokegate ÷ peer | unit | runs |\n|---|---|---|---|---|---|\n",
    );
    rows.iter().for_each(|row| put(row, &mut table));
    table
}

fn put(row: &Row, table: &mut String) {
    let peer = match (row.peer, &row.peer_name) {
        (Some(peer), Some(name)) => format!("{} ({name})", Rounded(peer)),
        _ => String::new(),
    };
    let ratio = row
        .ratio
        .map(|ratio| Rounded(ratio).to_string())
        .unwrap_or_default();
    let _ = writeln!(
        table,
        "| {} | {} | {peer} | {ratio} | {} | {} |",
        row.name,
        Rounded(row.ours),
        row.unit,
        row.runs
    );
}

/// Puts the table between its two lines in a README.
pub fn publish(table: &str, readme: &Path) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(readme).with_context(|| format!("read {}", readme.display()))?;
    let page = replaced(&text, table)
        .with_context(|| format!("{} has no place for the figures", readme.display()))?;
    std::fs::write(readme, page).with_context(|| format!("write {}", readme.display()))
}

fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(TABLE_BEGIN)?;
    let (_, after) = rest.split_once(TABLE_END)?;
    Some(format!(
        "{before}{TABLE_BEGIN}\n{table}\n{TABLE_END}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(numbers: &[f64]) -> Samples {
        let mut samples = Samples::default();
        numbers
            .iter()
            .for_each(|number| samples.add_number(*number));
        samples
    }

    #[test]
    fn rows_survive_their_file_and_stand_in_one_table() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Row::alone("memory", &samples(&[12.5]), "KB, less is better");
        let (ours, peer) = (samples(&[10.0, 30.0, 20.0]), samples(&[4.0, 5.0, 6.0]));
        let pair = Row::pair("rate", (&ours, &peer), "Mosquitto", "per second");
        assert_eq!(pair.ratio, Some(4.0));
        write(folder.path(), "b", std::slice::from_ref(&alone)).unwrap();
        write(folder.path(), "a", std::slice::from_ref(&pair)).unwrap();
        let table = table(folder.path()).unwrap();
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| rate | 20.0 | 5.00 (Mosquitto) | 4.00 | per second | 3 |",
                "| memory | 12.5 |  |  | KB, less is better | 1 |",
            ]
        );
    }

    #[test]
    fn a_table_takes_the_place_of_the_last_one() {
        let page = format!("a\n{TABLE_BEGIN}old\n{TABLE_END}z\n");
        let expected = format!("a\n{TABLE_BEGIN}\nnew\n\n{TABLE_END}z\n");
        assert_eq!(replaced(&page, "new\n"), Some(expected));
        assert_eq!(replaced("no place\n", "new\n"), None);
    }

    #[test]
    fn the_repository_holds_rows_and_a_place_for_them() {
        let bench = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(table(&bench.join("results")).unwrap().lines().count() > 2);
        let readme = std::fs::read_to_string(bench.join("README.md")).unwrap();
        assert!(replaced(&readme, "").is_some());
    }
}
