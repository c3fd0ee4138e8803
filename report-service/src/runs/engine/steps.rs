//! The steps of a run that need nothing of the engine.

use docx_jinja::Locale;
use spokegate_contract::Failure;
use tokio::sync::watch;

use super::super::context::Part;
use super::super::failure::{Wanted, central_sentence, older_words, sentence};
use super::super::fetch::{Fetched, Fetcher, Job};
use super::Shared;
use crate::reports::{Need, Report};
use crate::runs::{DataPart, NeedProgress, NeedState, Progress, RunState, Tenant};
use crate::text::when;
use spokegate_contract::hex;

/// One need of one customer, planned.
pub(super) struct Planned {
    pub(super) need: usize,
    pub(super) tenant: usize,
    pub(super) job: Job,
}

pub(super) async fn fetch_one<'a>(
    (shared, fetcher, owner_id): (&Shared, &Fetcher, &str),
    need: Option<&Need>,
    (index, planned): (usize, &'a Planned),
    progress: &watch::Sender<Progress>,
) -> (usize, &'a Planned, Result<Fetched, Failure>) {
    change(progress, index, |need| need.state = NeedState::Fetching);
    let note = |rows| change(progress, index, |need| need.rows = rows);
    let result = match need {
        Some(need) => {
            let asker = (fetcher, owner_id);
            shared.fetch(asker, need, &planned.job, &note).await
        }
        None => fetcher.fetch(&planned.job, &note).await,
    };
    (index, planned, result)
}

fn change(progress: &watch::Sender<Progress>, index: usize, act: impl FnOnce(&mut NeedProgress)) {
    progress.send_modify(|progress| {
        if let Some(need) = progress.needs.get_mut(index) {
            act(need);
        }
    });
}

pub(super) fn announce(
    progress: &watch::Sender<Progress>,
    report: &Report,
    tenants: &[Tenant],
    planned: &[Planned],
) {
    let entry = |planned: &Planned| {
        let (need, tenant) = (
            report.needs.get(planned.need)?,
            tenants.get(planned.tenant)?,
        );
        Some(NeedProgress {
            tenant: tenant.title.clone(),
            dataset: need.title.clone(),
            required: need.required,
            state: NeedState::Waiting,
            rows: 0,
            note: String::new(),
            older: false,
        })
    };
    let needs = planned.iter().filter_map(entry).collect();
    progress.send_modify(|progress| {
        progress.state = RunState::Running;
        progress.needs = needs;
    });
}

pub(super) fn note_end(
    progress: &watch::Sender<Progress>,
    index: usize,
    need: &Need,
    result: &Result<Fetched, String>,
) {
    change(progress, index, |entry| match result {
        Ok(fetched) => {
            entry.state = NeedState::Ready;
            entry.rows = fetched.count;
            entry.older = fetched.older.is_some();
            if let Some(class) = fetched.older {
                entry.note = older_words(class, fetched.captured_at_ms);
            } else if need.max_age_ms.is_some() || fetched.from_memory {
                entry.note = format!("as of {}", when(fetched.captured_at_ms));
            }
        }
        Err(reason) => {
            entry.state = NeedState::Missing;
            entry.note.clone_from(reason);
        }
    });
}

pub(super) fn in_words(need: &Need, tenant: &Tenant, failure: &Failure) -> String {
    let wanted = Wanted {
        tenant: &tenant.title,
        dataset: &need.title,
        timeout_s: need.timeout_ms.div_ceil(1_000),
    };
    if need.source.is_some() {
        central_sentence(wanted, failure)
    } else {
        sentence(wanted, failure)
    }
}

/// The locale of a document for these customers: theirs, when they share one.
pub(super) fn locale(tenants: &[Tenant]) -> Locale {
    let mut locales = tenants.iter().map(|tenant| tenant.locale);
    let first = locales.next().unwrap_or_default();
    if locales.all(|other| other == first) {
        first
    } else {
        Locale::default()
    }
}

/// The digest of each part, by customer and dataset.
pub(super) fn data_parts(report: &Report, tenants: &[Tenant], parts: &[Part]) -> Vec<DataPart> {
    let one = |part: &Part| {
        let (need, tenant) = (report.needs.get(part.need)?, tenants.get(part.tenant)?);
        let fetched = part.result.as_ref().ok();
        Some(DataPart {
            tenant: tenant.id.to_string(),
            dataset: need.name().to_owned(),
            key: need.key.clone(),
            rows: fetched.map_or(0, |fetched| fetched.count),
            captured_at_ms: fetched.map_or(0, |fetched| fetched.captured_at_ms),
            older: fetched.is_some_and(|fetched| fetched.older.is_some()),
            sha256: fetched.map_or_else(String::new, |fetched| hex::encode(&fetched.digest)),
        })
    };
    let mut all: Vec<DataPart> = parts.iter().filter_map(one).collect();
    all.sort_by(|a, b| (&a.tenant, &a.dataset).cmp(&(&b.tenant, &b.dataset)));
    all
}

#[cfg(test)]
mod tests {
    use docx_jinja::Locale;

    use super::{Tenant, locale};

    #[test]
    fn customers_who_share_a_language_are_written_to_in_it() {
        let check = |names: &[&str], expected: &str| {
            let tenants: Vec<Tenant> = names
                .iter()
                .map(|name| Tenant {
                    id: "acme".parse().unwrap(),
                    title: "Acme".into(),
                    locale: Locale::named(name).unwrap(),
                })
                .collect();
            assert_eq!(locale(&tenants).name(), expected, "{names:?}");
        };
        check(&["de"], "de");
        check(&["fr", "fr"], "fr");
        check(&["fr", "de"], "en");
        check(&[], "en");
    }
}
