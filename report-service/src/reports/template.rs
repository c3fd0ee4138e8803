//! A report's template, held against what the report supplies. It is read in a process of its own and nowhere else.

use std::fmt;

use docx_jinja::TagError;
use serde_json::Value;

use super::definition::Need;
use super::load::Loader;
use crate::render::{Inspected, RenderFailure, Renderer, TagFault, Template, Values};
use crate::templates::{branded, in_own_words};

/// The template's file in a report's folder.
pub(super) const FILE: &str = "template.docx";

impl Loader<'_> {
    /// The template, with its hash, when it can be read. Every fault of its tags is told, every name that the report does
    /// not supply, and what keeps it from being filled with the sample.
    pub(super) async fn template(
        &mut self,
        template: Template,
        (sample, needs): (Option<Value>, &[Need]),
        renderer: &Renderer,
    ) -> Option<(Template, String)> {
        let inspected = match renderer.inspect(template.clone()).await {
            Ok(inspected) => inspected,
            Err(failure) => {
                self.fault(FILE, indented(&failure));
                return None;
            }
        };
        self.note(&inspected);
        for untold in ages_untold(&inspected, needs) {
            self.fault(FILE, indented(&untold));
        }
        let known: Vec<TagFault> = [inspected.faults, inspected.unknown].concat();
        for fault in &known {
            let fault = in_own_words(&TagError::from(fault.clone()));
            self.fault(FILE, indented(&fault));
        }
        let values = sample.map(branded).map(Values::from);
        if known.is_empty()
            && let Err(failure) = renderer.check(template.clone(), values).await
        {
            self.unfilled(failure);
        }
        let hash = template.sha256();
        Some((template, hash))
    }

    fn unfilled(&mut self, failure: RenderFailure) {
        match failure {
            RenderFailure::Values(told) => {
                let what = format!("cannot be filled with sample.json: {}", told.text);
                self.fault(FILE, indented(&what));
            }
            RenderFailure::Picture { name, reason } => {
                self.fault("pictures", indented(&format!("\"{name}\": {reason}")));
            }
            failure => self.fault(FILE, indented(&failure)),
        }
    }

    /// What is no fault, but may be a slip.
    fn note(&self, inspected: &Inspected) {
        if !inspected.unused.is_empty() {
            tracing::debug!(
                report.folder = self.folder(),
                names = inspected.unused.join(", "),
                "the template leaves out what its report supplies"
            );
        }
        if !inspected.unfilled.is_empty() {
            tracing::warn!(
                report.folder = self.folder(),
                parts = inspected.unfilled.join(", "),
                "parts of the template hold tags and are not filled"
            );
        }
    }
}

/// Whoever reads a document must be able to see that its data is older than the document: the needs whose age a template
/// does not show, each in words.
pub(crate) fn ages_untold(inspected: &Inspected, needs: &[Need]) -> Vec<String> {
    let reads = |path: &str| inspected.variables.iter().any(|read| read.path == path);
    let is_told = |need: &Need| {
        let own = ["captured_at", "older"].map(|name| format!("tenants[].{}.{name}", need.key));
        reads("older") || own.iter().any(|path| reads(path))
    };
    let untold = needs
        .iter()
        .filter(|need| need.older_ms.is_some() && !is_told(need));
    untold
        .map(|need| {
            format!(
                "does not say how old the data is: need \"{}\" has older_data_s\nhint: show `tenant.{}.captured_at`, or list `older`",
                need.name(),
                need.key
            )
        })
        .collect()
}

/// One fault of many: its further lines stand further in.
fn indented(fault: &impl fmt::Display) -> String {
    fault.to_string().replace('\n', "\n    ")
}
