//! Templates made from contracts: the verb `starter-template`, and the template of a report that has none of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use docx_build::{DatasetShape, starter_template};
use spokegate_contract::{Dataset, Registry, Shape};
use spokegate_daemon::cli::{ConfigArgs, print, tell};

use crate::contracts_folder;
use crate::import_template::write;
use crate::relay::Contracts;
use crate::reports::Need;

/// Which datasets, and where to.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// A dataset, in its newest version or in this one; several become one template
    #[arg(required = true, value_name = "DATASET[@VERSION]")]
    datasets: Vec<String>,
    /// The template to write
    #[arg(long)]
    output: PathBuf,
    /// The folder of dataset contracts [default: the configuration's]
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
}

/// The verb: exit 0 with the template written, or 1 with the reason.
pub(crate) fn verb(arguments: &Files, files: &ConfigArgs) -> ExitCode {
    match run(arguments, files) {
        Ok(text) => print(&text),
        Err(fault) => {
            tell(&fault);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Files, files: &ConfigArgs) -> Result<String, String> {
    let registry = contracts_folder::open(arguments.schemas.as_deref(), files)?;
    let named = arguments.datasets.iter().map(|name| find(&registry, name));
    let shapes: Vec<DatasetShape> = named
        .map(|dataset| dataset.map(shape))
        .collect::<Result<_, _>>()?;
    let template = starter_template(&shapes).map_err(|error| error.to_string())?;
    write(&arguments.output, &template)?;
    Ok(format!(
        "{}: a template for {}; change it in Word as you like\n",
        arguments.output.display(),
        arguments.datasets.join(", ")
    ))
}

/// The dataset that `devices` or `devices@2` names.
fn find<'r>(registry: &'r Registry, name: &str) -> Result<&'r Dataset, String> {
    let (id, version) = match name.split_once('@') {
        Some((id, version)) => (id, Some(version.trim_start_matches('v').parse().ok())),
        None => (name, None),
    };
    let found = id.parse().ok().and_then(|id| match version {
        Some(version) => registry.get(&id, version?),
        None => registry.newest(&id),
    });
    found.ok_or_else(|| {
        let known: Vec<String> = registry
            .iter()
            .map(|dataset| format!("{}@{}", dataset.id, dataset.version))
            .collect();
        format!(
            "there is no dataset \"{name}\"\nhint: there are {}",
            known.join(", ")
        )
    })
}

/// The template of a report that has none of its own.
///
/// # Errors
/// When it needs nothing that could be shown.
pub(crate) fn plain_template(needs: &[Need], contracts: &Contracts) -> Result<Vec<u8>, String> {
    let shown = |need: &Need| {
        let contract = contracts.get(&need.dataset, *need.versions.first()?)?;
        // A central source goes by its own name, in the values too.
        Some(named(need.name(), &need.title, &contract.dataset))
    };
    let shapes: Vec<DatasetShape> = needs.iter().filter_map(shown).collect();
    if shapes.is_empty() {
        return Err("is missing, and there is no need that a plain one could show".to_owned());
    }
    starter_template(&shapes).map_err(|error| error.to_string())
}

/// A dataset as a template sees it.
pub(crate) fn shape(dataset: &Dataset) -> DatasetShape {
    named(dataset.id.as_str(), &dataset.title, dataset)
}

fn named(name: &str, title: &str, dataset: &Dataset) -> DatasetShape {
    DatasetShape::from_schema(
        name,
        title,
        &dataset.description,
        dataset.shape == Shape::Rows,
        &dataset.data_schema,
    )
}
