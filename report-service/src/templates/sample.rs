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

/// A report's sample with a brand and what is told of older data, which every run has.
pub(crate) fn branded(mut sample: Json) -> Json {
    if let Some(members) = sample.as_object_mut() {
        let brand = members.entry("brand").or_insert_with(|| json!({}));
        complete(brand, sample_brand());
        members.entry("older").or_insert_with(|| json!([]));
    }
    sample
}

fn sample_brand() -> Json {
    let own = || json!({ "name": "Sample brand", "address": "1 Sample Street\nSampletown", "colour": "#0f6e66", "logo": "" });
    let mut brand = own();
    brand["service"] = own();
    brand
}

/// Adds to an object what it lacks of another one.
fn complete(known: &mut Json, other: Json) {
    if let (Json::Object(known), Json::Object(other)) = (known, other) {
        for (name, value) in other {
            match known.get_mut(&name) {
                Some(own) => complete(own, value),
                None => drop(known.insert(name, value)),
            }
        }
    }
}

fn sample(folder: &Path) -> Result<Json, String> {
    let path = folder.join(SAMPLE);
    let bytes = std::fs::read(&path)
        .map_err(|error| format!("{}: cannot be read: {error}", path.display()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| format!("{}: is not JSON: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_what_every_run_has() {
        let check = |sample: Json, member: &str, expected: Json| {
            assert_eq!(branded(sample)[member], expected, "{member}");
        };
        let told = json!([{ "dataset": "Devices" }]);
        check(json!({}), "older", json!([]));
        check(json!({ "older": told }), "older", told.clone());
        check(json!({}), "brand", sample_brand());
        check(json!({ "brand": 1 }), "brand", json!(1));
        let mut named = sample_brand();
        named["name"] = json!("Own");
        named["service"]["address"] = json!("");
        let own = json!({ "name": "Own", "service": { "address": "" } });
        check(json!({ "brand": own }), "brand", named);
    }
}
