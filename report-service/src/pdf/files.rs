//! The verb `pdf`: a Word document from a file, a PDF into a file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use spokegate_daemon::{Tasks, cli};

use super::Pdf;
use crate::config::PdfConfig;

/// Arguments of the verb `pdf`.
#[derive(Debug, clap::Args)]
pub struct Files {
    /// The Word document
    #[arg(long)]
    document: PathBuf,
    /// The PDF to write
    #[arg(long)]
    output: PathBuf,
    /// LibreOffice
    #[arg(long, default_value_os_t = PdfConfig::default().program)]
    program: PathBuf,
    /// How long it may take, in seconds
    #[arg(long, default_value_t = PdfConfig::default().limit_s)]
    limit_s: u32,
    /// Rows of a table that are laid out together
    #[arg(long, default_value_t = PdfConfig::default().table_rows)]
    table_rows: u32,
}

/// The verb `pdf`: exit 0 with the PDF written, or 1 with the reason on standard error and nothing written.
pub fn verb(arguments: &Files) -> ExitCode {
    match cli::wait_for(make(arguments)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            cli::tell(&format!("{failure:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn make(arguments: &Files) -> anyhow::Result<u64> {
    let config = PdfConfig {
        program: arguments.program.clone(),
        limit_s: arguments.limit_s,
        table_rows: arguments.table_rows,
        ..PdfConfig::default()
    };
    let pdf = Pdf::find(&config, &Tasks::new())?.with_context(|| {
        let program = config.program.display();
        format!("there is no LibreOffice at {program}\nhint: install libreoffice-writer-nogui")
    })?;
    Ok(pdf.make(&arguments.document, &arguments.output).await?)
}
