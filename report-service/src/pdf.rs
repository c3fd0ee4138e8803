//! Makes a PDF of a finished document, with LibreOffice in a confined process of its own: a fresh profile, no network, one
//! folder to write to.

mod confine;
mod contents;
mod files;
mod folder;
mod pictures;
mod profile;
mod split;
mod watch;
pub mod worker;

pub use files::{Files, verb};
pub(crate) use folder::remove;
pub(crate) use pictures::PAGES_MAX;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use folder::Folder;
use spokegate_daemon::Tasks;
use tempfile::NamedTempFile;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::config::PdfConfig;
use crate::render::warn_of_best_effort;

/// What LibreOffice returns when it wants to be started again, as it does under a new profile.
const EXIT_AGAIN: i32 = 81;
/// How often it is.
const STARTS_MAX: usize = 3;
/// How long the end of a process that is ended is waited for.
const ENDING_MAX: Duration = Duration::from_secs(5);
/// Longest text of a failure that is kept.
const TOLD_BYTES_MAX: u64 = 16 * 1024;
/// How the folder of a conversion begins; what an interrupted one left behind is known by it.
pub(crate) const FOLDER_PREFIX: &str = ".pdf-";
const MB: u64 = 1024 * 1024;

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfFailure {
    /// It took too long.
    #[error(
        "making the PDF takes longer than {0} s (pdf.limit_s)\nhint: choose fewer rows, or start the report again as a Word document"
    )]
    Late(u32),
    /// The file is no Word document.
    #[error("{0}")]
    NoDocument(String),
    /// It filled its folder.
    #[error(
        "LibreOffice wrote more than {} files for this document and was ended",
        watch::FILES_MAX
    )]
    Full,
    /// LibreOffice ended without one.
    #[error("LibreOffice made no PDF of this document ({0})")]
    None(String),
    /// Its pages were not drawn.
    #[error("the pages of this document could not be drawn ({0})")]
    Undrawn(String),
    /// A file or a process could not be had.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// The system's reason.
        error: std::io::Error,
    },
}

/// Makes PDFs; cloning shares it.
#[derive(Debug, Clone)]
pub struct Pdf {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    program: PathBuf,
    office: PathBuf,
    config: PdfConfig,
    turns: Semaphore,
    tasks: Tasks,
}

impl Pdf {
    /// With the LibreOffice that the configuration names; nothing when it is not installed.
    ///
    /// # Errors
    /// When it is there, but not as it should be.
    pub fn find(config: &PdfConfig, tasks: &Tasks) -> anyhow::Result<Option<Self>> {
        if config.program.as_os_str().is_empty() {
            return Ok(None);
        }
        if !config.program.exists() {
            tracing::info!(
                program = %config.program.display(),
                "PDF is not offered: LibreOffice is not installed there (pdf.program)"
            );
            return Ok(None);
        }
        warn_of_best_effort("pdf.sandbox", config.sandbox);
        let named = || format!("use pdf.program {}", config.program.display());
        let program = config.program.canonicalize().with_context(named)?;
        let office = program.parent().with_context(named)?.to_owned();
        anyhow::ensure!(
            office.join("soffice.bin").is_file(),
            "use pdf.program {}: there is no soffice.bin in {}\nhint: name LibreOffice's own soffice, or leave it empty",
            config.program.display(),
            office.display()
        );
        Ok(Some(Self {
            shared: Arc::new(Shared {
                program: spokegate_confine::program::own("spokegate-reports")
                    .context("find the program that makes PDFs")?,
                office,
                config: config.clone(),
                turns: Semaphore::new(config.concurrent_max as usize),
                tasks: tasks.clone(),
            }),
        }))
    }

    /// Makes a PDF of a Word document; it appears under its name only when it is whole. Gives its size in bytes. Dropping
    /// this ends the work and leaves nothing behind.
    ///
    /// # Errors
    /// When there is none.
    pub async fn make(&self, document: &Path, output: &Path) -> Result<u64, PdfFailure> {
        let shared = &self.shared;
        // The semaphore is never closed; were it, one more would run.
        let _turn = shared.turns.acquire().await.ok();
        let parent = output
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let (document, parent) = (document.to_owned(), parent.to_owned());
        let prepare = move || Folder::prepare(&document, &parent);
        let folder = shared.tasks.blocking("prepare a PDF", prepare).await;
        let folder = Arc::new(folder.unwrap_or_else(|| Err(panicked("prepare a folder")))?);
        let limit = Duration::from_secs(shared.config.limit_s.into());
        let mut running = None;
        let work = async {
            shared.convert(folder.path(), &mut running).await?;
            shared.take(&folder).await
        };
        let watched = async {
            tokio::select! {
                made = work => made,
                () = shared.filled(&folder) => Err(PdfFailure::Full),
            }
        };
        let made = tokio::time::timeout(limit, watched).await;
        if let Some(running) = running {
            running.end().await;
        }
        // What it left may be much.
        let remove = move || drop(folder);
        shared.tasks.blocking("remove a PDF's folder", remove).await;
        let (made, bytes) = made.map_err(|_| PdfFailure::Late(shared.config.limit_s))??;
        made.persist(output)
            .map_err(|error| system(&format!("write {}", output.display()))(error.error))?;
        Ok(bytes)
    }
}

