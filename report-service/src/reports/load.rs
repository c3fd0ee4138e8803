//! Reads report folders; finds every fault of every folder in one go.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use docx_jinja::Template;
use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::limits::DEADLINE_MS_MAX;
use spokegate_contract::{DatasetId, Kind, ReportId, Validator};

use super::definition::{Need, ParamSource, Report};
use crate::forms::Form;
use crate::relay::{Contract, Contracts};
use crate::text::hex;

/// Largest file of a report folder.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most needs of one report.
const NEEDS_MAX: usize = 32;
/// How long a pull may take when a report does not say.
const TIMEOUT_S_DEFAULT: u64 = 60;

/// Every report of this service.
#[derive(Debug, Default)]
pub struct Catalogue(BTreeMap<ReportId, Arc<Report>>);

/// Everything that is wrong with the report folders, one sentence each: `folder/file: what`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFaults(pub Vec<String>);

impl fmt::Display for ReportFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the report definitions have {} fault(s)", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ReportFaults {}

/// `report.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default = "file_name")]
    file_name: String,
    #[serde(default, rename = "need")]
    needs: Vec<FileNeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileNeed {
    dataset: DatasetId,
    version: Option<u16>,
    #[serde(default)]
    mode: Mode,
    #[serde(default = "yes")]
    required: bool,
    max_age_s: Option<u64>,
    timeout_s: Option<u64>,
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

fn file_name() -> String {
    "{tenants}-{title}-{date}.docx".into()
}

fn yes() -> bool {
    true
}

impl Catalogue {
    /// Reads every folder below `directory`; folders whose name starts with a dot are left alone.
    ///
    /// # Errors
    /// Every fault of every folder.
    pub fn open(directory: &Path, contracts: &Contracts) -> Result<Self, ReportFaults> {
        let mut loader = Loader {
            contracts,
            templates: HashMap::new(),
            faults: Vec::new(),
            folder: String::new(),
        };
        let mut reports = BTreeMap::new();
        for folder in folders(directory).map_err(|fault| ReportFaults(vec![fault]))? {
            loader.folder.clone_from(&folder);
            match folder.parse::<ReportId>() {
                Ok(id) => {
                    if let Some(report) = loader.report(&id, &directory.join(&folder)) {
                        reports.insert(id, Arc::new(report));
                    }
                }
                Err(error) => {
                    loader.fault("", format!("the folder's name is not a report id: {error}"))
                }
            }
        }
        if loader.faults.is_empty() {
            Ok(Self(reports))
        } else {
            Err(ReportFaults(loader.faults))
        }
    }

    /// One report.
    pub fn get(&self, id: &ReportId) -> Option<&Arc<Report>> {
        self.0.get(id)
    }

    /// All reports, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Report>> {
        self.0.values()
    }
}

