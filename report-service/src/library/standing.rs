//! Which version is active, which one was before it, and whether it can be used.

use spokegate_daemon::Tasks;

use super::{Library, Unusable};
use crate::reports::Report;
use crate::runs::Engine;
use crate::store::library::{ActivationRow, TemplateRow};

/// Activations that a page tells of.
const ACTIVATIONS_MAX: u32 = 100;

/// How a report stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The active version; 0 is the report folder's.
    pub active: u64,
    /// Why runs fail with it; empty when they do not.
    pub problem: String,
    /// Every uploaded version, the newest first, removed ones too.
    pub versions: Vec<TemplateRow>,
    /// What was made active, the latest first.
    pub activations: Vec<ActivationRow>,
}

impl Standing {
    /// The version that a roll-back makes active: the one before, of those that once were.
    #[must_use]
    pub fn earlier(&self) -> Option<u64> {
        let kept = |version: u64| {
            let mut rows = self.versions.iter();
            rows.any(|row| row.version == version && row.removed_at_ms == 0)
        };
        let once = self.activations.iter().map(|row| row.version);
        earlier(self.active, once.filter(|version| kept(*version)))
    }

    /// Versions that are there, beside the report folder's.
    #[must_use]
    pub fn count(&self) -> usize {
        let kept = self.versions.iter().filter(|row| row.removed_at_ms == 0);
        kept.count()
    }
}

impl Library {
    /// How a report stands.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn standing(&self, report: &Report) -> Result<Standing, sqlx::Error> {
        let store = &self.shared.parts.store;
        let versions = store.templates_of(&report.id).await?;
        let activations = store
            .template_activations(&report.id, ACTIVATIONS_MAX)
            .await?;
        Ok(Standing {
            active: activations.first().map_or(0, |latest| latest.version),
            problem: self.problem(report).await.unwrap_or_default(),
            versions,
            activations,
        })
    }

    /// Why runs of a report in the service's brand fail; `None` when its active template can be used.
    pub async fn problem(&self, report: &Report) -> Option<String> {
        self.current(report, &[])
            .await
            .err()
            .map(|unusable| unusable.0)
    }

    /// Why a version cannot be made active; `None` when it can.
    ///
    /// # Errors
    /// When it is not there, or cannot be looked at.
    pub async fn misfit_of(
        &self,
        report: &Report,
        version: u64,
    ) -> Result<Option<String>, Unusable> {
        if version == 0 {
            return Ok(None);
        }
        let template = self.template(report, version).await?;
        self.misfit(report, version, &template).await
    }
}

/// Looks at the active template of every report once, and says in the log and in the metrics which cannot be used.
pub(crate) fn watch(engine: &Engine, tasks: &Tasks) {
    let engine = engine.clone();
    tasks.spawn("templates check", async move {
        let mut unusable = 0.0;
        for report in engine.catalogue().iter() {
            if let Some(reason) = engine.library().problem(report).await {
                tracing::warn!(report.id = %report.id, reason, "a report fails until another template is made active");
                unusable += 1.0;
            }
        }
        metrics::gauge!("spokegate_reports_templates_unusable").set(unusable);
    });
}

/// The highest version below the active one; the report folder's is below all others.
fn earlier(active: u64, once: impl Iterator<Item = u64>) -> Option<u64> {
    let below = once.filter(|version| *version < active).max();
    (active > 0).then(|| below.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::earlier;

    #[test]
    fn a_roll_back_goes_down_step_by_step() {
        let check = |active, once: &[u64], expected| {
            let found = earlier(active, once.iter().copied());
            assert_eq!(found, expected, "{active} {once:?}");
        };
        check(0, &[], None);
        check(0, &[3, 1], None);
        check(1, &[1], Some(0));
        check(3, &[3, 2, 1], Some(2));
        check(2, &[2, 3, 2, 1], Some(1));
        check(3, &[3, 5, 0], Some(0));
        check(3, &[3, 5, 1, 2, 1], Some(2));
    }
}
