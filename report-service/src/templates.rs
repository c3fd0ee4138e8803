//! Templates before they are used: the verb `check-template`.

mod names;
mod sample;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docx_jinja::lint::{Comparison, Mention, inspect, marked_copy};
use docx_jinja::{Inspection, Options, Shape, TagError};
use spokegate_daemon::cli::{ConfigArgs, print, tell};

use crate::contracts_folder;
use crate::relay::Contracts;
use crate::render::Template;
use crate::reports::{Outline, outline};
use names::{in_own_words, leaves};
use sample::{Filled, filled};

pub(crate) use shape::supplied;

/// Who comments in a marked copy.
const AUTHOR: &str = "Spokegate";
/// Most places shown of one variable.
const PLACES_SHOWN: usize = 4;

/// Arguments of the verb `check-template`.
#[derive(Debug, clap::Args)]
pub struct CheckTemplate {
    /// The Word template
    file: PathBuf,
    /// A report's folder: what the template reads is compared with what that report supplies
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// The folder of dataset contracts [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
    /// Writes the template with each fault as a comment
    #[arg(long, value_name = "OUT.docx")]
    marked: Option<PathBuf>,
}

/// The verb `check-template`: what a template reads, and what is wrong with it; exit 0, or 1 when it has faults.
pub(crate) fn check(arguments: &CheckTemplate, files: &ConfigArgs) -> ExitCode {
    match checked(arguments, files) {
        Ok((text, is_good)) => {
            let printed = print(&text);
            if is_good { printed } else { ExitCode::FAILURE }
        }
        Err(fault) => {
            tell(&fault);
            ExitCode::FAILURE
        }
    }
}

fn checked(arguments: &CheckTemplate, files: &ConfigArgs) -> Result<(String, bool), String> {
    let path = &arguments.file;
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let bytes = std::fs::read(path).map_err(|error| told(&error))?;
    let inspection = inspect(&bytes, Options::default()).map_err(|error| told(&error))?;
    let mut found = Found {
        inspection,
        ..Found::default()
    };
    if let Some(folder) = &arguments.report {
        let (shape, outline) = report(folder, arguments.schemas.as_deref(), files)?;
        found.compare(&shape);
        let template = Template {
            pictures: outline.pictures,
            ..bytes.clone().into()
        };
        found.filled = filled(template.with_shape(shape), folder, &found)?;
    }
    if let Some(marked) = &arguments.marked {
        let faults: Vec<TagError> = found.faults().cloned().collect();
        let copy = marked_copy(&bytes, &faults, AUTHOR).map_err(|error| told(&error))?;
        std::fs::write(marked, copy).map_err(|error| format!("{}: {error}", marked.display()))?;
    }
    let text = shown(&found, arguments.report.is_some());
    Ok((text, found.count() == 0))
}

/// What there is to tell of a template.
#[derive(Default)]
struct Found {
    inspection: Inspection,
    comparison: Comparison,
    /// What is supplied and not read, name by name.
    unread: Vec<String>,
    filled: Filled,
}

impl Found {
    fn compare(&mut self, supplied: &Shape) {
        let mut comparison = self.inspection.compare(supplied);
        for fault in comparison.faults.iter_mut().chain(&mut comparison.warnings) {
            *fault = in_own_words(fault);
        }
        self.unread = leaves(supplied, &comparison.unused);
        self.comparison = comparison;
    }

    /// The faults that stand at tags.
    fn faults(&self) -> impl Iterator<Item = &TagError> {
        let found = [
            &self.inspection.faults,
            &self.comparison.faults,
            &self.filled.tags,
        ];
        found.into_iter().flatten()
    }

    fn count(&self) -> usize {
        self.faults().count() + usize::from(self.filled.other.is_some())
    }
}

/// The report in a folder, and the names of the values that it supplies.
fn report(
    folder: &Path,
    schemas: Option<&Path>,
    files: &ConfigArgs,
) -> Result<(Shape, Outline), String> {
    let registry = contracts_folder::open(schemas, files)?;
    let contracts = Contracts::compile(&registry).map_err(|error| format!("{error:#}"))?;
    let outline = outline(folder, &contracts).map_err(|faults| faults.to_string())?;
    let shape = supplied(&outline.needs, &outline.form, &contracts);
    Ok((shape, outline))
}

fn shown(found: &Found, is_compared: bool) -> String {
    let (inspection, comparison) = (&found.inspection, &found.comparison);
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{} value(s) read, {} filter(s), {} fault(s), {} warning(s)",
        inspection.variables.len(),
        inspection.filters.len(),
        found.count(),
        comparison.warnings.len(),
    );
    variables(&mut text, inspection);
    let of_tags = [&inspection.faults, &comparison.faults];
    section(&mut text, "faults", &of_tags);
    section(
        &mut text,
        "faults when it is filled with sample.json",
        &[&found.filled.tags],
    );
    if let Some(fault) = &found.filled.other {
        let _ = writeln!(text, "\nfaults\n  {}", fault.replace('\n', "\n    "));
    }
    section(&mut text, "warnings", &[&comparison.warnings]);
    let mut names = |title: &str, names: &[String]| {
        if !names.is_empty() {
            let _ = writeln!(text, "\n{title}\n  {}", names.join("\n  "));
        }
    };
    names("parts with tags that are not filled", &inspection.unfilled);
    names("supplied and not read", &found.unread);
    if !is_compared {
        text.push_str("\nnames were not compared; use --report\n");
    }
    text
}

fn variables(text: &mut String, inspection: &Inspection) {
    let variables = &inspection.variables;
    let width = variables
        .iter()
        .map(|variable| variable.path.chars().count())
        .max();
    let width = width.unwrap_or(0);
    for variable in variables {
        let filters: String = variable
            .filters
            .iter()
            .map(|filter| format!(" |{filter}"))
            .collect();
        let optional = if variable.optional { " optional" } else { "" };
        let _ = writeln!(
            text,
            "  {:width$}  {}{filters}{optional}",
            variable.path,
            places(&variable.places),
        );
    }
}

fn section(text: &mut String, title: &str, lists: &[&Vec<TagError>]) {
    if lists.iter().any(|list| !list.is_empty()) {
        let _ = writeln!(text, "\n{title}");
    }
    for fault in lists.iter().copied().flatten() {
        let _ = writeln!(text, "  {}", fault.to_string().replace('\n', "\n    "));
    }
}

fn places(places: &[Mention]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for place in places {
        let place = match place.paragraph {
            Some(number) => format!("{} {number}", place.part),
            None => place.part.clone(),
        };
        if !shown.contains(&place) {
            shown.push(place);
        }
    }
    if shown.len() > PLACES_SHOWN {
        let more = shown.len() - PLACES_SHOWN;
        shown.truncate(PLACES_SHOWN);
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}
