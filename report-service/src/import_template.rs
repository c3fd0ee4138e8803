//! `spokegate-reports import-template`: takes a template of docxtemplater over.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value as Json;
use spokegate_daemon::Tasks;
use spokegate_daemon::cli::{print, tell, wait_for};

use crate::config::RenderConfig;
use crate::render::{Foreign, Imported, RenderFailure, Renderer, Values};

/// Which template, and how it was meant to be filled.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The template with docxtemplater's tags
    template: PathBuf,
    /// The template to write
    #[arg(long)]
    output: PathBuf,
    /// Values that it was filled with, JSON; then nothing has to be guessed, and the new template is tried with them
    #[arg(long)]
    data: Option<PathBuf>,
    /// What opens and closes its tags, with a space between
    #[arg(long, default_value = "{ }")]
    delimiters: String,
    /// It was filled without docxtemplater's option paragraphLoop
    #[arg(long)]
    no_paragraph_loop: bool,
}

/// The verb: exit 0 when all was taken over, 1 when something is left to do or nothing could be read.
pub(crate) fn verb(files: &Files) -> ExitCode {
    match run(files) {
        Ok((text, left)) => {
            let printed = print(&text);
            if left { ExitCode::FAILURE } else { printed }
        }
        Err(message) => {
            tell(&message);
            ExitCode::FAILURE
        }
    }
}

/// What to tell, and whether anything is left to do.
fn run(files: &Files) -> Result<(String, bool), String> {
    let (open, close) = delimiters(&files.delimiters)?;
    let template = read(&files.template)?;
    let sample = files.data.as_deref().map(json).transpose()?;
    let foreign = Foreign {
        open,
        close,
        paragraph_loop: !files.no_paragraph_loop,
        sample: sample.clone(),
    };
    let (done, tried) = confined(async |renderer| {
        let done = renderer.import(template, foreign, &files.output).await;
        let done = done.map_err(|failure| match failure {
            RenderFailure::Template(_) | RenderFailure::Stopped { .. } => {
                format!("{}: {failure}", files.template.display())
            }
            _ => failure.to_string(),
        })?;
        let tried = match sample {
            Some(sample) => Some(tried(&renderer, &files.output, sample).await),
            None => None,
        };
        Ok((done, tried))
    })?;
    Ok(summary(files, &done, tried.as_ref()))
}

/// Does something with templates, all of it in processes that have given up what they could harm others with.
pub(crate) fn confined<T>(
    work: impl AsyncFnOnce(Renderer) -> Result<T, String>,
) -> Result<T, String> {
    let work = async {
        let (config, folder) = (RenderConfig::default(), std::env::temp_dir());
        let renderer = Renderer::new(&config, &folder, &Tasks::new())?;
        Ok(work(renderer).await)
    };
    wait_for(work).map_err(|error| format!("{error:#}"))?
}

fn summary(files: &Files, done: &Imported, tried: Option<&Result<(), String>>) -> (String, bool) {
    let mut text: String = done
        .remarks
        .iter()
        .map(|remark| format!("{}\n", remark.text))
        .collect();
    let left = done.remarks.iter().filter(|remark| remark.is_left).count();
    text.push_str(&format!(
        "{}: {} tags taken over, {left} left, {} worth a look\n",
        files.output.display(),
        done.taken,
        done.remarks.len() - left
    ));
    match tried {
        Some(Ok(())) => text.push_str("it was filled with the sample without a fault\n"),
        Some(Err(fault)) => {
            text.push_str(&format!("it cannot be filled with the sample: {fault}\n"))
        }
        None => {}
    }
    (text, left > 0 || matches!(tried, Some(Err(_))))
}

/// Fills the new template with the sample.
async fn tried(renderer: &Renderer, template: &Path, sample: Json) -> Result<(), String> {
    let checked = renderer.check(read(template)?, Some(Values::from(sample)));
    checked.await.map_err(|failure| failure.to_string())
}

fn delimiters(text: &str) -> Result<(String, String), String> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [open, close] => Ok(((*open).to_owned(), (*close).to_owned())),
        _ => Err(format!(
            "--delimiters \"{text}\" is not two signs with a space between\nhint: --delimiters \"{{{{ }}}}\""
        )),
    }
}

fn json(path: &Path) -> Result<Json, String> {
    serde_json::from_slice(&read(path)?)
        .map_err(|error| format!("{}: is not JSON: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
}

/// Writes a file that appears under its name only when it is whole.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let fault = |error: std::io::Error| format!("{}: cannot be written: {error}", path.display());
    let name = path
        .file_name()
        .ok_or_else(|| fault(std::io::ErrorKind::InvalidInput.into()))?;
    let partial = path.with_file_name(format!(
        ".{}.{}.part",
        name.to_string_lossy(),
        std::process::id()
    ));
    let written = std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path));
    written.map_err(|error| {
        // It may not have been made at all.
        let _ = std::fs::remove_file(&partial);
        fault(error)
    })
}

#[cfg(test)]
mod tests {
    use super::delimiters;

    #[test]
    fn delimiters_are_two_signs() {
        let check = |text, expected: Option<(&str, &str)>| {
            let found = delimiters(text).ok();
            let found = found
                .as_ref()
                .map(|(open, close)| (open.as_str(), close.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("{ }", Some(("{", "}")));
        check("[[  ]]", Some(("[[", "]]")));
        check("{}", None);
        check("a b c", None);
        check("", None);
    }
}
