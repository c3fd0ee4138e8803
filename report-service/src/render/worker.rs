//! The process that fills one template: confined before it reads, with the tray as standard input, the document as
//! standard output, and its answer on standard error.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;

use docx_jinja::{Limits, Locale, Options, RenderError, Template};
use spokegate_confine::SandboxMode;

use super::confine;
use super::order::{Answer, Order, Span, Task, Told};
use super::values::{read, readable};

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 262_144;

/// Arguments of the verb `render-worker`, which the service gives; they hold no value.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// `require` or `best-effort`
    #[arg(long)]
    pub(super) sandbox: SandboxMode,
    /// Memory on top of the program's own, in bytes
    #[arg(long)]
    pub(super) memory_bytes: u64,
    /// Largest document, in bytes
    #[arg(long)]
    pub(super) document_bytes: u64,
    /// CPU time, and longest render, in seconds
    #[arg(long)]
    pub(super) seconds: u64,
    /// Where in the tray the order stands
    #[arg(long)]
    pub(super) order_at: u64,
    /// How long it is
    #[arg(long)]
    pub(super) order_bytes: u64,
}

/// The verb `render-worker`.
pub fn verb(arguments: &Arguments) -> ExitCode {
    // A panic ends the process; its text could hold a customer's value.
    std::panic::set_hook(Box::new(|_| {}));
    let answer = match work(arguments) {
        Ok(answer) => answer,
        Err(error) => Answer::Unfit(error.to_string()),
    };
    let told = serde_json::to_vec(&answer)
        .map_err(io::Error::other)
        .and_then(|json| io::stderr().write_all(&json));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work(arguments: &Arguments) -> Result<Answer, Box<dyn std::error::Error>> {
    let reached = confine::begin(arguments)?;
    // Files without a buffer of the library, which asks the system more than a confined process may.
    let tray = Arc::new(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    let document: &File = Box::leak(Box::new(File::from(
        io::stdout().as_fd().try_clone_to_owned()?,
    )));
    // Both stay open to the end: the library asks after a descriptor before it closes it, which a confined process may not.
    std::mem::forget(Arc::clone(&tray));
    confine::enter(arguments, reached)?;
    let order = Span {
        at: arguments.order_at,
        bytes: arguments.order_bytes,
    };
    let order: Order = serde_json::from_slice(&read(&tray, order)?)?;
    let limits = Limits {
        render_ms: arguments.seconds.saturating_mul(1_000),
        ..Limits::default()
    };
    let options = Options {
        limits,
        locale: Locale::named(&order.locale)?,
        ..Options::default()
    };
    let template = match Template::compile_with(&read(&tray, order.template)?, options) {
        Ok(template) => template,
        Err(error) => return Ok(Answer::Template(Told::from(&error))),
    };
    let Some(values) = order.values else {
        return Ok(Answer::Done(0));
    };
    let values = readable(values, &tray);
    let rendered = match order.task {
        Task::Check => template.render(values, io::sink()),
        Task::Render => {
            let mut document = BufWriter::with_capacity(BUFFER_BYTES, document);
            template.render(values, &mut document).and_then(|report| {
                document.flush().map_err(RenderError::Output)?;
                Ok(report)
            })
        }
    };
    Ok(match rendered {
        Ok(report) => Answer::Done(report.document_bytes),
        Err(RenderError::Output(error)) => Answer::Output(error.to_string()),
        Err(error) => Answer::Values(Told::from(&error)),
    })
}
