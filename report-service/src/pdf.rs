//! Makes a PDF of a finished document, with LibreOffice in a confined process of its own: a fresh profile, no network, one
//! folder to write to.

mod confine;
mod files;
mod profile;
mod split;
pub mod worker;

pub use files::{Files, verb};

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_daemon::Tasks;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::config::PdfConfig;

/// What LibreOffice returns when it wants to be started again, as it does under a new profile.
const EXIT_AGAIN: i32 = 81;
/// How often it is.
const STARTS_MAX: usize = 3;
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
        "making the PDF takes longer than {0} s (pdf.limit_s)\nhint: choose fewer rows, or take the Word document"
    )]
    Late(u32),
    /// LibreOffice ended without one.
    #[error("LibreOffice made no PDF of this document ({0})")]
    None(String),
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
        let named = || format!("use pdf.program {}", config.program.display());
        let program = config.program.canonicalize().with_context(named)?;
        let office = program.parent().with_context(named)?.to_owned();
        anyhow::ensure!(
            office.join("soffice.bin").is_file(),
            "use pdf.program {}: there is no soffice.bin in {}; hint: name LibreOffice's own soffice, or leave it empty",
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
        let prepare = move || prepare(&document, &parent);
        let folder = shared.tasks.blocking("prepare a PDF", prepare).await;
        let folder = folder
            .unwrap_or_else(|| Err(system("prepare a folder")(std::io::ErrorKind::Other.into())))?;
        let limit = Duration::from_secs(shared.config.limit_s.into());
        let mut group = None;
        let work = shared.convert(folder.path(), &mut group);
        let ended = tokio::time::timeout(limit, work).await;
        drop(group);
        ended.map_err(|_| PdfFailure::Late(shared.config.limit_s))??;
        let made = folder.path().join("out.pdf");
        let bytes = whole(&made)?;
        std::fs::rename(&made, output).map_err(system(&format!("write {}", output.display())))?;
        Ok(bytes)
    }
}

impl Shared {
    /// Starts LibreOffice as often as it wants, and waits for it.
    async fn convert(&self, folder: &Path, group: &mut Option<Group>) -> Result<(), PdfFailure> {
        for _ in 0..STARTS_MAX {
            let mut child = self
                .command(folder)
                .spawn()
                .map_err(system("start the process that makes PDFs"))?;
            *group = Group::of(&child);
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
            *group = None;
            match status.code() {
                Some(0) => return Ok(()),
                Some(EXIT_AGAIN) => {}
                _ => return Err(PdfFailure::None(reason(status, &told))),
            }
        }
        Err(PdfFailure::None(
            "it wants to be started again and again".to_owned(),
        ))
    }

    fn command(&self, folder: &Path) -> Command {
        let config = &self.config;
        let bytes = |mb: u32| (u64::from(mb) * MB).to_string();
        let mut command = Command::new(&self.program);
        command
            .arg("pdf-worker")
            .args(["--sandbox", config.sandbox.as_str()])
            .arg("--office")
            .arg(&self.office)
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
struct Group(rustix::process::Pid);

impl Group {
    fn of(child: &Child) -> Option<Self> {
        let id = i32::try_from(child.id()?).ok()?;
        rustix::process::Pid::from_raw(id).map(Self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nothing of it may be left.
        let _ = rustix::process::kill_process_group(self.0, rustix::process::Signal::KILL);
    }
}

/// A folder with the document and a profile.
fn prepare(document: &Path, parent: &Path) -> Result<tempfile::TempDir, PdfFailure> {
    let parent = parent
        .canonicalize()
        .map_err(system(&format!("use the folder {}", parent.display())))?;
    let folder = tempfile::Builder::new()
        .prefix(FOLDER_PREFIX)
        .tempdir_in(&parent)
        .map_err(system(&format!("make a folder in {}", parent.display())))?;
    profile::write(&folder.path().join("profile")).map_err(system("write a profile"))?;
    std::fs::copy(document, folder.path().join("in.docx"))
        .map_err(system(&format!("read {}", document.display())))?;
    Ok(folder)
}

/// The size of a PDF that has both its ends; LibreOffice's exit code says nothing of it.
fn whole(path: &Path) -> Result<u64, PdfFailure> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    const END: i64 = 1_024;
    let look = || -> std::io::Result<(u64, bool)> {
        let mut file = std::fs::File::open(path)?;
        let bytes = file.metadata()?.len();
        let (mut start, mut end) = ([0; 5], Vec::new());
        file.read_exact(&mut start)?;
        file.seek(SeekFrom::End(-END.min(i64::try_from(bytes).unwrap_or(END))))?;
        file.read_to_end(&mut end)?;
        Ok((
            bytes,
            start == *b"%PDF-" && end.windows(5).any(|at| at == b"%%EOF"),
        ))
    };
    match look() {
        Ok((bytes, true)) => Ok(bytes),
        _ => Err(PdfFailure::None("it left no whole file".to_owned())),
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
