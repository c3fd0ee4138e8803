//! Fills a template in a process of its own, into a file that appears only when it is whole.
//!
//! No byte of a template, and no value on its way into one, is read by the service itself: both go through a file without
//! a name, the [`Tray`], to a process that has given up files, network and rights before it reads them. Rows are read
//! there when a loop asks for them, so memory grows with them neither here nor there.

mod confine;
mod files;
mod order;
mod process;
mod row;
mod shape;
mod tasks;
mod template;
#[cfg(test)]
mod tests;
mod tray;
mod values;
pub mod worker;

pub use files::{Files, verb};
pub use order::{Chunk, Span, TagFault, Told, Values};
pub use template::Template;
pub use tray::Tray;
#[cfg(test)]
pub(crate) use values::plain as value;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use docx_jinja::Locale;
use spokegate_confine::SandboxMode;
use spokegate_daemon::Tasks;

use crate::config::RenderConfig;
use order::{Answer, Order, Task};
use process::Launch;
use shape::Supplied;

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum RenderFailure {
    /// The template is not usable.
    #[error("{}", .0.text)]
    Template(Told),
    /// The template cannot be filled with these values.
    #[error("{}", .0.text)]
    Values(Told),
    /// A picture beside the template is not usable.
    #[error("picture \"{name}\": {reason}")]
    Picture {
        /// Its name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The process was ended before it had an answer.
    #[error("{}", how.sentence(*memory_mb, *document_mb, *seconds))]
    Stopped {
        /// What ended it.
        how: Stopped,
        /// How much memory it had, in MB.
        memory_mb: u64,
        /// How large its document could be, in MB.
        document_mb: u64,
        /// How long it had.
        seconds: u64,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The process cannot be started, or is not fit for the work.
    #[error("the process that fills templates: {0}")]
    Worker(String),
}

/// What ends a process that fills a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It took too long.
    Late,
    /// It needed too much memory.
    Memory,
    /// The document became too large.
    TooLarge,
    /// It broke off.
    Broken,
}

impl Stopped {
    fn sentence(self, memory_mb: u64, document_mb: u64, seconds: u64) -> String {
        let (what, hint) = match self {
            Self::Late => (
                format!("filling the template takes longer than {seconds} s (render.limit_s)"),
                "look for a loop inside a loop",
            ),
            Self::Memory => (
                format!("filling the template takes more than {memory_mb} MB (render.memory_mb)"),
                "look for text or lists that grow in a loop",
            ),
            Self::TooLarge => (
                format!("the document is larger than {document_mb} MB (render.document_mb)"),
                "choose fewer rows, or look for a loop inside a loop",
            ),
            Self::Broken => (
                "the process that fills the template broke off".to_owned(),
                "undo the last change of the template",
            ),
        };
        format!("{what}\nhint: {hint}")
    }
}

/// Says once, at the start, that a process may begin its work without layers of its confinement.
pub(crate) fn warn_of_best_effort(key: &'static str, mode: SandboxMode) {
    if mode == SandboxMode::BestEffort {
        tracing::warn!(
            key,
            "best-effort: documents are made also where this host lacks layers of the confinement"
        );
    }
}

/// Fills templates; cloning shares it.
#[derive(Debug, Clone)]
pub struct Renderer {
    launch: Arc<Launch>,
    folder: PathBuf,
    tasks: Tasks,
    locale: Locale,
}

impl Renderer {
    /// With its trays on the disk of this folder.
    ///
    /// # Errors
    /// When the program that fills templates is not there.
    pub fn new(config: &RenderConfig, folder: &Path, tasks: &Tasks) -> anyhow::Result<Self> {
        warn_of_best_effort("render.sandbox", config.sandbox);
        Ok(Self {
            launch: Arc::new(Launch::new(config)?),
            folder: folder.to_owned(),
            tasks: tasks.clone(),
            locale: Locale::default(),
        })
    }

    /// The same, for documents in this locale.
    #[must_use]
    pub fn in_locale(&self, locale: Locale) -> Self {
        Self {
            locale,
            ..self.clone()
        }
    }

    /// A place for the data of one document.
    ///
    /// # Errors
    /// When the disk does not give it.
    pub fn tray(&self) -> Result<Arc<Tray>, RenderFailure> {
        let tray = Tray::create(&self.folder).map_err(|error| at(&self.folder, error))?;
        Ok(Arc::new(tray))
    }

    /// Fills a template; the file appears under its name only when it is whole. Returns its size in bytes. Dropping this
    /// ends the work and leaves nothing behind.
    ///
    /// # Errors
    /// When the values do not fit, a bound is passed, or the disk does not take the document.
    pub async fn to_file(
        &self,
        tray: Arc<Tray>,
        template: impl Into<Template>,
        values: Values,
        output: &Path,
    ) -> Result<u64, RenderFailure> {
        let partial = Partial::beside(output)?;
        let file = File::create(&partial.0).map_err(|error| at(&partial.0, error))?;
        let written = file.try_clone().map_err(|error| at(&partial.0, error))?;
        let order = (Task::Render, template.into(), Some(values));
        let answer = self.have_done(tray, order, file.into()).await?;
        let promised = done(answer, &partial.0)?;
        let length = written
            .metadata()
            .map_err(|error| at(&partial.0, error))?
            .len();
        if length != promised || length == 0 {
            return Err(self.launch.stopped(Stopped::Broken));
        }
        std::fs::rename(&partial.0, output).map_err(|error| at(output, error))?;
        Ok(length)
    }

    /// Reads a template, and fills it for nobody when there are values.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn check(
        &self,
        template: impl Into<Template>,
        values: Option<Values>,
    ) -> Result<(), RenderFailure> {
        let order = (Task::Check, template.into(), values);
        let answer = self.have_done(self.tray()?, order, Stdio::null()).await?;
        done(answer, &self.folder).map(drop)
    }

    async fn have_done(
        &self,
        tray: Arc<Tray>,
        (task, template, values): (Task, Template, Option<Values>),
        output: Stdio,
    ) -> Result<Answer, RenderFailure> {
        let locale = self.locale;
        let write = move || -> io::Result<(File, Span)> {
            let pictures = template.pictures.into_iter();
            let pictures = pictures.map(|(name, file)| Ok((name, tray.append(&file)?)));
            let order = Order {
                task,
                template: tray.append(&template.file)?,
                pictures: pictures.collect::<io::Result<_>>()?,
                values,
                locale: locale.name().to_owned(),
                refresh_fields: template.refresh_fields,
                shape: template.supplied.as_deref().map(Supplied::from),
            };
            let order = tray.append(&serde_json::to_vec(&order)?)?;
            Ok((tray.handle()?, order))
        };
        let written = self.tasks.blocking("write the order of a render", write);
        let written = written
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
        let (tray, order) = written.map_err(|error| at(&self.folder, error))?;
        self.launch.run(tray, order, output).await
    }
}

fn at(path: &Path, error: io::Error) -> RenderFailure {
    RenderFailure::File {
        path: path.to_owned(),
        error,
    }
}

fn done(answer: Answer, output: &Path) -> Result<u64, RenderFailure> {
    match answer {
        Answer::Done(bytes) => Ok(bytes),
        Answer::Template(told) => Err(RenderFailure::Template(told)),
        Answer::Values(told) => Err(RenderFailure::Values(told)),
        Answer::Picture(name, reason) => Err(RenderFailure::Picture { name, reason }),
        Answer::Output(reason) => Err(at(output, io::Error::other(reason))),
        Answer::Unfit(reason) => Err(RenderFailure::Worker(reason)),
    }
}

/// A file on its way; it goes when it has not been given its name.
struct Partial(PathBuf);

impl Partial {
    fn beside(output: &Path) -> Result<Self, RenderFailure> {
        let name = output
            .file_name()
            .ok_or_else(|| at(output, io::ErrorKind::InvalidInput.into()))?;
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        Ok(Self(output.with_file_name(name)))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It has its name by now, or was never made.
        let _ = std::fs::remove_file(&self.0);
    }
}
