//! `[[need]]` of a `report.toml`, checked against the dataset contracts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::limits::DEADLINE_MS_MAX;
use spokegate_contract::{DatasetId, Kind};

use super::definition::{Need, ParamSource};
use super::load::Loader;
use crate::relay::Contract;
use crate::sources::SourceId;

/// Most needs of one report.
const NEEDS_MAX: usize = 32;
/// How long a pull may take when a report does not say.
const TIMEOUT_S_DEFAULT: u64 = 60;
/// How old data may be that stands in for what cannot be had: 90 days.
pub(crate) const OLDER_S_MAX: u64 = 7_776_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileNeed {
    dataset: Option<DatasetId>,
    /// A central source, in the place of a dataset.
    source: Option<SourceId>,
    version: Option<u16>,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "yes")]
    required: bool,
    max_age_s: Option<u64>,
    timeout_s: Option<u64>,
    /// How old data may be that stands in for what cannot be had.
    older_data_s: Option<u64>,
    #[serde(default)]
    params: BTreeMap<String, Value>,
}

/// Whether fresh enough pushes are looked for before anything is asked.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Pull,
    Push,
}

fn yes() -> bool {
    true
}

/// A need whose dataset is known.
struct Wanted<'f> {
    dataset: DatasetId,
    version: Option<u16>,
    mode: Mode,
    file: &'f FileNeed,
}

/// What the template calls it.
fn key(wanted: &Wanted<'_>) -> String {
    let source = wanted.file.source.as_ref().map(SourceId::as_str);
    source.unwrap_or(wanted.dataset.as_str()).replace('-', "_")
}

