//! The process that fills one template: confined before it reads, with the tray as standard input, the document as
//! standard output, and its answer on standard error.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;

use spokegate_confine::SandboxMode;

use super::confine;
use super::order::{Answer, Order, Span};
use super::tasks;
use super::values::read;

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
    tasks::done(order, &tray, document, arguments.seconds)
}
