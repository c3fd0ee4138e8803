//! Templates before they are used: the verb `check-template`.

mod shape;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docx_jinja::lint::{Comparison, Mention, inspect, marked_copy};
use docx_jinja::{Inspection, Options, Shape, TagError};
use spokegate_contract::Registry;
use spokegate_daemon::cli::{ConfigArgs, print, tell};

use crate::Service;
use crate::relay::Contracts;
use crate::reports::outline;

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
    let comparison = match &arguments.report {
        Some(folder) => {
            let supplied = report(folder, arguments.schemas.as_deref(), files)?;
            inspection.compare(&supplied)
        }
        None => Comparison::default(),
    };
    let faults: Vec<TagError> = [&inspection.faults, &comparison.faults]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    if let Some(marked) = &arguments.marked {
        let copy = marked_copy(&bytes, &faults, AUTHOR).map_err(|error| told(&error))?;
        std::fs::write(marked, copy).map_err(|error| format!("{}: {error}", marked.display()))?;
    }
    let text = shown(&inspection, &comparison, arguments.report.is_some());
    Ok((text, faults.is_empty()))
}

/// What the report in a folder supplies.
fn report(folder: &Path, schemas: Option<&Path>, files: &ConfigArgs) -> Result<Shape, String> {
    let schemas = match schemas {
        Some(schemas) => schemas.to_owned(),
        None => {
            let config = files.load::<Service>();
            config.map_err(|faults| faults.to_string())?.schemas
        }
    };
    let told = |error: &dyn std::fmt::Display| {
        format!(
            "{}: {error}\nhint: --schemas names the folder of dataset contracts",
            schemas.display()
        )
    };
    let registry = Registry::open(&schemas).map_err(|error| told(&error))?;
    let contracts = Contracts::compile(&registry).map_err(|error| told(&format!("{error:#}")))?;
    let (needs, form) = outline(folder, &contracts).map_err(|faults| faults.to_string())?;
    Ok(supplied(&needs, &form, &contracts))
}

fn shown(inspection: &Inspection, comparison: &Comparison, is_compared: bool) -> String {
    let mut text = String::new();
    let faults = inspection.faults.len() + comparison.faults.len();
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{} value(s) read, {} filter(s), {faults} fault(s), {} warning(s)",
        inspection.variables.len(),
        inspection.filters.len(),
        comparison.warnings.len(),
    );
    let width = inspection
        .variables
        .iter()
        .map(|variable| variable.path.chars().count())
        .max();
    let width = width.unwrap_or(0);
    for variable in &inspection.variables {
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
    section(
        &mut text,
        "faults",
        &[&inspection.faults, &comparison.faults],
    );
    section(&mut text, "warnings", &[&comparison.warnings]);
    if !inspection.unfilled.is_empty() {
        let _ = writeln!(
            text,
            "\nparts with tags that are not filled\n  {}",
            inspection.unfilled.join("\n  ")
        );
    }
    if is_compared && !comparison.unused.is_empty() {
        let _ = writeln!(
            text,
            "\nsupplied and not read\n  {}",
            comparison.unused.join("\n  ")
        );
    }
    text
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
