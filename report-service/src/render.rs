//! Fills a template into a file that appears only when it is whole.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use docx_jinja::{RenderError, Template, TemplateError, Value};
use serde_json::Value as Json;

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 262_144;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum RenderFailure {
    /// The template is not usable.
    #[error("{}: {error}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// The template cannot be filled with these values.
    #[error("{0}")]
    Render(#[from] RenderError),
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The values are not JSON.
    #[error("{}: is not JSON: {error}\nhint: a report's values look like its sample.json", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        error: serde_json::Error,
    },
}

/// Fills a template; the file appears under its name only when it is whole. Returns its size in bytes.
///
/// # Errors
/// When the values do not fit, or the disk does not take it. Nothing is left behind then.
pub fn to_file(template: &Template, values: Value, output: &Path) -> Result<u64, RenderFailure> {
    let fault = |error| RenderFailure::File {
        path: output.into(),
        error,
    };
    let name = output
        .file_name()
        .ok_or_else(|| fault(std::io::ErrorKind::InvalidInput.into()))?;
    let partial = output.with_file_name(format!(
        ".{}.{}.part",
        name.to_string_lossy(),
        std::process::id()
    ));
    let rendered = write(template, values, &partial);
    let finished = rendered.and_then(|bytes| {
        std::fs::rename(&partial, output)
            .map(|()| bytes)
            .map_err(fault)
    });
    if finished.is_err() {
        // It may not have been made at all.
        let _ = std::fs::remove_file(&partial);
    }
    finished
}

fn write(template: &Template, values: Value, path: &Path) -> Result<u64, RenderFailure> {
    let fault = |error| RenderFailure::File {
        path: path.into(),
        error,
    };
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path).map_err(fault)?);
    let report = template.render(values, &mut file)?;
    file.flush().map_err(fault)?;
    Ok(report.document_bytes)
}

/// Template and values from files, document into a file.
///
/// # Errors
/// With text for the person who called it.
pub fn files(template: &Path, data: &Path, output: &Path) -> Result<u64, RenderFailure> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| RenderFailure::File {
            path: path.into(),
            error,
        })
    };
    let compiled = Template::compile(&read(template)?);
    let compiled = compiled.map_err(|error| RenderFailure::Template {
        path: template.into(),
        error,
    })?;
    let values: Json =
        serde_json::from_slice(&read(data)?).map_err(|error| RenderFailure::Data {
            path: data.into(),
            error,
        })?;
    to_file(&compiled, value(values), output)
}

/// JSON in the form that templates read.
pub fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(truth),
        Json::String(text) => Value::from(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(fraction)) => Value::from(fraction),
            (None, None) => Value::from(()),
        },
        Json::Array(items) => items.into_iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(entries) => {
            Value::from_pairs(entries.into_iter().map(|(key, entry)| (key, value(entry))))
        }
    }
}

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
}

/// The verb `render`: exit 0 with the document written, or 1 with the reason on standard error and nothing written.
pub fn verb(arguments: &Files) -> ExitCode {
    match files(&arguments.template, &arguments.data, &arguments.output) {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
