//! Whether a template fits its report: the faults of its tags, the names that the report does not supply, and what keeps
//! it from being filled with samples.

use super::files::sha256;
use super::upload::Refused;
use super::{Library, Shared};
use crate::branding::{LOGO_NAME, SERVICE_LOGO_NAME};
use crate::render::{RenderFailure, TagFault, Template, Values};
use crate::reports::{Report, ages_untold};
use crate::templates::{Found, branded, fill};

/// The values that each template is filled with: the contracts' examples, and the report's own.
const EXAMPLES: &str = "the good examples of its datasets";
const OWN: &str = "sample.json";

impl Library {
    /// What there is to tell of a template; a file that is none, or that attacks, is refused.
    ///
    /// # Errors
    /// Why there is nothing to tell.
    pub(crate) async fn lint(&self, report: &Report, template: Template) -> Result<Found, Refused> {
        let shared = &self.shared;
        // The semaphore is never closed; were it, one more would look.
        let _look = shared.looks.acquire().await.ok();
        let renderer = &shared.parts.renderer;
        let supplied = template.supplied.clone();
        let inspected = renderer.inspect(template.clone()).await;
        let mut found = Found::of(inspected.map_err(refused)?, supplied.as_deref());
        found.untold = ages_untold(&found.inspected, &report.needs);
        for (name, values) in shared.samples(report, &template).await? {
            let filled = fill(renderer, template.clone(), (name, values), &mut found);
            filled.await.map_err(refused)?;
        }
        Ok(found)
    }

    /// A copy of a template with a comment at each of these faults.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn marked(
        &self,
        template: Template,
        faults: Vec<TagFault>,
    ) -> Result<Vec<u8>, Refused> {
        let output = self.shared.passing()?;
        let marked = self.shared.parts.renderer.mark(template, faults, &output);
        marked.await.map_err(refused)?;
        self.shared.whole(output).await
    }
}

impl Shared {
    async fn samples(
        &self,
        report: &Report,
        template: &Template,
    ) -> Result<[(&'static str, Values); 2], Refused> {
        Ok([
            (EXAMPLES, self.sample(report, template).await?),
            (OWN, Values::from(branded(report.sample.clone()))),
        ])
    }

    /// What a run would have, of the contracts' examples, in the service's brand with the logos that the template has.
    pub(super) async fn sample(
        &self,
        report: &Report,
        template: &Template,
    ) -> Result<Values, Refused> {
        let parts = &self.parts;
        let mut brand = parts.store.run_brand(&[]).await?;
        for (brand, name) in [
            (&mut brand.shown, LOGO_NAME),
            (&mut brand.service, SERVICE_LOGO_NAME),
        ] {
            let logo = template.pictures.get(name);
            brand.logo_sha256 = logo.map(|file| sha256(file)).unwrap_or_default();
        }
        let now_ms = parts.clock.now_ms();
        Ok(parts.examples.values(report, &brand, now_ms))
    }
}

impl Found {
    /// The first fault in words.
    pub(crate) fn first_fault(&self) -> Option<String> {
        let first = self.faults().next().map(ToString::to_string);
        first
            .or_else(|| self.untold.first().cloned())
            .or_else(|| self.filled.other.clone())
    }
}

/// What of a failure is the file's, and what the service's.
pub(super) fn refused(failure: RenderFailure) -> Refused {
    match failure {
        RenderFailure::Template(_)
        | RenderFailure::Values(_)
        | RenderFailure::Stopped { .. }
        | RenderFailure::Picture { .. } => Refused::File(failure.to_string()),
        failure => Refused::Service(failure.to_string()),
    }
}