fn folders(directory: &Path) -> Result<Vec<String>, String> {
    let fault = |error| {
        format!(
            "{}: cannot be read: {error}; hint: set `reports` to the folder of report folders",
            directory.display()
        )
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

struct Loader<'a> {
    contracts: &'a Contracts,
    /// Compiled templates by SHA-256: the same file in two folders is compiled once.
    templates: HashMap<String, Arc<Template>>,
    faults: Vec<String>,
    folder: String,
}

impl Loader<'_> {
    fn report(&mut self, id: &ReportId, folder: &Path) -> Option<Report> {
        let file = self.file(folder);
        let form = self.form(folder);
        let template = self.template(folder);
        let sample = self.json(folder, "sample.json");
        let fields: Vec<String> = match &form {
            Some((form, _)) => form
                .fields()
                .iter()
                .map(|field| field.name.clone())
                .collect(),
            None => Vec::new(),
        };
        let needs = file
            .as_ref()
            .map(|file| self.needs(file, form.is_some().then_some(&fields)));
        if let (Some((template, _)), Some(sample)) = (&template, sample) {
            let rendered = template.render(crate::render::value(sample), std::io::sink());
            if let Err(error) = rendered {
                self.fault(
                    "template.docx",
                    format!("cannot be filled with sample.json: {error}"),
                );
            }
        }
        let (file, (form, params), (template, template_sha256), needs) =
            (file?, form?, template?, needs?);
        Some(Report {
            id: id.clone(),
            title: file.title,
            description: file.description,
            file_name: file.file_name,
            groups: file.groups,
            needs,
            form,
            params,
            template,
            template_sha256,
        })
    }

    fn file(&mut self, folder: &Path) -> Option<File> {
        let bytes = self.read(folder, "report.toml")?;
        let parsed = std::str::from_utf8(&bytes).map_err(|error| error.to_string());
        match parsed
            .and_then(|text| toml::from_str::<File>(text).map_err(|error| error.to_string()))
        {
            Ok(file) => {
                if file.title.trim().is_empty() || file.title.chars().count() > 120 {
                    self.fault("report.toml", "`title` must have 1 to 120 characters");
                }
                let rest = ["{title}", "{tenants}", "{date}"]
                    .iter()
                    .fold(file.file_name.clone(), |name, key| name.replace(key, ""));
                if !file.file_name.ends_with(".docx") || rest.contains(['{', '}']) {
                    self.fault(
                        "report.toml",
                        "`file_name` ends in .docx and holds {title}, {tenants} and {date} only",
                    );
                }
                Some(file)
            }
            Err(error) => {
                self.fault("report.toml", error.trim_end().replace('\n', "\n    "));
                None
            }
        }
    }

    fn form(&mut self, folder: &Path) -> Option<(Form, Validator)> {
        let schema = self.json(folder, "params.schema.json")?;
        let form = Form::from_schema(&schema).map_err(|faults| {
            faults
                .into_iter()
                .for_each(|fault| self.fault("params.schema.json", fault));
        });
        let validator = Validator::new(&schema)
            .map_err(|error| self.fault("params.schema.json", error.to_string()));
        form.ok().zip(validator.ok())
    }

    fn template(&mut self, folder: &Path) -> Option<(Arc<Template>, String)> {
        let bytes = self.read(folder, "template.docx")?;
        let hash = hex(ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref());
        if let Some(template) = self.templates.get(&hash) {
            return Some((Arc::clone(template), hash));
        }
        match Template::compile(&bytes) {
            Ok(template) => {
                let template = Arc::new(template);
                self.templates.insert(hash.clone(), Arc::clone(&template));
                Some((template, hash))
            }
            Err(error) => {
                self.fault("template.docx", error.to_string());
                None
            }
        }
    }

    fn json(&mut self, folder: &Path, name: &str) -> Option<Value> {
        let bytes = self.read(folder, name)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.fault(name, format!("is not JSON: {error}")))
            .ok()
    }

    fn read(&mut self, folder: &Path, name: &str) -> Option<Vec<u8>> {
        let path = folder.join(name);
        let size = std::fs::metadata(&path).map(|about| about.len());
        match size.and_then(|size| {
            if size > FILE_BYTES_MAX {
                Ok(None)
            } else {
                std::fs::read(&path).map(Some)
            }
        }) {
            Ok(Some(bytes)) => Some(bytes),
            Ok(None) => {
                self.fault(name, format!("is larger than {FILE_BYTES_MAX} bytes"));
                None
            }
            Err(error) => {
                self.fault(name, format!("cannot be read: {error}"));
                None
            }
        }
    }

    fn needs(&mut self, file: &File, fields: Option<&Vec<String>>) -> Vec<Need> {
        if file.needs.len() > NEEDS_MAX {
            self.fault(
                "report.toml",
                format!("at most {NEEDS_MAX} needs, not {}", file.needs.len()),
            );
        }
        let mut needs: Vec<Need> = Vec::new();
        for need in &file.needs {
            if needs.iter().any(|known| known.dataset == need.dataset) {
                self.fault(
                    "report.toml",
                    format!("need \"{}\" stands twice", need.dataset),
                );
            }
            needs.extend(self.need(need, fields));
        }
        needs
    }

    fn need(&mut self, need: &FileNeed, fields: Option<&Vec<String>>) -> Option<Need> {
        let name = &need.dataset;
        let contract = match need.version {
            Some(version) => self.contracts.get(name, version),
            None => self.contracts.newest(name),
        };
        let Some(contract) = contract.cloned() else {
            let known: Vec<String> = self
                .contracts
                .iter()
                .map(|c| format!("{} v{}", c.dataset.id, c.dataset.version))
                .collect();
            self.fault(
                "report.toml",
                format!(
                    "need \"{name}\": no such dataset; known: {}",
                    known.join(", ")
                ),
            );
            return None;
        };
        let dataset = &contract.dataset;
        if need.mode == Mode::Push && !dataset.allows(Kind::Push) {
            self.fault(
                "report.toml",
                format!("need \"{name}\": mode is \"push\", but this dataset is never pushed"),
            );
        }
        if need.mode == Mode::Pull && !dataset.allows(Kind::Pull) {
            self.fault(
                "report.toml",
                format!("need \"{name}\": is only ever pushed; set mode = \"push\""),
            );
        }
        if need.mode == Mode::Pull && need.max_age_s.is_some() {
            self.fault(
                "report.toml",
                format!("need \"{name}\": max_age_s goes with mode = \"push\""),
            );
        }
        let timeout_ms = need
            .timeout_s
            .unwrap_or(TIMEOUT_S_DEFAULT)
            .saturating_mul(1_000);
        if timeout_ms == 0 || timeout_ms > DEADLINE_MS_MAX {
            self.fault(
                "report.toml",
                format!(
                    "need \"{name}\": timeout_s must be 1 to {}",
                    DEADLINE_MS_MAX / 1_000
                ),
            );
        }
        Some(Need {
            dataset: name.clone(),
            version: dataset.version,
            title: dataset.title.clone(),
            key: name.as_str().replace('-', "_"),
            required: need.required,
            max_age_ms: (need.mode == Mode::Push).then(|| {
                need.max_age_s
                    .unwrap_or(dataset.max_age_s)
                    .saturating_mul(1_000)
            }),
            pull: dataset.allows(Kind::Pull),
            timeout_ms,
            params: self.params(need, &contract, fields),
        })
    }

    fn params(
        &mut self,
        need: &FileNeed,
        contract: &Contract,
        fields: Option<&Vec<String>>,
    ) -> Vec<(String, ParamSource)> {
        let known = contract
            .dataset
            .params_schema
            .get("properties")
            .and_then(Value::as_object);
        let mut params = Vec::new();
        for (param, value) in &need.params {
            let at = format!("need \"{}\": parameter \"{param}\"", need.dataset);
            if !known.is_some_and(|known| known.contains_key(param)) {
                self.fault("report.toml", format!("{at} is not one of the dataset's"));
            }
            let source = match value.as_str().and_then(|text| text.strip_prefix('$')) {
                Some(field) => {
                    if fields.is_some_and(|fields| !fields.iter().any(|known| known == field)) {
                        self.fault("report.toml", format!("{at} comes from \"${field}\", which params.schema.json does not have"));
                    }
                    ParamSource::Field(field.into())
                }
                None => ParamSource::Fixed(value.clone()),
            };
            params.push((param.clone(), source));
        }
        params
    }

    fn fault(&mut self, file: &str, what: impl fmt::Display) {
        let slash = if file.is_empty() { "" } else { "/" };
        self.faults
            .push(format!("{}{slash}{file}: {what}", self.folder));
    }
}
