//! The verb `render`: a template and values from files, a document into a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use docx_jinja::Locale;
use spokegate_daemon::{Tasks, cli};

use super::{RenderFailure, Renderer, Template, Values};
use crate::config::RenderConfig;

/// Arguments of the verb `render`.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The Word template
    #[arg(long)]
    template: PathBuf,
    /// The values, JSON
    #[arg(long)]
    data: PathBuf,
    /// The document to write
    #[arg(long)]
    output: PathBuf,
    /// A picture, by the name that the template has for it; may be given several times
    #[arg(long = "picture", value_name = "NAME=FILE")]
    pictures: Vec<String>,
    /// How numbers, dates and money are written, such as de or en-GB
    #[arg(long, default_value_t = Locale::default().name().to_owned())]
    locale: String,
    /// Leaves a table of contents as it is
    #[arg(long)]
    keep_fields: bool,
    /// Memory that filling it may take, in MB
    #[arg(long, default_value_t = RenderConfig::default().memory_mb)]
    memory_mb: u32,
    /// How long filling it may take, in seconds
    #[arg(long, default_value_t = RenderConfig::default().limit_s)]
    limit_s: u32,
    /// How large the document may become, in MB
    #[arg(long, default_value_t = RenderConfig::default().document_mb)]
    document_mb: u32,
}

/// The verb `render`: exit 0 with the document written, or 1 with the reason on standard error and nothing written.
pub fn verb(arguments: &Files) -> ExitCode {
    match cli::wait_for(render(arguments)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::tell(&format!("{failure:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn render(arguments: &Files) -> anyhow::Result<u64> {
    let template = template(arguments)?;
    let locale = Locale::named(&arguments.locale)?;
    let data = &arguments.data;
    let values: serde_json::Value = serde_json::from_slice(&read(data)?).map_err(|error| {
        anyhow!(
            "{}: is not JSON: {error}\nhint: a report's values look like its sample.json",
            data.display()
        )
    })?;
    let config = RenderConfig {
        memory_mb: arguments.memory_mb,
        limit_s: arguments.limit_s,
        document_mb: arguments.document_mb,
        ..RenderConfig::default()
    };
    let renderer = Renderer::new(&config, &std::env::temp_dir(), &Tasks::new())?;
    let renderer = renderer.in_locale(locale);
    let (tray, values) = (renderer.tray()?, Values::from(values));
    let rendered = renderer.to_file(tray, template, values, &arguments.output);
    match rendered.await {
        Err(RenderFailure::Template(told)) => {
            Err(anyhow!("{}: {}", arguments.template.display(), told.text))
        }
        rendered => Ok(rendered?),
    }
}

/// The template with its pictures.
fn template(arguments: &Files) -> anyhow::Result<Template> {
    let mut template = Template::from(read(&arguments.template)?);
    template.refresh_fields = !arguments.keep_fields;
    for picture in &arguments.pictures {
        let (name, file) = picture.split_once('=').with_context(|| {
            format!("--picture {picture} is not NAME=FILE\nhint: --picture logo=logo.png")
        })?;
        template = template.with_picture(name, read(Path::new(file))?);
    }
    Ok(template)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| anyhow!("{}: {error}", path.display()))
}
