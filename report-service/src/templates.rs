//! Templates before they are used: the verb `check-template`.

mod found;
mod names;
mod sample;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docx_jinja::{Shape, TagError};
use spokegate_daemon::cli::{ConfigArgs, print, tell};

use crate::contracts_folder;
use crate::import_template::confined;
use crate::relay::Contracts;
use crate::render::{Read, RenderFailure, TagFault, Template};
use crate::reports::{Outline, ages_untold, outline};
use sample::with_sample;

pub(crate) use found::Found;
pub(crate) use names::in_own_words;
pub(crate) use sample::{branded, fill};
pub(crate) use shape::supplied;

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
    let file = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let told = |failure: RenderFailure| match failure {
        RenderFailure::Template(_) | RenderFailure::Stopped { .. } => {
            format!("{}: {failure}", path.display())
        }
        _ => failure.to_string(),
    };
    let mut template = Template::from(file);
    let mut needs = Vec::new();
    if let Some(folder) = &arguments.report {
        let (shape, outline) = report(folder, arguments.schemas.as_deref(), files)?;
        template.supplied = Some(shape.into());
        template.pictures = outline.pictures;
        needs = outline.needs;
    }
    let found = confined(async |renderer| {
        let inspected = renderer.inspect(template.clone()).await.map_err(told)?;
        let mut found = Found::of(inspected, template.supplied.as_deref());
        found.untold = ages_untold(&found.inspected, &needs);
        if let Some(folder) = &arguments.report {
            with_sample(&renderer, template.clone(), folder, &mut found).await?;
        }
        if let Some(marked) = &arguments.marked {
            let faults = found.faults().map(TagFault::from).collect();
            let written = renderer.mark(template, faults, marked);
            written.await.map_err(told)?;
        }
        Ok(found)
    })?;
    let text = shown(&found, arguments.report.is_some());
    Ok((text, found.count() == 0))
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
    let inspected = &found.inspected;
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(
        text,
        "{} value(s) read, {} filter(s), {} fault(s), {} warning(s)",
        inspected.variables.len(),
        inspected.filters,
        found.count(),
        found.warnings.len(),
    );
    variables(&mut text, &inspected.variables);
    let of_tags = [&found.faults, &found.unknown];
    section(&mut text, "faults", &of_tags);
    section(
        &mut text,
        "faults when it is filled with sample.json",
        &[&found.filled.tags],
    );
    for fault in found.untold.iter().chain(&found.filled.other) {
        let _ = writeln!(text, "\nfaults\n  {}", fault.replace('\n', "\n    "));
    }
    section(&mut text, "warnings", &[&found.warnings]);
    let mut names = |title: &str, names: &[String]| {
        if !names.is_empty() {
            let _ = writeln!(text, "\n{title}\n  {}", names.join("\n  "));
        }
    };
    names("parts with tags that are not filled", &inspected.unfilled);
    names("supplied and not read", &found.unread);
    if !is_compared {
        text.push_str("\nnames were not compared; use --report\n");
    }
    text
}

fn variables(text: &mut String, variables: &[Read]) {
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
            variable.places.join(", "),
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
