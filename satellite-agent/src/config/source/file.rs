//! Sources of kind `file`.

use serde::Deserialize;
use spokegate_contract::Shape;
use spokegate_daemon::config::Faults;
use spokegate_daemon::is_below;

use super::SourceConfig;

/// How a file of data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// An array of objects, or one object.
    Json,
    /// An object on each line.
    Ndjson,
    /// Headings on the first line, and a row on each further one.
    Csv,
}

impl SourceConfig {
    pub(super) fn validate_file(&self, at: &str, faults: &mut Faults) {
        if !self.path.as_deref().is_some_and(is_below) {
            outside(at, "devices.json", faults);
        }
        match (self.format, self.shape) {
            (None, _) => {
                faults
                    .add(&format!("{at}.format"), "is missing")
                    .allowed("\"json\", \"ndjson\" or \"csv\"");
            }
            (Some(FileFormat::Ndjson | FileFormat::Csv), Shape::Document) => {
                faults
                    .add(
                        &format!("{at}.format"),
                        "is one of a table, and the shape is a document",
                    )
                    .hint("write format = \"json\"");
            }
            _ => {}
        }
        self.validate_csv(at, faults);
    }

    fn validate_csv(&self, at: &str, faults: &mut Faults) {
        let Some(shape) = &self.csv else {
            return;
        };
        if self.format != Some(FileFormat::Csv) {
            faults
                .add(&format!("{at}.csv"), "tells how a CSV file is written")
                .hint("write format = \"csv\", or remove it");
        }
        for (key, words) in shape.faults() {
            faults.add(&format!("{at}.csv.{key}"), words);
        }
    }
}

/// A path that is none below the folder.
pub(super) fn outside(at: &str, example: &str, faults: &mut Faults) {
    faults
        .add(
            &format!("{at}.path"),
            "is missing or leads out of its folder",
        )
        .allowed("a path below files.directory, without \"..\"")
        .hint(format!("write \"{example}\""));
}
