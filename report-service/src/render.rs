//! Fills a template in a process of its own, into a file that appears only when it is whole. What else is done with a
//! template, looking at it or taking it over, is done there as well.
//!
//! No byte of a template, and no value on its way into one, is read by the service itself: both go through a file without
//! a name, the [`Tray`], to a process that has given up files, network and rights before it reads them. Rows are read
//! there when a loop asks for them, so memory grows with them neither here nor there.

mod confine;
mod failure;
mod files;
mod found;
mod kept;
mod order;
mod pixels;
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

pub use failure::{RenderFailure, Stopped};
pub use files::{Files, verb};
pub use found::{Foreign, Imported, Inspected, Read, Remark};
pub use kept::{Kept, KeptTable};
pub use order::{Chunk, Measured, Span, TagFault, Told, Values};
pub use template::Template;
pub use tray::Tray;
#[cfg(test)]
pub(crate) use values::plain as value;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use docx_jinja::Locale;
use spokegate_confine::SandboxMode;
use spokegate_daemon::Tasks;

use crate::config::RenderConfig;
use failure::at;
use order::{Answer, Order, Task};
use process::Launch;
use shape::Supplied;

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
        let order = (Task::Render, template.into(), Some(values));
        let ordered = self.ordered(tray, order).await?;
        self.rendered(ordered, output).await
    }

    async fn rendered(&self, ordered: (File, Span), output: &Path) -> Result<u64, RenderFailure> {
        match self.written(ordered, output).await? {
            Answer::Done(bytes) => Ok(bytes),
            _ => Err(self.launch.stopped(Stopped::Broken)),
        }
    }

    /// Has a file written, which appears under its name only when it is whole.
    async fn written(
        &self,
        (tray, order): (File, Span),
        output: &Path,
    ) -> Result<Answer, RenderFailure> {
        let partial = Partial::beside(output)?;
        let file = File::create(&partial.0).map_err(|error| at(&partial.0, error))?;
        let written = file.try_clone().map_err(|error| at(&partial.0, error))?;
        let answer = self.launch.run(tray, order, file.into()).await?;
        let answer = good(answer, &partial.0)?;
        let promised = match &answer {
            Answer::Done(bytes) => *bytes,
            Answer::Imported(imported) => imported.bytes,
            _ => 0,
        };
        let length = written
            .metadata()
            .map_err(|error| at(&partial.0, error))?
            .len();
        if length != promised || length == 0 {
            return Err(self.launch.stopped(Stopped::Broken));
        }
        std::fs::rename(&partial.0, output).map_err(|error| at(output, error))?;
        Ok(answer)
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
        let ordered = self.ordered(self.tray()?, order).await?;
        let answer = self.run_for_nobody(ordered).await?;
        good(answer, &self.folder).map(drop)
    }

    /// Tells what a template reads and what is wrong with it.
    ///
    /// # Errors
    /// A file that is no template. Faults of its tags are among what is told.
    pub async fn inspect(&self, template: impl Into<Template>) -> Result<Inspected, RenderFailure> {
        let order = (Task::Inspect, template.into(), None);
        let ordered = self.ordered(self.tray()?, order).await?;
        let answer = self.run_for_nobody(ordered).await?;
        match good(answer, &self.folder)? {
            Answer::Inspected(inspected) => Ok(inspected),
            _ => Err(self.launch.stopped(Stopped::Broken)),
        }
    }

    /// Writes a copy of a template with a comment at each of these faults.
    ///
    /// # Errors
    /// A file that is no template, or a disk that does not take the copy.
    pub async fn mark(
        &self,
        template: impl Into<Template>,
        faults: Vec<TagFault>,
        output: &Path,
    ) -> Result<(), RenderFailure> {
        let order = (Task::Mark(faults), template.into(), None);
        let ordered = self.ordered(self.tray()?, order).await?;
        self.written(ordered, output).await.map(drop)
    }

    /// Takes a template of docxtemplater over, and writes the new one.
    ///
    /// # Errors
    /// A file that is no template, or a disk that does not take the new one.
    pub async fn import(
        &self,
        template: impl Into<Template>,
        foreign: Foreign,
        output: &Path,
    ) -> Result<Imported, RenderFailure> {
        let order = (Task::Import(foreign), template.into(), None);
        let ordered = self.ordered(self.tray()?, order).await?;
        match self.written(ordered, output).await? {
            Answer::Imported(imported) => Ok(imported),
            _ => Err(self.launch.stopped(Stopped::Broken)),
        }
    }

    /// Tells what a picture says of itself.
    ///
    /// # Errors
    /// A file that is no picture.
    pub async fn measure(&self, picture: Arc<[u8]>) -> Result<Measured, RenderFailure> {
        let order = (Task::Measure, Template::from(picture), None);
        let ordered = self.ordered(self.tray()?, order).await?;
        let answer = self.run_for_nobody(ordered).await?;
        match good(answer, &self.folder)? {
            Answer::Measured(measured) => Ok(measured),
            _ => Err(self.launch.stopped(Stopped::Broken)),
        }
    }

    /// Writes the order for the process, with what belongs to it, behind the data.
    async fn ordered(
        &self,
        tray: Arc<Tray>,
        (task, template, values): (Task, Template, Option<Values>),
    ) -> Result<(File, Span), RenderFailure> {
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
            tray.note_order(order);
            Ok((tray.handle()?, order))
        };
        let written = self.tasks.blocking("write the order of a render", write);
        let written = written
            .await
            .unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
        written.map_err(|error| at(&self.folder, error))
    }
}

/// What a process had to tell, unless it is a failure.
fn good(answer: Answer, output: &Path) -> Result<Answer, RenderFailure> {
    match answer {
        Answer::Done(_) | Answer::Inspected(_) | Answer::Imported(_) | Answer::Measured(_) => {
            Ok(answer)
        }
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