impl Shared {
    /// Starts LibreOffice as often as it wants, and waits for it.
    async fn convert(
        &self,
        folder: &Path,
        running: &mut Option<Running>,
    ) -> Result<(), PdfFailure> {
        for _ in 0..STARTS_MAX {
            let child = self
                .command(folder)
                .spawn()
                .map_err(system("start the process that makes PDFs"))?;
            let child = &mut running.insert(Running::of(child)).child;
            let mut told = String::new();
            if let Some(pipe) = child.stderr.take() {
                // What cannot be read says nothing.
                let _ = pipe.take(TOLD_BYTES_MAX).read_to_string(&mut told).await;
            }
            let status = child
                .wait()
                .await
                .map_err(system("wait for the process that makes PDFs"))?;
            // Whatever it started ends with it.
            *running = None;
            match status.code() {
                Some(0) => return Ok(()),
                Some(EXIT_AGAIN) => {}
                Some(code) if code == i32::from(worker::EXIT_NO_DOCUMENT) => {
                    return Err(PdfFailure::NoDocument(told.trim().to_owned()));
                }
                _ => return Err(PdfFailure::None(reason(status, &told))),
            }
        }
        Err(PdfFailure::None(
            "it wants to be started again and again".to_owned(),
        ))
    }

    /// Returns once more is in the folder than may be.
    async fn filled(&self, folder: &Arc<Folder>) {
        loop {
            tokio::time::sleep(watch::PAUSE).await;
            let folder = Arc::clone(folder);
            let look = move || folder.is_too_full();
            let full = self.tasks.blocking("look at a PDF's folder", look).await;
            // Who could not look saw too much.
            if full.unwrap_or(true) {
                return;
            }
        }
    }

    /// Takes the PDF out of the folder, into a file of the service's own.
    async fn take(&self, folder: &Arc<Folder>) -> Result<(NamedTempFile, u64), PdfFailure> {
        let (folder, bytes_max) = (Arc::clone(folder), u64::from(self.config.document_mb) * MB);
        let take = move || folder.take(bytes_max);
        let made = self.tasks.blocking("take a PDF", take).await;
        made.unwrap_or_else(|| Err(panicked("take the PDF")))
    }

    fn command(&self, folder: &Path) -> Command {
        self.worker(&self.office, folder)
    }

    /// The confined process for this program, or for the one in this folder.
    fn worker(&self, program: &Path, folder: &Path) -> Command {
        let config = &self.config;
        let bytes = |mb: u32| (u64::from(mb) * MB).to_string();
        let mut command = Command::new(&self.program);
        command
            .arg("pdf-worker")
            .args(["--sandbox", config.sandbox.as_str()])
            .arg("--office")
            .arg(program)
            .arg("--folder")
            .arg(folder)
            .args(["--memory-bytes", &bytes(config.memory_mb)])
            .args(["--document-bytes", &bytes(config.document_mb)])
            .args(["--seconds", &config.limit_s.to_string()])
            .args(["--table-rows", &config.table_rows.to_string()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// A process with all that it started; ended together.
struct Running {
    child: Child,
    group: Option<rustix::process::Pid>,
}

impl Running {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id.and_then(rustix::process::Pid::from_raw);
        Self { child, group }
    }

    /// Ends it, and waits until it is gone.
    async fn end(mut self) {
        self.kill();
        // It cannot be asked twice; what the system holds longer is not waited for.
        let _ = tokio::time::timeout(ENDING_MAX, self.child.wait()).await;
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            // Nothing of it may be left.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn reason(status: ExitStatus, told: &str) -> String {
    let told = told.trim();
    match status.code() {
        Some(code) if code == i32::from(worker::EXIT_UNFIT) => told.to_owned(),
        _ => format!("it ended with {status}"),
    }
}

fn system(what: &str) -> impl FnOnce(std::io::Error) -> PdfFailure {
    let what = what.to_owned();
    move |error| PdfFailure::System { what, error }
}

fn panicked(what: &str) -> PdfFailure {
    system(what)(std::io::ErrorKind::Other.into())
}
