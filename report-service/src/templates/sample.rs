//! Fills a template with a report's sample, as the service does before it offers the report.

use std::path::Path;

use docx_jinja::TagError;
use serde_json::{Value as Json, json};

use super::Found;
use crate::render::{RenderFailure, Renderer, Template, Values};

/// The values that a report is tried with.
const SAMPLE: &str = "sample.json";

/// What was found when a template was filled.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// Faults at tags that are not known yet.
    pub(crate) tags: Vec<TagError>,
    /// Anything else that stopped it.
    pub(crate) other: Option<String>,
}

/// Fills a template with the sample of the report in a folder, and notes what stops it.
///
/// # Errors
/// When the process that fills templates cannot do its work.
pub(super) async fn with_sample(
    renderer: &Renderer,
    template: Template,
    folder: &Path,
    found: &mut Found,
) -> Result<(), String> {
    match sample(folder) {
        Ok(sample) => {
            let values = Values::from(branded(sample));
            let filled = fill(renderer, template, (SAMPLE, values), found);
            filled.await.map_err(|failure| failure.to_string())
        }
        Err(fault) if found.faults.is_empty() => {
            found.filled.other = Some(fault);
            Ok(())
        }
        Err(_) => Ok(()),
    }
}

/// Fills a template for nobody with values of this name, and notes what stops it; one with faults in its tags cannot be
/// filled.
///
/// # Errors
/// When the process that fills templates cannot do its work.
pub(crate) async fn fill(
    renderer: &Renderer,
    template: Template,
    (name, values): (&str, Values),
    found: &mut Found,
) -> Result<(), RenderFailure> {
    if !found.faults.is_empty() {
        return Ok(());
    }
    let told = match renderer.check(template, Some(values)).await {
        Ok(()) => return Ok(()),
        Err(RenderFailure::Values(told)) => told,
        Err(failure @ (RenderFailure::Stopped { .. } | RenderFailure::Picture { .. })) => {
            found.filled.other = Some(failure.to_string());
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    if told.tags.is_empty() {
        found.filled.other = Some(format!("cannot be filled with {name}: {}", told.text));
        return Ok(());
    }
    let is_new = |fault: &TagError| {
        let place = |fault: &TagError| (fault.part.clone(), fault.paragraph, fault.tag.clone());
        found.faults().all(|known| place(known) != place(fault))
    };
    let tags: Vec<TagError> = told
        .tags
        .into_iter()
        .map(TagError::from)
        .filter(is_new)
        .collect();
    found.filled.tags.extend(tags);
    Ok(())
}

/// A report's sample with a brand, which every run has.
pub(crate) fn branded(mut sample: Json) -> Json {
    if let Some(members) = sample.as_object_mut() {
        let brand = || json!({ "name": "Sample brand", "colour": "#0f6e66" });
        members.entry("brand").or_insert_with(brand);
    }
    sample
}

fn sample(folder: &Path) -> Result<Json, String> {
    let path = folder.join(SAMPLE);
    let bytes = std::fs::read(&path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("{}: is not JSON: {error}", path.display()))
}
