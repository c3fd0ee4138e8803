//! Reads report folders; finds every fault of every folder in one go.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::{ReportId, Validator};

use super::definition::{Need, Report};
use super::needs::FileNeed;
use super::template;
use crate::forms::{Field, FieldKind, Form};
use crate::relay::Contracts;
use crate::render::{Renderer, Template};
use crate::starter_template::plain_template;
use crate::templates::supplied;

/// Largest file of a report folder.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

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
    #[serde(default)]
    review: bool,
    #[serde(default)]
    keep_days: u32,
    #[serde(default)]
    template: FileTemplate,
    #[serde(default, rename = "need")]
    needs: Vec<FileNeed>,
}

/// `[template]` of a `report.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTemplate {
    #[serde(default = "yes")]
    refresh_fields: bool,
}

impl Default for FileTemplate {
    fn default() -> Self {
        Self {
            refresh_fields: yes(),
        }
    }
}

fn yes() -> bool {
    true
}

fn file_name() -> String {
    "{tenants}-{title}-{date}.docx".into()
}

impl Catalogue {
    /// Reads every folder below `directory`; folders whose name starts with a dot are left alone.
    ///
    /// # Errors
    /// Every fault of every folder.
    pub async fn open(
        directory: &Path,
        contracts: &Contracts,
        renderer: &Renderer,
    ) -> Result<Self, ReportFaults> {
        let mut loader = Loader::new(contracts);
        let mut reports = BTreeMap::new();
        for folder in folders(directory).map_err(|fault| ReportFaults(vec![fault]))? {
            loader.folder.clone_from(&folder);
            match folder.parse::<ReportId>() {
                Ok(id) => {
                    if let Some(report) =
                        loader.report(&id, &directory.join(&folder), renderer).await
                    {
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

/// A report without its template.
pub(crate) struct Outline {
    pub(crate) needs: Vec<Need>,
    pub(crate) form: Form,
    /// What a template would be given beside values.
    pub(crate) pictures: BTreeMap<String, Arc<[u8]>>,
}

/// The report in a folder, whatever its template is.
///
/// # Errors
/// Every fault of its other files.
pub(crate) fn outline(folder: &Path, contracts: &Contracts) -> Result<Outline, ReportFaults> {
    let mut loader = Loader::new(contracts);
    loader.folder = folder.display().to_string();
    let file = loader.file(folder);
    let form = loader.form(folder);
    let fields = form.as_ref().map(|(form, _)| names(form));
    let needs = file.map(|file| loader.needs(&file.needs, fields.as_ref()));
    if let (Some((form, _)), Some(fields)) = (&form, &fields) {
        loader.options(form, fields);
    }
    let pictures = loader.pictures(folder);
    match (needs, form) {
        (Some(needs), Some((form, _))) if loader.faults.is_empty() => Ok(Outline {
            needs,
            form,
            pictures,
        }),
        _ => Err(ReportFaults(loader.faults)),
    }
}

/// What needs may name: each field; of a period its first and its last day.
fn names(form: &Form) -> Vec<String> {
    let names = |field: &Field| match field.kind {
        FieldKind::Period => ["from", "to"]
            .map(|end| format!("{}.{end}", field.name))
            .into(),
        _ => vec![field.name.clone()],
    };
    form.fields().iter().flat_map(names).collect()
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

pub(super) struct Loader<'a> {
    pub(super) contracts: &'a Contracts,
    faults: Vec<String>,
    folder: String,
    /// The file, and the place in it, whose needs are being read.
    pub(super) asking: String,
}

impl<'a> Loader<'a> {
    fn new(contracts: &'a Contracts) -> Self {
        Self {
            contracts,
            faults: Vec::new(),
            folder: String::new(),
            asking: "report.toml".into(),
        }
    }

    async fn report(
        &mut self,
        id: &ReportId,
        folder: &Path,
        renderer: &Renderer,
    ) -> Option<Report> {
        let file = self.file(folder);
        let form = self.form(folder);
        let fields = form.as_ref().map(|(form, _)| names(form));
        let needs = file
            .as_ref()
            .map(|file| self.needs(&file.needs, fields.as_ref()));
        let options = match (&form, &fields) {
            (Some((form, _)), Some(fields)) => self.options(form, fields),
            _ => BTreeMap::new(),
        };
        let template = if folder.join(template::FILE).exists() {
            self.read(folder, template::FILE)
        } else {
            needs.as_deref().and_then(|needs| self.plain(needs))
        };
        let sample = self.json(folder, "sample.json");
        let pictures = self.pictures(folder);
        let refresh_fields = file
            .as_ref()
            .is_none_or(|file| file.template.refresh_fields);
        let shape = match (&needs, &form) {
            (Some(needs), Some((form, _))) => Some(supplied(needs, form, self.contracts)),
            _ => None,
        };
        let template = match template {
            Some(bytes) => {
                let template = Template {
                    file: bytes.into(),
                    pictures,
                    refresh_fields,
                    supplied: shape.map(Arc::new),
                };
                let known = (sample.clone(), needs.as_deref().unwrap_or_default());
                self.template(template, known, renderer).await
            }
            None => None,
        };
        if let (Some(file), Some((form, _))) = (&file, &form) {
            self.named_by_period(file, form);
        }
        let (file, (form, params), (template, template_sha256), needs) =
            (file?, form?, template?, needs?);
        let sample = sample?;
        Some(Report {
            id: id.clone(),
            title: file.title,
            description: file.description,
            file_name: file.file_name,
            groups: file.groups,
            review: file.review,
            keep_days: file.keep_days,
            needs,
            form,
            options,
            params,
            template,
            template_sha256,
            sample,
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
                let rest = ["{title}", "{tenants}", "{date}", "{period}"]
                    .iter()
                    .fold(file.file_name.clone(), |name, key| name.replace(key, ""));
                if !file.file_name.ends_with(".docx") || rest.contains(['{', '}']) {
                    self.fault(
                        "report.toml",
                        "`file_name` ends in .docx and holds {title}, {tenants}, {date} and {period} only",
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

    /// A name with a period in it is of a report that has one.
    fn named_by_period(&mut self, file: &File, form: &Form) {
        let is_period = |field: &Field| field.kind == FieldKind::Period;
        if file.file_name.contains("{period}") && !form.fields().iter().any(is_period) {
            self.fault(
                "report.toml",
                "`file_name` holds {period}, but params.schema.json has no field with \"x-ui\": \"period\"",
            );
        }
    }

    fn form(&mut self, folder: &Path) -> Option<(Form, Validator)> {
        let mut schema = self.json(folder, "params.schema.json")?;
        let shared = self.borrowed(&mut schema);
        let form = Form::from_schema(&schema)
            .map_err(|faults| self.faults_of("params.schema.json", faults))
            .and_then(|form| {
                form.dressed(&shared)
                    .map_err(|faults| self.faults_of("params.schema.json", faults))
            });
        let ui = folder
            .join("params.ui.json")
            .exists()
            .then(|| self.json(folder, "params.ui.json"))
            .flatten();
        let form = match (form, ui) {
            (Ok(form), Some(ui)) => form
                .dressed(&ui)
                .map_err(|faults| self.faults_of("params.ui.json", faults)),
            (form, _) => form,
        };
        let validator = Validator::new(&schema)
            .map_err(|error| self.fault("params.schema.json", error.to_string()));
        form.ok().zip(validator.ok())
    }

    fn faults_of(&mut self, file: &str, faults: Vec<String>) {
        faults.into_iter().for_each(|fault| self.fault(file, fault));
    }

    /// The template of a report that has none of its own: all of its needs, row by row.
    fn plain(&mut self, needs: &[Need]) -> Option<Vec<u8>> {
        let made = plain_template(needs, self.contracts);
        made.map_err(|fault| self.fault(template::FILE, fault)).ok()
    }

    /// The folder that is being read.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    fn json(&mut self, folder: &Path, name: &str) -> Option<Value> {
        let bytes = self.read(folder, name)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.fault(name, format!("is not JSON: {error}")))
            .ok()
    }

    pub(super) fn read(&mut self, folder: &Path, name: &str) -> Option<Vec<u8>> {
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

    pub(super) fn fault(&mut self, file: &str, what: impl fmt::Display) {
        let slash = if file.is_empty() { "" } else { "/" };
        self.faults
            .push(format!("{}{slash}{file}: {what}", self.folder));
    }
}