impl Loader<'_> {
    /// What people call it: the source's own title, or the dataset's.
    fn title(&self, need: &FileNeed, contract: &Contract) -> String {
        let source = self.contracts.promised_title(need.source.as_ref());
        source.unwrap_or(&contract.dataset.title).to_owned()
    }

    /// The dataset that a need names, or that the source which it names promises.
    fn wanted<'f>(&mut self, need: &'f FileNeed) -> Option<Wanted<'f>> {
        let (dataset, version) = match (&need.dataset, &need.source) {
            (Some(dataset), None) => (dataset.clone(), need.version),
            (None, Some(source)) => {
                let Some((dataset, version)) = self.contracts.promised(source) else {
                    let known = self.contracts.promises().join(", ");
                    let fault = format!(
                        "need \"{source}\": no such source; known: {known}; hint: `sources` names the folder of sources"
                    );
                    self.need_fault(fault);
                    return None;
                };
                if need.version.is_some() || need.mode == Mode::Push || need.max_age_s.is_some() {
                    let fault = format!(
                        "need \"{source}\": version, mode and max_age_s go with a dataset, not with a source"
                    );
                    self.need_fault(fault);
                }
                (dataset, Some(version))
            }
            _ => {
                let fault = "a need names either a dataset or a source";
                self.need_fault(fault);
                return None;
            }
        };
        Some(Wanted {
            dataset,
            version,
            mode: need.mode,
            file: need,
        })
    }

    /// A fault of what is asked for, wherever that stands.
    pub(super) fn need_fault(&mut self, what: impl std::fmt::Display) {
        let asking = self.asking.clone();
        self.fault(&asking, what);
    }

    /// One need that is of no template.
    pub(super) fn one_need(
        &mut self,
        file: &FileNeed,
        fields: Option<&Vec<String>>,
    ) -> Option<Need> {
        let wanted = self.wanted(file)?;
        self.need(&wanted, fields)
    }

    pub(super) fn needs(&mut self, file: &[FileNeed], fields: Option<&Vec<String>>) -> Vec<Need> {
        if file.len() > NEEDS_MAX {
            self.need_fault(format!("at most {NEEDS_MAX} needs, not {}", file.len()));
        }
        let mut needs: Vec<Need> = Vec::new();
        for need in file {
            let Some(wanted) = self.wanted(need) else {
                continue;
            };
            if let Some(need) = self.need(&wanted, fields) {
                if needs.iter().any(|known| known.key == need.key) {
                    let fault = format!("need \"{}\" stands twice", need.name());
                    self.need_fault(fault);
                }
                needs.push(need);
            }
        }
        needs
    }

    fn need(&mut self, wanted: &Wanted<'_>, fields: Option<&Vec<String>>) -> Option<Need> {
        let need = wanted.file;
        let name = &wanted.dataset;
        let contracts = self.versions(wanted);
        let Some(contract) = contracts.first() else {
            let known: Vec<String> = self
                .contracts
                .iter()
                .map(|c| format!("{} v{}", c.dataset.id, c.dataset.version))
                .collect();
            self.need_fault(format!(
                "need \"{name}\": no such dataset; known: {}",
                known.join(", ")
            ));
            return None;
        };
        let dataset = &contract.dataset;
        if wanted.mode == Mode::Push && !dataset.allows(Kind::Push) {
            self.need_fault(format!(
                "need \"{name}\": mode is \"push\", but this dataset is never pushed"
            ));
        }
        if need.source.is_none() && need.mode == Mode::Pull && !dataset.allows(Kind::Pull) {
            self.need_fault(format!(
                "need \"{name}\": is only ever pushed; set mode = \"push\""
            ));
        }
        if need.mode == Mode::Pull && need.max_age_s.is_some() {
            self.need_fault(format!(
                "need \"{name}\": max_age_s goes with mode = \"push\""
            ));
        }
        let timeout_ms = need
            .timeout_s
            .unwrap_or(TIMEOUT_S_DEFAULT)
            .saturating_mul(1_000);
        if timeout_ms == 0 || timeout_ms > DEADLINE_MS_MAX {
            self.need_fault(format!(
                "need \"{name}\": timeout_s must be 1 to {}",
                DEADLINE_MS_MAX / 1_000
            ));
        }
        if need
            .older_data_s
            .is_some_and(|older_s| !(60..=OLDER_S_MAX).contains(&older_s))
        {
            self.need_fault(format!(
                "need \"{name}\": older_data_s must be 60 to {OLDER_S_MAX}"
            ));
        }
        Some(Need {
            dataset: name.clone(),
            versions: contracts.iter().map(|c| c.dataset.version).collect(),
            title: self.title(need, contract),
            source: need.source.clone(),
            key: key(wanted),
            required: need.required,
            max_age_ms: (need.mode == Mode::Push).then(|| {
                need.max_age_s
                    .unwrap_or(dataset.max_age_s)
                    .saturating_mul(1_000)
            }),
            older_ms: need
                .older_data_s
                .map(|older_s| older_s.saturating_mul(1_000)),
            pull: need.source.is_some() || dataset.allows(Kind::Pull),
            timeout_ms,
            params: self.params(wanted, contract, fields),
        })
    }

    /// The pinned version; or all that have the newest's shape and take the need's parameters, the newest first, so that
    /// a report goes on with satellites that have not moved to it yet. The newest alone when none takes them.
    fn versions(&self, need: &Wanted<'_>) -> Vec<Arc<Contract>> {
        if let Some(version) = need.version {
            let pinned = self.contracts.get(&need.dataset, version);
            return pinned.cloned().into_iter().collect();
        }
        let mut versions = self.contracts.versions(&need.dataset).cloned();
        let Some(newest) = versions.next() else {
            return Vec::new();
        };
        let fits = |contract: &Arc<Contract>| {
            let params = contract.dataset.params_schema.get("properties");
            let takes = |param: &String| params.is_some_and(|known| known.get(param).is_some());
            contract.dataset.shape == newest.dataset.shape && need.file.params.keys().all(takes)
        };
        let all = std::iter::once(Arc::clone(&newest)).chain(versions);
        let fitting: Vec<Arc<Contract>> = all.filter(fits).collect();
        if fitting.is_empty() {
            vec![newest]
        } else {
            fitting
        }
    }

    fn params(
        &mut self,
        need: &Wanted<'_>,
        contract: &Contract,
        fields: Option<&Vec<String>>,
    ) -> Vec<(String, ParamSource)> {
        let known = contract
            .dataset
            .params_schema
            .get("properties")
            .and_then(Value::as_object);
        let mut params = Vec::new();
        for (param, value) in &need.file.params {
            let at = format!("need \"{}\": parameter \"{param}\"", need.dataset);
            if !known.is_some_and(|known| known.contains_key(param)) {
                self.need_fault(format!("{at} is not one of the dataset's"));
            }
            let source = match value.as_str().and_then(|text| text.strip_prefix('$')) {
                Some(field) => {
                    if fields.is_some_and(|fields| !fields.iter().any(|known| known == field)) {
                        self.need_fault(format!(
                            "{at} comes from \"${field}\", which params.schema.json does not have"
                        ));
                    }
                    match field.split_once('.') {
                        Some((period, "from")) => ParamSource::FirstDay(period.into()),
                        Some((period, _)) => ParamSource::LastDay(period.into()),
                        None => ParamSource::Field(field.into()),
                    }
                }
                None => ParamSource::Fixed(value.clone()),
            };
            params.push((param.clone(), source));
        }
        params
    }
}
