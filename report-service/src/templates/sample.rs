//! Fills a template with a report's sample, as the service does before it offers the report.

use std::path::Path;

use docx_jinja::TagError;
use serde_json::Value as Json;

use super::Found;
use crate::render::{RenderFailure, Renderer, Template, Values};

/// The values that a report is tried with.
const SAMPLE: &str = "sample.json";

/// What was found when a template was filled.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Faults at tags that are not known yet.
    pub(super) tags: Vec<TagError>,
    /// Anything else that stopped it.
    pub(super) other: Option<String>,
}

/// Fills a template with the sample of the report in a folder; one with faults in its tags cannot be filled.
///
/// # Errors
/// When the process that fills templates cannot do its work.
pub(super) async fn filled(
    renderer: &Renderer,
    template: Template,
    folder: &Path,
    found: &Found,
) -> Result<Filled, String> {
    if !found.faults.is_empty() {
        return Ok(Filled::default());
    }
    let sample = match sample(folder) {
        Ok(sample) => sample,
        Err(fault) => return Ok(other(fault)),
    };
    let checked = renderer.check(template, Some(Values::from(sample)));
    let told = match checked.await {
        Ok(()) => return Ok(Filled::default()),
        Err(RenderFailure::Values(told)) => told,
        Err(failure @ (RenderFailure::Stopped { .. } | RenderFailure::Picture { .. })) => {
            return Ok(other(failure.to_string()));
        }
        Err(failure) => return Err(failure.to_string()),
    };
    if told.tags.is_empty() {
        return Ok(other(format!(
            "cannot be filled with {SAMPLE}: {}",
            told.text
        )));
    }
    let tags = told.tags.into_iter().map(TagError::from);
    let is_new = |fault: &TagError| {
        let place = |fault: &TagError| (fault.part.clone(), fault.paragraph, fault.tag.clone());
        found.faults().all(|known| place(known) != place(fault))
    };
    Ok(Filled {
        tags: tags.filter(is_new).collect(),
        other: None,
    })
}

fn other(fault: String) -> Filled {
    Filled {
        other: Some(fault),
        ..Filled::default()
    }
}

fn sample(folder: &Path) -> Result<Json, String> {
    let path = folder.join(SAMPLE);
    let bytes = std::fs::read(&path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("{}: is not JSON: {error}", path.display()))
}
