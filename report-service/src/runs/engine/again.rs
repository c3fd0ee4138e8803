//! A run that makes an earlier one again with the data that was kept of it.

use std::sync::Arc;

use super::super::Tenant;
use super::super::context::{self, About};
use super::super::proof::{self, NotKept};
use super::{Ended, Live, Shared};
use crate::branding::RunBrand;
use crate::render::{Template, Values};
use crate::reports::Report;
use crate::store::runs::RunRow;

/// What is said when there is nothing to make it from.
const NOT_KEPT: &str =
    "The data of the earlier run is no longer kept. Make the report again with fresh data.";

impl Shared {
    /// Fills the active template with the earlier run's data; only what is said about the document itself is new.
    pub(super) async fn work_again(
        &self,
        row: &RunRow,
        report: &Arc<Report>,
        tenants: &[Tenant],
        (template, brand): (Template, &RunBrand),
        live: &Live,
    ) -> Ended {
        let parent = match row.origin.parent.parse() {
            Ok(parent) => self.parts.store.run_of(&row.owner_id, &parent).await,
            Err(_) => Ok(None),
        };
        let Ok(Some(parent)) = parent else {
            return Ended::failed(NOT_KEPT);
        };
        live.progress.send_modify(|progress| {
            progress.state = super::RunState::Running;
            progress.needs.clone_from(&parent.needs);
        });
        let kept = match proof::kept(&parent, &self.parts.artefacts, &self.parts.renderer).await {
            Ok(kept) if parent.data_kept => kept,
            Ok(_) | Err(NotKept::Gone) => return Ended::failed(NOT_KEPT),
            Err(NotKept::Unread(why)) => {
                tracing::error!(message.id = %parent.id, error = why, "the kept data of a run cannot be read");
                return Ended::failed(
                    "The data of the earlier run cannot be read now. Try again later, or make the report again with fresh data.",
                );
            }
        };
        if !proof::data_holds(&parent, &kept) {
            tracing::error!(message.id = %parent.id, "the kept data of a run is not what came");
            return Ended::failed(
                "The kept data is not what came at that time, so it is not used. Tell your administrator.",
            );
        }
        let (tray, values) = kept.into_values();
        let about = About {
            title: &report.title,
            generated_by: &row.owner_title,
            run_id: row.id.as_str(),
            now_ms: row.created_at_ms,
            brand,
        };
        let Some(Values::Map(mut members)) = values else {
            return Ended::failed(NOT_KEPT);
        };
        // What was kept may be older than one of them.
        members.retain(|(name, _)| name != "report" && name != "brand");
        members.push(("report".into(), context::about(&about)));
        members.push(("brand".into(), context::brand(brand)));
        self.fill(
            row,
            tenants,
            template,
            (tray, Values::Map(members)),
            parent.data,
        )
        .await
    }
}
