//! The process that becomes LibreOffice: confined first, then started as the program itself.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use spokegate_confine::SandboxMode;

use super::{confine, contents, split};

/// The exit code for what went wrong before LibreOffice; its own are others.
pub(super) const EXIT_UNFIT: u8 = 42;
/// The exit code for a file that is no document.
pub(super) const EXIT_NO_DOCUMENT: u8 = 43;

/// LibreOffice makes a socket in the folder that it works in. An address with the folder's whole name would be longer than
/// the 107 bytes that the system takes, wherever documents lie a little deeper, and LibreOffice would end without a word.
const SOCKET_HERE: &str = "-env:OSL_SOCKET_PATH=.";

/// Arguments of the verb `pdf-worker`, which the service gives.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// `require` or `best-effort`
    #[arg(long)]
    pub(super) sandbox: SandboxMode,
    /// The folder of LibreOffice's programs
    #[arg(long)]
    pub(super) office: PathBuf,
    /// The folder to work in, with `in.docx` and `profile`
    #[arg(long)]
    pub(super) folder: PathBuf,
    /// Memory, in bytes
    #[arg(long)]
    pub(super) memory_bytes: u64,
    /// Largest file, in bytes
    #[arg(long)]
    pub(super) document_bytes: u64,
    /// CPU time, in seconds
    #[arg(long)]
    pub(super) seconds: u64,
    /// Rows of a table that are laid out together
    #[arg(long)]
    pub(super) table_rows: usize,
    /// Pages of a PDF to make pictures of; 0: a PDF is made of a document
    #[arg(long, default_value_t = 0)]
    pub(super) pages: u32,
}

/// The verb `pdf-worker`: returns only when LibreOffice could not be started.
pub fn verb(arguments: &Arguments) -> ExitCode {
    // A panic ends the process; its text could hold a customer's value.
    std::panic::set_hook(Box::new(|_| {}));
    let (code, reason) = match become_office(arguments) {
        Ok(never) => match never {},
        Err(fault) => fault,
    };
    spokegate_daemon::cli::tell(&reason);
    ExitCode::from(code)
}

fn become_office(arguments: &Arguments) -> Result<std::convert::Infallible, (u8, String)> {
    confine::enter(arguments).map_err(|missing| (EXIT_UNFIT, missing.to_string()))?;
    if arguments.pages > 0 {
        return Err((EXIT_UNFIT, draw(arguments)));
    }
    let folder = &arguments.folder;
    let (given, ready) = (folder.join("in.docx"), folder.join("out.docx"));
    split::tables(&given, &ready, arguments.table_rows).map_err(not_read)?;
    let has_contents = contents::has(&ready).map_err(not_read)?;
    let mut office = Command::new(arguments.office.join("soffice.bin"));
    office
        .arg(format!(
            "-env:UserInstallation=file://{}/profile",
            folder.display()
        ))
        .arg(SOCKET_HERE)
        .args(["--headless", "--norestore", "--nolockcheck", "--nodefault"]);
    if has_contents {
        // Its first start overwrites what stands there.
        contents::write_macro(&folder.join("profile"))
            .map_err(|error| (EXIT_UNFIT, format!("write a macro: {error}")))?;
        office.arg(contents::MACRO);
    } else {
        office
            .args(["--convert-to", "pdf", "--outdir"])
            .arg(folder)
            .arg(ready);
    }
    let error = office
        .env_clear()
        .envs([("HOME", folder), ("TMPDIR", folder)])
        .envs([("LANG", "C.UTF-8"), ("SAL_USE_VCLPLUGIN", "svp")])
        .current_dir(folder)
        .exec();
    Err((EXIT_UNFIT, format!("start LibreOffice: {error}")))
}

fn not_read(error: io::Error) -> (u8, String) {
    if split::is_no_document(&error) {
        (EXIT_NO_DOCUMENT, error.to_string())
    } else {
        (EXIT_UNFIT, format!("lay out its tables: {error}"))
    }
}

/// Becomes the program that draws pages; why it could not.
fn draw(arguments: &Arguments) -> String {
    let folder = &arguments.folder;
    let error = Command::new(&arguments.office)
        .args(["-png", "-r", "80", "-l", &arguments.pages.to_string()])
        .args([folder.join("in.docx"), folder.join("page")])
        .env_clear()
        .envs([("HOME", folder), ("TMPDIR", folder)])
        .env("LANG", "C.UTF-8")
        .current_dir(folder)
        .exec();
    format!("start the program that draws pages: {error}")
}
